/*
 * Whose is it? An event without a customer in its payload is keyed by its object; its turn walks from object to
 * object until one names the customer. Pure: one step at a time, the reading is the caller's.
 *
 *     dispute, refund, review, fraud warning → charge, else payment intent
 *     application fee, reserve → charge            invoice payment → invoice
 *     subscription item → subscription             mandate, 3-D Secure → payment method
 *     credit balance transaction → credit grant    thin event without an object → what the event says when read
 *     charge, payment intent of a guest → the checkout session that made it, else the charge itself
 */
#ifndef INSTEP_WORKER_RESOLVE_H
#define INSTEP_WORKER_RESOLVE_H

#include <jansson.h>

#include "worker/endpoint.h"

#define RESOLVE_STEPS_MAX 6

enum resolve_answer {
    RESOLVE_FOUND, /* id is the key the events belong to: a customer, or the checkout session of a guest */
    RESOLVE_BARE, /* id is a guest's charge that no session made: a subject of its own. Not to be remembered: a
                      session may still name it */
    RESOLVE_READ,  /* read walk->next and go on with what it says */
    RESOLVE_NOBODY /* the object exists and belongs to no customer */
};

struct resolve {
    int version;                          /* that reads are pinned to */
    struct read next;                     /* the step under way */
    char charge[STRIPE_ID_BYTES_MAX + 1]; /* the guest's charge the way led over; "" if none */
};

/*
 * Where the walk begins; version is the one that reads are pinned to. RESOLVE_NOBODY: no endpoint that it has leads from
 * such an object to a customer.
 */
enum resolve_answer resolve_start(struct resolve *walk, int version, const char *object_type,
                                  const char *object_id);

/*
 * body is what walk->next was answered with: an object, or a list object.
 * RESOLVE_FOUND and RESOLVE_BARE fill ret_id (STRIPE_ID_BYTES_MAX + 1 bytes); RESOLVE_READ fills walk->next.
 */
enum resolve_answer resolve_step(struct resolve *walk, const json_t *body, char *ret_id);

/* The id in a field that holds an id or, if expanded, the object; "" if null or absent. Borrowed. */
const char *resolve_id_of(const json_t *object, const char *field);

#endif
