#include "sim/deliver.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/log.h"
#include "sim/events.h"
#include "sim/replay.h"
#include "sim/signature.h"
#include "sim/versions.h"

#define CONNECTIONS_MAX  256
#define ANSWER_BYTES_MAX 65536

/* One event on its way to one endpoint. In exactly one place: held, a timer, the outlet's queue, or under way. */
struct delivery {
    struct deliver *deliver;
    struct outlet *outlet;
    struct sim_event *event; /* kept by its pending_webhooks */
    struct event *timer;     /* owned; NULL unless it waits */
    unsigned attempts;
    bool duplicate;
    struct delivery *next;                /* in the outlet's queue */
    struct delivery *all_next, *all_prev; /* every delivery, for the end */
};

/* An endpoint, as deliveries see it. */
struct outlet {
    struct endpoint *endpoint;
    struct delivery *head, *tail;
    unsigned in_flight;
    struct outlet *next;
};

struct deliver {
    struct event_base *base; /* borrowed */
    struct sim *sim;         /* borrowed */
    struct http_client *client;
    struct outlet *outlets;
    struct delivery *all;
    struct journal *journal; /* borrowed; NULL: none */
    struct deliver_stats stats;
    bool held, closing;
};

static void pump(struct outlet *outlet);

static void delivery_end(struct delivery *d)
{
    d->event->pending_webhooks--;
    d->deliver->stats.pending--;
    if (d->all_prev)
        d->all_prev->all_next = d->all_next;
    else
        d->deliver->all = d->all_next;
    if (d->all_next)
        d->all_next->all_prev = d->all_prev;
    if (d->timer)
        event_free(d->timer);
    free(d);
}

static void ready(struct delivery *d)
{
    d->next = NULL;
    if (d->outlet->tail)
        d->outlet->tail->next = d;
    else
        d->outlet->head = d;
    d->outlet->tail = d;
}

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
    struct delivery *d = arg;

    (void)fd;
    (void)what;
    event_free(d->timer);
    d->timer = NULL;
    ready(d);
    pump(d->outlet);
}

static void wait_for(struct delivery *d, int64_t ms)
{
    struct timeval length = clock_timeval(ms);

    d->timer = evtimer_new(d->deliver->base, timer_fired, d);
    if (!d->timer || evtimer_add(d->timer, &length))
        sim_die("out of memory");
}

/* A share that is the same in every run of the seed, whatever happens when. */
static double decide(const struct delivery *d, const char *about)
{
    char key[160];

    (void)snprintf(key, sizeof key, "%s %s %s %d", about, d->event->o.id, d->outlet->endpoint->o.id,
                   d->duplicate);
    return random_decide(d->deliver->sim->seed, key, d->attempts);
}

static void schedule(struct delivery *d)
{
    int64_t delay = (int64_t)(decide(d, "reorder") * (double)(d->deliver->sim->knobs.reorder_ms + 1));

    if (d->duplicate)
        delay += 1 + (int64_t)(decide(d, "again") * 50);
    if (delay > 0)
        wait_for(d, delay);
    else
        ready(d);
}

static void delivery_start(struct outlet *outlet, struct deliver *deliver, struct sim_event *event,
                           bool duplicate)
{
    struct delivery *d = calloc(1, sizeof *d);

    if (!d)
        sim_die("out of memory");
    d->deliver = deliver;
    d->outlet = outlet;
    d->event = event;
    d->duplicate = duplicate;
    d->all_next = deliver->all;
    if (deliver->all)
        deliver->all->all_prev = d;
    deliver->all = d;
    event->pending_webhooks++;
    deliver->stats.pending++;
    if (!deliver->held)
        schedule(d);
}

static void succeeded(struct delivery *d)
{
    struct deliver *deliver = d->deliver;

    deliver->stats.delivered++;
    if (!d->duplicate)
        record_delivery(deliver->journal, deliver->sim, d->event, d->outlet->endpoint, true);
    if (!d->duplicate && decide(d, "duplicate") < deliver->sim->knobs.duplicate_rate) {
        deliver->stats.duplicated++;
        delivery_start(d->outlet, deliver, d->event, true);
    }
    delivery_end(d);
}

static void not_delivered(struct delivery *d)
{
    const struct knobs *knobs = &d->deliver->sim->knobs;

    d->deliver->stats.failed++;
    if (d->attempts > knobs->retries_max || d->outlet->endpoint->disabled) {
        d->deliver->stats.given_up++;
        d->event->failed_webhooks++;
        if (!d->duplicate)
            record_delivery(d->deliver->journal, d->deliver->sim, d->event, d->outlet->endpoint, false);
        delivery_end(d);
        return;
    }
    int64_t wait = knobs->retry_base_ms;
    for (unsigned i = 1; i < d->attempts && wait < knobs->retry_max_ms; i++)
        wait *= 2;
    wait_for(d, wait < knobs->retry_max_ms ? wait : knobs->retry_max_ms);
}

static void answered(const struct http_answer *answer, void *arg)
{
    struct delivery *d = arg;
    struct outlet *outlet = d->outlet;
    struct deliver *deliver = d->deliver;

    outlet->in_flight--;
    if (deliver->closing) {
        delivery_end(d);
        return;
    }
    if (!answer->err && answer->status >= 200 && answer->status < 300)
        succeeded(d);
    else
        not_delivered(d); /* 3xx and 4xx are repeated like everything else */
    pump(outlet);
}

