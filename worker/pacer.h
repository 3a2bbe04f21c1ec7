/*
 * Waiting for the Stripe budget: reads that wait for the same account, endpoint and lane ask Redis together. Reads of
 * turns that have begun go first: half a turn is worth nothing.
 */
#ifndef INSTEP_WORKER_PACER_H
#define INSTEP_WORKER_PACER_H

#include <stdbool.h>
#include <stdint.h>

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

/* endpoint is static text. begun: the turn has sent reads before. ERR_NOMEM: nothing waits. */
enum err pacer_wait(struct pacer *pacer, const char *account, const char *endpoint, enum queue_lane lane,
                    bool begun, pacer_fn *done, void *arg, struct pacer_ticket **ret_ticket);
void pacer_cancel(struct pacer_ticket *ticket); /* its callback never runs; only before it has */

/* For how long the oldest read of the account has been waiting; 0 if none waits. */
int64_t pacer_oldest_ms(const struct pacer *pacer, const char *account);

/* New turns of an account wait outside while its reads wait longer than this. */
#define PACER_BEHIND_MS 3000

#endif
