/*
 * POST /webhooks/stripe: verify, read the identifiers, append to the queue, answer.
 *
 *   200  Redis has it on disk; or it is of the other mode, or of a type that is filtered out
 *   400  not signed by Stripe, or not an event; the reason is in the log and the metrics, not in the body
 *   503  Redis is away, full, slower than the deadline, or too many wait for it; with Retry-After
 *
 * An event that was answered 503 may be in the queue all the same, when Redis answered late. Stripe sends it again,
 * and the second is a hint like any other.
 */
#ifndef INSTEP_INGEST_WEBHOOK_H
#define INSTEP_INGEST_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct event_base;
struct http_request;
struct metrics;
struct queue;
struct webhook;

struct webhook_options {
    const char *secrets;     /* comma-separated; not kept */
    const char *event_types; /* comma-separated; not kept */
    const char *own_account; /* INSTEP_ACCOUNT, at most 255 bytes, "" if unset; not kept */
    bool live;               /* the mode that is served */
    int64_t tolerance_s;     /* of a signature's time, either way */
    unsigned enqueue_timeout_ms;
    unsigned in_flight_max; /* webhooks waiting for Redis */
};

/* base, queue and metrics are borrowed and must outlive the webhook. ERR_CONFIG, ERR_NOMEM. */
enum err webhook_create(struct event_base *base, struct queue *queue, struct metrics *metrics,
                        const struct webhook_options *options, struct webhook **ret_webhook,
                        struct failure *fail);

/* Only when nothing is in flight: free the queue's Redis client first, which ends what is. NULL is fine. */
void webhook_free(struct webhook *webhook);

/* Takes over req, whose path is known to be right. */
void webhook_handle(struct webhook *webhook, struct http_request *req);

unsigned webhook_in_flight(const struct webhook *webhook);

/* The HTTP server refused a request by itself. */
void webhook_count_refusal(struct webhook *webhook, int status, const char *reason);

#endif
