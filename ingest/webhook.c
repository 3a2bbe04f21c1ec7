#include "ingest/webhook.h"

#include <assert.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/clock.h"
#include "common/http_server.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/queue.h"
#include "common/stripe_id.h"
#include "ingest/event_envelope.h"
#include "ingest/stripe_signature.h"
#include "ingest/type_filter.h"

#define RETRY_AFTER          "Retry-After: 5\r\n" /* Stripe keeps its own schedule; a proxy may not */
#define LOG_LINES_PER_SECOND 20 /* of refusals: whoever sends garbage must not fill the disk */

/* One webhook that waits for Redis. */
struct delivery {
    struct webhook *webhook; /* borrowed */
    TAILQ_ENTRY(delivery) link;
    struct http_request *req; /* ours to answer; NULL once answered */
    int64_t started_mono_ms;
    char event_id[STRIPE_ID_BYTES_MAX + 1]; /* for the log */
};
TAILQ_HEAD(delivery_list, delivery);

struct webhook {
    struct queue *queue;            /* borrowed */
    struct stripe_secrets *secrets; /* owned */
    struct type_filter *filter;     /* owned */
    struct webhook_options options; /* its texts are not kept */
    char own_account[STRIPE_ID_BYTES_MAX + 1];
    struct event overdue;            /* the oldest unanswered delivery's deadline */
    struct delivery_list unanswered; /* oldest first, all with the same timeout */
    unsigned in_flight;              /* answered or not: Redis has not said */
    int64_t log_second;
    unsigned log_lines, log_dropped;
    struct metric *received, *accepted, *ignored, *rejected, *unavailable, *enqueue_seconds, *age;
};

/* ---- counting and telling ---- */

static enum err create_metrics(struct webhook *webhook, struct metrics *metrics, struct failure *fail)
{
    webhook->received = metric_counter(metrics, "instep_ingest_received_total", NULL,
                                       "Webhooks received, whatever became of them.");
    webhook->accepted = metric_counter(metrics, "instep_ingest_accepted_total", NULL,
                                       "Webhooks answered 200 after Redis had them on disk.");
    webhook->ignored = metric_counter(metrics, "instep_ingest_ignored_total", "reason",
                                      "Webhooks answered 200 and not queued: wrong_mode, type.");
    webhook->rejected = metric_counter(metrics, "instep_ingest_rejected_total", "reason",
                                       "Requests answered 4xx, by reason.");
    webhook->unavailable = metric_counter(metrics, "instep_ingest_unavailable_total", "reason",
                                          "Webhooks answered 503, for Stripe to send again.");
    webhook->enqueue_seconds = metric_histogram(metrics, "instep_ingest_enqueue_seconds",
                                                "From the end of the webhook to Redis's confirmation.");
    webhook->age =
        metric_gauge(metrics, "instep_ingest_signature_age_seconds", NULL,
                     "Age of the last genuine signature by our clock; far from 0 means a wrong clock.");
    if (!webhook->received || !webhook->accepted || !webhook->ignored || !webhook->rejected ||
        !webhook->unavailable || !webhook->enqueue_seconds || !webhook->age)
        return failf(fail, ERR_NOMEM, "no memory for metrics");
    return ERR_OK;
}

/* May one more line about a refusal be written this second? */
static bool may_log(struct webhook *webhook)
{
    int64_t second = clock_mono_ms() / 1000;

    if (second != webhook->log_second) {
        webhook->log_second = second;
        webhook->log_lines = 0;
        if (webhook->log_dropped)
            log_warn("webhook.log_dropped", LOG_INT("lines", webhook->log_dropped));
        webhook->log_dropped = 0;
    }
    if (webhook->log_lines >= LOG_LINES_PER_SECOND) {
        webhook->log_dropped++;
        return false;
    }
    webhook->log_lines++;
    return true;
}

static void answer(struct http_request *req, int status)
{
    /* No reason in the body: whoever guesses at secrets learns nothing. */
    if (status == 503)
        http_respond(req, 503, "text/plain", "unavailable\n", strlen("unavailable\n"), RETRY_AFTER);
    else if (status == 200)
        http_respond_text(req, 200, "ok\n");
    else
        http_respond_text(req, status, "bad request\n");
}

static void reject(struct webhook *webhook, struct http_request *req, const char *reason, const char *detail)
{
    metric_add(webhook->rejected, reason, 1);
    if (may_log(webhook))
        log_warn("webhook.rejected", LOG_STR("reason", reason), LOG_STR("detail", detail));
    answer(req, 400);
}

