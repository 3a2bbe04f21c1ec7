/* All reads of a plan, with what follows from them, as worker/fetch.c does it: complete or not at all. */
#ifndef INSTEP_TESTS_REPLAY_READING_H
#define INSTEP_TESTS_REPLAY_READING_H

#include "tests/replay/pass.h"
#include "worker/plan.h"

struct reading {
    struct fetch_objects found; /* owned */
};

/* plan is borrowed; alone: what was read is not followed, as on the way to a customer. False: the pass has failed, and nothing is to be released. */
bool reading_do(struct reading *reading, struct pass *pass, const struct plan *plan, bool alone);
void reading_release(struct reading *reading);

#endif
