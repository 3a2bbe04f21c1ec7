/* The HTTP server: what it answers, in which order, and what a handler may do. */
#include "common/http_server.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/http_fixture.h"

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
    test_drain();
    test_free();
    test_abort();
    event_base_free(base);
    return tap_done();
}
