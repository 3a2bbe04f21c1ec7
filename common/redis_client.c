#include "common/redis_client.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/clock.h"
#include "common/lookup.h"
#include "common/redis_url.h"
#include "common/redis_wire.h"

/*
 *            timer                 address           connected            PONG
 *  WAITING ----------> LOOKING_UP ----------> DIALLING ---------> GREETING -----> READY
 *     ^                    |                     |                   |              |
 *     +--------------------+---------------------+-------------------+--------------+   client_lose()
 *
 * The transport is a bufferevent; hiredis only parses replies.
 */
enum state { WAITING, LOOKING_UP, DIALLING, GREETING, READY };

#define BACKOFF_BASE_MS 50
#define BACKOFF_MAX_MS  2000
#define STEADY_MS       5000 /* a connection that did not last so long was no success */
#define ARGC_MAX        4096
#define LATE_GRACE_MS   50

/* One command under way, in the order of its reply. */
struct command {
    struct command *next;
    redis_reply_fn *done;
    void *arg;
    int64_t sent_mono_ms;
    struct redis_script *script; /* held; set while NOSCRIPT can still be answered with EVAL */
    size_t tail_len;
    int argc;    /* of the EVALSHA, to send it again as EVAL */
    char tail[]; /* the EVALSHA after its script, as sent */
};

struct redis_client {
    struct event_base *base; /* borrowed */
    struct redis_url url;    /* owned */
    struct redis_client_options options;
    enum state state;
    unsigned failures;         /* to connect, or to stay connected, in a row */
    int64_t ready_mono_ms;     /* since when it is READY */
    struct lookup *lookup;     /* owned, while LOOKING_UP */
    struct bufferevent *bev;   /* owned, from DIALLING on */
    redisReader *reader;       /* owned, from DIALLING on */
    struct event *retry_timer; /* owned; leaves WAITING */
    struct event *deadline;    /* owned; connecting, or the oldest command */
    struct command *head, **tail;
    unsigned in_flight;
    uint64_t replies, replies_when_late; /* counted; as it was when the oldest command was found late */
    struct failure why;                  /* why it is not ready */
};

static void on_read(struct bufferevent *bev, void *arg);
static void on_event(struct bufferevent *bev, short what, void *arg);

struct redis_client_options redis_client_options_default(void)
{
    return (struct redis_client_options){
        .connect_timeout_ms = 3000, .command_timeout_ms = 3000, .commands_max = 4096};
}

/* ---- commands under way -------------------------------------------------------------------------------- */

static void command_push(struct redis_client *client, struct command *command)
{
    command->next = NULL;
    command->sent_mono_ms = clock_mono_ms();
    *client->tail = command;
    client->tail = &command->next;
    client->in_flight++;
}

static struct command *command_pop(struct redis_client *client)
{
    struct command *command = client->head;

    client->head = command->next;
    if (!client->head)
        client->tail = &client->head;
    client->in_flight--;
    return command;
}

static void command_free(struct command *command)
{
    if (command)
        redis_script_free(command->script);
    free(command);
}

/* The deadline timer runs lazily: when it fires it looks at the oldest command and is set again for that one. */
static void deadline_set(struct redis_client *client, int64_t length_ms)
{
    struct timeval length = clock_timeval(length_ms);

    (void)evtimer_add(client->deadline, &length); /* the event exists: adding cannot fail but for memory */
}

static void deadline_ensure(struct redis_client *client)
{
    if (client->options.command_timeout_ms && !evtimer_pending(client->deadline, NULL))
        deadline_set(client, client->options.command_timeout_ms);
}

static struct evbuffer *output(struct redis_client *client)
{
    return bufferevent_get_output(client->bev);
}

/* "*argc EVALSHA sha" or "*argc EVAL source", then the tail. Whole or not at all: room is made first. */
static enum err script_send(struct redis_client *client, struct command *command, bool whole)
{
    const struct redis_script *script = command->script;
    const char *what = whole ? script->source : script->sha;
    size_t what_len = whole ? script->len : REDIS_SHA_HEX;
    char *head = malloc(64 + redis_bulk_bytes(what_len)), *end;

