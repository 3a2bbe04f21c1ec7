/* Private to the truth about credits: what the application's records say. */
#ifndef INSTEP_SIM_APP_PARTS_H
#define INSTEP_SIM_APP_PARTS_H

#include "sim/app_credits.h"
#include "sim/credit_lots.h"

const struct plan_load *app_plan_loads(const struct sim *sim); /* oldest first */
/* The user's lots by hand, and what was spent from, but has no reason any more. */
void app_lots(const struct sim *sim, const char *user, struct lots *lots);
lot_spent_fn app_spent; /* arg: the sim */
void app_free(struct sim *sim);

#endif
