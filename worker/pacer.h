/*
 * Waiting for the Stripe budget: reads that wait for the same account, endpoint and lane ask Redis together.
 */
#ifndef INSTEP_WORKER_PACER_H
#define INSTEP_WORKER_PACER_H

#include "common/err.h"
#include "common/queue.h"

struct budget;
struct event_base;
struct pacer;
struct pacer_ticket; /* one read waiting; owned by the pacer */

/* All borrowed, must outlive the pacer. */
enum err pacer_create(struct event_base *base, struct budget *budget, struct pacer **ret_pacer);
/* Cancel all tickets first. Budget calls under way must have ended: free the Redis client first. NULL is fine. */
void pacer_free(struct pacer *pacer);

/* ERR_OK: send now. Else the budget could not be asked. Once, from the loop, never before pacer_wait returns. */
typedef void pacer_fn(enum err err, void *arg);

/* endpoint is static text. ERR_NOMEM: nothing waits. */
enum err pacer_wait(struct pacer *pacer, const char *account, const char *endpoint, enum queue_lane lane,
                    pacer_fn *done, void *arg, struct pacer_ticket **ret_ticket);
void pacer_cancel(struct pacer_ticket *ticket); /* its callback never runs; only before it has */

#endif
