/* How customers come in: taking, waiting, renewing. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/pg_client.h"
#include "common/queue.h"
#include "common/redis_client.h"
#include "worker/lock.h"
#include "worker/pacer.h"
#include "worker/turn.h"
#include "worker/worker_private.h"

#define TAKE_MAX 32 /* customers per call */
#define POLL_MS                                                                                              \
    500 /* an idle worker looks by itself after one to two of these: rests and delays wake nobody */
#define WAIT_MS 5000 /* on the wake list */

bool intake_ended(struct worker *worker)
{
    if (!worker->stopping || worker->in_flight || worker->taking || worker->returning)
        return false;
    (void)event_base_loopbreak(worker->env.base);
    return true;
}

static void slot_end(struct turn *turn, void *arg)
{
    struct worker *worker = arg;
    int64_t resting_ms = turn_resting_ms(turn);

    for (unsigned i = 0; i < (unsigned)worker->env.config->turns_max; i++)
        if (worker->slots[i].turn == turn)
            worker->slots[i].turn = 0;
    turn_free(turn);
    worker->in_flight--;
    metric_set(worker->stats.in_flight, 0, worker->in_flight);
    if (intake_ended(worker))
        return;
    if (resting_ms >= 0 && resting_ms < POLL_MS)
        intake_soon(worker, resting_ms + 2);
    intake_pump(worker);
}

static bool in_flight_here(const struct worker *worker, const char *key)
{
    for (unsigned i = 0; i < (unsigned)worker->env.config->turns_max; i++)
        if (worker->slots[i].turn && !strcmp(turn_key(worker->slots[i].turn), key))
            return true;
    return false;
}

static void on_given_back(enum err err, const struct failure *fail, void *arg)
{
    struct worker *worker = arg;

    (void)err; /* unheard: the lease runs out by itself */
    (void)fail;
    worker->returning--;
    (void)intake_ended(worker);
}

/* A lease that we cannot use now. */
static void give_back(struct worker *worker, struct queue_lease *lease)
{
    unsigned delay_ms = worker->stopping ? 0 : 20 + (unsigned)(env_random() % 100);

    if (queue_retry(worker->env.queue, lease, delay_ms, false, on_given_back, worker, 0) == ERR_OK)
        worker->returning++;
    queue_lease_release(lease);
    intake_soon(worker, delay_ms + 2);
}

static void slot_start(struct worker *worker, struct queue_lease *lease)
{
    for (unsigned i = 0; i < (unsigned)worker->env.config->turns_max; i++) {
        struct slot *slot = &worker->slots[i];
        if (slot->turn)
            continue;
        if (turn_start(&worker->env, lease, slot_end, worker, &slot->turn) != ERR_OK)
            break;
        slot->serial = ++worker->serial;
        worker->in_flight++;
        metric_set(worker->stats.in_flight, 0, worker->in_flight);
        return;
    }
    give_back(worker, lease);
}

static void on_taken(enum err err, struct queue_lease *leases, size_t count, const struct failure *fail,
                     void *arg)
{
    struct worker *worker = arg;

    worker->taking = false;
    env_asked_redis(&worker->env, ENV_REFUSED_TAKE, err, fail);
    if (err != ERR_OK) { /* whatever was leased meanwhile comes back when its lease runs out */
        log_warn("queue.take_failed", LOG_STR("why", fail ? fail->text : err_text(err)));
        worker->hungry = false;
        (void)intake_ended(worker);
        return;
    }
    metric_add(worker->stats.taken, 0, (int64_t)count);
    if (!count)
        worker->hungry = false;
    for (size_t i = 0; i < count; i++) {
        /* Session locks are re-entrant: this table is what keeps us from running a customer twice. */
        if (worker->stopping || in_flight_here(worker, leases[i].key))
            give_back(worker, &leases[i]);
        else
            slot_start(worker, &leases[i]);
    }
    if (!intake_ended(worker))
        intake_pump(worker);
}

static void on_woken(enum err err, const struct failure *fail, void *arg)
{
    struct worker *worker = arg;

    (void)fail;
    worker->waiting = false;
    if (err != ERR_OK)
        return; /* the poll timer goes on */
    worker->hungry = true;
    intake_pump(worker);
}

