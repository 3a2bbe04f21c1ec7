#include "worker/turn.h"

#include <assert.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/metrics.h"
#include "worker/crashpoint.h"
#include "worker/fetch.h"
#include "worker/lock.h"
#include "worker/pacer.h"
#include "worker/stats.h"
#include "worker/text.h"
#include "worker/turn_private.h"

static bool (*const operations[TURN_DONE])(struct turn *, enum outcome *) = {
#define X(state, op, next, skip, fail, later, drop) [state] = op,
    TURN_TABLE(X)
#undef X
};

const char *turn_key(const struct turn *turn)
{
    return turn->lease.key;
}

const struct queue_lease *turn_lease(const struct turn *turn)
{
    return &turn->lease;
}

enum turn_state turn_state(const struct turn *turn)
{
    return turn->state;
}

int64_t turn_resting_ms(const struct turn *turn)
{
    bool back = outcome_fate(turn->outcome) == FATE_FAIL || outcome_fate(turn->outcome) == FATE_LATER;

    return back && !turn->bury ? (int64_t)turn->delay_ms : -1;
}

enum outcome turn_because(struct turn *turn, enum outcome outcome, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(turn->text, sizeof turn->text, format, args);
    va_end(args);
    text_tidy(turn->text); /* what was cut may end within a character */
    return outcome;
}

enum outcome turn_still_ours(struct turn *turn)
{
    if (turn->lease_lost || clock_mono_ms() >= turn->lease_until_mono_ms)
        return turn_because(turn, OUTCOME_LEASE_LOST, "the lease ran out");
    if (turn->lock_epoch && turn->lock_epoch != lock_epoch(turn->env->lock))
        return turn_because(turn, OUTCOME_LOCK_LOST, "the lock went with its connection");
    return OUTCOME_OK;
}

/* The first outcome that is not plain progress is what the turn is remembered for. */
static void turn_note(struct turn *turn, enum outcome outcome)
{

    if (outcome_fate(outcome) == FATE_NEXT || outcome_fate(outcome) == FATE_SKIP ||
        turn->outcome != OUTCOME_OK)
        return;
    turn->outcome = outcome;
    turn->label = outcome_name(outcome);
    turn->count_attempt = outcome_counts(outcome);
    turn->delay_ms =
        outcome_delay_ms(outcome, turn->lease.attempts, (unsigned)turn->env->config->retry_base_ms,
                         (unsigned)turn->env->config->retry_max_ms, env_random());
    if (turn->delay_ms < turn->delay_least_ms)
        turn->delay_ms = turn->delay_least_ms + (unsigned)(env_random() % (turn->delay_least_ms / 4 + 1));
    if (outcome == OUTCOME_LOCK_BUSY)
        return; /* somebody else is at it: not worth a line */
    log_write(outcome_fate(outcome) == FATE_FAIL ? LOG_WARN : LOG_INFO, "turn.stopped",
              LOG_FIELDS(LOG_STR("customer", turn->lease.key), LOG_STR("turn", turn->uuid),
                         LOG_STR("class", turn->label), LOG_STR("state", turn_state_name(turn->state)),
                         LOG_STR("why", turn->text), LOG_INT("attempt", turn->lease.attempts),
                         LOG_INT("events", turn->events_count), LOG_INT("delay_ms", turn->delay_ms)));
}

static void turn_finish(struct turn *turn)
{
    metric_add(turn->env->stats->turns, turn->label, 1);
    turn->done(turn, turn->arg); /* may free turn: touch nothing after */
}

void turn_resume(struct turn *turn, enum outcome outcome)
{
    turn->waiting = false;
    while (!turn->waiting) {
        enum turn_state from = turn->state;
        if (turn->abandoned && from < TURN_APPLY && outcome_fate(outcome) == FATE_NEXT)
            outcome = turn_because(turn, OUTCOME_DRAINING, "the worker is stopping");
        turn_note(turn, outcome);
        turn->state = turn_next(from, outcome);
        assert(turn->state > from); /* edges point forward, so this loop ends */
        turn->tries = 0;
        if (turn->state == TURN_DONE) {
            turn_finish(turn);
            return;
        }
        outcome = OUTCOME_OK;
        turn->waiting = operations[turn->state](turn, &outcome);
    }
}

static void on_start(evutil_socket_t fd, short what, void *arg)
{
    struct turn *turn = arg;
    enum outcome outcome = OUTCOME_OK;

    (void)fd;
    (void)what;
    turn->waiting = turn_take(turn, &outcome);
    if (!turn->waiting)
        turn_resume(turn, outcome);
}

/* Each event id once, the oldest first; also those without an id. */
static void turn_collect_events(struct turn *turn)
{
    for (size_t i = 0; i < turn->lease.entries_count; i++) {
        const struct envelope *event = &turn->lease.entries[i].envelope;
        bool seen = false;
        for (size_t j = 0; j < turn->events_count && !seen; j++)
            seen = !strcmp(turn->events[j]->event_id, event->event_id);
        if (!seen)
            turn->events[turn->events_count++] = event;
        if (!*turn->context)
            turn->context = event->context;
    }
}

enum err turn_start(struct env *env, struct queue_lease *lease, turn_done_fn *done, void *arg,
                    struct turn **ret_turn)
{
    struct turn *turn = calloc(1, sizeof *turn);
    struct timeval soon = {0, 0};
    size_t account_len = strcspn(lease->key, ":");

