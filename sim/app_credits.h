/*
 * What the application does with its users' credits: spends, spends given back, grants by hand, plans loaded from a file. The
 * simulated Stripe knows nothing of it; it is kept beside it so that the truth (sim/truth.h) can say what is left.
 *
 * Each call is judged by the truth as of sim->now, with everything that has happened until then: call it when the ledger has
 * been told all of it, and ask the ledger the same in the same moment. What is accepted is recorded with the lots that it was
 * taken from; what is refused leaves no trace. A key that was used before gives the first answer's effect again: true, and nothing
 * more happens (the same key with other content is not for here: it is an error, and no truth).
 *
 * Amounts are whole credits, greater than 0. user is the application's own id, without "user:"; texts are copied. The
 * records live as long as sim, which is the platform, not a connected account.
 */
#ifndef INSTEP_SIM_APP_CREDITS_H
#define INSTEP_SIM_APP_CREDITS_H

#include <jansson.h>

#include "sim/sim.h"

/* Take credits. True: the ledger must accept it; false: there are not enough. */
bool app_spend(struct sim *sim, const char *user, int64_t amount, const char *key);

/* Give back what the spend took, last burnt first; amount 0: what is left of it. False: no such spend, or more than is left of it. */
bool app_refund_spend(struct sim *sim, const char *user, const char *spend_key, int64_t amount,
                      const char *key);

/* A lot by hand. expires_at: unix seconds, 0: never. Always true but for one that expires at once. */
bool app_grant(struct sim *sim, const char *user, int64_t amount, const char *key, int64_t expires_at);

/* What the user may spend now; negative: a debt. */
int64_t app_balance(const struct sim *sim, const char *user);

/*
 * Load plans from sim->now on: the same JSON that ledger.load_plans takes, {"plans": {"key": {…}}}, borrowed. Only what is valid
 * there may be given here. A plan that was loaded once is not changed by product metadata any more.
 */
void app_load_plans(struct sim *sim, const json_t *plans);

#endif
