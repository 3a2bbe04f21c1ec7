/* The queue's verbs against a real Redis, one promise after the other. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "common/queue.h"
#include "tests/unit/queue_fixture.h"

static struct event_base *base;
static struct redis_fixture redis;
static struct worker one, two; /* leases of a minute */
static struct worker brief;    /* leases of 20 ms */

static void test_round_trip(void)
{
    struct queue_lease lease;
    const struct envelope *e;

    redis_empty(&redis);
    tap_ok(!put(&one, "self:cus_1", "evt_1", QUEUE_WEBHOOK), "an event is queued");
    tap_ok(take_one(&two, &lease) && lease.entries_count == 1 && lease.attempts == 1 &&
               lease.lane == QUEUE_WEBHOOK && !strcmp(lease.key, "self:cus_1"),
           "another worker takes its customer");
    e = &lease.entries[0].envelope;
    tap_ok(!strcmp(e->event_id, "evt_1") && !strcmp(e->type, "customer.subscription.updated") &&
               !strcmp(e->object_id, "sub_1MowQVLkdIwHu7ixeRlqHVzs") &&
               !strcmp(e->object_type, "subscription") && !strcmp(e->customer, "cus_NffrFeUfNV2Hib") &&
               !strcmp(e->account, "") && !strcmp(e->api_version, "2026-10-28.endive") &&
               e->created == 1767225600 && e->received_ms == 1767225600123 && !e->livemode &&
               e->lane == QUEUE_WEBHOOK,
           "the envelope comes back as it went in");
    tap_ok(!ack(&two, &lease) && keys_left(&redis) == 0, "after the ack nothing of the customer remains");
    queue_lease_release(&lease);
    tap_ok(!take_one(&one, &lease), "and nothing is left to take");
}

/* What thin events say beyond that travels with them. */
static void test_asides(void)
{
    struct envelope envelope = envelope_of("evt_1", QUEUE_WEBHOOK);
    struct queue_lease lease;
    struct outcome outcome = {0};
    struct failure fail;

    envelope.context = "org_1/acct_5";
    envelope.snapshot_event = "evt_9";
    redis_empty(&redis);
    tap_ok(outcome_of(&one, &outcome,
                      queue_enqueue(one.queue, "self:cus_1", &envelope, outcome_on_done, &outcome, &fail)) ==
                   ERR_OK &&
               !put(&one, "self:cus_1", "evt_2", QUEUE_WEBHOOK) && take_one(&two, &lease) &&
               lease.entries_count == 2,
           "a thin event is queued before one of the other kind");
    tap_ok(!strcmp(lease.entries[0].envelope.context, "org_1/acct_5") &&
               !strcmp(lease.entries[0].envelope.snapshot_event, "evt_9") &&
               !*lease.entries[1].envelope.context && !*lease.entries[1].envelope.snapshot_event,
           "its context and its snapshot come back with it");
    queue_lease_release(&lease);
    redis_empty(&redis);
}

/* What no id of Stripe's looks like, and Redis, a URL or a pattern would understand in its own way. */
static const char *const odd_keys[] = {
    "self:cus_1:x", "self:{0}",    "self:cus 1",        "self:cus_1\n", "self:cus_*",   "self:cus_1?a",
    "self:../x",    "self:cus%2f", "self:cus_\xc3\xa9", "{0}:cus_1",    "acct 1:cus_1", "acct_1/x:cus_1",
};

