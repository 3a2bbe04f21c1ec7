/*
 * What an event says about itself: identifiers, times, and the key of the queue that it belongs to.
 *
 * Takes Stripe's two forms: snapshot events (`event`), which carry the object, and thin ones (`v2.core.event`),
 * which name it. Only identifiers are read, never an amount or a status. Strict JSON: one value, UTF-8, no duplicate
 * keys, bounded depth. Source: docs/http-edge.md, "Routing".
 */
#ifndef INSTEP_INGEST_EVENT_ENVELOPE_H
#define INSTEP_INGEST_EVENT_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/queue.h"

#define EVENT_ID_BYTES_MAX 255
#define EVENT_DEPTH_MAX    64 /* Stripe's objects stay below 20 */

struct json_t;

struct event_envelope {
    struct envelope
        envelope; /* strings are borrowed from root or static; received_ms and lane are the caller's */
    char key[QUEUE_KEY_BYTES_MAX + 1]; /* "self:cus_1", "acct_1:cus_1", "self:dp_1", "self:none" */
    bool thin;
    struct json_t *root; /* owned */
};

/*
 * ERR_INVALID: not an event that can be understood; fail says why, without quoting it. ERR_NOMEM.
 * On success the caller releases *ret_event.
 */
enum err event_envelope_parse(const void *body, size_t len, struct event_envelope *ret_event,
                              struct failure *fail);
void event_envelope_release(struct event_envelope *event);

/*
 * May it be part of a key and of a URL: 1..255 of A-Z a-z 0-9 _ - . with a letter or digit first. Everything that
 * Stripe makes up is; what people choose (coupons, products, plans) need not be.
 */
bool event_id_is_plain(const char *id);

#endif
