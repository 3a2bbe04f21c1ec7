/* The Redis connection against a real server that is stopped, killed, slow, full and misconfigured. */
#include <event2/event.h>
#include <event2/listener.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/redis_client.h"
#include "common/redis_url.h"
#include "tests/unit/redis_fixture.h"
#include "tests/unit/tap.h"

static struct event_base *base;

struct answer {
    bool done;
    unsigned calls;
    enum err err;
    char text[400]; /* the reply as text, or why not */
};

static void on_answer(enum err err, const struct redisReply *reply, const struct failure *fail, void *arg)
{
    struct answer *answer = arg;

    answer->done = true;
    answer->calls++;
    answer->err = err;
    if (err)
        (void)snprintf(answer->text, sizeof answer->text, "%s", fail->text);
    else if (reply->str)
        (void)snprintf(answer->text, sizeof answer->text, "%s", reply->str);
    else
        (void)snprintf(answer->text, sizeof answer->text, "%lld", reply->integer);
}

struct states {
    unsigned ready, lost;
    bool is_ready, is_lost;
};

static void on_state(bool ready, void *arg)
{
    struct states *states = arg;

    states->ready += ready;
    states->lost += !ready;
    states->is_ready = ready;
    states->is_lost = !ready;
}

static struct redis_client *client_to(const char *url, struct states *states, unsigned timeout_ms)
{
    struct redis_client_options options = redis_client_options_default();
    struct redis_client *client = NULL;
    struct failure fail;

    options.url = url;
    options.command_timeout_ms = timeout_ms;
    options.connect_timeout_ms = timeout_ms ? timeout_ms : 3000;
    options.on_state = on_state;
    options.arg = states;
    if (redis_client_create(base, &options, &client, &fail))
        exit(tap_ok(false, "client: %s", fail.text) + 2);
    return client;
}

static enum err say(struct redis_client *client, struct answer *answer, int argc, const char *const *argv)
{
    struct failure fail = {0};
    enum err err;

    *answer = (struct answer){0};
    err = redis_client_command(client, on_answer, answer, argc, argv, NULL, &fail);
    if (err)
        (void)snprintf(answer->text, sizeof answer->text, "%s", fail.text);
    return err;
}
#define SAY(client, answer, ...)                                                                             \
    say(client, answer, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

static const struct {
    const char *url; /* what redis_url_parse() is given */
    enum err err;
    const char *parts; /* host|port|db|user|password|path */
} urls[] = {
    {"redis://127.0.0.1:6379/0", ERR_OK, "127.0.0.1|6379|0|||"},
    {"redis://localhost", ERR_OK, "localhost|6379|0|||"},
    {"redis://localhost/", ERR_OK, "localhost|6379|0|||"},
    {"redis://h/15", ERR_OK, "h|6379|15|||"},
    {"redis://:secret@h:1/2", ERR_OK, "h|1|2||secret|"},
    {"redis://user:secret@h:65535", ERR_OK, "h|65535|0|user|secret|"},
    {"redis://us%65r:p%40ss%3A%2f%25@h", ERR_OK, "h|6379|0|user|p@ss:/%|"},
    {"redis://:p@ss@h", ERR_OK, "h|6379|0||p@ss|"},
    {"redis://[::1]:7000/3", ERR_OK, "::1|7000|3|||"},
    {"redis://:x@[fe80::1]", ERR_OK, "fe80::1|6379|0||x|"},
    {"unix:///run/redis.sock", ERR_OK, "|6379|0|||/run/redis.sock"},
    {"unix://u:p@/run/redis.sock?db=4", ERR_OK, "|6379|4|u|p|/run/redis.sock"},
    {"", ERR_CONFIG, ""},
    {"localhost:6379", ERR_CONFIG, ""},
    {"http://localhost", ERR_CONFIG, ""},
    {"rediss://localhost", ERR_CONFIG, ""},
    {"redis://", ERR_CONFIG, ""},
    {"redis://:6379", ERR_CONFIG, ""},
    {"redis://h:", ERR_CONFIG, ""},
    {"redis://h:0", ERR_CONFIG, ""},
    {"redis://h:65536", ERR_CONFIG, ""},
    {"redis://h:99999999999", ERR_CONFIG, ""},
    {"redis://h:12a", ERR_CONFIG, ""},
    {"redis://h/x", ERR_CONFIG, ""},
    {"redis://h/1/2", ERR_CONFIG, ""},
    {"redis://h/-1", ERR_CONFIG, ""},
    {"redis://h?db=1", ERR_CONFIG, ""},
    {"redis://secret@h", ERR_CONFIG, ""},
    {"redis://user:@h", ERR_CONFIG, ""},
    {"redis://:se%cret@h", ERR_CONFIG, ""},
    {"redis://:secre%4@h", ERR_CONFIG, ""},
    {"redis://:secret%00@h", ERR_CONFIG, ""},
    {"redis://:secret@[::1", ERR_CONFIG, ""},
    {"redis://:se cret@h", ERR_CONFIG, ""},
    {"redis://h\n", ERR_CONFIG, ""},
    {"unix://relative", ERR_CONFIG, ""},
    {"unix:///s?db=x", ERR_CONFIG, ""},
    {"unix:///s?other=1", ERR_CONFIG, ""},
};

static void test_urls(void)
{
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct redis_url url = {0};
        struct failure fail = {0};
        char parts[256] = "";
        enum err err = redis_url_parse(urls[i].url, &url, &fail);

        if (!err)
            (void)snprintf(parts, sizeof parts, "%s|%u|%u|%s|%s|%s", url.host, url.port, url.db, url.user,
                           url.password, url.path);
        tap_ok(err == urls[i].err && !strcmp(parts, urls[i].parts) && !strstr(fail.text, "secre"),
               "URL %zu: %s", i, err ? fail.text : parts);
        redis_url_release(&url);
    }
}

