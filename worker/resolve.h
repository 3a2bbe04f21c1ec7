/*
 * Whose is it? An event without a customer in its payload is keyed by its object; its turn walks from object to
 * object until one names the customer. Pure: one step at a time, the reading is the caller's.
 *
 *     dispute, refund, review, fraud warning → charge, else payment intent
 *     invoice payment → invoice              subscription item → subscription
 *     charge, payment intent of a guest → the checkout session that made it
 */
#ifndef INSTEP_WORKER_RESOLVE_H
#define INSTEP_WORKER_RESOLVE_H

#include <jansson.h>

#include "worker/endpoint.h"

#define RESOLVE_STEPS_MAX 5

enum resolve_answer {
    RESOLVE_FOUND, /* id is the key the events belong to: a customer, or the checkout session of a guest */
    RESOLVE_READ,  /* read ret_next and ask again with what it says */
    RESOLVE_NOBODY /* the object exists and belongs to no customer */
};

/* Where the walk begins. RESOLVE_NOBODY: no endpoint of ours leads from such an object to a customer. */
enum resolve_answer resolve_start(const char *object_type, const char *object_id, struct read *ret_next);

/*
 * body is what the read answered: an object, or a list object.
 * RESOLVE_FOUND fills ret_id (STRIPE_ID_BYTES_MAX + 1 bytes); RESOLVE_READ fills *ret_next.
 */
enum resolve_answer resolve_step(const struct read *read, const json_t *body, struct read *ret_next,
                                 char *ret_id);

/* The id in a field that holds an id or, if expanded, the object; "" if null or absent. Borrowed. */
const char *resolve_id_of(const json_t *object, const char *field);

#endif
