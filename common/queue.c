#include "common/queue.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/queue_lease.h"
#include "common/redis_client.h"
#include "common/stripe_id.h"

#define TAKE_MAX  1024 /* customers of one call */
#define RENEW_MAX 1024
#define ENTRIES_TOTAL_MAX                                                                                    \
    "2048" /* entries of one call: bounds the reply, and how long Redis is busy with it */
#define WORDS_MAX (8 + 2 * RENEW_MAX)

#define STRINGIFY(x) #x
#define AS_TEXT(x)   STRINGIFY(x)

/* X(VERB, verb): common/queue/<verb>.lua */
#define VERB_LIST(X)                                                                                         \
    X(ENQUEUE, "enqueue")                                                                                    \
    X(TAKE, "take")                                                                                          \
    X(RENEW, "renew")                                                                                        \
    X(ACK, "ack")                                                                                            \
    X(RETRY, "retry")                                                                                        \
    X(BURY, "bury")                                                                                          \
    X(MEASURE, "measure")

enum verb {
#define X(verb, file) VERB_##verb,
    VERB_LIST(X)
#undef X
        VERB_COUNT
};

static const char *const verb_names[VERB_COUNT] = {
#define X(verb, file) [VERB_##verb] = (file),
    VERB_LIST(X)
#undef X
};

struct queue {
    struct redis_client *client; /* borrowed */
    struct redis_script *scripts[VERB_COUNT];
    char *base;  /* owned: "<prefix>:{0}", what every key begins with */
    char *wake;  /* owned: the wake list's key */
    char *owner; /* owned */
    char lease_ms[16], rest_ms[16], wake_list_max[16];
};

/* One verb under way. It holds nothing of the queue's, so that the queue may be freed before the reply. */
struct call {
    union {
        queue_done_fn *done;
        queue_take_fn *take;
        queue_renew_fn *renew;
        queue_depth_fn *depth;
        queue_check_fn *check;
    } to;
    void *arg;
    size_t count; /* renew: how many leases were asked for */
};

/* The words of one script call: base, then the arguments. */
struct words {
    const char *argv[WORDS_MAX];
    int argc;
};

static void words_add(struct words *words, const char *word)
{
    words->argv[words->argc++] = word; /* the callers' bounds keep this below WORDS_MAX */
}

static void words_begin(struct words *words, const struct queue *queue)
{
    words->argc = 0;
    words_add(words, queue->base);
}

static enum err call_create(struct call **ret_call, void *arg, struct failure *fail)
{
    *ret_call = calloc(1, sizeof **ret_call);
    if (!*ret_call)
        return failf(fail, ERR_NOMEM, "queue");
    (*ret_call)->arg = arg;
    return ERR_OK;
}

/* Send it; on failure the call is gone. */
static enum err call_send(struct queue *queue, struct call *call, enum verb verb, redis_reply_fn *on_reply,
                          const struct words *words, struct failure *fail)
{
    enum err err = redis_client_eval(queue->client, queue->scripts[verb], on_reply, call, 1, words->argc,
                                     words->argv, NULL, fail);

    if (err)
        free(call);
    return err;
}

/* ---- create and free ----------------------------------------------------------------------------------- */

struct queue_options queue_options_default(void)
{
    return (struct queue_options){.prefix = "instep", .owner = "", .lease_ms = 60000, .wake_list_max = 1000};
}

enum err queue_create(struct redis_client *client, const struct queue_options *options,
                      struct queue **ret_queue, struct failure *fail)
{
    struct queue *queue = calloc(1, sizeof *queue);
    enum err err = ERR_OK;

    if (!queue)
        return failf(fail, ERR_NOMEM, "queue");
    queue->client = client;
    (void)snprintf(queue->lease_ms, sizeof queue->lease_ms, "%u", options->lease_ms);
    (void)snprintf(queue->rest_ms, sizeof queue->rest_ms, "%u", options->rest_ms);
    (void)snprintf(queue->wake_list_max, sizeof queue->wake_list_max, "%u", options->wake_list_max);
    queue->owner = strdup(options->owner);
    if (asprintf(&queue->base, "%s:{0}", options->prefix) < 0)
        queue->base = NULL;
    if (!queue->base || asprintf(&queue->wake, "%s:wake", queue->base) < 0)
        queue->wake = NULL;
    if (!queue->owner || !queue->base || !queue->wake)
        err = failf(fail, ERR_NOMEM, "queue");
    for (int verb = 0; !err && verb < VERB_COUNT; verb++)
        err = redis_script_load("queue", verb_names[verb], &queue->scripts[verb], fail);
    if (err)
        queue_free(queue);
    else
        *ret_queue = queue;
    return err;
}

