/* The states of a turn and the way between them, as data. docs/turn.md draws it from here. */
#ifndef INSTEP_WORKER_TURN_TABLE_H
#define INSTEP_WORKER_TURN_TABLE_H

#include "worker/outcome.h"

/*
 * X(state, operation, next, skip, fail, later, drop)
 *
 * Every edge points to a later row, so a turn always ends. TURN_DONE where an operation cannot end that way
 * would be wrong too: each impossible edge leads to TURN_UNLOCK, which gives up the lock if there is one.
 */
// clang-format off: a table
#define TURN_TABLE(X)                                                                                        \
    /*  state         operation      next          skip          fail          later         drop      */    \
    X(TURN_TAKE, turn_take, TURN_LOCK, TURN_UNLOCK, TURN_RECORD, TURN_PUTBACK, TURN_UNLOCK)                  \
    X(TURN_LOCK, turn_lock, TURN_CLAIM, TURN_UNLOCK, TURN_RECORD, TURN_PUTBACK, TURN_UNLOCK)                 \
    X(TURN_CLAIM, turn_claim, TURN_ROUTE, TURN_ACK, TURN_RECORD, TURN_PUTBACK, TURN_UNLOCK)                  \
    X(TURN_ROUTE, turn_route, TURN_FETCH, TURN_MOVE, TURN_RECORD, TURN_PUTBACK, TURN_UNLOCK)                 \
    X(TURN_MOVE, turn_move, TURN_ACK, TURN_UNLOCK, TURN_RECORD, TURN_PUTBACK, TURN_UNLOCK)                   \
    X(TURN_FETCH, turn_fetch, TURN_APPLY, TURN_UNLOCK, TURN_RECORD, TURN_PUTBACK, TURN_UNLOCK)               \
    X(TURN_APPLY, turn_apply, TURN_ACK, TURN_UNLOCK, TURN_RECORD, TURN_PUTBACK, TURN_UNLOCK)                 \
    X(TURN_RECORD, turn_record, TURN_BURY, TURN_PUTBACK, TURN_PUTBACK, TURN_PUTBACK, TURN_UNLOCK)            \
    X(TURN_PUTBACK, turn_putback, TURN_UNLOCK, TURN_UNLOCK, TURN_UNLOCK, TURN_UNLOCK, TURN_UNLOCK)           \
    X(TURN_BURY, turn_bury, TURN_UNLOCK, TURN_UNLOCK, TURN_UNLOCK, TURN_UNLOCK, TURN_UNLOCK)                 \
    X(TURN_ACK, turn_ack, TURN_UNLOCK, TURN_UNLOCK, TURN_UNLOCK, TURN_UNLOCK, TURN_UNLOCK)                   \
    X(TURN_UNLOCK, turn_unlock, TURN_DONE, TURN_DONE, TURN_DONE, TURN_DONE, TURN_DONE)
// clang-format on

enum turn_state {
#define X(state, op, next, skip, fail, later, drop) state,
    TURN_TABLE(X)
#undef X
        TURN_DONE,
    TURN_STATES
};

const char *turn_state_name(enum turn_state state); /* "lock" */

/* Pure: where a turn goes from state when its operation ended so. Not for TURN_DONE. */
enum turn_state turn_next(enum turn_state state, enum outcome outcome);

#endif