/* How many customers may be taken now. */
static unsigned appetite(struct worker *worker)
{
    unsigned room = (unsigned)worker->env.config->turns_max - worker->in_flight;

    if (worker->stopping || !redis_client_ready(worker->redis) || !lock_usable(worker->env.lock) ||
        !pg_pool_ready(worker->env.ledger))
        return 0;
    /* What is taken would only wait here, and no other worker could have it. */
    if (worker->env.held_bytes > ENV_HELD_BYTES_MAX ||
        pacer_oldest_ms(worker->env.pacer, "self") > PACER_BEHIND_MS)
        return 0;
    switch (circuits_state(&worker->env.circuits, "self", clock_mono_ms())) {
    case CIRCUIT_OPEN: return 0;
    case CIRCUIT_TRYING:
        return worker->in_flight < CIRCUIT_TRIES_MAX ? CIRCUIT_TRIES_MAX - worker->in_flight : 0;
    default: return room < TAKE_MAX ? room : TAKE_MAX;
    }
}

void intake_pump(struct worker *worker)
{
    unsigned max = appetite(worker);
    struct failure why;

    if (!max || worker->taking)
        return;
    if (worker->hungry) {
        worker->taking = queue_take(worker->env.queue, max, on_taken, worker, &why) == ERR_OK;
        return;
    }
    if (!worker->waiting && redis_client_ready(worker->wake))
        worker->waiting =
            queue_wait(worker->env.queue, worker->wake, WAIT_MS, on_woken, worker, &why) == ERR_OK;
}

void intake_soon(struct worker *worker, int64_t delay_ms)
{
    int64_t due = clock_mono_ms() + delay_ms;
    struct timeval tv = clock_timeval(delay_ms);

    if (worker->stopping || (evtimer_pending(worker->poll, 0) && worker->poll_due_mono_ms <= due))
        return;
    worker->poll_due_mono_ms = due;
    (void)evtimer_add(worker->poll, &tv);
}

void intake_on_poll(int fd, short what, void *arg)
{
    struct worker *worker = arg;

    (void)fd;
    (void)what;
    worker->hungry = true;
    intake_soon(worker, POLL_MS + (int64_t)(env_random() % POLL_MS));
    intake_pump(worker);
}

/* ---- renewing ---- */

struct renewal {
    struct worker *worker;
    int64_t until_mono_ms;
    size_t count;
    struct {
        unsigned slot;
        uint64_t serial;
    } turns[];
};

static void on_renewed(enum err err, const bool *kept, size_t count, const struct failure *fail, void *arg)
{
    struct renewal *renewal = arg;
    struct worker *worker = renewal->worker;

    worker->renewing = false;
    if (err != ERR_OK)
        log_warn("queue.renew_failed", LOG_STR("why", fail ? fail->text : err_text(err)));
    for (size_t i = 0; err == ERR_OK && i < count && i < renewal->count; i++) {
        struct slot *slot = &worker->slots[renewal->turns[i].slot];
        if (!slot->turn || slot->serial != renewal->turns[i].serial)
            continue; /* it ended meanwhile */
        if (kept[i])
            turn_lease_renewed(slot->turn, renewal->until_mono_ms);
        else
            turn_lease_lost(slot->turn);
    }
    free(renewal);
}

void intake_on_renew(int fd, short what, void *arg)
{
    struct worker *worker = arg;
    unsigned slots = (unsigned)worker->env.config->turns_max;
    struct renewal *renewal;
    const struct queue_lease **leases;
    struct failure why;

    (void)fd;
    (void)what;
    if (!worker->in_flight || worker->renewing || !redis_client_ready(worker->redis))
        return;
    renewal = calloc(1, sizeof *renewal + slots * sizeof *renewal->turns);
    leases = calloc(slots, sizeof(struct queue_lease *));
    if (renewal && leases) {
        renewal->worker = worker;
        renewal->until_mono_ms = clock_mono_ms() + worker->env.config->lease_ms;
        for (unsigned i = 0; i < slots; i++) {
            if (!worker->slots[i].turn || turn_state(worker->slots[i].turn) >= TURN_PUTBACK)
                continue;
            renewal->turns[renewal->count].slot = i;
            renewal->turns[renewal->count].serial = worker->slots[i].serial;
            leases[renewal->count++] = turn_lease(worker->slots[i].turn);
        }
        worker->renewing = renewal->count > 0 && queue_renew(worker->env.queue, leases, renewal->count,
                                                             on_renewed, renewal, &why) == ERR_OK;
    }
    if (!worker->renewing)
        free(renewal);
    free(leases);
}
