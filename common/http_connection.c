#include "common/http_connection.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/clock.h"

#define IN_BYTES_FIRST    8192               /* most webhooks fit */
#define BODY_BYTES_OWN    ((size_t)64 << 10) /* of a body, which every connection may have */
#define REQUESTS_PER_WAKE 16                 /* pipelined, before others get a turn */
#define LINGER_MS         2000
#define LINGER_BYTES_MAX  ((size_t)8 << 20)

static void connection_advance(struct http_request *req);

/* ---- life ---- */

static void set_state(struct http_request *req, enum http_state state)
{
    struct http_server *server = req->server;

    TAILQ_REMOVE(&server->connections[req->state], req, link);
    server->stats.in_flight -= req->state == HTTP_HANDLING;
    req->state = state;
    server->stats.in_flight += state == HTTP_HANDLING;
    TAILQ_INSERT_TAIL(&server->connections[state], req, link);
    req->since_mono_ms = clock_mono_ms();
}

static bool set_deadline(struct http_request *req, unsigned timeout_ms)
{
    struct timeval tv = clock_timeval(timeout_ms);

    return event_add(&req->deadline, &tv) == 0;
}

static bool set_reading(struct http_request *req, bool on)
{
    if (on == req->read_on)
        return true;
    if ((on ? event_add(&req->readable, NULL) : event_del(&req->readable)) != 0)
        return false;
    req->read_on = on;
    return true;
}

/*
 * Go on with what is here already, in the next turn of the loop. event_active() would run within this one, and who
 * pipelines a lot would keep timers, Redis and everybody else waiting.
 */
static void go_on_later(struct http_request *req)
{
    struct timeval at_once = {0};

    if (event_add(&req->again, &at_once) != 0)
        http_connection_close(req);
}

/* Free the memory once nobody needs it: socket closed, no handler, not on the stack. */
static void reap(struct http_request *req)
{
    if (req->fd >= 0 || req->state == HTTP_HANDLING || req->advancing)
        return;
    free(req->in);
    free(req->out);
    free(req);
}

static void release_large(struct http_request *req)
{
    if (req->server)
        req->server->large_bytes -= req->large_bytes;
    req->large_bytes = 0;
}

void http_connection_close(struct http_request *req)
{
    struct http_server *server = req->server;

    assert(req->fd >= 0 && server);
    (void)event_del(&req->readable);
    (void)event_del(&req->writable);
    (void)event_del(&req->deadline);
    (void)event_del(&req->again);
    (void)close(req->fd);
    req->fd = -1;
    release_large(req);
    TAILQ_REMOVE(&server->connections[req->state], req, link);
    server->stats.in_flight -= req->state == HTTP_HANDLING;
    server->stats.connections--;
    req->server = NULL;
    reap(req);
    http_server_released(server);
}

/* ---- the end of a request ---- */

/* Everything is sent and the connection ends: give the peer time to read it, if it may still be sending. */
static void finish(struct http_request *req)
{
    if (!req->linger || shutdown(req->fd, SHUT_WR) != 0) {
        http_connection_close(req);
        return;
    }
    free(req->in);
    req->in = NULL;
    req->in_len = req->in_size = 0;
    release_large(req);
    set_state(req, HTTP_LINGERING);
    if (!set_reading(req, true) || !set_deadline(req, LINGER_MS))
        http_connection_close(req);
}

/* Everything is sent: the rest of the buffer is the beginning of the next request. */
static void next_request(struct http_request *req)
{
    size_t used = req->request_bytes;

    if (req->in_len > used)
        req->in[used] = req->overwritten;
    req->in_len -= used;
    memmove(req->in, req->in + used, req->in_len);
    req->request_bytes = 0;
    release_large(req);
    if (req->in_size > IN_BYTES_FIRST && req->in_len <= IN_BYTES_FIRST) { /* do not hoard while idle */
        char *smaller = realloc(req->in, IN_BYTES_FIRST);

        if (smaller) {
            req->in = smaller;
            req->in_size = IN_BYTES_FIRST;
        }
    }
    http_head_init(&req->head);
    req->head_done = false;
    set_state(req, req->in_len ? HTTP_READING : HTTP_IDLE);
    if (!set_reading(req, true) || !set_deadline(req, req->in_len ? req->server->options.request_timeout_ms
                                                                  : req->server->options.idle_timeout_ms))
        http_connection_close(req);
    else if (req->in_len && !req->advancing)
        go_on_later(req); /* from the loop, so that answers do not nest */
}

