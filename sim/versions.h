/*
 * Stripe's versions: which exist, and what an answer, an event or an expansion looks like in one of them. Everything is
 * rendered in the newest shape first (render.h); version_shape turns that into the shape of an older version, one table
 * row per field that was moved, removed or added (docs/simulator.md, "Versions").
 */
#ifndef INSTEP_SIM_VERSIONS_H
#define INSTEP_SIM_VERSIONS_H

#include <jansson.h>
#include <stdbool.h>

struct sim;

/* The name as this program spells it, static, if there has ever been such a version; else NULL. NULL is none. */
const char *version_known(const char *name);

/* Is it older than a day, "2025-03-31"? */
bool version_before(const char *version, const char *day);

/* Turn JSON in the newest shape, and every object inside it, into the shape of version. */
void version_shape(const struct sim *sim, const char *version, json_t *json);

/* Is the type of event ("invoice_payment.paid") known to the version? What is not is not posted to its endpoints. */
bool version_has_event(const char *version, const char *type);

/* --- requests (versions_api.c) --- */

/* Does the path exist in the version? */
bool version_has_path(const char *version, const char *path);

/* Is this property of this node of the expandable ones (expandable.c) there in the version? */
bool version_has_property(const char *version, const char *from, const char *property, size_t len);

/* Where an expandable property that only older versions have leads to; NULL: there is none. "" is a leaf. */
const char *version_old_property(const char *version, const char *from, const char *property, size_t len);

/* Turn parameters only older versions take into those of today. */
void version_params(const char *version, const char *route, json_t *params);

#endif
