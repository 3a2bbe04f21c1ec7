/* Private to the versions' files: what old shapes have that is not just a field elsewhere. */
#ifndef INSTEP_SIM_VERSIONS_SHAPES_H
#define INSTEP_SIM_VERSIONS_SHAPES_H

#include "sim/sim.h"

/* Make old fields out of a whole object in the shape of the version after it. */
typedef void shape_fn(const struct sim *sim, json_t *json);

shape_fn shape_charge, shape_coupon_source, shape_credit_note, shape_credit_note_type, shape_intent,
    shape_invoice, shape_invoiceitem, shape_line, shape_promotion, shape_session_ui, shape_subscription;

#endif