/* In WRITING: go on as far as the peer takes the answer. */
static void write_on(struct http_request *req)
{
    if (!http_flush(req)) {
        http_connection_close(req);
    } else if (req->out_len) {
        if (!event_pending(&req->writable, EV_WRITE, NULL) && event_add(&req->writable, NULL) != 0)
            http_connection_close(req);
    } else {
        (void)event_del(&req->writable);
        if (req->close_after || req->server->draining)
            finish(req);
        else
            next_request(req);
    }
}

/* Queue an answer and move to WRITING; the caller goes on with write_on(). */
static bool answer(struct http_request *req, int status, const char *content_type, const void *body,
                   size_t len, const char *headers)
{
    set_state(req, HTTP_WRITING);
    if (http_send_answer(req, status, content_type, body, len, headers) &&
        (!req->out_len || set_deadline(req, req->server->options.request_timeout_ms)))
        return true;
    http_connection_close(req);
    return false;
}

/* The server's own answer to what is no request, or not one it takes. Ends the connection. */
static void refuse(struct http_request *req, int status, const char *reason)
{
    const struct http_server_options *options = &req->server->options;
    char text[64];
    int len = snprintf(text, sizeof text, "%s\n", http_status_text(status));

    req->server->stats.refused_total++;
    if (options->on_refused)
        options->on_refused(status, reason, req->server->arg);
    req->close_after = req->linger = true;
    if (answer(req, status, "text/plain", text, (size_t)len, status == 503 ? "Retry-After: 5\r\n" : NULL))
        write_on(req);
}

/* ---- reading ---- */

/* Count a buffer of so many bytes against what all long bodies may have, others give way. False: too many. */
static bool charge_large(struct http_request *req, size_t size)
{
    struct http_server *server = req->server;
    size_t own = req->head.head_bytes + BODY_BYTES_OWN + 1;
    size_t more = size > own + req->large_bytes ? size - own - req->large_bytes : 0;

    if (!req->head_done || !more)
        return true;
    while (more > server->options.large_bytes_max - server->large_bytes)
        if (!http_server_evict_large(server, req))
            return false;
    req->large_bytes += more;
    server->large_bytes += more;
    return true;
}

/*
 * Room for more bytes of this request, never more than it may have. It grows with what has come, not with what was
 * announced. ERR_LIMIT: too many long bodies; ERR_NOMEM.
 */
static enum err make_room(struct http_request *req)
{
    size_t most = req->server->options.head_bytes_max;
    size_t size = req->in_size ? req->in_size : IN_BYTES_FIRST;
    char *grown;

    if (req->head_done)
        most = req->head.head_bytes + (size_t)req->head.content_length;
    most++; /* for the NUL after a body */
    if (req->in_len < req->in_size && (req->in_size >= most || req->in_len + 1 < req->in_size))
        return ERR_OK;
    while (size < most && size <= req->in_len + 1)
        size *= 2;
    if (size > most && most > IN_BYTES_FIRST)
        size = most;
    if (size <= req->in_size)
        return ERR_OK;
    if (!charge_large(req, size))
        return ERR_LIMIT;
    grown = realloc(req->in, size);
    if (!grown)
        return ERR_NOMEM;
    req->in = grown;
    req->in_size = size;
    return ERR_OK;
}

/* Take what the peer sent. False: the connection is closed, or the request refused. */
static bool receive(struct http_request *req)
{
    ssize_t got;
    enum err err = make_room(req);

    if (err != ERR_OK) {
        if (err == ERR_LIMIT)
            refuse(req, 503, "too many long bodies at one time");
        else
            http_connection_close(req);
        return false;
    }
    if (req->in_len + 1 >= req->in_size)
        return true; /* full of pipelined requests: parse them first */
    do
        got = recv(req->fd, req->in + req->in_len, req->in_size - 1 - req->in_len, 0);
    while (got < 0 && errno == EINTR);
    if (got > 0) {
        req->in_len += (size_t)got;
        return true;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        if (!req->server->draining || req->state != HTTP_IDLE)
            return true;
    }
    http_connection_close(req); /* gone, or idle when we are leaving */
    return false;
}