static void test_talk(struct redis_fixture *redis)
{
    struct states states = {0};
    struct redis_client *client = client_to(redis->url, &states, 3000);
    struct answer a, b;

    tap_ok(SAY(client, &a, "PING") == ERR_UNAVAILABLE && !a.calls,
           "a command before it is connected is refused");
    tap_ok(loop_until(base, &states.is_ready, 10) && redis_client_ready(client), "it connects");
    SAY(client, &a, "SET", "k", "v");
    SAY(client, &b, "GET", "k");
    tap_ok(!a.calls && redis_client_in_flight(client) == 2, "a callback never comes before the call returns");
    tap_ok(loop_until(base, &b.done, 10) && !strcmp(a.text, "OK") && !strcmp(b.text, "v"),
           "replies come in order");
    SAY(client, &a, "NONSENSE", "k");
    tap_ok(loop_until(base, &a.done, 10) && a.err == ERR_PROTOCOL && strstr(a.text, "unknown command"),
           "an error reply is a failure with its text");
    SAY(client, &a, "PING");
    redis_client_free(client);
    tap_ok(a.calls == 1 && a.err == ERR_UNAVAILABLE, "closing ends an open command, once");
    tap_ok(states.ready == 1 && states.lost == 0, "closing is not reported as a loss");
}

static void test_bound(struct redis_fixture *redis)
{
    struct states states = {0};
    struct redis_client_options options = redis_client_options_default();
    struct redis_client *client;
    struct answer answers[4];
    struct failure fail;

    options.url = redis->url;
    options.commands_max = 3;
    options.on_state = on_state;
    options.arg = &states;
    tap_ok(!redis_client_create(base, &options, &client, &fail) && loop_until(base, &states.is_ready, 10),
           "a client with a bound of 3");
    for (int i = 0; i < 3; i++)
        SAY(client, &answers[i], "PING");
    tap_ok(SAY(client, &answers[3], "PING") == ERR_LIMIT, "the fourth command in flight is refused");
    tap_ok(loop_until(base, &answers[2].done, 10) && SAY(client, &answers[3], "PING") == ERR_OK,
           "and accepted once the others are answered");
    redis_client_free(client);
}

