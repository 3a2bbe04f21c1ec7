/*
 * The worker: takes customers from the queue and runs their turns, hundreds at a time, in one thread.
 *
 * Nothing is taken unless Redis, the lock connection and at least one apply connection can be used and Stripe's
 * circuit lets it. An idle worker sleeps on the wake list and looks once in a while by itself; it never spins.
 */
#ifndef INSTEP_WORKER_WORKER_H
#define INSTEP_WORKER_WORKER_H

#include "common/err.h"

struct config;
struct event_base;
struct worker;

/* config and base borrowed, must outlive the worker. */
enum err worker_create(struct event_base *base, const struct config *config, struct worker **ret_worker,
                       struct failure *fail);
/* Only when the loop has ended and no turn is left (worker_run says so). NULL is fine. */
void worker_free(struct worker *worker);

/* Run until SIGTERM or SIGINT, then drain. Returns the exit status: 0, or 1 if the worker cannot do its job. */
int worker_run(struct worker *worker);

#endif
