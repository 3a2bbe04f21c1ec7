/*
 * What a perfect ledger shows, computed from the records (docs/simulator.md, "Truth"). Nothing here looks at what
 * the API renders or at the ledger's own rules.
 */
#ifndef INSTEP_SIM_TRUTH_H
#define INSTEP_SIM_TRUTH_H

#include <jansson.h>

#include "sim/sim.h"

json_t *truth_export(const struct sim *sim); /* a new reference */

#endif
