/*
 * How a step of a turn ended, and what becomes of the turn: one list of outcomes, each with its fate and its
 * retry policy. docs/turn.md, "Failure classes", is this list in prose.
 */
#ifndef INSTEP_WORKER_OUTCOME_H
#define INSTEP_WORKER_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

/*
 * FATE_NEXT   the step did its work.
 * FATE_SKIP   there is nothing left to do for the usual next step; the table names another.
 * FATE_FAIL   the attempt counts: recorded in Postgres, then delayed, in the end buried.
 * FATE_LATER  no failure to write down: the customer goes back to the queue.
 * FATE_DROP   somebody else has the customer: touch nothing of it.
 */
enum fate { FATE_NEXT, FATE_SKIP, FATE_FAIL, FATE_LATER, FATE_DROP, FATES };

/*
 * DELAY_NONE     at once.
 * DELAY_SHORT    20 to 200 ms: somebody will be done in a moment.
 * DELAY_LONG     one to five times the base: a service is away, and it is not this customer's doing.
 * DELAY_BACKOFF  exponential by attempt, full jitter.
 */
enum delay { DELAY_NONE, DELAY_SHORT, DELAY_LONG, DELAY_BACKOFF };

/*
 * X(outcome, name, fate, delay, counts, attempts)
 *   name      what logs, metrics and, for FATE_FAIL, ops.dead_letter call it (the shelf)
 *   counts    the attempt counts: always with FATE_FAIL; with FATE_LATER nothing is recorded, but a customer that
 *             does nothing else ends as a crash loop
 *   attempts  after which the customer's events are buried; 0: INSTEP_ATTEMPTS_MAX; never more than that
 */
// clang-format off: a table
#define OUTCOME_LIST(X)                                                                                      \
    X(OUTCOME_OK, "ok", FATE_NEXT, DELAY_NONE, false, 0)                                                     \
    X(OUTCOME_SKIP, "skip", FATE_SKIP, DELAY_NONE, false, 0)                                                 \
    X(OUTCOME_STRIPE_TRANSIENT, "stripe_transient", FATE_FAIL, DELAY_BACKOFF, true, 0)                       \
    X(OUTCOME_STRIPE_PERMANENT, "stripe_permanent", FATE_FAIL, DELAY_BACKOFF, true, 5)                       \
    X(OUTCOME_UNKNOWN_USER, "unknown_user", FATE_FAIL, DELAY_BACKOFF, true, 0)                               \
    X(OUTCOME_UNKNOWN_SHAPE, "unknown_shape", FATE_FAIL, DELAY_BACKOFF, true, 5)                             \
    X(OUTCOME_POLICY, "policy", FATE_FAIL, DELAY_BACKOFF, true, 5)                                           \
    X(OUTCOME_BUG, "bug", FATE_FAIL, DELAY_BACKOFF, true, 0)                                                 \
    X(OUTCOME_CRASH_LOOP, "bug", FATE_FAIL, DELAY_BACKOFF, true, 1)                                          \
    X(OUTCOME_LOCK_BUSY, "lock_busy", FATE_LATER, DELAY_SHORT, false, 0)                                     \
    X(OUTCOME_CONTENTION, "contention", FATE_LATER, DELAY_BACKOFF, true, 0)                                  \
    X(OUTCOME_FENCED, "fenced", FATE_LATER, DELAY_BACKOFF, true, 0)                                          \
    X(OUTCOME_UNKNOWN_RESULT, "unknown_result", FATE_LATER, DELAY_BACKOFF, true, 0)                          \
    X(OUTCOME_LOCK_LOST, "lock_lost", FATE_LATER, DELAY_SHORT, false, 0)                                     \
    X(OUTCOME_OUTAGE, "outage", FATE_LATER, DELAY_LONG, false, 0)                                            \
    X(OUTCOME_DENIED, "denied", FATE_LATER, DELAY_LONG, false, 0)                                            \
    X(OUTCOME_LIMITED, "limited", FATE_LATER, DELAY_LONG, false, 0)                                          \
    X(OUTCOME_CROWDED, "crowded", FATE_LATER, DELAY_LONG, false, 0)                                          \
    X(OUTCOME_DRAINING, "draining", FATE_LATER, DELAY_NONE, false, 0)                                        \
    X(OUTCOME_LEASE_LOST, "lease_lost", FATE_DROP, DELAY_NONE, false, 0)
// clang-format on

enum outcome {
#define X(outcome, name, fate, delay, counts, attempts) outcome,
    OUTCOME_LIST(X)
#undef X
        OUTCOMES
};

const char *outcome_name(enum outcome outcome);
enum fate outcome_fate(enum outcome outcome);
bool outcome_counts(enum outcome outcome); /* the attempt counts */

/* Whether a customer that failed its attempt'th attempt (1 is the first) this way is buried. FATE_FAIL only. */
bool outcome_buries(enum outcome outcome, unsigned attempt, unsigned attempts_max);

/*
 * How long the customer rests, in milliseconds. Pure: random is any 64-bit number.
 * DELAY_BACKOFF: uniform in [0, min(max_ms, base_ms * 2^(attempt-1))], at least 1.
 */
unsigned outcome_delay_ms(enum outcome outcome, unsigned attempt, unsigned base_ms, unsigned max_ms,
                          uint64_t random);

/*
 * What SQLSTATE (five characters) means for a turn. from_within: a statement of this turn had gone through before, so
 * what is not there or not allowed is so only inside the function that was called: a bug, and no outage.
 */
enum outcome outcome_of_sqlstate(const char *sqlstate, bool from_within);

/* Whether SQLSTATE says that the server could not do anything for anybody just now. */
bool outcome_is_outage(const char *sqlstate);

#endif
