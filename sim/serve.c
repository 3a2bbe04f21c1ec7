#include "sim/serve.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_server.h"
#include "sim/replay.h"
#include "sim/stories.h"

#define ENDPOINTS_MAX 128 /* names in the count by endpoint: as many as there are routes */

enum fault { FAULT_NONE, FAULT_LIMIT, FAULT_LOCK, FAULT_500, FAULT_CUT_BEFORE, FAULT_CUT_AMID };

/* A request that waits for its latency to pass. */
struct waiting {
    struct serve *serve;
    struct http_request *req;
    struct event *timer; /* owned */
    struct waiting *next, *prev;
};

struct serve {
    struct event_base *base;
    struct sim *sim;
    struct api *api;
    struct control control;
    struct journal *journal; /* borrowed; NULL: none */
    struct http_server *server;
    struct waiting *waiting;
    double tokens; /* of the limiter */
    int64_t tokens_mono_ms;
    uint64_t requests, reads;
    uint64_t by_status[600];
    struct {
        const char *name; /* static */
        uint64_t count;
    } by_endpoint[ENDPOINTS_MAX];
    unsigned endpoints_count;
};

static void count(struct serve *serve, int status, const char *endpoint)
{
    unsigned i = 0;

    if (status > 0 && status < 600)
        serve->by_status[status]++;
    while (i < serve->endpoints_count && strcmp(serve->by_endpoint[i].name, endpoint) != 0)
        i++;
    if (i == ENDPOINTS_MAX)
        return;
    if (i == serve->endpoints_count)
        serve->by_endpoint[serve->endpoints_count++].name = endpoint;
    serve->by_endpoint[i].count++;
}

json_t *serve_counts(const struct serve *serve)
{
    json_t *statuses = sim_json(json_object());
    json_t *endpoints = sim_json(json_object());
    char status[16];

    for (int i = 0; i < 600; i++) {
        if (!serve->by_status[i])
            continue;
        (void)snprintf(status, sizeof status, "%d", i);
        (void)json_object_set_new(statuses, status, json_integer((json_int_t)serve->by_status[i]));
    }
    for (unsigned i = 0; i < serve->endpoints_count; i++)
        (void)json_object_set_new(endpoints, serve->by_endpoint[i].name,
                                  json_integer((json_int_t)serve->by_endpoint[i].count));
    return sim_json(json_pack("{s:I, s:I, s:o, s:o}", "requests", (json_int_t)serve->requests, "reads",
                              (json_int_t)serve->reads, "by_status", statuses, "by_endpoint", endpoints));
}

/* --- faults --- */

/* The real-time limiter: false when the request is one too many. */
static bool within_limit(struct serve *serve)
{
    double rate = (double)serve->sim->knobs.limit_per_s;
    int64_t now = clock_mono_ms();

    if (rate <= 0)
        return true;
    serve->tokens += rate * (double)(now - serve->tokens_mono_ms) / 1000;
    if (serve->tokens > rate)
        serve->tokens = rate;
    serve->tokens_mono_ms = now;
    if (serve->tokens < 1)
        return false;
    serve->tokens -= 1;
    return true;
}

static enum fault draw_fault(struct serve *serve)
{
    const struct knobs *knobs = &serve->sim->knobs;
    struct random_stream *random = &serve->sim->faults;

    if (!within_limit(serve) || random_chance(random, knobs->rate_429))
        return FAULT_LIMIT;
    if (random_chance(random, knobs->rate_lock))
        return FAULT_LOCK;
    if (random_chance(random, knobs->rate_500))
        return FAULT_500;
    if (random_chance(random, knobs->rate_disconnect))
        return random_chance(random, 0.5) ? FAULT_CUT_BEFORE : FAULT_CUT_AMID;
    return FAULT_NONE;
}

static void add_header(struct api_answer *answer, const char *line)
{
    size_t used = strlen(answer->headers);

    (void)snprintf(answer->headers + used, sizeof answer->headers - used, "%s\r\n", line);
}

static void answer_500(struct serve *serve, struct http_request *req)
{
    struct api_answer answer = {0};
    uint64_t dice = random_below(&serve->sim->faults, 4);

    count(serve, 500, "fault 500");
    if (dice == 0) { /* a gateway that knows nothing of JSON */
        static const char html[] = "<html><body><h1>502 Bad Gateway</h1></body></html>";
        http_respond(req, 502, "text/html", html, sizeof html - 1, NULL);
        return;
    }
    api_error(serve->api, 500, "api_error", NULL, "An error occurred internally with Stripe. (simulated)",
              &answer);
    if (dice == 1)
        add_header(&answer, "Stripe-Should-Retry: true");
    else if (dice == 2)
        add_header(&answer, "Stripe-Should-Retry: false");
    http_respond(req, 500, "application/json", answer.body, strlen(answer.body), answer.headers);
    api_answer_release(&answer);
}

static void answer_429(struct serve *serve, struct http_request *req, bool lock)
{
    struct api_answer answer = {0};

    count(serve, 429, lock ? "fault lock_timeout" : "fault 429");
    if (lock) {
        api_error(serve->api, 429, "invalid_request_error", "lock_timeout",
                  "This object cannot be accessed right now because another API request or Stripe process is "
                  "currently accessing it.",
                  &answer);
    } else {
        api_error(serve->api, 429, "invalid_request_error", "rate_limit",
                  "Request rate limit exceeded. You can learn more about rate limits in the documentation.",
                  &answer);
        add_header(&answer, "Stripe-Rate-Limited-Reason: global-rate");
    }
    http_respond(req, 429, "application/json", answer.body, strlen(answer.body), answer.headers);
    api_answer_release(&answer);
}

