/* The steps of a turn that ask Stripe: route, fetch. */
#include <jansson.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/pg_client.h"
#include "worker/fetch.h"
#include "worker/resolve.h"
#include "worker/turn_private.h"

#define ROUTE_TIMEOUT_MS 20000 /* the server ends a statement before */

/* Lanes differ in their share of the budget: the most urgent event decides. */
static enum queue_lane turn_lane(const struct turn *turn)
{
    enum queue_lane lane = turn->lease.lane;

    for (size_t i = 0; i < turn->events_count; i++)
        if (turn->events[i]->lane < lane)
            lane = turn->events[i]->lane;
    return lane;
}

/* alone: a step of the walk, which is neither followed nor joined with what was kept of it. */
static bool turn_read(struct turn *turn, struct plan *plan, bool alone, fetch_done_fn *done,
                      enum outcome *ret_outcome)
{
    struct fetch_options options = {.account = turn->account,
                                    .context = turn->context,
                                    .seeds = alone ? 0 : turn->seeds,
                                    .alone = alone,
                                    .guest = !alone && !turn->is_customer,
                                    .lane = turn_lane(turn),
                                    .subject = turn->lock_key ? (uint64_t)turn->lock_key : 1,
                                    .begun = turn->reads > 0,
                                    .timeout_ms = (unsigned)turn->env->config->fetch_timeout_ms};
    enum err err = fetch_start(turn->env, &options, plan, done, turn, &turn->fetch);

    plan_release(plan);
    if (err == ERR_OK)
        return true;
    *ret_outcome = turn_because(turn, OUTCOME_OUTAGE, "out of memory");
    return false;
}

/* What the fetch brought stays, though the fetch goes. */
static void turn_hold(struct turn *turn, const struct fetch_result *result)
{
    turn->held_bytes += result->bytes;
    env_hold(turn->env, result->bytes);
}

/* ---- route: whose is an object? ---- */

static void on_routed(const struct pg_answer *answer, void *arg)
{
    struct turn *turn = arg;
    const char *value = pg_answer_value(answer, 0, 0);

    if (answer->outcome != PG_DONE)
        turn_resume(turn,
                    turn_because(turn,
                                 answer->outcome == PG_ERROR ? outcome_of_sqlstate(answer->sqlstate, true)
                                                             : OUTCOME_OUTAGE,
                                 "route: %s %.400s", answer->sqlstate, answer->text));
    else if (value && *value == 't')
        turn_resume(turn, OUTCOME_SKIP);
    else
        turn_resume(turn, turn_because(turn, OUTCOME_FENCED, "a newer claim exists"));
}

/* Remember the way before the events go it. */
static bool route_remember(struct turn *turn, enum outcome *ret_outcome)
{
    const char *params[] = {turn->account, turn->subject, turn->claim, turn->routed_to,
                            *turn->routed_user ? turn->routed_user : 0};
    struct failure why;

    *ret_outcome = turn_still_ours(turn);
    if (*ret_outcome != OUTCOME_OK)
        return false;
    if (pg_pool_query(turn->env->ledger, "SELECT ops.route_object($1, $2, $3::uuid, $4, $5)", 5, params,
                      ROUTE_TIMEOUT_MS, on_routed, turn, &why) == ERR_OK)
        return true;
    *ret_outcome = turn_because(turn, OUTCOME_OUTAGE, "%s", why.text);
    return false;
}

unsigned turn_needs(const struct turn *turn)
{
    unsigned needs = PLAN_NOTHING;

    for (size_t i = 0; i < turn->events_count; i++)
        needs |= plan_needs(turn->events[i]->type);
    for (size_t i = 0; i < turn->owed_count; i++)
        needs |= plan_needs(turn->owed[i].type);
    return needs;
}

static void on_resolved(enum outcome outcome, const struct fetch_result *result, void *arg);

static bool route_read(struct turn *turn, enum outcome *ret_outcome)
{
    struct plan plan = {.count = 1};

    if (++turn->resolve_steps > RESOLVE_STEPS_MAX) {
        *ret_outcome = turn_because(turn, OUTCOME_BUG, "no customer after %d reads", RESOLVE_STEPS_MAX);
        return false;
    }
    plan.reads = calloc(1, sizeof *plan.reads);
    if (!plan.reads) {
        *ret_outcome = turn_because(turn, OUTCOME_OUTAGE, "out of memory");
        return false;
    }
    plan.reads[0] = turn->walk.next;
    return turn_read(turn, &plan, true, on_resolved, ret_outcome);
}

/* A guest's session or charge is what the ledger books from; the rest is only the way we came. */
static enum err route_keep(struct turn *turn, const struct fetch_result *result, const json_t *body)
{
    enum read_kind kind = turn->walk.next.kind;
    const char *snapshot = resolve_id_of(body, "snapshot_event");

    if (kind == READ_CORE_EVENT && stripe_id_copy(turn->snapshot_event, snapshot))
        (void)stripe_id_copy(turn->snapshot_of, turn->walk.next.id);
    if ((kind != READ_SESSION && kind != READ_CHARGE) || strcmp(turn->walk.next.id, turn->subject) != 0)
        return ERR_OK;
    turn_hold(turn, result);
    return json_array_extend(turn->seeds, result->objects) == 0 ? ERR_OK : ERR_NOMEM;
}

