/*
 * What an event says about itself: identifiers, times, and the key of the queue that it belongs to.
 *
 * Takes Stripe's two forms: snapshot events (`event`), which carry the object, and thin ones (`v2.core.event`),
 * which name it. Only identifiers are read, never an amount or a status. Strict JSON, see json_pick.h. Source: docs/http-edge.md, "Routing".
 */
#ifndef INSTEP_INGEST_EVENT_ENVELOPE_H
#define INSTEP_INGEST_EVENT_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/queue.h"
#include "common/stripe_id.h"
#include "ingest/json_pick.h"

#define EVENT_VALUES 42 /* of an event, at most: what routing may look at */

/* Its strings point into itself or are static: never copy it. Nothing to release. */
struct event_envelope {
    struct envelope envelope;          /* received_ms and lane are the caller's */
    char key[QUEUE_KEY_BYTES_MAX + 1]; /* "self:cus_1", "acct_1:cus_1", "self:dp_1", "self:none" */
    bool thin;
    char account[STRIPE_ID_BYTES_MAX + 1]; /* the account of a thin event's context */
    char storage[EVENT_VALUES * PICK_STORAGE_BYTES_EACH];
};

/*
 * own_account is INSTEP_ACCOUNT, "" if unset: an event that names it is the platform's own. ERR_INVALID: not an event
 * that can be understood; fail says why, without quoting it. *ret_event is undefined then.
 */
enum err event_envelope_parse(const void *body, size_t len, const char *own_account,
                              struct event_envelope *ret_event, struct failure *fail);

#endif
