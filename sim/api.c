#include "sim/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/call.h"

#define REPLAYS_MAX      1000 /* idempotency keys remembered */
#define REQUEST_ID_BYTES 19   /* "req_", 14 characters, NUL */

struct api {
    struct sim *sim;
    json_t *replays; /* key → {"request", "status", "body"} in the order they came */
};

static const struct route {
    const char *name; /* method, blank, template */
    call_fn *handler;
} routes[] = {
    {"GET /v1/account", account_get},
    {"GET /v1/charges", charges_list},
    {"GET /v1/charges/{id}", charges_get},
    {"GET /v1/checkout/sessions", sessions_list},
    {"POST /v1/checkout/sessions", sessions_create},
    {"GET /v1/checkout/sessions/{id}", sessions_get},
    {"POST /v1/checkout/sessions/{id}/expire", sessions_expire},
    {"GET /v1/checkout/sessions/{id}/line_items", sessions_lines},
    {"GET /v1/customers", customers_list},
    {"POST /v1/customers", customers_create},
    {"GET /v1/customers/{id}", customers_get},
    {"POST /v1/customers/{id}", customers_update},
    {"DELETE /v1/customers/{id}", customers_delete},
    {"GET /v1/events", events_list},
    {"GET /v1/events/{id}", events_get},
    {"GET /v1/invoice_payments", invoice_payments_list},
    {"GET /v1/invoice_payments/{id}", invoice_payments_get},
    {"GET /v1/invoiceitems", invoiceitems_list},
    {"POST /v1/invoiceitems", invoiceitems_create},
    {"GET /v1/invoiceitems/{id}", invoiceitems_get},
    {"GET /v1/invoices", invoices_list},
    {"POST /v1/invoices", invoices_create},
    {"GET /v1/invoices/{id}", invoices_get},
    {"GET /v1/invoices/{id}/lines", invoices_lines},
    {"POST /v1/invoices/{id}/finalize", invoices_finalize},
    {"POST /v1/invoices/{id}/mark_uncollectible", invoices_mark_uncollectible},
    {"POST /v1/invoices/{id}/pay", invoices_pay},
    {"POST /v1/invoices/{id}/void", invoices_void},
    {"GET /v1/payment_intents", intents_list},
    {"GET /v1/payment_intents/{id}", intents_get},
    {"GET /v1/payment_methods", payment_methods_list},
    {"GET /v1/payment_methods/{id}", payment_methods_get},
    {"POST /v1/payment_methods/{id}/attach", payment_methods_attach},
    {"GET /v1/prices", prices_list},
    {"POST /v1/prices", prices_create},
    {"GET /v1/prices/{id}", prices_get},
    {"POST /v1/prices/{id}", prices_update},
    {"GET /v1/products", products_list},
    {"POST /v1/products", products_create},
    {"GET /v1/products/{id}", products_get},
    {"POST /v1/products/{id}", products_update},
    {"GET /v1/setup_intents", setup_intents_list},
    {"GET /v1/setup_intents/{id}", setup_intents_get},
    {"GET /v1/subscription_items", items_list},
    {"GET /v1/subscription_items/{id}", items_get},
    {"GET /v1/subscriptions", subscriptions_list},
    {"POST /v1/subscriptions", subscriptions_create},
    {"GET /v1/subscriptions/{id}", subscriptions_get},
    {"POST /v1/subscriptions/{id}", subscriptions_update},
    {"DELETE /v1/subscriptions/{id}", subscriptions_cancel},
    {"GET /v1/webhook_endpoints", endpoints_list},
    {"POST /v1/webhook_endpoints", endpoints_create},
    {"GET /v1/webhook_endpoints/{id}", endpoints_get},
    {"POST /v1/webhook_endpoints/{id}", endpoints_update},
    {"DELETE /v1/webhook_endpoints/{id}", endpoints_delete},
    {"GET /v2/core/events", thin_events_list},
    {"GET /v2/core/events/{id}", thin_events_get},
};

struct api *api_create(struct sim *sim)
{
    struct api *api = calloc(1, sizeof *api);

    if (!api)
        sim_die("out of memory");
    api->sim = sim;
    api->replays = sim_json(json_object());
    return api;
}

void api_free(struct api *api)
{
    if (!api)
        return;
    json_decref(api->replays);
    free(api);
}

