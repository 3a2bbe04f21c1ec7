#include "common/budget.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/redis_client.h"

#define RATE_MAX 100000

struct budget {
    struct redis_client *client; /* borrowed */
    struct redis_script *acquire, *report, *measure;
    char *base; /* owned: "<prefix>:{0}" */
    unsigned account_rate, endpoint_rate;
};

/* One call under way; it holds nothing of the budget's. */
struct call {
    union {
        budget_acquire_fn *acquire;
        budget_done_fn *report;
        budget_level_fn *level;
    } to;
    void *arg;
    unsigned ceiling;
};

enum err budget_create(struct redis_client *client, const struct budget_options *options,
                       struct budget **ret_budget, struct failure *fail)
{
    struct budget *budget;
    enum err err = ERR_OK;

    if (!options->account_rate || options->account_rate > RATE_MAX || !options->endpoint_rate ||
        options->endpoint_rate > RATE_MAX)
        return failf(fail, ERR_CONFIG, "a Stripe rate must be from 1 to %d requests per second", RATE_MAX);
    budget = calloc(1, sizeof *budget);
    if (!budget)
        return failf(fail, ERR_NOMEM, "Stripe budget");
    budget->client = client;
    budget->account_rate = options->account_rate;
    budget->endpoint_rate = options->endpoint_rate;
    if (asprintf(&budget->base, "%s:{0}", options->prefix) < 0) {
        budget->base = NULL;
        err = failf(fail, ERR_NOMEM, "Stripe budget");
    }
    if (!err)
        err = redis_script_load("budget", "acquire", &budget->acquire, fail);
    if (!err)
        err = redis_script_load("budget", "report", &budget->report, fail);
    if (!err)
        err = redis_script_load("budget", "measure", &budget->measure, fail);
    if (err)
        budget_free(budget);
    else
        *ret_budget = budget;
    return err;
}

void budget_free(struct budget *budget)
{
    if (!budget)
        return;
    redis_script_free(budget->acquire);
    redis_script_free(budget->report);
    redis_script_free(budget->measure);
    free(budget->base);
    free(budget);
}

static enum err names_check(const char *account, const char *endpoint, struct failure *fail)
{
    size_t account_len = strlen(account), endpoint_len = strlen(endpoint);

    if (!account_len || account_len > 255 || !endpoint_len || endpoint_len > BUDGET_ENDPOINT_BYTES_MAX)
        return failf(fail, ERR_INVALID, "Stripe budget: account or endpoint is empty or too long");
    return ERR_OK;
}

static struct call *call_create(void *arg)
{
    struct call *call = calloc(1, sizeof *call);

    if (call)
        call->arg = arg;
    return call;
}

/* Is the reply a list of so many numbers? */
static bool are_numbers(const struct redisReply *reply, size_t count)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (reply->element[i]->type != REDIS_REPLY_INTEGER)
            return false;
    return true;
}

static void on_acquire(enum err err, const struct redisReply *reply, const struct failure *fail, void *arg)
{
    struct call *call = arg;
    struct failure own;

    if (!err && !are_numbers(reply, 2)) {
        fail = &own;
        err = failf(&own, ERR_PROTOCOL, "Stripe budget: Redis returned something else than two numbers");
    }
    if (err)
        call->to.acquire(err, 0, 0, fail, call->arg);
    else
        call->to.acquire(ERR_OK, (unsigned)reply->element[0]->integer, (unsigned)reply->element[1]->integer,
                         NULL, call->arg);
    free(call);
}

enum err budget_acquire(struct budget *budget, const char *account, const char *endpoint,
                        enum queue_lane lane, unsigned wanted, budget_acquire_fn *done, void *arg,
                        struct failure *fail)
{
    char wanted_text[16], account_rate[16], endpoint_rate[16];
    bool is_read = !strncmp(endpoint, "GET ", 4);
    const char *argv[] = {budget->base, account,      endpoint,      queue_lane_name(lane),
                          wanted_text,  account_rate, endpoint_rate, is_read ? "1" : "0"};
    struct call *call;
    enum err err = names_check(account, endpoint, fail);

