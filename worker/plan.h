/*
 * What a turn reads from Stripe, decided from the waiting events and what the claim said. Pure: no I/O.
 *
 * Events are hints. A hundred of them give the same plan as one: the lists they make us look at, back to the newest
 * known object, and what is named and might lie outside those lists; each object once. Events that failed
 * before are planned for like those that wait: what may have been missed with them is looked for from the beginning.
 * docs/turn.md, "What is read".
 */
#ifndef INSTEP_WORKER_PLAN_H
#define INSTEP_WORKER_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/queue.h"
#include "worker/endpoint.h"

/* What an event type makes us look at. */
enum plan_need {
    PLAN_NOTHING = 0,
    PLAN_SUBSCRIPTIONS = 1, /* of the customer */
    PLAN_INVOICES = 2,      /* of the customer */
    PLAN_STATE = 3,         /* both */
    PLAN_NAMED = 4,         /* the object the event is about, if an endpoint reads it and no list held it */
    PLAN_SESSIONS = 8,      /* checkout sessions of the customer */
    PLAN_CUSTOMER = 16,     /* the customer object */
    PLAN_CHARGES = 32,      /* of the customer */
    PLAN_CATALOGUE = 64,    /* the named object, though it belongs to no customer */
    PLAN_OWNER = 128        /* only whose the object is, as far as that can be found: no rule reads it */
};
/* "v1." in front is ignored; unknown types need nothing. Every type of Stripe's: tests/unit/test_needs.c. */
unsigned plan_needs(const char *event_type);

struct plan_want { /* an object that the ledger holds as not final, or lacks: a price or product */
    char object[64];
    char id[STRIPE_ID_BYTES_MAX + 1];
    bool due; /* not looked at for a while; a sync asks for all of them */
};

struct plan_owed { /* an event whose turn failed: what it made us look at is still to be read */
    char id[STRIPE_ID_BYTES_MAX + 1];
    char type[128];
    char object_type[64];
    char object_id[STRIPE_ID_BYTES_MAX + 1];
};

struct plan_input {
    int version; /* that reads are pinned to: what it does not have is not planned for */
    const char *subject;
    bool is_customer;                     /* subject is a customer; else an object that belongs to none */
    bool is_missing;                      /* Stripe has just said that there is no such object */
    bool known;                           /* its lists were read before: the first look reads everything */
    const struct envelope *const *events; /* borrowed */
    size_t events_count;
    const struct plan_want *wants; /* borrowed */
    size_t wants_count;
    const struct plan_owed *owed; /* borrowed; planned for as if they waited */
    size_t owed_count;
    bool has_user;          /* the ledger knows whose customer it is; else a session may tell */
    int64_t invoices_since; /* unix seconds, 0: all */
    int64_t sessions_since;
    int64_t charges_since;
};

/* Lists come first: what they held is not read again one by one. */
struct plan {
    struct read *reads; /* owned */
    size_t count;
};

/* *ret_plan is empty when nothing needs to be read. ERR_NOMEM. */
enum err plan_make(const struct plan_input *input, struct plan *ret_plan);
void plan_release(struct plan *plan); /* frees what it owns, zeroes it */

#endif
