/* What the program can do; each mode is a file. */
#ifndef INSTEP_TESTS_REPLAY_MODES_H
#define INSTEP_TESTS_REPLAY_MODES_H

#include "tests/replay/ledger.h"
#include "worker/env.h"

struct world;

struct options {
    uint64_t seed;
    unsigned customers, months;
    const char *version; /* Stripe-Version of the reads */
    unsigned events_max; /* permute: at most so many events of a story, 1..7 */
    char **names;        /* stories; NULL-terminated; none: all */
};

/* Each prints TAP results. */
void truth_of_lives(struct ledger *ledger, struct env *env, const struct options *options);
void truth_of_stories(struct ledger *ledger, struct env *env, const struct options *options);
void credits_of_lives(struct ledger *ledger, struct env *env, const struct options *options);
void permutations(struct ledger *ledger, struct env *env, const struct options *options);

/* Compare and print differences; name begins each line. */
bool truth_equal(struct ledger *ledger, const struct world *world, const char *name);
/* The ledger agrees with itself: what ops.verify() finds is printed. */
bool truth_verified(struct ledger *ledger, const char *name);

#endif