/* Decide by the head alone. False: refused. */
static bool head_is_acceptable(struct http_request *req)
{
    struct http_server *server = req->server;
    const char *method = req->in + req->head.method.at;
    size_t len = req->head.method.len;
    uint64_t body = req->head.content_length;

    if (!req->head.has_length &&
        ((len == 4 && !memcmp(method, "POST", 4)) || (len == 3 && !memcmp(method, "PUT", 3)) ||
         (len == 5 && !memcmp(method, "PATCH", 5)))) {
        refuse(req, 411, "no Content-Length");
        return false;
    }
    if (body > server->options.body_bytes_max) {
        refuse(req, 413, "body too long");
        return false;
    }
    if (req->head.expect_continue && req->in_len - req->head.head_bytes < body) {
        struct iovec part = {.iov_base = (char *)"HTTP/1.1 100 Continue\r\n\r\n", .iov_len = 25};

        if (!http_send(req, &part, 1) || req->out_len) { /* 25 bytes do not fit: the peer never reads */
            http_connection_close(req);
            return false;
        }
    }
    return true;
}

static void terminate(struct http_request *req, struct http_span span)
{
    req->in[span.at + span.len] = '\0'; /* a delimiter that is parsed already */
}

/* The request is complete: make its strings strings, and hand it over. */
static void hand_over(struct http_request *req)
{
    struct http_server *server = req->server;

    req->request_bytes = req->head.head_bytes + (size_t)req->head.content_length;
    assert(req->request_bytes < req->in_size);
    terminate(req, req->head.method);
    terminate(req, req->head.path);
    terminate(req, req->head.query);
    for (unsigned i = 0; i < req->head.headers_count; i++) {
        terminate(req, req->head.headers[i].name);
        terminate(req, req->head.headers[i].value);
    }
    req->overwritten = req->in[req->request_bytes];
    req->in[req->request_bytes] = '\0';
    (void)event_del(&req->deadline);
    set_state(req, HTTP_HANDLING);
    server->stats.requests_total++;
    server->handler(req, server->arg);
}

/* One step of IDLE or READING. False: wait for the socket. */
static bool read_on(struct http_request *req)
{
    struct http_server *server = req->server;

    if (!req->in_len)
        return false;
    if (!req->head_done) {
        switch (http_head_parse(&req->head, req->in, req->in_len, server->options.head_bytes_max)) {
        case HTTP_PARSE_BAD: refuse(req, req->head.status, req->head.reason); return false;
        case HTTP_PARSE_DONE:
            req->head_done = true;
            if (!head_is_acceptable(req))
                return false;
            break;
        case HTTP_PARSE_MORE: break;
        }
    }
    if (req->head_done && req->in_len - req->head.head_bytes >= req->head.content_length) {
        req->close_after = !req->head.keep_alive;
        hand_over(req);
        return true;
    }
    if (req->state == HTTP_IDLE) { /* the first bytes of a request that is not here at once */
        set_state(req, HTTP_READING);
        if (!set_deadline(req, server->options.request_timeout_ms)) {
            http_connection_close(req);
            return false;
        }
    }
    return false;
}

static void connection_advance(struct http_request *req)
{
    unsigned handled = 0;

    assert(!req->advancing);
    req->advancing = true;
    while (req->fd >= 0 && (req->state == HTTP_IDLE || req->state == HTTP_READING)) {
        if (handled == REQUESTS_PER_WAKE) {
            go_on_later(req);
            break;
        }
        handled++;
        if (!read_on(req))
            break;
    }
    req->advancing = false;
    reap(req);
}