static void test_silence(struct redis_fixture *redis)
{
    struct states states = {0};
    struct redis_client *client = client_to(redis->url, &states, 300);
    struct answer a, b;

    loop_until(base, &states.is_ready, 10);
    redis_fixture_signal(redis, SIGSTOP);
    SAY(client, &a, "SET", "a", "1");
    SAY(client, &b, "SET", "b", "1");
    tap_ok(loop_until(base, &states.is_lost, 10), "a silent server is given up");
    tap_ok(a.calls == 1 && a.err == ERR_TIMEOUT && b.calls == 1 && b.err == ERR_TIMEOUT,
           "its commands end with a timeout, once: %s", a.text);
    tap_ok(SAY(client, &a, "PING") == ERR_UNAVAILABLE, "commands are refused meanwhile: %s", a.text);
    loop_for(base, 1000);
    tap_ok(!redis_client_ready(client), "a listening but silent server does not count as connected");
    redis_fixture_signal(redis, SIGCONT);
    tap_ok(loop_until(base, &states.is_ready, 20) && SAY(client, &a, "PING") == ERR_OK &&
               loop_until(base, &a.done, 10) && !strcmp(a.text, "PONG"),
           "it comes back when the server does");
    redis_client_free(client);
}

static void test_standstill(struct redis_fixture *redis)
{
    struct states states = {0};
    struct redis_client *client = client_to(redis->url, &states, 200);
    struct answer first, second;

    loop_until(base, &states.is_ready, 10);
    SAY(client, &first, "PING");
    loop_until(base, &first.done, 10);
    SAY(client, &first, "PING");
    (void)event_base_loop(base, EVLOOP_NONBLOCK); /* out of the door */
    (void)usleep(500000);                         /* this process stands still; the answer comes meanwhile */
    SAY(client, &second, "PING");
    tap_ok(loop_until(base, &second.done, 10) && !first.err && !second.err && first.calls == 1 &&
               !states.lost,
           "a process that stood still for longer than the deadline finds the answer, not a timeout");
    redis_client_free(client);
}

static void test_restart(struct redis_fixture *redis)
{
    struct states states = {0};
    struct redis_client *client = client_to(redis->url, &states, 3000);
    struct answer a;

    loop_until(base, &states.is_ready, 10);
    redis_fixture_signal(redis, SIGSTOP);
    SAY(client, &a, "PING");
    loop_for(base, 50);
    redis_fixture_kill(redis);
    tap_ok(loop_until(base, &states.is_lost, 10) && a.calls == 1 && a.err == ERR_UNAVAILABLE,
           "a killed server: the open command ends, outcome unknown: %s", a.text);
    loop_for(base, 300);
    tap_ok(strstr(redis_client_trouble(client), "refused"), "why it is away can be asked: %s",
           redis_client_trouble(client));
    redis_fixture_run(redis);
    tap_ok(loop_until(base, &states.is_ready, 20) && !redis_client_trouble(client)[0],
           "it reconnects by itself");
    (void)redis_look_int(redis, "CLIENT KILL TYPE normal SKIPME yes");
    tap_ok(loop_until(base, &states.is_lost, 10) && loop_until(base, &states.is_ready, 10),
           "it reconnects after the server closed the connection");
    redis_client_free(client);
}

