#include "worker/chores.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/budget.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/pg_client.h"
#include "common/queue.h"
#include "worker/env.h"
#include "worker/leader.h"
#include "worker/stats.h"

#define BEHIND_MS 60000 /* the oldest entry waits longer: worth a line */

static void on_depth(enum err err, const struct queue_depth *depth, const struct failure *fail, void *arg)
{
    struct env *env = arg;

    env_asked_redis(env, ENV_REFUSED_MEASURE, err, fail);
    if (err != ERR_OK)
        return;
    for (int lane = 0; lane < QUEUE_LANES; lane++)
        metric_set(env->stats->queue_ready, queue_lane_name((enum queue_lane)lane), depth->ready[lane]);
    metric_set(env->stats->queue_delayed, 0, depth->delayed);
    metric_set(env->stats->queue_leased, 0, depth->leased);
    metric_set(env->stats->queue_oldest, 0, depth->oldest_waiting_ms);
    metric_set(env->stats->queue_buried, 0, depth->buried_total);
}

static void on_level(enum err err, const struct budget_level *level, const struct failure *fail, void *arg)
{
    struct env *env = arg;

    (void)fail;
    if (err != ERR_OK)
        return;
    metric_set(env->stats->budget_rate, 0, (int64_t)(level->rate * 1000));
    metric_set(env->stats->budget_tokens, 0, (int64_t)(level->tokens * 1000));
    metric_set(env->stats->reads_today, 0, level->reads_today);
    metric_set(env->stats->reads_30_days, 0, level->reads_30_days);
}

void chores_measure(struct env *env)
{
    /* What cannot be asked now is asked in a few seconds. */
    (void)queue_measure(env->queue, on_depth, env, 0);
    (void)budget_measure(env->budget, "self", on_level, env, 0);
}

static void on_settings(enum err err, const char *const *warnings, size_t count, const struct failure *fail,
                        void *arg)
{
    (void)arg;
    if (err != ERR_OK)
        log_warn("redis.settings_unknown", LOG_STR("why", fail ? fail->text : err_text(err)));
    for (size_t i = 0; i < count; i++)
        log_warn("redis.unsafe_setting", LOG_STR("text", warnings[i]));
}

void chores_check_settings(struct env *env)
{
    (void)queue_check_settings(env->queue, on_settings, env, 0);
}

/* ---- the leader's ---- */

static void on_depth_watched(enum err err, const struct queue_depth *depth, const struct failure *fail,
                             void *arg)
{
    (void)fail;
    (void)arg;
    if (err == ERR_OK && depth->oldest_waiting_ms > BEHIND_MS)
        log_warn("queue.behind", LOG_INT("oldest_waiting_ms", depth->oldest_waiting_ms),
                 LOG_INT("webhook", depth->ready[QUEUE_WEBHOOK]), LOG_INT("delayed", depth->delayed),
                 LOG_INT("leased", depth->leased));
}

static void watch_queue(struct env *env)
{
    (void)queue_measure(env->queue, on_depth_watched, env, 0);
}

/* ---- what is to be looked at again: money that nothing has claimed yet ---- */

#define LOOKS_MAX        200 /* at a time; the others wait for the next minute */
#define LOOKS_TIMEOUT_MS 20000

struct look {
    const char *account, *subject, *object_type, *object_id;
};

static void on_look_enqueued(enum err err, const struct failure *fail, void *arg)
{
    (void)arg;
    if (err != ERR_OK) /* it comes up again: the ledger has only put it off */
        log_warn("look.not_queued", LOG_STR("why", fail ? fail->text : err_text(err)));
}

static void enqueue_look(struct env *env, const struct look *look)
{
    char key[QUEUE_KEY_BYTES_MAX + 1], uuid[UUID_BYTES], id[UUID_BYTES + 8];
    struct failure why;
    enum err err;
    struct envelope envelope = {.event_id = id,
                                .type = "instep.look",
                                .object_id = look->object_id,
                                .object_type = look->object_type,
                                .customer = !strncmp(look->subject, "cus_", 4) ? look->subject : "",
                                .account = strcmp(look->account, "self") != 0 ? look->account : "",
                                .created = clock_wall_ms() / 1000,
                                .received_ms = clock_wall_ms(),
                                .livemode = !strcmp(env->config->mode, "live"),
                                .lane = QUEUE_SWEEP};

    env_uuid(uuid);
    (void)snprintf(id, sizeof id, "look_%s", uuid);
    if (snprintf(key, sizeof key, "%s:%s", look->account, look->subject) >= (int)sizeof key)
        return; /* no key of ours */
    err = queue_enqueue(env->queue, key, &envelope, on_look_enqueued, env, &why);
    if (err != ERR_OK)
        on_look_enqueued(err, &why, env);
}

