/* The steps of a turn that the queue takes: ack, put back, bury, move. */
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metrics.h"
#include "worker/crashpoint.h"
#include "worker/stats.h"
#include "worker/turn_private.h"

#define AGAIN_MS 300 /* between tries while Redis is away */

/* Repeating a verb is harmless, and one that is never heard only costs the rest of the lease. */
static bool worth_repeating(const struct turn *turn, enum err err)
{
    return (err == ERR_UNAVAILABLE || err == ERR_TIMEOUT || err == ERR_LIMIT || err == ERR_NOMEM) &&
           !turn->lease_lost && !turn->abandoned && clock_mono_ms() < turn->lease_until_mono_ms;
}

static void on_again(evutil_socket_t fd, short what, void *arg);

/* True: this state's verb is sent again from a timer. */
static bool again_later(struct turn *turn, enum err err)
{
    struct timeval tv = clock_timeval(AGAIN_MS + (int64_t)(env_random() % AGAIN_MS));

    if (!worth_repeating(turn, err))
        return false;
    return event_assign(turn->timer, turn->env->base, -1, 0, on_again, turn) == 0 &&
           evtimer_add(turn->timer, &tv) == 0;
}

/* How a verb ended. */
static void verb_over(struct turn *turn, enum err err, const struct failure *fail)
{
    if (err != ERR_OK && again_later(turn, err))
        return;
    if (err == ERR_CONFLICT)
        log_info("turn.lease_gone", LOG_STR("customer", turn->lease.key), LOG_STR("turn", turn->uuid),
                 LOG_STR("state", turn_state_name(turn->state)));
    else if (err != ERR_OK)
        log_warn("turn.unsaid", LOG_STR("customer", turn->lease.key), LOG_STR("turn", turn->uuid),
                 LOG_STR("state", turn_state_name(turn->state)),
                 LOG_STR("why", fail ? fail->text : err_text(err)));
    turn_resume(turn, OUTCOME_OK);
}

static void on_verb(enum err err, const struct failure *fail, void *arg)
{
    struct turn *turn = arg;

    env_asked_redis(turn->env, ENV_REFUSED_VERB, err, fail);
    if (turn->state == TURN_ACK && err == ERR_OK)
        crashpoint("after_ack");
    verb_over(turn, err, fail);
}

/* Send this state's verb. */
static enum err verb_send(struct turn *turn, struct failure *why)
{
    switch (turn->state) {
    case TURN_ACK: return queue_ack(turn->env->queue, &turn->lease, on_verb, turn, why);
    case TURN_BURY:
        return queue_bury(turn->env->queue, &turn->lease, outcome_name(turn->outcome), on_verb, turn, why);
    default:
        return queue_retry(turn->env->queue, &turn->lease, turn->delay_ms, turn->count_attempt, on_verb, turn,
                           why);
    }
}

static bool verb(struct turn *turn)
{
    struct failure why;
    enum err err = verb_send(turn, &why);

    if (err == ERR_OK || again_later(turn, err))
        return true;
    log_warn("turn.unsaid", LOG_STR("customer", turn->lease.key), LOG_STR("turn", turn->uuid),
             LOG_STR("state", turn_state_name(turn->state)), LOG_STR("why", why.text));
    return false;
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct turn *turn = arg;

    (void)fd;
    (void)what;
    if (!verb(turn))
        turn_resume(turn, OUTCOME_OK);
}

bool turn_ack(struct turn *turn, enum outcome *ret_outcome)
{
    (void)ret_outcome;
    crashpoint("before_ack");
    return verb(turn);
}

bool turn_putback(struct turn *turn, enum outcome *ret_outcome)
{
    (void)ret_outcome;
    return verb(turn);
}

bool turn_bury(struct turn *turn, enum outcome *ret_outcome)
{
    (void)ret_outcome;
    metric_add(turn->env->stats->buried, outcome_name(turn->outcome), 1);
    log_error("turn.buried", LOG_STR("customer", turn->lease.key), LOG_STR("turn", turn->uuid),
              LOG_STR("class", outcome_name(turn->outcome)), LOG_STR("why", turn->text),
              LOG_INT("attempt", turn->lease.attempts), LOG_INT("events", turn->events_count));
    return verb(turn);
}

/* ---- move: these events belong to another stream ---- */

static void on_moved(enum err err, const struct failure *fail, void *arg)
{
    struct turn *turn = arg;

    (void)fail;
    if (err != ERR_OK)
        turn->move_err = err;
    if (--turn->moving)
        return;
    if (turn->move_err != ERR_OK) {
        turn_resume(turn, turn_because(turn, OUTCOME_OUTAGE, "move: %s", err_text(turn->move_err)));
        return;
    }
    turn->label = "moved";
    metric_add(turn->env->stats->moved, 0, (int64_t)turn->events_count);
    log_info("turn.moved", LOG_STR("customer", turn->lease.key), LOG_STR("to", turn->routed_to),
             LOG_STR("turn", turn->uuid), LOG_INT("events", turn->events_count),
             LOG_INT("reads", turn->reads));
    turn_resume(turn, OUTCOME_OK);
}

/* Append them there before they are taken off here: twice is harmless, never is not. */
bool turn_move(struct turn *turn, enum outcome *ret_outcome)
{
    char key[QUEUE_KEY_BYTES_MAX + 1];
    bool to_customer = !strncmp(turn->routed_to, "cus_", 4);

    (void)snprintf(key, sizeof key, "%s:%s", turn->account, turn->routed_to);
    if (!strcmp(key, turn->lease.key)) {
        *ret_outcome = turn_because(turn, OUTCOME_BUG, "the events belong to the stream that they are in");
        return false;
    }
    turn->move_err = ERR_OK;
    for (size_t i = 0; i < turn->events_count; i++) {
        struct envelope envelope = *turn->events[i];
        enum err err;
        if (to_customer)
            envelope.customer = turn->routed_to;
        if (*turn->snapshot_event && !strcmp(turn->snapshot_of, envelope.event_id))
            envelope.snapshot_event = turn->snapshot_event;
        err = queue_enqueue(turn->env->queue, key, &envelope, on_moved, turn, 0);
        if (err == ERR_OK)
            turn->moving++;
        else
            turn->move_err = err;
    }
    if (turn->moving)
        return true;
    *ret_outcome = turn_because(turn, OUTCOME_OUTAGE, "move: %s", err_text(turn->move_err));
    return false;
}
