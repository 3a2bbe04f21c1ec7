/*
 * Plans as the simulator's own truth understands them: which plan a price stands for, which rules it had when. They come from
 * the products' metadata (instep_…) and from what the application loaded (app_credits.h).
 */
#ifndef INSTEP_SIM_CREDIT_PLANS_H
#define INSTEP_SIM_CREDIT_PLANS_H

#include "sim/sim.h"

enum rollover { ROLLOVER_NONE, ROLLOVER_CAPPED, ROLLOVER_UNLIMITED };
enum clawback { CLAWBACK_NONE, CLAWBACK_CLAMP, CLAWBACK_NEGATIVE };

struct plan_rules {
    int64_t monthly, trial; /* credits */
    bool per_unit;
    bool when_paid; /* else when active */
    bool trial_carry;
    enum rollover rollover;
    int64_t cap;            /* if capped */
    int64_t expires_months; /* if unlimited; 0: never */
    bool upgrade_now;       /* the difference at once, else at renewal */
    bool downgrade_now;     /* else at renewal */
    enum clawback clawback;
};

struct plan_version {
    const char *plan_key; /* the arena's or a constant */
    int version;          /* from 1 */
    int64_t valid_from;
    struct plan_rules rules;
};

/* Something loaded by the application: what it says, and since when. Newest last. */
struct plan_load {
    struct plan_load *next;
    int64_t at;
    json_t *plans; /* owned: the object of plans by key */
};

struct plans; /* all versions of all plans of an account, as of now */
struct plans *plans_of(const struct sim *sim);
void plans_free(struct plans *plans); /* NULL is fine */

/* The plan that a price stands for. */
const char *plan_of_price(const struct plans *plans, const struct price *price);
/* The version for what begins at `start` and ends at `end`; NULL: none, so no credits. */
const struct plan_version *plan_version_at(const struct plans *plans, const char *plan_key, int64_t start,
                                           int64_t end);

/* Whether any version so far does something about a change before the next renewal. */
bool plan_acts_at_once(const struct plans *plans, const char *plan_key);

#endif
