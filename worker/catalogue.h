/*
 * What of Stripe's catalogue a turn must read besides: the products behind subscription items, and the prices and products
 * behind invoice lines of such items, unless an applied turn of this process has brought them to the ledger. A plan's rules
 * may stand in a product's metadata, so that they are known at the first turn of the first customer who has it. No I/O.
 *
 * What is known is a bounded set of ids of this process; the ledger has them for good. Only a turn that was applied adds to it.
 * Beyond CATALOGUE_KNOWN_MAX the oldest is forgotten, and read once more when it is met again. Changes come by their own events.
 */
#ifndef INSTEP_WORKER_CATALOGUE_H
#define INSTEP_WORKER_CATALOGUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct fetch_objects;
struct plan;

#define CATALOGUE_KNOWN_MAX 16384
#define CATALOGUE_READS_MAX 100 /* of one turn; the rest is read by the customer's next turns */

struct catalogue {
    json_t *known; /* owned set of "account:id", the oldest first; NULL: empty */
};

bool catalogue_knows(const struct catalogue *catalogue, const char *account, const char *id);

/*
 * A turn was applied that had read these objects and missed those ({"object", "id"}): also what is not there is known. Without
 * memory less is remembered.
 */
void catalogue_learn(struct catalogue *catalogue, const char *account, const json_t *objects,
                     const json_t *missing);

/*
 * What is to be read because of what was found, each once, at most reads_max; what was found to be missing is not. *ret_plan is
 * empty when nothing is. ERR_NOMEM.
 */
enum err catalogue_plan(const struct catalogue *catalogue, const char *account,
                        const struct fetch_objects *found, size_t reads_max, struct plan *ret_plan);

void catalogue_release(struct catalogue *catalogue); /* frees what it owns, zeroes it */

#endif