static void test_bad_arguments(void)
{
    char longest[QUEUE_KEY_BYTES_MAX + 2], text[5000];
    struct envelope envelope = envelope_of("evt_1", QUEUE_WEBHOOK);
    struct outcome outcome = {0};
    struct failure fail;

    memset(longest, 'x', sizeof longest);
    longest[255] = ':';
    longest[sizeof longest - 1] = '\0';
    tap_ok(put(&one, longest, "evt_1", QUEUE_WEBHOOK) == ERR_INVALID, "a key that is too long is refused");
    longest[sizeof longest - 2] = '\0';
    tap_ok(put(&one, longest, "evt_1", QUEUE_WEBHOOK) == ERR_OK, "the longest key is not");
    tap_ok(put(&one, "cus_1", "evt_1", QUEUE_WEBHOOK) == ERR_INVALID &&
               put(&one, ":cus_1", "evt_1", QUEUE_WEBHOOK) == ERR_INVALID &&
               put(&one, "self:", "evt_1", QUEUE_WEBHOOK) == ERR_INVALID,
           "nor is a key without account or id accepted");
    for (size_t i = 0; i < sizeof odd_keys / sizeof *odd_keys; i++)
        tap_ok(put(&one, odd_keys[i], "evt_1", QUEUE_WEBHOOK) == ERR_INVALID, "nor the key %zu", i);
    tap_ok(put(&one, "self:cus_1", "evt_1", QUEUE_LANES) == ERR_INVALID, "nor an unknown lane");
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    envelope.api_version = text;
    tap_ok(queue_enqueue(one.queue, "self:cus_1", &envelope, outcome_on_done, &outcome, &fail) == ERR_INVALID,
           "nor an envelope of 5,000 bytes: %s", fail.text);
    redis_empty(&redis);
}

static void test_coalescing(void)
{
    struct queue_lease lease, again;

    redis_empty(&redis);
    for (int i = 0; i < 5; i++)
        (void)put(&one, "self:cus_1", "evt", QUEUE_WEBHOOK);
    tap_ok(take_one(&one, &lease) && lease.entries_count == 5, "five events of a customer are one turn");
    tap_ok(!take_one(&two, &again), "nobody else gets the customer meanwhile");
    tap_ok(!put(&two, "self:cus_1", "evt_late", QUEUE_WEBHOOK) && !take_one(&two, &again),
           "an event that comes during the turn waits");
    tap_ok(!ack(&one, &lease) && take_one(&two, &again) && again.entries_count == 1 &&
               !strcmp(again.entries[0].envelope.event_id, "evt_late") && again.attempts == 1,
           "and is the next turn, with attempts starting again");
    tap_ok(ack(&one, &lease) == ERR_CONFLICT &&
               redis_look_int(&redis, "XLEN instep:{0}:stream:self:cus_1") == 1,
           "acking twice changes nothing");
    tap_ok(!ack(&two, &again) && keys_left(&redis) == 0, "then nothing remains");
    queue_lease_release(&lease);
    queue_lease_release(&again);
}

static void test_many_entries(void)
{
    struct queue_lease lease;
    char id[32];
    unsigned seen = 0, turns = 0;
    bool ordered = true;

    redis_empty(&redis);
    for (unsigned i = 0; i < 2 * QUEUE_ENTRIES_PER_TURN + 10; i++) {
        (void)snprintf(id, sizeof id, "evt_%u", i);
        (void)put(&one, "self:cus_1", id, QUEUE_WEBHOOK);
    }
    while (take_one(&one, &lease)) {
        for (size_t i = 0; i < lease.entries_count; i++) {
            (void)snprintf(id, sizeof id, "evt_%u", seen++);
            ordered = ordered && !strcmp(id, lease.entries[i].envelope.event_id);
        }
        ordered = ordered && lease.entries_count <= QUEUE_ENTRIES_PER_TURN;
        turns += !ack(&one, &lease);
        queue_lease_release(&lease);
    }
    tap_ok(ordered && turns == 3 && seen == 2 * QUEUE_ENTRIES_PER_TURN + 10,
           "%u events take %u turns, oldest first, each bounded", seen, turns);
    tap_ok(keys_left(&redis) == 0, "then nothing remains");
}

static void test_expiry(void)
{
    struct queue_lease lost, lease;

    redis_empty(&redis);
    (void)put(&one, "self:cus_1", "evt_1", QUEUE_WEBHOOK);
    tap_ok(take_one(&brief, &lost), "a worker takes a customer and falls silent");
    tap_ok(take_later(&one, &lease) && lease.attempts == 2 && lease.entries_count == 1,
           "when its lease is over another gets the customer, as the second attempt");
    tap_ok(strcmp(lost.token, lease.token) != 0, "with another token");
    tap_ok(ack(&brief, &lost) == ERR_CONFLICT && retry(&brief, &lost, 0, true) == ERR_CONFLICT &&
               retry(&brief, &lost, 1000, false) == ERR_CONFLICT &&
               bury(&brief, &lost, "bug") == ERR_CONFLICT && !renew(&brief, &lost),
           "the first one's token is good for nothing any more");
    tap_ok(redis_look_int(&redis, "EXISTS instep:{0}:buried") == 0 && !queue_contradiction(&redis)[0] &&
               !ack(&one, &lease) && keys_left(&redis) == 0,
           "nor did it change anything");
    queue_lease_release(&lost);
    queue_lease_release(&lease);
}

