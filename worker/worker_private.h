/* The inside of a worker, shared by worker/worker.c and worker/intake.c only. */
#ifndef INSTEP_WORKER_WORKER_PRIVATE_H
#define INSTEP_WORKER_WORKER_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/env.h"
#include "worker/stats.h"
#include "worker/worker.h"

struct admin;
struct event;
struct leader;
struct redis_client;
struct turn;

struct slot {
    struct turn *turn; /* owned; NULL: free */
    uint64_t serial;   /* of the turn: tells a slot's tenants apart */
};

struct worker {
    struct env env;
    struct stats stats;
    char name[128];
    struct redis_client *redis, *wake; /* owned; wake blocks on purpose */
    struct admin *admin;
    struct leader *leader;
    struct slot
        *slots; /* owned, config->turns_max of them: the table that keeps two turns of a customer apart */
    unsigned in_flight;
    uint64_t serial;

    bool hungry;        /* there may be something to take */
    bool taking;        /* a take is under way */
    unsigned returning; /* leases being given back untouched */
    bool waiting;       /* on the wake list */
    bool renewing;
    bool stopping;
    bool settings_checked;
    int status; /* of the program */

    struct event *poll, *renew, *measure, *drain, *sigterm, *sigint; /* owned */
    int64_t poll_due_mono_ms;
    int64_t quiet_until_mono_ms; /* losses of Postgres are logged once in a while */
};

/* Take, wait or do nothing, whatever fits now. Call after anything changed. */
void intake_pump(struct worker *worker);
/* Ends the loop if the worker is to stop and nothing of the queue's is in its hands any more; says whether it did. */
bool intake_ended(struct worker *worker);
/* Look at the queue again within delay_ms. */
void intake_soon(struct worker *worker, int64_t delay_ms);
void intake_on_poll(int fd, short what, void *arg);
void intake_on_renew(int fd, short what, void *arg);

#endif
