/* Events: making them as things happen, and rendering them as snapshot or thin. */
#ifndef INSTEP_SIM_EVENTS_H
#define INSTEP_SIM_EVENTS_H

#include <jansson.h>

#include "sim/sim.h"

/* Something happened to subject, which is rendered now. */
void emit(struct sim *sim, const char *type, const struct object *subject);

/*
 * The same for a change: before is the object as rendered before it (stolen). previous_attributes are the top-level
 * fields that differ, metadata per key. No difference, no event.
 */
void emit_updated(struct sim *sim, const char *type, const struct object *subject, json_t *before);

/* An event about something that is not (or no longer) rendered from a record; object is stolen. */
void emit_json(struct sim *sim, const char *type, json_t *object);

/* Object "event" in the shape of the account's version when it was made, as the API shows it; new reference. */
json_t *event_render(const struct sim *sim, const struct sim_event *event);

/* Its text for a webhook whose endpoint has a version (NULL: the account's); free(). */
char *event_body(const struct sim *sim, const struct sim_event *event, const char *version);

/* The paired thin event: object "v2.core.event", whose id is made from the snapshot's. */
json_t *event_render_thin(const struct sim *sim, const struct sim_event *event);
struct sim_event *event_find_thin(const struct sim *sim, const char *id);

bool event_type_matches(const char *pattern, const char *type); /* "*", "invoice.*", "invoice.paid" */
void sim_event_free(struct sim_event *event);

#endif
