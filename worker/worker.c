#include "worker/worker.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/admin.h"
#include "common/budget.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/pg_client.h"
#include "common/queue.h"
#include "common/redis_client.h"
#include "common/stripe_client.h"
#include "common/stripe_version.h"
#include "worker/chores.h"
#include "worker/leader.h"
#include "worker/lock.h"
#include "worker/pacer.h"
#include "worker/turn.h"
#include "worker/worker_private.h"

#define MEASURE_MS     5000
#define LAST_MINUTE_MS 2000 /* after the drain's deadline, for giving customers back */
#define QUIET_MS       10000

/* Claims and applies. The server's limits are below the client's deadlines, so that outcomes are rarely unknown. */
static const char apply_setup_sql[] = "SET statement_timeout = '15s'; SET lock_timeout = '2s'; "
                                      "SET idle_in_transaction_session_timeout = '10s'; "
                                      "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; "
                                      "SET tcp_keepalives_count = 3; SET tcp_user_timeout = 20000; "
                                      "SET client_connection_check_interval = '5s'";

/* ---- what changed ---- */

static void on_redis(bool ready, void *arg)
{
    struct worker *worker = arg;

    metric_set(worker->stats.redis_ready, 0, ready);
    if (!ready) {
        log_warn("redis.away");
        return;
    }
    log_info("redis.ready");
    if (!worker->settings_checked)
        chores_check_settings(&worker->env);
    worker->settings_checked = true;
    worker->hungry = true;
    intake_pump(worker);
}

static void on_wake_state(bool ready, void *arg)
{
    if (ready)
        intake_pump(arg);
}

/* A loss is worth a line at once, the failures after it only now and then. */
static void log_away(struct worker *worker, const char *event, const struct failure *why)
{
    if (clock_mono_ms() < worker->quiet_until_mono_ms)
        return;
    worker->quiet_until_mono_ms = clock_mono_ms() + QUIET_MS;
    log_write(LOG_WARN, event, LOG_FIELDS(LOG_STR("why", why->text)));
}

static void on_ledger(unsigned ready, const struct failure *why, void *arg)
{
    struct worker *worker = arg;

    metric_set(worker->stats.ledger_ready, 0, ready);
    if (why)
        log_away(worker, "ledger.away", why);
    if (ready) {
        worker->hungry = true;
        intake_pump(worker);
    }
}

static void on_lock(bool usable, const struct failure *why, bool fatal, void *arg)
{
    struct worker *worker = arg;

    metric_set(worker->stats.lock_ready, 0, usable);
    if (fatal) {
        log_error("worker.refused", LOG_STR("why", why->text));
        worker->status = 1;
        (void)event_base_loopbreak(worker->env.base);
        return;
    }
    if (why)
        log_away(worker, "lock.away", why);
    if (usable) {
        log_info("lock.ready");
        worker->hungry = true;
        intake_pump(worker);
    }
}

static bool on_ready(char *text, size_t len, void *arg)
{
    struct worker *worker = arg;
    bool redis = redis_client_ready(worker->redis), lock = lock_usable(worker->env.lock);
    bool ledger = pg_pool_ready(worker->env.ledger) > 0;
    bool stripe = circuits_state(&worker->env.circuits, "self", clock_mono_ms()) == CIRCUIT_CLOSED;

    (void)snprintf(text, len, "%s%s%s%s%s%s", redis ? "" : "redis is away\n",
                   worker->env.refused ? "redis refuses our scripts\n" : "",
                   lock ? "" : "the lock connection is away\n", ledger ? "" : "postgres is away\n",
                   stripe ? "" : "stripe refuses our key or is away\n", worker->stopping ? "stopping\n" : "");
    return redis && !worker->env.refused && lock && ledger && stripe && !worker->stopping;
}

static void on_refresh(void *arg)
{
    struct worker *worker = arg;
    struct stats *stats = &worker->stats;
    int64_t events = metric_get(stats->events, "applied") + metric_get(stats->events, "ignored") +
                     metric_get(stats->events, "duplicate");

    metric_set(stats->absorbed, 0, worker->env.reads_total ? events * 1000 / worker->env.reads_total : 0);
}

static void on_measure(int fd, short what, void *arg)
{
    struct worker *worker = arg;

    (void)fd;
    (void)what;
    if (redis_client_ready(worker->redis))
        chores_measure(&worker->env);
}

/* ---- the end ---- */

