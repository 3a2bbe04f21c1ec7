/* Records as the JSON Stripe answers, shape of 2026-10-28.endive. Every function returns a new reference. */
#ifndef INSTEP_SIM_RENDER_H
#define INSTEP_SIM_RENDER_H

#include <jansson.h>

#include "sim/sim.h"

#define EMBEDDED_LIST_MAX 10 /* an embedded list holds its first page only */

/* One object with plain ids where it names others. A deleted customer is its stub. */
json_t *render_object(const struct sim *sim, const struct object *o);

/* A customer as it was before it was deleted: what customer.deleted carries. */
json_t *render_customer_whole(const struct sim *sim, const struct customer *customer);

/* A field that is absent until it is expanded (invoice.payments, session.line_items …), or NULL: no such field. */
json_t *render_expand_only(const struct sim *sim, const struct object *o, const char *field);

json_t *render_endpoint(const struct endpoint *we, bool with_secret);

/* Building blocks, for those who render what is not an object. Keys must not be there yet. */
void put(json_t *json, const char *key, json_t *value);         /* steals value */
void put_text(json_t *json, const char *key, const char *text); /* NULL gives null */
void put_int(json_t *json, const char *key, int64_t number);
void put_time(json_t *json, const char *key, int64_t at); /* 0 gives null */
void put_flag(json_t *json, const char *key, bool flag);
void put_nulls(json_t *json, const char *keys);                    /* "a b c" */
json_t *render_list(json_t *data, const char *url, bool has_more); /* steals data */

#endif
