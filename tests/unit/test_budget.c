/* The Stripe budget against a real Redis. Time is Redis's own, so a test slows the buckets down rather than wait. */
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "common/budget.h"
#include "common/redis_client.h"
#include "tests/unit/redis_fixture.h"
#include "tests/unit/tap.h"

#define GET_INVOICE "GET /v1/invoices/{id}"
#define GET_SUBS    "GET /v1/subscriptions"
#define POST_ENTITY "POST /v1/billing_portal/sessions"

static struct event_base *base;
static struct redis_fixture redis;
static struct redis_client *client;
static bool ready;

struct answer {
    bool done;
    enum err err;
    unsigned granted, wait_ms;
    struct budget_level level;
};

static void on_state(bool is_ready, void *arg)
{
    (void)arg;
    ready = is_ready;
}

static struct budget *budget_of(unsigned account_rate, unsigned endpoint_rate)
{
    struct budget_options options = {"instep", account_rate, endpoint_rate};
    struct budget *budget = NULL;
    struct failure fail;

    if (budget_create(client, &options, &budget, &fail)) {
        (void)fprintf(stderr, "%s\n", fail.text);
        exit(1);
    }
    freeReplyObject(redis_look(&redis, "FLUSHALL"));
    return budget;
}

static void on_acquire(enum err err, unsigned granted, unsigned wait_ms, const struct failure *fail,
                       void *arg)
{
    struct answer *answer = arg;

    (void)fail;
    *answer = (struct answer){.done = true, .err = err, .granted = granted, .wait_ms = wait_ms};
}

static struct answer acquire(struct budget *budget, const char *endpoint, enum queue_lane lane,
                             unsigned wanted)
{
    struct answer answer = {0};

    answer.err = budget_acquire(budget, "self", endpoint, lane, wanted, on_acquire, &answer, NULL);
    if (!answer.err)
        (void)loop_until(base, &answer.done, 30);
    return answer;
}

static void on_report(enum err err, const struct failure *fail, void *arg)
{
    struct answer *answer = arg;

    (void)fail;
    answer->done = true;
    answer->err = err;
}

static enum err report(struct budget *budget, const char *endpoint, enum budget_limit limit,
                       unsigned pause_ms)
{
    struct answer answer = {0};

    answer.err = budget_report(budget, "self", endpoint, limit, pause_ms, on_report, &answer, NULL);
    if (!answer.err)
        (void)loop_until(base, &answer.done, 30);
    return answer.err;
}

static void on_level(enum err err, const struct budget_level *level, const struct failure *fail, void *arg)
{
    struct answer *answer = arg;

    (void)fail;
    answer->done = true;
    answer->err = err;
    if (!err)
        answer->level = *level;
}

static struct budget_level level_of(struct budget *budget)
{
    struct answer answer = {0};

    if (!budget_measure(budget, "self", on_level, &answer, NULL))
        (void)loop_until(base, &answer.done, 30);
    return answer.level;
}

/* Pretend that the account's bucket was last looked at ms earlier. */
static void rewind_ms(const char *bucket, long ms)
{
    redisReply *at = redis_look(&redis, "HGET %s at", bucket);

    freeReplyObject(
        redis_look(&redis, "HSET %s at %f", bucket, strtod(at->str ? at->str : "0", NULL) - (double)ms));
    freeReplyObject(at);
}
#define ACCOUNT_BUCKET "instep:{0}:budget:self"

/* Set what the bucket of the account holds; it does not refill before it was used once (its time is ahead). */
static void fill(double tokens, double webhook, double sweep)
{
    rewind_ms(ACCOUNT_BUCKET, -3600000);
    freeReplyObject(
        redis_look(&redis, "HSET " ACCOUNT_BUCKET " tokens %f webhook %f sweep %f", tokens, webhook, sweep));
}

/* The account's rate as it was when last written. */
static double rate_stored(void)
{
    redisReply *reply = redis_look(&redis, "HGET " ACCOUNT_BUCKET " rate");
    double rate = strtod(reply->str ? reply->str : "0", NULL);

    freeReplyObject(reply);
    return rate;
}

static void test_bounds(void)
{
    struct budget_options bad = {"instep", 0, 25};
    struct budget *budget = NULL;
    struct failure fail = {0};
    char endpoint[BUDGET_ENDPOINT_BYTES_MAX + 2];

    tap_ok(budget_create(client, &bad, &budget, &fail) == ERR_CONFIG && !budget, "a rate of 0 is refused: %s",
           fail.text);
    budget = budget_of(100, 25);
    memset(endpoint, 'x', sizeof endpoint);
    endpoint[sizeof endpoint - 1] = '\0';
    tap_ok(
        acquire(budget, GET_SUBS, QUEUE_WEBHOOK, 0).err == ERR_INVALID &&
            acquire(budget, GET_SUBS, QUEUE_WEBHOOK, BUDGET_TOKENS_MAX + 1).err == ERR_INVALID &&
            acquire(budget, GET_SUBS, QUEUE_LANES, 1).err == ERR_INVALID &&
            acquire(budget, endpoint, QUEUE_WEBHOOK, 1).err == ERR_INVALID &&
            acquire(budget, "", QUEUE_WEBHOOK, 1).err == ERR_INVALID &&
            report(budget, GET_SUBS, BUDGET_LIMIT_NONE, 0) == ERR_INVALID,
        "so are 0 and too many tokens, an unknown lane, an endless or empty endpoint, a report of nothing");
    budget_free(budget);
}

