#include "sim/serve.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_server.h"
#include "sim/faults.h"
#include "sim/replay.h"
#include "sim/routes.h"
#include "sim/stories.h"

#define ENDPOINTS_MAX 128 /* names in the count by endpoint: as many as there are routes */

#define STALLED_MS 120000 /* longer than anybody waits */

/* A request that waits for its latency to pass, or is never answered. */
struct waiting {
    struct serve *serve;
    struct http_request *req;
    struct event *timer;  /* owned */
    const char *endpoint; /* static */
    bool stalled;
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
    struct faults *faults; /* owned */
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

static void add_header(struct api_answer *answer, const char *line)
{
    size_t used = strlen(answer->headers);

    (void)snprintf(answer->headers + used, sizeof answer->headers - used, "%s\r\n", line);
}

static void answer_error(struct http_request *req, struct api_answer *answer)
{
    http_respond(req, answer->status, "application/json", answer->body, strlen(answer->body),
                 answer->headers);
    api_answer_release(answer);
}

static void answer_500(struct serve *serve, struct http_request *req, enum should_retry should_retry)
{
    struct api_answer answer = {0};

    api_error(serve->api, 500, "api_error", NULL, "An error occurred internally with Stripe. (simulated)",
              &answer);
    if (should_retry != SHOULD_RETRY_UNSAID)
        add_header(&answer, should_retry == SHOULD_RETRY_TRUE ? "Stripe-Should-Retry: true"
                                                              : "Stripe-Should-Retry: false");
    answer_error(req, &answer);
}

/* A gateway that knows nothing of JSON. */
static void answer_html(struct http_request *req, int status)
{
    char html[96];

    int len = snprintf(html, sizeof html, "<html><body><h1>%d %s</h1></body></html>", status,
                       status == 502 ? "Bad Gateway" : "OK");
    http_respond(req, status, "text/html", html, (size_t)len, NULL);
}

static void answer_503(struct serve *serve, struct http_request *req)
{
    struct api_answer answer = {0};

    api_error(serve->api, 503, "api_error", NULL, "Stripe is temporarily unavailable. (simulated)", &answer);
    answer_error(req, &answer);
}

/* reason NULL: a lock, which has no such header. */
static void answer_429(struct serve *serve, struct http_request *req, const char *reason)
{
    struct api_answer answer = {0};
    char line[80];

    if (!reason) {
        api_error(serve->api, 429, "invalid_request_error", "lock_timeout",
                  "This object cannot be accessed right now because another API request or Stripe process is "
                  "currently accessing it.",
                  &answer);
    } else {
        api_error(serve->api, 429, "invalid_request_error", "rate_limit",
                  "Request rate limit exceeded. You can learn more about rate limits in the documentation.",
                  &answer);
        (void)snprintf(line, sizeof line, "Stripe-Rate-Limited-Reason: %s", reason);
        add_header(&answer, line);
    }
    answer_error(req, &answer);
}

/* --- answering --- */

/* What becomes of an answer that was made. */
enum damage { WHOLE, CUT_AT_ONCE, CUT_IN_HALF, HALF_AS_WHOLE, GARBLED };

/* Say how much comes, and then send less. */
static void send_less(struct http_request *req, const struct api_answer *answer, size_t send)
{
    size_t len = strlen(answer->body), size = send + 200;
    char *text = malloc(size);

    if (!text)
        sim_die("out of memory");
    int head = snprintf(text, size,
                        "HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                        answer->status, len);
    memcpy(text + head, answer->body, send);
    http_abort(req, text, (size_t)head + send);
    free(text);
}

static void send_damaged(struct http_request *req, const struct api_answer *answer, enum damage damage)
{
    size_t len = strlen(answer->body);

    switch (damage) {
    case WHOLE:
        http_respond(req, answer->status, "application/json", answer->body, len, answer->headers);
        break;
    case CUT_AT_ONCE: send_less(req, answer, 1); break;
    case CUT_IN_HALF: send_less(req, answer, len / 2); break;
    case HALF_AS_WHOLE:
        http_respond(req, answer->status, "application/json", answer->body, len / 2, answer->headers);
        break;
    case GARBLED: answer_html(req, 200); break;
    }
}

static void answer_api(struct serve *serve, struct http_request *req, enum damage damage)
{
    struct api_request request = {
        .method = http_request_method(req),
        .path = http_request_path(req),
        .query = http_request_query(req),
        .authorization = http_request_header(req, "Authorization", NULL),
        .idempotency_key = http_request_header(req, "Idempotency-Key", NULL),
        .version = http_request_header(req, "Stripe-Version", NULL),
        .account = http_request_header(req, "Stripe-Account", NULL),
        .context = http_request_header(req, "Stripe-Context", NULL),
    };
    struct api_answer answer;

    request.body = http_request_body(req, &request.body_len);
    uint64_t request_ids = serve->sim->request_ids.state;
    api_handle(serve->api, &request, &answer);
    if (answer.wrote)
        record_api(serve->journal, serve->sim, &request, request_ids);
    count(serve, answer.status, answer.endpoint);
    send_damaged(req, &answer, damage);
    api_answer_release(&answer);
}

/* --- requests under way --- */

static void proceed(struct serve *serve, struct http_request *req);

static const char *endpoint_name(struct http_request *req)
{
    char id[256];
    const struct route *route = route_find(http_request_method(req), http_request_path(req), id, sizeof id);

    return route ? route->name : "unknown";
}

static const char *account_name(struct http_request *req)
{
    const char *account = http_request_header(req, "Stripe-Account", NULL);

    if (!account)
        account = http_request_header(req, "Stripe-Context", NULL);
    return account ? account : SIM_ACCOUNT;
}

/* As limits see it. */
static struct faults_request request_of(struct serve *serve, struct http_request *req)
{
    struct faults_request request = {
        .account = account_name(req), .endpoint = endpoint_name(req), .now_mono_ms = clock_mono_ms()};

    if (strcmp(http_request_method(req), "GET") != 0 && strchr(request.endpoint, '{'))
        request.object = http_request_path(req);
    for (const struct waiting *w = serve->waiting; w; w = w->next) {
        if (strcmp(account_name(w->req), request.account) != 0)
            continue;
        request.at_once++;
        request.endpoint_at_once += w->endpoint == request.endpoint;
    }
    return request;
}

/* A request with the same idempotency key is under way. */
static bool key_in_use(struct serve *serve, struct http_request *req)
{
    const char *key = http_request_header(req, "Idempotency-Key", NULL);

    if (!key || strcmp(http_request_method(req), "POST") != 0)
        return false;
    for (const struct waiting *w = serve->waiting; w; w = w->next) {
        const char *its = http_request_header(w->req, "Idempotency-Key", NULL);
        if (!w->stalled && its && strcmp(its, key) == 0 &&
            strcmp(account_name(w->req), account_name(req)) == 0)
            return true;
    }
    return false;
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
    bool stalled = w->stalled;

    waiting_free(w);
    if (stalled)
        http_abort(req, NULL, 0);
    else
        proceed(serve, req);
}

static void wait_for(struct serve *serve, struct http_request *req, int64_t ms, bool stalled)
{
    struct waiting *w = calloc(1, sizeof *w);
    struct timeval length = clock_timeval(ms);

    if (!w)
        sim_die("out of memory");
    w->serve = serve;
    w->req = req;
    w->stalled = stalled;
    w->endpoint = endpoint_name(req);
    w->timer = evtimer_new(serve->base, latency_over, w);
    if (!w->timer || evtimer_add(w->timer, &length))
        sim_die("out of memory");
    w->next = serve->waiting;
    if (w->next)
        w->next->prev = w;
    serve->waiting = w;
}

/* Do to a request what was drawn for it. */
static void act(struct serve *serve, struct http_request *req, struct fault fault)
{
    static const int statuses[FAULT_COUNT] = {
        [FAULT_429] = 429, [FAULT_LOCK] = 429, [FAULT_500] = 500, [FAULT_HTML] = 502, [FAULT_503] = 503};
    bool answered = fault.kind == FAULT_NONE || fault.kind == FAULT_TRUNCATED ||
                    fault.kind == FAULT_GARBLED || fault.kind == FAULT_CUT_AMID;

    if (!answered)
        count(serve, statuses[fault.kind], fault_name(fault.kind));
    switch (fault.kind) {
    case FAULT_429: answer_429(serve, req, reason_429_name(fault.reason)); break;
    case FAULT_LOCK: answer_429(serve, req, NULL); break;
    case FAULT_500: answer_500(serve, req, fault.should_retry); break;
    case FAULT_HTML: answer_html(req, 502); break;
    case FAULT_503: answer_503(serve, req); break;
    case FAULT_STALLED: wait_for(serve, req, STALLED_MS, true); break;
    case FAULT_TRUNCATED:
        answer_api(serve, req, random_chance(&serve->sim->faults, 0.5) ? CUT_IN_HALF : HALF_AS_WHOLE);
        break;
    case FAULT_GARBLED: answer_api(serve, req, GARBLED); break;
    case FAULT_CUT_BEFORE: http_abort(req, NULL, 0); break;
    case FAULT_CUT_AMID: answer_api(serve, req, CUT_AT_ONCE); break;
    case FAULT_NONE:
    case FAULT_COUNT: answer_api(serve, req, WHOLE); break;
    }
}

static void answer_409(struct serve *serve, struct http_request *req)
{
    struct api_answer answer = {0};

    count(serve, 409, "idempotency key in use");
    api_error(serve->api, 409, "idempotency_error", "idempotency_key_in_use",
              "There is currently another in-progress request using this Idempotent Key.", &answer);
    answer_error(req, &answer);
}

static void proceed(struct serve *serve, struct http_request *req)
{
    struct faults_request request = request_of(serve, req);

    act(serve, req, faults_draw(serve->faults, &request));
}

static void answer_control(struct serve *serve, struct http_request *req)
{
    size_t len;
    const char *body = http_request_body(req, &len);
    json_t *answer = NULL;
    int status =
        control_handle(&serve->control, http_request_method(req), http_request_path(req), body, len, &answer);
    char *text = json_dumps(answer, JSON_COMPACT);

    if (strcmp(http_request_method(req), "POST") == 0 && strcmp(http_request_path(req), "/sim/faults") != 0)
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
    struct faults_request request = request_of(serve, req);
    struct fault fault = faults_on_entry(serve->faults, &request);
    if (key_in_use(serve, req))
        answer_409(serve, req);
    else if (fault.kind != FAULT_NONE)
        act(serve, req, fault);
    else if (serve->sim->knobs.latency_ms > 0)
        wait_for(serve, req, serve->sim->knobs.latency_ms, false);
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
    serve->faults = faults_create(sim);
    options.listen = listen;
    enum err err = http_server_create(base, &options, handle, serve, &serve->server, fail);
    if (err) {
        story_book_free(serve->control.stories);
        faults_free(serve->faults);
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
    faults_free(serve->faults);
    free(serve);
}

void serve_journal(struct serve *serve, struct journal *journal)
{
    serve->journal = journal;
}

struct faults *serve_faults(struct serve *serve)
{
    return serve->faults;
}

struct control *serve_control(struct serve *serve)
{
    return &serve->control;
}

unsigned serve_port(const struct serve *serve)
{
    return http_server_port(serve->server);
}