static void test_clock_set_back(void)
{
    struct queue_lease lost, lease;

    redis_empty(&redis);
    (void)put(&one, "self:cus_1", "evt_1", QUEUE_WEBHOOK);
    (void)take_one(&brief, &lost);
    (void)redis_look_int(&redis, "ZADD instep:{0}:leases XX 99999999999999 self:cus_1");
    tap_ok(!take_one(&brief, &lease) && take_later(&brief, &lease) && !ack(&brief, &lease),
           "a lease does not last longer because the clock of Redis was set back");
    queue_lease_release(&lost);
    queue_lease_release(&lease);
}

static void test_renewal(void)
{
    struct queue_lease lease, other;

    redis_empty(&redis);
    (void)put(&one, "self:cus_1", "evt_1", QUEUE_WEBHOOK);
    (void)take_one(&brief, &lease);
    tap_ok(renew(&one, &lease), "a lease is extended by its token (to a minute here)");
    loop_for(base, 60);
    tap_ok(!take_one(&two, &other), "after the first end nobody else gets the customer");
    tap_ok(!ack(&one, &lease), "and the ack is accepted");
    queue_lease_release(&lease);
    (void)put(&one, "self:cus_1", "evt_1", QUEUE_WEBHOOK);
    (void)take_one(&brief, &lease);
    loop_for(base, 60);
    tap_ok(renew(&brief, &lease), "a lease that is over but was not missed is still held");
    queue_lease_release(&lease);
}

static void test_retries(void)
{
    struct queue_lease lease;

    redis_empty(&redis);
    (void)put(&one, "self:cus_1", "evt_1", QUEUE_WEBHOOK);
    (void)take_one(&one, &lease);
    tap_ok(!retry(&one, &lease, 3600000, true), "a turn fails and shall wait an hour");
    queue_lease_release(&lease);
    tap_ok(!take_one(&one, &lease) && measure(&one).delayed == 1, "the customer waits");
    (void)put(&one, "self:cus_1", "evt_2", QUEUE_WEBHOOK);
    tap_ok(!take_one(&one, &lease), "another webhook does not end the wait");
    (void)put(&one, "self:cus_1", "evt_3", QUEUE_INTERACTIVE);
    tap_ok(take_one(&one, &lease) && lease.entries_count == 3 && lease.attempts == 2 &&
               lease.lane == QUEUE_INTERACTIVE,
           "somebody who waits for the answer does, and the attempts stay counted");
    tap_ok(!retry(&one, &lease, 20, false), "an outage: the attempt shall not count");
    queue_lease_release(&lease);
    tap_ok(take_later(&one, &lease) && lease.attempts == 2, "it did not, and a delay that is over ends");
    tap_ok(!retry(&one, &lease, 0, true), "a delay of 0");
    queue_lease_release(&lease);
    tap_ok(take_one(&one, &lease) && lease.attempts == 3, "means at once");
    (void)put(&two, "self:cus_1", "evt_4", QUEUE_INTERACTIVE);
    (void)retry(&one, &lease, 3600000, true);
    queue_lease_release(&lease);
    tap_ok(take_one(&one, &lease) && lease.attempts == 4,
           "an interactive event during a failing turn is not delayed");
    (void)put(&two, "self:cus_1", "evt_5", QUEUE_SWEEP);
    (void)retry(&one, &lease, 3600000, true);
    queue_lease_release(&lease);
    tap_ok(!take_one(&one, &lease) && !queue_contradiction(&redis)[0], "one of the sweep is");
}