/* --- answering --- */

static void answer_api(struct serve *serve, struct http_request *req, bool cut)
{
    struct api_request request = {
        .method = http_request_method(req),
        .path = http_request_path(req),
        .query = http_request_query(req),
        .authorization = http_request_header(req, "Authorization", NULL),
        .idempotency_key = http_request_header(req, "Idempotency-Key", NULL),
        .version = http_request_header(req, "Stripe-Version", NULL),
        .account = http_request_header(req, "Stripe-Account", NULL),
    };
    struct api_answer answer;
    size_t len;

    request.body = http_request_body(req, &request.body_len);
    uint64_t request_ids = serve->sim->request_ids.state;
    api_handle(serve->api, &request, &answer);
    if (answer.wrote)
        record_api(serve->journal, serve->sim, &request, request_ids);
    count(serve, answer.status, answer.endpoint);
    len = strlen(answer.body);
    if (cut) { /* the answer was made, but only half of it arrives */
        char head[200];
        int head_len =
            snprintf(head, sizeof head,
                     "HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n{",
                     answer.status, len);
        http_abort(req, head, (size_t)head_len);
    } else {
        http_respond(req, answer.status, "application/json", answer.body, len, answer.headers);
    }
    api_answer_release(&answer);
}

static void proceed(struct serve *serve, struct http_request *req)
{
    switch (draw_fault(serve)) {
    case FAULT_NONE: answer_api(serve, req, false); break;
    case FAULT_LIMIT: answer_429(serve, req, false); break;
    case FAULT_LOCK: answer_429(serve, req, true); break;
    case FAULT_500: answer_500(serve, req); break;
    case FAULT_CUT_BEFORE:
        count(serve, 0, "fault disconnect");
        http_abort(req, NULL, 0);
        break;
    case FAULT_CUT_AMID: answer_api(serve, req, true); break;
    }
}

static void waiting_free(struct waiting *w)
{
    if (w->prev)
        w->prev->next = w->next;
    else
        w->serve->waiting = w->next;
    if (w->next)
        w->next->prev = w->prev;
    event_free(w->timer);
    free(w);
}

static void latency_over(evutil_socket_t fd, short what, void *arg)
{
    struct waiting *w = arg;
    struct serve *serve = w->serve;
    struct http_request *req = w->req;

    (void)fd;
    (void)what;
    waiting_free(w);
    proceed(serve, req);
}

static void wait_latency(struct serve *serve, struct http_request *req, int64_t ms)
{
    struct waiting *w = calloc(1, sizeof *w);
    struct timeval length = clock_timeval(ms);

    if (!w)
        sim_die("out of memory");
    w->serve = serve;
    w->req = req;
    w->timer = evtimer_new(serve->base, latency_over, w);
    if (!w->timer || evtimer_add(w->timer, &length))
        sim_die("out of memory");
    w->next = serve->waiting;
    if (w->next)
        w->next->prev = w;
    serve->waiting = w;
}

static void answer_control(struct serve *serve, struct http_request *req)
{
    size_t len;
    const char *body = http_request_body(req, &len);
    json_t *answer = NULL;
    int status =
        control_handle(&serve->control, http_request_method(req), http_request_path(req), body, len, &answer);
    char *text = json_dumps(answer, JSON_COMPACT);

    if (strcmp(http_request_method(req), "POST") == 0)
        record_control(serve->journal, serve->sim, http_request_path(req), body, len);
    json_decref(answer);
    if (!text)
        sim_die("out of memory");
    http_respond(req, status, "application/json", text, strlen(text), NULL);
    free(text);
}

static void handle(struct http_request *req, void *arg)
{
    struct serve *serve = arg;

    if (strncmp(http_request_path(req), "/sim/", 5) == 0) {
        answer_control(serve, req);
        return;
    }
    serve->requests++;
    if (strcmp(http_request_method(req), "GET") == 0)
        serve->reads++;
    if (serve->sim->knobs.latency_ms > 0)
        wait_latency(serve, req, serve->sim->knobs.latency_ms);
    else
        proceed(serve, req);
}

enum err serve_create(struct event_base *base, struct sim *sim, struct api *api, struct deliver *deliver,
                      struct runner *runner, const char *listen, struct serve **ret_serve,
                      struct failure *fail)
{
    struct http_server_options options = http_server_options_default();
    struct serve *serve = calloc(1, sizeof *serve);

    if (!serve)
        return failf(fail, ERR_NOMEM, "the listener");
    serve->base = base;
    serve->sim = sim;
    serve->api = api;
    serve->control = (struct control){.sim = sim, .deliver = deliver, .runner = runner, .serve = serve};
    serve->control.stories = story_book_create(sim, api);
    options.listen = listen;
    enum err err = http_server_create(base, &options, handle, serve, &serve->server, fail);
    if (err) {
        story_book_free(serve->control.stories);
        free(serve);
        return err;
    }
    *ret_serve = serve;
    return ERR_OK;
}

void serve_free(struct serve *serve)
{
    if (!serve)
        return;
    for (struct waiting *w = serve->waiting, *next; w; w = next) {
        next = w->next;
        http_abort(w->req, NULL, 0);
        event_free(w->timer);
        free(w);
    }
    http_server_free(serve->server);
    story_book_free(serve->control.stories);
    free(serve);
}

void serve_journal(struct serve *serve, struct journal *journal)
{
    serve->journal = journal;
}

struct control *serve_control(struct serve *serve)
{
    return &serve->control;
}

unsigned serve_port(const struct serve *serve)
{
    return http_server_port(serve->server);
}
