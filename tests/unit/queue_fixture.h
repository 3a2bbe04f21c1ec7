/* Workers of a test: a Redis client and a queue each, with verbs that wait for their answer. */
#ifndef INSTEP_TESTS_QUEUE_FIXTURE_H
#define INSTEP_TESTS_QUEUE_FIXTURE_H

#include <event2/event.h>

#include "common/queue.h"
#include "common/redis_client.h"
#include "tests/unit/redis_fixture.h"
#include "tests/unit/tap.h"

#define PATIENCE_S 30 /* against hanging for ever */

struct worker {
    struct event_base *base; /* borrowed */
    struct redis_client *client;
    struct queue *queue;
    bool ready;
};

__attribute__((unused)) static void worker_on_state(bool ready, void *arg)
{
    ((struct worker *)arg)->ready = ready;
}

/* Of the workers started from now on. */
__attribute__((unused)) static unsigned fixture_rest_ms;

__attribute__((unused)) static void worker_start(struct worker *worker, struct event_base *base,
                                                 const char *url, const char *owner, unsigned lease_ms)
{
    struct redis_client_options options = redis_client_options_default();
    struct queue_options queue_options = queue_options_default();
    struct failure fail;

    *worker = (struct worker){.base = base};
    options.url = url;
    options.command_timeout_ms = 20000;
    options.on_state = worker_on_state;
    options.arg = worker;
    queue_options.owner = owner;
    queue_options.lease_ms = lease_ms;
    queue_options.rest_ms = fixture_rest_ms;
    queue_options.wake_list_max = 10;
    if (redis_client_create(base, &options, &worker->client, &fail) ||
        queue_create(worker->client, &queue_options, &worker->queue, &fail) ||
        !loop_until(base, &worker->ready, PATIENCE_S)) {
        (void)fprintf(stderr, "worker %s does not start\n", owner);
        exit(1);
    }
}

/* Also how a worker crashes: what it holds is forgotten, nothing is given back. */
__attribute__((unused)) static void worker_stop(struct worker *worker)
{
    queue_free(worker->queue);
    redis_client_free(worker->client);
    *worker = (struct worker){0};
}

struct outcome {
    bool done;
    enum err err;
    struct failure fail;
    struct queue_lease *leases; /* take */
    size_t room, count;
    bool kept[16]; /* renew */
    struct queue_depth depth;
    char text[1024]; /* check */
};

__attribute__((unused)) static void outcome_set(struct outcome *outcome, enum err err,
                                                const struct failure *fail)
{
    outcome->done = true;
    outcome->err = err;
    if (err)
        outcome->fail = *fail;
}

__attribute__((unused)) static void outcome_on_done(enum err err, const struct failure *fail, void *arg)
{
    outcome_set(arg, err, fail);
}

__attribute__((unused)) static void outcome_on_take(enum err err, struct queue_lease *leases, size_t count,
                                                    const struct failure *fail, void *arg)
{
    struct outcome *outcome = arg;

    outcome_set(outcome, err, fail);
    for (size_t i = 0; i < count && i < outcome->room; i++) {
        outcome->leases[i] = leases[i];
        leases[i] = (struct queue_lease){0};
    }
    outcome->count = count;
}

/* What the verb ended with: its refusal, or its answer. */
__attribute__((unused)) static enum err outcome_of(const struct worker *worker, struct outcome *outcome,
                                                   enum err accepted)
{
    if (accepted)
        return accepted;
    if (!loop_until(worker->base, &outcome->done, PATIENCE_S)) {
        (void)fprintf(stderr, "no answer\n");
        exit(1);
    }
    return outcome->err;
}

__attribute__((unused)) static struct envelope envelope_of(const char *event_id, enum queue_lane lane)
{
    return (struct envelope){.event_id = event_id,
                             .type = "customer.subscription.updated",
                             .object_id = "sub_1MowQVLkdIwHu7ixeRlqHVzs",
                             .object_type = "subscription",
                             .customer = "cus_NffrFeUfNV2Hib",
                             .account = "",
                             .api_version = "2026-10-28.endive",
                             .created = 1767225600,
                             .received_ms = 1767225600123,
                             .livemode = false,
                             .lane = lane};
}

__attribute__((unused)) static enum err put(struct worker *worker, const char *key, const char *event_id,
                                            enum queue_lane lane)
{
    struct outcome outcome = {0};
    struct envelope envelope = envelope_of(event_id, lane);

    return outcome_of(worker, &outcome,
                      queue_enqueue(worker->queue, key, &envelope, outcome_on_done, &outcome, NULL));
}

/* Up to max leases into leases, the caller's to release. Returns how many; 0 also on failure. */
__attribute__((unused)) static size_t take(struct worker *worker, struct queue_lease *leases, unsigned max)
{
    struct outcome outcome = {.leases = leases, .room = max};

    (void)outcome_of(worker, &outcome, queue_take(worker->queue, max, outcome_on_take, &outcome, NULL));
    return outcome.count;
}

__attribute__((unused)) static bool take_one(struct worker *worker, struct queue_lease *lease)
{
    *lease = (struct queue_lease){0};
    return take(worker, lease, 1) == 1;
}

/* Keep asking until somebody's lease or delay is over. */
__attribute__((unused)) static bool take_later(struct worker *worker, struct queue_lease *lease)
{
    int64_t end = clock_mono_ms() + PATIENCE_S * 1000;

    while (!take_one(worker, lease) && clock_mono_ms() < end)
        loop_for(worker->base, 5);
    return lease->key[0] != '\0';
}