void queue_free(struct queue *queue)
{
    if (!queue)
        return;
    for (int verb = 0; verb < VERB_COUNT; verb++)
        redis_script_free(queue->scripts[verb]);
    free(queue->base);
    free(queue->wake);
    free(queue->owner);
    free(queue);
}

/* ---- verbs that answer yes or no ----------------------------------------------------------------------- */

static void on_done(enum err err, const struct redisReply *reply, const struct failure *fail, void *arg)
{
    struct call *call = arg;
    struct failure own;

    if (!err && reply->type != REDIS_REPLY_INTEGER)
        err = failf(&own, ERR_PROTOCOL, "queue: Redis returned something else than a number");
    else if (!err && reply->integer != 1)
        err = failf(&own, ERR_CONFLICT, "the lease is no longer held");
    else if (err)
        own = *fail;
    call->to.done(err, err ? &own : NULL, call->arg);
    free(call);
}

/* The last line of defence: whoever made the key, Redis gets none that it or a pattern could misunderstand. */
static enum err key_check(const char *key, struct failure *fail)
{
    const char *colon = strchr(key, ':');
    char account[STRIPE_ID_BYTES_MAX + 1];
    size_t len = colon ? (size_t)(colon - key) : sizeof account;

    if (len < sizeof account) {
        memcpy(account, key, len);
        account[len] = '\0';
        if (stripe_id_is_plain(account) && stripe_id_is_plain(colon + 1))
            return ERR_OK;
    }
    return failf(fail, ERR_INVALID,
                 "a queue key is <account>:<id>, each of at most %d letters, digits, _, - and .",
                 STRIPE_ID_BYTES_MAX);
}

enum err queue_enqueue(struct queue *queue, const char *key, const struct envelope *envelope,
                       queue_done_fn *done, void *arg, struct failure *fail)
{
    struct words words;
    struct envelope_numbers numbers;
    struct call *call;
    size_t count = 0;
    enum err err = key_check(key, fail);

    if (err)
        return err;
    words_begin(&words, queue);
    words_add(&words, key);
    words_add(&words, queue_lane_name(envelope->lane));
    words_add(&words, queue->wake_list_max);
    err = envelope_words(envelope, &numbers, words.argv + words.argc, &count, fail);
    if (!err)
        err = call_create(&call, arg, fail);
    if (err)
        return err;
    words.argc += count;
    call->to.done = done;
    return call_send(queue, call, VERB_ENQUEUE, on_done, &words, fail);
}

/* Key, token and wake bound, with which ack, retry and bury begin. */
static void words_begin_lease(struct words *words, const struct queue *queue, const struct queue_lease *lease)
{
    words_begin(words, queue);
    words_add(words, lease->key);
    words_add(words, lease->token);
    words_add(words, queue->wake_list_max);
}

static void words_add_entries(struct words *words, const struct queue_lease *lease)
{
    for (size_t i = 0; i < lease->entries_count; i++) /* at most QUEUE_ENTRIES_PER_TURN */
        words_add(words, lease->entries[i].entry_id);
}

static enum err lease_end(struct queue *queue, enum verb verb, const struct words *words, queue_done_fn *done,
                          void *arg, struct failure *fail)
{
    struct call *call;
    enum err err = call_create(&call, arg, fail);

    if (err)
        return err;
    call->to.done = done;
    return call_send(queue, call, verb, on_done, words, fail);
}

enum err queue_ack(struct queue *queue, const struct queue_lease *lease, queue_done_fn *done, void *arg,
                   struct failure *fail)
{
    struct words words;

    words_begin_lease(&words, queue, lease);
    words_add(&words, queue->rest_ms);
    words_add_entries(&words, lease);
    return lease_end(queue, VERB_ACK, &words, done, arg, fail);
}

enum err queue_bury(struct queue *queue, const struct queue_lease *lease, const char *cause,
                    queue_done_fn *done, void *arg, struct failure *fail)
{
    struct words words;

    words_begin_lease(&words, queue, lease);
    words_add(&words, cause);
    words_add_entries(&words, lease);
    return lease_end(queue, VERB_BURY, &words, done, arg, fail);
}

