#include "sim/deliver.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/log.h"
#include "sim/endpoint.h"
#include "sim/events.h"
#include "sim/replay.h"

#define CONNECTIONS_MAX  256
#define ANSWER_BYTES_MAX 65536
#define LATE_LOOK_MS     50   /* between looks at what waits for the virtual clock */
#define LATE_REST_MS     2000 /* the clock stands still: what waits for it goes */
#define WRONG_MODE_TRIES 3

/* One event on its way to one endpoint. In exactly one place: held, a timer, the outlet's queue, or under way. */
struct delivery {
    struct deliver *deliver;
    struct outlet *outlet;
    struct sim_event *event; /* kept by its pending_webhooks */
    struct event *timer;     /* owned; NULL unless it waits */
    unsigned attempts;
    bool thin;
    bool duplicate;                       /* a second copy, of which no book is kept */
    bool wrong_mode;                      /* as if of live mode */
    int64_t due;                          /* virtual: late until then; 0: not late */
    struct delivery *next;                /* in the outlet's queue, or of what is late */
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
    struct delivery *late;          /* wait for the virtual clock */
    struct event *late_timer;       /* owned */
    int64_t late_now, late_mono_ms; /* the virtual clock, and since when it stands there */
    struct journal *journal;        /* borrowed; NULL: none */
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
    char key[240];

    (void)snprintf(key, sizeof key, "%s %s %s %d%s%s", about, d->event->o.id, d->outlet->endpoint->o.id,
                   d->duplicate, d->thin ? " thin" : "",
                   d->event->sim->platform ? d->event->sim->account : "");
    return random_decide(d->deliver->sim->seed, key, d->attempts);
}

/* --- late by hours of the virtual clock --- */

static void look_at_late_again(struct deliver *deliver)
{
    struct timeval length = clock_timeval(LATE_LOOK_MS);

    if (evtimer_add(deliver->late_timer, &length))
        sim_die("out of memory");
}

static void look_at_late(evutil_socket_t fd, short what, void *arg)
{
    struct deliver *deliver = arg;
    struct delivery **link = &deliver->late;
    int64_t now = deliver->sim->now;

    (void)fd;
    (void)what;
    if (now != deliver->late_now) {
        deliver->late_now = now;
        deliver->late_mono_ms = clock_mono_ms();
    }
    bool rests = clock_mono_ms() - deliver->late_mono_ms >= LATE_REST_MS;
    while (*link) {
        struct delivery *d = *link;
        if (!rests && d->due > now) {
            link = &d->next;
            continue;
        }
        *link = d->next;
        wait_for(d, 0);
    }
    if (deliver->late)
        look_at_late_again(deliver);
}

static void wait_for_clock(struct delivery *d, int64_t hours)
{
    struct deliver *deliver = d->deliver;

    d->due = deliver->sim->now + hours * 3600;
    d->next = deliver->late;
    deliver->late = d;
    if (!d->next) {
        deliver->late_now = deliver->sim->now;
        deliver->late_mono_ms = clock_mono_ms();
        look_at_late_again(deliver);
    }
}

static void schedule(struct delivery *d)
{
    const struct knobs *knobs = &d->deliver->sim->knobs;
    int64_t delay = (int64_t)(decide(d, "reorder") * (double)(knobs->reorder_ms + 1));
    bool late = !d->duplicate && decide(d, "late") < knobs->delay_rate;

    if (d->duplicate)
        delay += 1 + (int64_t)(decide(d, "again") * 50);
    if (late)
        delay += knobs->delay_ms;
    if (late && knobs->delay_hours)
        wait_for_clock(d, knobs->delay_hours);
    else if (delay > 0)
        wait_for(d, delay);
    else
        ready(d);
}

/* What is special about a delivery. */
struct how {
    bool thin, duplicate, wrong_mode;
};

static void delivery_start(struct outlet *outlet, struct deliver *deliver, struct sim_event *event,
                           struct how how)
{
    struct delivery *d = calloc(1, sizeof *d);

    if (!d)
        sim_die("out of memory");
    d->deliver = deliver;
    d->outlet = outlet;
    d->event = event;
    d->thin = how.thin;
    d->duplicate = how.duplicate || how.wrong_mode;
    d->wrong_mode = how.wrong_mode;
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

