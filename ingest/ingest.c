#include "ingest/ingest.h"

#include <assert.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/admin.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/http_server.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/queue.h"
#include "common/redis_client.h"
#include "ingest/webhook.h"

#define MEASURE_MS     5000 /* between two looks at the queue, for its gauges */
#define REDIS_SPARE    64   /* commands beside the webhooks' own: measuring, checking, scripts sent in full */
#define CONNECT_MS_MAX 3000

struct ingest {
    struct event_base *base; /* borrowed */
    struct metrics *metrics; /* owned, as all below */
    struct redis_client *redis;
    struct queue *queue;
    struct webhook *webhook;
    struct http_server *server;
    struct admin *admin;
    struct event measure; /* every MEASURE_MS */
    bool measuring, checked, checking;
    bool draining, freeing;
    struct metric *connections, *in_flight, *paused, *timed_out, *redis_up, *settings_wrong;
    struct metric *waiting, *delayed, *leased, *oldest;
};

/* ---- Redis ---- */

static void on_checked(enum err err, const char *const *warnings, size_t count, const struct failure *fail,
                       void *arg)
{
    struct ingest *ingest = arg;

    ingest->checking = false;
    if (err != ERR_OK) {
        if (!ingest->freeing)
            log_warn("redis.check_failed", LOG_STR("error", fail ? fail->text : ""));
        return;
    }
    ingest->checked = true;
    metric_set(ingest->settings_wrong, NULL, (int64_t)count);
    for (size_t i = 0; i < count; i++)
        log_error("redis.setting_wrong", LOG_STR("warning", warnings[i]));
}

static void on_measured(enum err err, const struct queue_depth *depth, const struct failure *fail, void *arg)
{
    struct ingest *ingest = arg;

    (void)fail;
    ingest->measuring = false;
    if (err != ERR_OK)
        return;
    for (int lane = 0; lane < QUEUE_LANES; lane++)
        metric_set(ingest->waiting, queue_lane_name((enum queue_lane)lane), depth->ready[lane]);
    metric_set(ingest->delayed, NULL, depth->delayed);
    metric_set(ingest->leased, NULL, depth->leased);
    metric_set(ingest->oldest, NULL, depth->oldest_waiting_ms);
}

/* Look at the queue, and at Redis's settings after each new connection: it may be another server. */
static void look(struct ingest *ingest)
{
    struct failure fail;

    if (!redis_client_ready(ingest->redis))
        return;
    if (!ingest->measuring)
        ingest->measuring = queue_measure(ingest->queue, on_measured, ingest, &fail) == ERR_OK;
    if (!ingest->checked && !ingest->checking)
        ingest->checking = queue_check_settings(ingest->queue, on_checked, ingest, &fail) == ERR_OK;
}

static void on_measure(evutil_socket_t fd, short what, void *arg)
{
    struct ingest *ingest = arg;

    (void)fd;
    (void)what;
    if (!redis_client_ready(ingest->redis))
        log_warn("redis.away", LOG_STR("error", redis_client_trouble(ingest->redis)));
    look(ingest);
}

static void on_redis_state(bool ready, void *arg)
{
    struct ingest *ingest = arg;

    metric_set(ingest->redis_up, NULL, ready);
    if (ingest->freeing || !ingest->redis || !ingest->queue)
        return;
    if (ready) {
        log_info("redis.ready");
        ingest->checked = false;
        look(ingest);
    } else {
        log_error("redis.lost", LOG_STR("error", redis_client_trouble(ingest->redis)));
    }
}

/* ---- HTTP ---- */

static void handle(struct http_request *req, void *arg)
{
    struct ingest *ingest = arg;

    if (!strcmp(http_request_path(req), WEBHOOK_PATH)) {
        webhook_handle(ingest->webhook, req);
        return;
    }
    webhook_count_refusal(ingest->webhook, 404, "no such path");
    http_respond_text(req, 404, "not found\n");
}

