/*
 * A story told once: what Stripe would deliver in each step, and the world as it stands after each. The simulator is
 * deterministic, so every world is the same story played a little further.
 */
#ifndef INSTEP_TESTS_REPLAY_TELLING_H
#define INSTEP_TESTS_REPLAY_TELLING_H

#include "sim/stories.h"
#include "tests/replay/world.h"

#define TELLING_STEPS_MAX 32

struct told {
    struct hint *hint; /* owned */
    unsigned step;     /* that it happened in, from 1 */
};

struct telling {
    const struct story *story;
    struct world worlds[TELLING_STEPS_MAX + 1]; /* [k] after k steps; [0] is before the first */
    struct story_play *plays[TELLING_STEPS_MAX + 1];
    unsigned steps;
    struct told *told; /* owned; in the order that it happened */
    size_t told_count, told_room;
};

/* False: a request of the story was answered otherwise than it expects; said. */
bool telling_open(struct telling *telling, const struct story *story, uint64_t seed, const char *version);
void telling_close(struct telling *telling);
struct world *telling_end(struct telling *telling); /* the last world */

#endif
