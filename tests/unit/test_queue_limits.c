/* What the queue costs, what it does when Redis is full, and what a Redis killed amid writes still knows. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "common/queue.h"
#include "tests/unit/queue_fixture.h"

#define CUSTOMERS 5000

static struct event_base *base;
static struct redis_fixture redis;
static struct worker worker;

static long long used_memory(void)
{
    redisReply *reply = redis_look(&redis, "INFO memory");
    const char *at = reply->str ? strstr(reply->str, "used_memory:") : NULL;
    long long bytes = at ? atoll(at + strlen("used_memory:")) : -1;

    freeReplyObject(reply);
    return bytes;
}

/* One event for each customer, a few hundred under way. */
static unsigned put_round(unsigned round)
{
    struct outcome outcomes[500];
    char key[64], id[64];
    unsigned accepted = 0;

    for (unsigned i = 0; i < CUSTOMERS; i++) {
        struct outcome *outcome = &outcomes[i % 500];
        struct envelope envelope;

        *outcome = (struct outcome){0};
        (void)snprintf(key, sizeof key, "self:cus_NffrFeUf%06u", i);
        (void)snprintf(id, sizeof id, "evt_1MowQVLkdIwHu7ix%04u%06u", round, i);
        envelope = envelope_of(id, QUEUE_WEBHOOK);
        if (queue_enqueue(worker.queue, key, &envelope, outcome_on_done, outcome, NULL))
            return 0;
        if (i % 500 == 499 || i + 1 == CUSTOMERS)
            (void)loop_until(base, &outcome->done, PATIENCE_S);
        accepted += i % 500 == 499 && !outcome->err;
    }
    return accepted * 500;
}

static void drain(void)
{
    struct queue_lease leases[64];
    size_t count;

    memset(leases, 0, sizeof leases);
    while ((count = take(&worker, leases, 64)) > 0)
        for (size_t i = 0; i < count; i++) {
            (void)ack(&worker, &leases[i]);
            queue_lease_release(&leases[i]);
        }
}

static void test_memory(void)
{
    long long before, first, tenth, after;

    freeReplyObject(redis_look(&redis, "CONFIG SET appendfsync no"));
    (void)put_round(0);
    drain(); /* the server's own tables have grown to their size */
    before = used_memory();
    tap_ok(put_round(1) == CUSTOMERS, "%d customers with one event each", CUSTOMERS);
    first = used_memory();
    for (unsigned round = 2; round <= 10; round++)
        (void)put_round(round);
    tenth = used_memory();
    tap_note("a waiting customer with one event costs %lld bytes, each further event %lld bytes",
             (first - before) / CUSTOMERS, (tenth - first) / CUSTOMERS / 9);
    tap_ok((first - before) / CUSTOMERS < 2048 && (tenth - first) / CUSTOMERS / 9 < 512,
           "a waiting customer costs less than 2 KiB, a further event less than half of one");
    drain();
    after = used_memory();
    tap_ok(keys_left(&redis) == 0, "%d idle customers leave no key", CUSTOMERS);
    tap_ok(after - before < (first - before) / 2, "and give their memory back (%lld bytes more than before)",
           after - before);
    freeReplyObject(redis_look(&redis, "CONFIG SET appendfsync always"));
}

