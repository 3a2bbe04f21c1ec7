/* The inside of a turn, shared by worker/turn*.c only. */
#ifndef INSTEP_WORKER_TURN_PRIVATE_H
#define INSTEP_WORKER_TURN_PRIVATE_H

#include <jansson.h>
#include <stdbool.h>

#include "common/queue.h"
#include "worker/env.h"
#include "worker/plan.h"
#include "worker/resolve.h"
#include "worker/turn.h"

struct event;
struct fetch;

struct turn {
    struct env *env;
    struct queue_lease lease;              /* owned */
    char account[STRIPE_ID_BYTES_MAX + 1]; /* "self" or acct_... */
    const char *subject;                   /* in lease.key */
    const struct envelope **events;        /* owned array into lease: each event id once */
    size_t events_count;
    const char *context; /* how the events' context calls the account, or ""; in lease */
    enum turn_state state;
    bool waiting; /* an operation will resume the turn */
    bool abandoned;

    /* how it goes */
    enum outcome outcome; /* the first that was not OK or SKIP; else OK */
    char text[500];       /* why, for people */
    const char *label;    /* what the turn came to: "applied", "moved", or the outcome's name */
    bool count_attempt;
    unsigned delay_ms;              /* of putback */
    unsigned delay_least_ms;        /* somebody asked for so long a rest */
    struct event *timer;            /* owned */
    int64_t started_ms, fetched_ms; /* wall clock */
    int64_t started_mono_ms, lease_until_mono_ms;
    bool lease_lost;

    /* lock and claim */
    int64_t lock_key;
    uint64_t lock_epoch; /* 0: not held */
    char uuid[UUID_BYTES], claim[UUID_BYTES];
    bool is_customer, known, has_user;
    char routed_to[STRIPE_ID_BYTES_MAX + 1]; /* "" unless the events belong elsewhere */
    bool routed_before;                      /* the ledger knew */
    struct plan_want *wants;                 /* owned */
    size_t wants_count;
    struct plan_owed *owed; /* owned: events that failed before and are not among ours */
    size_t owed_count;
    int64_t invoices_since, sessions_since, charges_since;

    /* what Stripe said */
    struct resolve walk; /* to the customer */
    unsigned resolve_steps;
    json_t *seeds;                                /* owned array: the subject itself, if the walk read it */
    char snapshot_of[STRIPE_ID_BYTES_MAX + 1];    /* a thin event that was read in full, */
    char snapshot_event[STRIPE_ID_BYTES_MAX + 1]; /* and the snapshot event that says the same; or "" */
    char routed_user[256];
    struct fetch *fetch;       /* owned */
    json_t *objects, *missing; /* owned arrays */
    unsigned complete;         /* lists read to their end */
    unsigned reads;
    int64_t held_bytes; /* of objects and missing, as text; counted in env */

    unsigned tries;  /* of the statement or command of this state */
    unsigned moving; /* events on their way to another stream */
    enum err move_err;
    bool bury;
    bool record_briefly; /* the whole failure could not be written down: ids and class only */

    turn_done_fn *done;
    void *arg;
};

/*
 * An operation returns true when it will call turn_resume() exactly once later, false when it is already over
 * and *ret_outcome says how.
 */
#define X(state, op, next, skip, fail, later, drop) bool op(struct turn *turn, enum outcome *ret_outcome);
TURN_TABLE(X)
#undef X

void turn_resume(struct turn *turn, enum outcome outcome);

/* Note why; returns outcome. */
enum outcome turn_because(struct turn *turn, enum outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What the waiting events, and those that failed before, make us look at: enum plan_need, or-ed. */
unsigned turn_needs(const struct turn *turn);

/* Whether lock and lease are still what they were; else LOCK_LOST or LEASE_LOST. */
enum outcome turn_still_ours(struct turn *turn);

#endif
