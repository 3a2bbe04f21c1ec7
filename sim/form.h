/*
 * application/x-www-form-urlencoded as Stripe reads it: brackets nest (`items[0][price]=p&expand[]=customer`).
 *
 * Everything becomes a JSON object of objects and strings; a list is an object whose keys are the indexes
 * ("0", "1", or the next free number for `[]`), in the order sent.
 */
#ifndef INSTEP_SIM_FORM_H
#define INSTEP_SIM_FORM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORM_PAIRS_MAX 1000
#define FORM_DEPTH_MAX 8

/* A new reference, or NULL: malformed escapes or brackets, too many pairs, too deep. An empty text is an empty object. */
json_t *form_decode(const char *text, size_t len);

/* Take the %XX out of a text, where it stands ("+" is a blank); false, and nothing changed: not well formed, or not UTF-8. */
bool form_unescape(char *text);

/* Follow a path such as "payment_settings.save"; NULL if any part is absent. Borrowed. */
json_t *form_at(json_t *params, const char *path);
const char *form_text(json_t *params, const char *path);                 /* NULL if absent or not a text */
bool form_integer(json_t *params, const char *path, int64_t *ret_value); /* also true for a JSON integer */
bool form_flag(json_t *params, const char *path, bool otherwise);        /* "true" or JSON true */

#endif
