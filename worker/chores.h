/* What a worker does besides turns: gauges, warnings, and the leader's schedule. */
#ifndef INSTEP_WORKER_CHORES_H
#define INSTEP_WORKER_CHORES_H

#include <stddef.h>

#include "worker/leader.h"

struct env;

void chores_measure(struct env *env);        /* refresh the gauges of queue and budget */
void chores_check_settings(struct env *env); /* warn about each setting of Redis that breaks a promise */

extern const struct leader_job chores_schedule[];
extern const size_t chores_schedule_count;

#endif