enum err queue_retry(struct queue *queue, const struct queue_lease *lease, unsigned delay_ms,
                     bool count_attempt, queue_done_fn *done, void *arg, struct failure *fail)
{
    struct words words;
    char delay[16];

    words_begin_lease(&words, queue, lease);
    (void)snprintf(delay, sizeof delay, "%u", delay_ms);
    words_add(&words, delay);
    words_add(&words, count_attempt ? "1" : "0");
    return lease_end(queue, VERB_RETRY, &words, done, arg, fail);
}

/* ---- take ---------------------------------------------------------------------------------------------- */

static void on_take(enum err err, const struct redisReply *reply, const struct failure *fail, void *arg)
{
    struct call *call = arg;
    struct queue_lease *leases = NULL;
    struct failure own;
    size_t count = 0;

    if (!err) {
        fail = &own;
        err = queue_leases_parse(reply, &leases, &count, &own);
    }
    call->to.take(err, leases, count, err ? fail : NULL, call->arg);
    for (size_t i = 0; i < count; i++)
        queue_lease_release(&leases[i]); /* empty if the callback moved it out */
    free(leases);
    free(call);
}

static enum err nonce_make(char ret_nonce[33], struct failure *fail)
{
    unsigned char noise[16];

    if (getrandom(noise, sizeof noise, 0) != (ssize_t)sizeof noise)
        return failf(fail, ERR_SYSTEM, "no random numbers for a lease");
    for (size_t i = 0; i < sizeof noise; i++)
        (void)snprintf(ret_nonce + 2 * i, 3, "%02x", noise[i]);
    return ERR_OK;
}

enum err queue_take(struct queue *queue, unsigned max, queue_take_fn *done, void *arg, struct failure *fail)
{
    struct words words;
    char nonce[33], max_text[16];
    struct call *call;
    enum err err = nonce_make(nonce, fail);

    if (!err)
        err = call_create(&call, arg, fail);
    if (err)
        return err;
    (void)snprintf(max_text, sizeof max_text, "%u", max < TAKE_MAX ? max : TAKE_MAX);
    words_begin(&words, queue);
    words_add(&words, max_text);
    words_add(&words, queue->lease_ms);
    words_add(&words, queue->owner);
    words_add(&words, nonce);
    words_add(&words, AS_TEXT(QUEUE_ENTRIES_PER_TURN));
    words_add(&words, ENTRIES_TOTAL_MAX);
    words_add(&words, queue->wake_list_max);
    call->to.take = done;
    return call_send(queue, call, VERB_TAKE, on_take, &words, fail);
}

/* ---- renew --------------------------------------------------------------------------------------------- */

static void on_renew(enum err err, const struct redisReply *reply, const struct failure *fail, void *arg)
{
    struct call *call = arg;
    bool kept[RENEW_MAX] = {false};
    struct failure own;

    if (!err && (reply->type != REDIS_REPLY_ARRAY || reply->elements != call->count)) {
        fail = &own;
        err = failf(&own, ERR_PROTOCOL, "renew: Redis returned something else than a list");
    }
    for (size_t i = 0; !err && i < call->count; i++)
        kept[i] = reply->element[i]->integer == 1;
    call->to.renew(err, kept, err ? 0 : call->count, err ? fail : NULL, call->arg);
    free(call);
}

enum err queue_renew(struct queue *queue, const struct queue_lease *const *leases, size_t count,
                     queue_renew_fn *done, void *arg, struct failure *fail)
{
    struct words words;
    struct call *call;
    enum err err;

    if (count > RENEW_MAX)
        return failf(fail, ERR_LIMIT, "renew: more than %d leases in one call", RENEW_MAX);
    err = call_create(&call, arg, fail);
    if (err)
        return err;
    words_begin(&words, queue);
    words_add(&words, queue->lease_ms);
    for (size_t i = 0; i < count; i++) {
        words_add(&words, leases[i]->key);
        words_add(&words, leases[i]->token);
    }
    call->to.renew = done;
    call->count = count;
    return call_send(queue, call, VERB_RENEW, on_renew, &words, fail);
}

/* ---- wait, measure, check ------------------------------------------------------------------------------ */

static void on_wait(enum err err, const struct redisReply *reply, const struct failure *fail, void *arg)
{
    struct call *call = arg;

    (void)reply; /* which token it was, or that the time is over: take finds out what there is */
    call->to.done(err, fail, call->arg);
    free(call);
}