static void attempt(struct delivery *d)
{
    struct deliver *deliver = d->deliver;
    struct endpoint *endpoint = d->outlet->endpoint;
    char signature[SIGNATURE_BYTES], header[SIGNATURE_BYTES + 32];
    const char *headers[] = {"Content-Type: application/json; charset=utf-8", header, "Accept: */*", NULL};
    struct http_call_options call = {.method = "POST", .url = endpoint->url, .headers = headers};

    d->attempts++;
    deliver->stats.attempts++;
    if (endpoint->disabled || decide(d, "drop") < deliver->sim->knobs.drop_rate) {
        deliver->stats.dropped += !endpoint->disabled;
        not_delivered(d);
        return;
    }
    char *body = event_body(deliver->sim, d->event, endpoint->api_version);
    call.body = body;
    call.body_len = strlen(body);
    signature_make(clock_wall_ms() / 1000, body, call.body_len, endpoint->secrets, endpoint->secrets_count,
                   signature);
    (void)snprintf(header, sizeof header, "Stripe-Signature: %s", signature);
    call.timeout_ms = (unsigned)deliver->sim->knobs.delivery_timeout_ms;
    call.answer_bytes_max = ANSWER_BYTES_MAX;
    enum err err = http_client_send(deliver->client, &call, answered, d, NULL, NULL);
    free(body);
    if (err)
        not_delivered(d);
    else
        d->outlet->in_flight++;
}

static void pump(struct outlet *outlet)
{
    while (outlet->head &&
           outlet->in_flight < (unsigned)outlet->head->deliver->sim->knobs.delivery_concurrency) {
        struct delivery *d = outlet->head;
        outlet->head = d->next;
        if (!outlet->head)
            outlet->tail = NULL;
        attempt(d);
    }
}

static struct outlet *outlet_of(struct deliver *deliver, struct endpoint *endpoint)
{
    struct outlet *outlet = deliver->outlets;

    while (outlet && outlet->endpoint != endpoint)
        outlet = outlet->next;
    if (outlet)
        return outlet;
    outlet = calloc(1, sizeof *outlet);
    if (!outlet)
        sim_die("out of memory");
    outlet->endpoint = endpoint;
    outlet->next = deliver->outlets;
    deliver->outlets = outlet;
    return outlet;
}

static bool endpoint_wants(const struct endpoint *endpoint, const struct sim_event *event)
{
    const char *type = event->type;
    json_t *pattern;
    size_t i;

    if (endpoint->disabled ||
        !version_has_event(endpoint->api_version ? endpoint->api_version : event->api_version, type))
        return false;
    json_array_foreach(endpoint->enabled_events, i,
                       pattern) if (json_is_string(pattern) &&
                                    event_type_matches(json_string_value(pattern), type)) return true;
    return false;
}

static void event_made(struct sim_event *event, void *arg)
{
    struct deliver *deliver = arg;
    const struct list *endpoints = &deliver->sim->all[TYPE_ENDPOINT];

    for (size_t i = 0; i < endpoints->count; i++) {
        struct endpoint *endpoint = (struct endpoint *)endpoints->at[i];
        if (!endpoint_wants(endpoint, event))
            continue;
        struct outlet *outlet = outlet_of(deliver, endpoint);
        delivery_start(outlet, deliver, event, false);
        pump(outlet);
    }
}

enum err deliver_create(struct event_base *base, struct sim *sim, struct deliver **ret_deliver,
                        struct failure *fail)
{
    struct http_client_options options = http_client_options_default();
    struct deliver *deliver = calloc(1, sizeof *deliver);

    if (!deliver)
        return failf(fail, ERR_NOMEM, "deliveries");
    deliver->base = base;
    deliver->sim = sim;
    options.connections_max = CONNECTIONS_MAX;
    options.user_agent = "Stripe/1.0 (stripe-sim)";
    enum err err = http_client_create(base, &options, &deliver->client, fail);
    if (err) {
        free(deliver);
        return err;
    }
    sim->on_event = event_made;
    sim->on_event_arg = deliver;
    *ret_deliver = deliver;
    return ERR_OK;
}

void deliver_free(struct deliver *deliver)
{
    if (!deliver)
        return;
    deliver->closing = true;
    deliver->sim->on_event = NULL;
    http_client_free(deliver->client); /* ends what is under way */
    for (struct delivery *d = deliver->all, *next; d; d = next) {
        next = d->all_next;
        if (d->timer)
            event_free(d->timer);
        free(d);
    }
    while (deliver->outlets) {
        struct outlet *next = deliver->outlets->next;
        free(deliver->outlets);
        deliver->outlets = next;
    }
    free(deliver);
}

void deliver_journal(struct deliver *deliver, struct journal *journal)
{
    deliver->journal = journal;
}

void deliver_hold(struct deliver *deliver)
{
    deliver->held = true;
}

bool deliver_settle(struct deliver *deliver, struct sim_event *event, struct endpoint *endpoint,
                    bool delivered)
{
    struct delivery *d = deliver->all;

    while (d && (d->event != event || d->outlet->endpoint != endpoint))
        d = d->all_next;
    if (!d)
        return false;
    if (delivered) {
        deliver->stats.delivered++;
    } else {
        deliver->stats.given_up++;
        event->failed_webhooks++;
    }
    delivery_end(d);
    return true;
}

void deliver_release(struct deliver *deliver)
{
    struct delivery *d = deliver->all;

    deliver->held = false;
    while (d && d->all_next)
        d = d->all_next;
    for (; d; d = d->all_prev) /* the oldest first */
        schedule(d);
    for (struct outlet *outlet = deliver->outlets; outlet; outlet = outlet->next)
        pump(outlet);
}

struct deliver_stats deliver_stats(const struct deliver *deliver)
{
    return deliver->stats;
}