static void test_poison(void)
{
    struct queue_lease lease;
    unsigned attempts = 0;

    redis_empty(&redis);
    (void)put(&one, "self:cus_poison", "evt_1", QUEUE_WEBHOOK);
    (void)put(&one, "self:cus_poison", "evt_2", QUEUE_WEBHOOK);
    for (int i = 0; i < 5 && take_later(&brief, &lease); i++) {
        attempts = lease.attempts;
        queue_lease_release(&lease); /* and this worker dies */
    }
    tap_ok(attempts == 5, "a customer that kills workers has its attempts counted");
    tap_ok(take_later(&one, &lease) && lease.attempts == 6 && !bury(&one, &lease, "bug"),
           "and can be buried");
    tap_ok(measure(&one).buried_total == 1 && redis_look_int(&redis, "HEXISTS instep:{0}:buried bug") == 1,
           "which is counted by cause");
    tap_ok(keys_left(&redis) == 1, "nothing but that count remains");
    queue_lease_release(&lease);
    (void)put(&one, "self:cus_poison", "evt_3", QUEUE_WEBHOOK);
    tap_ok(take_one(&one, &lease) && lease.attempts == 1 && lease.entries_count == 1,
           "its next event is a new chance");
    (void)put(&one, "self:cus_poison", "evt_4", QUEUE_WEBHOOK);
    (void)bury(&one, &lease, "unknown_shape");
    queue_lease_release(&lease);
    tap_ok(take_one(&one, &lease) && lease.attempts == 1 && lease.entries_count == 1 && !ack(&one, &lease),
           "an event that came while it was buried is one too");
    queue_lease_release(&lease);
}

static void test_fairness(void)
{
    struct queue_lease lease;
    struct envelope envelope = envelope_of("evt_big", QUEUE_WEBHOOK);
    struct outcome last = {0};
    unsigned turns = 0;
    bool served = false;

    redis_empty(&redis);
    for (int i = 0; i < 10000; i++) { /* a few hundred under way at a time */
        last = (struct outcome){0};
        (void)queue_enqueue(one.queue, "self:cus_big", &envelope, outcome_on_done, &last, NULL);
        if (i % 500 == 499)
            (void)loop_until(base, &last.done, PATIENCE_S);
    }
    (void)put(&one, "self:cus_small", "evt_small", QUEUE_WEBHOOK);
    while (!served && turns < 100 && take_one(&one, &lease)) {
        turns++;
        served = !strcmp(lease.key, "self:cus_small");
        (void)ack(&one, &lease);
        queue_lease_release(&lease);
    }
    tap_ok(served && turns == 2, "a customer with one event is served after one turn of one with 10,000");
    (void)put(&one, "self:cus_a", "evt", QUEUE_WEBHOOK);
    (void)put(&one, "self:cus_b", "evt", QUEUE_WEBHOOK);
    (void)take_one(&one, &lease);
    (void)put(&one, "self:cus_c", "evt", QUEUE_WEBHOOK);
    (void)ack(&one, &lease);
    queue_lease_release(&lease);
    for (turns = 0; turns < 3 && take_one(&one, &lease); turns++) {
        served = served && lease.key[9] == "abc"[turns];
        (void)ack(&one, &lease);
        queue_lease_release(&lease);
    }
    tap_ok(served && turns == 3, "after each turn it stands behind those who came meanwhile");
}

static const struct {
    const char *name;
    enum queue_lane lanes[6]; /* of customers 0.., in order of arrival */
    int count;
    const char *order; /* in which one worker serves them */
} lane_cases[] = {
    {"first come, first served within a lane", {QUEUE_WEBHOOK, QUEUE_WEBHOOK, QUEUE_WEBHOOK}, 3, "012"},
    {"interactive before webhook before sweep", {QUEUE_SWEEP, QUEUE_WEBHOOK, QUEUE_INTERACTIVE}, 3, "210"},
    {"every fourth turn is for webhook first",
     {QUEUE_INTERACTIVE, QUEUE_INTERACTIVE, QUEUE_INTERACTIVE, QUEUE_INTERACTIVE, QUEUE_WEBHOOK, QUEUE_SWEEP},
     6,
     "012435"},
};

