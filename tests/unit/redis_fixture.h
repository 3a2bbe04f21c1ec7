/* A private redis-server for one test program: own directory, free port, gone with the test. */
#ifndef INSTEP_TESTS_REDIS_FIXTURE_H
#define INSTEP_TESTS_REDIS_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <ftw.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

struct redis_fixture {
    pid_t pid; /* 0: not running */
    unsigned port;
    char dir[128];
    char url[64];
    const char *const *settings; /* borrowed: name, value, ..., NULL; may be NULL */
    redisContext *look;          /* blocking, for looking from outside */
};

__attribute__((noreturn, unused)) static void fixture_die(const char *what)
{
    (void)fprintf(stderr, "redis fixture: %s: %s\n", what, strerror(errno));
    exit(1);
}

__attribute__((unused)) static unsigned fixture_free_port(void)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sin;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&sin, len) || getsockname(fd, (struct sockaddr *)&sin, &len))
        fixture_die("no free port");
    (void)close(fd);
    return ntohs(sin.sin_port);
}

__attribute__((unused)) static void fixture_exec(const struct redis_fixture *fixture)
{
    char port[16];
    const char *argv[64] = {"redis-server",
                            "--port",
                            port,
                            "--bind",
                            "127.0.0.1",
                            "--dir",
                            fixture->dir,
                            "--save",
                            "",
                            "--appendonly",
                            "yes",
                            "--appendfsync",
                            "always",
                            "--no-appendfsync-on-rewrite",
                            "no",
                            "--maxmemory-policy",
                            "noeviction",
                            "--stream-node-max-bytes",
                            "512",
                            "--loglevel",
                            "warning"};
    int argc = 21, log;
    char path[160];

    (void)snprintf(port, sizeof port, "%u", fixture->port);
    for (const char *const *s = fixture->settings; s && *s && argc < 60; s++) /* the last one wins */
        argv[argc++] = *s;
    (void)snprintf(path, sizeof path, "%s/log", fixture->dir);
    log = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(126);
    (void)execvp(argv[0], (char *const *)argv);
    _exit(127);
}

/* Start it, also again after redis_fixture_kill(), with the same port and data. Waits until it answers. */
__attribute__((unused)) static void redis_fixture_run(struct redis_fixture *fixture)
{
    fixture->pid = fork();
    if (fixture->pid < 0)
        fixture_die("fork");
    if (!fixture->pid)
        fixture_exec(fixture);
    for (int i = 0; i < 1000; i++) {
        redisReply *reply = NULL;
        bool up;

        fixture->look = redisConnect("127.0.0.1", (int)fixture->port);
        if (fixture->look && !fixture->look->err)
            reply = redisCommand(fixture->look, "PING");
        up = reply && (reply->type == REDIS_REPLY_STATUS || !strncmp(reply->str, "NOAUTH", 6));
        if (reply)
            freeReplyObject(reply);
        if (up)
            return;
        if (fixture->look)
            redisFree(fixture->look);
        fixture->look = NULL;
        (void)usleep(20000);
    }
    fixture_die("redis-server does not answer");
}

__attribute__((unused)) static void redis_fixture_start(struct redis_fixture *fixture,
                                                        const char *const *settings)
{
    const char *tmp = getenv("TMPDIR");

    (void)signal(SIGPIPE, SIG_IGN); /* as the programs do: a killed Redis may be written to */
    *fixture = (struct redis_fixture){.port = fixture_free_port(), .settings = settings};
    (void)snprintf(fixture->dir, sizeof fixture->dir, "%.90s/instep-redis-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(fixture->dir))
        fixture_die(fixture->dir);
    (void)snprintf(fixture->url, sizeof fixture->url, "redis://127.0.0.1:%u/0", fixture->port);
    redis_fixture_run(fixture);
}

__attribute__((unused)) static void redis_fixture_signal(const struct redis_fixture *fixture, int signal)
{
    if (fixture->pid && kill(fixture->pid, signal))
        fixture_die("kill");
}

__attribute__((unused)) static void redis_fixture_kill(struct redis_fixture *fixture)
{
    redis_fixture_signal(fixture, SIGKILL);
    if (fixture->pid)
        (void)waitpid(fixture->pid, NULL, 0);
    fixture->pid = 0;
    if (fixture->look)
        redisFree(fixture->look);
    fixture->look = NULL;
}

static int fixture_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

__attribute__((unused)) static void redis_fixture_stop(struct redis_fixture *fixture)
{
    redis_fixture_kill(fixture);
    (void)nftw(fixture->dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* One command from outside, blocking; the test ends if Redis is gone. The reply is the caller's. */
__attribute__((format(printf, 2, 3), unused)) static redisReply *redis_look(struct redis_fixture *fixture,
                                                                            const char *format, ...)
{
    redisReply *reply;
    va_list args;

    va_start(args, format);
    reply = redisvCommand(fixture->look, format, args);
    va_end(args);
    if (!reply)
        fixture_die("redis-server went away");
    return reply;
}

/* The same for an integer; -1 for anything else. */
#define redis_look_int(fixture, ...) fixture_take_int(redis_look((fixture), __VA_ARGS__))
__attribute__((unused)) static long long fixture_take_int(redisReply *reply)
{
    long long value = reply->type == REDIS_REPLY_INTEGER ? reply->integer : -1;

    freeReplyObject(reply);
    return value;
}

static void fixture_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

/* Run the loop until *done, at most seconds (a bound against hanging, never a measurement). */
__attribute__((unused)) static bool loop_until(struct event_base *base, const bool *done, int seconds)
{
    int64_t end = clock_mono_ms() + seconds * 1000;
    struct event *tick = event_new(base, -1, EV_PERSIST, fixture_tick, NULL);
    struct timeval every = clock_timeval(100);

    if (!tick || evtimer_add(tick, &every))
        fixture_die("no memory");
    while (!*done && clock_mono_ms() < end && !event_base_loop(base, EVLOOP_ONCE))
        ;
    event_free(tick);
    return *done;
}

/* Run the loop for a while. */
__attribute__((unused)) static void loop_for(struct event_base *base, int length_ms)
{
    struct timeval length = clock_timeval(length_ms);

    (void)event_base_loopexit(base, &length);
    (void)event_base_dispatch(base);
}

#endif