static void on_refused(int status, const char *reason, void *arg)
{
    webhook_count_refusal(((struct ingest *)arg)->webhook, status, reason);
}

static bool is_ready(char *text, size_t len, void *arg)
{
    const struct ingest *ingest = arg;

    if (ingest->draining)
        (void)snprintf(text, len, "draining\n");
    else if (!redis_client_ready(ingest->redis))
        (void)snprintf(text, len, "redis: %s\n", redis_client_trouble(ingest->redis));
    else
        return true;
    return false;
}

static void refresh(void *arg)
{
    struct ingest *ingest = arg;
    struct http_server_stats stats = http_server_stats(ingest->server);

    metric_set(ingest->connections, NULL, stats.connections);
    metric_set(ingest->in_flight, NULL, webhook_in_flight(ingest->webhook));
    metric_add(ingest->paused, NULL, (int64_t)stats.accept_paused_total - metric_get(ingest->paused, NULL));
    metric_add(ingest->timed_out, NULL, (int64_t)stats.timed_out_total - metric_get(ingest->timed_out, NULL));
    metric_set(ingest->redis_up, NULL, redis_client_ready(ingest->redis));
}

/* ---- life ---- */

static enum err create_metrics(struct ingest *ingest, struct failure *fail)
{
    struct metrics *metrics;

    if (metrics_create(&ingest->metrics) != ERR_OK)
        return failf(fail, ERR_NOMEM, "no memory for metrics");
    metrics = ingest->metrics;
    ingest->connections = metric_gauge(metrics, "instep_http_connections", NULL, "Open connections.");
    ingest->in_flight = metric_gauge(metrics, "instep_ingest_in_flight", NULL, "Webhooks waiting for Redis.");
    ingest->paused = metric_counter(
        metrics, "instep_http_accept_paused_total", NULL,
        "Times that accepting paused: INSTEP_CONNECTIONS_MAX reached, or no descriptors left.");
    ingest->timed_out =
        metric_counter(metrics, "instep_http_timed_out_total", NULL, "Connections closed by a deadline.");
    ingest->redis_up = metric_gauge(metrics, "instep_redis_up", NULL, "1 while Redis is connected.");
    ingest->settings_wrong =
        metric_gauge(metrics, "instep_redis_settings_wrong", NULL,
                     "Settings of Redis that break a promise of the queue; see the log.");
    ingest->waiting =
        metric_gauge(metrics, "instep_queue_ready_customers", "lane", "Customers waiting for a worker.");
    ingest->delayed = metric_gauge(metrics, "instep_queue_delayed_customers", NULL,
                                   "Customers waiting for their next attempt.");
    ingest->leased = metric_gauge(metrics, "instep_queue_leased_customers", NULL, "Customers with a worker.");
    ingest->oldest = metric_gauge(metrics, "instep_queue_oldest_waiting_milliseconds", NULL,
                                  "Age of the oldest waiting entry.");
    if (!ingest->connections || !ingest->in_flight || !ingest->paused || !ingest->timed_out ||
        !ingest->redis_up || !ingest->settings_wrong || !ingest->waiting || !ingest->delayed ||
        !ingest->leased || !ingest->oldest)
        return failf(fail, ERR_NOMEM, "no memory for metrics");
    return ERR_OK;
}

static enum err create_queue(struct ingest *ingest, const struct config *config, struct failure *fail)
{
    struct redis_client_options redis = redis_client_options_default();
    struct queue_options queue = queue_options_default();
    enum err err;

    redis.url = config->redis_url;
    redis.command_timeout_ms = (unsigned)config->redis_timeout_ms;
    redis.connect_timeout_ms =
        redis.command_timeout_ms < CONNECT_MS_MAX ? redis.command_timeout_ms : CONNECT_MS_MAX;
    redis.commands_max = (unsigned)config->in_flight_max + REDIS_SPARE;
    redis.on_state = on_redis_state;
    redis.arg = ingest;
    err = redis_client_create(ingest->base, &redis, &ingest->redis, fail);
    if (err != ERR_OK)
        return err;
    queue.prefix = config->queue_prefix;
    queue.owner = "";
    return queue_create(ingest->redis, &queue, &ingest->queue, fail);
}