static void test_lanes(void)
{
    struct queue_lease lease;
    char key[] = "self:cus_0", order[8];

    for (size_t c = 0; c < sizeof lane_cases / sizeof *lane_cases; c++) {
        int n = 0;

        redis_empty(&redis);
        for (int i = 0; i < lane_cases[c].count; i++) {
            key[9] = (char)('0' + i);
            (void)put(&one, key, "evt", lane_cases[c].lanes[i]);
        }
        while (n < lane_cases[c].count && take_one(&one, &lease)) {
            order[n++] = lease.key[9];
            (void)ack(&one, &lease);
            queue_lease_release(&lease);
        }
        order[n] = '\0';
        tap_ok(!strcmp(order, lane_cases[c].order) && !take_one(&one, &lease) && keys_left(&redis) == 0,
               "%s (%s)", lane_cases[c].name, order);
    }
}

static void test_no_lane_starves(void)
{
    static const enum queue_lane lanes[3] = {QUEUE_INTERACTIVE, QUEUE_WEBHOOK, QUEUE_SWEEP};
    struct queue_lease lease;
    unsigned turns[3] = {0};
    char key[48];

    redis_empty(&redis);
    for (int i = 0; i < 40; i++)
        for (int lane = 0; lane < 3; lane++) {
            (void)snprintf(key, sizeof key, "self:cus_%d_%d", lane, i);
            (void)put(&one, key, "evt", lanes[lane]);
        }
    for (int i = 0; i < 160; i++) { /* every customer comes back at once: no lane ever empties */
        (void)take_one(&one, &lease);
        turns[lease.lane]++;
        (void)put(&one, lease.key, "evt", lease.lane);
        (void)ack(&one, &lease);
        queue_lease_release(&lease);
    }
    tap_ok(turns[0] == 120 && turns[1] == 30 && turns[2] == 10,
           "of 160 turns with full lanes, %u are interactive, %u webhook, %u sweep", turns[0], turns[1],
           turns[2]);
}

static void test_upgrade(void)
{
    struct queue_lease lease;

    redis_empty(&redis);
    (void)put(&one, "self:cus_first", "evt", QUEUE_WEBHOOK);
    (void)put(&one, "self:cus_1", "evt_1", QUEUE_SWEEP);
    (void)put(&one, "self:cus_1", "evt_2", QUEUE_INTERACTIVE);
    tap_ok(take_one(&one, &lease) && !strcmp(lease.key, "self:cus_1") && lease.lane == QUEUE_INTERACTIVE &&
               lease.entries_count == 2,
           "an interactive event moves its customer to the front, with all that waits");
    (void)put(&one, "self:cus_1", "evt_3", QUEUE_WEBHOOK);
    (void)put(&one, "self:cus_1", "evt_4", QUEUE_INTERACTIVE);
    (void)put(&one, "self:cus_1", "evt_5", QUEUE_SWEEP);
    (void)ack(&one, &lease);
    queue_lease_release(&lease);
    tap_ok(take_one(&one, &lease) && !strcmp(lease.key, "self:cus_1") && lease.lane == QUEUE_INTERACTIVE,
           "one that comes during the turn makes the next turn interactive");
    (void)put(&one, "self:cus_1", "evt_6", QUEUE_SWEEP);
    (void)ack(&one, &lease);
    queue_lease_release(&lease);
    tap_ok(take_one(&one, &lease) && !strcmp(lease.key, "self:cus_first"),
           "when only a sweep came, the customer waits in that lane");
    (void)ack(&one, &lease);
    queue_lease_release(&lease);
    tap_ok(take_one(&one, &lease) && lease.lane == QUEUE_SWEEP && !ack(&one, &lease),
           "and has its turn from there");
    queue_lease_release(&lease);
    tap_ok(!take_one(&one, &lease) && keys_left(&redis) == 0,
           "the stale places in the lanes lead to nothing");
    (void)put(&one, "self:cus_1", "evt_1", QUEUE_INTERACTIVE);
    (void)put(&one, "self:cus_1", "evt_2", QUEUE_WEBHOOK);
    tap_ok(take_one(&one, &lease) && lease.lane == QUEUE_INTERACTIVE && !ack(&one, &lease),
           "a webhook never moves a customer back");
    queue_lease_release(&lease);
}

