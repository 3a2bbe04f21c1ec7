#include "worker/leader.h"

#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metrics.h"
#include "worker/env.h"
#include "worker/lock.h"
#include "worker/stats.h"

#define LEADER_TRY_MS  5000
#define LEADER_JOB_MAX 16

struct leader {
    struct env *env;
    const struct leader_job *jobs;
    size_t jobs_count;
    int64_t due_mono_ms[LEADER_JOB_MAX];
    struct event *timer; /* owned */
    int64_t key;
    uint64_t epoch; /* of the lock connection that made us leader; 0: not leader */
    bool trying;
};

bool leader_is(const struct leader *leader)
{
    return leader->epoch && leader->epoch == lock_epoch(leader->env->lock);
}

static void leader_work(struct leader *leader)
{
    int64_t now = clock_mono_ms();

    for (size_t i = 0; i < leader->jobs_count; i++) {
        const struct leader_job *job = &leader->jobs[i];
        if (now < leader->due_mono_ms[i])
            continue;
        leader->due_mono_ms[i] =
            now + (job->interval ? job->interval(leader->env->config) : job->interval_ms);
        log_debug("leader.job", LOG_STR("job", job->name));
        job->run(leader->env);
    }
}

static void on_tried(enum lock_answer answer, uint64_t epoch, void *arg)
{
    struct leader *leader = arg;

    leader->trying = false;
    if (answer != LOCK_HELD)
        return;
    leader->epoch = epoch;
    for (size_t i = 0; i < leader->jobs_count; i++)
        leader->due_mono_ms[i] = 0;
    metric_set(leader->env->stats->leader, 0, 1);
    log_info("leader.elected");
    leader_work(leader);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct leader *leader = arg;
    struct timeval tv =
        clock_timeval(leader_is(leader) ? 1000 : LEADER_TRY_MS + (int64_t)(env_random() % 1000));

    (void)fd;
    (void)what;
    if (leader->epoch && !leader_is(leader)) {
        leader->epoch = 0;
        metric_set(leader->env->stats->leader, 0, 0);
        log_info("leader.lost");
    }
    if (leader_is(leader))
        leader_work(leader);
    else if (!leader->trying)
        leader->trying = lock_try(leader->env->lock, leader->key, on_tried, leader) == ERR_OK;
    (void)evtimer_add(leader->timer, &tv);
}

enum err leader_create(struct env *env, const struct leader_job *jobs, size_t jobs_count,
                       struct leader **ret_leader)
{
    struct leader *leader = calloc(1, sizeof *leader);
    struct timeval soon = clock_timeval(100);

    if (!leader)
        return ERR_NOMEM;
    *leader = (struct leader){.env = env, .jobs = jobs, .key = lock_key("leader")};
    leader->jobs_count = jobs_count < LEADER_JOB_MAX ? jobs_count : LEADER_JOB_MAX;
    leader->timer = evtimer_new(env->base, on_timer, leader);
    if (!leader->timer || evtimer_add(leader->timer, &soon) != 0) {
        leader_free(leader);
        return ERR_NOMEM;
    }
    *ret_leader = leader;
    return ERR_OK;
}

void leader_free(struct leader *leader)
{
    if (!leader)
        return;
    if (leader->timer)
        event_free(leader->timer);
    free(leader);
}
