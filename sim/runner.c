#include "sim/runner.h"

#include <event2/event.h>
#include <stdlib.h>

#include "common/clock.h"
#include "sim/lives.h"
#include "sim/replay.h"

#define STEPS_PER_TICK 100 /* then the loop gets its turn: API calls wait no longer than that */
#define TICK_MS        5

struct runner {
    struct sim *sim;         /* borrowed */
    struct deliver *deliver; /* borrowed */
    struct journal *journal; /* borrowed; NULL: none */
    struct event *timer;     /* owned */
    bool running;
    int64_t end;          /* virtual */
    int64_t ms_per_day;   /* 0: no pace */
    int64_t last_mono_ms; /* when the pace was last looked at */
    int64_t credit_ms;    /* real time not yet turned into virtual time */
    int64_t target;       /* virtual: where the pace wants the clock */
};

static void tick_in(struct runner *runner, int64_t ms)
{
    struct timeval length = clock_timeval(ms);

    if (evtimer_add(runner->timer, &length))
        sim_die("out of memory");
}

/* How far the pace allows the clock to go now. */
static int64_t horizon(struct runner *runner)
{
    int64_t now = clock_mono_ms();

    if (!runner->ms_per_day)
        return runner->end;
    runner->credit_ms += now - runner->last_mono_ms;
    runner->last_mono_ms = now;
    int64_t seconds = runner->credit_ms * DAY / runner->ms_per_day;
    runner->credit_ms -= seconds * runner->ms_per_day / DAY;
    runner->target += seconds;
    return runner->target < runner->end ? runner->target : runner->end;
}

/* Do what is due by `until`, as much as fits in a tick. Gives the steps done and the real ms to the next tick. */
static unsigned go_on(struct runner *runner, int64_t until, int64_t *ret_wait_ms)
{
    struct sim *sim = runner->sim;
    unsigned steps = 0;

    *ret_wait_ms = TICK_MS;
    while (steps < STEPS_PER_TICK) {
        if (deliver_stats(runner->deliver).pending >= (uint64_t)sim->knobs.backlog_max) {
            runner->target = sim->now; /* receivers are behind: time stands still, and is not made up for */
            return steps;
        }
        if (!sim_step(sim, until)) {
            sim_advance(sim, until);
            runner->running = until < runner->end;
            return steps;
        }
        steps++;
    }
    *ret_wait_ms = 0;
    return steps;
}

static void tick(evutil_socket_t fd, short what, void *arg)
{
    struct runner *runner = arg;
    int64_t before = runner->sim->now, wait_ms;
    unsigned steps = go_on(runner, horizon(runner), &wait_ms);

    (void)fd;
    (void)what;
    if (steps || runner->sim->now != before || !runner->running)
        record_steps(runner->journal, runner->sim, steps, runner->running);
    if (runner->running)
        tick_in(runner, wait_ms);
}

struct runner *runner_create(struct event_base *base, struct sim *sim, struct deliver *deliver)
{
    struct runner *runner = calloc(1, sizeof *runner);

    if (!runner)
        sim_die("out of memory");
    runner->sim = sim;
    runner->deliver = deliver;
    runner->timer = evtimer_new(base, tick, runner);
    if (!runner->timer)
        sim_die("out of memory");
    return runner;
}

void runner_free(struct runner *runner)
{
    if (!runner)
        return;
    event_free(runner->timer);
    free(runner);
}

enum err runner_start(struct runner *runner, struct sim *account, unsigned customers, unsigned months,
                      int64_t ms_per_day, struct failure *fail)
{
    if (runner->running)
        return failf(fail, ERR_CONFLICT, "a run is under way; POST /sim/stop ends it");
    lives_start(account, customers, months, &runner->end);
    runner->running = true;
    runner->ms_per_day = ms_per_day;
    runner->last_mono_ms = clock_mono_ms();
    runner->credit_ms = 0;
    runner->target = runner->sim->now;
    tick_in(runner, 0);
    return ERR_OK;
}

void runner_stop(struct runner *runner)
{
    runner->running = false;
    (void)evtimer_del(runner->timer);
}

void runner_journal(struct runner *runner, struct journal *journal)
{
    runner->journal = journal;
}

bool runner_replay(struct runner *runner, unsigned steps, int64_t now, bool running)
{
    if (!runner->running)
        return false;
    for (; steps; steps--)
        if (!sim_step(runner->sim, now))
            return false;
    sim_set_clock(runner->sim,
                  now); /* not sim_advance: what is due at this moment may have been left to the next tick */
    runner->target = now;
    if (!running)
        runner_stop(runner);
    return true;
}

bool runner_is_running(const struct runner *runner)
{
    return runner->running;
}