static void test_vanished(void)
{
    struct queue_lease lease, none;

    redis_empty(&redis);
    (void)put(&one, "self:cus_gone", "evt_1", QUEUE_WEBHOOK);
    (void)put(&one, "self:cus_1", "evt_1", QUEUE_WEBHOOK);
    (void)redis_look_int(&redis, "DEL instep:{0}:stream:self:cus_gone");
    tap_ok(take_one(&one, &lease) && !strcmp(lease.key, "self:cus_1") && !ack(&one, &lease) &&
               !take_one(&one, &none) && keys_left(&redis) == 0,
           "a customer whose stream somebody deleted is passed over and cleaned up");
    queue_lease_release(&lease);
    (void)put(&one, "self:cus_1", "evt_1", QUEUE_WEBHOOK);
    (void)take_one(&one, &lease);
    redis_empty(&redis);
    tap_ok(ack(&one, &lease) == ERR_CONFLICT && !renew(&one, &lease) && keys_left(&redis) == 0,
           "an ack after FLUSHALL finds that the lease is gone");
    queue_lease_release(&lease);
}

static void test_waiting(void)
{
    struct redis_client_options options = redis_client_options_default();
    struct worker waiter = {.base = base};
    struct outcome outcome = {0}, short_wait = {0};
    struct queue_lease lease;
    struct failure fail;

    redis_empty(&redis);
    options.url = redis.url;
    options.command_timeout_ms = 0;
    options.on_state = worker_on_state;
    options.arg = &waiter;
    if (redis_client_create(base, &options, &waiter.client, &fail))
        exit(1);
    (void)loop_until(base, &waiter.ready, PATIENCE_S);
    tap_ok(!queue_wait(one.queue, waiter.client, 0, outcome_on_done, &short_wait, NULL) &&
               loop_until(base, &short_wait.done, PATIENCE_S) && !short_wait.err,
           "a wait ends by itself");
    (void)queue_wait(one.queue, waiter.client, 60000, outcome_on_done, &outcome, NULL);
    loop_for(base, 50);
    tap_ok(!outcome.done, "a wait lasts while nothing happens");
    (void)put(&two, "self:cus_1", "evt_1", QUEUE_WEBHOOK);
    tap_ok(loop_until(base, &outcome.done, PATIENCE_S) && !outcome.err, "an event ends it");
    for (int i = 0; i < 30; i++) {
        char key[32];

        (void)snprintf(key, sizeof key, "self:cus_%d", i);
        (void)put(&two, key, "evt_1", QUEUE_WEBHOOK);
    }
    tap_ok(redis_look_int(&redis, "LLEN instep:{0}:wake") == 10, "the wake list is bounded");
    while (take_one(&one, &lease)) {
        (void)ack(&one, &lease);
        queue_lease_release(&lease);
    }
    tap_ok(redis_look_int(&redis, "LLEN instep:{0}:wake") == 0, "nothing left: nobody is woken for nothing");
    redis_client_free(waiter.client);
}

static void test_measure(void)
{
    struct queue_lease lease;
    struct queue_depth depth;

    redis_empty(&redis);
    (void)put(&one, "self:cus_1", "evt", QUEUE_WEBHOOK);
    (void)put(&one, "self:cus_2", "evt", QUEUE_WEBHOOK);
    (void)put(&one, "self:cus_3", "evt", QUEUE_SWEEP);
    (void)put(&one, "self:cus_4", "evt", QUEUE_INTERACTIVE);
    (void)put(&one, "self:cus_5", "evt", QUEUE_INTERACTIVE);
    (void)take_one(&one, &lease);
    (void)retry(&one, &lease, 1, true);
    queue_lease_release(&lease);
    (void)take_one(&brief, &lease); /* takes the due one back into its lane, then the other */
    queue_lease_release(&lease);
    loop_for(base, 60);
    depth = measure(&one);
    tap_ok(depth.ready[QUEUE_WEBHOOK] == 2 && depth.ready[QUEUE_SWEEP] == 1 &&
               depth.ready[QUEUE_INTERACTIVE] + depth.delayed == 1 && depth.leased == 1,
           "the depth of each lane, the delayed and the leased");
    tap_ok(depth.oldest_waiting_ms >= 60 && depth.oldest_due_age_ms > 0,
           "ages: oldest entry, most overdue lease");
    redis_empty(&redis);
    depth = measure(&one);
    tap_ok(!depth.ready[0] && !depth.ready[1] && !depth.ready[2] && !depth.delayed && !depth.leased &&
               !depth.oldest_waiting_ms && !depth.oldest_due_age_ms && !depth.buried_total,
           "an empty queue measures nothing");
}