__attribute__((unused)) static enum err ack(struct worker *worker, const struct queue_lease *lease)
{
    struct outcome outcome = {0};

    return outcome_of(worker, &outcome, queue_ack(worker->queue, lease, outcome_on_done, &outcome, NULL));
}

__attribute__((unused)) static enum err retry(struct worker *worker, const struct queue_lease *lease,
                                              unsigned delay_ms, bool count)
{
    struct outcome outcome = {0};

    return outcome_of(worker, &outcome,
                      queue_retry(worker->queue, lease, delay_ms, count, outcome_on_done, &outcome, NULL));
}

__attribute__((unused)) static enum err bury(struct worker *worker, const struct queue_lease *lease,
                                             const char *cause)
{
    struct outcome outcome = {0};

    return outcome_of(worker, &outcome,
                      queue_bury(worker->queue, lease, cause, outcome_on_done, &outcome, NULL));
}

__attribute__((unused)) static void outcome_on_renew(enum err err, const bool *kept, size_t count,
                                                     const struct failure *fail, void *arg)
{
    struct outcome *outcome = arg;

    outcome_set(outcome, err, fail);
    for (size_t i = 0; i < count && i < 16; i++)
        outcome->kept[i] = kept[i];
    outcome->count = count;
}

__attribute__((unused)) static bool renew(struct worker *worker, const struct queue_lease *lease)
{
    struct outcome outcome = {0};

    return !outcome_of(worker, &outcome,
                       queue_renew(worker->queue, &lease, 1, outcome_on_renew, &outcome, NULL)) &&
           outcome.kept[0];
}

__attribute__((unused)) static void outcome_on_depth(enum err err, const struct queue_depth *depth,
                                                     const struct failure *fail, void *arg)
{
    outcome_set(arg, err, fail);
    if (!err)
        ((struct outcome *)arg)->depth = *depth;
}

__attribute__((unused)) static struct queue_depth measure(struct worker *worker)
{
    struct outcome outcome = {0};

    (void)outcome_of(worker, &outcome, queue_measure(worker->queue, outcome_on_depth, &outcome, NULL));
    return outcome.depth;
}

/*
 * Look at everything from outside and return what contradicts shared.lua's invariants, "" if nothing does. The reply
 * is static.
 */
__attribute__((unused)) static const char *queue_contradiction(struct redis_fixture *redis)
{
    static const char scan[] =
        "local base = 'instep:{0}' "
        "local function inlist(list, key) for _, k in ipairs(redis.call('LRANGE', list, 0, -1)) do "
        "  if k == key then return true end end return false end "
        "for _, stream in ipairs(redis.call('KEYS', base .. ':stream:*')) do "
        "  local key = string.sub(stream, #base + 9) "
        "  if redis.call('XLEN', stream) == 0 then return key .. ': empty stream' end "
        "  if redis.call('EXISTS', base .. ':lease:' .. key) == 0 then return key .. ': forgotten' end end "
        "for _, lease in ipairs(redis.call('KEYS', base .. ':lease:*')) do "
        "  local key = string.sub(lease, #base + 8) "
        "  local state, lane = unpack(redis.call('HMGET', lease, 'state', 'lane')) "
        "  local stream = redis.call('EXISTS', base .. ':stream:' .. key) == 1 "
        "  if not stream and state ~= 'resting' then return key .. ': no stream' end "
        "  if state == 'resting' and stream ~= (lane ~= false) then return key .. ': resting in lane' end "
        "  local resting = redis.call('ZSCORE', base .. ':resting', key) ~= false "
        "  if resting ~= (state == 'resting') then return key .. ': resting set, state ' .. state end "
        "  local leased = redis.call('ZSCORE', base .. ':leases', key) ~= false "
        "  local delayed = redis.call('ZSCORE', base .. ':delayed', key) ~= false "
        "  local token = redis.call('HEXISTS', lease, 'token') == 1 "
        "  if leased ~= (state == 'leased') then return key .. ': leases set, state ' .. state end "
        "  if token ~= (state == 'leased') then return key .. ': token, state ' .. state end "
        "  if delayed ~= (state == 'delayed') then return key .. ': delayed set, state ' .. state end "
        "  if state == 'ready' and not inlist(base .. ':ready:' .. lane, key) then "
        "    return key .. ': not in lane ' .. lane end end "
        "for _, set in ipairs({':leases', ':delayed', ':resting'}) do "
        "  for _, key in ipairs(redis.call('ZRANGE', base .. set, 0, -1)) do "
        "    if redis.call('EXISTS', base .. ':lease:' .. key) == 0 then return key .. ': left in' .. set "
        "end "
        "  end end return ''";
    static char text[256];
    redisReply *reply = redis_look(redis, "EVAL %s 0", scan);

    (void)snprintf(text, sizeof text, "%s", reply->str ? reply->str : "no answer");
    freeReplyObject(reply);
    return text;
}

__attribute__((unused)) static long long keys_left(struct redis_fixture *redis)
{
    return redis_look_int(redis, "DBSIZE");
}

__attribute__((unused)) static void redis_empty(struct redis_fixture *redis)
{
    freeReplyObject(redis_look(redis, "FLUSHALL"));
}

#endif
