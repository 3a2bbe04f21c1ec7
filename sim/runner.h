/* A run of random lives in the background: moves the virtual clock, as fast as asked and as deliveries allow. */
#ifndef INSTEP_SIM_RUNNER_H
#define INSTEP_SIM_RUNNER_H

#include "sim/deliver.h"

struct runner;
struct journal;

struct runner *runner_create(struct event_base *base, struct sim *sim,
                             struct deliver *deliver); /* all borrowed */
void runner_free(struct runner *runner);               /* NULL is fine */

/* Lives in the world itself or in one of its connected accounts. ms_per_day: real milliseconds per virtual day; 0 as fast as deliveries keep up. ERR_CONFLICT: one is under way. */
enum err runner_start(struct runner *runner, struct sim *account, unsigned customers, unsigned months,
                      int64_t ms_per_day, struct failure *fail);
void runner_stop(struct runner *runner);
/* Steps are recorded there from now on; borrowed, must outlive the runner. */
void runner_journal(struct runner *runner, struct journal *journal);
/* Go again where a run went: so many things that were due, the clock then, whether the run went on. False: it cannot. */
bool runner_replay(struct runner *runner, unsigned steps, int64_t now, bool running);
bool runner_is_running(const struct runner *runner);

#endif
