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

/* Its text for a webhook whose endpoint has a version (NULL: the account's); connect: with the account's id. free() it. */
char *event_body(const struct sim_event *event, const char *version, bool connect);

/* Something of which only thin notifications tell, without a snapshot. only_for NULL: everybody. object is borrowed. */
void emit_thin(struct sim *sim, const char *type, json_t *object, struct endpoint *only_for);

/* --- thin events (events_thin.c) --- */

/*
 * The paired thin event: object "v2.core.event", whose id is made from the snapshot's. Fetched it also names the snapshot,
 * and the customer where there is no object to fetch.
 */
json_t *event_render_thin(const struct sim_event *event, bool fetched);
char *event_body_thin(const struct sim_event *event);                  /* as posted; free() it */
void thin_type(const struct sim_event *event, char *out, size_t size); /* "v1.invoice.paid" */
/* The finer notifications that go with a change: "customer.subscription.past_due", "price.deactivated" … */
void emit_thin_changes(struct sim *sim, const char *type, json_t *before, json_t *after);
struct sim_event *event_find_thin(const struct sim *sim, const char *id);

bool event_type_matches(const char *pattern, const char *type); /* "*", "invoice.*", "invoice.paid" */
void sim_event_free(struct sim_event *event);

#endif
