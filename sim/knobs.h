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
    X(delay_ms, 0, 3600000, 1000, "real ms a delivery chosen by delay_rate waits")                           \
    X(delay_hours, 0, 720, 0, "virtual hours it waits besides; at most until the clock rests for 2 real s")  \
    X(retry_base_ms, 1, 3600000, 200, "real ms before the first retry of a delivery; doubles")               \
    X(retry_max_ms, 1, 3600000, 5000, "real ms no wait between retries exceeds")                             \
    X(retries_max, 0, 1000, 20, "retries before a delivery counts as failed for good; 0: none")              \
    X(disable_after, 0, 100000, 0, "failed attempts in a row after which an endpoint is disabled; 0: never") \
    X(delivery_timeout_ms, 10, 60000, 10000, "real ms an endpoint has to answer")                            \
    X(delivery_concurrency, 1, 256, 16, "deliveries under way at once, per endpoint")                        \
    X(backlog_max, 1, 100000, 256, "the clock of a run waits while more deliveries than this are pending")   \
    X(latency_ms, 0, 60000, 0, "real ms before the API answers")                                             \
    X(dunning_end, 0, 2, 0, "after the last retry of a payment: 0 cancel, 1 unpaid, 2 leave past_due")       \
    X(billing_acts, 0, 1, 1, "1: lives also use coupons, pauses, schedules, sent invoices and the like")     \
    X(dispute_cancels, 0, 1, 0, "1: a dispute cancels the subscription whose invoice was paid")              \
    X(limit_per_s, 0, 1000000, 0, "API requests per account and real second before 429 global-rate; 0: all") \
    X(limit_endpoint_per_s, 0, 1000000, 0, "the same per method and path: 429 endpoint-rate")                \
    X(limit_at_once, 0, 100000, 0, "requests under way (latency_ms) before 429 global-concurrency; 0: all")  \
    X(limit_endpoint_at_once, 0, 100000, 0, "the same per method and path: 429 endpoint-concurrency")        \
    X(limit_resource_per_s, 0, 100000, 0, "writes to one object per real second: 429 resource-specific")     \
    X(money_acts, 0, 1, 1, "1: lives also refund, dispute, credit, overpay, pay in parts and elsewhere")     \
    X(credit_acts, 0, 2, 1, "1: lives also do what credits depend on; 2: also where no invoice tells of it")

/* X(name, initial, meaning): shares of 0..1 */
#define KNOB_RATES(X)                                                                                        \
    X(duplicate_rate, 0.0, "share of successful deliveries that are sent once more")                         \
    X(drop_rate, 0.0, "share of delivery attempts that get lost; a retry repairs them")                      \
    X(delay_rate, 0.0, "share of deliveries that are late by delay_ms and delay_hours")                      \
    X(wrong_mode_rate, 0.0, "share of events also sent once as of live mode: to be refused, tried 3 times")  \
    X(rate_429, 0.0, "share of API requests answered 429 by the limiter, with reason_429 in its header")     \
    X(rate_lock, 0.0, "share of API requests answered 429 lock_timeout, without that header")                \
    X(rate_disconnect, 0.0, "share of API requests whose connection is cut before or amid the answer")       \
    X(rate_500, 0.0, "share answered 500: Stripe-Should-Retry true, false or absent, or an HTML 502")        \
    X(rate_503, 0.0, "share answered 503")                                                                   \
    X(rate_stalled, 0.0, "share taken and never answered")                                                   \
    X(rate_truncated, 0.0, "share whose answer ends amid its body")                                          \
    X(rate_garbled, 0.0, "share answered 200 with a body that is no JSON")                                   \
    X(refund_pending_rate, 0.0, "share of card refunds that are pending for three days first")

/* X(name, choices in the order of the enums below, meaning): the first is the initial one */
#define KNOB_CHOICES(X)                                                                                      \
    X(payload, "endpoint snapshot thin both",                                                                \
      "what is delivered: as each endpoint says, or the same to all")                                        \
    X(reason_429, "global-rate global-concurrency endpoint-rate endpoint-concurrency resource-specific any", \
      "what rate_429 gives as the reason")

enum payload { PAYLOAD_ENDPOINT, PAYLOAD_SNAPSHOT, PAYLOAD_THIN, PAYLOAD_BOTH };
enum reason_429 {
    REASON_GLOBAL_RATE,
    REASON_GLOBAL_CONCURRENCY,
    REASON_ENDPOINT_RATE,
    REASON_ENDPOINT_CONCURRENCY,
    REASON_RESOURCE,
    REASON_ANY
};

struct knobs {
#define X(name, lowest, highest, initial, meaning) int64_t name;
    KNOB_NUMBERS(X)
#undef X
#define X(name, initial, meaning) double name;
    KNOB_RATES(X)
#undef X
#define X(name, choices, meaning) int64_t name;
    KNOB_CHOICES(X)
#undef X
};

struct knobs knobs_default(void);
/* Take over what a JSON object names. ERR_INVALID (unknown name, wrong type, out of range): nothing is changed. */
enum err knobs_set(struct knobs *knobs, json_t *values, struct failure *fail);
json_t *knobs_show(const struct knobs *knobs); /* a new reference */
void knobs_help(char *out, size_t size);       /* one line per knob */
/* The word number `index` of blank-separated words, copied; "" past the end. */
void knob_word(const char *words, int64_t index, char *out, size_t size);
const char *reason_429_name(enum reason_429 reason); /* "global-rate" */
/* The place of a word among blank-separated words; -1: not one of them. */
int64_t knob_choice(const char *words, const char *word);

#endif
