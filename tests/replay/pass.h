/*
 * A turn, step by step and blocking: claim, route, read, apply. What a turn does in the worker between its waits is done
 * here by the same functions (plan, endpoints, found objects, resolve, turn JSON); only the waiting is another.
 */
#ifndef INSTEP_TESTS_REPLAY_PASS_H
#define INSTEP_TESTS_REPLAY_PASS_H

#include "tests/replay/ledger.h"
#include "tests/replay/world.h"
#include "worker/fetch_objects.h"
#include "worker/turn_private.h"

enum pass_end {
    PASS_UNDER_WAY,
    PASS_APPLIED,
    PASS_ALREADY, /* every event was applied before: nothing was read */
    PASS_MOVED,   /* the events belong to another stream: moved_to */
    PASS_FENCED,
    PASS_FAILED /* why says of what */
};

struct pass {
    struct ledger *ledger; /* borrowed */
    struct world *world;   /* borrowed: where it reads */
    struct turn turn;      /* owned parts: the lists and objects */
    enum pass_end end;
    char moved_to[QUEUE_KEY_BYTES_MAX + 1];
    int entries; /* booked */
    char why[700];
};

struct pass_about {
    struct ledger *ledger;
    struct world *world;
    struct env *env;                 /* its config and name are used */
    const char *key;                 /* of the stream */
    const struct hint *const *hints; /* copied; each must outlive the pass */
    size_t count;
    unsigned attempt; /* 1 is the first */
    int64_t skew_s;   /* read so long after the world's clock */
};

/* Claims. The pass may be over already. */
void pass_claim(struct pass *pass, const struct pass_about *about);
/* Routes and reads; nothing if it is over. */
void pass_read(struct pass *pass);
/* Applies; nothing if it is over. */
void pass_apply(struct pass *pass);
/* Write down that it failed, as a worker does, and perhaps bury the events. */
void pass_fail(struct pass *pass, const char *shelf, bool bury);
void pass_release(struct pass *pass);

#endif
