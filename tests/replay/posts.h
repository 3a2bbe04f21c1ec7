/* Deliveries on their way, by the virtual time they arrive at. */
#ifndef INSTEP_TESTS_REPLAY_POSTS_H
#define INSTEP_TESTS_REPLAY_POSTS_H

#include "sim/random.h"
#include "tests/replay/world.h"

struct post;

/* A heap; zeroed is empty. */
struct posts {
    struct post *heap; /* owned, its hints too */
    size_t count, room;
    uint64_t rank; /* of two that arrive at once, the one that was put first */
};

void posts_put(struct posts *posts, int64_t at, struct hint *hint); /* takes the hint */
/* The next that arrives by then, the caller's; NULL: none. */
struct hint *posts_next(struct posts *posts, int64_t until);
void posts_release(struct posts *posts);

/* How long a delivery takes, in seconds: most are quick, some need retries, a few come weeks later. */
int64_t posts_delay(struct random_stream *random);

#endif