    deliver->stats.delivered += !d->wrong_mode;
    deliver->stats.wrong_mode_taken += d->wrong_mode;
    d->outlet->endpoint->failures_in_a_row = 0;
    if (!d->duplicate)
        record_delivery(deliver->journal, d->event, d->outlet->endpoint, d->thin, true);
    if (!d->duplicate && decide(d, "duplicate") < deliver->sim->knobs.duplicate_rate) {
        deliver->stats.duplicated++;
        delivery_start(d->outlet, deliver, d->event, (struct how){.thin = d->thin, .duplicate = true});
    }
    delivery_end(d);
}

/* Of the other mode: refused as it should be, and tried no more than a few times whatever the knobs say. */
static void refused(struct delivery *d)
{
    d->deliver->stats.wrong_mode_refused++;
    if (d->attempts >= WRONG_MODE_TRIES || d->outlet->endpoint->disabled)
        delivery_end(d);
    else
        wait_for(d, d->deliver->sim->knobs.retry_base_ms);
}

static void not_delivered(struct delivery *d)
{
    const struct knobs *knobs = &d->deliver->sim->knobs;

    if (d->wrong_mode) {
        refused(d);
        return;
    }
    d->deliver->stats.failed++;
    if (endpoint_failed(d->outlet->endpoint, (unsigned)knobs->disable_after)) {
        d->deliver->stats.disabled++;
        record_disabled(d->deliver->journal, d->deliver->sim, d->outlet->endpoint);
    }
    if (d->attempts > knobs->retries_max || d->outlet->endpoint->disabled) {
        d->deliver->stats.given_up++;
        d->event->failed_webhooks++;
        if (!d->duplicate)
            record_delivery(d->deliver->journal, d->event, d->outlet->endpoint, d->thin, false);
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

/* The same event as if it were of live mode, with an id of its own. Frees body. */
static char *of_other_mode(char *body)
{
    json_t *json = sim_json(json_loads(body, 0, NULL));
    const char *id = json_string_value(json_object_get(json, "id"));
    char *made;

    free(body);
    (void)json_object_set_new(json, "id", sim_json(json_sprintf("evt_live%s", id + sizeof "evt_" - 1)));
    (void)json_object_set_new(json, "livemode", json_true());
    made = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    json_decref(json);
    if (!made)
        sim_die("out of memory");
    return made;
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
    char *body = endpoint_body(endpoint, d->event, d->thin);
    if (d->wrong_mode)
        body = of_other_mode(body);
    call.body = body;
    call.body_len = strlen(body);
    endpoint_sign(endpoint, clock_wall_ms() / 1000, body, call.body_len, signature);
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

/* Tell one endpoint, in the forms it wants; again: as somebody who presses "resend" does. */
static void tell(struct deliver *deliver, struct endpoint *endpoint, struct sim_event *event, bool again)
{
    struct forms forms = endpoint_wants(endpoint, event, (enum payload)deliver->sim->knobs.payload);

    if (!forms.snapshot && !forms.thin)
        return;
    struct outlet *outlet = outlet_of(deliver, endpoint);
    if (forms.snapshot)
        delivery_start(outlet, deliver, event, (struct how){.duplicate = again});
    if (forms.thin)
        delivery_start(outlet, deliver, event, (struct how){.thin = true, .duplicate = again});
    if (!again && !deliver->held &&
        random_decide(deliver->sim->seed, event->o.id, (uint64_t)-1) < deliver->sim->knobs.wrong_mode_rate)
        delivery_start(outlet, deliver, event, (struct how){.thin = !forms.snapshot, .wrong_mode = true});
    pump(outlet);
}

static void tell_all(struct deliver *deliver, struct sim_event *event, bool again)
{
    for (const struct sim *of = event->sim; of; of = of->platform)
        for (size_t i = 0; i < of->all[TYPE_ENDPOINT].count; i++)
            tell(deliver, (struct endpoint *)of->all[TYPE_ENDPOINT].at[i], event, again);
}

static void event_made(struct sim_event *event, void *arg)
{
    tell_all(arg, event, false);
}

void deliver_again(struct deliver *deliver, struct sim_event *event)
{
    tell_all(deliver, event, true);
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
    deliver->late_timer = evtimer_new(base, look_at_late, deliver);
    if (!deliver->late_timer)
        sim_die("out of memory");
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
    event_free(deliver->late_timer);
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

bool deliver_settle(struct deliver *deliver, struct sim_event *event, struct endpoint *endpoint, bool thin,
                    bool delivered)
{
    struct delivery *d = deliver->all;

    while (d && (d->event != event || d->outlet->endpoint != endpoint || d->thin != thin || d->duplicate))
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
