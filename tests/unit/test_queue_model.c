/*
 * The queue under accidents: a worker that dies between any two calls, and random verbs of three workers, checked
 * against a model after every step. Any run can be repeated: `test_queue_model SEED`.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "common/queue.h"
#include "tests/unit/queue_fixture.h"

static struct event_base *base;
static struct redis_fixture redis;

/* ---- a crash between any two calls --------------------------------------------------------------------- */

enum step { PUT_FIRST, TAKE, RENEW, RETRY, TAKE_AGAIN, PUT_SECOND, ACK, TAKE_SECOND, BURY, STEPS };
static const char *const step_names[STEPS] = {
    "enqueue",         "take", "renew",          "retry", "the second take",
    "another enqueue", "ack",  "the third take", "bury"};

struct story {
    struct worker worker;
    struct queue_lease lease;
    bool accepted[2]; /* the enqueue was answered */
    bool finished[2]; /* its ack or bury was sent: the work was done before */
};

static void story_finish(struct story *story)
{
    for (size_t i = 0; i < story->lease.entries_count; i++)
        story->finished[story->lease.entries[i].envelope.event_id[4] - '0'] = true;
}

/* One step, waiting for its answer. */
static void story_step(struct story *story, enum step step)
{
    switch (step) {
    case PUT_FIRST:
    case PUT_SECOND:
        story->accepted[step == PUT_SECOND] =
            !put(&story->worker, "self:cus_1", step == PUT_FIRST ? "evt_0" : "evt_1", QUEUE_WEBHOOK);
        break;
    case TAKE:
    case TAKE_AGAIN:
    case TAKE_SECOND:
        queue_lease_release(&story->lease);
        (void)take_one(&story->worker, &story->lease);
        break;
    case RENEW: (void)renew(&story->worker, &story->lease); break;
    case RETRY: (void)retry(&story->worker, &story->lease, 0, true); break;
    case ACK:
        story_finish(story);
        (void)ack(&story->worker, &story->lease);
        break;
    case BURY:
        story_finish(story);
        (void)bury(&story->worker, &story->lease, "bug");
        break;
    default: break;
    }
}

/* The same, but dying before the answer: whether it happened nobody knows. */
static void story_step_cut(struct story *story, enum step step)
{
    struct outcome nobody = {0};
    struct envelope envelope = envelope_of(step == PUT_FIRST ? "evt_0" : "evt_1", QUEUE_WEBHOOK);
    const struct queue_lease *lease = &story->lease;
    struct queue *queue = story->worker.queue;

    if (step == ACK || step == BURY)
        story_finish(story);
    switch (step) {
    case PUT_FIRST:
    case PUT_SECOND:
        (void)queue_enqueue(queue, "self:cus_1", &envelope, outcome_on_done, &nobody, NULL);
        break;
    case RENEW: (void)queue_renew(queue, &lease, 1, outcome_on_renew, &nobody, NULL); break;
    case RETRY: (void)queue_retry(queue, lease, 0, true, outcome_on_done, &nobody, NULL); break;
    case ACK: (void)queue_ack(queue, lease, outcome_on_done, &nobody, NULL); break;
    case BURY: (void)queue_bury(queue, lease, "bug", outcome_on_done, &nobody, NULL); break;
    default: (void)queue_take(queue, 1, outcome_on_take, &nobody, NULL); break;
    }
    for (int i = 0; i < 3; i++)
        (void)event_base_loop(base, EVLOOP_NONBLOCK); /* lets it out of the door */
    worker_stop(&story->worker);
}

/* Another worker goes on until nothing is left. Sets what it was given. False: it did not end. */
static bool heir_drains(struct worker *heir, bool given[2])
{
    int64_t end = clock_mono_ms() + PATIENCE_S * 1000;
    struct queue_lease lease;

    while (clock_mono_ms() < end) {
        if (take_one(heir, &lease)) {
            for (size_t i = 0; i < lease.entries_count; i++)
                given[lease.entries[i].envelope.event_id[4] - '0'] = true;
            (void)ack(heir, &lease);
            queue_lease_release(&lease);
        } else if (keys_left(&redis) == redis_look_int(&redis, "EXISTS instep:{0}:buried")) {
            return true;
        } else {
            loop_for(base, 5);
        }
    }
    return false;
}

