#include "sim/faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/form.h"

#define ORDERS_MAX    64
#define BUCKETS_MAX   1024
#define KEY_BYTES_MAX 200

/* A token bucket: as many as its rate are there after a second of rest. */
struct bucket {
    char key[KEY_BYTES_MAX];
    double tokens;
    int64_t mono_ms;
};

struct order {
    struct fault fault;
    char endpoint[120]; /* "": any */
    int64_t times;
};

struct faults {
    struct sim *sim;
    struct bucket *buckets; /* owned; BUCKETS_MAX of them, the first `count` in use */
    unsigned buckets_count;
    struct order orders[ORDERS_MAX];
    unsigned orders_count;
};

struct faults *faults_create(struct sim *sim)
{
    struct faults *faults = calloc(1, sizeof *faults);

    if (faults)
        faults->buckets = calloc(BUCKETS_MAX, sizeof *faults->buckets);
    if (!faults || !faults->buckets)
        sim_die("out of memory");
    faults->sim = sim;
    return faults;
}

void faults_free(struct faults *faults)
{
    if (!faults)
        return;
    free(faults->buckets);
    free(faults);
}

const char *fault_name(enum fault_kind kind)
{
    static const char *const names[] = {
#define X(enumerator, name) "fault " name,
        FAULTS(X)
#undef X
    };

    return names[kind];
}

/* --- limits --- */

/* The bucket of a key; the one longest at rest makes room for a new one. */
static struct bucket *bucket_of(struct faults *faults, const char *key, double rate, int64_t now)
{
    struct bucket *oldest = &faults->buckets[0];

    for (unsigned i = 0; i < faults->buckets_count; i++) {
        struct bucket *bucket = &faults->buckets[i];
        if (strcmp(bucket->key, key) == 0)
            return bucket;
        if (bucket->mono_ms < oldest->mono_ms)
            oldest = bucket;
    }
    struct bucket *made =
        faults->buckets_count < BUCKETS_MAX ? &faults->buckets[faults->buckets_count++] : oldest;
    (void)snprintf(made->key, sizeof made->key, "%s", key);
    made->tokens = rate;
    made->mono_ms = now;
    return made;
}

/* False: one too many. */
static bool within(struct faults *faults, const char *what, const char *account, const char *key,
                   int64_t per_s, int64_t now)
{
    char name[KEY_BYTES_MAX];

    if (per_s <= 0)
        return true;
    (void)snprintf(name, sizeof name, "%s %.40s %.140s", what, account, key);
    struct bucket *bucket = bucket_of(faults, name, (double)per_s, now);
    bucket->tokens += (double)per_s * (double)(now - bucket->mono_ms) / 1000;
    bucket->mono_ms = now;
    if (bucket->tokens > (double)per_s)
        bucket->tokens = (double)per_s;
    if (bucket->tokens < 1)
        return false;
    bucket->tokens -= 1;
    return true;
}

static struct fault limited(enum reason_429 reason)
{
    return (struct fault){.kind = FAULT_429, .reason = reason};
}

struct fault faults_on_entry(struct faults *faults, const struct faults_request *request)
{
    const struct knobs *knobs = &faults->sim->knobs;

    if (knobs->limit_at_once && request->at_once >= (uint64_t)knobs->limit_at_once)
        return limited(REASON_GLOBAL_CONCURRENCY);
    if (knobs->limit_endpoint_at_once && request->endpoint_at_once >= (uint64_t)knobs->limit_endpoint_at_once)
        return limited(REASON_ENDPOINT_CONCURRENCY);
    return (struct fault){FAULT_NONE, 0, 0};
}

/* --- orders --- */

/* Take the first order that is about this endpoint. */
static bool ordered(struct faults *faults, const char *endpoint, struct fault *ret_fault)
{
    for (unsigned i = 0; i < faults->orders_count; i++) {
        struct order *order = &faults->orders[i];
        if (*order->endpoint && strcmp(order->endpoint, endpoint) != 0)
            continue;
        *ret_fault = order->fault;
        if (--order->times == 0)
            memmove(order, order + 1, (--faults->orders_count - i) * sizeof *order);
        return true;
    }
    return false;
}

