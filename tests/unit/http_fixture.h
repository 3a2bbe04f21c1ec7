/* What the tests of the HTTP server share: server and clients in one thread, over real sockets. */
#ifndef INSTEP_TESTS_HTTP_FIXTURE_H
#define INSTEP_TESTS_HTTP_FIXTURE_H

#include "common/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/unit/tap.h"

#define CEILING_MS 10000 /* far beyond anything that should happen; no test asserts a time */

static struct event_base *base;

enum how { AT_ONCE, LATER, NEVER, FREE_SERVER, FREE_THEN_RESPOND };

struct fixture {
    struct http_server *server;
    enum how how;
    struct http_request *waiting[64];
    unsigned waiting_count;
    char seen[4096]; /* what the handler saw, one line per request */
    const char *answer;
    size_t answer_len;
    int refused_status;
    bool drained;
    int depth, depth_max; /* of the handler on the stack */
};

__attribute__((unused)) static void handle(struct http_request *req, void *arg)
{
    struct fixture *f = arg;
    size_t body_len;
    const char *body = http_request_body(req, &body_len);
    size_t used = strlen(f->seen);
    unsigned count;
    const char *header = http_request_header(req, "x-tEst", &count);

    f->depth++;
    f->depth_max = f->depth > f->depth_max ? f->depth : f->depth_max;
    (void)snprintf(f->seen + used, sizeof f->seen - used, "%s %s [%s] x=%s/%u %zu:%.20s\n",
                   http_request_method(req), http_request_path(req), http_request_query(req),
                   header ? header : "-", count, body_len, body);
    switch (f->how) {
    case AT_ONCE: http_respond(req, 200, "text/plain", f->answer, f->answer_len, "X-A: b\r\n"); break;
    case NEVER:
    case LATER: f->waiting[f->waiting_count++] = req; break;
    case FREE_SERVER:
        http_server_free(f->server);
        f->server = NULL;
        f->waiting[f->waiting_count++] = req;
        break;
    case FREE_THEN_RESPOND:
        http_server_free(f->server);
        f->server = NULL;
        http_respond_text(req, 200, "nobody");
        break;
    }
    f->depth--;
}

__attribute__((unused)) static void note_refusal(int status, const char *reason, void *arg)
{
    struct fixture *f = arg;

    f->refused_status = reason ? status : -1;
}

__attribute__((unused)) static void note_drained(void *arg)
{
    ((struct fixture *)arg)->drained = true;
}

__attribute__((unused)) static void setup(struct fixture *f, enum how how,
                                          void (*tune)(struct http_server_options *options))
{
    struct http_server_options options = http_server_options_default();
    struct failure fail;

    *f = (struct fixture){.how = how, .answer = "hello", .answer_len = 5};
    options.listen = "127.0.0.1:0";
    options.head_bytes_max = 2048;
    options.body_bytes_max = 200000;
    options.on_refused = note_refusal;
    if (tune)
        tune(&options);
    if (http_server_create(base, &options, handle, f, &f->server, &fail) != ERR_OK) {
        printf("Bail out! %s\n", fail.text);
        exit(1);
    }
}

__attribute__((unused)) static void teardown(struct fixture *f)
{
    http_server_free(f->server);
    f->server = NULL;
}

__attribute__((unused)) static int dial(const struct fixture *f)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(http_server_port(f->server))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        perror("Bail out! connect");
        exit(1);
    }
    return fd;
}

__attribute__((unused)) static void turn(void)
{
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
}

__attribute__((unused)) static void turn_until(const bool *flag)
{
    for (int64_t end = clock_mono_ms() + CEILING_MS; !*flag && clock_mono_ms() < end;) {
        (void)poll(NULL, 0, 1);
        turn();
    }
}

__attribute__((unused)) static void put(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            return;
        }
        turn();
    }
}

__attribute__((unused)) static void say(int fd, const char *text)
{
    put(fd, text, strlen(text));
}

/* Read until `answers` whole answers are in, the peer closes, or the ceiling. True: closed. */
__attribute__((unused)) static bool get(int fd, char *into, size_t size, unsigned answers)
{
    size_t used = 0;
    int64_t end = clock_mono_ms() + CEILING_MS;

    into[0] = '\0';
    while (used + 1 < size && clock_mono_ms() < end) {
        ssize_t n = recv(fd, into + used, size - 1 - used, MSG_DONTWAIT);

        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
            return true;
        if (n > 0) {
            unsigned count = 0;

            used += (size_t)n;
            into[used] = '\0';
            for (const char *p = into; answers && (p = strstr(p, "\r\n\r\n")); p += 4) {
                const char *length = strstr(into, "Content-Length: ");

                count += !length || strlen(p + 4) >= strtoul(length + 16, NULL, 10);
            }
            if (answers && count >= answers)
                return false;
        } else {
            (void)poll(NULL, 0, 1);
        }
        turn();
    }
    return false;
}

#endif
