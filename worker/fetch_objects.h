/* What a fetch has found so far, each object once. Pure. */
#ifndef INSTEP_WORKER_FETCH_OBJECTS_H
#define INSTEP_WORKER_FETCH_OBJECTS_H

#include <jansson.h>
#include <stdbool.h>

#include "common/err.h"
#include "worker/endpoint.h"

/* Lists of the customer that were read to their end. */
enum {
    FETCH_SUBSCRIPTIONS_COMPLETE = 1,
    FETCH_INVOICES_COMPLETE = 2,
    FETCH_SESSIONS_COMPLETE = 4,
    FETCH_CHARGES_COMPLETE = 8,
};

struct fetch_objects {
    json_t *objects; /* owned array */
    json_t *missing; /* owned array of {"object", "id"} */
    json_t *ids; /* owned object: the ids found, as a set; with them those of refunds and payments inside */
    unsigned complete; /* FETCH_..._COMPLETE, or-ed */
    unsigned count;
    bool
        guest; /* of a subject that is no customer: a charge that was given to a customer is left to that one's turn */
};
enum err fetch_objects_init(struct fetch_objects *found); /* ERR_NOMEM */
void fetch_objects_release(struct fetch_objects *found);

bool fetch_objects_have(const struct fetch_objects *found, const char *id);

/* An object that was read before the fetch. ERR_PROTOCOL: it has no id; ERR_LIMIT. */
enum err fetch_objects_add(struct fetch_objects *found, json_t *object, struct failure *fail);

/* One object by its id. ERR_PROTOCOL: not the object asked for. ERR_LIMIT: too many. */
enum err fetch_objects_take(struct fetch_objects *found, const struct read *read, json_t *body,
                            struct failure *fail);

struct fetch_page {
    bool more; /* next is to be read */
    struct read next;
    json_t *taken; /* array of the objects that are new; owned by the caller, also after errors */
};
/*
 * One page of a list. parent: the object whose embedded list it completes (its items are put there), or NULL.
 * ERR_PROTOCOL: not a list, or a page that says there is more and is empty. ERR_LIMIT: too many objects.
 */
enum err fetch_objects_take_page(struct fetch_objects *found, const struct read *read, json_t *parent,
                                 const json_t *body, struct fetch_page *ret_page, struct failure *fail);

#define FETCH_EMBEDDED_MAX 2 /* lists inside one object: an invoice has lines and payments */
/* The reads that go on with an object's embedded lists: how many; 0 if each is complete. */
size_t fetch_objects_rest_of(const json_t *object, struct read ret_next[FETCH_EMBEDDED_MAX]);

/* There is no such object. Only for a single object that was asked for by its id. */
enum err fetch_objects_miss(struct fetch_objects *found, const struct read *read);

/* Whether this customer was read and is a tombstone. */
bool fetch_objects_deleted(const struct fetch_objects *found, const char *customer);

#endif