    if (err)
        return err;
    if (!wanted || wanted > BUDGET_TOKENS_MAX || (unsigned)lane >= QUEUE_LANES)
        return failf(fail, ERR_INVALID, "Stripe budget: ask for 1 to %d tokens in a lane that exists",
                     BUDGET_TOKENS_MAX);
    call = call_create(arg);
    if (!call)
        return failf(fail, ERR_NOMEM, "Stripe budget");
    (void)snprintf(wanted_text, sizeof wanted_text, "%u", wanted);
    (void)snprintf(account_rate, sizeof account_rate, "%u", budget->account_rate);
    (void)snprintf(endpoint_rate, sizeof endpoint_rate, "%u", budget->endpoint_rate);
    call->to.acquire = done;
    err = redis_client_eval(budget->client, budget->acquire, on_acquire, call, 1, 8, argv, NULL, fail);
    if (err)
        free(call);
    return err;
}

static const struct {
    const char *reason;
    enum budget_limit limit;
} limits[] = {
    {"global-rate", BUDGET_LIMIT_ACCOUNT},
    {"global-concurrency", BUDGET_LIMIT_ACCOUNT},
    {"endpoint-rate", BUDGET_LIMIT_ENDPOINT},
    {"endpoint-concurrency", BUDGET_LIMIT_ENDPOINT},
};

enum budget_limit budget_limit_parse(const char *reason)
{
    for (size_t i = 0; reason && i < sizeof limits / sizeof *limits; i++)
        if (!strcmp(reason, limits[i].reason))
            return limits[i].limit;
    return BUDGET_LIMIT_NONE;
}

static void on_report(enum err err, const struct redisReply *reply, const struct failure *fail, void *arg)
{
    struct call *call = arg;

    (void)reply; /* always 1 */
    call->to.report(err, fail, call->arg);
    free(call);
}

enum err budget_report(struct budget *budget, const char *account, const char *endpoint,
                       enum budget_limit limit, unsigned pause_ms, budget_done_fn *done, void *arg,
                       struct failure *fail)
{
    bool of_account = limit == BUDGET_LIMIT_ACCOUNT;
    char ceiling[16], pause[16];
    const char *argv[] = {budget->base, account, of_account ? "" : endpoint, ceiling, pause};
    struct call *call;
    enum err err = names_check(account, endpoint, fail);

    if (err)
        return err;
    if (!of_account && limit != BUDGET_LIMIT_ENDPOINT)
        return failf(fail, ERR_INVALID, "Stripe budget: nothing to report");
    call = call_create(arg);
    if (!call)
        return failf(fail, ERR_NOMEM, "Stripe budget");
    (void)snprintf(ceiling, sizeof ceiling, "%u", of_account ? budget->account_rate : budget->endpoint_rate);
    (void)snprintf(pause, sizeof pause, "%u", pause_ms < BUDGET_WAIT_MS_MAX ? pause_ms : BUDGET_WAIT_MS_MAX);
    call->to.report = done;
    err = redis_client_eval(budget->client, budget->report, on_report, call, 1, 5, argv, NULL, fail);
    if (err)
        free(call);
    return err;
}

static void on_measure(enum err err, const struct redisReply *reply, const struct failure *fail, void *arg)
{
    struct call *call = arg;
    struct budget_level level = {.ceiling = call->ceiling};
    struct failure own;

    if (!err && !are_numbers(reply, 4)) {
        fail = &own;
        err = failf(&own, ERR_PROTOCOL, "Stripe budget: Redis returned something else than four numbers");
    }
    if (!err) {
        level.tokens = (double)reply->element[0]->integer / 1000;
        level.rate = (double)reply->element[1]->integer / 1000;
        level.reads_today = reply->element[2]->integer;
        level.reads_30_days = reply->element[3]->integer;
    }
    call->to.level(err, err ? NULL : &level, err ? fail : NULL, call->arg);
    free(call);
}

enum err budget_measure(struct budget *budget, const char *account, budget_level_fn *done, void *arg,
                        struct failure *fail)
{
    char ceiling[16];
    const char *argv[] = {budget->base, account, ceiling};
    struct call *call;
    enum err err = names_check(account, "-", fail);

    if (err)
        return err;
    call = call_create(arg);
    if (!call)
        return failf(fail, ERR_NOMEM, "Stripe budget");
    (void)snprintf(ceiling, sizeof ceiling, "%u", budget->account_rate);
    call->to.level = done;
    call->ceiling = budget->account_rate;
    err = redis_client_eval(budget->client, budget->measure, on_measure, call, 1, 3, argv, NULL, fail);
    if (err)
        free(call);
    return err;
}
