/* The HTTP server over real sockets, server and clients in one thread. */
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

static void handle(struct http_request *req, void *arg)
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

static void note_refusal(int status, const char *reason, void *arg)
{
    struct fixture *f = arg;

    f->refused_status = reason ? status : -1;
}

static void note_drained(void *arg)
{
    ((struct fixture *)arg)->drained = true;
}

static void setup(struct fixture *f, enum how how, void (*tune)(struct http_server_options *options))
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

static void teardown(struct fixture *f)
{
    http_server_free(f->server);
    f->server = NULL;
}

static int dial(const struct fixture *f)
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

static void turn(void)
{
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
}

static void turn_until(const bool *flag)
{
    for (int64_t end = clock_mono_ms() + CEILING_MS; !*flag && clock_mono_ms() < end;) {
        (void)poll(NULL, 0, 1);
        turn();
    }
}

static void put(int fd, const char *bytes, size_t len)
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

static void say(int fd, const char *text)
{
    put(fd, text, strlen(text));
}

/* Read until `answers` whole answers are in, the peer closes, or the ceiling. True: closed. */
static bool get(int fd, char *into, size_t size, unsigned answers)
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

static const struct {
    const char *name;
    const char *bytes;
    const char *seen;   /* by the handler */
    const char *answer; /* beginning of what comes back */
    bool closed;
} exchanges[] = {
    {"a GET is answered and the connection stays", "GET /a?b=c HTTP/1.1\r\nX-Test: y\r\n\r\n",
     "GET /a [b=c] x=y/1 0:\n", "HTTP/1.1 200 OK\r\n", false},
    {"a POST has its body", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "POST / [] x=-/0 3:abc\n",
     "HTTP/1.1 200 OK\r\n", false},
    {"repeated headers are counted", "GET / HTTP/1.1\r\nX-Test: 1\r\nx-test:  2 \r\n\r\n",
     "GET / [] x=1/2 0:\n", "HTTP/1.1 200 OK\r\n", false},
    {"HTTP/1.0 is closed", "GET / HTTP/1.0\r\n\r\n", "GET / [] x=-/0 0:\n", "HTTP/1.1 200 OK\r\n", true},
    {"close is obeyed", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "GET / [] x=-/0 0:\n",
     "HTTP/1.1 200 OK\r\n", true},
    {"three pipelined requests get three answers in order",
     "GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\nxyGET /3 HTTP/1.0\r\n\r\n",
     "GET /1 [] x=-/0 0:\nPOST /2 [] x=-/0 2:xy\nGET /3 [] x=-/0 0:\n", "HTTP/1.1 200 OK\r\n", true},
    {"a POST without length is refused", "POST / HTTP/1.1\r\n\r\n", "", "HTTP/1.1 411 ", true},
    {"a body over the bound is refused by its length", "POST / HTTP/1.1\r\nContent-Length: 200001\r\n\r\n",
     "", "HTTP/1.1 413 ", true},
    {"chunked is refused", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "",
     "HTTP/1.1 501 ", true},
    {"smuggling is refused and nothing after it is read",
     "POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil "
     "HTTP/1.1\r\n\r\n",
     "", "HTTP/1.1 400 ", true},
    {"a bare LF is refused", "GET / HTTP/1.1\n\n", "", "HTTP/1.1 400 ", true},
    {"garbage after a good request is refused after its answer", "GET /1 HTTP/1.1\r\n\r\n\x01",
     "GET /1 [] x=-/0 0:\n", "HTTP/1.1 200 OK\r\n", true},
    {"HTTP/2 is refused", "PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n", "", "HTTP/1.1 505 ", true},
};

static void test_exchanges(void)
{
    for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++) {
        struct fixture f;
        char got[8192];
        bool closed;
        int fd;

        setup(&f, AT_ONCE, NULL);
        fd = dial(&f);
        put(fd, exchanges[i].bytes, strlen(exchanges[i].bytes));
        closed = get(fd, got, sizeof got, exchanges[i].closed ? 0 : 1);
        tap_ok(!strcmp(f.seen, exchanges[i].seen) &&
                   !strncmp(got, exchanges[i].answer, strlen(exchanges[i].answer)) &&
                   closed == exchanges[i].closed,
               "%s", exchanges[i].name);
        (void)close(fd);
        teardown(&f);
    }
}