static void give_up(struct webhook *webhook, struct http_request *req, const char *reason,
                    const char *event_id, const char *detail)
{
    metric_add(webhook->unavailable, reason, 1);
    if (may_log(webhook))
        log_warn("webhook.unavailable", LOG_STR("reason", reason), LOG_STR("event_id", event_id),
                 LOG_STR("detail", detail));
    answer(req, 503);
}

void webhook_count_refusal(struct webhook *webhook, int status, const char *reason)
{
    char label[16];

    (void)snprintf(label, sizeof label, "http_%d", status);
    metric_add(webhook->rejected, label, 1);
    if (may_log(webhook))
        log_warn("http.refused", LOG_INT("status", status), LOG_STR("reason", reason));
}

/* ---- waiting for Redis ---- */

static void arm(struct webhook *webhook)
{
    struct delivery *oldest = TAILQ_FIRST(&webhook->unanswered);
    struct timeval left;

    if (!oldest || event_pending(&webhook->overdue, EV_TIMEOUT, NULL))
        return;
    left = clock_timeval(oldest->started_mono_ms + webhook->options.enqueue_timeout_ms - clock_mono_ms());
    (void)event_add(&webhook->overdue, &left); /* without memory the client's own timeout ends the wait */
}

/* Answer without Redis's word; the delivery lives on until Redis, or the loss of it, has been heard. */
static void on_overdue(evutil_socket_t fd, short what, void *arg)
{
    struct webhook *webhook = arg;
    struct delivery *oldest;
    int64_t now_mono_ms = clock_mono_ms();

    (void)fd;
    (void)what;
    while ((oldest = TAILQ_FIRST(&webhook->unanswered)) &&
           now_mono_ms - oldest->started_mono_ms >= (int64_t)webhook->options.enqueue_timeout_ms) {
        struct http_request *req = oldest->req;

        TAILQ_REMOVE(&webhook->unanswered, oldest, link);
        oldest->req = NULL;
        give_up(webhook, req, "redis_slow", oldest->event_id, "no answer before the deadline");
    }
    arm(webhook);
}

static const char *unavailable_reason(enum err err, const struct failure *fail)
{
    if (err == ERR_PROTOCOL && fail && !strncmp(fail->text, "OOM", 3))
        return "redis_full";
    if (err == ERR_TIMEOUT)
        return "redis_slow";
    if (err == ERR_LIMIT)
        return "too_many_waiting";
    return err == ERR_PROTOCOL ? "redis_error" : "redis_away";
}

static void on_enqueued(enum err err, const struct failure *fail, void *arg)
{
    struct delivery *delivery = arg;
    struct webhook *webhook = delivery->webhook;
    struct http_request *req = delivery->req;

    webhook->in_flight--;
    if (req) {
        int64_t waited_ms = clock_mono_ms() - delivery->started_mono_ms;

        TAILQ_REMOVE(&webhook->unanswered, delivery, link);
        if (err == ERR_OK) {
            metric_add(webhook->accepted, NULL, 1);
            metric_observe_ms(webhook->enqueue_seconds, waited_ms);
            log_debug("webhook.accepted", LOG_STR("event_id", delivery->event_id),
                      LOG_INT("waited_ms", waited_ms));
            answer(req, 200);
        } else {
            give_up(webhook, req, unavailable_reason(err, fail), delivery->event_id, fail ? fail->text : "");
        }
    }
    free(delivery);
}

static void enqueue(struct webhook *webhook, struct http_request *req, struct event_envelope *event)
{
    struct delivery *delivery;
    struct failure fail = {.text = ""};
    enum err err;

    if (webhook->in_flight >= webhook->options.in_flight_max) {
        give_up(webhook, req, "too_many_waiting", event->envelope.event_id,
                "INSTEP_IN_FLIGHT_MAX is reached");
        return;
    }
    delivery = calloc(1, sizeof *delivery);
    if (!delivery) {
        give_up(webhook, req, "no_memory", event->envelope.event_id, "");
        return;
    }
    delivery->webhook = webhook;
    delivery->req = req;
    delivery->started_mono_ms = clock_mono_ms();
    (void)snprintf(delivery->event_id, sizeof delivery->event_id, "%s", event->envelope.event_id);
    event->envelope.received_ms = clock_wall_ms();
    err = queue_enqueue(webhook->queue, event->key, &event->envelope, on_enqueued, delivery, &fail);
    if (err != ERR_OK) {
        free(delivery);
        give_up(webhook, req, unavailable_reason(err, &fail), event->envelope.event_id, fail.text);
        return;
    }
    webhook->in_flight++;
    TAILQ_INSERT_TAIL(&webhook->unanswered, delivery, link);
    arm(webhook);
}