    if (!head || evbuffer_expand(output(client), 64 + redis_bulk_bytes(what_len) + command->tail_len)) {
        free(head);
        return ERR_NOMEM;
    }
    end = head + sprintf(head, "*%d\r\n", command->argc);
    end = whole ? redis_bulk_put(end, "EVAL", 4) : redis_bulk_put(end, "EVALSHA", 7);
    end = redis_bulk_put(end, what, what_len);
    (void)evbuffer_add(output(client), head, (size_t)(end - head));
    (void)evbuffer_add(output(client), command->tail, command->tail_len);
    free(head);
    return ERR_OK;
}

/* ---- losing and finding the connection ----------------------------------------------------------------- */

static int64_t backoff_ms(unsigned failures)
{
    unsigned shift = failures < 6 ? failures : 6;
    int64_t full = (int64_t)BACKOFF_BASE_MS << shift;
    uint32_t noise = 0;

    if (full > BACKOFF_MAX_MS)
        full = BACKOFF_MAX_MS;
    /* Without noise every process would come back in the same moment; without randomness noise is 0: the half. */
    (void)!getrandom(&noise, sizeof noise, GRND_NONBLOCK);
    return full / 2 + noise % (uint32_t)(full / 2 + 1);
}

/* Give up what there is of a connection; every open command ends with code. Afterwards the client is WAITING. */
static void client_drop(struct redis_client *client, enum err code)
{
    struct command *open = client->head;

    client->head = NULL;
    client->tail = &client->head;
    client->in_flight = 0;
    client->state = WAITING;
    (void)evtimer_del(client->deadline);
    lookup_cancel(client->lookup);
    client->lookup = NULL;
    if (client->bev)
        bufferevent_free(client->bev);
    client->bev = NULL;
    if (client->reader)
        redisReaderFree(client->reader);
    client->reader = NULL;
    while (open) { /* detached: callbacks may ask for more, which is refused while WAITING */
        struct command *next = open->next;
        struct failure fail = client->why;

        fail.code = code;
        open->done(code, NULL, &fail, open->arg);
        command_free(open);
        open = next;
    }
}

__attribute__((format(printf, 3, 4))) static void client_lose(struct redis_client *client, enum err code,
                                                              const char *fmt, ...)
{
    bool was_ready = client->state == READY;
    struct timeval pause;
    va_list args;

    /* A replica takes PING and reads, then refuses the first write: that must not begin with a short pause each time. */
    if (was_ready && clock_mono_ms() - client->ready_mono_ms >= STEADY_MS)
        client->failures = 0;
    pause = clock_timeval(backoff_ms(client->failures));
    client->why.code = code;
    va_start(args, fmt);
    (void)vsnprintf(client->why.text, sizeof client->why.text, fmt, args);
    va_end(args);
    client->failures++;
    (void)evtimer_add(client->retry_timer, &pause);
    client_drop(client, code);
    if (was_ready && client->options.on_state)
        client->options.on_state(false, client->options.arg);
}

static void on_greeted(enum err err, const struct redisReply *reply, const struct failure *fail, void *arg)
{
    struct redis_client *client = arg;

    (void)reply, (void)fail;
    if (err || client->state != GREETING)
        return; /* reply_deliver() has seen to it */
    client->state = READY;
    client->ready_mono_ms = clock_mono_ms();
    (void)evtimer_del(client->deadline);
    if (client->options.on_state)
        client->options.on_state(true, client->options.arg);
}

static void on_greeting_step(enum err err, const struct redisReply *reply, const struct failure *fail,
                             void *arg)
{
    (void)err, (void)reply, (void)fail, (void)arg;
}

static enum err command_send(struct redis_client *client, redis_reply_fn *done, void *arg, int argc,
                             const char *const *argv, const size_t *argv_len)
{
    struct command *command = calloc(1, sizeof *command);
    size_t len = 32;
    char *text, *end;
    enum err err = ERR_NOMEM;

    for (int i = 0; i < argc; i++)
        len += redis_bulk_bytes(redis_word_len(argv, argv_len, i));
    text = malloc(len);
    if (!command || !text)
        goto out;
    end = text + sprintf(text, "*%d\r\n", argc);
    for (int i = 0; i < argc; i++)
        end = redis_bulk_put(end, argv[i], redis_word_len(argv, argv_len, i));
    if (evbuffer_add(output(client), text, (size_t)(end - text)))
        goto out;
    command->done = done;
    command->arg = arg;
    command_push(client, command);
    command = NULL;
    err = ERR_OK;
out:
    if (text)
        explicit_bzero(text, len); /* may be AUTH */
    free(text);
    command_free(command);
    return err;
}

