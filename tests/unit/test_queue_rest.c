/* Rests between two turns of a customer, and what a script that failed midway leaves, on a real Redis. */
#include "tests/unit/queue_fixture.h"

static struct redis_fixture redis;
static struct event_base *base;
static struct worker one;

/* What a script that failed midway would leave: marked as leased, but in no set. */
static void test_half_done(void)
{
    struct queue_lease lease;

    redis_empty(&redis);
    (void)put(&one, "self:cus_1", "evt_1", QUEUE_WEBHOOK);
    (void)take_one(&one, &lease);
    queue_lease_release(&lease);
    freeReplyObject(redis_look(&redis, "ZREM instep:{0}:leases self:cus_1"));
    tap_ok(!put(&one, "self:cus_1", "evt_2", QUEUE_WEBHOOK) && take_one(&one, &lease) &&
               lease.entries_count == 2,
           "a customer that a half-done script forgot is found again by its next event");
    (void)ack(&one, &lease);
    queue_lease_release(&lease);
}

/* After a turn a customer rests, so that what comes meanwhile shares the next turn. */
static void test_rest(void)
{
    struct worker tired;
    struct queue_lease lease;

    redis_empty(&redis);
    fixture_rest_ms = 60000;
    worker_start(&tired, base, redis.url, "tired", 60000);
    (void)put(&tired, "self:cus_1", "evt_1", QUEUE_WEBHOOK);
    (void)take_one(&tired, &lease);
    tap_ok(!ack(&tired, &lease) && measure(&tired).resting == 1 && !queue_contradiction(&redis)[0],
           "a customer without events rests after its turn");
    queue_lease_release(&lease);
    (void)put(&tired, "self:cus_1", "evt_2", QUEUE_SWEEP);
    (void)put(&tired, "self:cus_1", "evt_3", QUEUE_WEBHOOK);
    tap_ok(!take_one(&tired, &lease) && measure(&tired).resting == 1 && !queue_contradiction(&redis)[0],
           "what comes meanwhile waits");
    (void)put(&tired, "self:cus_1", "evt_4", QUEUE_INTERACTIVE);
    tap_ok(take_one(&tired, &lease) && lease.entries_count == 3 && lease.attempts == 1 &&
               !measure(&tired).resting,
           "somebody who waits for an answer ends the rest, and all go together");
    (void)put(&tired, "self:cus_1", "evt_5", QUEUE_INTERACTIVE);
    (void)ack(&tired, &lease);
    queue_lease_release(&lease);
    tap_ok(take_one(&tired, &lease) && lease.entries_count == 1,
           "and who came during the turn has no rest at all");
    (void)put(&tired, "self:cus_1", "evt_6", QUEUE_WEBHOOK);
    (void)ack(&tired, &lease);
    queue_lease_release(&lease);
    tap_ok(!take_one(&tired, &lease) && !queue_contradiction(&redis)[0],
           "a webhook that came during the turn waits");
    freeReplyObject(redis_look(&redis, "ZADD instep:{0}:resting 99999999999999 self:cus_1"));
    tap_ok(take_one(&tired, &lease) && lease.lane == QUEUE_WEBHOOK && lease.entries_count == 1,
           "a rest that a clock set back made endless ends at once");
    worker_stop(&tired);
    fixture_rest_ms = 1;
    worker_start(&tired, base, redis.url, "tired", 60000);
    (void)ack(&tired, &lease);
    queue_lease_release(&lease);
    loop_for(base, 20);
    tap_ok(!take_one(&tired, &lease) && keys_left(&redis) == 0,
           "who has rested and is not wanted is forgotten");
    for (int i = 0; i < QUEUE_ENTRIES_PER_TURN + 5; i++)
        (void)put(&tired, "self:cus_1", "evt_7", QUEUE_WEBHOOK);
    worker_stop(&tired);
    fixture_rest_ms = 60000;
    worker_start(&tired, base, redis.url, "tired", 60000);
    (void)take_one(&tired, &lease);
    (void)ack(&tired, &lease);
    queue_lease_release(&lease);
    tap_ok(take_one(&tired, &lease) && lease.entries_count == 5,
           "what one turn could not take need not wait");
    (void)bury(&tired, &lease, "bug");
    queue_lease_release(&lease);
    worker_stop(&tired);
    fixture_rest_ms = 0;
}

int main(void)
{
    base = event_base_new();
    if (!base)
        return 1;
    redis_fixture_start(&redis, NULL);
    worker_start(&one, base, redis.url, "host:1", 60000);
    test_half_done();
    test_rest();
    worker_stop(&one);
    redis_fixture_stop(&redis);
    event_base_free(base);
    return tap_done();
}