/* ---- one webhook ---- */

/* False: it has been answered. */
static bool verify(struct webhook *webhook, struct http_request *req, const void *body, size_t len)
{
    unsigned count;
    const char *header = http_request_header(req, "Stripe-Signature", &count);
    int64_t now_s = clock_wall_ms() / 1000, age_s = 0;
    enum signature_verdict verdict = count > 1
                                         ? SIGNATURE_MALFORMED
                                         : stripe_signature_verify(webhook->secrets, header, body, len, now_s,
                                                                   webhook->options.tolerance_s, &age_s);
    char detail[64] = "";

    if (verdict == SIGNATURE_OK || verdict == SIGNATURE_TOO_OLD || verdict == SIGNATURE_IN_FUTURE)
        metric_set(webhook->age, NULL, age_s);
    if (verdict == SIGNATURE_OK)
        return true;
    if (verdict == SIGNATURE_FAILED) {
        give_up(webhook, req, "no_memory", "", "the signature could not be computed");
        return false;
    }
    if (verdict == SIGNATURE_TOO_OLD || verdict == SIGNATURE_IN_FUTURE)
        (void)snprintf(detail, sizeof detail, "signed %lld s ago by our clock", (long long)age_s);
    reject(webhook, req, signature_verdict_name(verdict), detail);
    return false;
}

static void ignore(struct webhook *webhook, struct http_request *req, const struct envelope *envelope,
                   const char *reason)
{
    metric_add(webhook->ignored, reason, 1);
    if (may_log(webhook))
        log_info("webhook.ignored", LOG_STR("reason", reason), LOG_STR("event_id", envelope->event_id),
                 LOG_STR("type", envelope->type));
    answer(req, 200);
}

void webhook_handle(struct webhook *webhook, struct http_request *req)
{
    size_t len;
    const void *body = http_request_body(req, &len);
    struct event_envelope event;
    struct failure fail = {.text = ""};
    enum err err;

    metric_add(webhook->received, NULL, 1);
    if (strcmp(http_request_method(req), "POST") != 0) {
        metric_add(webhook->rejected, "http_405", 1);
        http_respond(req, 405, "text/plain", "POST only\n", strlen("POST only\n"), "Allow: POST\r\n");
        return;
    }
    if (!verify(webhook, req, body, len))
        return;
    err = event_envelope_parse(body, len, webhook->own_account, &event, &fail);
    if (err != ERR_OK)
        reject(webhook, req, "event_malformed", fail.text);
    else if (event.envelope.livemode != webhook->options.live)
        ignore(webhook, req, &event.envelope, "wrong_mode");
    else if (!type_filter_wants(webhook->filter, event.envelope.type))
        ignore(webhook, req, &event.envelope, "type");
    else
        enqueue(webhook, req, &event);
}

unsigned webhook_in_flight(const struct webhook *webhook)
{
    return webhook->in_flight;
}

enum err webhook_create(struct event_base *base, struct queue *queue, struct metrics *metrics,
                        const struct webhook_options *options, struct webhook **ret_webhook,
                        struct failure *fail)
{
    struct webhook *webhook = calloc(1, sizeof *webhook);
    enum err err;

    assert(base && queue && metrics && options && ret_webhook);
    if (!webhook || event_assign(&webhook->overdue, base, -1, 0, on_overdue, webhook) != 0) {
        free(webhook);
        return failf(fail, ERR_NOMEM, "no memory for the webhook");
    }
    webhook->queue = queue;
    webhook->options = *options;
    webhook->options.secrets = webhook->options.event_types = webhook->options.own_account = NULL;
    (void)snprintf(webhook->own_account, sizeof webhook->own_account, "%s", options->own_account);
    TAILQ_INIT(&webhook->unanswered);
    err = stripe_secrets_create(options->secrets, &webhook->secrets, fail);
    if (err == ERR_OK)
        err = type_filter_create(options->event_types, &webhook->filter, fail);
    if (err == ERR_OK)
        err = create_metrics(webhook, metrics, fail);
    if (err != ERR_OK) {
        webhook_free(webhook);
        return err;
    }
    *ret_webhook = webhook;
    return ERR_OK;
}

void webhook_free(struct webhook *webhook)
{
    if (!webhook)
        return;
    assert(!webhook->in_flight);
    (void)event_del(&webhook->overdue);
    stripe_secrets_free(webhook->secrets);
    type_filter_free(webhook->filter);
    free(webhook);
}
