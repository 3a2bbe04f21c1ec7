/*
 * Products, and what they said of themselves when. A plan is written in a product's metadata, so a shop that edits a
 * product changes rules: what was given before keeps those of its time. Every change of name or metadata is a version.
 */
#ifndef INSTEP_SIM_PRODUCT_H
#define INSTEP_SIM_PRODUCT_H

#include "sim/sim.h"

/* A new product, told (product.created). name is copied; metadata: borrowed, NULL is none. */
struct product *product_create(struct sim *sim, const char *name, json_t *metadata, bool active);

/*
 * Call after fields of a product were changed: `updated` moves, what it says now becomes a version (within one second
 * the same one), and product.updated is told. Nothing happens if nothing differs. before: rendered before the change; stolen.
 */
void product_changed(struct sim *sim, struct product *p, json_t *before);

/* What it said at a moment: the newest version of then, the first for moments before all. Borrowed, never NULL. */
const struct product_version *product_version_at(const struct product *p, int64_t at);

void product_release(struct product *p); /* what the arena does not hold */

#endif