/* A replica takes the connection, PING and reads, and refuses what matters. */
static void test_replica(void)
{
    static const char *const settings[] = {"--replicaof", "127.0.0.1 1", NULL};
    struct redis_fixture redis;
    struct states states = {0};
    struct redis_client *client;
    struct answer reads = {0}, writes = {0};
    int64_t end = clock_mono_ms() + 3000;

    redis_fixture_start(&redis, settings);
    client = client_to(redis.url, &states, 3000);
    while (clock_mono_ms() < end) {
        if (redis_client_ready(client) && !redis_client_in_flight(client)) {
            SAY(client, &reads, "CONFIG", "GET", "appendonly");
            SAY(client, &writes, "SET", "k", "v");
        }
        loop_for(base, 5);
    }
    tap_ok(writes.err == ERR_UNAVAILABLE && !strncmp(writes.text, "READONLY", 8),
           "a write that a replica refuses ends as with a lost server: %s", writes.text);
    tap_ok(states.ready > 1 && states.ready < 16,
           "it is tried again, more and more rarely: %u times in three seconds", states.ready);
    freeReplyObject(redis_look(&redis, "REPLICAOF NO ONE"));
    writes.err = ERR_UNAVAILABLE;
    for (end = clock_mono_ms() + 20000; writes.err && clock_mono_ms() < end;) {
        if (redis_client_ready(client) && !redis_client_in_flight(client))
            SAY(client, &writes, "SET", "k", "v");
        (void)loop_until(base, &writes.done, 1);
        loop_for(base, 5);
    }
    tap_ok(!writes.err, "and goes on when the replica was promoted");
    redis_client_free(client);
    redis_fixture_stop(&redis);
}

static struct answer evaluate(struct redis_client *client, struct redis_script *script, const char *arg)
{
    struct answer answer = {0};
    struct failure fail;
    const char *argv[] = {"{0}", arg};

    if (redis_client_eval(client, script, on_answer, &answer, 1, 2, argv, NULL, &fail))
        (void)snprintf(answer.text, sizeof answer.text, "%s", fail.text);
    else
        loop_until(base, &answer.done, 10);
    return answer;
}

static void test_scripts(struct redis_fixture *redis)
{
    static const char source[] = "return KEYS[1] .. ARGV[1]";
    struct states states = {0};
    struct redis_client *client = client_to(redis->url, &states, 3000);
    struct redis_script *script = NULL, *broken = NULL;
    struct answer answers[50] = {0}, a;
    const char *argv[] = {"{0}", "x"};
    bool all = true;

    tap_ok(!redis_script_create(source, strlen(source), &script), "a script is made");
    loop_until(base, &states.is_ready, 10);
    a = evaluate(client, script, "first");
    tap_ok(!strcmp(a.text, "{0}first"), "a script that Redis does not know runs: %s", a.text);
    a = evaluate(client, script, "second");
    tap_ok(!strcmp(a.text, "{0}second"), "and runs again");
    freeReplyObject(redis_look(redis, "SCRIPT FLUSH"));
    for (int i = 0; i < 50; i++)
        (void)redis_client_eval(client, script, on_answer, &answers[i], 1, 2, argv, NULL, NULL);
    loop_until(base, &answers[49].done, 10);
    for (int i = 0; i < 50; i++)
        all = all && answers[i].calls == 1 && !strcmp(answers[i].text, "{0}x");
    tap_ok(all, "fifty in one pipeline after SCRIPT FLUSH all run, each answered once");
    redis_fixture_kill(redis);
    loop_until(base, &states.is_lost, 10);
    redis_fixture_run(redis);
    loop_until(base, &states.is_ready, 20);
    a = evaluate(client, script, "third");
    tap_ok(!strcmp(a.text, "{0}third"), "and after a restart of Redis");
    tap_ok(!redis_script_create("return redis.error_reply('MINE text')", 37, &broken), "a script that fails");
    a = evaluate(client, broken, "");
    tap_ok(a.err == ERR_PROTOCOL && !strncmp(a.text, "MINE text", 9),
           "a script's error reaches the caller: %s", a.text);
    redis_client_free(client);
    redis_script_free(script);
    redis_script_free(broken);
}

