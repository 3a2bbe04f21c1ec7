/* The Stripe client against a server that answers as Stripe does on bad days. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_client.h"
#include "common/http_server.h"
#include "common/stripe_client.h"
#include "tests/unit/tap.h"

static const struct odd {
    const char *name;
    const char *path;
    int status;
    const char *headers;
    const char *body;
    enum stripe_verdict verdict;
} odds[] = {
    {"a complete 200 is found", "/v1/ok", 200, 0, "{\"object\": \"customer\", \"id\": \"cus_1\"}",
     STRIPE_FOUND},
    {"a missing object is missing", "/v1/gone", 404, 0,
     "{\"error\": {\"type\": \"invalid_request_error\", \"code\": \"resource_missing\"}}", STRIPE_MISSING},
    {"a 404 of something else is not a missing object", "/v1/proxy", 404, 0, "<html>no</html>",
     STRIPE_REFUSED},
    {"401 means our key", "/v1/key", 401, 0, "{\"error\": {\"type\": \"invalid_request_error\"}}",
     STRIPE_DENIED},
    {"403 means this read", "/v1/permission", 403, 0, "{}", STRIPE_FORBIDDEN},
    {"429 with a reason is a limiter", "/v1/limited", 429,
     "Stripe-Rate-Limited-Reason: endpoint-rate\r\nRetry-After: 3\r\n",
     "{\"error\": {\"code\": \"rate_limit\"}}", STRIPE_LIMITED},
    {"429 that only its body explains is a limiter", "/v1/limited2", 429, 0,
     "{\"error\": {\"code\": \"rate_limit\"}}", STRIPE_LIMITED},
    {"429 without a reason is a lock", "/v1/locked", 429, 0, "{\"error\": {\"code\": \"lock_timeout\"}}",
     STRIPE_LOCKED},
    {"409 is a lock", "/v1/conflict", 409, 0, "{}", STRIPE_LOCKED},
    {"an HTML 500 is trouble", "/v1/html", 500, "Stripe-Should-Retry: false\r\n", "<html>Oops</html>",
     STRIPE_TROUBLE},
    {"an empty 502 is trouble", "/v1/empty", 502, 0, "", STRIPE_TROUBLE},
    {"424 is trouble", "/v1/dependency", 424, 0, "{}", STRIPE_TROUBLE},
    {"a 200 that is no JSON is garbled", "/v1/nonsense", 200, 0, "<html>hello</html>", STRIPE_GARBLED},
    {"a 200 with a key twice is garbled", "/v1/twice", 200, 0, "{\"id\": \"a\", \"id\": \"b\"}",
     STRIPE_GARBLED},
    {"a 200 that is a JSON array is garbled", "/v1/array", 200, 0, "[]", STRIPE_GARBLED},
    {"a 400 is refused", "/v1/bad", 400, 0, "{\"error\": {\"type\": \"invalid_request_error\"}}",
     STRIPE_REFUSED},
    {"a 400 that says try again is trouble", "/v1/retry", 400, "Stripe-Should-Retry: true\r\n", "{}",
     STRIPE_TROUBLE},
    {"a redirect is refused, not followed", "/v1/moved", 302, "Location: /v1/ok\r\n", "", STRIPE_REFUSED},
    {"half an answer is trouble", "/v1/half", 0, 0,
     "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"id\": \"cu", STRIPE_TROUBLE},
    {"a connection closed at once is trouble", "/v1/closed", 0, 0, "", STRIPE_TROUBLE},
    {"a silent server is trouble in time", "/v1/silent", -1, 0, "", STRIPE_TROUBLE},
    {"a body over the bound is trouble", "/v1/huge", -2, 0, "", STRIPE_TROUBLE},
};

static char seen_headers[512];          /* of the last request */
static struct http_request *unanswered; /* the silent one */