static enum err create_webhook(struct ingest *ingest, const struct config *config, struct failure *fail)
{
    struct webhook_options options = {
        .secrets = config->stripe_webhook_secrets,
        .event_types = config->event_types,
        .own_account = config->account,
        .live = !strcmp(config->mode, "live"),
        .tolerance_s = config->signature_tolerance_s,
        .enqueue_timeout_ms = (unsigned)config->enqueue_timeout_ms,
        .in_flight_max = (unsigned)config->in_flight_max,
    };

    if (!options.live && strcmp(config->mode, "test") != 0)
        return failf(fail, ERR_CONFIG, "INSTEP_MODE is live or test");
    return webhook_create(ingest->base, ingest->queue, ingest->metrics, &options, &ingest->webhook, fail);
}

static enum err create_listeners(struct ingest *ingest, const struct config *config, struct failure *fail)
{
    struct http_server_options http = http_server_options_default();
    struct admin_options admin = {.listen =
                                      *config->admin_listen ? config->admin_listen : INGEST_ADMIN_DEFAULT,
                                  .metrics = ingest->metrics,
                                  .ready = is_ready,
                                  .refresh = refresh,
                                  .arg = ingest};
    enum err err;

    http.listen = config->listen;
    http.connections_max = (unsigned)config->connections_max;
    http.body_bytes_max = (size_t)config->body_bytes_max;
    http.request_timeout_ms = (unsigned)config->request_timeout_ms;
    http.reuse_port = true;
    http.on_refused = on_refused;
    err = http_server_create(ingest->base, &http, handle, ingest, &ingest->server, fail);
    if (err != ERR_OK)
        return err;
    return admin_create(ingest->base, &admin, &ingest->admin, fail);
}

enum err ingest_create(struct event_base *base, const struct config *config, struct ingest **ret_ingest,
                       struct failure *fail)
{
    struct ingest *ingest = calloc(1, sizeof *ingest);
    struct timeval every = clock_timeval(MEASURE_MS);
    enum err err;

    assert(base && config && ret_ingest);
    if (!ingest || event_assign(&ingest->measure, base, -1, EV_PERSIST, on_measure, ingest) != 0) {
        free(ingest);
        return failf(fail, ERR_NOMEM, "no memory for the ingest");
    }
    ingest->base = base;
    err = create_metrics(ingest, fail);
    if (err == ERR_OK)
        err = create_queue(ingest, config, fail);
    if (err == ERR_OK)
        err = create_webhook(ingest, config, fail);
    if (err == ERR_OK)
        err = create_listeners(ingest, config, fail);
    if (err == ERR_OK && event_add(&ingest->measure, &every) != 0)
        err = failf(fail, ERR_NOMEM, "no memory for a timer");
    if (err != ERR_OK) {
        ingest_free(ingest);
        return err;
    }
    log_info("ingest.listening", LOG_STR("listen", config->listen),
             LOG_INT("port", http_server_port(ingest->server)),
             LOG_INT("admin_port", admin_port(ingest->admin)), LOG_STR("path", WEBHOOK_PATH),
             LOG_STR("mode", config->mode));
    *ret_ingest = ingest;
    return ERR_OK;
}

void ingest_drain(struct ingest *ingest, void (*drained)(void *arg), void *arg)
{
    ingest->draining = true;
    http_server_drain(ingest->server, drained, arg);
}

void ingest_free(struct ingest *ingest)
{
    if (!ingest)
        return;
    ingest->freeing = true;
    (void)event_del(&ingest->measure);
    admin_free(ingest->admin);
    http_server_free(ingest->server);
    redis_client_free(ingest->redis); /* ends what is in flight; those requests are only memory by now */
    webhook_free(ingest->webhook);
    queue_free(ingest->queue);
    metrics_free(ingest->metrics);
    free(ingest);
}
