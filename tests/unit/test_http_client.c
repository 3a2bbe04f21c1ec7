/* The HTTP client against our own server, both on one loop. */
#include "common/http_client.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_server.h"
#include "tests/unit/tap.h"

static struct event_base *base;
static struct http_server *server;
static struct http_client *client;
static struct http_request *held[8]; /* requests to /hold, unanswered */
static unsigned held_count, served, in_flight, in_flight_max;

static void serve(struct http_request *req, void *arg)
{
    const char *path = http_request_path(req);
    size_t len;
    const char *body = http_request_body(req, &len);
    char text[512];
    unsigned expects;

    (void)arg;
    served++;
    if (!strcmp(path, "/hold")) {
        held[held_count++] = req;
    } else if (!strcmp(path, "/drop")) {
        http_abort(req, NULL, 0);
    } else if (!strcmp(path, "/half")) {
        http_abort(req, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 44);
    } else if (!strcmp(path, "/garbage")) {
        http_abort(req, "this is not HTTP\r\n\r\n", 20);
    } else if (!strcmp(path, "/redirect")) {
        http_respond(req, 302, "text/plain", "no", 2, "Location: /elsewhere\r\n");
    } else if (!strcmp(path, "/long")) {
        char *big = calloc(1, 100001);

        if (!big)
            abort();
        memset(big, 'x', 100000);
        http_respond_text(req, 200, big);
        free(big);
    } else {
        const char *agent = http_request_header(req, "User-Agent", NULL);
        const char *custom = http_request_header(req, "X-Custom", NULL);

        (void)http_request_header(req, "Expect", &expects);
        (void)snprintf(text, sizeof text, "%s %s agent=%s custom=%s expect=%u body=%zu:%.20s",
                       http_request_method(req), path, agent ? agent : "-", custom ? custom : "-", expects,
                       len, body);
        http_respond(req, 429, "text/plain", text, strlen(text), "Retry-After: 7\r\nX-Empty:\r\n");
    }
}

struct result {
    unsigned calls;
    enum err err;
    long status;
    size_t len;
    char body[512], text[256], retry_after[16];
    bool has_empty, has_none;
};

static void done(const struct http_answer *answer, void *arg)
{
    struct result *result = arg;
    const char *retry_after = http_answer_header(answer, "retry-AFTER");
    const char *empty = http_answer_header(answer, "X-Empty");

    result->calls++;
    result->err = answer->err;
    result->status = answer->status;
    result->len = answer->body_len;
    (void)snprintf(result->body, sizeof result->body, "%s", answer->body);
    (void)snprintf(result->text, sizeof result->text, "%s", answer->text);
    (void)snprintf(result->retry_after, sizeof result->retry_after, "%s", retry_after ? retry_after : "");
    result->has_empty = empty && !*empty;
    result->has_none = !http_answer_header(answer, "X-None");
    in_flight--;
}

static const char *url_of(const char *path)
{
    static char url[128];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u%s", http_server_port(server), path);
    return url;
}

static struct http_call *send_to(const char *method, const char *url, const char *body, unsigned timeout_ms,
                                 struct result *result)
{
    static const char *const headers[] = {"X-Custom: yes", NULL};
    struct http_call_options options = {.method = method,
                                        .url = url,
                                        .headers = headers,
                                        .body = body,
                                        .body_len = body ? strlen(body) : 0,
                                        .timeout_ms = timeout_ms,
                                        .answer_bytes_max = 50000};
    struct http_call *call = NULL;
    struct failure fail;

    *result = (struct result){.calls = 0};
    if (http_client_send(client, &options, done, result, &call, &fail) != ERR_OK) {
        tap_note("%s", fail.text);
        return NULL;
    }
    in_flight++;
    in_flight_max = in_flight > in_flight_max ? in_flight : in_flight_max;
    return call;
}

static void run_until(const unsigned *count, unsigned want)
{
    for (int64_t end = clock_mono_ms() + 20000; *count < want && clock_mono_ms() < end;)
        (void)event_base_loop(base, EVLOOP_ONCE);
}