static void on_drained_late(int fd, short what, void *arg)
{
    struct worker *worker = arg;
    struct timeval tv = clock_timeval(LAST_MINUTE_MS);

    (void)fd;
    (void)what;
    if (worker->status < 0) { /* the second time: turns that still hang are left to their leases */
        log_warn("worker.left_turns", LOG_INT("turns", worker->in_flight));
        (void)event_base_loopbreak(worker->env.base);
        return;
    }
    worker->status = -1;
    log_warn("worker.drain_deadline", LOG_INT("turns", worker->in_flight));
    (void)evtimer_add(worker->drain, &tv);
    for (unsigned i = 0; i < (unsigned)worker->env.config->turns_max; i++)
        if (worker->slots[i].turn)
            turn_abandon(worker->slots[i].turn);
}

static void on_signal(int fd, short what, void *arg)
{
    struct worker *worker = arg;
    struct timeval tv = clock_timeval(worker->env.config->drain_timeout_ms);

    (void)what;
    if (worker->stopping) {
        log_warn("worker.stopping_at_once", LOG_INT("signal", fd));
        (void)event_base_loopbreak(worker->env.base);
        return;
    }
    log_info("worker.draining", LOG_INT("signal", fd), LOG_INT("turns", worker->in_flight));
    worker->stopping = true;
    (void)event_del(worker->poll);
    (void)evtimer_add(worker->drain, &tv);
    (void)intake_ended(worker);
}

int worker_run(struct worker *worker)
{
    log_info("worker.started", LOG_STR("worker", worker->name), LOG_STR("mode", worker->env.config->mode),
             LOG_INT("turns_max", worker->env.config->turns_max),
             LOG_INT("admin_port", admin_port(worker->admin)));
    if (event_base_dispatch(worker->env.base) < 0)
        worker->status = 1;
    log_info("worker.stopped", LOG_INT("turns_left", worker->in_flight));
    if (worker->in_flight) /* their callbacks would start new work: the leases bring these customers back */
        _exit(worker->status > 0);
    return worker->status > 0;
}

/* ---- building it ---- */

static enum err start_redis(struct worker *worker, struct failure *fail)
{
    const struct config *config = worker->env.config;
    struct redis_client_options options = redis_client_options_default();
    enum err err;

    options.url = config->redis_url;
    options.command_timeout_ms = (unsigned)config->redis_timeout_ms;
    options.on_state = on_redis;
    options.arg = worker;
    err = redis_client_create(worker->env.base, &options, &worker->redis, fail);
    if (err != ERR_OK)
        return err;
    options.command_timeout_ms = 0;
    options.on_state = on_wake_state;
    return redis_client_create(worker->env.base, &options, &worker->wake, fail);
}

static enum err start_queue(struct worker *worker, struct failure *fail)
{
    const struct config *config = worker->env.config;
    struct queue_options options = queue_options_default();
    struct budget_options budget = {.prefix = config->queue_prefix,
                                    .account_rate = (unsigned)config_stripe_rate(config),
                                    .endpoint_rate = (unsigned)config->stripe_endpoint_rate};
    enum err err;

    options.prefix = config->queue_prefix;
    options.owner = worker->name;
    options.lease_ms = (unsigned)config->lease_ms;
    options.rest_ms = (unsigned)config->customer_rest_ms;
    err = queue_create(worker->redis, &options, &worker->env.queue, fail);
    if (err == ERR_OK)
        err = budget_create(worker->redis, &budget, &worker->env.budget, fail);
    if (err == ERR_OK && pacer_create(worker->env.base, worker->env.budget, &worker->env.pacer) != ERR_OK)
        err = failf(fail, ERR_NOMEM, "pacer");
    return err;
}

static enum err start_ledger(struct worker *worker, struct failure *fail)
{
    const struct config *config = worker->env.config;
    struct pg_pool_options options = pg_pool_options_default();
    struct lock_options lock = {
        .url = config->database_url, .name = worker->name, .on_state = on_lock, .arg = worker};
    enum err err;

    options.url = config->database_url;
    options.application_name = "instep-worker";
    options.setup_sql = apply_setup_sql;
    options.connections = (unsigned)config->apply_connections;
    options.on_state = on_ledger;
    options.arg = worker;
    err = pg_pool_create(worker->env.base, &options, &worker->env.ledger, fail);
    return err == ERR_OK ? lock_create(worker->env.base, &lock, &worker->env.lock, fail) : err;
}

static enum err start_stripe(struct worker *worker, struct failure *fail)
{
    const struct config *config = worker->env.config;
    struct stripe_client_options options = stripe_client_options_default();
    enum err err = stripe_version_parse(config->stripe_api_version, &worker->env.api_version, fail);

    if (err != ERR_OK)
        return err;
    options.base_url = config->stripe_api_base;
    options.api_key = config->stripe_api_key;
    options.api_version = config->stripe_api_version;
    options.connections_max = (unsigned)config->stripe_connections;
    options.timeout_ms = (unsigned)config->stripe_timeout_ms;
    return stripe_client_create(worker->env.base, &options, &worker->env.stripe, fail);
}

