#include "worker/chores.h"

#include "common/budget.h"
#include "common/log.h"
#include "common/metrics.h"
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

const struct leader_job chores_schedule[] = {
    {"watch_queue", 30000, watch_queue},
    {"check_settings", 600000, chores_check_settings},
};
const size_t chores_schedule_count = sizeof chores_schedule / sizeof *chores_schedule;