static void test_crash(enum step last, bool cut)
{
    struct story story = {0};
    struct worker heir;
    bool given[2] = {false}, drained;
    const char *contradiction;

    redis_empty(&redis);
    worker_start(&story.worker, base, redis.url, "mortal", 30);
    for (int step = 0; step < (int)last; step++)
        story_step(&story, (enum step)step);
    if (cut) {
        story_step_cut(&story, last);
    } else {
        story_step(&story, last);
        worker_stop(&story.worker);
    }
    contradiction = queue_contradiction(&redis);
    worker_start(&heir, base, redis.url, "heir", 60000);
    drained = heir_drains(&heir, given);
    tap_ok(!contradiction[0] && drained && (!story.accepted[0] || story.finished[0] || given[0]) &&
               (!story.accepted[1] || story.finished[1] || given[1]),
           "a crash %s %s loses nothing and leaves nothing%s%s", cut ? "amid" : "after", step_names[last],
           contradiction[0] ? ": " : "", contradiction);
    worker_stop(&heir);
    queue_lease_release(&story.lease);
}

/* ---- random verbs against a model ---------------------------------------------------------------------- */

#define WORKERS   3
#define CUSTOMERS 5
#define SLOTS     6 /* leases a worker may hold, some of them long over */
#define EVENTS    4000

static struct {
    uint64_t random;
    struct worker workers[WORKERS];
    struct queue_lease held[WORKERS][SLOTS];
    char token[CUSTOMERS][QUEUE_TOKEN_BYTES + 1]; /* the only one that may succeed; "" none */
    unsigned waiting[CUSTOMERS];                  /* events on its stream */
    int finished[EVENTS];                         /* how often */
    unsigned events;
    unsigned conflicts, successes;
    char wrong[256];
} model;

static unsigned chance(unsigned n)
{
    model.random ^= model.random << 13;
    model.random ^= model.random >> 7;
    model.random ^= model.random << 17;
    return (unsigned)(model.random % n);
}

__attribute__((format(printf, 1, 2))) static void wrong(const char *fmt, ...)
{
    va_list args;

    if (model.wrong[0])
        return;
    va_start(args, fmt);
    (void)vsnprintf(model.wrong, sizeof model.wrong, fmt, args);
    va_end(args);
}

static unsigned customer_of(const struct queue_lease *lease)
{
    return (unsigned)(lease->key[strlen(lease->key) - 1] - '0') % CUSTOMERS;
}

static struct queue_lease *slot_of(unsigned worker, bool used)
{
    unsigned first = chance(SLOTS);

    for (unsigned i = 0; i < SLOTS; i++) {
        struct queue_lease *lease = &model.held[worker][(first + i) % SLOTS];
        if (!lease->key[0] == !used)
            return lease;
    }
    return NULL;
}

static void model_put(unsigned worker)
{
    unsigned customer = chance(CUSTOMERS);
    char key[32], id[32];

    if (model.events == EVENTS)
        return;
    (void)snprintf(key, sizeof key, "self:cus_%u", customer);
    (void)snprintf(id, sizeof id, "%u", model.events++);
    if (put(&model.workers[worker], key, id, (enum queue_lane)chance(QUEUE_LANES)))
        wrong("an enqueue failed");
    model.waiting[customer]++;
}

static void model_take(unsigned worker)
{
    struct queue_lease *slot = slot_of(worker, false);
    unsigned customer;

    if (!slot || !take(&model.workers[worker], slot, 1))
        return;
    customer = customer_of(slot);
    (void)snprintf(model.token[customer], sizeof model.token[customer], "%s", slot->token);
    if (!slot->entries_count)
        wrong("a lease without entries");
    for (size_t i = 0; i < slot->entries_count; i++)
        if (model.finished[atoi(slot->entries[i].envelope.event_id)])
            wrong("a finished event is given out again");
}

/* ack, bury, retry or renew with a lease that may be over or used. */
static void model_use(unsigned worker, unsigned verb)
{
    struct queue_lease *lease = slot_of(worker, true);
    struct worker *w = &model.workers[worker];
    unsigned customer;
    bool ours, done;

    if (!lease)
        return;
    customer = customer_of(lease);
    ours = !strcmp(model.token[customer], lease->token);
    if (verb == 0)
        done = !ack(w, lease);
    else if (verb == 1)
        done = !bury(w, lease, "bug");
    else if (verb == 2)
        done = !retry(w, lease, chance(20), chance(2));
    else
        done = renew(w, lease);
    model.successes += done;
    model.conflicts += !done;
    if (done && !ours)
        wrong("verb %u succeeded with a stale token", verb);
    if (done && verb != 3)
        model.token[customer][0] = '\0';
    for (size_t i = 0; done && verb < 2 && i < lease->entries_count; i++) {
        if (model.finished[atoi(lease->entries[i].envelope.event_id)]++)
            wrong("an event was finished twice");
        model.waiting[customer]--;
    }
    if (chance(4)) /* otherwise it stays around, to be used once too often */
        queue_lease_release(lease);
}