static void linger_on(struct http_request *req)
{
    static char nowhere[16384];
    ssize_t got;

    do
        got = recv(req->fd, nowhere, sizeof nowhere, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (got > 0)
        req->lingered_bytes += (size_t)got;
    if (got <= 0 || req->lingered_bytes > LINGER_BYTES_MAX)
        http_connection_close(req);
}

/* ---- events ---- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct http_request *req = arg;

    (void)fd;
    (void)what;
    switch (req->state) {
    case HTTP_IDLE:
    case HTTP_READING:
        if (receive(req))
            connection_advance(req);
        break;
    case HTTP_HANDLING:
    case HTTP_WRITING:
        (void)set_reading(req, false);
        break; /* the kernel keeps it, and in the end slows the peer */
    case HTTP_LINGERING: linger_on(req); break;
    case HTTP_STATES: break;
    }
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct http_request *req = arg;

    (void)fd;
    on_readable(req->fd, what, req);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct http_request *req = arg;

    (void)fd;
    (void)what;
    if (req->state == HTTP_WRITING)
        write_on(req);
    else
        (void)event_del(&req->writable);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct http_request *req = arg;

    (void)fd;
    (void)what;
    if (req->state == HTTP_HANDLING)
        return;
    if (req->state != HTTP_LINGERING)
        req->server->stats.timed_out_total++;
    if (req->state == HTTP_READING)
        refuse(req, 408, req->head_done ? "body too slow" : "head too slow");
    else
        http_connection_close(req);
}

enum err http_connection_open(struct http_server *server, int fd)
{
    struct http_request *req = calloc(1, sizeof *req);

    if (!req)
        return ERR_NOMEM;
    req->server = server;
    req->fd = fd;
    req->state = HTTP_IDLE;
    http_head_init(&req->head);
    if (event_assign(&req->readable, server->base, fd, EV_READ | EV_PERSIST, on_readable, req) != 0 ||
        event_assign(&req->writable, server->base, fd, EV_WRITE | EV_PERSIST, on_writable, req) != 0 ||
        event_assign(&req->deadline, server->base, -1, 0, on_deadline, req) != 0 ||
        event_assign(&req->again, server->base, -1, 0, on_again, req) != 0 || !set_reading(req, true)) {
        free(req);
        return ERR_SYSTEM;
    }
    if (!set_deadline(req, server->options.idle_timeout_ms)) {
        (void)event_del(&req->readable);
        free(req);
        return ERR_SYSTEM;
    }
    req->since_mono_ms = clock_mono_ms();
    TAILQ_INSERT_TAIL(&server->connections[HTTP_IDLE], req, link);
    server->stats.connections++;
    return ERR_OK;
}

void http_connection_poke(struct http_request *req)
{
    on_readable(req->fd, EV_READ, req);
}

/* ---- what handlers use ---- */

const char *http_request_method(const struct http_request *req)
{
    return req->in + req->head.method.at;
}

const char *http_request_path(const struct http_request *req)
{
    return req->in + req->head.path.at;
}

const char *http_request_query(const struct http_request *req)
{
    return req->in + req->head.query.at;
}

const char *http_request_header(const struct http_request *req, const char *name, unsigned *ret_count)
{
    const char *first = NULL;
    unsigned count = 0;

    for (unsigned i = 0; i < req->head.headers_count; i++) {
        if (strcasecmp(req->in + req->head.headers[i].name.at, name) != 0)
            continue;
        if (!count++)
            first = req->in + req->head.headers[i].value.at;
    }
    if (ret_count)
        *ret_count = count;
    return first;
}

const void *http_request_body(const struct http_request *req, size_t *ret_len)
{
    *ret_len = (size_t)req->head.content_length;
    return req->in + req->head.head_bytes;
}

/* The server was freed meanwhile: only memory is left. */
static bool respond_to_nobody(struct http_request *req)
{
    assert(req->state == HTTP_HANDLING);
    if (req->fd >= 0)
        return false;
    req->state = HTTP_IDLE;
    reap(req);
    return true;
}

void http_respond(struct http_request *req, int status, const char *content_type, const void *body,
                  size_t len, const char *headers)
{
    if (respond_to_nobody(req))
        return;
    if (req->server->draining)
        req->close_after = true;
    req->linger = req->head.keep_alive || req->in_len > req->request_bytes;
    if (!answer(req, status, content_type, body, len, headers))
        return;
    write_on(req);
}

void http_respond_text(struct http_request *req, int status, const char *text)
{
    http_respond(req, status, "text/plain", text, strlen(text), NULL);
}

void http_abort(struct http_request *req, const void *partial, size_t len)
{
    if (respond_to_nobody(req))
        return;
    if (len) {
        ssize_t sent = send(req->fd, partial, len, MSG_NOSIGNAL);
        (void)sent; /* whatever arrives is misbehaviour enough */
    }
    set_state(req, HTTP_WRITING);
    http_connection_close(req);
}
