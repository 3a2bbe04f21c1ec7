/*
 * A small HTTP/1.1 server for an edge: our own, because every bound must hold against a hostile peer
 * (docs/architecture.md, "The HTTP edge").
 *
 * Takes HTTP/1.0 and 1.1 with Content-Length; refuses Transfer-Encoding (501), bodies without a length (411),
 * both lengths or two lengths (400). One deadline covers a request from its first byte to the end of its body,
 * a second one the time between requests. Head, body, connections and requests in flight are capped; at the
 * connection cap, and when descriptors run out, accepting pauses and resumes by itself; while it would have to
 * pause, connections that have kept us waiting for more than patience_ms are closed, the idle ones first, those that
 * do not take their answer last. Memory for long bodies is counted as it is used, never as it is announced, and when it
 * is used up, those who have held it for more than patience_ms without finishing give way. Requests of
 * one connection are answered in order, one at a time: a pipelined request is parsed only after the answer before
 * it has been taken by the kernel. The parser allocates nothing (common/http_parser.h).
 *
 * It works on plain sockets and events, not on bufferevents: those go on reading behind our back, and suspend
 * their timeouts while reading is suspended, which is where the bounds would leak.
 *
 * Everything runs on the event base's thread.
 */
#ifndef INSTEP_COMMON_HTTP_SERVER_H
#define INSTEP_COMMON_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct event_base;
struct http_server;
struct http_request;

struct http_server_options {
    const char *listen;          /* "127.0.0.1:8080", "[::1]:8080", ":0" for a free port on loopback */
    unsigned connections_max;    /* open connections, 1.. */
    unsigned head_bytes_max;     /* request line and headers */
    size_t body_bytes_max;       /* longer: 413 and close */
    unsigned request_timeout_ms; /* first byte to complete request, also while the peer takes the answer */
    unsigned idle_timeout_ms;    /* between requests */
    unsigned patience_ms;   /* how long one may keep us waiting when others need its place. Default 1000 */
    bool reuse_port;        /* SO_REUSEPORT: several processes may listen */
    size_t large_bytes_max; /* memory for bodies beyond their first 64 KiB, over all connections; then 503 */
    /* Called when the server itself refuses a request or gives one up (408). May be NULL. reason is static text. */
    void (*on_refused)(int status, const char *reason, void *arg);
};

/* Sane values for everything but listen. */
struct http_server_options http_server_options_default(void);

/*
 * Called once per complete, well-formed request. The handler must lead to exactly one http_respond() or
 * http_abort() per request, now or later; nothing here limits how much later. req and what it hands out stay valid
 * until then. Never called from inside http_respond(). It may free the server.
 */
typedef void http_handler_fn(struct http_request *req, void *arg);

/* base is borrowed and must outlive the server. ERR_CONFIG: bad address; ERR_SYSTEM: cannot listen. */
enum err http_server_create(struct event_base *base, const struct http_server_options *options,
                            http_handler_fn *handler, void *arg, struct http_server **ret_server,
                            struct failure *fail);

/*
 * Close the listener; finish what is in flight, closing each connection after its answer and idle ones at once.
 * drained(arg) is called once from the loop when no connection is left.
 */
void http_server_drain(struct http_server *server, void (*drained)(void *arg), void *arg);

/*
 * Close everything now. Requests still unanswered stay valid until their http_respond(), which then only frees
 * them. NULL is fine.
 */
void http_server_free(struct http_server *server);

uint16_t http_server_port(const struct http_server *server); /* the bound port */

struct http_server_stats {
    unsigned connections; /* open now */
    unsigned in_flight;   /* handed to the handler, not answered */
    uint64_t accepted_total;
    uint64_t requests_total;  /* handed to the handler */
    uint64_t refused_total;   /* answered by the server itself: 400, 408, 411, 413, 431, 501, 505 */
    uint64_t timed_out_total; /* closed by a deadline */
    uint64_t accept_paused_total;
};
struct http_server_stats http_server_stats(const struct http_server *server);

/* What the request says. Strings are NUL-terminated and borrowed from req. */
const char *http_request_method(const struct http_request *req); /* "POST" */
const char *http_request_path(const struct http_request *req);   /* without query, not decoded */
const char *http_request_query(const struct http_request *req);  /* after '?', "" if none, not decoded */
/* Name in any case. NULL if absent; ret_count (may be NULL) says how often it appeared; the first is returned. */
const char *http_request_header(const struct http_request *req, const char *name, unsigned *ret_count);
const void *http_request_body(const struct http_request *req,
                              size_t *ret_len); /* raw bytes, NUL after the end */

/*
 * Answer. body may be NULL with len 0; it is copied. headers is NULL or complete "Name: value\r\n" lines.
 * req is gone afterwards. If the peer has left meanwhile nothing is sent.
 */
void http_respond(struct http_request *req, int status, const char *content_type, const void *body,
                  size_t len, const char *headers);
void http_respond_text(struct http_request *req, int status,
                       const char *text); /* text/plain, text may be "" */

/* Misbehave on purpose, for the simulator: close the connection without, or amid, an answer. req is gone. */
void http_abort(struct http_request *req, const void *partial, size_t len);

#endif
