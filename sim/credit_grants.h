/* Which lots of credits follow from a subscription: its periods, its trial, its changes, its money. */
#ifndef INSTEP_SIM_CREDIT_GRANTS_H
#define INSTEP_SIM_CREDIT_GRANTS_H

#include "sim/credit_lots.h"

void grants_add(const struct sim *sim, const struct plans *plans, const struct subscription *sub,
                struct lots *lots);

#endif