static void on_check(enum err err, const char *const *warnings, size_t count, const struct failure *fail,
                     void *arg)
{
    struct outcome *outcome = arg;

    outcome_set(outcome, err, fail);
    outcome->count = count;
    for (size_t i = 0; i < count; i++)
        (void)snprintf(outcome->text + strlen(outcome->text), sizeof outcome->text - strlen(outcome->text),
                       "%s; ", warnings[i]);
}

static void test_settings(void)
{
    struct outcome bad = {0}, good = {0}, hidden = {0};

    freeReplyObject(redis_look(&redis, "CONFIG SET appendfsync everysec maxmemory-policy allkeys-lru"));
    (void)outcome_of(&one, &bad, queue_check_settings(one.queue, on_check, &bad, NULL));
    tap_ok(!bad.err && bad.count == 2 && strstr(bad.text, "appendfsync everysec") &&
               strstr(bad.text, "allkeys-lru"),
           "wrong settings of Redis are told: %s", bad.text);
    freeReplyObject(redis_look(&redis, "CONFIG SET appendfsync always maxmemory-policy noeviction"));
    (void)outcome_of(&one, &good, queue_check_settings(one.queue, on_check, &good, NULL));
    tap_ok(!good.err && good.count == 0, "right ones are not");
    freeReplyObject(redis_look(&redis, "ACL SETUSER default -config"));
    (void)outcome_of(&one, &hidden, queue_check_settings(one.queue, on_check, &hidden, NULL));
    tap_ok(!hidden.err && hidden.count == 1, "a Redis that hides them: %s", hidden.text);
    freeReplyObject(redis_look(&redis, "ACL SETUSER default +config"));
}

static void test_forgetful_redis(void)
{
    struct queue_lease lease;

    redis_empty(&redis);
    (void)put(&one, "self:cus_1", "evt_1", QUEUE_WEBHOOK);
    freeReplyObject(redis_look(&redis, "SCRIPT FLUSH"));
    tap_ok(take_one(&one, &lease) && !ack(&one, &lease) && !put(&one, "self:cus_1", "evt_2", QUEUE_WEBHOOK),
           "every verb works after SCRIPT FLUSH");
    queue_lease_release(&lease);
    (void)take_one(&one, &lease);
    redis_fixture_kill(&redis);
    while (one.ready || two.ready || brief.ready)
        loop_for(base, 10);
    redis_fixture_run(&redis);
    (void)loop_until(base, &one.ready, PATIENCE_S);
    (void)loop_until(base, &two.ready, PATIENCE_S);
    (void)loop_until(base, &brief.ready, PATIENCE_S);
    tap_ok(renew(&one, &lease) && !ack(&one, &lease) && keys_left(&redis) == 0,
           "a lease outlives a restart of Redis, and so do the scripts");
    queue_lease_release(&lease);
}

int main(void)
{
    base = event_base_new();
    if (!base)
        return 1;
    redis_fixture_start(&redis, NULL);
    worker_start(&one, base, redis.url, "host:1", 60000);
    worker_start(&two, base, redis.url, "host:2", 60000);
    worker_start(&brief, base, redis.url, "host:3", 20);
    test_round_trip();
    test_asides();
    test_bad_arguments();
    test_coalescing();
    test_many_entries();
    test_expiry();
    test_clock_set_back();
    test_renewal();
    test_retries();
    test_poison();
    test_fairness();
    test_lanes();
    test_no_lane_starves();
    test_upgrade();
    test_vanished();
    test_waiting();
    test_measure();
    test_settings();
    test_forgetful_redis();
    worker_stop(&one);
    worker_stop(&two);
    worker_stop(&brief);
    redis_fixture_stop(&redis);
    event_base_free(base);
    return tap_done();
}
