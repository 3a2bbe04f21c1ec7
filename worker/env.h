/* What every turn of a worker shares. Built by worker.c, borrowed by all else. */
#ifndef INSTEP_WORKER_ENV_H
#define INSTEP_WORKER_ENV_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "worker/catalogue.h"
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

/* What Redis answered with an error last time it was asked: a script that does not compile, say. */
enum env_refusal {
    ENV_REFUSED_TAKE = 1,
    ENV_REFUSED_BUDGET = 2,
    ENV_REFUSED_VERB = 4,
    ENV_REFUSED_MEASURE = 8
};

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
    int api_version; /* that reads are pinned to, as stripe_version_parse says it */
    struct circuits circuits;
    struct catalogue catalogue; /* owned: what need not be read again */
    struct {
        bool under_way;
        unsigned rounds; /* of this time */
        int64_t settled;
    } credits;           /* the leader's chore, worker/chores.c */
    int64_t reads_total; /* requests sent to Stripe since start */
    unsigned refused;    /* enum env_refusal, or-ed */
    int64_t held_bytes;  /* of Stripe's answers, as text, that turns hold now */
};

/* Parsed, they take several times as much memory. Beyond it turns give back what they have, unless they hold half of it. */
#define ENV_HELD_BYTES_MAX (INT64_C(64) << 20)
void env_hold(struct env *env, int64_t bytes); /* negative: let go */

/* Note how asking Redis ended; a worker that is refused is not ready. */
void env_asked_redis(struct env *env, enum env_refusal what, enum err err, const struct failure *fail);

uint64_t env_random(void); /* good enough for jitter and uuids: from the kernel */

#define UUID_BYTES 37                     /* with NUL */
void env_uuid(char ret_uuid[UUID_BYTES]); /* version 4 */

#endif
