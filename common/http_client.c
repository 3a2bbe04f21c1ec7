#include "common/http_client.h"

#include <assert.h>
#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "common/clock.h"

#define HEADERS_BYTES_MAX 65536
#define CONNECTION_AGE_S  60L /* an older idle connection is not used again: the peer may have dropped it */
#define DNS_CACHE_S       60L

struct http_call {
    struct http_client *client; /* borrowed */
    TAILQ_ENTRY(http_call) link;
    bool running; /* in client->running and in the multi handle; else in client->waiting */
    bool too_long;
    CURL *easy; /* owned, from or to the client's spares; NULL while waiting */
    http_answer_fn *done;
    void *arg;
    char method[16];
    char *url;                  /* owned */
    struct curl_slist *headers; /* owned */
    char *sent_body;            /* owned; NULL for none */
    size_t sent_len;
    unsigned timeout_ms;
    size_t answer_bytes_max;
    int64_t started_mono_ms;
    char *body; /* owned; NUL after body_len */
    size_t body_len, body_size;
    char *answer_headers; /* owned; name NUL value NUL ... of the last response only */
    size_t answer_headers_len;
    char why[CURL_ERROR_SIZE];
};
TAILQ_HEAD(http_call_list, http_call);

struct http_client {
    struct event_base *base; /* borrowed */
    struct http_client_options options;
    CURLM *multi;            /* owned */
    struct event timer;      /* curl's one timer */
    struct event start_soon; /* calls are waiting and may start */
    struct http_call_list running, waiting;
    unsigned running_count, waiting_count;
    CURL **spares; /* owned: easy handles to use again */
    unsigned spares_count;
    bool closing;
};

struct http_client_options http_client_options_default(void)
{
    return (struct http_client_options){
        .connections_max = 16, .waiting_max = 10000, .connect_timeout_ms = 3000, .user_agent = "instep"};
}

/* ---- calls ---- */

static void call_free(struct http_call *call)
{
    if (!call)
        return;
    if (call->sent_body && call->sent_len)
        memset(call->sent_body, 0, call->sent_len);
    free(call->sent_body);
    curl_slist_free_all(call->headers);
    free(call->url);
    free(call->body);
    free(call->answer_headers);
    free(call);
}

/* Take the call out of its list and, if it runs, out of curl. */
static void call_detach(struct http_call *call)
{
    struct http_client *client = call->client;

    if (!call->running) {
        TAILQ_REMOVE(&client->waiting, call, link);
        client->waiting_count--;
        return;
    }
    TAILQ_REMOVE(&client->running, call, link);
    client->running_count--;
    call->running = false;
    (void)curl_multi_remove_handle(client->multi, call->easy);
    curl_easy_reset(call->easy);
    if (client->spares_count < client->options.connections_max)
        client->spares[client->spares_count++] = call->easy;
    else
        curl_easy_cleanup(call->easy);
    call->easy = NULL;
}

static void call_finish(struct http_call *call, enum err err, const char *text, long status)
{
    struct http_answer answer = {.err = err,
                                 .text = text,
                                 .status = status,
                                 .body = call->body ? call->body : "",
                                 .body_len = call->body_len,
                                 .call = call};

    if (call->started_mono_ms)
        answer.elapsed_ms = clock_mono_ms() - call->started_mono_ms;
    call->done(&answer, call->arg);
    call_free(call);
}

static size_t on_body(char *bytes, size_t one, size_t count, void *arg)
{
    struct http_call *call = arg;
    size_t len = one * count;

    if (len > call->answer_bytes_max - call->body_len) {
        call->too_long = true;
        return 0;
    }
    if (call->body_len + len + 1 > call->body_size) {
        size_t size = call->body_size ? call->body_size : 4096;
        char *grown;

        while (size < call->body_len + len + 1)
            size *= 2;
        grown = realloc(call->body, size);
        if (!grown)
            return 0;
        call->body = grown;
        call->body_size = size;
    }
    memcpy(call->body + call->body_len, bytes, len);
    call->body_len += len;
    call->body[call->body_len] = '\0';
    return len;
}

