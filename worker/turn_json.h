/* The JSON between a turn and the ledger's functions; docs/turn.md, "What apply_turn gets". Pure. */
#ifndef INSTEP_WORKER_TURN_JSON_H
#define INSTEP_WORKER_TURN_JSON_H

#include <stdbool.h>

#include "common/err.h"

struct turn;

/* Each returns a malloc'd text, owned by the caller; NULL without memory. */
char *turn_json_event_ids(const struct turn *turn); /* ["evt_1", ...] */
char *turn_json_apply(const struct turn *turn);     /* p_turn of ledger.apply_turn */
char *turn_json_failure(const struct turn *turn, const char *shelf,
                        long long next_at_ms); /* p_failure of ops.fail_turn */

/*
 * Read what ops.claim_customer answered into the turn. *ret_all_applied: every waiting event was applied before,
 * and none of them asks for a look of its own (instep.sync). ERR_PROTOCOL: not understood; ERR_NOMEM.
 */
enum err turn_json_read_claim(struct turn *turn, const char *text, bool *ret_all_applied);

#endif
