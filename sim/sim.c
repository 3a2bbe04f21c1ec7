#include "sim/sim.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/app_parts.h"
#include "sim/billing.h"
#include "sim/checkout.h"
#include "sim/discount.h"
#include "sim/events.h"
#include "sim/lives.h"
#include "sim/money.h"
#include "sim/product.h"
#include "sim/schedule.h"

#define CHUNK_BYTES (256 * 1024)

struct arena_chunk {
    struct arena_chunk *next;
    size_t used, size;
    max_align_t data[];
};

void sim_die(const char *what)
{
    (void)fprintf(stderr, "stripe-sim: %s\n", what);
    abort();
}

json_t *sim_json(json_t *json)
{
    if (!json)
        sim_die("cannot make JSON: out of memory, or text that is not UTF-8");
    return json;
}

void *sim_alloc(struct sim *sim, size_t size)
{
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (!sim->arena || sim->arena->size - sim->arena->used < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        struct arena_chunk *chunk = calloc(1, sizeof *chunk + room);
        if (!chunk)
            sim_die("out of memory");
        chunk->size = room;
        chunk->next = sim->arena;
        sim->arena = chunk;
    }
    void *memory = (char *)sim->arena->data + sim->arena->used;
    sim->arena->used += size;
    return memory;
}

const char *sim_text(struct sim *sim, const char *text)
{
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    return memcpy(sim_alloc(sim, size), text, size);
}

/* Take a sequence of bytes that was cut off from the end of a text. */
static void trim_utf8(char *text)
{
    size_t len = strlen(text), start = len;

    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0 || (unsigned char)text[start - 1] < 0xC0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (len - start + 1 < wanted)
        text[start - 1] = '\0';
}

const char *sim_format(struct sim *sim, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (len < 0)
        sim_die("cannot format a text");
    trim_utf8(text);
    return sim_text(sim, text);
}

struct sim *sim_create(uint64_t seed, int64_t start)
{
    struct sim *sim = calloc(1, sizeof *sim);

    if (!sim)
        sim_die("out of memory");
    sim->seed = seed;
    sim->account = SIM_ACCOUNT;
    sim->api_version = SIM_API_VERSION;
    sim->now = start;
    sim->knobs = knobs_default();
    random_init(&sim->ids, seed, "ids");
    random_init(&sim->thin_ids, seed, "thin");
    random_init(&sim->request_ids, seed, "requests");
    random_init(&sim->faults, seed, "faults");
    sim->buckets_count = 4096;
    sim->buckets = calloc(sim->buckets_count, sizeof(void *));
    if (!sim->buckets)
        sim_die("out of memory");
    return sim;
}

static void release_object(struct object *o)
{
    json_decref(o->metadata);
    if (o->type == TYPE_PRODUCT)
        product_release((struct product *)o);
    if (o->type == TYPE_INVOICE)
        json_decref(((struct invoice *)o)->subscription_metadata);
    if (o->type == TYPE_DISPUTE)
        json_decref(((struct dispute *)o)->evidence);
    if (o->type == TYPE_SESSION)
        json_decref(((struct session *)o)->subscription_metadata);
    if (o->type == TYPE_ENDPOINT)
        json_decref(((struct endpoint *)o)->enabled_events);
    if (o->type == TYPE_EVENT)
        sim_event_free((struct sim_event *)o);
}

void sim_free(struct sim *sim)
{
    if (!sim)
        return;
    for (size_t i = 0; i < sim->accounts_count; i++)
        sim_free(sim->accounts[i]);
    app_free(sim);
    for (unsigned type = 0; type < TYPE_COUNT; type++)
        for (size_t i = 0; i < sim->all[type].count; i++)
            release_object(sim->all[type].at[i]);
    while (sim->arena) {
        struct arena_chunk *next = sim->arena->next;
        free(sim->arena);
        sim->arena = next;
    }
    free(sim->buckets);
    free(sim->due);
    free(sim);
}

/* --- objects --- */

static size_t bucket_of(const char *id, size_t count)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *id; id++)
        hash = (hash ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
    return (size_t)(hash % count);
}

static void hash_grow(struct sim *sim)
{
    size_t count = sim->buckets_count * 2;
    struct object **buckets = calloc(count, sizeof(void *));

    if (!buckets)
        sim_die("out of memory");
    for (size_t i = 0; i < sim->buckets_count; i++) {
        for (struct object *o = sim->buckets[i], *next; o; o = next) {
            size_t b = bucket_of(o->id, count);
            next = o->hash_next;
            o->hash_next = buckets[b];
            buckets[b] = o;
        }
    }
    free(sim->buckets);
    sim->buckets = buckets;
    sim->buckets_count = count;
}

struct object *sim_find(const struct sim *sim, const char *id)
{
    struct object *o = sim->buckets[bucket_of(id, sim->buckets_count)];

    while (o && strcmp(o->id, id) != 0)
        o = o->hash_next;
    return o;
}

void *sim_find_type(const struct sim *sim, const char *id, enum object_type type)
{
    struct object *o = id ? sim_find(sim, id) : NULL;

    return o && o->type == type ? o : NULL;
}

const char *sim_new_id(struct sim *sim, struct random_stream *stream, const char *prefix, unsigned chars)
{
    char id[96];
    size_t prefix_len = strlen(prefix);

    assert(prefix_len + chars < sizeof id);
    (void)snprintf(id, sizeof id, "%s", prefix);
    random_base62(stream, id + prefix_len, chars);
    return sim_text(sim, id);
}

