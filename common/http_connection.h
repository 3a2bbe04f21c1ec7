/* Inside the HTTP server: what its parts share: http_server.c accepts, http_connection.c reads
 * and goes from state to state, http_send.c answers. Nobody else includes it. */
#ifndef INSTEP_COMMON_HTTP_CONNECTION_H
#define INSTEP_COMMON_HTTP_CONNECTION_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <time.h>

#include "common/http_parser.h"
#include "common/http_server.h"

struct iovec;

/*
 *            first byte            complete             answer              all sent
 *   IDLE ───────────────▶ READING ──────────▶ HANDLING ────────▶ WRITING ────────────▶ IDLE, or READING if the next
 *                            │ refused                              ▲  │               request is already here
 *                            └──────────────────────────────────────┘  └▶ LINGERING ─▶ closed
 *
 * Every state but HANDLING has a deadline; HANDLING is the handler's to end. LINGERING throws away what the peer
 * still sends, so that closing does not destroy the answer on its way (RFC 9112, 9.6).
 */
enum http_state { HTTP_IDLE, HTTP_READING, HTTP_HANDLING, HTTP_WRITING, HTTP_LINGERING, HTTP_STATES };

/* A connection and the one request it may have at a time. */
struct http_request {
    struct http_server *server; /* borrowed; NULL once the server was freed */
    TAILQ_ENTRY(http_request) link;
    int fd; /* owned; -1 once closed */
    enum http_state state;
    int64_t since_mono_ms; /* when it entered its state */
    struct event readable, writable, deadline;
    struct event again; /* go on with what is here already */
    bool read_on;       /* readable is added */
    bool advancing;     /* http_connection_advance() is on the stack: do not free */
    bool close_after;   /* the connection ends with this answer */
    bool linger;        /* ... and the peer may still be sending */

    char *in; /* owned; from the first byte of the current request on */
    size_t in_len, in_size;
    struct http_head head;
    bool head_done;
    size_t large_bytes;   /* of the server's large_bytes_max, taken by this request */
    size_t request_bytes; /* head and body, while HANDLING */
    char overwritten;     /* the byte whose place the body's NUL took */

    char *out; /* owned; what the kernel has not taken yet */
    size_t out_at, out_len;
    size_t lingered_bytes;
};
TAILQ_HEAD(http_request_list, http_request);

struct http_server {
    struct event_base *base;            /* borrowed */
    struct http_server_options options; /* listen is not kept */
    http_handler_fn *handler;
    void *arg;
    int fd; /* listening; -1 while draining */
    uint16_t port;
    struct event acceptable, resume, drained_soon;
    bool paused, draining;
    void (*drained)(void *arg);
    void *drained_arg;
    struct http_request_list connections[HTTP_STATES]; /* by state, oldest first */
    size_t large_bytes;                                /* taken by all requests */
    struct http_server_stats stats;
    char date[48]; /* the Date header of this second */
    time_t date_at;
};

/* Take over an accepted, non-blocking socket. ERR_NOMEM, ERR_SYSTEM: fd is still the caller's. */
enum err http_connection_open(struct http_server *server, int fd);
/* Close now; an unanswered request stays valid until http_respond(), without a server. */
void http_connection_close(struct http_request *req);
/* Read and go on as if the socket had become readable. */
void http_connection_poke(struct http_request *req);

/* "OK", "Not Found"; static. */
const char *http_status_text(int status);
/* Hand bytes to the kernel, keep what it does not take. False: the connection is of no use any more. */
bool http_send(struct http_request *req, struct iovec *parts, int count);
/* The same for a whole answer: status line, headers, body. */
bool http_send_answer(struct http_request *req, int status, const char *content_type, const void *body,
                      size_t len, const char *headers);
/* Go on with what was kept; out_len says what is left. False: the connection is of no use any more. */
bool http_flush(struct http_request *req);

/* Close the connection that has held memory for a long body the longest, if its patience is used up. False: none. */
bool http_server_evict_large(struct http_server *server, const struct http_request *but);
/* A connection has closed: the server may accept again, or is drained. */
void http_server_released(struct http_server *server);

#endif
