/*
 * The simulated world: the virtual clock and what is due, the objects, the arena they live in, the randomness.
 *
 * One struct sim is a whole Stripe account, without any input or output: it can be driven by the HTTP front
 * (serve.h), by a test, or by random lives (lives.h). Memory is taken from an arena that is released as a whole;
 * running out of it ends the program with a message, since a simulator has nothing better to do.
 */
#ifndef INSTEP_SIM_SIM_H
#define INSTEP_SIM_SIM_H

#include "sim/knobs.h"
#include "sim/model.h"
#include "sim/random.h"

#define SIM_START       INT64_C(1767225600) /* 2026-01-01T00:00:00Z */
#define SIM_API_VERSION "2026-10-28.endive"
#define SIM_ACCOUNT     "acct_1SimulatedInstep"
#define SIM_EVENTS_DAYS 30
#define READS_DAYS      30

struct sim;
struct life;

/* What can be due. The object is the one named; arg is for the handler. */
enum due_kind {
    DUE_TRIAL_WILL_END,
    DUE_UPCOMING,
    DUE_PERIOD_END,
    DUE_CANCEL_AT,
    DUE_INCOMPLETE_EXPIRE,
    DUE_FINALIZE,
    DUE_RETRY,
    DUE_SESSION_EXPIRE,
    DUE_CHARGE_SETTLE,
    DUE_DISCOUNT_END,
    DUE_PAYMENT_TOLD,
    DUE_REFUND_DECIDE,
    DUE_AUTHORIZATION_EXPIRE,
    DUE_INVOICE_DUE,
    DUE_COLLECTION_RESUMES,
    DUE_RESUME_EXPIRE,
    DUE_PHASE_END,
    DUE_SCHEDULE_EXPIRING,
    DUE_LIFE,
    DUE_COUNT
};
typedef void due_fn(struct sim *sim, void *target, unsigned arg);

struct due {
    int64_t at;
    uint64_t number; /* ties keep the order of booking */
    enum due_kind kind;
    unsigned arg;
    void *target;
};

struct sim {
    uint64_t seed;
    const char *account;     /* its id */
    struct sim *platform;    /* borrowed; NULL: this is the platform itself (accounts.h) */
    const char *api_version; /* the account's default; static */
    int64_t now;             /* the virtual clock */
    struct knobs knobs;
    struct random_stream ids, request_ids, faults, thin_ids;

    struct list all[TYPE_COUNT]; /* events: the last 30 days only */
    struct object **buckets;
    size_t buckets_count, objects_count;

    struct due *due;
    size_t due_count, due_room;
    uint64_t due_number;

    const char *request_id, *idempotency_key; /* of the API call under way; NULL: Stripe acts by itself */
    uint64_t events_total, thin_total;        /* thin_total: those among them that have no snapshot */
    uint64_t invoices_total;
    unsigned life_count;  /* lives under way */
    unsigned lives_total; /* ever begun: their numbers */

    struct sim **accounts; /* connected to this platform; owned */
    size_t accounts_count;
    uint64_t reads[READS_DAYS]; /* GETs by day modulo READS_DAYS, up to reads_day (accounts.h) */
    int64_t reads_day;

    struct app *app; /* what the application did (app_credits.h); NULL: nothing yet */

    void (*on_event)(struct sim_event *event, void *arg); /* NULL: nobody listens */
    void *on_event_arg;
    void (*on_event_gone)(struct sim_event *event, void *arg); /* before an event is forgotten */

    struct arena_chunk *arena;
};

struct sim *sim_create(uint64_t seed, int64_t start);
void sim_free(struct sim *sim); /* NULL is fine */

/* Zeroed memory for records, and copies of texts; both live as long as the world. Never NULL. */
void *sim_alloc(struct sim *sim, size_t size);
const char *sim_text(struct sim *sim, const char *text); /* NULL gives NULL */
const char *sim_format(struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A new record of size bytes with id and created set, findable at once. */
void *sim_object(struct sim *sim, enum object_type type, size_t size);
/* Give a record allocated elsewhere its place among the objects (events). */
void sim_object_init(struct sim *sim, struct object *o, enum object_type type);
void sim_object_forget(struct sim *sim, struct object *o); /* no longer found by id; lists are not touched */
const char *sim_new_id(struct sim *sim, struct random_stream *stream, const char *prefix, unsigned chars);
struct object *sim_find(const struct sim *sim, const char *id); /* NULL: no such id */
void *sim_find_type(const struct sim *sim, const char *id,
                    enum object_type type); /* NULL also if of other type */
void list_push(struct sim *sim, struct list *list, struct object *o);

/* Book something. `at` in the past means: as soon as the clock moves. */
void sim_book(struct sim *sim, int64_t at, enum due_kind kind, void *target, unsigned arg);
/* Do the next thing that is due by `until`, here or in a connected account, and move the clock to it. False: nothing is left, clock untouched. */
bool sim_step(struct sim *sim, int64_t until);
/* Do everything due by `until`, then set the clock to it (the clock never goes back). */
void sim_advance(struct sim *sim, int64_t until);
/* Set the clock and leave what is due for later. */
void sim_set_clock(struct sim *sim, int64_t now);

/* The end of the program: a library said it has no memory, or a rule of our own is broken. */
void sim_die(const char *what) __attribute__((noreturn));
/* Pass through what a JSON function returned, unless it is NULL. */
json_t *sim_json(json_t *json);

#endif
