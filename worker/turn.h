/*
 * One pass over one customer: take → lock → claim → route → fetch → apply → ack → unlock. docs/turn.md is the
 * protocol, worker/turn_table.h the way through it.
 */
#ifndef INSTEP_WORKER_TURN_H
#define INSTEP_WORKER_TURN_H

#include <stdint.h>

#include "common/err.h"
#include "worker/outcome.h"
#include "worker/turn_table.h"

struct env;
struct queue_lease;
struct turn;

typedef void turn_done_fn(struct turn *turn, void *arg);

/*
 * Start a turn for a lease that was just taken.
 *
 * env    borrowed, must outlive the turn.
 * lease  moved: emptied on success.
 * done   called exactly once, from the loop, never before turn_start() returns. The turn is the caller's then, to
 *        free inside done or later.
 * ERR_NOMEM: nothing started, the lease stays the caller's.
 */
enum err turn_start(struct env *env, struct queue_lease *lease, turn_done_fn *done, void *arg,
                    struct turn **ret_turn);
/* Only after done, or while nothing of the environment runs any more. NULL is fine. */
void turn_free(struct turn *turn);

const char *turn_key(const struct turn *turn); /* of the queue */
const struct queue_lease *turn_lease(const struct turn *turn);
enum turn_state turn_state(const struct turn *turn);
/* After done: the customer went back to the queue and is due in so many milliseconds; -1 if it did not. */
int64_t turn_resting_ms(const struct turn *turn);

void turn_lease_renewed(struct turn *turn, int64_t until_mono_ms);
/* Another has the customer now: nothing of this turn is written any more. */
void turn_lease_lost(struct turn *turn);
/* Give the customer back as soon as may be, without counting the attempt. The turn still ends through done. */
void turn_abandon(struct turn *turn);

#endif