static void model_crash(unsigned worker)
{
    worker_stop(&model.workers[worker]);
    for (unsigned i = 0; i < SLOTS; i++)
        queue_lease_release(&model.held[worker][i]);
    worker_start(&model.workers[worker], base, redis.url, "again", 15);
}

static void model_check(unsigned step)
{
    const char *contradiction = queue_contradiction(&redis);

    if (contradiction[0])
        wrong("step %u: %s", step, contradiction);
    for (unsigned i = 0; i < CUSTOMERS; i++)
        if (redis_look_int(&redis, "XLEN instep:{0}:stream:self:cus_%u", i) != model.waiting[i])
            wrong("step %u: customer %u has other events than the model", step, i);
}

static void model_step(unsigned worker)
{
    unsigned dice = chance(100);

    if (dice < 30)
        model_put(worker);
    else if (dice < 60)
        model_take(worker);
    else if (dice < 75)
        model_use(worker, 0);
    else if (dice < 79)
        model_use(worker, 1);
    else if (dice < 87)
        model_use(worker, 2);
    else if (dice < 92)
        model_use(worker, 3);
    else if (dice < 94)
        model_crash(worker);
    else
        loop_for(base, (int)chance(20)); /* leases and delays run out */
}

static void model_drain(void)
{
    struct queue_lease lease;
    struct worker last;
    int64_t end = clock_mono_ms() + PATIENCE_S * 1000;
    long long left = 1;

    worker_start(&last, base, redis.url, "last", 60000);
    while (left && clock_mono_ms() < end) {
        if (take_one(&last, &lease)) {
            for (size_t i = 0; i < lease.entries_count; i++)
                model.finished[atoi(lease.entries[i].envelope.event_id)]++;
            if (ack(&last, &lease))
                wrong("the last worker's ack failed");
            queue_lease_release(&lease);
        } else {
            loop_for(base, 5);
        }
        left = keys_left(&redis) - redis_look_int(&redis, "EXISTS instep:{0}:buried");
    }
    if (left)
        wrong("%lld keys remain", left);
    for (unsigned i = 0; i < model.events; i++)
        if (model.finished[i] != 1)
            wrong("event %u was finished %d times", i, model.finished[i]);
    worker_stop(&last);
}

static void test_random(uint64_t seed, unsigned steps)
{
    memset(&model, 0, sizeof model);
    fixture_rest_ms = seed % 2 ? 10 : 0;
    model.random = seed * 0x9E3779B97F4A7C15u + 1;
    redis_empty(&redis);
    for (unsigned i = 0; i < WORKERS; i++)
        worker_start(&model.workers[i], base, redis.url, "worker", 15);
    for (unsigned step = 0; step < steps && !model.wrong[0]; step++) {
        model_step(chance(WORKERS));
        model_check(step);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        worker_stop(&model.workers[i]);
        for (unsigned s = 0; s < SLOTS; s++)
            queue_lease_release(&model.held[i][s]);
    }
    if (!model.wrong[0])
        model_drain();
    tap_ok(!model.wrong[0], "seed %llu: %u events, %u uses of a lease accepted, %u refused%s%s",
           (unsigned long long)seed, model.events, model.successes, model.conflicts,
           model.wrong[0] ? ": " : "", model.wrong);
}

int main(int argc, char **argv)
{
    base = event_base_new();
    if (!base)
        return 1;
    redis_fixture_start(&redis, (const char *const[]){"--appendonly", "no", NULL});
    for (int step = 0; argc < 2 && step < STEPS; step++) {
        test_crash((enum step)step, false);
        test_crash((enum step)step, true);
    }
    if (argc > 1)
        test_random(strtoull(argv[1], NULL, 10), 1000);
    for (uint64_t seed = 1; argc < 2 && seed <= 20; seed++)
        test_random(seed, 250);
    redis_fixture_stop(&redis);
    event_base_free(base);
    return tap_done();
}