void sim_object_init(struct sim *sim, struct object *o, enum object_type type)
{
    if (sim->objects_count >= sim->buckets_count)
        hash_grow(sim);
    o->type = type;
    if (!o->id)
        o->id = sim_new_id(sim, &sim->ids, object_prefix(type), object_id_chars(type));
    o->created = sim->now;
    size_t b = bucket_of(o->id, sim->buckets_count);
    o->hash_next = sim->buckets[b];
    sim->buckets[b] = o;
    sim->objects_count++;
    list_push(sim, &sim->all[type], o);
}

void *sim_object(struct sim *sim, enum object_type type, size_t size)
{
    struct object *o = sim_alloc(sim, size);

    sim_object_init(sim, o, type);
    return o;
}

void sim_object_forget(struct sim *sim, struct object *o)
{
    struct object **link = &sim->buckets[bucket_of(o->id, sim->buckets_count)];

    while (*link && *link != o)
        link = &(*link)->hash_next;
    if (*link) {
        *link = o->hash_next;
        sim->objects_count--;
    }
}

void list_push(struct sim *sim, struct list *list, struct object *o)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 4;
        struct object **at = sim_alloc(sim, room * sizeof(void *));
        if (list->count)
            memcpy(at, list->at, list->count * sizeof(void *));
        list->at = at;
        list->room = room;
    }
    list->at[list->count++] = o;
}

/* --- what is due: a binary heap --- */

static bool due_before(const struct due *a, const struct due *b)
{
    return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static void due_swap(struct due *a, struct due *b)
{
    struct due t = *a;
    *a = *b;
    *b = t;
}

void sim_book(struct sim *sim, int64_t at, enum due_kind kind, void *target, unsigned arg)
{
    if (sim->due_count == sim->due_room) {
        size_t room = sim->due_room ? sim->due_room * 2 : 256;
        struct due *due = realloc(sim->due, room * sizeof *due);
        if (!due)
            sim_die("out of memory");
        sim->due = due;
        sim->due_room = room;
    }
    size_t i = sim->due_count++;
    sim->due[i] =
        (struct due){.at = at, .number = ++sim->due_number, .kind = kind, .arg = arg, .target = target};
    for (; i && due_before(&sim->due[i], &sim->due[(i - 1) / 2]); i = (i - 1) / 2)
        due_swap(&sim->due[i], &sim->due[(i - 1) / 2]);
}

static struct due due_take(struct sim *sim)
{
    struct due first = sim->due[0];
    size_t i = 0;

    sim->due[0] = sim->due[--sim->due_count];
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
            if (child < sim->due_count && due_before(&sim->due[child], &sim->due[least]))
                least = child;
        if (least == i)
            return first;
        due_swap(&sim->due[i], &sim->due[least]);
        i = least;
    }
}

/* One clock for all. */
static void set_clock(struct sim *sim, int64_t now)
{
    sim->now = now;
    for (size_t i = 0; i < sim->accounts_count; i++)
        sim->accounts[i]->now = now;
}

/* The account where something is due first; the platform before others. */
static struct sim *first_due(struct sim *sim)
{
    struct sim *first = sim;

    for (size_t i = 0; i < sim->accounts_count; i++) {
        struct sim *other = sim->accounts[i];
        if (other->due_count && (!first->due_count || other->due[0].at < first->due[0].at))
            first = other;
    }
    return first;
}

bool sim_step(struct sim *sim, int64_t until)
{
    static due_fn *const handlers[DUE_COUNT] = {
        [DUE_TRIAL_WILL_END] = due_trial_will_end,
        [DUE_UPCOMING] = due_upcoming,
        [DUE_PERIOD_END] = due_period_end,
        [DUE_CANCEL_AT] = due_cancel_at,
        [DUE_INCOMPLETE_EXPIRE] = due_incomplete_expire,
        [DUE_FINALIZE] = due_finalize,
        [DUE_RETRY] = due_retry,
        [DUE_SESSION_EXPIRE] = due_session_expire,
        [DUE_CHARGE_SETTLE] = due_charge_settle,
        [DUE_DISCOUNT_END] = due_discount_end,
        [DUE_PAYMENT_TOLD] = due_payment_told,
        [DUE_REFUND_DECIDE] = due_refund_decide,
        [DUE_AUTHORIZATION_EXPIRE] = due_authorization_expire,
        [DUE_INVOICE_DUE] = due_invoice_due,
        [DUE_COLLECTION_RESUMES] = due_collection_resumes,
        [DUE_RESUME_EXPIRE] = due_resume_expire,
        [DUE_PHASE_END] = due_phase_end,
        [DUE_SCHEDULE_EXPIRING] = due_schedule_expiring,
        [DUE_LIFE] = due_life,
    };

    struct sim *world = first_due(sim);
    if (!world->due_count || world->due[0].at > until)
        return false;
    struct due due = due_take(world);
    if (due.at > sim->now)
        set_clock(sim, due.at);
    handlers[due.kind](world, due.target, due.arg);
    return true;
}

void sim_advance(struct sim *sim, int64_t until)
{
    while (sim_step(sim, until))
        ;
    if (until > sim->now)
        set_clock(sim, until);
}

void sim_set_clock(struct sim *sim, int64_t now)
{
    if (now > sim->now)
        set_clock(sim, now);
}