enum err queue_wait(struct queue *queue, struct redis_client *blocking, unsigned timeout_ms,
                    queue_done_fn *done, void *arg, struct failure *fail)
{
    char seconds[32];
    const char *argv[] = {"BLPOP", queue->wake, seconds};
    struct call *call;
    enum err err = call_create(&call, arg, fail);

    if (err)
        return err;
    timeout_ms = timeout_ms ? timeout_ms : 1; /* BLPOP takes 0 for ever */
    (void)snprintf(seconds, sizeof seconds, "%u.%03u", timeout_ms / 1000, timeout_ms % 1000);
    call->to.done = done;
    err = redis_client_command(blocking, on_wait, call, 3, argv, NULL, fail);
    if (err)
        free(call);
    return err;
}

static void on_measure(enum err err, const struct redisReply *reply, const struct failure *fail, void *arg)
{
    struct call *call = arg;
    struct queue_depth depth = {0};
    struct failure own;
    int64_t *const members[] = {&depth.ready[QUEUE_INTERACTIVE],
                                &depth.ready[QUEUE_WEBHOOK],
                                &depth.ready[QUEUE_SWEEP],
                                &depth.delayed,
                                &depth.leased,
                                &depth.resting,
                                &depth.oldest_due_age_ms,
                                &depth.oldest_waiting_ms,
                                &depth.buried_total};
    size_t count = sizeof members / sizeof *members;

    if (!err && (reply->type != REDIS_REPLY_ARRAY || reply->elements != count)) {
        fail = &own;
        err = failf(&own, ERR_PROTOCOL, "measure: Redis returned something else than a list");
    }
    for (size_t i = 0; !err && i < count; i++)
        *members[i] = reply->element[i]->integer;
    call->to.depth(err, err ? NULL : &depth, err ? fail : NULL, call->arg);
    free(call);
}

enum err queue_measure(struct queue *queue, queue_depth_fn *done, void *arg, struct failure *fail)
{
    struct words words;
    struct call *call;
    enum err err = call_create(&call, arg, fail);

    if (err)
        return err;
    call->to.depth = done;
    words_begin(&words, queue);
    return call_send(queue, call, VERB_MEASURE, on_measure, &words, fail);
}

/* What the promises rest on. docs/queue.md, "Settings of Redis". */
static const struct {
    const char *name, *value, *why;
} settings[] = {
    {"appendonly", "yes", "accepted events do not survive a restart of Redis"},
    {"appendfsync", "always", "the last second of accepted events may be lost in a crash"},
    {"no-appendfsync-on-rewrite", "no", "accepted events may be lost in a crash while the log is rewritten"},
    {"maxmemory-policy", "noeviction", "Redis may throw queued events away when it is full"},
    {"stream-node-max-bytes", "512", "a waiting customer costs more memory than it need"},
};
#define SETTINGS (sizeof settings / sizeof *settings)

static void on_check(enum err err, const struct redisReply *reply, const struct failure *fail, void *arg)
{
    struct call *call = arg;
    char texts[SETTINGS + 1][256];
    const char *warnings[SETTINGS + 1];
    size_t count = 0;

    if (err == ERR_PROTOCOL) { /* a managed Redis, or a user without CONFIG */
        (void)snprintf(texts[0], sizeof texts[0],
                       "Redis does not let its settings be read (%.150s): see that they are as documented",
                       fail->text);
        warnings[count++] = texts[0];
        err = ERR_OK;
    }
    for (size_t i = 0; reply && i + 1 < reply->elements; i += 2) {
        for (size_t s = 0; s < SETTINGS && count < SETTINGS; s++) {
            const char *value = reply->element[i + 1]->str;

            if (strcmp(reply->element[i]->str, settings[s].name) != 0 || !strcmp(value, settings[s].value))
                continue;
            (void)snprintf(texts[count], sizeof texts[count], "Redis has %s %.60s, it should be %s: %s",
                           settings[s].name, value, settings[s].value, settings[s].why);
            warnings[count] = texts[count];
            count++;
        }
    }
    call->to.check(err, warnings, count, err ? fail : NULL, call->arg);
    free(call);
}

enum err queue_check_settings(struct queue *queue, queue_check_fn *done, void *arg, struct failure *fail)
{
    const char *argv[2 + SETTINGS] = {"CONFIG", "GET"};
    struct call *call;
    enum err err = call_create(&call, arg, fail);

    if (err)
        return err;
    for (size_t i = 0; i < SETTINGS; i++)
        argv[2 + i] = settings[i].name;
    call->to.check = done;
    err = redis_client_command(queue->client, on_check, call, 2 + SETTINGS, argv, NULL, fail);
    if (err)
        free(call);
    return err;
}
