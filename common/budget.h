/*
 * How fast we may ask Stripe: token buckets in Redis, shared by every worker. docs/queue.md, "The Stripe budget".
 *
 * A request needs a token of its account's bucket and one of its endpoint's ("GET /v1/invoices/{id}": method and
 * path template, never an id). A bucket refills at its rate and holds a quarter of a second of it (at least 3).
 *
 * Lanes share by thresholds: sweep draws only while a bucket is over 60 % full, webhook over 30 %, interactive over
 * 10 %. So sweeps cannot starve webhooks nor webhooks the success page. What is left below is for guarantees: 20 % of
 * the rate always reaches webhook and 5 % sweep, whatever the lanes above them want.
 *
 * The rate starts at its ceiling, is halved by budget_report() (at most once a second, never below a twentieth of the
 * ceiling or 1/s) and climbs back by a twentieth of the ceiling each second.
 *
 * Every key expires: a bucket after a minute without use, a day's count of reads after 40 days.
 */
#ifndef INSTEP_COMMON_BUDGET_H
#define INSTEP_COMMON_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/queue.h"

struct budget;
struct redis_client;

#define BUDGET_TOKENS_MAX         1000 /* of one call */
#define BUDGET_ENDPOINT_BYTES_MAX 200
#define BUDGET_WAIT_MS_MAX        60000

struct budget_options {
    const char *prefix;     /* as in struct queue_options; copied */
    unsigned account_rate;  /* ceiling, requests per second of one account, 1..100000: config_stripe_rate() */
    unsigned endpoint_rate; /* ceiling, requests per second of one endpoint of one account, 1..100000 */
};

/* client is borrowed and must outlive the budget. ERR_CONFIG: a rate out of bounds; ERR_NOMEM. */
enum err budget_create(struct redis_client *client, const struct budget_options *options,
                       struct budget **ret_budget, struct failure *fail);
void budget_free(struct budget *budget); /* calls under way still end; NULL is fine */

/*
 * granted  0..wanted: so many requests may be sent now; they are spent, sent or not.
 * wait_ms  1..BUDGET_WAIT_MS_MAX when granted < wanted: when asking again may help; 0 otherwise. Add jitter.
 * err as in redis_reply_fn (granted and wait_ms are 0 then). Exactly once, never before budget_acquire() returns.
 */
typedef void budget_acquire_fn(enum err err, unsigned granted, unsigned wait_ms, const struct failure *fail,
                               void *arg);

/*
 * Ask for wanted (1..BUDGET_TOKENS_MAX) tokens at once: gather what waits for the same account, endpoint and lane.
 * account is "self" or "acct_..."; an endpoint that begins with "GET " counts as reads. Errors as
 * redis_client_command(), ERR_INVALID for an argument out of bounds; no callback then.
 */
enum err budget_acquire(struct budget *budget, const char *account, const char *endpoint,
                        enum queue_lane lane, unsigned wanted, budget_acquire_fn *done, void *arg,
                        struct failure *fail);

/* What a 429 said in Stripe-Rate-Limited-Reason. A 429 without it (lock_timeout) is no matter of the budget. */
enum budget_limit {
    BUDGET_LIMIT_NONE,     /* resource-specific, unknown or absent */
    BUDGET_LIMIT_ACCOUNT,  /* global-rate, global-concurrency */
    BUDGET_LIMIT_ENDPOINT, /* endpoint-rate, endpoint-concurrency */
};
enum budget_limit budget_limit_parse(const char *reason); /* NULL is fine */

/*
 * Stripe limited us: lower the rate of the account or of the endpoint, and grant nothing from that bucket for
 * pause_ms (Retry-After, 0 if absent; capped at BUDGET_WAIT_MS_MAX). BUDGET_LIMIT_NONE: nothing is sent, ERR_INVALID.
 */
typedef void budget_done_fn(enum err err, const struct failure *fail, void *arg);
enum err budget_report(struct budget *budget, const char *account, const char *endpoint,
                       enum budget_limit limit, unsigned pause_ms, budget_done_fn *done, void *arg,
                       struct failure *fail);

struct budget_level {
    double rate;           /* of the account now, requests per second */
    double tokens;         /* in its bucket now */
    unsigned ceiling;      /* requests per second */
    int64_t reads_today;   /* tokens granted for GETs since 00:00 UTC */
    int64_t reads_30_days; /* today included: what Stripe's read allocation counts */
};
typedef void budget_level_fn(enum err err, const struct budget_level *level, const struct failure *fail,
                             void *arg);
enum err budget_measure(struct budget *budget, const char *account, budget_level_fn *done, void *arg,
                        struct failure *fail);

#endif