static void test_capacity(void)
{
    struct budget *budget = budget_of(12, 12); /* holds 3 */
    struct answer a = acquire(budget, GET_SUBS, QUEUE_INTERACTIVE, 10);

    tap_ok(!a.err && a.granted == 2 && a.wait_ms > 0 && a.wait_ms <= 200,
           "of ten wanted at once two are granted at 12/s, and when to come back is told (%u ms)", a.wait_ms);
    budget_free(budget);
    budget = budget_of(400, 40); /* hold 100 and 10 */
    a = acquire(budget, GET_SUBS, QUEUE_INTERACTIVE, 50);
    tap_ok(a.granted == 9, "the endpoint's bucket bounds what the account's would allow (%u)", a.granted);
    a = acquire(budget, GET_INVOICE, QUEUE_INTERACTIVE, 50);
    tap_ok(a.granted == 9, "another endpoint has its own (%u)", a.granted);
    a = acquire(budget, GET_SUBS, QUEUE_INTERACTIVE, 1);
    tap_ok(level_of(budget).ceiling == 400 && level_of(budget).tokens < 100, "both draw on the account's");
    budget_free(budget);
}

static void test_lanes(void)
{
    struct budget *budget = budget_of(1, 100000); /* the account holds 3, a token a second */

    (void)acquire(budget, GET_SUBS, QUEUE_INTERACTIVE, 1);
    fill(2.5, 0, 0);
    tap_ok(!acquire(budget, GET_SUBS, QUEUE_SWEEP, 1).granted, "below 60 %% and a token, sweep gets nothing");
    tap_ok(acquire(budget, GET_SUBS, QUEUE_WEBHOOK, 1).granted == 1, "webhook still does");
    fill(1.5, 0, 0);
    tap_ok(!acquire(budget, GET_SUBS, QUEUE_WEBHOOK, 1).granted,
           "below 30 %% and a token, webhook gets nothing");
    tap_ok(acquire(budget, GET_SUBS, QUEUE_INTERACTIVE, 1).granted == 1, "interactive still does");
    fill(1.05, 1, 0);
    tap_ok(!acquire(budget, GET_SUBS, QUEUE_INTERACTIVE, 1).granted, "but the last tenth is left");
    tap_ok(acquire(budget, GET_SUBS, QUEUE_WEBHOOK, 1).granted == 1, "for what webhook is guaranteed");
    fill(1.05, 0, 1);
    tap_ok(!acquire(budget, GET_SUBS, QUEUE_WEBHOOK, 1).granted, "what sweep is guaranteed is not webhook's");
    tap_ok(acquire(budget, GET_SUBS, QUEUE_SWEEP, 1).granted == 1, "but sweep's");
    fill(0, 0, 0);
    tap_ok(acquire(budget, GET_SUBS, QUEUE_SWEEP, 1).wait_ms >
               acquire(budget, GET_SUBS, QUEUE_INTERACTIVE, 1).wait_ms,
           "sweep waits longer than interactive");
    budget_free(budget);
}

/* All lanes ask all the time for 100 simulated seconds: who gets what? */
static void test_shares(void)
{
    struct budget *budget = budget_of(20, 100000);
    unsigned granted[QUEUE_LANES] = {0};

    (void)acquire(budget, GET_SUBS, QUEUE_INTERACTIVE, 1);
    fill(0, 0, 0);
    for (int step = 0; step < 4000; step++) {
        for (int lane = 0; lane < QUEUE_LANES; lane++)
            granted[lane] += acquire(budget, GET_SUBS, (enum queue_lane)lane, 3).granted;
        rewind_ms(ACCOUNT_BUCKET, 25);
    }
    tap_note("of 100 s at 20/s: interactive %u, webhook %u, sweep %u", granted[0], granted[1], granted[2]);
    tap_ok(granted[1] > 300 && granted[2] > 70 && granted[0] > granted[1] && granted[1] > granted[2],
           "with all lanes insatiable each gets at least its guarantee, the urgent one most");
    budget_free(budget);
}