/* Found: it is here, or elsewhere, which is remembered unless it may change. */
static enum outcome route_found(struct turn *turn, bool remember, bool *ret_waiting)
{
    enum outcome outcome = OUTCOME_OK;

    if (!strcmp(turn->routed_to, turn->subject)) {
        *turn->routed_to = 0;
        return OUTCOME_OK;
    }
    if (!remember) {
        outcome = turn_still_ours(turn);
        return outcome == OUTCOME_OK ? OUTCOME_SKIP : outcome;
    }
    *ret_waiting = route_remember(turn, &outcome);
    return outcome;
}

static enum outcome route_step(struct turn *turn, const struct fetch_result *result, bool *ret_waiting)
{
    enum outcome outcome = OUTCOME_OK;
    json_t *body;
    enum resolve_answer answer = RESOLVE_NOBODY;

    turn->fetched_ms = clock_wall_ms();
    if (read_is_list(turn->walk.next.kind))
        body = json_pack("{s:O}", "data", result->objects);
    else
        body = json_incref(json_array_get(result->objects, 0));
    if (json_array_extend(turn->missing, result->missing) != 0 ||
        (body && route_keep(turn, result, body) != ERR_OK)) {
        json_decref(body);
        return turn_because(turn, OUTCOME_OUTAGE, "out of memory");
    }
    if (body)
        answer = resolve_step(&turn->walk, body, turn->routed_to);
    json_decref(body);
    if (answer == RESOLVE_READ)
        *ret_waiting = route_read(turn, &outcome);
    else if (answer != RESOLVE_NOBODY)
        outcome = route_found(turn, answer == RESOLVE_FOUND, ret_waiting);
    return outcome;
}

static void on_resolved(enum outcome outcome, const struct fetch_result *result, void *arg)
{
    struct turn *turn = arg;
    struct fetch *fetch = turn->fetch;
    bool waiting = false;

    turn->fetch = 0;
    turn->reads += result->reads;
    turn->delay_least_ms = result->rest_ms;
    if (outcome == OUTCOME_OK)
        outcome = route_step(turn, result, &waiting);
    else if (outcome == OUTCOME_STRIPE_PERMANENT && !(turn_needs(turn) & ~(unsigned)PLAN_OWNER))
        outcome = OUTCOME_OK; /* asked for the record only: it stays nobody's */
    else
        outcome = turn_because(turn, outcome, "%s", result->text);
    fetch_free(fetch);
    if (!waiting)
        turn_resume(turn, outcome);
}

bool turn_route(struct turn *turn, enum outcome *ret_outcome)
{
    const char *type = "";

    if (turn->is_customer)
        return false;
    if (*turn->routed_to) {
        *ret_outcome = OUTCOME_SKIP;
        return false;
    }
    if (!turn_needs(turn))
        return false; /* recorded where it is, without a read */
    for (size_t i = 0; i < turn->events_count && !*type; i++)
        if (!strcmp(turn->events[i]->object_id, turn->subject))
            type = turn->events[i]->object_type;
    for (size_t i = 0; i < turn->owed_count && !*type; i++)
        if (!strcmp(turn->owed[i].object_id, turn->subject))
            type = turn->owed[i].object_type;
    if (resolve_start(&turn->walk, turn->env->api_version, type, turn->subject) != RESOLVE_READ)
        return false; /* the catalogue: nobody's */
    return route_read(turn, ret_outcome);
}

/* ---- fetch ---- */

static void on_fetched(enum outcome outcome, const struct fetch_result *result, void *arg)
{
    struct turn *turn = arg;
    struct fetch *fetch = turn->fetch;

    turn->fetch = 0;
    turn->reads += result->reads;
    turn->delay_least_ms = result->rest_ms;
    turn->fetched_ms = clock_wall_ms();
    if (outcome != OUTCOME_OK) {
        outcome = turn_because(turn, outcome, "%s", result->text);
    } else if (json_array_extend(turn->objects, result->objects) != 0 ||
               json_array_extend(turn->missing, result->missing) != 0) {
        outcome = turn_because(turn, OUTCOME_OUTAGE, "out of memory");
    } else {
        turn_hold(turn, result);
    }
    turn->complete = result->complete;
    fetch_free(fetch);
    turn_resume(turn, outcome);
}

bool turn_fetch(struct turn *turn, enum outcome *ret_outcome)
{
    struct plan_input input = {.version = turn->env->api_version,
                               .subject = turn->subject,
                               .is_customer = turn->is_customer,
                               .is_missing = json_array_size(turn->missing) > 0,
                               .known = turn->known,
                               .events = turn->events,
                               .events_count = turn->events_count,
                               .wants = turn->wants,
                               .wants_count = turn->wants_count,
                               .owed = turn->owed,
                               .owed_count = turn->owed_count,
                               .has_user = turn->has_user,
                               .invoices_since = turn->invoices_since,
                               .sessions_since = turn->sessions_since,
                               .charges_since = turn->charges_since};
    struct plan plan;

    if (plan_make(&input, &plan) != ERR_OK) {
        *ret_outcome = turn_because(turn, OUTCOME_OUTAGE, "out of memory");
        return false;
    }
    if (!plan.count) { /* nothing here concerns the ledger: recorded without a read */
        plan_release(&plan);
        return false;
    }
    return turn_read(turn, &plan, false, on_fetched, ret_outcome);
}
