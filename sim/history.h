/* What subscriptions were: Stripe forgets it, the truth about credits needs it. */
#ifndef INSTEP_SIM_HISTORY_H
#define INSTEP_SIM_HISTORY_H

#include "sim/sim.h"

/* A subscription as it was from a moment on. Within one second only what came of it is kept. */
struct subscription_state {
    struct subscription_state *before; /* NULL: the first */
    int64_t at;
    enum subscription_status status;
    size_t items_count;
    struct item_state { /* of the items that were there */
        const struct item *item;
        const struct price *price;
        int64_t quantity, period_start, period_end;
    } items[];
};

/* Something happened to an object: remember what a subscription is now. Others are passed over. */
void history_note(struct sim *sim, const struct object *o);

#endif
