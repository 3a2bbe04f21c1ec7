/* What the leader does by the clock: ops.credits_due, at random moments, sometimes not for weeks; and it dies amid it. */
#ifndef INSTEP_TESTS_REPLAY_CHORES_H
#define INSTEP_TESTS_REPLAY_CHORES_H

#include "sim/random.h"
#include "sim/sim.h"
#include "tests/replay/ledger.h"

struct chores {
    struct ledger *ledger; /* borrowed */
    struct sim *sim;       /* borrowed: its clock */
    struct random_stream random;
    int64_t next; /* when they are run next, unix seconds */
    unsigned runs;
};

void chores_open(struct chores *chores, struct ledger *ledger, struct sim *sim, uint64_t seed);
/* When they will be run; after `now`. */
int64_t chores_next(struct chores *chores, int64_t now);
void chores_some(struct chores *chores); /* a batch of them; perhaps it dies, and nothing of it stays */
void chores_all(struct chores *chores);  /* until nothing is due */

#endif