void api_answer_release(struct api_answer *answer)
{
    free(answer->body);
    answer->body = NULL;
}

/* Does the request fit the template? The {id} part is copied to id. */
static bool route_matches(const struct route *route, const char *method, const char *path, char *id,
                          size_t size)
{
    size_t method_len = strlen(method);
    const char *template = route->name + method_len + 1;

    if (strncmp(route->name, method, method_len) != 0 || route->name[method_len] != ' ')
        return false;
    const char *brace = strchr(template, '{');
    if (!brace)
        return strcmp(template, path) == 0;
    size_t head_len = (size_t)(brace - template);
    if (strncmp(template, path, head_len) != 0)
        return false;
    size_t id_len = strcspn(path + head_len, "/");
    if (!id_len || id_len >= size || strcmp(path + head_len + id_len, brace + 4) != 0)
        return false;
    memcpy(id, path + head_len, id_len);
    id[id_len] = '\0';
    return true;
}

/* A message may hold a piece of what was sent, cut anywhere: then only its ASCII is shown. */
static json_t *message_text(const char *message)
{
    char plain[sizeof((struct refusal *)NULL)->message];
    json_t *text = json_string(message);

    if (text)
        return text;
    (void)snprintf(plain, sizeof plain, "%s", message);
    for (char *c = plain; *c; c++)
        if ((unsigned char)*c > 126)
            *c = '?';
    return json_string(plain);
}

static json_t *error_body(const struct refusal *why)
{
    json_t *error =
        sim_json(json_pack("{s:s, s:o}", "type", why->type, "message", message_text(why->message)));

    if (why->code)
        (void)json_object_set_new(error, "code", json_string(why->code));
    if (why->param)
        (void)json_object_set_new(error, "param", json_string(why->param));
    if (why->status == 402)
        (void)json_object_set_new(error, "decline_code", json_string("generic_decline"));
    return sim_json(json_pack("{s:o}", "error", error));
}

static void fill(struct api_answer *answer, int status, json_t *body, const char *request_id,
                 const char *version)
{
    answer->status = status;
    answer->body = json_dumps(body, JSON_INDENT(2));
    json_decref(body);
    if (!answer->body)
        sim_die("out of memory");
    (void)snprintf(answer->headers, sizeof answer->headers, "Request-Id: %s\r\nStripe-Version: %.40s\r\n",
                   request_id, version);
}

static void add_header(struct api_answer *answer, const char *name, const char *value)
{
    size_t used = strlen(answer->headers);

    (void)snprintf(answer->headers + used, sizeof answer->headers - used, "%s: %.255s\r\n", name, value);
}

static void make_request_id(struct api *api, char out[REQUEST_ID_BYTES])
{
    char random[REQUEST_ID_BYTES - 4];

    random_base62(&api->sim->request_ids, random, sizeof random - 1);
    (void)snprintf(out, REQUEST_ID_BYTES, "req_%s", random);
}

void api_error(struct api *api, int status, const char *type, const char *code, const char *message,
               struct api_answer *ret_answer)
{
    struct refusal why = {.status = status, .type = type, .code = code};
    char request_id[REQUEST_ID_BYTES];

    (void)snprintf(why.message, sizeof why.message, "%s", message);
    make_request_id(api, request_id);
    fill(ret_answer, status, error_body(&why), request_id, SIM_API_VERSION);
}

/* Query and body as one object of parameters. NULL: malformed. */
static json_t *parameters(const struct api_request *request)
{
    json_t *params = form_decode(request->query, strlen(request->query));
    json_t *body = form_decode(request->body ? request->body : "", request->body ? request->body_len : 0);

    if (params && body && json_object_update(params, body) == 0) {
        json_decref(body);
        return params;
    }
    json_decref(params);
    json_decref(body);
    return NULL;
}

static bool authorized(const struct api_request *request, struct refusal *why)
{
    /* Bearer with a key, or Basic with the key as user: then its first characters in base 64. */
    static const char *const accepted[] = {"Bearer sk_test_", "Bearer rk_test_", "Basic c2tfdGVzdF",
                                           "Basic cmtfdGVzdF"};
    const char *given = request->authorization;

    for (size_t i = 0; given && i < sizeof accepted / sizeof *accepted; i++)
        if (strncmp(given, accepted[i], strlen(accepted[i])) == 0)
            return true;
    return refuse(why, 401, NULL, NULL,
                  given ? "Invalid API Key provided: test mode takes any sk_test_ or rk_test_ key."
                        : "You did not provide an API key. You need to provide your API key in the "
                          "Authorization header, using Bearer auth.");
}

