/*
 * A simulated Stripe in this process: it is asked through its API as the worker asks, and what it would deliver comes
 * out as hints, routed by the ingest's own parser. No sockets, no clock but the virtual one.
 */
#ifndef INSTEP_TESTS_REPLAY_WORLD_H
#define INSTEP_TESTS_REPLAY_WORLD_H

#include <jansson.h>

#include "common/queue.h"
#include "sim/api.h"
#include "worker/endpoint.h"

/* An event as the queue would hold it. Allocated as one block: free(). */
struct hint {
    struct envelope envelope; /* its strings live behind the hint */
    const char *key;          /* of the stream: "self:cus_…" */
    uint64_t number;          /* of the event, in the order they happened */
    int64_t at;               /* virtual */
};

struct world {
    struct sim *sim;
    struct api *api;
    const char *version;                                     /* Stripe-Version of every read; borrowed */
    double thin_rate;                                        /* share of the events that come thin */
    unsigned reads;                                          /* answered so far */
    void (*on_hint)(struct hint *hint, void *arg);           /* takes the hint; NULL: nobody listens */
    void (*before_read)(const struct read *read, void *arg); /* the world may move on here; NULL: it stands */
    void *arg;
};

/* A copy; key NULL: the same stream, else another, and the customer that it names. free(). */
struct hint *hint_copy(const struct hint *hint, const char *key);
/* One of our own: instep.sync or instep.look, about an object of the stream's account or "". */
struct hint *hint_make(const char *key, const char *type, const char *object_type, const char *object_id);

/* A new world that begins at `start`; ends the program when there is no memory. */
void world_open(struct world *world, uint64_t seed, int64_t start, const char *version);
void world_close(struct world *world);

/* One GET. *ret_body is the caller's, NULL unless the status is 200. Returns the status; ends the program on nonsense. */
int world_read(struct world *world, const struct read *read, const char *account, json_t **ret_body);

/* The program cannot go on: says why and exits with 3. */
void give_up(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