/* One header line, with its line end. */
static size_t on_header(char *bytes, size_t one, size_t count, void *arg)
{
    struct http_call *call = arg;
    size_t len = one * count, end = len, value;
    const char *colon = memchr(bytes, ':', len);
    char *grown;

    if (len >= 5 && !memcmp(bytes, "HTTP/", 5)) {
        call->answer_headers_len = 0; /* what came before was 100 Continue */
        return len;
    }
    if (!colon)
        return len;
    while (end && (bytes[end - 1] == '\r' || bytes[end - 1] == '\n' || bytes[end - 1] == ' '))
        end--;
    for (value = (size_t)(colon - bytes) + 1; value < end && (bytes[value] == ' ' || bytes[value] == '\t');
         value++)
        continue;
    if (value > end)
        value = end;
    if (call->answer_headers_len + len + 2 > HEADERS_BYTES_MAX) {
        call->too_long = true;
        return 0;
    }
    grown = realloc(call->answer_headers, call->answer_headers_len + len + 2);
    if (!grown)
        return 0;
    call->answer_headers = grown;
    grown += call->answer_headers_len;
    memcpy(grown, bytes, (size_t)(colon - bytes));
    grown[colon - bytes] = '\0';
    memcpy(grown + (colon - bytes) + 1, bytes + value, end - value);
    grown[(size_t)(colon - bytes) + 1 + end - value] = '\0';
    call->answer_headers_len += (size_t)(colon - bytes) + 2 + end - value;
    return len;
}

const char *http_answer_header(const struct http_answer *answer, const char *name)
{
    const struct http_call *call = answer->call;
    const char *at = call->answer_headers;
    const char *end = at ? at + call->answer_headers_len : NULL;

    while (at < end) {
        const char *value = at + strlen(at) + 1;

        if (!strcasecmp(at, name))
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

#define SET(option, value) (ok = ok && curl_easy_setopt(call->easy, (option), (value)) == CURLE_OK)

static bool call_configure(struct http_call *call)
{
    const struct http_client_options *options = &call->client->options;
    bool ok = true;

    SET(CURLOPT_URL, call->url);
    SET(CURLOPT_PRIVATE, call);
    SET(CURLOPT_ERRORBUFFER, call->why);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, ""); /* not even from the environment */
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
    SET(CURLOPT_DNS_CACHE_TIMEOUT, DNS_CACHE_S);
    SET(CURLOPT_MAXAGE_CONN, CONNECTION_AGE_S);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_TCP_NODELAY, 1L);
    SET(CURLOPT_ACCEPT_ENCODING, ""); /* whatever this curl can undo; the bound counts what comes out */
    SET(CURLOPT_USERAGENT, options->user_agent);
    SET(CURLOPT_HTTPHEADER, call->headers);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, call);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, call);
    if (call->sent_body) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->sent_len);
        SET(CURLOPT_POSTFIELDS, call->sent_body);
    } else if (!strcmp(call->method, "HEAD")) {
        SET(CURLOPT_NOBODY, 1L);
    }
    SET(CURLOPT_CUSTOMREQUEST, call->method);
    return ok;
}

static const struct {
    CURLcode code;
    enum err err;
} verdicts[] = {
    {CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT},
    {CURLE_OUT_OF_MEMORY, ERR_NOMEM},
    {CURLE_URL_MALFORMAT, ERR_INVALID},
    {CURLE_UNSUPPORTED_PROTOCOL, ERR_INVALID},
    {CURLE_WEIRD_SERVER_REPLY, ERR_PROTOCOL},
    {CURLE_BAD_CONTENT_ENCODING, ERR_PROTOCOL},
    {CURLE_PEER_FAILED_VERIFICATION, ERR_PROTOCOL},
    {CURLE_SSL_CONNECT_ERROR, ERR_PROTOCOL},
};

/* A transfer is over: say how, and forget it. */
static void call_ended(struct http_call *call, CURLcode code)
{
    enum err err = code == CURLE_OK ? ERR_OK : ERR_UNAVAILABLE; /* connect, send, receive, resolve */
    char text[CURL_ERROR_SIZE] = "";
    long status = 0;

    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++)
        if (verdicts[i].code == code)
            err = verdicts[i].err;
    if (call->too_long)
        err = ERR_LIMIT;
    else if (code == CURLE_WRITE_ERROR)
        err = ERR_NOMEM;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (call->too_long)
        (void)snprintf(text, sizeof text, "the answer is longer than %zu bytes", call->answer_bytes_max);
    else if (err != ERR_OK)
        (void)snprintf(text, sizeof text, "%s", *call->why ? call->why : curl_easy_strerror(code));
    call_detach(call);
    call_finish(call, err, text, status);
}

/* ---- curl and the loop ---- */

static void schedule_start(struct http_client *client)
{
    if (!TAILQ_EMPTY(&client->waiting) && client->running_count < client->options.connections_max)
        event_active(&client->start_soon, EV_TIMEOUT, 1);
}

static bool multi_open(struct http_client *client);

