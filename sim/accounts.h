/*
 * Connected accounts: each is a world of its own (objects, ids, events, endpoints), under the clock and the knobs of the
 * platform. Ids of two accounts may be the same. Also the account as an object, and how much it may still read.
 */
#ifndef INSTEP_SIM_ACCOUNTS_H
#define INSTEP_SIM_ACCOUNTS_H

#include "sim/sim.h"

#define ACCOUNTS_MAX 1000

/*
 * A new connected account. id NULL: one is made. seed 0: of its own; with the seed of another account it has the same ids as
 * that one for the same requests. version NULL: the platform's. NULL: the id is taken, or there are too many.
 */
struct sim *account_create(struct sim *platform, const char *id, uint64_t seed, const char *version);

/* The platform itself or one of its accounts; NULL: there is none of that id. */
struct sim *account_find(struct sim *platform, const char *id);

json_t *account_render(const struct sim *account); /* a new reference */

/*
 * The read allocation: 500 GETs per transaction over 30 days of the virtual clock, at least 10,000. Nothing is refused for it;
 * it is there to be looked at.
 */
void account_count_read(struct sim *account);
json_t *
account_reads(const struct sim *account); /* {"used_30d", "transactions_30d", "allowed_30d", "exceeded"} */

#endif
