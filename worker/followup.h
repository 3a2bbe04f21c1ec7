/*
 * What was read names what must be read besides: a refund its charge, a disputed charge its disputes, an invoice its
 * credit notes, a guest's session its charges. Pure. docs/turn.md, "What is read".
 *
 * Each follow-up is read in the same fetch, once, and only if no read has brought it already: a follow-up never leads
 * back, so the reads end.
 */
#ifndef INSTEP_WORKER_FOLLOWUP_H
#define INSTEP_WORKER_FOLLOWUP_H

#include <jansson.h>
#include <stddef.h>

#include "worker/endpoint.h"
#include "worker/fetch_objects.h"

#define FOLLOW_UPS_MAX 4 /* of one object */

/* How many of ret_reads are to be made because of object; found holds it already. */
size_t follow_ups(const json_t *object, const struct fetch_objects *found,
                  struct read ret_reads[FOLLOW_UPS_MAX]);

#endif
