#include "common/stripe_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/http_client.h"

struct stripe_client {
    struct http_client *http; /* owned */
    char *base_url;           /* owned, without a slash at the end */
    char *authorization;      /* owned: a whole header; wiped */
    char *version;            /* owned: a whole header */
    unsigned timeout_ms;
    size_t answer_bytes_max;
};

struct stripe_call {
    stripe_answer_fn *done;
    void *arg;
    struct http_call *http; /* borrowed, until it has answered */
};

static const char *const verdict_names[STRIPE_VERDICTS] = {
#define X(verdict, label) [verdict] = (label),
    STRIPE_VERDICT_LIST(X)
#undef X
};

const char *stripe_verdict_name(enum stripe_verdict verdict)
{
    return (unsigned)verdict < STRIPE_VERDICTS ? verdict_names[verdict] : "unknown";
}

struct stripe_client_options stripe_client_options_default(void)
{
    return (struct stripe_client_options){.base_url = "https://api.stripe.com",
                                          .connections_max = 16,
                                          .timeout_ms = 15000,
                                          .answer_bytes_max = 16u << 20};
}

/* ---- paths ---- */

static void path_put(struct stripe_path *path, char c)
{
    if (path->len + 1 >= sizeof path->text) {
        path->overflow = true;
        return;
    }
    path->text[path->len++] = c;
    path->text[path->len] = 0;
}

static void path_encode(struct stripe_path *path, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~", c)) {
            path_put(path, (char)c);
        } else {
            path_put(path, '%');
            path_put(path, hex[c >> 4]);
            path_put(path, hex[c & 15]);
        }
    }
}

static void path_literal(struct stripe_path *path, const char *text)
{
    for (; *text; text++)
        path_put(path, *text);
}

void stripe_path_start(struct stripe_path *path, const char *fixed)
{
    *path = (struct stripe_path){.len = 0};
    path_literal(path, fixed);
}

void stripe_path_segment(struct stripe_path *path, const char *id)
{
    path_put(path, '/');
    if (!*id || !strcmp(id, ".") || !strcmp(id, ".."))
        path->overflow = true; /* would name another resource */
    path_encode(path, id);
}

void stripe_path_param(struct stripe_path *path, const char *name, const char *value)
{
    path_put(path, strchr(path->text, '?') ? '&' : '?');
    path_literal(path, name);
    path_put(path, '=');
    path_encode(path, value);
}

/* ---- answers ---- */

static const char *error_field(const json_t *error, const char *name)
{
    const char *text = json_string_value(json_object_get(error, name));

    return text ? text : "";
}

/* The error's type, code and parameter: enough to act on, and nobody's data. */
static void read_error(const struct http_answer *http, struct stripe_answer *ret, char *code, size_t code_len)
{
    json_t *root = 0;
    const json_t *error;

    if (!http->body || stripe_json_parse(http->body, http->body_len, &root, 0) != ERR_OK) {
        (void)snprintf(ret->text, sizeof ret->text, "HTTP %ld without a Stripe error", http->status);
        return;
    }
    error = json_object_get(root, "error");
    (void)snprintf(code, code_len, "%s", error_field(error, "code"));
    (void)snprintf(ret->text, sizeof ret->text, "HTTP %ld %.40s %.60s %.60s", http->status,
                   error_field(error, "type"), error_field(error, "code"), error_field(error, "param"));
    json_decref(root);
}

static enum stripe_verdict verdict_of(long status, const char *code, const struct stripe_answer *answer)
{
    if (status == 401)
        return STRIPE_DENIED;
    if (status == 403)
        return STRIPE_FORBIDDEN;
    if (status == 404)
        return !strcmp(code, "resource_missing") ? STRIPE_MISSING : STRIPE_REFUSED;
    if (status == 429)
        return *answer->limited_reason || !strcmp(code, "rate_limit") ? STRIPE_LIMITED : STRIPE_LOCKED;
    if (status == 409)
        return STRIPE_LOCKED;
    if (status == 408 || status == 424 || status >= 500)
        return STRIPE_TROUBLE;
    return answer->should_retry == 1 ? STRIPE_TROUBLE : STRIPE_REFUSED;
}

static void read_headers(const struct http_answer *http,
                         const char *(*header)(const struct http_answer *, const char *),
                         struct stripe_answer *ret)
{
    const char *value = header(http, "Request-Id");
    char *end;
    long seconds;

    (void)snprintf(ret->request_id, sizeof ret->request_id, "%s", value ? value : "");
    value = header(http, "Stripe-Rate-Limited-Reason");
    (void)snprintf(ret->limited_reason, sizeof ret->limited_reason, "%s", value ? value : "");
    value = header(http, "Stripe-Should-Retry");
    ret->should_retry = !value ? -1 : !strcasecmp(value, "true");
    value = header(http, "Retry-After");
    if (value) {
        seconds = strtol(value, &end, 10);
        if (end != value && !*end && seconds >= 0 && seconds <= 86400)
            ret->retry_after_ms = seconds * 1000;
    }
}

void stripe_answer_read(const struct http_answer *http,
                        const char *(*header)(const struct http_answer *, const char *),
                        struct stripe_answer *ret)
{
    struct failure why;
    char code[64] = "";

