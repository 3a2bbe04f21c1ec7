/*
 * The application that the users of the lives belong to: it takes credits, gives them back, grants some by hand and counts usage,
 * through the functions that an application calls, and the oracle (sim/app_credits.h) says what must come of it. Calls are also
 * repeated with their key, die before they are committed, and are wrong in every way that has an error of its own.
 *
 * Only in quiet moments, when the ledger knows all that happened: the oracle does.
 */
#ifndef INSTEP_TESTS_REPLAY_APP_H
#define INSTEP_TESTS_REPLAY_APP_H

#include "sim/random.h"
#include "sim/sim.h"
#include "tests/replay/ledger.h"

struct app_call;

struct app {
    struct ledger *ledger; /* borrowed */
    struct sim *sim;       /* borrowed */
    const char *name;      /* borrowed: begins what is said of differences */
    struct random_stream random;
    json_t *users;          /* owned: ids that the ledger knows */
    json_t *usage;          /* owned: user and meter and period to what was counted */
    struct app_call *calls; /* owned: those that were accepted, to be repeated or given back */
    size_t calls_count, calls_room;
    unsigned keys;                        /* used up */
    unsigned accepted, refused, repeated; /* calls */
    unsigned differences;                 /* each was said */
};

void app_open(struct app *app, struct ledger *ledger, struct sim *sim, uint64_t seed, const char *name);
void app_close(struct app *app);

void app_look(struct app *app); /* which users are there: once in each quiet moment, before the first act */
void app_act(struct app *app);  /* something, for one of them */
/* Every user's balance is what the oracle says, for who asks now and for who names the moment. */
void app_compare_balances(struct app *app);

#endif
