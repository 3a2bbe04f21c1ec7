/*
 * HTTP requests out, on libcurl's multi interface driven by libevent.
 *
 * HTTP/1.1 over a few kept-alive connections, no redirects, no proxy or netrc from the environment, peer
 * verified. At most `connections_max` requests run; further ones wait here in order, and their own timeout
 * starts when they start. A body over the caller's bound ends the request with ERR_LIMIT.
 */
#ifndef INSTEP_COMMON_HTTP_CLIENT_H
#define INSTEP_COMMON_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct event_base;
struct http_client;
struct http_call; /* one request under way; owned by the client */

struct http_client_options {
    unsigned connections_max; /* default 16 */
    unsigned waiting_max;     /* beyond: http_client_send answers ERR_LIMIT; default 10,000 */
    unsigned connect_timeout_ms;
    const char *user_agent; /* static */
};
struct http_client_options http_client_options_default(void);

struct http_answer {
    enum err err;     /* ERR_OK: status, headers and body are complete. Else see text */
    const char *text; /* why it failed, without any secret; "" if ok */
    long status;      /* 0 if no status line came */
    const char *body; /* NUL after the end; borrowed for the callback */
    size_t body_len;
    int64_t elapsed_ms;     /* from start, without waiting */
    struct http_call *call; /* for http_answer_header */
};
/* Value of a response header (any case), NULL if absent. Borrowed for the callback. */
const char *http_answer_header(const struct http_answer *answer, const char *name);

/* Called exactly once per accepted call, from the loop, never before http_client_send returns. */
typedef void http_answer_fn(const struct http_answer *answer, void *arg);

struct http_call_options {
    const char *method;         /* "GET", "POST", "DELETE" */
    const char *url;            /* http:// or https:// */
    const char *const *headers; /* "Name: value", NULL-terminated list, copied */
    const char *body;           /* copied; NULL for none */
    size_t body_len;
    unsigned timeout_ms; /* whole request, from its start */
    size_t answer_bytes_max;
};

enum err http_client_create(struct event_base *base, const struct http_client_options *options,
                            struct http_client **ret_client, struct failure *fail);
/* Calls still open end with ERR_UNAVAILABLE, their callbacks run before this returns. NULL is fine. */
void http_client_free(struct http_client *client);

/* ret_call may be NULL. ERR_LIMIT, ERR_NOMEM, ERR_INVALID: nothing was started. */
enum err http_client_send(struct http_client *client, const struct http_call_options *options,
                          http_answer_fn *done, void *arg, struct http_call **ret_call, struct failure *fail);
/* Forget a call: its callback never runs. Only before it has run. */
void http_call_cancel(struct http_call *call);

#endif
