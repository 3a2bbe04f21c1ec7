/*
 * Carry out a plan: all reads of one turn, a few at a time, complete or not at all.
 *
 * Lists are followed to their last page, embedded lists are completed, and what an object that was read leads to
 * (worker/followup.h) is read as well, each object once and all within bounds. Each request draws on the
 * shared budget; failures that may pass are tried again a few times inside the deadline of the whole. What one read
 * finally fails with is how the fetch ends. The clock stands still while a read waits for the budget: that is our own
 * doing, and no customer's.
 *
 * Missing is a fact only of a single object. A list that is not there fails the fetch, unless the customer turns out
 * to be deleted; a page that is not there after others were is no snapshot.
 */
#ifndef INSTEP_WORKER_FETCH_H
#define INSTEP_WORKER_FETCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/queue.h"
#include "worker/fetch_objects.h"
#include "worker/outcome.h"
#include "worker/plan.h"

struct env;
struct fetch;

#define FETCH_PARALLEL    4     /* reads of one turn under way at a time */
#define FETCH_READS_MAX   1000  /* requests of one turn: pages, single objects and retries */
#define FETCH_PAGES_MAX   200   /* of one list; a longer one ends the fetch as stripe_permanent */
#define FETCH_OBJECTS_MAX 20000 /* of one turn */
#define FETCH_TRIES_MAX   3     /* of one read */
#define FETCH_BYTES_MAX   (INT64_C(256) << 20) /* of the answers of one turn */
#define FETCH_FRESH_MS    30000  /* how long a turn that has read nothing waits for the budget */
#define FETCH_BEGUN_MS    300000 /* and one that has */

struct fetch_result {
    json_t *objects;   /* array, owned by the fetch: json_incref to keep */
    json_t *missing;   /* array of {"object", "id"}, likewise */
    unsigned complete; /* FETCH_..._COMPLETE of fetch_objects.h, or-ed */
    unsigned reads;    /* requests sent */
    int64_t bytes;     /* of the answers' text: counted as held until the fetch is freed */
    unsigned
        rest_ms; /* Stripe asked for so long a rest, or the account's circuit will be open for so long; 0: none */
    const char *text; /* why it failed; "" if not */
};

struct fetch_options {
    const char *account; /* borrowed, must outlive the fetch */
    const char *context; /* of the events: how Stripe calls the account; "" if unknown; likewise */
    json_t *seeds;       /* objects that this turn has read already, or NULL; borrowed for fetch_start */
    bool alone;          /* what was read is not followed */
    bool guest;          /* the subject is no customer: see struct fetch_objects */
    enum queue_lane lane;
    uint64_t subject;    /* names the customer to the circuit; not 0 */
    bool begun;          /* the turn has read before */
    unsigned timeout_ms; /* of the whole, but for the time that it waits for the budget */
};

/*
 * Once, never before fetch_start returns. OK; STRIPE_TRANSIENT, STRIPE_PERMANENT; DENIED, OUTAGE: nobody could read;
 * LIMITED: Stripe or our own budget limits us; CROWDED: too much is held by all turns.
 */
typedef void fetch_done_fn(enum outcome outcome, const struct fetch_result *result, void *arg);

/* env borrowed, must outlive the fetch. plan is emptied. ERR_NOMEM: nothing was started. */
enum err fetch_start(struct env *env, const struct fetch_options *options, struct plan *plan,
                     fetch_done_fn *done, void *arg, struct fetch **ret_fetch);
/* Cancels what is under way. Also from inside done. NULL is fine. */
void fetch_free(struct fetch *fetch);

#endif