static void on_looks(const struct pg_answer *answer, void *arg)
{
    struct env *env = arg;

    if (answer->outcome != PG_DONE) {
        metric_add(env->stats->chores_failed, "look_again", 1);
        log_warn("look.unknown", LOG_STR("sqlstate", answer->sqlstate), LOG_STR("why", answer->text));
        return;
    }
    for (int row = 0; row < pg_answer_rows(answer); row++) {
        struct look look = {pg_answer_value(answer, row, 0), pg_answer_value(answer, row, 1),
                            pg_answer_value(answer, row, 2), pg_answer_value(answer, row, 3)};
        if (look.account && look.subject)
            enqueue_look(env, &look);
    }
    if (pg_answer_rows(answer) > 0)
        log_info("look.queued", LOG_INT("subjects", pg_answer_rows(answer)));
}

static void look_again(struct env *env)
{
    char limit[16];
    const char *params[] = {limit};

    (void)snprintf(limit, sizeof limit, "%d", LOOKS_MAX);
    /* What cannot be asked now is asked in a minute. */
    (void)pg_pool_query(env->ledger,
                        "SELECT account, subject, object_type, object_id FROM ops.looks_due($1::integer)", 1,
                        params, LOOKS_TIMEOUT_MS, on_looks, env, 0);
}

/* ---- credits that time alone changes ---- */

#define CREDITS_AT_A_TIME  100  /* one transaction */
#define CREDITS_ROUNDS_MAX 1000 /* of one start; the next goes on */
#define CREDITS_TIMEOUT_MS 20000

static void ask_credits(struct env *env);

static void credits_over(struct env *env, const char *sqlstate, const char *why)
{
    env->credits.under_way = false;
    if (why) { /* what was settled before stays; the others come up again */
        metric_add(env->stats->chores_failed, "settle_credits", 1);
        log_warn("credits.not_settled", LOG_STR("sqlstate", sqlstate), LOG_STR("why", why));
    }
    if (env->credits.settled)
        log_info("credits.settled", LOG_INT("settled", env->credits.settled),
                 LOG_INT("rounds", env->credits.rounds));
}

static void on_credits(const struct pg_answer *answer, void *arg)
{
    struct env *env = arg;
    const char *value = pg_answer_value(answer, 0, 0);
    int64_t settled = value ? strtoll(value, 0, 10) : 0;

    if (answer->outcome != PG_DONE) {
        credits_over(env, answer->sqlstate,
                     *answer->text ? answer->text : "nobody knows whether it happened");
        return;
    }
    env->credits.rounds++;
    if (settled > 0) {
        env->credits.settled += settled;
        metric_add(env->stats->credits_settled, 0, settled);
    }
    if (settled > 0 && env->credits.rounds < CREDITS_ROUNDS_MAX)
        ask_credits(env);
    else
        credits_over(env, "", 0);
}

static void ask_credits(struct env *env)
{
    char limit[16];
    const char *params[] = {limit};
    struct failure why;

    (void)snprintf(limit, sizeof limit, "%d", CREDITS_AT_A_TIME);
    if (pg_pool_query(env->ledger, "SELECT ops.credits_due($1::integer)", 1, params, CREDITS_TIMEOUT_MS,
                      on_credits, env, &why) != ERR_OK)
        credits_over(env, "", why.text);
}

/* Until nothing is due any more. One that takes longer than the interval is not joined by a second. */
static void settle_credits(struct env *env)
{
    if (env->credits.under_way)
        return;
    env->credits.under_way = true;
    env->credits.rounds = 0;
    env->credits.settled = 0;
    ask_credits(env);
}

static unsigned credits_interval(const struct config *config)
{
    return (unsigned)config->credits_interval_ms;
}

const struct leader_job chores_schedule[] = {
    {"settle_credits", 0, credits_interval, settle_credits},
    {"look_again", 60000, 0, look_again},
    {"watch_queue", 30000, 0, watch_queue},
    {"check_settings", 600000, 0, chores_check_settings},
};
const size_t chores_schedule_count = sizeof chores_schedule / sizeof *chores_schedule;
