#include "worker/turn_table.h"

#include <assert.h>

static const enum turn_state edges[TURN_DONE][FATES] = {
#define X(state, op, next, skip, fail, later, drop) [state] = {next, skip, fail, later, drop},
    TURN_TABLE(X)
#undef X
};

static const char *const names[TURN_STATES] = {
    [TURN_TAKE] = "take", [TURN_LOCK] = "lock",   [TURN_CLAIM] = "claim",     [TURN_ROUTE] = "route",
    [TURN_MOVE] = "move", [TURN_FETCH] = "fetch", [TURN_APPLY] = "apply",     [TURN_RECORD] = "record",
    [TURN_BURY] = "bury", [TURN_ACK] = "ack",     [TURN_PUTBACK] = "putback", [TURN_UNLOCK] = "unlock",
    [TURN_DONE] = "done",
};

const char *turn_state_name(enum turn_state state)
{
    return names[state];
}

enum turn_state turn_next(enum turn_state state, enum outcome outcome)
{
    assert(state < TURN_DONE && outcome < OUTCOMES);
    return edges[state][outcome_fate(outcome)];
}