    if (!turn)
        return ERR_NOMEM;
    *turn = (struct turn){.env = env,
                          .done = done,
                          .arg = arg,
                          .label = "ok",
                          .context = "",
                          .started_ms = clock_wall_ms(),
                          .started_mono_ms = clock_mono_ms()};
    turn->lease_until_mono_ms = turn->started_mono_ms + env->config->lease_ms;
    turn->events = calloc(lease->entries_count + 1, sizeof *turn->events);
    turn->objects = json_array();
    turn->missing = json_array();
    turn->seeds = json_array();
    turn->timer = evtimer_new(env->base, on_start, turn);
    if (!turn->events || !turn->objects || !turn->missing || !turn->seeds || !turn->timer ||
        evtimer_add(turn->timer, &soon) != 0) {
        turn_free(turn);
        return ERR_NOMEM;
    }
    turn->lease = *lease;
    *lease = (struct queue_lease){.attempts = 0};
    if (account_len > STRIPE_ID_BYTES_MAX)
        account_len = STRIPE_ID_BYTES_MAX;
    (void)memcpy(turn->account, turn->lease.key, account_len);
    turn->subject = turn->lease.key + account_len + (turn->lease.key[account_len] == ':');
    turn->lock_key = lock_key(turn->lease.key);
    env_uuid(turn->uuid);
    env_uuid(turn->claim);
    turn_collect_events(turn);
    turn->waiting = true;
    *ret_turn = turn;
    return ERR_OK;
}

void turn_free(struct turn *turn)
{
    if (!turn)
        return;
    fetch_free(turn->fetch);
    env_hold(turn->env, -turn->held_bytes);
    if (turn->timer)
        event_free(turn->timer);
    json_decref(turn->objects);
    json_decref(turn->missing);
    json_decref(turn->seeds);
    free(turn->wants);
    free(turn->owed);
    free(turn->events);
    queue_lease_release(&turn->lease);
    free(turn);
}

void turn_lease_renewed(struct turn *turn, int64_t until_mono_ms)
{
    turn->lease_until_mono_ms = until_mono_ms;
}

void turn_lease_lost(struct turn *turn)
{
    turn->lease_lost = true;
}

void turn_abandon(struct turn *turn)
{
    turn->abandoned = true;
    if (turn->fetch && (turn->state == TURN_FETCH || turn->state == TURN_ROUTE)) {
        fetch_free(turn->fetch);
        turn->fetch = 0;
        turn_resume(turn, turn_because(turn, OUTCOME_DRAINING, "the worker is stopping"));
    }
}

/* ---- take, lock, unlock ---- */

/* A connected account's own circuit; the worker's is asked before anything is taken. */
static bool turn_account_let(struct turn *turn, int64_t now_mono_ms)
{
    struct circuit *key = circuits_find(&turn->env->circuits, turn->account);

    return !key || !strcmp(turn->account, "self") || circuit_let(key, now_mono_ms);
}

bool turn_take(struct turn *turn, enum outcome *ret_outcome)
{
    unsigned attempts_max = (unsigned)turn->env->config->attempts_max;

    int64_t now = clock_mono_ms(), until;

    crashpoint("after_take");
    if (turn->lease.attempts > attempts_max)
        *ret_outcome = turn_because(turn, OUTCOME_CRASH_LOOP,
                                    "taken %u times without an end: its turns kill workers, run out of time, "
                                    "or nobody hears how they end",
                                    turn->lease.attempts);
    else if (!turn_account_let(turn, now)) {
        until = circuits_until(&turn->env->circuits, turn->account, now);
        turn->delay_least_ms = until ? (unsigned)(until - now) : 0;
        *ret_outcome =
            turn_because(turn, OUTCOME_DENIED, "the circuit of account %.255s is open", turn->account);
    } else if (pacer_oldest_ms(turn->env->pacer, turn->account) > PACER_BEHIND_MS)
        *ret_outcome =
            turn_because(turn, OUTCOME_LIMITED, "reads of account %.255s wait for the budget", turn->account);
    return false;
}

static void on_locked(enum lock_answer answer, uint64_t epoch, void *arg)
{
    struct turn *turn = arg;

    turn->lock_epoch = epoch;
    if (answer == LOCK_HELD) {
        crashpoint("after_lock");
        turn_resume(turn, OUTCOME_OK);
    } else if (answer == LOCK_BUSY) {
        turn_resume(turn, turn_because(turn, OUTCOME_LOCK_BUSY, "another worker is at it"));
    } else {
        turn_resume(turn, turn_because(turn, OUTCOME_OUTAGE, "the lock connection is away"));
    }
}

bool turn_lock(struct turn *turn, enum outcome *ret_outcome)
{
    if (lock_try(turn->env->lock, turn->lock_key, on_locked, turn) == ERR_OK)
        return true;
    *ret_outcome = turn_because(turn, OUTCOME_OUTAGE, "the lock connection is away");
    return false;
}

static void on_unlocked(enum lock_answer answer, uint64_t epoch, void *arg)
{
    struct turn *turn = arg;

    (void)epoch;
    if (answer == LOCK_BUSY) /* must be true: something broke the rule that only we unlock */
        log_error("turn.lock_was_not_ours", LOG_STR("customer", turn->lease.key),
                  LOG_STR("turn", turn->uuid));
    turn_resume(turn, OUTCOME_OK);
}

bool turn_unlock(struct turn *turn, enum outcome *ret_outcome)
{
    uint64_t epoch = turn->lock_epoch;

    (void)ret_outcome;
    if (!epoch)
        return false;
    turn->lock_epoch = 0;
    return lock_release(turn->env->lock, turn->lock_key, epoch, on_unlocked, turn) == ERR_OK;
}
