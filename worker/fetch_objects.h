/* What a fetch has found so far, each object once. Pure. */
#ifndef INSTEP_WORKER_FETCH_OBJECTS_H
#define INSTEP_WORKER_FETCH_OBJECTS_H

#include <jansson.h>
#include <stdbool.h>

#include "common/err.h"
#include "worker/endpoint.h"

struct fetch_objects {
    json_t *objects; /* owned array */
    json_t *missing; /* owned array of {"object", "id"} */
    json_t *ids;     /* owned object: the ids found, as a set */
    bool subscriptions_complete;
    unsigned count;
};
enum err fetch_objects_init(struct fetch_objects *found); /* ERR_NOMEM */
void fetch_objects_release(struct fetch_objects *found);

bool fetch_objects_have(const struct fetch_objects *found, const char *id);

/* One object by its id. ERR_PROTOCOL: not the object asked for. ERR_LIMIT: too many. */
enum err fetch_objects_take(struct fetch_objects *found, const struct read *read, json_t *body,
                            struct failure *fail);

struct fetch_page {
    bool more; /* next is to be read */
    struct read next;
    json_t *
        incomplete; /* array of objects whose embedded list has more; owned by the caller, also after errors */
};
/*
 * One page of a list. parent: the object whose embedded list it completes (its items are put there), or NULL.
 * ERR_PROTOCOL: not a list, or a page that says there is more and is empty. ERR_LIMIT: too many objects.
 */
enum err fetch_objects_take_page(struct fetch_objects *found, const struct read *read, json_t *parent,
                                 const json_t *body, struct fetch_page *ret_page, struct failure *fail);

/* The read that goes on with an object's embedded list; false if the list is complete. */
bool fetch_objects_rest_of(const json_t *object, struct read *ret_next);

/* There is no such object; of a customer's list: no such customer. */
enum err fetch_objects_miss(struct fetch_objects *found, const struct read *read);

#endif
