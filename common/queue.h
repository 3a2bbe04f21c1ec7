/*
 * The queue: one Redis stream per customer, customers waiting in lanes, one lease per customer.
 * docs/architecture.md, "Queue", has the keys; common/queue/ has one Lua script per verb, which is the protocol.
 *
 * A *key* names a customer of an account: "<account>:<customer>", account "self" for the platform's own. An event
 * without a customer is keyed by its object instead ("self:ch_1"); its turn finds the customer.
 *
 * Every verb is one script, so it happens wholly or not at all, and time is Redis's. A verb whose reply was lost
 * may have happened: repeating any of them is harmless.
 */
#ifndef INSTEP_COMMON_QUEUE_H
#define INSTEP_COMMON_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct queue;
struct redis_client;

#define QUEUE_KEY_BYTES_MAX    511 /* two ids of up to 255 bytes and the colon */
#define QUEUE_TOKEN_BYTES      40
#define QUEUE_ENTRIES_PER_TURN 256 /* oldest first; the rest waits for the next turn */

enum queue_lane { QUEUE_INTERACTIVE, QUEUE_WEBHOOK, QUEUE_SWEEP, QUEUE_LANES };
const char *queue_lane_name(enum queue_lane lane); /* "interactive", ... */

/* What is known of an event: identifiers and times, never amounts, statuses or names. "" where unknown. */
struct envelope {
    const char *event_id;  /* evt_..., or sync_... for our own */
    const char *type;      /* customer.subscription.updated; v1.… for thin ones; instep.sync for our own */
    const char *object_id; /* sub_... */
    const char *object_type; /* subscription */
    const char *customer;    /* cus_... as the payload says, "" if it does not */
    const char *account;     /* acct_... or "" */
    const char *api_version;
    const char *context;        /* thin ones: the way to the account, "org_1/acct_1"; "" if not said */
    const char *snapshot_event; /* thin ones: the snapshot event of the same change; "" if not known */
    int64_t created;            /* unix seconds, by Stripe */
    int64_t received_ms;        /* unix milliseconds, by the ingest */
    bool livemode;
    enum queue_lane lane;
};

/* One waiting entry of a taken customer. */
struct queue_entry {
    char *entry_id;           /* Redis stream id, owned */
    struct envelope envelope; /* its strings live in storage */
    char *storage;            /* owned */
};

/* A customer handed to this worker until the lease runs out. */
struct queue_lease {
    char key[QUEUE_KEY_BYTES_MAX + 1];
    char token[QUEUE_TOKEN_BYTES + 1]; /* unique per lease */
    unsigned attempts;                 /* this one included; 1 is the first */
    enum queue_lane lane;
    struct queue_entry *entries; /* owned, oldest first */
    size_t entries_count;
};
void queue_lease_release(struct queue_lease *lease); /* frees what it owns, zeroes it */

struct queue_options {
    const char *prefix;     /* default "instep"; keys are <prefix>:{0}:... */
    const char *owner;      /* this worker, "host:pid:random"; "" for an enqueuer; copied */
    unsigned lease_ms;      /* default 60,000 */
    unsigned rest_ms;       /* between an ack and the customer's next turn; default 0, at most 60,000 */
    unsigned wake_list_max; /* default 1,000 */
};
struct queue_options queue_options_default(void);

/* client is borrowed and must outlive the queue. */
enum err queue_create(struct redis_client *client, const struct queue_options *options,
                      struct queue **ret_queue, struct failure *fail);
void queue_free(struct queue *queue);

/* err as in redis_reply_fn. Exactly once, never before the verb returns. */
typedef void queue_done_fn(enum err err, const struct failure *fail, void *arg);

/* Append and make ready, in one step. key "<account>:<id>", both as stripe_id_is_plain() says, else ERR_INVALID. ERR_PROTOCOL with "OOM": Redis is full. */
enum err queue_enqueue(struct queue *queue, const char *key, const struct envelope *envelope,
                       queue_done_fn *done, void *arg, struct failure *fail);

/*
 * Lease up to max customers. leases is borrowed for the call; move what you keep (zero it) before returning.
 * Counts the attempt.
 */
typedef void queue_take_fn(enum err err, struct queue_lease *leases, size_t count, const struct failure *fail,
                           void *arg);
enum err queue_take(struct queue *queue, unsigned max, queue_take_fn *done, void *arg, struct failure *fail);

/* Block on the wake list, on a client of its own (command_timeout_ms 0). Ends by a wake-up or after timeout_ms. */
enum err queue_wait(struct queue *queue, struct redis_client *blocking, unsigned timeout_ms,
                    queue_done_fn *done, void *arg, struct failure *fail);

/* The verbs below check the token. ERR_CONFLICT: the lease is no longer ours, nothing was changed. */

/* Extend the leases of these customers; the callback's kept[i] says which are still ours. */
typedef void queue_renew_fn(enum err err, const bool *kept, size_t count, const struct failure *fail,
                            void *arg);
enum err queue_renew(struct queue *queue, const struct queue_lease *const *leases, size_t count,
                     queue_renew_fn *done, void *arg, struct failure *fail);

/*
 * Delete the entries that were taken. More arrived: ready again after rest_ms, at once if this turn could not take
 * them all or an interactive one is among them. None: nothing of this customer remains after rest_ms.
 */
enum err queue_ack(struct queue *queue, const struct queue_lease *lease, queue_done_fn *done, void *arg,
                   struct failure *fail);

/* Give the lease back; due again after delay_ms. count_attempt false: the attempt does not count (an outage). */
enum err queue_retry(struct queue *queue, const struct queue_lease *lease, unsigned delay_ms,
                     bool count_attempt, queue_done_fn *done, void *arg, struct failure *fail);

/*
 * Take these entries off the stream after they were written to ops.dead_letter; counted by cause. The customer's
 * attempts start again with its next event.
 */
enum err queue_bury(struct queue *queue, const struct queue_lease *lease, const char *cause,
                    queue_done_fn *done, void *arg, struct failure *fail);

struct queue_depth {
    int64_t ready[QUEUE_LANES]; /* customers */
    int64_t delayed;
    int64_t leased;
    int64_t resting;           /* had a turn a moment ago */
    int64_t oldest_due_age_ms; /* how late the most overdue delayed customer or expired lease is; 0 if none */
    int64_t oldest_waiting_ms; /* age of the oldest entry of the heads of the lanes; 0 if none */
    int64_t buried_total;
};
typedef void queue_depth_fn(enum err err, const struct queue_depth *depth, const struct failure *fail,
                            void *arg);
enum err queue_measure(struct queue *queue, queue_depth_fn *done, void *arg, struct failure *fail);

/* Redis's settings that the queue's promises rest on; each wrong one as a sentence. */
typedef void queue_check_fn(enum err err, const char *const *warnings, size_t count,
                            const struct failure *fail, void *arg);
enum err queue_check_settings(struct queue *queue, queue_check_fn *done, void *arg, struct failure *fail);

#endif
