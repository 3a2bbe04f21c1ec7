/* The HTTP server: deadlines, caps, memory, addresses. */
#include "common/http_server.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/http_fixture.h"

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

static void two_patient(struct http_server_options *options)
{
    options->connections_max = 2;
    options->patience_ms = 50;
    options->request_timeout_ms = 600000;
    options->idle_timeout_ms = 600000;
}

/* Two peers that hold both connections, in a state that no deadline ends here; then one who is honest. */
static const struct {
    const char *name, *bytes;
} holders[] = {
    {"one that says nothing", ""},
    {"one that does not end its head", "GET / HT"},
    {"one that does not end its body", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"},
    {"one that does not take its answer", "GET / HTTP/1.1\r\n\r\n"},
    {"one that does not close after a refusal", "nonsense\r\n\r\n"},
};

static void test_holders(void)
{
    enum { SIZE = 16 << 20 };
    char *big = calloc(1, SIZE);

    if (!big)
        abort();
    for (size_t i = 0; i < sizeof holders / sizeof holders[0]; i++) {
        struct fixture f;
        char got[4096];
        int fds[3];

        setup(&f, AT_ONCE, two_patient);
        f.answer = big;
        f.answer_len = SIZE;
        for (int n = 0; n < 2; n++) {
            fds[n] = dial(&f);
            say(fds[n], holders[i].bytes);
            for (int t = 0; t < 20; t++)
                turn();
        }
        f.answer = "hello";
        f.answer_len = 5;
        fds[2] = dial(&f);
        say(fds[2], "GET /third HTTP/1.1\r\n\r\n");
        (void)get(fds[2], got, sizeof got, 1);
        tap_ok(!strncmp(got, "HTTP/1.1 200 ", 13), "%s gives way to one that waits at the door",
               holders[i].name);
        for (int n = 0; n < 3; n++)
            (void)close(fds[n]);
        teardown(&f);
    }
    free(big);
}

/* Whatever one peer has sent already, the loop comes back to timers, to Redis and to others in between. */
static void test_turns_are_short(void)
{
    enum { REQUESTS = 1000 };
    static const char request[] = "GET / HTTP/1.1\r\n\r\n";
    static char many[REQUESTS * (sizeof request - 1)];
    static char got[REQUESTS * 300];
    struct fixture f;
    uint64_t most = 0, before = 0;
    int fd;

    for (int i = 0; i < REQUESTS; i++)
        memcpy(many + i * (sizeof request - 1), request, sizeof request - 1);
    setup(&f, AT_ONCE, NULL);
    fd = dial(&f);
    for (int i = 0; i < 20; i++)
        turn();
    tap_ok(send(fd, many, sizeof many, MSG_NOSIGNAL) == (ssize_t)sizeof many, "%d requests are on their way",
           REQUESTS);
    for (int64_t end = clock_mono_ms() + CEILING_MS; before < REQUESTS && clock_mono_ms() < end;) {
        uint64_t now;

        (void)recv(fd, got, sizeof got, MSG_DONTWAIT);
        (void)event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK); /* turn() goes on while there is work */
        now = http_server_stats(f.server).requests_total;
        most = now - before > most ? now - before : most;
        before = now;
    }
    tap_ok(before == REQUESTS && most <= 64, "of one peer's at most %llu are handled in one turn of the loop",
           (unsigned long long)most);
    (void)close(fd);
    teardown(&f);
}

static void little_memory(struct http_server_options *options)
{
    options->large_bytes_max = 100000;
    options->request_timeout_ms = 600000;
    options->patience_ms = 600000;
}

static void little_memory_and_patience(struct http_server_options *options)
{
    little_memory(options);
    options->patience_ms = 50;
}

/* POST a whole body of 150,000 bytes on a connection of its own. True: it was taken. */
static bool large_is_taken(struct fixture *f)
{
    static char body[50000];
    char got[4096];
    int fd = dial(f);

    memset(body, 'b', sizeof body);
    say(fd, "POST /honest HTTP/1.1\r\nContent-Length: 150000\r\n\r\n");
    for (int i = 0; i < 3; i++)
        put(fd, body, sizeof body);
    (void)get(fd, got, sizeof got, 1);
    (void)close(fd);
    return !strncmp(got, "HTTP/1.1 200 ", 13);
}

static void test_stalled_bodies(void)
{
    static char body[140000];
    struct fixture f;
    int promised[8], stalled;
    bool taken = false;

    memset(body, 'b', sizeof body);
    setup(&f, AT_ONCE, little_memory);
    for (int i = 0; i < 8; i++) {
        promised[i] = dial(&f);
        say(promised[i], "POST / HTTP/1.1\r\nContent-Length: 150000\r\n\r\n");
    }
    for (int i = 0; i < 20; i++)
        turn();
    tap_ok(large_is_taken(&f), "long bodies that are announced and do not come take nothing from others");
    stalled = dial(&f);
    say(stalled, "POST / HTTP/1.1\r\nContent-Length: 150000\r\n\r\n");
    put(stalled, body, sizeof body);
    tap_ok(!large_is_taken(&f), "one that is here but for its end does");
    for (int i = 0; i < 8; i++)
        (void)close(promised[i]);
    (void)close(stalled);
    teardown(&f);

    setup(&f, AT_ONCE, little_memory_and_patience);
    stalled = dial(&f);
    say(stalled, "POST / HTTP/1.1\r\nContent-Length: 150000\r\n\r\n");
    put(stalled, body, sizeof body);
    for (int64_t end = clock_mono_ms() + CEILING_MS; !taken && clock_mono_ms() < end;) {
        (void)poll(NULL, 0, 50);
        turn();
        taken = large_is_taken(&f);
    }
    tap_ok(taken, "until it has kept others waiting for too long");
    (void)close(stalled);
    teardown(&f);
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
    put(first, body, 100000);
    put(first, body, 40000);
    for (int i = 0; i < 20; i++)
        turn();
    say(second, "POST /2 HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
    put(second, body, 70000);
    (void)get(second, got, sizeof got, 0);
    tap_ok(!strncmp(got, "HTTP/1.1 503 ", 13) && strstr(got, "Retry-After: "),
           "503: long bodies beyond the memory they may take together");
    say(third, "POST /3 HTTP/1.1\r\nContent-Length: 65536\r\n\r\n");
    put(third, body, 65536);
    (void)get(third, got, sizeof got, 1);
    tap_ok(!strncmp(got, "HTTP/1.1 200 ", 13), "a body of ordinary length is not hindered by them");
    put(first, body, 10000);
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
    test_deadlines();
    test_cap();
    test_holders();
    test_turns_are_short();
    test_stalled_bodies();
    test_large_bodies();
    test_refused_upload();
    test_addresses();
    test_reuse_port();
    event_base_free(base);
    return tap_done();
}
