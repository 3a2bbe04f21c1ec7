/* What every turn of a worker shares. Built by worker.c, borrowed by all else. */
#ifndef INSTEP_WORKER_ENV_H
#define INSTEP_WORKER_ENV_H

#include <stdint.h>

#include "worker/circuit.h"

struct budget;
struct config;
struct event_base;
struct lock;
struct pacer;
struct pg_pool;
struct queue;
struct stats;
struct stripe_client;

struct env {
    struct event_base *base;
    const struct config *config;
    const char *name; /* of this worker: "host:pid:random" */
    struct queue *queue;
    struct budget *budget;
    struct pacer *pacer;
    struct lock *lock;
    struct pg_pool *ledger; /* the apply connections */
    struct stripe_client *stripe;
    struct stats *stats;
    struct circuits circuits;
    int64_t reads_total; /* requests sent to Stripe since start */
    int64_t held_bytes;  /* of Stripe's answers, as text, that turns hold now */
};

/* Parsed, they take several times as much memory. Beyond it turns give back what they have, unless they are alone. */
#define ENV_HELD_BYTES_MAX (INT64_C(64) << 20)
void env_hold(struct env *env, int64_t bytes); /* negative: let go */

uint64_t env_random(void); /* good enough for jitter and uuids: from the kernel */

#define UUID_BYTES 37                     /* with NUL */
void env_uuid(char ret_uuid[UUID_BYTES]); /* version 4 */

#endif
