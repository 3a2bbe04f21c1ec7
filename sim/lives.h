/*
 * Random lives: people who sign up, pay, upgrade, forget, cancel and come back, by the virtual clock. A life's
 * choices come from its own stream, seeded by (seed, number of the life), so that lives do not disturb each other.
 */
#ifndef INSTEP_SIM_LIVES_H
#define INSTEP_SIM_LIVES_H

#include "sim/sim.h"

/*
 * Book the beginnings of `customers` lives over the next `months` months. The catalogue they buy from is made first,
 * once per world. ret_end: when the run is over (unix seconds); lives still under way then just stop.
 */
void lives_start(struct sim *sim, unsigned customers, unsigned months, int64_t *ret_end);

due_fn due_life;

#endif
