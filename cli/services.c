#include "cli/services.h"

#include <event2/event.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/redis_client.h"
#include "common/version.h"

#define GET_TIMEOUT_MS 60000
#define GET_BYTES_MAX  (256U << 20)

struct cli_queue {
    struct event_base *base;
    struct redis_client *client;
    struct queue *queue;
    bool ready;
};

/* What one verb answered; lives on the stack of the function that waits. */
struct answer {
    bool done;
    enum err err;
    struct failure fail;
    struct queue_depth depth;
};

static void answer_keep(struct answer *answer, enum err err, const struct failure *fail)
{
    answer->done = true;
    answer->err = err;
    if (err)
        answer->fail = fail ? *fail : (struct failure){.code = err};
}

/* Verbs call back exactly once and have deadlines of their own, so this ends. */
static enum err answer_wait(struct cli_queue *queue, struct answer *answer, struct failure *fail)
{
    while (!answer->done)
        if (event_base_loop(queue->base, EVLOOP_ONCE) < 0)
            return failf(fail, ERR_SYSTEM, "the event loop failed");
    if (answer->err)
        return failf(fail, answer->err, "Redis: %s",
                     *answer->fail.text ? answer->fail.text : err_text(answer->err));
    return ERR_OK;
}

static void on_state(bool ready, void *arg)
{
    ((struct cli_queue *)arg)->ready = ready;
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

static enum err ready_wait(struct cli_queue *queue, int64_t timeout_ms, struct failure *fail)
{
    struct timeval timeout = clock_timeval(timeout_ms);
    bool late = false;
    struct event *timer = evtimer_new(queue->base, on_deadline, &late);
    enum err err = ERR_OK;

    if (!timer || evtimer_add(timer, &timeout))
        err = failf(fail, ERR_NOMEM, "out of memory");
    while (!err && !queue->ready && !late)
        if (event_base_loop(queue->base, EVLOOP_ONCE) < 0)
            err = failf(fail, ERR_SYSTEM, "the event loop failed");
    if (!err && !queue->ready)
        err = failf(fail, ERR_UNAVAILABLE, "Redis (REDIS_URL) does not answer");
    if (timer)
        event_free(timer);
    return err;
}

enum err cli_queue_open(const struct config *config, struct cli_queue **ret_queue, struct failure *fail)
{
    struct redis_client_options client_options = redis_client_options_default();
    struct queue_options queue_options = queue_options_default();
    struct cli_queue *queue = calloc(1, sizeof *queue);
    enum err err = ERR_OK;

    if (!queue || !(queue->base = event_base_new())) {
        err = failf(fail, ERR_NOMEM, "out of memory");
        goto out;
    }
    client_options.url = config->redis_url;
    client_options.connect_timeout_ms = (unsigned)config->redis_timeout_ms;
    client_options.command_timeout_ms = (unsigned)config->redis_timeout_ms;
    client_options.on_state = on_state;
    client_options.arg = queue;
    queue_options.prefix = config->queue_prefix;
    queue_options.owner = "";
    err = redis_client_create(queue->base, &client_options, &queue->client, fail);
    if (!err)
        err = queue_create(queue->client, &queue_options, &queue->queue, fail);
    if (!err)
        err = ready_wait(queue, config->redis_timeout_ms, fail);
    if (err)
        goto out;
    *ret_queue = queue;
    queue = NULL;
out:
    cli_queue_close(queue);
    return err;
}

void cli_queue_close(struct cli_queue *queue)
{
    if (!queue)
        return;
    queue_free(queue->queue);
    redis_client_free(queue->client);
    if (queue->base)
        event_base_free(queue->base);
    free(queue);
}

static void on_enqueued(enum err err, const struct failure *fail, void *arg)
{
    answer_keep(arg, err, fail);
}

enum err cli_queue_enqueue(struct cli_queue *queue, const char *key, const struct envelope *envelope,
                           struct failure *fail)
{
    struct answer answer = {0};
    enum err err = queue_enqueue(queue->queue, key, envelope, on_enqueued, &answer, fail);

    return err ? err : answer_wait(queue, &answer, fail);
}

static void on_measured(enum err err, const struct queue_depth *depth, const struct failure *fail, void *arg)
{
    struct answer *answer = arg;

    if (!err)
        answer->depth = *depth;
    answer_keep(answer, err, fail);
}

enum err cli_queue_measure(struct cli_queue *queue, struct queue_depth *ret_depth, struct failure *fail)
{
    struct answer answer = {0};
    enum err err = queue_measure(queue->queue, on_measured, &answer, fail);

    if (!err)
        err = answer_wait(queue, &answer, fail);
    if (!err)
        *ret_depth = answer.depth;
    return err;
}

/* ---- HTTP ---- */

struct get {
    bool done;
    const char *url;
    json_t *json;
    enum err err;
    struct failure *fail;
};

static void on_answer(const struct http_answer *http, void *arg)
{
    struct get *get = arg;
    json_error_t why;

    get->done = true;
    if (http->err)
        get->err = failf(get->fail, http->err, "%s: %s", get->url, http->text);
    else if (http->status != 200)
        get->err = failf(get->fail, http->status == 404 ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "%s answered %ld",
                         get->url, http->status);
    else if (!(get->json = json_loadb(http->body, http->body_len, 0, &why)))
        get->err = failf(get->fail, ERR_PROTOCOL, "%s answered what is not JSON: %s", get->url, why.text);
}

enum err cli_get_json(const char *url, const char *bearer, json_t **ret_json, struct failure *fail)
{
    struct http_client_options options = http_client_options_default();
    char authorization[1100];
    const char *headers[] = {NULL, NULL};
    struct http_call_options call = {.method = "GET",
                                     .url = url,
                                     .headers = headers,
                                     .timeout_ms = GET_TIMEOUT_MS,
                                     .answer_bytes_max = GET_BYTES_MAX};
    struct get get = {.url = url, .fail = fail};
    struct event_base *base = event_base_new();
    struct http_client *client = NULL;
    enum err err = ERR_OK;

    if (!base)
        return failf(fail, ERR_NOMEM, "out of memory");
    if (bearer && *bearer) {
        (void)snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", bearer);
        headers[0] = authorization;
    }
    options.user_agent = "instep/" INSTEP_VERSION;
    err = http_client_create(base, &options, &client, fail);
    if (!err)
        err = http_client_send(client, &call, on_answer, &get, NULL, fail);
    while (!err && !get.done)
        if (event_base_loop(base, EVLOOP_ONCE) < 0)
            err = failf(fail, ERR_SYSTEM, "the event loop failed");
    if (!err)
        err = get.err;
    if (!err)
        *ret_json = get.json;
    explicit_bzero(authorization, sizeof authorization);
    http_client_free(client);
    event_base_free(base);
    return err;
}

void cli_sync_id(char ret_id[CLI_SYNC_ID_BYTES + 1])
{
    unsigned char b[16];

    if (RAND_bytes(b, sizeof b) != 1)
        abort(); /* no randomness: nothing to go on with */
    b[6] = (unsigned char)((b[6] & 0x0fU) | 0x40U);
    b[8] = (unsigned char)((b[8] & 0x3fU) | 0x80U);
    (void)snprintf(ret_id, CLI_SYNC_ID_BYTES + 1,
                   "sync_%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
                   b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}