    *ret = (struct stripe_answer){.verdict = STRIPE_TROUBLE,
                                  .status = http->status,
                                  .retry_after_ms = -1,
                                  .should_retry = -1,
                                  .elapsed_ms = http->elapsed_ms};
    if (http->err != ERR_OK) {
        (void)snprintf(ret->text, sizeof ret->text, "%s", http->text ? http->text : err_text(http->err));
        return;
    }
    read_headers(http, header, ret);
    if (http->status != 200) {
        read_error(http, ret, code, sizeof code);
        ret->verdict = verdict_of(http->status, code, ret);
    } else if (stripe_json_parse(http->body, http->body_len, &ret->body, &why) == ERR_OK) {
        ret->verdict = STRIPE_FOUND;
        ret->body_bytes = http->body_len;
    } else {
        ret->verdict = STRIPE_GARBLED;
        (void)snprintf(ret->text, sizeof ret->text, "HTTP 200 but %.150s", why.text);
    }
}

static void on_http(const struct http_answer *http, void *arg)
{
    struct stripe_call *call = arg;
    struct stripe_answer answer;

    stripe_answer_read(http, http_answer_header, &answer);
    call->done(&answer, call->arg);
    json_decref(answer.body);
    free(call);
}

/* ---- the client ---- */

static bool header_safe(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text == 0x7f)
            return false;
    return true;
}

enum err stripe_client_create(struct event_base *base, const struct stripe_client_options *options,
                              struct stripe_client **ret_client, struct failure *fail)
{
    struct http_client_options http_options = http_client_options_default();
    struct stripe_client *client = 0;
    size_t len = strlen(options->base_url);
    enum err err;

    if (strncmp(options->base_url, "https://", 8) != 0 && strncmp(options->base_url, "http://", 7) != 0)
        return failf(fail, ERR_CONFIG,
                     "STRIPE_API_BASE must start with https:// (or http:// for a simulator)");
    if (!header_safe(options->api_key) || !header_safe(options->api_version))
        return failf(fail, ERR_CONFIG,
                     "STRIPE_API_KEY or STRIPE_API_VERSION holds a space or a control character");
    client = calloc(1, sizeof *client);
    if (!client)
        return failf(fail, ERR_NOMEM, "Stripe client");
    while (len > 0 && options->base_url[len - 1] == '/')
        len--;
    client->base_url = strndup(options->base_url, len);
    if (asprintf(&client->authorization, "Authorization: Bearer %s", options->api_key) < 0)
        client->authorization = 0;
    if (asprintf(&client->version, "Stripe-Version: %s", options->api_version) < 0)
        client->version = 0;
    client->timeout_ms = options->timeout_ms;
    client->answer_bytes_max = options->answer_bytes_max;
    if (!client->base_url || !client->authorization || !client->version) {
        err = failf(fail, ERR_NOMEM, "Stripe client");
        goto out;
    }
    http_options.connections_max = options->connections_max;
    http_options.user_agent = "instep";
    err = http_client_create(base, &http_options, &client->http, fail);
    if (err == ERR_OK) {
        *ret_client = client;
        client = 0;
    }
out:
    stripe_client_free(client); /* NULL after success */
    return err;
}

void stripe_client_free(struct stripe_client *client)
{
    if (!client)
        return;
    http_client_free(client->http);
    if (client->authorization)
        explicit_bzero(client->authorization, strlen(client->authorization));
    free(client->authorization);
    free(client->version);
    free(client->base_url);
    free(client);
}

enum err stripe_client_get(struct stripe_client *client, const char *path, const char *account,
                           const char *context, unsigned timeout_ms, stripe_answer_fn *done, void *arg,
                           struct stripe_call **ret_call, struct failure *fail)
{
    char url[STRIPE_PATH_BYTES_MAX + 1280], account_header[300] = "";
    const char *headers[] = {client->authorization, client->version, "Accept: application/json", 0, 0};
    struct http_call_options options = {.method = "GET",
                                        .url = url,
                                        .headers = headers,
                                        .timeout_ms =
                                            timeout_ms < client->timeout_ms ? timeout_ms : client->timeout_ms,
                                        .answer_bytes_max = client->answer_bytes_max};
    struct stripe_call *call;
    enum err err;

    if (snprintf(url, sizeof url, "%s%s", client->base_url, path) >= (int)sizeof url)
        return failf(fail, ERR_INVALID, "the URL is too long");
    /* Never both: Stripe may refuse that. A context says more: the way to the account. */
    if (*context || strcmp(account, "self") != 0) {
        const char *value = *context ? context : account;
        if (!header_safe(value) || strlen(value) > 255)
            return failf(fail, ERR_INVALID, "not an account id");
        (void)snprintf(account_header, sizeof account_header, "%s: %s",
                       *context ? "Stripe-Context" : "Stripe-Account", value);
        headers[3] = account_header;
    }
    call = calloc(1, sizeof *call);
    if (!call)
        return failf(fail, ERR_NOMEM, "Stripe read");
    call->done = done;
    call->arg = arg;
    err = http_client_send(client->http, &options, on_http, call, &call->http, fail);
    if (err != ERR_OK) {
        free(call);
        return err;
    }
    if (ret_call)
        *ret_call = call;
    return ERR_OK;
}

void stripe_call_cancel(struct stripe_call *call)
{
    http_call_cancel(call->http);
    free(call);
}