/* True if the key was used before: answered again, or refused because the request is another one. */
static bool replayed(struct api *api, const char *key, json_t *what, struct api_answer *answer,
                     struct refusal *why)
{
    json_t *known = json_object_get(api->replays, key);

    if (!known)
        return false;
    if (!json_equal(form_at(known, "request"), what)) {
        (void)refuse(why, 400, NULL, NULL,
                     "Keys for idempotent requests can only be used with the same parameters they were first "
                     "used with.");
        why->type = "idempotency_error";
        return true;
    }
    answer->status = (int)json_integer_value(json_object_get(known, "status"));
    answer->body = strdup(form_text(known, "body"));
    if (!answer->body)
        sim_die("out of memory");
    (void)snprintf(answer->headers, sizeof answer->headers, "%s", form_text(known, "headers"));
    add_header(answer, "Idempotent-Replayed", "true");
    return true;
}

static void remember(struct api *api, const char *key, json_t *what, const struct api_answer *answer)
{
    json_t *entry = json_pack("{s:O, s:i, s:s, s:s}", "request", what, "status", answer->status, "body",
                              answer->body, "headers", answer->headers);

    if (json_object_size(api->replays) >= REPLAYS_MAX)
        (void)json_object_del(api->replays, json_object_iter_key(json_object_iter(api->replays)));
    if (json_object_set_new(api->replays, key, sim_json(entry)))
        sim_die("out of memory");
}

/* An idempotency key: 1 to 255 printable characters. */
static bool is_plain(const char *key)
{
    size_t len = 0;

    while (key[len] > 31 && key[len] < 127)
        len++;
    return len >= 1 && len <= 255 && !key[len];
}

/* Run the handler with the cause of its events in place. */
static void run(struct api *api, const struct route *route, struct call *call, const char *request_id,
                const char *key)
{
    struct sim *sim = api->sim;

    sim->request_id = request_id;
    sim->idempotency_key = key;
    route->handler(call);
    sim->request_id = sim->idempotency_key = NULL;
    if (!call->why.status && !call->answer)
        sim_die("an API call without an answer");
}

static const struct route *find_route(const struct api_request *request, char *id, size_t size)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (route_matches(&routes[i], request->method, request->path, id, size))
            return &routes[i];
    return NULL;
}

void api_handle(struct api *api, const struct api_request *request, struct api_answer *ret_answer)
{
    char id[256] = "";
    struct call call = {.sim = api->sim, .path = request->path, .id = id};
    const struct route *route = find_route(request, id, sizeof id);
    char request_id[REQUEST_ID_BYTES];
    const char *version = request->version ? request->version : SIM_API_VERSION;
    bool writes = strcmp(request->method, "POST") == 0;
    const char *key = writes ? request->idempotency_key : NULL;
    json_t *what = NULL; /* the request as a text: what the key stands for */

    make_request_id(api, request_id);
    *ret_answer = (struct api_answer){.endpoint = route ? route->name : "unknown"};
    if (!authorized(request, &call.why))
        goto out;
    if (!route) {
        (void)refuse(&call.why, 404, NULL, NULL, "Unrecognized request URL (%.10s: %.120s).", request->method,
                     request->path);
        goto out;
    }
    call.params = parameters(request);
    if (!call.params || (key && !is_plain(key))) {
        (void)refuse(&call.why, 400, NULL, NULL, "The parameters or the idempotency key are malformed.");
        goto out;
    }
    if (key) {
        what = sim_json(json_sprintf("%s %s", request->path, request->body ? request->body : ""));
        if (replayed(api, key, what, ret_answer, &call.why))
            goto out;
    }
    run(api, route, &call, request_id, key);
out:
    if (!ret_answer->body) {
        json_t *body = call.why.status ? error_body(&call.why) : json_incref(call.answer);
        fill(ret_answer, call.why.status ? call.why.status : 200, body, request_id, version);
        if (key)
            add_header(ret_answer, "Idempotency-Key", key);
        if (what && (ret_answer->status < 400 || ret_answer->status == 402))
            remember(api, key, what, ret_answer);
    }
    json_decref(what);
    json_decref(call.answer);
    json_decref(call.params);
}