static enum err start_admin(struct worker *worker, struct failure *fail)
{
    const struct config *config = worker->env.config;
    struct admin_options options = {.listen = *config->admin_listen ? config->admin_listen : "127.0.0.1:9081",
                                    .metrics = worker->stats.metrics,
                                    .ready = on_ready,
                                    .refresh = on_refresh,
                                    .arg = worker};

    return admin_create(worker->env.base, &options, &worker->admin, fail);
}

static enum err start_timers(struct worker *worker, struct failure *fail)
{
    struct event_base *base = worker->env.base;
    struct timeval renew = clock_timeval(worker->env.config->lease_ms / 3),
                   measure = clock_timeval(MEASURE_MS);

    worker->poll = evtimer_new(base, intake_on_poll, worker);
    worker->drain = evtimer_new(base, on_drained_late, worker);
    worker->renew = event_new(base, -1, EV_PERSIST, intake_on_renew, worker);
    worker->measure = event_new(base, -1, EV_PERSIST, on_measure, worker);
    worker->sigterm = evsignal_new(base, SIGTERM, on_signal, worker);
    worker->sigint = evsignal_new(base, SIGINT, on_signal, worker);
    if (!worker->poll || !worker->drain || !worker->renew || !worker->measure || !worker->sigterm ||
        !worker->sigint || event_add(worker->renew, &renew) != 0 ||
        event_add(worker->measure, &measure) != 0 || event_add(worker->sigterm, 0) != 0 ||
        event_add(worker->sigint, 0) != 0)
        return failf(fail, ERR_NOMEM, "timers and signals");
    intake_soon(worker, 100);
    return ERR_OK;
}

/* "host:pid:random": unique, and people find the process by it. */
static void worker_name(struct worker *worker)
{
    char host[64] = "";

    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '?';
    (void)snprintf(worker->name, sizeof worker->name, "%s:%ld:%08x", host, (long)getpid(),
                   (unsigned)env_random());
}

enum err worker_create(struct event_base *base, const struct config *config, struct worker **ret_worker,
                       struct failure *fail)
{
    struct worker *worker;
    enum err err = ERR_OK;

    if (config->fetch_timeout_ms >= config->lease_ms)
        return failf(fail, ERR_CONFIG, "INSTEP_FETCH_TIMEOUT_MS must be shorter than INSTEP_LEASE_MS");
    worker = calloc(1, sizeof *worker);
    if (!worker)
        return failf(fail, ERR_NOMEM, "worker");
    srandom((unsigned)env_random());
    worker_name(worker);
    worker->env = (struct env){.base = base, .config = config, .name = worker->name, .stats = &worker->stats};
    worker->hungry = true;
    worker->slots = calloc((size_t)config->turns_max, sizeof *worker->slots);
    if (!worker->slots || stats_init(&worker->stats) != ERR_OK)
        err = failf(fail, ERR_NOMEM, "worker");
    if (err == ERR_OK)
        err = start_timers(worker, fail);
    if (err == ERR_OK)
        err = start_redis(worker, fail);
    if (err == ERR_OK)
        err = start_queue(worker, fail);
    if (err == ERR_OK)
        err = start_ledger(worker, fail);
    if (err == ERR_OK)
        err = start_stripe(worker, fail);
    if (err == ERR_OK)
        err = start_admin(worker, fail);
    if (err == ERR_OK &&
        leader_create(&worker->env, chores_schedule, chores_schedule_count, &worker->leader) != ERR_OK)
        err = failf(fail, ERR_NOMEM, "leader");
    if (err != ERR_OK) {
        worker_free(worker);
        return err;
    }
    *ret_worker = worker;
    return ERR_OK;
}

void worker_free(struct worker *worker)
{
    struct event *events[6];

    if (!worker)
        return;
    worker->stopping = true;
    admin_free(worker->admin);
    stripe_client_free(worker->env.stripe);
    redis_client_free(worker->wake);
    redis_client_free(worker->redis); /* before what its callbacks touch */
    lock_free(worker->env.lock);
    pg_pool_free(worker->env.ledger);
    leader_free(worker->leader);
    pacer_free(worker->env.pacer);
    budget_free(worker->env.budget);
    queue_free(worker->env.queue);
    (void)memcpy(events,
                 (struct event *[]){worker->poll, worker->renew, worker->measure, worker->drain,
                                    worker->sigterm, worker->sigint},
                 sizeof events);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i])
            event_free(events[i]);
    catalogue_release(&worker->env.catalogue);
    stats_release(&worker->stats);
    free(worker->slots);
    free(worker);
}