static void serve(struct http_request *req, void *arg)
{
    static char huge[8192];
    const char *version = http_request_header(req, "Stripe-Version", 0);
    const char *account = http_request_header(req, "Stripe-Account", 0);
    const char *key = http_request_header(req, "Authorization", 0);
    const char *context = http_request_header(req, "Stripe-Context", 0);

    (void)arg;
    (void)snprintf(seen_headers, sizeof seen_headers, "%s|%s|%s%s", version ? version : "",
                   account ? account : "", key ? key : "", context ? context : "");
    for (size_t i = 0; i < sizeof odds / sizeof *odds; i++) {
        const struct odd *odd = &odds[i];
        if (strcmp(http_request_path(req), odd->path) != 0)
            continue;
        if (odd->status > 0) {
            http_respond(req, odd->status, "application/json", odd->body, strlen(odd->body), odd->headers);
        } else if (odd->status == 0) {
            http_abort(req, odd->body, strlen(odd->body));
        } else if (odd->status == -2) {
            (void)memset(huge, ' ', sizeof huge);
            http_respond(req, 200, "application/json", huge, sizeof huge, 0);
        } else {
            unanswered = req; /* until the end */
        }
        return;
    }
    http_respond_text(req, 404, "");
}

struct wait {
    struct event_base *base;
    struct stripe_answer answer; /* its body is not kept */
    char id[64];
    int calls;
};

static void on_answer(const struct stripe_answer *answer, void *arg)
{
    struct wait *wait = arg;
    const char *id = json_string_value(json_object_get(answer->body, "id"));

    wait->answer = *answer;
    wait->answer.body = 0;
    (void)snprintf(wait->id, sizeof wait->id, "%s", id ? id : "");
    wait->calls++;
    (void)event_base_loopbreak(wait->base);
}

static void get_in(struct stripe_client *client, struct wait *wait, const char *path, const char *account,
                   const char *context, unsigned timeout_ms)
{
    wait->calls = 0;
    if (stripe_client_get(client, path, account, context, timeout_ms, on_answer, wait, 0, 0) == ERR_OK &&
        !wait->calls)
        (void)event_base_dispatch(wait->base);
}

static void get(struct stripe_client *client, struct wait *wait, const char *path, const char *account,
                unsigned timeout_ms)
{
    get_in(client, wait, path, account, "", timeout_ms);
}

static void test_answers(struct stripe_client *client, struct wait *wait)
{
    for (size_t i = 0; i < sizeof odds / sizeof *odds; i++) {
        get(client, wait, odds[i].path, "self", odds[i].status == -1 ? 200 : 5000);
        if (!tap_ok(wait->calls == 1 && wait->answer.verdict == odds[i].verdict, "%s", odds[i].name))
            tap_note("%s: %s", stripe_verdict_name(wait->answer.verdict), wait->answer.text);
    }
    get(client, wait, "/v1/limited", "self", 5000);
    tap_ok(!strcmp(wait->answer.limited_reason, "endpoint-rate") && wait->answer.retry_after_ms == 3000,
           "the limiter's reason and Retry-After are handed on");
    get(client, wait, "/v1/html", "self", 5000);
    tap_ok(wait->answer.should_retry == 0 && wait->answer.retry_after_ms == -1,
           "Stripe-Should-Retry is handed on, absent headers are absent");
    get(client, wait, "/v1/ok", "self", 5000);
    tap_ok(!strcmp(wait->id, "cus_1") && !strcmp(seen_headers, "2026-10-28.endive||Bearer sk_test_unit"),
           "the version is pinned, the key is sent, and no account of our own");
    get(client, wait, "/v1/ok", "acct_9", 5000);
    tap_ok(strstr(seen_headers, "|acct_9|") != 0, "a connected account is named");
    tap_ok(stripe_client_get(client, "/v1/ok", "acct_9\r\nX: y", "", 5000, on_answer, wait, 0, 0) ==
               ERR_INVALID,
           "an account cannot smuggle a header");
    get_in(client, wait, "/v1/ok", "acct_9", "org_1/acct_9", 5000);
    tap_ok(!strcmp(seen_headers, "2026-10-28.endive||Bearer sk_test_unitorg_1/acct_9"),
           "a context is sent in place of the account, never both");
    tap_ok(stripe_client_get(client, "/v1/ok", "self", "org_1\r\nX: y", 5000, on_answer, wait, 0, 0) ==
               ERR_INVALID,
           "nor can a context smuggle one");
}

