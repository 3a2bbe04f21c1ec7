#include "sim/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/accounts.h"
#include "sim/routes.h"
#include "sim/versions.h"

#define REPLAYS_MAX      100000 /* idempotency keys remembered; the oldest goes */
#define REPLAY_S         DAY    /* of the virtual clock: as long as a key is remembered in v1 */
#define REPLAY_V2_S      (30 * DAY)
#define REQUEST_ID_BYTES 19 /* "req_", 14 characters, NUL */

struct api {
    struct sim *sim;
    json_t *
        replays; /* account and key → {"until", "request", "status", "body", "headers"} in the order they came */
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
    if (*why->param)
        (void)json_object_set_new(error, "param", message_text(why->param));
    if (why->status == 402)
        (void)json_object_set_new(error, "decline_code", json_string("generic_decline"));
    return sim_json(json_pack("{s:o}", "error", error));
}

static void fill(struct api_answer *answer, int status, json_t *body, const char *request_id,
                 const char *version)
{
    answer->status = status;
    answer->body = json_dumps(body, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
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
    fill(ret_answer, status, error_body(&why), request_id, api->sim->api_version);
}

/* A JSON body of v2 as a form would say it: a list is an object whose keys are the indexes. Steals json. */
static json_t *as_form(json_t *json)
{
    json_t *form, *value;
    char index[24];
    const char *key;
    size_t i;

    if (!json_is_array(json) && !json_is_object(json))
        return json;
    form = sim_json(json_object());
    json_array_foreach(json, i, value)
    {
        (void)snprintf(index, sizeof index, "%zu", i);
        (void)json_object_set_new(form, index, as_form(json_incref(value)));
    }
    json_object_foreach(json, key, value)(void) json_object_set_new(form, key, as_form(json_incref(value)));
    json_decref(json);
    return form;
}

static json_t *body_parameters(const struct api_request *request)
{
    const char *body = request->body && request->body_len ? request->body : "";
    json_t *json;

    if (strncmp(request->path, "/v2/", 4) != 0 || !*body)
        return form_decode(body, *body ? request->body_len : 0);
    json = json_loadb(body, request->body_len, JSON_REJECT_DUPLICATES, NULL);
    return json_is_object(json) ? as_form(json) : (json_decref(json), NULL);
}

/* Query and body as one object of parameters. NULL: malformed. */
static json_t *parameters(const struct api_request *request)
{
    json_t *params = form_decode(request->query, strlen(request->query));
    json_t *body = body_parameters(request);

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

/* The account a request speaks of: NULL if there is none of that name. */
static struct sim *account_of(struct api *api, const struct api_request *request)
{
    const char *id = request->account ? request->account : request->context;

    return id ? account_find(api->sim, id) : api->sim;
}

/* The version and the account a request speaks of must exist. */
static bool headers_are_known(struct api *api, const struct api_request *request, struct refusal *why)
{
    if (request->account && request->context)
        return refuse(why, 400, NULL, NULL, "Stripe-Account and Stripe-Context cannot be used together.");
    if (request->version && !version_known(request->version))
        return refuse(why, 400, NULL, NULL, "Invalid Stripe API version: %.60s", request->version);
    if (!account_of(api, request))
        return refuse(why, 403, "account_invalid", NULL,
                      "The provided key does not have access to account '%.60s' (or that account does not "
                      "exist). Application access may have been revoked.",
                      request->account ? request->account : request->context);
    return true;
}

/* True if the key was used before: answered again, or refused because the request is another one. */
static bool replayed(struct api *api, const char *key, json_t *what, struct api_answer *answer,
                     struct refusal *why)
{
    json_t *known = json_object_get(api->replays, key);

    if (known && json_integer_value(json_object_get(known, "until")) <= api->sim->now) {
        (void)json_object_del(api->replays, key);
        return false;
    }
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

/* The oldest key: is its time over? */
static bool oldest_is_over(const struct api *api)
{
    json_t *oldest = json_object_iter_value(json_object_iter(api->replays));

    return oldest && json_integer_value(json_object_get(oldest, "until")) <= api->sim->now;
}

static void remember(struct api *api, const char *key, json_t *what, const struct api_answer *answer, bool v2)
{
    json_int_t until = (json_int_t)api->sim->now + (v2 ? REPLAY_V2_S : REPLAY_S);
    json_t *entry = json_pack("{s:I, s:O, s:i, s:s, s:s}", "until", until, "request", what, "status",
                              answer->status, "body", answer->body, "headers", answer->headers);

    while (json_object_size(api->replays) >= REPLAYS_MAX || oldest_is_over(api))
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
static void run(const struct route *route, struct call *call, const char *request_id, const char *key)
{
    struct sim *sim = call->sim;

    sim->request_id = request_id;
    sim->idempotency_key = key;
    route->handler(call);
    sim->request_id = sim->idempotency_key = NULL;
    if (!call->why.status && !call->answer)
        sim_die("an API call without an answer");
}

void api_handle(struct api *api, const struct api_request *request, struct api_answer *ret_answer)
{
    char id[256] = "";
    struct sim *account = account_of(api, request);
    struct call call = {.sim = account ? account : api->sim, .path = request->path, .id = id};
    const struct route *route = route_find(request->method, request->path, id, sizeof id);
    char request_id[REQUEST_ID_BYTES];
    bool writes = strcmp(request->method, "POST") == 0;
    const char *key = writes ? request->idempotency_key : NULL;
    char kept_as[400];   /* keys are an account's own */
    json_t *what = NULL; /* the request as a text: what the key stands for */

    if (!call.sim)
        sim_die("an API without a world");
    make_request_id(api, request_id);
    call.version = request->version ? version_known(request->version) : call.sim->api_version;
    *ret_answer = (struct api_answer){.endpoint = route ? route->name : "unknown"};
    if (!authorized(request, &call.why) || !headers_are_known(api, request, &call.why))
        goto out;
    if (!route || !version_has_path(call.version, request->path)) {
        (void)refuse(&call.why, 404, NULL, NULL, "Unrecognized request URL (%.10s: %.120s).", request->method,
                     request->path);
        goto out;
    }
    call.params = parameters(request);
    if (!call.params || (key && !is_plain(key))) {
        (void)refuse(&call.why, 400, NULL, NULL, "The parameters or the idempotency key are malformed.");
        goto out;
    }
    if (!writes && strcmp(request->method, "GET") == 0)
        account_count_read(call.sim);
    if (key) {
        (void)snprintf(kept_as, sizeof kept_as, "%.120s %s", call.sim->account, key);
        what = sim_json(json_sprintf("%s %s", request->path, request->body ? request->body : ""));
        if (replayed(api, kept_as, what, ret_answer, &call.why))
            goto out;
    }
    version_params(call.version, route->name, call.params);
    if (params_are_known(route, call.params, &call.why) &&
        expand_is_known(route, call.version, call.params, &call.why)) {
        run(route, &call, request_id, key);
        ret_answer->wrote = strcmp(request->method, "GET") != 0;
    }
out:
    if (!ret_answer->body) {
        json_t *body = call.why.status ? error_body(&call.why) : json_incref(call.answer);
        fill(ret_answer, call.why.status ? call.why.status : 200, body, request_id,
             call.version ? call.version : call.sim->api_version);
        if (request->account && account)
            add_header(ret_answer, "Stripe-Account", account->account);
        if (key)
            add_header(ret_answer, "Idempotency-Key", key);
        if (what && (ret_answer->status < 400 || ret_answer->status == 402))
            remember(api, kept_as, what, ret_answer, strncmp(request->path, "/v2/", 4) == 0);
    }
    json_decref(what);
    json_decref(call.answer);
    json_decref(call.params);
}