/* curl's answer to an error of its own is undefined: end what runs and begin with a fresh handle. */
static void multi_rebuild(struct http_client *client)
{
    struct http_call_list broken = TAILQ_HEAD_INITIALIZER(broken);
    struct http_call *call;

    while ((call = TAILQ_FIRST(&client->running))) {
        call_detach(call);
        TAILQ_INSERT_TAIL(&broken, call, link);
    }
    while (client->spares_count)
        curl_easy_cleanup(client->spares[--client->spares_count]);
    (void)event_del(&client->timer);
    (void)curl_multi_cleanup(client->multi);
    client->multi = NULL;
    (void)multi_open(client); /* no memory: tried again at the next start */
    while ((call = TAILQ_FIRST(&broken))) {
        TAILQ_REMOVE(&broken, call, link);
        call_finish(call, ERR_UNAVAILABLE, "the HTTP client had to start again", 0);
    }
    schedule_start(client);
}

static void drive(struct http_client *client, curl_socket_t fd, int what)
{
    CURLMsg *message;
    int running, left;

    if (curl_multi_socket_action(client->multi, fd, what, &running) != CURLM_OK) {
        multi_rebuild(client);
        return;
    }
    while (client->multi && (message = curl_multi_info_read(client->multi, &left))) {
        struct http_call *call = NULL;
        CURLcode code = message->data.result; /* the message goes with its handle */

        if (message->msg != CURLMSG_DONE ||
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call) != CURLE_OK || !call)
            continue;
        call_ended(call, code);
    }
    schedule_start(client);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    drive(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket_ready(evutil_socket_t fd, short what, void *arg)
{
    drive(arg, fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

/* From inside curl: only arm the timer, 0 meaning soon. */
static int on_timer_wish(CURLM *multi, long timeout_ms, void *arg)
{
    struct http_client *client = arg;
    struct timeval tv = clock_timeval(timeout_ms);

    (void)multi;
    return (timeout_ms < 0 ? event_del(&client->timer) : event_add(&client->timer, &tv)) == 0 ? 0 : -1;
}

/* From inside curl. socket_event is ours, NULL at first; after REMOVE the descriptor may be somebody else's. */
static int on_socket_wish(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_event)
{
    struct http_client *client = arg;
    struct event *event = socket_event;
    short flags =
        (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (event)
            event_free(event);
        return 0;
    }
    if (event) {
        (void)event_del(event);
        if (event_assign(event, client->base, fd, flags, on_socket_ready, client) != 0)
            return -1;
    } else {
        event = event_new(client->base, fd, flags, on_socket_ready, client);
        if (!event)
            return -1;
        if (curl_multi_assign(client->multi, fd, event) != CURLM_OK) {
            event_free(event);
            return -1;
        }
    }
    return event_add(event, NULL) == 0 ? 0 : -1;
}

static bool multi_open(struct http_client *client)
{
    CURLM *multi = curl_multi_init();

    if (!multi)
        return false;
    if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket_wish) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_wish) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)client->options.connections_max) != CURLM_OK) {
        (void)curl_multi_cleanup(multi);
        return false;
    }
    client->multi = multi;
    return true;
}

/* Move a waiting call into curl. False: it could not start, and its callback has run. */
static bool start(struct http_client *client, struct http_call *call)
{
    TAILQ_REMOVE(&client->waiting, call, link);
    client->waiting_count--;
    call->easy = client->spares_count ? client->spares[--client->spares_count] : curl_easy_init();
    call->started_mono_ms = clock_mono_ms();
    if (!call->easy || !call_configure(call) ||
        curl_multi_add_handle(client->multi, call->easy) != CURLM_OK) {
        if (call->easy)
            curl_easy_cleanup(call->easy);
        call->easy = NULL;
        call_finish(call, ERR_NOMEM, "the request could not be started", 0);
        return false;
    }
    call->running = true;
    TAILQ_INSERT_TAIL(&client->running, call, link);
    client->running_count++;
    return true;
}

static void on_start_soon(evutil_socket_t fd, short what, void *arg)
{
    struct http_client *client = arg;

    (void)fd;
    (void)what;
    if (!client->multi && !multi_open(client)) {
        struct timeval later = clock_timeval(100);

        (void)event_add(&client->start_soon, &later);
        return;
    }
    while (!TAILQ_EMPTY(&client->waiting) && client->running_count < client->options.connections_max)
        /* start() takes the call out of the list, which the analyzer does not follow. */
        (void)start(client, TAILQ_FIRST(&client->waiting)); /* NOLINT(clang-analyzer-unix.Malloc) */
}

/* ---- what others use ---- */

enum err http_client_create(struct event_base *base, const struct http_client_options *options,
                            struct http_client **ret_client, struct failure *fail)
{
    static bool curl_ready; /* one thread, once per process */
    struct http_client *client = NULL;