static void fetch(const char *method, const char *path, const char *body, struct result *result)
{
    (void)send_to(method, url_of(path), body, 5000, result);
    run_until(&result->calls, 1);
}

static const struct {
    const char *name, *method, *path, *body;
    enum err err;
    long status;
    const char *answer; /* its beginning; NULL: any */
} cases[] = {
    {"a GET", "GET", "/a", NULL, ERR_OK, 429, "GET /a agent=instep custom=yes expect=0 body=0:"},
    {"a POST with a body", "POST", "/b", "k=v", ERR_OK, 429,
     "POST /b agent=instep custom=yes expect=0 body=3:k=v"},
    {"a POST with an empty body", "POST", "/b", "", ERR_OK, 429,
     "POST /b agent=instep custom=yes expect=0 body=0:"},
    {"a DELETE", "DELETE", "/c", NULL, ERR_OK, 429, "DELETE /c "},
    {"a redirect is an answer like any other", "GET", "/redirect", NULL, ERR_OK, 302, "no"},
    {"a connection closed without an answer", "GET", "/drop", NULL, ERR_UNAVAILABLE, 0, NULL},
    {"a connection closed amid the answer", "GET", "/half", NULL, ERR_UNAVAILABLE, 200, NULL},
    {"an answer longer than the bound", "GET", "/long", NULL, ERR_LIMIT, 200, NULL},
};

static void test_cases(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct result r;

        fetch(cases[i].method, cases[i].path, cases[i].body, &r);
        if (!tap_ok(r.calls == 1 && r.err == cases[i].err && r.status == cases[i].status &&
                        (!cases[i].answer || !strncmp(r.body, cases[i].answer, strlen(cases[i].answer))) &&
                        (r.err == ERR_OK) == !*r.text,
                    "%s: %s", cases[i].name, err_text(cases[i].err)))
            tap_note("err=%d status=%ld body=%s text=%s", (int)r.err, r.status, r.body, r.text);
    }
}

static void test_headers(void)
{
    struct result r;

    fetch("GET", "/a", NULL, &r);
    tap_ok(!strcmp(r.retry_after, "7"), "an answer's header is found in any case");
    tap_ok(r.has_empty && r.has_none, "an empty header is empty, an absent one NULL");
    fetch("GET", "/garbage", NULL, &r);
    tap_ok(r.calls == 1 && r.err != ERR_OK, "an answer that is not HTTP: %s", err_text(r.err));
}

static void test_refused_calls(void)
{
    static const char *const two_lines[] = {"A: b\r\nC: d", NULL};
    struct http_call_options options = {.method = "GET", .url = "file:///etc/passwd", .timeout_ms = 100};
    struct failure fail;

    tap_ok(http_client_send(client, &options, done, NULL, NULL, &fail) == ERR_INVALID, "file: is refused");
    options.url = "http://127.0.0.1:1/\r\nX: y";
    tap_ok(http_client_send(client, &options, done, NULL, NULL, &fail) == ERR_INVALID,
           "a URL of two lines is refused");
    options.url = "http://127.0.0.1:1/";
    options.headers = two_lines;
    tap_ok(http_client_send(client, &options, done, NULL, NULL, &fail) == ERR_INVALID,
           "a header of two lines is refused");
    options.headers = NULL;
    options.method = "GET /";
    tap_ok(http_client_send(client, &options, done, NULL, NULL, &fail) == ERR_INVALID,
           "a method with a space is refused");
}

static void test_away(void)
{
    struct result r;

    (void)send_to("GET", "http://127.0.0.1:1/", NULL, 5000, &r);
    tap_ok(r.calls == 0, "no callback before send returns");
    run_until(&r.calls, 1);
    tap_ok(r.err == ERR_UNAVAILABLE && *r.text, "nobody listens: %s", r.text);
    (void)send_to("GET", "http://host.invalid/", NULL, 5000, &r);
    run_until(&r.calls, 1);
    tap_ok(r.calls == 1 && r.err != ERR_OK && *r.text, "no such name: %s", r.text);
}