/* PING comes last: a server that is still loading its data, or refuses us, is found out here. */
static void client_greet(struct redis_client *client)
{
    const struct redis_url *url = &client->url;
    const char *auth[3] = {"AUTH", url->user, url->password};
    const char *auth_default[2] = {"AUTH", url->password};
    const char *ping[1] = {"PING"};
    char db[16];
    const char *select[2] = {"SELECT", db};
    enum err err = ERR_OK;

    (void)snprintf(db, sizeof db, "%u", url->db);
    client->state = GREETING;
    if (url->user[0])
        err = command_send(client, on_greeting_step, client, 3, auth, NULL);
    else if (url->password[0])
        err = command_send(client, on_greeting_step, client, 2, auth_default, NULL);
    if (!err && url->db)
        err = command_send(client, on_greeting_step, client, 2, select, NULL);
    if (!err)
        err = command_send(client, on_greeted, client, 1, ping, NULL);
    if (err)
        client_lose(client, ERR_UNAVAILABLE, "out of memory while connecting to Redis");
}

/* A connection on which we only wait must still notice a peer that vanished without a word. */
static void keepalive(int fd)
{
    int on = 1, idle_s = 15, interval_s = 5, probes = 3;

    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

static void client_dial(struct redis_client *client, const struct sockaddr *address, socklen_t len)
{
    client->state = DIALLING;
    deadline_set(client, client->options.connect_timeout_ms);
    client->reader = redisReaderCreate();
    /* Deferred, so that none of our callbacks runs inside a call of ours. */
    client->bev = bufferevent_socket_new(client->base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (!client->reader || !client->bev) {
        client_lose(client, ERR_UNAVAILABLE, "out of memory while connecting to Redis");
        return;
    }
    bufferevent_setcb(client->bev, on_read, NULL, on_event, client);
    if (bufferevent_enable(client->bev, EV_READ | EV_WRITE) ||
        bufferevent_socket_connect(client->bev, address, (int)len))
        client_lose(client, ERR_UNAVAILABLE, "cannot connect to Redis: %s", strerror(errno));
}

static void on_lookup(enum err err, const struct addrinfo *address, const struct failure *fail, void *arg)
{
    struct redis_client *client = arg;
    unsigned count = 0, pick;

    client->lookup = NULL;
    if (err || !address) {
        client_lose(client, ERR_UNAVAILABLE, "cannot look up Redis's host: %s",
                    err ? fail->text : "no address");
        return;
    }
    /* "localhost" may be ::1 first where Redis listens on 127.0.0.1 only: try them in turn. */
    for (const struct addrinfo *a = address; a; a = a->ai_next)
        count++;
    for (pick = client->failures % count; pick; pick--)
        address = address->ai_next;
    client_dial(client, address->ai_addr, address->ai_addrlen);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct redis_client *client = arg;
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    struct sockaddr_storage numeric;
    struct failure fail;
    int len = sizeof numeric;
    char text[300];

    (void)fd, (void)what;
    if (client->url.path[0]) {
        (void)snprintf(sun.sun_path, sizeof sun.sun_path, "%s", client->url.path);
        client_dial(client, (const struct sockaddr *)&sun, sizeof sun);
        return;
    }
    (void)snprintf(text, sizeof text, strchr(client->url.host, ':') ? "[%s]:%u" : "%s:%u", client->url.host,
                   client->url.port);
    if (!evutil_parse_sockaddr_port(text, (struct sockaddr *)&numeric, &len)) {
        client_dial(client, (const struct sockaddr *)&numeric, (socklen_t)len);
        return;
    }
    client->state =
        LOOKING_UP; /* without a deadline of ours: the resolver has its own, and cannot be stopped */
    if (lookup_start(client->base, client->url.host, client->url.port, on_lookup, client, &client->lookup,
                     &fail))
        client_lose(client, ERR_UNAVAILABLE, "%s", fail.text);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct redis_client *client = arg;
    int64_t left_ms;

    (void)fd, (void)what;
    if (client->state != READY) {
        client_lose(client, ERR_TIMEOUT, "no connection to Redis within %u ms",
                    client->options.connect_timeout_ms);
        return;
    }
    if (!client->head)
        return; /* the next command sets the timer again */
    left_ms = client->head->sent_mono_ms + client->options.command_timeout_ms - clock_mono_ms();
    if (left_ms > 0) {
        deadline_set(client, left_ms);
    } else if (client->replies_when_late != client->replies) {
        /* Perhaps it was we who stood still, and the reply is here, unread: look again after a moment. */
        client->replies_when_late = client->replies;
        deadline_set(client, LATE_GRACE_MS);
    } else {
        client_lose(client, ERR_TIMEOUT, "Redis did not answer within %u ms",
                    client->options.command_timeout_ms);
    }
}

/* ---- replies ------------------------------------------------------------------------------------------- */

/* Hand one reply to its command. False: the connection is gone. */
static bool reply_deliver(struct redis_client *client, const redisReply *reply)
{
    struct command *command = command_pop(client);
    struct failure fail;
    bool keep = true;

    client->replies++;
    if (reply->type != REDIS_REPLY_ERROR) {
        command->done(ERR_OK, reply, NULL, command->arg);
    } else if (client->state == GREETING) {
        keep = false;
        client_lose(client, ERR_UNAVAILABLE, "Redis refused the connection (%.*s): check REDIS_URL",
                    redis_reply_first_word(reply), reply->str);
    } else if (command->script && redis_reply_says(reply, "NOSCRIPT") &&
               !script_send(client, command, true)) {
        redis_script_free(command->script);
        command->script = NULL; /* once */
        command_push(client, command);
        return true;
    } else if (redis_reply_is_wrong_server(reply)) {
        keep = false;
        (void)failf(&fail, ERR_UNAVAILABLE, "%s", reply->str);
        command->done(ERR_UNAVAILABLE, NULL, &fail, command->arg);
        client_lose(client, ERR_UNAVAILABLE, "%s", fail.text);
    } else {
        (void)failf(&fail, ERR_PROTOCOL, "%s", reply->str);
        command->done(ERR_PROTOCOL, NULL, &fail, command->arg);
    }
    command_free(command);
    return keep;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct redis_client *client = arg;
    struct evbuffer *input = bufferevent_get_input(bev);
    redisReply *reply = NULL;
    bool keep = true;
    struct evbuffer_iovec piece;

    while (evbuffer_peek(input, -1, NULL, &piece, 1) > 0) {
        if (redisReaderFeed(client->reader, piece.iov_base, piece.iov_len)) {
            client_lose(client, ERR_UNAVAILABLE, "out of memory for a reply of Redis");
            return;
        }
        (void)evbuffer_drain(input, piece.iov_len);
    }
    while (keep) {
        if (redisReaderGetReply(client->reader, (void **)&reply)) {
            client_lose(client, ERR_UNAVAILABLE, "what answers is not Redis: %s", client->reader->errstr);
            return;
        }
        if (!reply)
            return;
        if (client->head) {
            keep = reply_deliver(client, reply);
        } else {
            keep = false; /* such as "max number of clients reached" */
            client_lose(client, ERR_UNAVAILABLE, "Redis spoke unasked: %.*s",
                        reply->str ? redis_reply_first_word(reply) : 1, reply->str ? reply->str : "?");
        }
        freeReplyObject(reply);
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct redis_client *client = arg;

    if (what & BEV_EVENT_CONNECTED) {
        keepalive(bufferevent_getfd(bev));
        client_greet(client);
    } else if (what & BEV_EVENT_ERROR) {
        client_lose(client, ERR_UNAVAILABLE, "%s: %s",
                    client->state == DIALLING ? "cannot connect to Redis" : "lost Redis",
                    evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
    } else if (what & BEV_EVENT_EOF) {
        client_lose(client, ERR_UNAVAILABLE, "Redis closed the connection");
    }
}

/* ---- what the header says ------------------------------------------------------------------------------ */

enum err redis_client_create(struct event_base *base, const struct redis_client_options *options,
                             struct redis_client **ret_client, struct failure *fail)
{
    struct redis_client *client = calloc(1, sizeof *client);
    struct timeval soon = clock_timeval(0);
    enum err err;

    if (!client)
        return failf(fail, ERR_NOMEM, "Redis client");
    client->base = base;
    client->options = *options;
    client->tail = &client->head;
    (void)failf(&client->why, ERR_UNAVAILABLE, "not connected yet");
    err = redis_url_parse(options->url, &client->url, fail);
    client->options.url = NULL; /* was the caller's */
    if (err)
        goto out;
    client->retry_timer = evtimer_new(base, on_retry, client);
    client->deadline = evtimer_new(base, on_deadline, client);
    if (!client->retry_timer || !client->deadline || evtimer_add(client->retry_timer, &soon)) {
        err = failf(fail, ERR_NOMEM, "Redis client");
        goto out;
    }
    *ret_client = client;
    client = NULL;
out:
    redis_client_free(client);
    return err;
}

void redis_client_free(struct redis_client *client)
{
    if (!client)
        return;
    client->options.on_state = NULL;
    (void)failf(&client->why, ERR_UNAVAILABLE, "the Redis client is closing");
    if (client->deadline)
        client_drop(client, ERR_UNAVAILABLE);
    if (client->deadline)
        event_free(client->deadline);
    if (client->retry_timer)
        event_free(client->retry_timer);
    redis_url_release(&client->url);
    free(client);
}

bool redis_client_ready(const struct redis_client *client)
{
    return client->state == READY;
}

unsigned redis_client_in_flight(const struct redis_client *client)
{
    return client->in_flight;
}

const char *redis_client_trouble(const struct redis_client *client)
{
    return client->state == READY ? "" : client->why.text;
}

static enum err may_send(const struct redis_client *client, int argc, struct failure *fail)
{
    if (client->state != READY)
        return failf(fail, ERR_UNAVAILABLE, "Redis is away: %.250s", client->why.text);
    if (client->in_flight >= client->options.commands_max)
        return failf(fail, ERR_LIMIT, "%u Redis commands are under way", client->in_flight);
    if (argc < 0 || argc > ARGC_MAX)
        return failf(fail, ERR_LIMIT, "a Redis command of more than %d words", ARGC_MAX);
    return ERR_OK;
}

enum err redis_client_command(struct redis_client *client, redis_reply_fn *done, void *arg, int argc,
                              const char *const *argv, const size_t *argv_len, struct failure *fail)
{
    enum err err = may_send(client, argc, fail);

    if (err)
        return err;
    err = command_send(client, done, arg, argc, argv, argv_len);
    if (err)
        return failf(fail, err, "no memory for a Redis command");
    deadline_ensure(client);
    return ERR_OK;
}

enum err redis_client_eval(struct redis_client *client, struct redis_script *script, redis_reply_fn *done,
                           void *arg, int keys, int argc, const char *const *argv, const size_t *argv_len,
                           struct failure *fail)
{
    enum err err = may_send(client, argc, fail);
    struct command *command;
    size_t len = redis_bulk_bytes(16);
    char number[16], *end;

    if (err)
        return err;
    for (int i = 0; i < argc; i++)
        len += redis_bulk_bytes(redis_word_len(argv, argv_len, i));
    command = malloc(sizeof *command + len);
    if (!command)
        return failf(fail, ERR_NOMEM, "no memory for a Redis command");
    *command = (struct command){.done = done, .arg = arg, .script = script, .argc = argc + 3};
    script->holders++;
    end = redis_bulk_put(command->tail, number, (size_t)sprintf(number, "%d", keys));
    for (int i = 0; i < argc; i++)
        end = redis_bulk_put(end, argv[i], redis_word_len(argv, argv_len, i));
    command->tail_len = (size_t)(end - command->tail);
    err = script_send(client, command, false);
    if (err) {
        command_free(command);
        return failf(fail, err, "no memory for a Redis command");
    }
    command_push(client, command);
    deadline_ensure(client);
    return ERR_OK;
}