    assert(base && options && options->connections_max && ret_client);
    if (!curl_ready && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return failf(fail, ERR_SYSTEM, "libcurl does not start");
    curl_ready = true;
    client = calloc(1, sizeof *client);
    if (!client)
        goto nomem;
    client->base = base;
    client->options = *options;
    TAILQ_INIT(&client->running);
    TAILQ_INIT(&client->waiting);
    client->spares = calloc(options->connections_max, sizeof(CURL *));
    if (!client->spares || event_assign(&client->timer, base, -1, 0, on_timer, client) != 0 ||
        event_assign(&client->start_soon, base, -1, 0, on_start_soon, client) != 0 || !multi_open(client))
        goto nomem;
    *ret_client = client;
    return ERR_OK;
nomem:
    if (client)
        free(client->spares);
    free(client);
    return failf(fail, ERR_NOMEM, "no memory for the HTTP client");
}

void http_client_free(struct http_client *client)
{
    struct http_call *call;

    if (!client)
        return;
    client->closing = true;
    while ((call = TAILQ_FIRST(&client->running)) || (call = TAILQ_FIRST(&client->waiting))) {
        call_detach(call); /* NOLINT(clang-analyzer-unix.Malloc): out of the list before it is freed */
        call_finish(call, ERR_UNAVAILABLE, "the HTTP client is closing", 0);
    }
    while (client->spares_count)
        curl_easy_cleanup(client->spares[--client->spares_count]);
    (void)curl_multi_cleanup(client->multi);
    (void)event_del(&client->timer);
    (void)event_del(&client->start_soon);
    free(client->spares);
    free(client);
}

/* One line each: what a caller was given must not become two headers. */
static bool is_line(const char *text)
{
    return text && !text[strcspn(text, "\r\n")];
}

static enum err copy_headers(struct http_call *call, const char *const *headers, struct failure *fail)
{
    static const char *const always[] = {"Expect:", NULL}; /* curl would wait a second for 100 Continue */
    const char *const *lists[] = {always, headers};

    for (size_t i = 0; i < 2; i++) {
        for (const char *const *header = lists[i]; header && *header; header++) {
            struct curl_slist *longer;

            if (!is_line(*header) || !strchr(*header, ':'))
                return failf(fail, ERR_INVALID, "a request header is not one line with a colon");
            longer = curl_slist_append(call->headers, *header);
            if (!longer)
                return failf(fail, ERR_NOMEM, "no memory for request headers");
            call->headers = longer;
        }
    }
    return ERR_OK;
}

enum err http_client_send(struct http_client *client, const struct http_call_options *options,
                          http_answer_fn *done, void *arg, struct http_call **ret_call, struct failure *fail)
{
    struct http_call *call = NULL;
    enum err err;

    assert(options && options->method && options->url && done);
    if (client->closing)
        return failf(fail, ERR_LIMIT, "the HTTP client is closing");
    if (client->waiting_count >= client->options.waiting_max)
        return failf(fail, ERR_LIMIT, "%u HTTP requests are waiting already", client->waiting_count);
    if (!is_line(options->url) ||
        (strncmp(options->url, "http://", 7) != 0 && strncmp(options->url, "https://", 8) != 0))
        return failf(fail, ERR_INVALID, "a URL must begin with http:// or https://");
    if (!*options->method || strlen(options->method) >= sizeof call->method ||
        options->method[strspn(options->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
        return failf(fail, ERR_INVALID, "an HTTP method is capital letters");
    call = calloc(1, sizeof *call);
    if (!call)
        return failf(fail, ERR_NOMEM, "no memory for an HTTP request");
    call->client = client;
    call->done = done;
    call->arg = arg;
    call->timeout_ms = options->timeout_ms;
    call->answer_bytes_max = options->answer_bytes_max;
    (void)snprintf(call->method, sizeof call->method, "%s", options->method);
    err = copy_headers(call, options->headers, fail);
    if (err != ERR_OK)
        goto out;
    call->url = strdup(options->url);
    if (options->body) {
        call->sent_len = options->body_len;
        call->sent_body = malloc(options->body_len + 1);
        if (call->sent_body) {
            memcpy(call->sent_body, options->body, options->body_len);
            call->sent_body[options->body_len] = '\0';
        }
    }
    if (!call->url || (options->body && !call->sent_body)) {
        err = failf(fail, ERR_NOMEM, "no memory for an HTTP request");
        goto out;
    }
    TAILQ_INSERT_TAIL(&client->waiting, call, link);
    client->waiting_count++;
    schedule_start(client);
    if (ret_call)
        *ret_call = call;
    call = NULL; /* the client's now */
out:
    call_free(call);
    return err;
}

void http_call_cancel(struct http_call *call)
{
    struct http_client *client = call->client;

    call_detach(call);
    call_free(call);
    schedule_start(client);
}