static void test_answer_shape(void)
{
    struct fixture f;
    char got[4096];
    int fd;

    setup(&f, AT_ONCE, NULL);
    fd = dial(&f);
    say(fd, "HEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.0\r\n\r\n");
    (void)get(fd, got, sizeof got, 0);
    char *blank = strstr(got, "\r\n\r\n");
    tap_ok(blank && !strncmp(blank + 4, "HTTP/1.1 200 OK\r\n", 17) && strstr(got, "Content-Length: 5\r\n"),
           "HEAD has the length of a GET and no body");
    tap_ok(strstr(got, "\r\nX-A: b\r\n") && strstr(got, "\r\nContent-Type: text/plain\r\n") &&
               strstr(got, "\r\nDate: "),
           "an answer has its headers");
    tap_ok(strlen(got) > 5 && !strcmp(got + strlen(got) - 5, "hello"), "an answer has its body");
    (void)close(fd);
    teardown(&f);
}

static void test_expect(void)
{
    struct fixture f;
    char got[4096];
    int fd;

    setup(&f, AT_ONCE, NULL);
    fd = dial(&f);
    say(fd, "POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    (void)get(fd, got, sizeof got, 1);
    tap_ok(!strcmp(got, "HTTP/1.1 100 Continue\r\n\r\n") && !*f.seen,
           "Expect: 100-continue is answered first");
    say(fd, "abc");
    (void)get(fd, got, sizeof got, 1);
    tap_ok(!strncmp(got, "HTTP/1.1 200 ", 13), "then the request");
    (void)close(fd);
    teardown(&f);
}

static void test_pieces(void)
{
    static const char request[] = "POST /p HTTP/1.1\r\nX-Test: q\r\nContent-Length: 5\r\n\r\n12345";
    struct fixture f;
    char got[4096];
    int fd;

    setup(&f, AT_ONCE, NULL);
    fd = dial(&f);
    for (size_t i = 0; i < sizeof request - 1; i++) {
        put(fd, request + i, 1);
        turn();
    }
    (void)get(fd, got, sizeof got, 1);
    tap_ok(!strcmp(f.seen, "POST /p [] x=q/1 5:12345\n"), "a request may come byte by byte");
    (void)close(fd);
    teardown(&f);
}

static void test_many_pipelined(void)
{
    enum { COUNT = 3000 };
    static const char one[] = "GET / HTTP/1.1\r\n\r\n";
    struct fixture f;
    static char got[COUNT * 200];
    char *all = malloc(COUNT * (sizeof one - 1));
    unsigned answers = 0;
    int fd;

    if (!all)
        abort();
    for (int i = 0; i < COUNT; i++)
        memcpy(all + (size_t)i * (sizeof one - 1), one, sizeof one - 1);
    setup(&f, AT_ONCE, NULL);
    f.seen[0] = '\0';
    fd = dial(&f);
    put(fd, all, COUNT * (sizeof one - 1));
    (void)shutdown(fd, SHUT_WR);
    (void)get(fd, got, sizeof got, 0);
    for (const char *p = got; (p = strstr(p, "HTTP/1.1 200")); p++)
        answers++;
    tap_ok(answers == COUNT, "%u of %d pipelined requests are answered after the peer closed its half",
           answers, COUNT);
    tap_ok(f.depth_max == 1, "the handler never runs inside itself");
    (void)close(fd);
    free(all);
    teardown(&f);
}

static void test_later(void)
{
    struct fixture f;
    char got[4096];
    int fd;

    setup(&f, LATER, NULL);
    fd = dial(&f);
    say(fd, "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 20; i++)
        turn();
    tap_ok(f.waiting_count == 1 && http_server_stats(f.server).in_flight == 1,
           "a pipelined request waits for the answer before it");
    http_respond_text(f.waiting[0], 200, "one");
    tap_ok(f.waiting_count == 1, "the handler is not called from inside http_respond");
    for (int i = 0; i < 20; i++)
        turn();
    tap_ok(f.waiting_count == 2, "then it is handed over");
    if (f.waiting_count == 2)
        http_respond_text(f.waiting[1], 503, "two");
    (void)get(fd, got, sizeof got, 2);
    tap_ok(strstr(got, "one") && strstr(got, "two") && strstr(got, "HTTP/1.1 503 Service Unavailable\r\n"),
           "both are answered");
    (void)close(fd);
    teardown(&f);
}

static void test_gone(void)
{
    struct fixture f;
    int fd;

    setup(&f, LATER, NULL);
    fd = dial(&f);
    say(fd, "GET /1 HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 20; i++)
        turn();
    (void)close(fd);
    for (int i = 0; i < 20; i++)
        turn();
    tap_ok(f.waiting_count == 1 && http_server_stats(f.server).connections == 1,
           "a request whose peer has left stays valid");
    http_respond_text(f.waiting[0], 200, "late");
    for (int i = 0; i < 50 && http_server_stats(f.server).connections; i++) {
        (void)poll(NULL, 0, 1);
        turn();
    }
    tap_ok(http_server_stats(f.server).connections == 0, "its answer frees it");
    teardown(&f);
}

static void test_large_answer(void)
{
    enum { SIZE = 8 << 20 };
    struct fixture f;
    char *big = malloc(SIZE), *got = malloc(SIZE + 4096);
    int fd;

    if (!big || !got)
        abort();
    memset(big, 'x', SIZE);
    setup(&f, AT_ONCE, NULL);
    f.answer = big;
    f.answer_len = SIZE;
    fd = dial(&f);
    say(fd, "GET / HTTP/1.0\r\n\r\n");
    (void)get(fd, got, SIZE + 4096, 0);
    char *blank = strstr(got, "\r\n\r\n");
    tap_ok(blank && strlen(blank + 4) == SIZE, "an answer of 8 MiB arrives whole");
    (void)close(fd);
    free(big);
    free(got);
    teardown(&f);
}

static void short_times(struct http_server_options *options)
{
    options->request_timeout_ms = 60;
    options->idle_timeout_ms = 60;
}

static void test_deadlines(void)
{
    enum { SIZE = 16 << 20 };
    struct fixture f;
    char got[4096];
    char *big = calloc(1, SIZE);
    bool closed;
    int fd;

    if (!big)
        abort();
    setup(&f, AT_ONCE, short_times);
    fd = dial(&f);
    closed = get(fd, got, sizeof got, 0);
    tap_ok(closed && !*got, "a connection that says nothing is closed without a word");
    (void)close(fd);
    fd = dial(&f);
    say(fd, "GET / HT");
    closed = get(fd, got, sizeof got, 0);
    tap_ok(closed && !strncmp(got, "HTTP/1.1 408 ", 13) && f.refused_status == 408,
           "408: a head that does not end");
    (void)close(fd);
    fd = dial(&f);
    say(fd, "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc");
    closed = get(fd, got, sizeof got, 0);
    tap_ok(closed && !strncmp(got, "HTTP/1.1 408 ", 13) && !*f.seen, "408: a body that does not end");
    (void)close(fd);

    /* One byte every few milliseconds: each arrives in time, the request does not. */
    fd = dial(&f);
    for (unsigned i = 0; i < 1000 && recv(fd, got, 1, MSG_DONTWAIT | MSG_PEEK) < 0; i++) {
        put(fd, i ? "a" : "G", 1);
        (void)poll(NULL, 0, 5);
        turn();
    }
    closed = get(fd, got, sizeof got, 0);
    tap_ok(closed && !strncmp(got, "HTTP/1.1 408 ", 13),
           "408: bytes that trickle do not extend the deadline");
    (void)close(fd);

    f.answer = big;
    f.answer_len = SIZE;
    fd = dial(&f);
    say(fd, "GET / HTTP/1.1\r\n\r\n");
    for (int64_t end = clock_mono_ms() + CEILING_MS; clock_mono_ms() < end;) {
        (void)poll(NULL, 0, 5);
        turn();
        if (!http_server_stats(f.server).connections)
            break;
    }
    tap_ok(!http_server_stats(f.server).connections, "a peer that does not take its answer is closed");
    (void)close(fd);
    free(big);
    teardown(&f);
}

static void two_connections(struct http_server_options *options)
{
    options->connections_max = 2;
}

static void test_cap(void)
{
    struct fixture f;
    char got[4096];
    int fds[4];

    setup(&f, AT_ONCE, two_connections);
    for (int i = 0; i < 4; i++)
        fds[i] = dial(&f);
    for (int i = 0; i < 20; i++)
        turn();
    tap_ok(http_server_stats(f.server).connections == 2 &&
               http_server_stats(f.server).accept_paused_total == 1,
           "accepting pauses at the cap");
    (void)close(fds[0]);
    say(fds[2], "GET /third HTTP/1.1\r\n\r\n");
    (void)get(fds[2], got, sizeof got, 1);
    tap_ok(!strncmp(got, "HTTP/1.1 200 ", 13), "it resumes when one closes");
    say(fds[3], "GET /fourth HTTP/1.1\r\n\r\n");
    (void)get(fds[3], got, sizeof got, 1);
    tap_ok(!strncmp(got, "HTTP/1.1 200 ", 13) && http_server_stats(f.server).connections == 2,
           "an idle connection gives way to one that waits at the door");
    for (int i = 1; i < 4; i++)
        (void)close(fds[i]);
    teardown(&f);
}

static void little_memory(struct http_server_options *options)
{
    options->large_bytes_max = 100000;
}

static void test_large_bodies(void)
{
    struct fixture f;
    char got[4096];
    static char body[100000];
    int first, second, third;

    memset(body, 'b', sizeof body);
    setup(&f, AT_ONCE, little_memory);
    first = dial(&f);
    second = dial(&f);
    third = dial(&f);
    say(first, "POST /1 HTTP/1.1\r\nContent-Length: 150000\r\n\r\n");
    for (int i = 0; i < 20; i++)
        turn();
    say(second, "POST /2 HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
    (void)get(second, got, sizeof got, 0);
    tap_ok(!strncmp(got, "HTTP/1.1 503 ", 13) && strstr(got, "Retry-After: "),
           "503: long bodies beyond the memory they may take together");
    say(third, "POST /3 HTTP/1.1\r\nContent-Length: 65536\r\n\r\n");
    put(third, body, 65536);
    (void)get(third, got, sizeof got, 1);
    tap_ok(!strncmp(got, "HTTP/1.1 200 ", 13), "a body of ordinary length is not hindered by them");
    put(first, body, 100000);
    put(first, body, 50000);
    (void)get(first, got, sizeof got, 1);
    tap_ok(!strncmp(got, "HTTP/1.1 200 ", 13), "the first long one arrives");
    say(first, "POST /4 HTTP/1.1\r\nContent-Length: 150000\r\n\r\n");
    put(first, body, 100000);
    put(first, body, 50000);
    (void)get(first, got, sizeof got, 1);
    tap_ok(!strncmp(got, "HTTP/1.1 200 ", 13), "and gave its memory back");
    (void)close(first);
    (void)close(second);
    (void)close(third);
    teardown(&f);
}

static void test_refused_upload(void)
{
    static char body[400000];
    struct fixture f;
    char got[4096];
    int fd;

    memset(body, 'b', sizeof body);
    setup(&f, AT_ONCE, NULL);
    fd = dial(&f);
    say(fd, "POST / HTTP/1.1\r\nContent-Length: 400000\r\n\r\n");
    put(fd, body, sizeof body);
    (void)get(fd, got, sizeof got, 0);
    tap_ok(!strncmp(got, "HTTP/1.1 413 ", 13), "a peer that goes on sending still reads why it was refused");
    (void)close(fd);
    teardown(&f);
}

static void test_drain(void)
{
    struct fixture f;
    char got[4096];
    int idle, busy, half, kept;
    bool closed;

    setup(&f, LATER, NULL);
    idle = dial(&f);
    busy = dial(&f);
    half = dial(&f);
    say(busy, "GET /busy HTTP/1.1\r\n\r\n");
    say(half, "GET /ha");
    for (int i = 0; i < 20; i++)
        turn();
    kept = dial(&f); /* still in the kernel's queue, its request on the way */
    (void)!write(kept, "GET /kept HTTP/1.1\r\n\r\n", strlen("GET /kept HTTP/1.1\r\n\r\n"));
    http_server_drain(f.server, note_drained, &f);
    tap_ok(!f.drained, "drained is not called from inside http_server_drain");
    closed = get(idle, got, sizeof got, 0);
    tap_ok(closed && !*got, "an idle connection is closed at once");
    say(half, "lf HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 20; i++)
        turn();
    tap_ok(f.waiting_count == 3, "requests on the way are taken (%u)", f.waiting_count);
    tap_ok(!f.drained, "not drained while an answer is owed");
    for (unsigned i = 0; i < f.waiting_count; i++)
        http_respond_text(f.waiting[i], 200, "bye");
    closed = get(busy, got, sizeof got, 0);
    tap_ok(closed && strstr(got, "Connection: close\r\n") && strstr(got, "bye"),
           "the answer owed arrives and closes");
    closed = get(half, got, sizeof got, 0);
    tap_ok(closed && strstr(got, "bye"), "so does the one that was half sent");
    closed = get(kept, got, sizeof got, 0);
    tap_ok(closed && strstr(got, "bye"), "and the one that was not accepted yet");
    (void)close(idle);
    (void)close(busy);
    (void)close(half);
    (void)close(kept);
    turn_until(&f.drained);
    tap_ok(f.drained, "then the server is drained");
    teardown(&f);
}

static void test_free(void)
{
    struct fixture f;
    char got[4096];
    int fd;

    setup(&f, LATER, NULL);
    fd = dial(&f);
    say(fd, "GET /x HTTP/1.1\r\nX-Test: z\r\n\r\n");
    for (int i = 0; i < 20; i++)
        turn();
    teardown(&f);
    tap_ok(f.waiting_count == 1 && !strcmp(http_request_header(f.waiting[0], "X-Test", NULL), "z"),
           "a request outlives its server");
    http_respond_text(f.waiting[0], 200, "");
    tap_ok(get(fd, got, sizeof got, 0) && !*got, "and its answer goes nowhere");
    (void)close(fd);

    for (int how = FREE_SERVER; how <= FREE_THEN_RESPOND; how++) {
        setup(&f, (enum how)how, NULL);
        fd = dial(&f);
        say(fd, "GET /x HTTP/1.1\r\n\r\nGET /y HTTP/1.1\r\n\r\n");
        for (int i = 0; i < 20; i++)
            turn();
        if (how == FREE_SERVER)
            http_abort(f.waiting[0], "x", 1);
        tap_ok(!f.server && !strcmp(f.seen, "GET /x [] x=-/0 0:\n"), "a handler may free the server%s",
               how == FREE_THEN_RESPOND ? " and answer then" : "");
        (void)close(fd);
    }
}

static void test_abort(void)
{
    struct fixture f;
    char got[4096];
    int fd;

    setup(&f, LATER, NULL);
    fd = dial(&f);
    say(fd, "GET /x HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 20; i++)
        turn();
    http_abort(f.waiting[0], "HTTP/1.1 2", 10);
    tap_ok(get(fd, got, sizeof got, 0) && !strcmp(got, "HTTP/1.1 2"), "an aborted answer ends in the middle");
    tap_ok(http_server_stats(f.server).connections == 0, "and the connection is gone");
    (void)close(fd);
    teardown(&f);
}

static const struct {
    const char *listen;
    enum err err;
} addresses[] = {
    {"127.0.0.1:0", ERR_OK},
    {":0", ERR_OK},
    {"[::1]:0", ERR_OK},
    {"0.0.0.0:0", ERR_OK},
    {"", ERR_CONFIG},
    {"8080", ERR_CONFIG},
    {"127.0.0.1", ERR_CONFIG},
    {"127.0.0.1:", ERR_CONFIG},
    {"127.0.0.1:65536", ERR_CONFIG},
    {"127.0.0.1:80x", ERR_CONFIG},
    {"localhost:80", ERR_CONFIG},
    {"127.0.0.1:-1", ERR_CONFIG},
    {"203.0.113.1:0", ERR_SYSTEM},
};

static void test_addresses(void)
{
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct http_server_options options = http_server_options_default();
        struct http_server *server = NULL;
        struct failure fail = {.code = ERR_OK};
        enum err err;

        options.listen = addresses[i].listen;
        err = http_server_create(base, &options, handle, NULL, &server, &fail);
        if (err == ERR_SYSTEM && !strcmp(addresses[i].listen, "[::1]:0")) {
            tap_ok(true, "\"[::1]:0\" # SKIP no IPv6 here");
            continue;
        }
        tap_ok(err == addresses[i].err && (err == ERR_OK) == (server != NULL) &&
                   (err == ERR_OK || *fail.text),
               "\"%s\": %s", addresses[i].listen, err_text(addresses[i].err));
        http_server_free(server);
    }
}

static void reuse(struct http_server_options *options)
{
    options->reuse_port = true;
}

static void test_reuse_port(void)
{
    struct fixture f;
    struct http_server_options options = http_server_options_default();
    struct http_server *second = NULL;
    char listen[32];
    struct failure fail;

    setup(&f, AT_ONCE, reuse);
    (void)snprintf(listen, sizeof listen, "127.0.0.1:%u", http_server_port(f.server));
    options.listen = listen;
    tap_ok(http_server_create(base, &options, handle, &f, &second, &fail) == ERR_SYSTEM,
           "a port is not shared unasked");
    options.reuse_port = true;
    tap_ok(http_server_create(base, &options, handle, &f, &second, &fail) == ERR_OK,
           "two servers may share a port");
    http_server_free(second);
    teardown(&f);
}

int main(void)
{
    base = event_base_new();
    if (!base)
        return 1;
    test_exchanges();
    test_answer_shape();
    test_expect();
    test_pieces();
    test_many_pipelined();
    test_later();
    test_gone();
    test_large_answer();
    test_deadlines();
    test_cap();
    test_large_bodies();
    test_refused_upload();
    test_drain();
    test_free();
    test_abort();
    test_addresses();
    test_reuse_port();
    event_base_free(base);
    return tap_done();
}
