/* What the shop does in Stripe: it edits the rules of a plan, which are written in its product's metadata, and tells later whose a customer is. */
#ifndef INSTEP_TESTS_REPLAY_SHOP_H
#define INSTEP_TESTS_REPLAY_SHOP_H

#include "sim/random.h"
#include "sim/sim.h"

/* Something in the metadata of a product that describes a plan changes; product.updated is told. Nothing, if there is none. */
void shop_edits_product(struct sim *sim, struct random_stream *random);
/* A customer of whom nothing says whose they are gets a user: a new one, or one that another customer has. */
void shop_names_user(struct sim *sim, struct random_stream *random);

#endif