static void test_credentials(void)
{
    static const char *const settings[] = {"--requirepass", "right horse", "--unixsocket", "redis.sock",
                                           NULL};
    struct redis_fixture redis;
    struct states good = {0}, bad = {0}, none = {0}, unixed = {0};
    struct redis_client *a, *b, *c, *d;
    struct answer answer;
    char url[256];

    redis_fixture_start(&redis, settings);
    (void)snprintf(url, sizeof url, "redis://:right%%20horse@localhost:%u/3", redis.port);
    a = client_to(url, &good, 3000);
    (void)snprintf(url, sizeof url, "redis://:wrong%%20horse@127.0.0.1:%u/3", redis.port);
    b = client_to(url, &bad, 3000);
    c = client_to(redis.url, &none, 3000);
    (void)snprintf(url, sizeof url, "unix://default:right%%20horse@%s/redis.sock?db=3", redis.dir);
    d = client_to(url, &unixed, 3000);
    tap_ok(loop_until(base, &good.is_ready, 20), "host name, password and database: connected");
    SAY(a, &answer, "SET", "in-three", "yes");
    loop_until(base, &answer.done, 10);
    tap_ok(loop_until(base, &unixed.is_ready, 20), "socket, user, password and database: connected");
    SAY(d, &answer, "GET", "in-three");
    tap_ok(loop_until(base, &answer.done, 10) && !strcmp(answer.text, "yes"), "both see the same database");
    loop_for(base, 500);
    tap_ok(!bad.ready && strstr(redis_client_trouble(b), "WRONGPASS") &&
               !strstr(redis_client_trouble(b), "horse"),
           "a wrong password never connects and is not repeated: %s", redis_client_trouble(b));
    tap_ok(!none.ready && strstr(redis_client_trouble(c), "NOAUTH"), "nor does no password: %s",
           redis_client_trouble(c));
    redis_client_free(a);
    redis_client_free(b);
    redis_client_free(c);
    redis_client_free(d);
    redis_fixture_stop(&redis);
}

/* A peer that is not Redis: it says text as soon as it is connected to. */
static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int len,
                      void *arg)
{
    const char *text = arg;

    (void)listener, (void)address, (void)len;
    (void)!write(fd, text, strlen(text));
}

static const struct {
    const char *name, *says;
} strangers[] = {
    {"a web server", "HTTP/1.1 400 Bad Request\r\n\r\n"},
    {"a full Redis", "-ERR max number of clients reached\r\n"},
    {"one that answers more than it was asked", "+PONG\r\n+PONG\r\n+PONG\r\n"},
    {"one with an endless number", "$99999999999999999999999999\r\n"},
};

static void test_strangers(void)
{
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct evconnlistener *listener;
        struct states states = {0};
        struct redis_client *client;
        char url[64];
        unsigned port = fixture_free_port();

        sin.sin_port = htons((uint16_t)port);
        listener = evconnlistener_new_bind(base, on_accept, (void *)strangers[i].says, LEV_OPT_CLOSE_ON_FREE,
                                           16, (struct sockaddr *)&sin, sizeof sin);
        (void)snprintf(url, sizeof url, "redis://127.0.0.1:%u", port);
        client = client_to(url, &states, 300);
        loop_for(base, 400);
        tap_ok(listener && !redis_client_ready(client), "%s: %s", strangers[i].name,
               redis_client_trouble(client));
        redis_client_free(client);
        if (listener)
            evconnlistener_free(listener);
    }
}

static void test_nowhere(void)
{
    struct states states = {0}, other = {0};
    struct redis_client *client = client_to("redis://no-such-host.invalid:1", &states, 200);
    struct redis_client *blackhole = client_to("redis://192.0.2.1:6379", &other, 100);

    loop_for(base, 700);
    tap_ok(!states.ready && redis_client_trouble(client)[0], "an unknown host: %s",
           redis_client_trouble(client));
    tap_ok(!other.ready && redis_client_trouble(blackhole)[0], "an address without a host: %s",
           redis_client_trouble(blackhole));
    redis_client_free(client);
    redis_client_free(blackhole);
}

int main(void)
{
    struct redis_fixture redis;

    base = event_base_new();
    if (!base)
        return 1;
    (void)signal(SIGPIPE, SIG_IGN);
    test_urls();
    redis_fixture_start(&redis, NULL);
    test_talk(&redis);
    test_bound(&redis);
    test_silence(&redis);
    test_standstill(&redis);
    test_restart(&redis);
    test_scripts(&redis);
    redis_fixture_stop(&redis);
    test_replica();
    test_credentials();
    test_strangers();
    test_nowhere();
    event_base_free(base);
    return tap_done();
}