static void test_full(void)
{
    struct queue_lease leases[6];
    struct outcome outcome = {0};
    struct envelope envelope = envelope_of("evt_1", QUEUE_WEBHOOK);
    enum err err;
    char key[32];

    redis_empty(&redis);
    memset(leases, 0, sizeof leases);
    for (int i = 0; i < 6; i++) {
        (void)snprintf(key, sizeof key, "self:cus_%d", i);
        (void)put(&worker, key, "evt_1", QUEUE_WEBHOOK);
    }
    freeReplyObject(redis_look(&redis, "CONFIG SET maxmemory 1mb"));
    err = outcome_of(&worker, &outcome,
                     queue_enqueue(worker.queue, "self:cus_new", &envelope, outcome_on_done, &outcome, NULL));
    tap_ok(err == ERR_PROTOCOL && !strncmp(outcome.fail.text, "OOM", 3), "a full Redis refuses events: %s",
           outcome.fail.text);
    tap_ok(redis_look_int(&redis, "EXISTS instep:{0}:stream:self:cus_new") == 0 &&
               !queue_contradiction(&redis)[0],
           "and nothing of them was written");
    tap_ok(take(&worker, leases, 6) == 6, "what is queued can still be taken");
    tap_ok(renew(&worker, &leases[0]) && !retry(&worker, &leases[0], 0, true) &&
               !retry(&worker, &leases[1], 3600000, true) && !bury(&worker, &leases[2], "bug") &&
               !ack(&worker, &leases[3]) && !ack(&worker, &leases[4]) && !ack(&worker, &leases[5]),
           "renewed, retried, buried and acked");
    tap_ok(!queue_contradiction(&redis)[0] && measure(&worker).delayed == 1, "and all is in order");
    freeReplyObject(redis_look(&redis, "CONFIG SET maxmemory 0"));
    tap_ok(!put(&worker, "self:cus_new", "evt_1", QUEUE_WEBHOOK), "with room again events are accepted");
    for (int i = 0; i < 6; i++)
        queue_lease_release(&leases[i]);
}

/* ---- killed amid pipelined enqueues --------------------------------------------------------------------- */

#define EVENTS 40000
static bool acknowledged[EVENTS];
static unsigned acknowledged_count, sent;

static void on_put(enum err err, const struct failure *fail, void *arg)
{
    (void)fail;
    if (!err) {
        acknowledged[(size_t)arg] = true;
        acknowledged_count++;
    }
}

static unsigned missing_events(void)
{
    redisReply *streams = redis_look(&redis, "KEYS instep:{0}:stream:*");
    bool *found = calloc(EVENTS, sizeof *found);
    unsigned missing = 0;

    for (size_t i = 0; found && i < streams->elements; i++) {
        redisReply *entries = redis_look(&redis, "XRANGE %s - +", streams->element[i]->str);

        for (size_t e = 0; e < entries->elements; e++)
            found[atoi(entries->element[e]->element[1]->element[1]->str)] = true;
        freeReplyObject(entries);
    }
    for (unsigned i = 0; found && i < EVENTS; i++)
        missing += acknowledged[i] && !found[i];
    free(found);
    freeReplyObject(streams);
    return missing;
}

static void test_killed(unsigned round)
{
    unsigned enough = acknowledged_count + 700 + 311 * round;
    const char *contradiction;
    unsigned missing;
    bool refused;

    while (worker.ready && sent < EVENTS) {
        struct envelope envelope;
        char key[32], id[16];

        if (acknowledged_count >= enough && redis.pid)
            redis_fixture_kill(&redis); /* with hundreds of commands on the way */
        (void)snprintf(key, sizeof key, "self:cus_%u", sent % 97);
        (void)snprintf(id, sizeof id, "%u", sent);
        envelope = envelope_of(id, QUEUE_WEBHOOK);
        refused = queue_enqueue(worker.queue, key, &envelope, on_put, (void *)(size_t)sent, NULL);
        sent += !refused;
        if (refused || sent % 200 == 0)
            (void)event_base_loop(base, EVLOOP_ONCE);
    }
    redis_fixture_run(&redis);
    (void)loop_until(base, &worker.ready, PATIENCE_S);
    missing = missing_events();
    contradiction = queue_contradiction(&redis);
    tap_ok(!missing && !contradiction[0], "killed with %u events acknowledged of %u sent: %u missing%s%s",
           acknowledged_count, sent, missing, contradiction[0] ? ", " : "", contradiction);
}

int main(void)
{
    base = event_base_new();
    if (!base)
        return 1;
    redis_fixture_start(&redis, NULL);
    worker_start(&worker, base, redis.url, "host:1", 60000);
    test_memory();
    test_full();
    redis_empty(&redis);
    for (unsigned round = 0; round < 6; round++)
        test_killed(round);
    worker_stop(&worker);
    redis_fixture_stop(&redis);
    event_base_free(base);
    return tap_done();
}
