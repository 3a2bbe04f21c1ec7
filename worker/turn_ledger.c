/* The steps of a turn that Postgres takes: claim, apply, record. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/pg_client.h"
#include "worker/crashpoint.h"
#include "worker/stats.h"
#include "worker/turn_json.h"
#include "worker/turn_private.h"

#define STATEMENT_TIMEOUT_MS                                                                                 \
    20000                 /* the server ends a statement before (worker.c), so that we know that it did */
#define APPLY_TRIES_MAX 3 /* of one claim after a deadlock or the like: it was rolled back and is unused */

/* What an answer without rows means; ret text is noted. */
static enum outcome answer_outcome(struct turn *turn, const struct pg_answer *answer, const char *what,
                                   bool from_within, enum outcome unknown)
{
    enum outcome outcome;

    switch (answer->outcome) {
    case PG_ERROR:
        outcome = outcome_of_sqlstate(answer->sqlstate, from_within);
        if (!strcmp(answer->sqlstate, "25006"))
            pg_pool_reconnect(turn->env->ledger); /* a standby now: look for the primary */
        return turn_because(turn, outcome, "%s: %.5s %.440s", what, answer->sqlstate, answer->text);
    case PG_UNKNOWN:
        return turn_because(turn, unknown, "%s: nobody knows whether it happened: %.400s", what,
                            answer->text);
    default: return turn_because(turn, OUTCOME_OUTAGE, "%s: %.440s", what, answer->text);
    }
}

/* False: it could not be sent, *ret_outcome says what that means. */
static bool turn_query(struct turn *turn, const char *sql, int count, const char *const *params,
                       unsigned timeout_ms, pg_answer_fn *done, enum outcome *ret_outcome)
{
    struct failure why;

    if (pg_pool_query(turn->env->ledger, sql, count, params, timeout_ms, done, turn, &why) == ERR_OK)
        return true;
    *ret_outcome = turn_because(turn, OUTCOME_OUTAGE, "%s", why.text);
    return false;
}

/* ---- claim ---- */

static void on_claimed(const struct pg_answer *answer, void *arg)
{
    struct turn *turn = arg;
    const char *text = pg_answer_value(answer, 0, 0);
    bool all_applied = false;
    enum err err;

    if (answer->outcome != PG_DONE) {
        turn_resume(turn, answer_outcome(turn, answer, "claim", false, OUTCOME_OUTAGE));
        return;
    }
    err = text ? turn_json_read_claim(turn, text, &all_applied) : ERR_PROTOCOL;
    if (err != ERR_OK) {
        turn_resume(turn, turn_because(turn, err == ERR_NOMEM ? OUTCOME_OUTAGE : OUTCOME_BUG, "claim: %s",
                                       err_text(err)));
        return;
    }
    crashpoint("after_claim");
    if (all_applied) {
        turn->label = "already";
        metric_add(turn->env->stats->events, "duplicate", (int64_t)turn->lease.entries_count);
        log_debug("turn.already", LOG_STR("customer", turn->lease.key),
                  LOG_INT("events", turn->events_count));
    }
    turn_resume(turn, all_applied ? OUTCOME_SKIP : OUTCOME_OK);
}

bool turn_claim(struct turn *turn, enum outcome *ret_outcome)
{
    char *ids = turn_json_event_ids(turn);
    const char *params[] = {turn->account, turn->subject, turn->claim, ids, turn->env->name};
    bool sent;

    if (!ids) {
        *ret_outcome = turn_because(turn, OUTCOME_OUTAGE, "out of memory");
        return false;
    }
    *ret_outcome = turn_still_ours(turn);
    sent = *ret_outcome == OUTCOME_OK && turn_query(turn,
                                                    "SELECT ops.claim_customer($1, $2, $3::uuid, "
                                                    "ARRAY(SELECT jsonb_array_elements_text($4::jsonb)), $5)",
                                                    5, params, STATEMENT_TIMEOUT_MS, on_claimed, ret_outcome);
    free(ids);
    return sent;
}

/* ---- apply ---- */

#define CHANGES_LOGGED_MAX 20

static void log_changes(const struct turn *turn, const json_t *changes)
{
    json_t *change;
    size_t i;

    json_array_foreach(changes, i, change)
    {
        if (i == CHANGES_LOGGED_MAX) {
            log_info("ledger.changed_more", LOG_STR("customer", turn->lease.key), LOG_STR("turn", turn->uuid),
                     LOG_INT("changes", json_array_size(changes) - i));
            return;
        }
        const json_t *before = json_object_get(change, "before"), *after = json_object_get(change, "after");
        log_info("ledger.changed", LOG_STR("customer", turn->lease.key), LOG_STR("turn", turn->uuid),
                 LOG_STR("what", json_string_value(json_object_get(change, "what"))),
                 LOG_STR("before", json_string_value(before)), LOG_STR("after", json_string_value(after)));
    }
}