static void test_timeout_and_cancel(void)
{
    struct result slow, never;
    struct http_call *call;

    held_count = 0;
    (void)send_to("GET", url_of("/hold"), NULL, 50, &slow);
    run_until(&slow.calls, 1);
    tap_ok(slow.err == ERR_TIMEOUT, "a late answer: %s", slow.text);

    call = send_to("GET", url_of("/hold"), NULL, 5000, &never);
    run_until(&held_count, 2);
    http_call_cancel(call);
    in_flight--;
    for (unsigned i = 0; i < held_count; i++)
        http_respond_text(held[i], 200, "late");
    fetch("GET", "/a", NULL, &slow);
    tap_ok(slow.status == 429 && never.calls == 0, "a cancelled call is never heard of again");
    held_count = 0;
}

/* One connection: the second call waits for the first, is cancelled or started in its turn. */
static void test_waiting(void)
{
    struct http_client_options options = http_client_options_default();
    struct http_client *many = client;
    struct result first, second, third, fourth;
    struct http_call *call;
    struct failure fail;
    struct http_call_options more = {.method = "GET", .url = "http://127.0.0.1:1/", .timeout_ms = 100};

    options.connections_max = 1;
    options.waiting_max = 3;
    if (http_client_create(base, &options, &client, &fail) != ERR_OK)
        abort();
    held_count = 0;
    (void)send_to("GET", url_of("/hold"), NULL, 5000, &first);
    run_until(&held_count, 1);
    call = send_to("GET", url_of("/second"), NULL, 5000, &second);
    (void)send_to("GET", url_of("/third"), NULL, 5000, &third);
    (void)send_to("GET", url_of("/fourth"), NULL, 5000, &fourth);
    tap_ok(http_client_send(client, &more, done, NULL, NULL, &fail) == ERR_LIMIT, "too many waiting: %s",
           fail.text);
    http_call_cancel(call);
    in_flight--;
    http_respond_text(held[0], 200, "first");
    run_until(&fourth.calls, 1);
    tap_ok(first.status == 200 && third.calls == 1 && second.calls == 0,
           "waiting calls run in order, cancelled ones not");

    held_count = 0;
    (void)send_to("GET", url_of("/hold"), NULL, 5000, &first);
    run_until(&held_count, 1);
    (void)send_to("GET", url_of("/second"), NULL, 5000, &second);
    http_client_free(client);
    tap_ok(first.calls == 1 && first.err == ERR_UNAVAILABLE && second.calls == 1 &&
               second.err == ERR_UNAVAILABLE,
           "closing ends running and waiting calls");
    http_respond_text(held[0], 200, "nobody");
    held_count = 0;
    client = many;
}

static void test_many(void)
{
    enum { COUNT = 500 };
    static struct result results[COUNT];
    unsigned answered = 0;
    uint64_t accepted = http_server_stats(server).accepted_total;

    for (int i = 0; i < COUNT; i++)
        (void)send_to("GET", url_of("/many"), NULL, 10000, &results[i]);
    for (int i = 0; i < COUNT; i++) {
        run_until(&results[i].calls, 1);
        answered += results[i].calls == 1 && results[i].status == 429;
    }
    tap_ok(answered == COUNT, "%u of %d concurrent calls answered", answered, COUNT);
    tap_ok(http_server_stats(server).accepted_total - accepted <= 16, "over at most 16 connections");
}

int main(void)
{
    struct http_server_options server_options = http_server_options_default();
    struct http_client_options options = http_client_options_default();
    struct failure fail;

    /* A proxy that is not there: whoever obeys it fails every test below. */
    (void)setenv("http_proxy", "http://127.0.0.1:9", 1);
    (void)setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
    server_options.listen = ":0";
    base = event_base_new();
    if (!base || http_server_create(base, &server_options, serve, NULL, &server, &fail) != ERR_OK ||
        http_client_create(base, &options, &client, &fail) != ERR_OK) {
        printf("Bail out! setup\n");
        return 1;
    }
    test_cases();
    test_headers();
    test_refused_calls();
    test_away();
    test_timeout_and_cancel();
    test_waiting();
    test_many();
    http_client_free(client);
    http_server_free(server);
    event_base_free(base);
    return tap_done();
}