static void test_limited(void)
{
    struct budget *budget = budget_of(100, 50);
    int64_t begun_ms, length_ms;
    double rate;

    (void)acquire(budget, GET_SUBS, QUEUE_WEBHOOK, 1);
    tap_ok(!report(budget, GET_SUBS, BUDGET_LIMIT_ACCOUNT, 0), "a 429 is reported");
    tap_ok(rate_stored() == 50, "the rate is halved");
    begun_ms = clock_mono_ms();
    for (int i = 0; i < 20; i++)
        (void)report(budget, GET_SUBS, BUDGET_LIMIT_ACCOUNT, 0);
    length_ms = clock_mono_ms() - begun_ms;
    for (rate = 50; length_ms >= 0; length_ms -= 1000)
        rate /= 2;
    tap_ok(rate_stored() >= (rate > 5 ? rate : 5), "twenty refused in the same second count once (%.1f)",
           rate_stored());
    for (int i = 0; i < 20; i++) {
        freeReplyObject(redis_look(&redis, "HSET " ACCOUNT_BUCKET " cut 0 rate 1"));
        (void)report(budget, GET_SUBS, BUDGET_LIMIT_ACCOUNT, 0);
    }
    tap_ok(rate_stored() >= 5 && rate_stored() < 10, "it never falls below a twentieth (%.1f)",
           rate_stored());
    rewind_ms(ACCOUNT_BUCKET, 5000);
    rate = level_of(budget).rate;
    tap_ok(rate >= 30, "it climbs by a twentieth of the ceiling each second (%.1f after five)", rate);
    rewind_ms(ACCOUNT_BUCKET, 30000);
    tap_ok(level_of(budget).rate == 100, "up to the ceiling");
    (void)report(budget, GET_SUBS, BUDGET_LIMIT_ENDPOINT, 30000);
    tap_ok(!acquire(budget, GET_SUBS, QUEUE_INTERACTIVE, 1).granted &&
               acquire(budget, GET_SUBS, QUEUE_INTERACTIVE, 1).wait_ms > 20000 &&
               acquire(budget, GET_INVOICE, QUEUE_INTERACTIVE, 1).granted == 1,
           "an endpoint that is limited pauses as long as Stripe says, the others do not");
    budget_free(budget);
}

static const struct {
    const char *reason;
    enum budget_limit limit;
} reasons[] = {
    {"global-rate", BUDGET_LIMIT_ACCOUNT},
    {"global-concurrency", BUDGET_LIMIT_ACCOUNT},
    {"endpoint-rate", BUDGET_LIMIT_ENDPOINT},
    {"endpoint-concurrency", BUDGET_LIMIT_ENDPOINT},
    {"resource-specific", BUDGET_LIMIT_NONE},
    {"", BUDGET_LIMIT_NONE},
    {NULL, BUDGET_LIMIT_NONE},
};

static void test_reasons(void)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        tap_ok(budget_limit_parse(reasons[i].reason) == reasons[i].limit, "Stripe-Rate-Limited-Reason: %s",
               reasons[i].reason ? reasons[i].reason : "(absent)");
}

static void test_reads(void)
{
    struct budget *budget = budget_of(1000, 1000);

    (void)acquire(budget, GET_SUBS, QUEUE_WEBHOOK, 7);
    (void)acquire(budget, GET_INVOICE, QUEUE_SWEEP, 3);
    (void)acquire(budget, POST_ENTITY, QUEUE_SWEEP, 5);
    tap_ok(level_of(budget).reads_30_days == 10, "reads are counted, writes are not");
    tap_ok(
        redis_look_int(
            &redis, "EVAL %s 0",
            "for _, k in ipairs(redis.call('KEYS', '*')) do if redis.call('PTTL', k) < 0 then return 0 end "
            "end return 1") == 1,
        "every key of the budget expires");
    budget_free(budget);
}

static void test_forgetful_redis(void)
{
    struct budget *budget = budget_of(1000, 1000);
    struct answer lost = {0};

    freeReplyObject(redis_look(&redis, "SCRIPT FLUSH"));
    tap_ok(acquire(budget, GET_SUBS, QUEUE_WEBHOOK, 1).granted == 1, "tokens are granted after SCRIPT FLUSH");
    redis_fixture_signal(&redis, SIGSTOP);
    (void)budget_acquire(budget, "self", GET_SUBS, QUEUE_WEBHOOK, 1, on_acquire, &lost, NULL);
    loop_for(base, 20);
    redis_fixture_kill(&redis);
    tap_ok(loop_until(base, &lost.done, 30) && lost.err == ERR_UNAVAILABLE && !lost.granted,
           "when Redis dies nothing is granted");
    budget_free(budget);
}

int main(void)
{
    struct redis_client_options options = redis_client_options_default();
    struct failure fail;

    base = event_base_new();
    redis_fixture_start(&redis, (const char *const[]){"--appendonly", "no", NULL});
    options.url = redis.url;
    options.on_state = on_state;
    if (!base || redis_client_create(base, &options, &client, &fail) || !loop_until(base, &ready, 30))
        return 1;
    test_bounds();
    test_capacity();
    test_lanes();
    test_shares();
    test_limited();
    test_reasons();
    test_reads();
    test_forgetful_redis();
    redis_client_free(client);
    redis_fixture_stop(&redis);
    event_base_free(base);
    return tap_done();
}