static bool read_order(json_t *json, struct order *order)
{
    static const char *const names[] = {
#define X(enumerator, name) name,
        FAULTS(X)
#undef X
    };
    const char *kind = form_text(json, "fault"), *reason = form_text(json, "reason");
    const char *endpoint = form_text(json, "endpoint");
    json_t *should_retry = json_object_get(json, "should_retry");
    int64_t reason_index =
        knob_choice("global-rate global-concurrency endpoint-rate endpoint-concurrency resource-specific",
                    reason ? reason : "global-rate");

    *order = (struct order){.times = 1};
    bool known = false;
    for (unsigned i = 0; kind && !known && i < FAULT_COUNT; i++) {
        known = strcmp(names[i], kind) == 0;
        if (known)
            order->fault.kind = (enum fault_kind)i;
    }
    if (endpoint)
        (void)snprintf(order->endpoint, sizeof order->endpoint, "%s", endpoint);
    (void)form_integer(json, "times", &order->times);
    order->fault.reason = (enum reason_429)reason_index;
    order->fault.should_retry = json_is_true(should_retry)    ? SHOULD_RETRY_TRUE
                                : json_is_false(should_retry) ? SHOULD_RETRY_FALSE
                                                              : SHOULD_RETRY_UNSAID;
    return known && reason_index >= 0 && order->times > 0;
}

enum err faults_order(struct faults *faults, json_t *json, struct failure *fail)
{
    struct order order;

    if (!read_order(json, &order))
        return failf(fail, ERR_INVALID,
                     "say {\"fault\": \"429|lock_timeout|500|html|503|stalled|truncated|garbled|disconnect|"
                     "disconnect_amid|none\", \"times\": n, \"endpoint\": \"GET /v1/…\", \"reason\": …}");
    if (order.fault.kind == FAULT_NONE) {
        faults->orders_count = 0;
        return ERR_OK;
    }
    if (faults->orders_count == ORDERS_MAX)
        return failf(fail, ERR_INVALID, "%d orders are open already", ORDERS_MAX);
    faults->orders[faults->orders_count++] = order;
    return ERR_OK;
}

/* --- chance --- */

static struct fault by_chance(struct faults *faults)
{
    const struct knobs *knobs = &faults->sim->knobs;
    struct random_stream *random = &faults->sim->faults;

    if (random_chance(random, knobs->rate_429))
        return limited(knobs->reason_429 == REASON_ANY ? (enum reason_429)random_below(random, REASON_ANY)
                                                       : (enum reason_429)knobs->reason_429);
    if (random_chance(random, knobs->rate_lock))
        return (struct fault){.kind = FAULT_LOCK};
    if (random_chance(random, knobs->rate_500)) {
        uint64_t dice = random_below(random, 4);
        if (dice == 3)
            return (struct fault){.kind = FAULT_HTML};
        return (struct fault){.kind = FAULT_500, .should_retry = (enum should_retry)dice};
    }
    if (random_chance(random, knobs->rate_disconnect))
        return (struct fault){.kind = random_chance(random, 0.5) ? FAULT_CUT_BEFORE : FAULT_CUT_AMID};
    if (random_chance(random, knobs->rate_503))
        return (struct fault){.kind = FAULT_503};
    if (random_chance(random, knobs->rate_stalled))
        return (struct fault){.kind = FAULT_STALLED};
    if (random_chance(random, knobs->rate_truncated))
        return (struct fault){.kind = FAULT_TRUNCATED};
    if (random_chance(random, knobs->rate_garbled))
        return (struct fault){.kind = FAULT_GARBLED};
    return (struct fault){.kind = FAULT_NONE};
}

struct fault faults_draw(struct faults *faults, const struct faults_request *request)
{
    const struct knobs *knobs = &faults->sim->knobs;
    int64_t now = request->now_mono_ms;
    struct fault fault;

    if (ordered(faults, request->endpoint, &fault))
        return fault;
    if (!within(faults, "account", request->account, "", knobs->limit_per_s, now))
        return limited(REASON_GLOBAL_RATE);
    if (!within(faults, "endpoint", request->account, request->endpoint, knobs->limit_endpoint_per_s, now))
        return limited(REASON_ENDPOINT_RATE);
    if (request->object &&
        !within(faults, "object", request->account, request->object, knobs->limit_resource_per_s, now))
        return limited(REASON_RESOURCE);
    return by_chance(faults);
}