static void report_applied(struct turn *turn, const json_t *root)
{
    struct stats *stats = turn->env->stats;
    int64_t entries = json_integer_value(json_object_get(root, "entries"));
    int64_t applied = json_integer_value(json_object_get(root, "applied"));
    int64_t ignored = json_integer_value(json_object_get(root, "ignored"));
    int64_t repeated = (int64_t)(turn->lease.entries_count - turn->events_count) +
                       json_integer_value(json_object_get(root, "duplicates"));
    int64_t now_ms = clock_wall_ms();

    turn->label = "applied";
    catalogue_learn(&turn->env->catalogue, turn->account, turn->objects, turn->missing);
    metric_add(stats->entries, 0, entries);
    metric_add(stats->events, "applied", applied);
    metric_add(stats->events, "ignored", ignored);
    metric_add(stats->events, "duplicate", repeated);
    metric_observe_ms(stats->turn_time, clock_mono_ms() - turn->started_mono_ms);
    for (size_t i = 0; i < turn->events_count; i++)
        if (turn->events[i]->received_ms > 0)
            metric_observe_ms(stats->lag, now_ms - turn->events[i]->received_ms);
    log_changes(turn, json_object_get(root, "changes"));
    log_info("turn.applied", LOG_STR("customer", turn->lease.key), LOG_STR("turn", turn->uuid),
             LOG_INT("events", turn->lease.entries_count), LOG_INT("reads", turn->reads),
             LOG_INT("objects", json_array_size(turn->objects)), LOG_INT("entries", entries),
             LOG_INT("attempt", turn->lease.attempts),
             LOG_INT("ms", clock_mono_ms() - turn->started_mono_ms));
}

static enum outcome read_applied(struct turn *turn, const char *text)
{
    json_t *root = text ? json_loads(text, 0, 0) : 0;
    const char *said = json_string_value(json_object_get(root, "outcome"));
    enum outcome outcome = OUTCOME_OK;

    if (said && !strcmp(said, "applied"))
        report_applied(turn, root);
    else if (said && !strcmp(said, "fenced"))
        outcome = turn_because(turn, OUTCOME_FENCED, "a newer claim exists");
    else /* committed, but what? A new claim and a new read will tell. */
        outcome = turn_because(turn, OUTCOME_UNKNOWN_RESULT, "apply: the answer cannot be read");
    json_decref(root);
    return outcome;
}

static void on_applied(const struct pg_answer *answer, void *arg)
{
    struct turn *turn = arg;
    enum outcome outcome;

    if (answer->outcome == PG_DONE) {
        crashpoint("after_apply");
        turn_resume(turn, read_applied(turn, pg_answer_value(answer, 0, 0)));
        return;
    }
    outcome = answer_outcome(turn, answer, "apply", true, OUTCOME_UNKNOWN_RESULT);
    if (outcome == OUTCOME_CONTENTION && ++turn->tries < APPLY_TRIES_MAX) {
        enum outcome now = OUTCOME_OK;
        if (turn_apply(turn, &now))
            return;
        outcome = now;
    }
    turn_resume(turn, outcome);
}

bool turn_apply(struct turn *turn, enum outcome *ret_outcome)
{
    char *text;
    const char *params[1];
    bool sent;

    *ret_outcome = turn_still_ours(turn);
    if (*ret_outcome != OUTCOME_OK)
        return false;
    text = turn_json_apply(turn);
    if (!text) {
        *ret_outcome = turn_because(turn, OUTCOME_OUTAGE, "out of memory");
        return false;
    }
    crashpoint("before_apply");
    params[0] = text;
    sent = turn_query(turn, "SELECT ledger.apply_turn($1::jsonb)", 1, params, STATEMENT_TIMEOUT_MS,
                      on_applied, ret_outcome);
    free(text);
    return sent;
}

/* ---- record a failure ---- */

/* Nothing could be written down, so nothing is buried. */
static void unrecorded(struct turn *turn, bool outage, const char *sqlstate, const char *why)
{
    log_error("turn.unrecorded", LOG_STR("customer", turn->lease.key), LOG_STR("turn", turn->uuid),
              LOG_STR("class", outcome_name(turn->outcome)), LOG_STR("sqlstate", sqlstate),
              LOG_STR("why", why), LOG_INT("attempt", turn->lease.attempts));
    turn->bury = false;
    if (!outage)
        return; /* counts and backs off like what it failed of: what cannot be written must not spin */
    turn->count_attempt = false;
    turn->delay_ms = outcome_delay_ms(OUTCOME_OUTAGE, 1, (unsigned)turn->env->config->retry_base_ms,
                                      (unsigned)turn->env->config->retry_max_ms, env_random());
}

static void on_recorded(const struct pg_answer *answer, void *arg)
{
    struct turn *turn = arg;
    enum outcome outcome = OUTCOME_OK;
    bool outage = answer->outcome != PG_ERROR || outcome_is_outage(answer->sqlstate);

    if (answer->outcome == PG_DONE) {
        turn_resume(turn, turn->bury ? OUTCOME_OK : OUTCOME_SKIP);
        return;
    }
    if (!outage && !turn->record_briefly) { /* something in it cannot be stored: then without all of that */
        turn->record_briefly = true;
        turn->bury = false;
        if (!turn_record(turn, &outcome))
            turn_resume(turn, outcome);
        return;
    }
    unrecorded(turn, outage, answer->sqlstate, answer->text);
    turn_resume(turn, OUTCOME_SKIP);
}

bool turn_record(struct turn *turn, enum outcome *ret_outcome)
{
    enum outcome unsent = OUTCOME_OK;
    char *text;
    const char *params[1];
    bool sent;

    *ret_outcome = turn_still_ours(turn); /* else another worker has the customer, or may have it */
    if (*ret_outcome != OUTCOME_OK)
        return false;
    turn->bury =
        outcome_buries(turn->outcome, turn->lease.attempts, (unsigned)turn->env->config->attempts_max);
    text = turn_json_failure(turn, outcome_name(turn->outcome), clock_wall_ms() + turn->delay_ms);
    params[0] = text;
    sent = text && turn_query(turn, "SELECT ops.fail_turn($1::jsonb)", 1, params, STATEMENT_TIMEOUT_MS,
                              on_recorded, &unsent);
    if (!sent) {
        unrecorded(turn, true, "", text ? "could not be sent" : "out of memory");
        *ret_outcome = OUTCOME_SKIP;
    }
    free(text);
    return sent;
}
