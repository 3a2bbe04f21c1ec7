#include "common/http_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/http_connection.h"

#define ACCEPTS_PER_WAKE 64  /* then others get a turn */
#define PAUSE_MS         100 /* before accepting is tried again */
#define LISTEN_BACKLOG   1024

struct http_server_options http_server_options_default(void)
{
    return (struct http_server_options){
        .listen = NULL,
        .connections_max = 1024,
        .head_bytes_max = 16384,
        .body_bytes_max = 1 << 20,
        .request_timeout_ms = 10000,
        .idle_timeout_ms = 15000,
        .patience_ms = 1000,
        .reuse_port = false,
        .large_bytes_max = (size_t)64 << 20,
    };
}

static bool is_out_of_patience(const struct http_server *server, const struct http_request *req,
                               int64_t now_mono_ms)
{
    return now_mono_ms - req->since_mono_ms >= (int64_t)server->options.patience_ms;
}

/* Close the oldest connection of a state if our patience with it is used up. */
static bool evict_from(struct http_server *server, enum http_state state, int64_t now_mono_ms)
{
    struct http_request *oldest = TAILQ_FIRST(&server->connections[state]);

    if (!oldest || !is_out_of_patience(server, oldest, now_mono_ms))
        return false;
    server->stats.timed_out_total++;
    http_connection_close(oldest);
    return true;
}

/*
 * Make room for somebody who waits at the door, if there is anybody. Those who lose least go first: an idle peer, then
 * one that has been answered, one that has not asked yet, one that does not take its answer.
 */
static bool evict(struct http_server *server)
{
    static const enum http_state order[] = {HTTP_IDLE, HTTP_LINGERING, HTTP_READING, HTTP_WRITING};
    struct pollfd door = {.fd = server->fd, .events = POLLIN};
    int64_t now_mono_ms = clock_mono_ms();

    if (poll(&door, 1, 0) <= 0)
        return false;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (evict_from(server, order[i], now_mono_ms))
            return true;
    return false;
}

bool http_server_evict_large(struct http_server *server, const struct http_request *but)
{
    static const enum http_state order[] = {HTTP_READING, HTTP_WRITING};
    int64_t now_mono_ms = clock_mono_ms();

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        struct http_request *req = TAILQ_FIRST(&server->connections[order[i]]);
        while (req && is_out_of_patience(server, req, now_mono_ms)) { /* those after it are younger */
            if (req != but && req->large_bytes) {
                server->stats.timed_out_total++;
                http_connection_close(req);
                return true;
            }
            req = TAILQ_NEXT(req, link);
        }
    }
    return false;
}

static void accept_pause(struct http_server *server)
{
    struct timeval pause = clock_timeval(PAUSE_MS);

    server->paused = true;
    server->stats.accept_paused_total++;
    (void)event_del(&server->acceptable);
    (void)event_add(&server->resume, &pause);
}

static void accept_resume(struct http_server *server)
{
    server->paused = false;
    (void)event_del(&server->resume);
    if (event_add(&server->acceptable, NULL) != 0)
        accept_pause(server); /* no memory: later */
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    accept_resume(arg);
}

/* One connection. False: nothing more to accept now. */
static bool accept_one(struct http_server *server)
{
    int fd;

    if (server->stats.connections >= server->options.connections_max && !evict(server)) {
        accept_pause(server);
        return false;
    }
    fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EINTR || errno == ECONNABORTED)
            return true;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return false;
        /* Out of descriptors or memory, or a network error that belonged to the peer: never spin on it. */
        if ((errno == EMFILE || errno == ENFILE) && evict(server))
            return true;
        accept_pause(server);
        return false;
    }
    server->stats.accepted_total++;
    if (http_connection_open(server, fd) != ERR_OK) {
        (void)close(fd);
        accept_pause(server);
        return false;
    }
    return true;
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *server = arg;

    (void)fd;
    (void)what;
    for (unsigned i = 0; i < ACCEPTS_PER_WAKE && accept_one(server); i++)
        continue;
}

/* "127.0.0.1:8080", "[::1]:8080", ":0". */
static enum err parse_address(const char *listen, struct sockaddr_storage *address, int *len,
                              struct failure *fail)
{
    char host[64] = "127.0.0.1";
    const char *colon = listen ? strrchr(listen, ':') : NULL;
    char *end = NULL;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
    uint16_t net_port = htons((uint16_t)port);

