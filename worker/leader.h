/*
 * One worker of all does the chores: who holds one advisory lock runs the schedule. The lock lives on the lock
 * connection, so a dead or cut-off leader is replaced as soon as the server notices.
 */
#ifndef INSTEP_WORKER_LEADER_H
#define INSTEP_WORKER_LEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct config;
struct env;
struct leader;

struct leader_job {
    const char *name;     /* static */
    unsigned interval_ms; /* between two starts; the first comes right after election */
    unsigned (*interval)(const struct config *config); /* in place of interval_ms, unless NULL */
    void (*run)(struct env *env);                      /* starts the job; must not block */
};

/* All borrowed, must outlive the leader. ERR_NOMEM. */
enum err leader_create(struct env *env, const struct leader_job *jobs, size_t jobs_count,
                       struct leader **ret_leader);
void leader_free(struct leader *leader); /* after lock_free(). NULL is fine */

bool leader_is(const struct leader *leader); /* this worker leads now */

#endif
