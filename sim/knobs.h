/* What can be set at run time: how deliveries and the API misbehave, and the account's billing settings. */
#ifndef INSTEP_SIM_KNOBS_H
#define INSTEP_SIM_KNOBS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* X(name, lowest, highest, initial, meaning): whole numbers */
#define KNOB_NUMBERS(X)                                                                                      \
    X(reorder_ms, 0, 600000, 0, "each delivery waits a random 0..n real ms first")                           \
    X(retry_base_ms, 1, 3600000, 200, "real ms before the first retry of a delivery; doubles")               \
    X(retry_max_ms, 1, 3600000, 5000, "real ms no wait between retries exceeds")                             \
    X(retries_max, 0, 1000, 20, "retries before a delivery counts as failed for good")                       \
    X(delivery_timeout_ms, 10, 60000, 10000, "real ms an endpoint has to answer")                            \
    X(delivery_concurrency, 1, 256, 16, "deliveries under way at once, per endpoint")                        \
    X(backlog_max, 1, 100000, 256, "the clock of a run waits while more deliveries than this are pending")   \
    X(latency_ms, 0, 60000, 0, "real ms before the API answers")                                             \
    X(limit_per_s, 0, 1000000, 0, "API requests per real second before 429 global-rate; 0: no limit")        \
    X(dunning_end, 0, 2, 0, "after the last retry of a payment: 0 cancel, 1 unpaid, 2 leave past_due")       \
    X(dispute_cancels, 0, 1, 0, "1: a dispute cancels the subscription whose invoice was paid")              \
    X(money_acts, 0, 1, 0, "1: lives also refund, dispute, credit, overpay, pay in parts and elsewhere")

/* X(name, initial, meaning): shares of 0..1 */
#define KNOB_RATES(X)                                                                                        \
    X(duplicate_rate, 0.0, "share of successful deliveries that are sent once more")                         \
    X(drop_rate, 0.0, "share of delivery attempts that get lost; a retry repairs them")                      \
    X(rate_429, 0.0, "share of API requests answered 429 by the limiter, with its reason header")            \
    X(rate_lock, 0.0, "share of API requests answered 429 lock_timeout, without that header")                \
    X(rate_500, 0.0, "share of API requests answered 500, half of them with Stripe-Should-Retry")            \
    X(rate_disconnect, 0.0, "share of API requests whose connection is cut before or amid the answer")       \
    X(refund_pending_rate, 0.0, "share of card refunds that are pending for three days first")

struct knobs {
#define X(name, lowest, highest, initial, meaning) int64_t name;
    KNOB_NUMBERS(X)
#undef X
#define X(name, initial, meaning) double name;
    KNOB_RATES(X)
#undef X
};

struct knobs knobs_default(void);
/* Take over what a JSON object names. ERR_INVALID (unknown name, wrong type, out of range): nothing is changed. */
enum err knobs_set(struct knobs *knobs, json_t *values, struct failure *fail);
json_t *knobs_show(const struct knobs *knobs); /* a new reference */
void knobs_help(char *out, size_t size);       /* one line per knob */

#endif