    if (!colon || colon[1] < '0' || colon[1] > '9' || *end || port > 65535 ||
        (size_t)(colon - listen) >= sizeof host)
        return failf(fail, ERR_CONFIG,
                     "\"%.64s\" is not an address to listen on; write 127.0.0.1:8080 or [::1]:8080",
                     listen ? listen : "");
    if (colon != listen) {
        memcpy(host, listen, (size_t)(colon - listen));
        host[colon - listen] = '\0';
    }
    *len = (int)sizeof *address;
    memset(address, 0, sizeof *address);
    if (evutil_parse_sockaddr_port(host, (struct sockaddr *)address, len) != 0)
        return failf(fail, ERR_CONFIG,
                     "\"%.64s\" is not an address to listen on: a number is needed, as in 127.0.0.1:8080",
                     listen);
    if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = net_port;
    else
        ((struct sockaddr_in *)address)->sin_port = net_port;
    return ERR_OK;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;

    memset(&address, 0, sizeof address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static enum err listen_on(const struct http_server_options *options, int *ret_fd, struct failure *fail)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    int len = 0, on = 1;
    int fd = -1;
    enum err err = parse_address(options->listen, &address, &len, fail);

    if (err != ERR_OK)
        return err;
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return failf(fail, ERR_SYSTEM, "cannot make a socket: %s", strerror(errno));
    /* Accepted sockets inherit TCP_NODELAY on Linux; an answer is one write, so Nagle only delays. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (options->reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        (address.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) ||
        bind(fd, (struct sockaddr *)&address, (socklen_t)len) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        err = failf(fail, ERR_SYSTEM, "cannot listen on %.64s: %s", options->listen, strerror(errno));
        (void)close(fd);
        return err;
    }
    *ret_fd = fd;
    return ERR_OK;
}

static void on_drained(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *server = arg;

    (void)fd;
    (void)what;
    server->drained(server->drained_arg); /* may free the server: touch nothing after */
}

enum err http_server_create(struct event_base *base, const struct http_server_options *options,
                            http_handler_fn *handler, void *arg, struct http_server **ret_server,
                            struct failure *fail)
{
    struct http_server *server = NULL;
    int fd = -1;
    enum err err;

    assert(base && options && handler && ret_server);
    if (!options->connections_max || !options->head_bytes_max ||
        options->head_bytes_max > HTTP_HEAD_BYTES_LIMIT || options->body_bytes_max > SIZE_MAX / 4)
        return failf(fail, ERR_CONFIG, "the bounds of the HTTP server make no sense");
    err = listen_on(options, &fd, fail);
    if (err != ERR_OK)
        return err;
    server = calloc(1, sizeof *server);
    if (!server) {
        (void)close(fd);
        return failf(fail, ERR_NOMEM, "no memory for the HTTP server");
    }
    server->base = base;
    server->options = *options;
    server->options.listen = NULL;
    server->handler = handler;
    server->arg = arg;
    server->fd = fd;
    server->port = bound_port(fd);
    for (int i = 0; i < HTTP_STATES; i++)
        TAILQ_INIT(&server->connections[i]);
    if (event_assign(&server->acceptable, base, fd, EV_READ | EV_PERSIST, on_acceptable, server) != 0 ||
        event_assign(&server->resume, base, -1, 0, on_resume, server) != 0 ||
        event_assign(&server->drained_soon, base, -1, 0, on_drained, server) != 0 ||
        event_add(&server->acceptable, NULL) != 0) {
        (void)close(fd);
        free(server);
        return failf(fail, ERR_SYSTEM, "cannot watch the listening socket");
    }
    *ret_server = server;
    return ERR_OK;
}

static void stop_listening(struct http_server *server)
{
    if (server->fd < 0)
        return;
    (void)event_del(&server->acceptable);
    (void)event_del(&server->resume);
    (void)close(server->fd);
    server->fd = -1;
    server->paused = false;
}

void http_server_released(struct http_server *server)
{
    if (server->draining) {
        if (!server->stats.connections)
            event_active(&server->drained_soon, EV_TIMEOUT, 1);
    } else if (server->paused) {
        accept_resume(server);
    }
}

void http_server_drain(struct http_server *server, void (*drained)(void *arg), void *arg)
{
    struct http_request *req, *next;

    assert(drained && !server->draining);
    /* Who is already in the kernel's queue, or has bytes on the way, still gets an answer. */
    for (unsigned i = 0; i < LISTEN_BACKLOG && !server->paused && accept_one(server); i++)
        continue;
    stop_listening(server);
    server->draining = true;
    server->drained = drained;
    server->drained_arg = arg;
    for (req = TAILQ_FIRST(&server->connections[HTTP_IDLE]); req; req = next) {
        next = TAILQ_NEXT(req, link);
        http_connection_poke(req);
    }
    if (!server->stats.connections)
        event_active(&server->drained_soon, EV_TIMEOUT, 1);
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    stop_listening(server);
    server->draining = false;
    for (int i = 0; i < HTTP_STATES; i++)
        while (!TAILQ_EMPTY(&server->connections[i]))
            http_connection_close(TAILQ_FIRST(&server->connections[i]));
    (void)event_del(&server->drained_soon);
    free(server);
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

struct http_server_stats http_server_stats(const struct http_server *server)
{
    return server->stats;
}