static void test_cancel(struct stripe_client *client, struct wait *wait)
{
    struct stripe_call *call = 0;
    struct timeval tv = {0, 100000};

    wait->calls = 0;
    if (stripe_client_get(client, "/v1/ok", "self", "", 5000, on_answer, wait, &call, 0) == ERR_OK)
        stripe_call_cancel(call);
    (void)event_base_loopexit(wait->base, &tv);
    (void)event_base_dispatch(wait->base);
    tap_ok(wait->calls == 0, "a cancelled read is never answered");
}

static void test_json(void)
{
    char deep[400], text[64];
    json_t *root = 0;
    const json_t *value;

    (void)memset(deep, '[', sizeof deep);
    (void)memcpy(deep, "{\"a\":", 5);
    (void)memset(deep + 205, ']', 200 - 5);
    tap_ok(stripe_json_parse(deep, 5 + 195 + 195, &root, 0) == ERR_INVALID,
           "JSON nested too deep is refused");
    (void)strcpy(text, "{\"name\": \"a\\u0000b\", \"list\": [\"\\u0000\"]}");
    tap_ok(stripe_json_parse(text, strlen(text), &root, 0) == ERR_OK, "U+0000 in a string is taken");
    value = json_object_get(root, "name");
    tap_ok(!strcmp(json_string_value(value), "a\xEF\xBF\xBD"
                                             "b") &&
               json_string_length(value) == 5,
           "and becomes U+FFFD, which Postgres can hold");
    tap_ok(!strcmp(json_string_value(json_array_get(json_object_get(root, "list"), 0)), "\xEF\xBF\xBD"),
           "inside arrays too");
    json_decref(root);
    root = 0;
    tap_ok(stripe_json_parse("{\"a\": 92233720368547758080}", 27, &root, 0) == ERR_INVALID,
           "a whole number beyond 64 bits is refused, not rounded");
}

static void test_paths(void)
{
    struct stripe_path path;
    char longer[STRIPE_PATH_BYTES_MAX + 10];

    stripe_path_start(&path, "/v1/invoices");
    stripe_path_param(&path, "customer", "cus_1&limit=1 %");
    stripe_path_param(&path, "expand[]", "data.payments");
    tap_ok(!strcmp(path.text, "/v1/invoices?customer=cus_1%26limit%3D1%20%25&expand[]=data.payments"),
           "values are encoded in a query");
    stripe_path_start(&path, "/v1/customers");
    stripe_path_segment(&path, "..");
    tap_ok(path.overflow, "an id that would climb the path is refused");
    (void)memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = 0;
    stripe_path_start(&path, "/v1/customers");
    stripe_path_segment(&path, longer);
    tap_ok(path.overflow && strlen(path.text) < sizeof path.text, "a path over the bound is cut and marked");
}

int main(void)
{
    struct wait wait = {.base = event_base_new()};
    struct http_server_options server_options = http_server_options_default();
    struct stripe_client_options options = stripe_client_options_default();
    struct http_server *server = 0;
    struct stripe_client *client = 0;
    char url[64];

    server_options.listen = "127.0.0.1:0";
    if (!wait.base || http_server_create(wait.base, &server_options, serve, 0, &server, 0) != ERR_OK)
        return 1;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", http_server_port(server));
    options.base_url = url;
    options.api_key = "sk_test_unit";
    options.api_version = "2026-10-28.endive";
    options.answer_bytes_max = 4096;
    tap_ok(stripe_client_create(wait.base, &options, &client, 0) == ERR_OK, "a client is made");
    if (client) {
        test_answers(client, &wait);
        test_cancel(client, &wait);
    }
    options.base_url = "ftp://example.com";
    tap_ok(stripe_client_create(wait.base, &options, &client, 0) == ERR_CONFIG, "other schemes are refused");
    options.base_url = url;
    options.api_key = "sk\r\nX: y";
    tap_ok(stripe_client_create(wait.base, &options, &client, 0) == ERR_CONFIG,
           "a key that would break the header is refused");
    test_json();
    test_paths();
    stripe_client_free(client);
    http_server_free(server);
    if (unanswered)
        http_respond_text(unanswered, 200, "");
    event_base_free(wait.base);
    return tap_done();
}
