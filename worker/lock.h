/*
 * One customer at a time, over all workers: Postgres advisory locks on a connection that does nothing else.
 *
 * Locks are session-level and only ever tried, never waited for. They are re-entrant, so the worker's own table
 * keeps two turns of one customer apart within a process. When the connection is lost every lock is lost with it:
 * `epoch` says which connection gave a lock, and a turn whose epoch is not lock_epoch() any more must not apply.
 * The server frees the locks of a dead host by TCP keepalive, those of a stopped process by idle_session_timeout;
 * a heartbeat keeps a living but idle one.
 */
#ifndef INSTEP_WORKER_LOCK_H
#define INSTEP_WORKER_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct event_base;
struct lock;

/* The 64-bit key of a name, pinned for ever: first 8 bytes, big endian, of SHA-256("instep/lock/1:" name). */
int64_t lock_key(const char *name);

struct lock_options {
    const char *url;  /* DATABASE_URL; copied */
    const char *name; /* of the worker; copied */
    /*
     * usable: connected and checked. why: the reason of a loss, or NULL. fatal: a pooler stands between, or the
     * server cannot be used at all; the program should say why and end.
     */
    void (*on_state)(bool usable, const struct failure *why, bool fatal, void *arg);
    void *arg;
};
enum err lock_create(struct event_base *base, const struct lock_options *options, struct lock **ret_lock,
                     struct failure *fail);
/* Calls under way end with LOCK_AWAY before this returns. NULL is fine. */
void lock_free(struct lock *lock);

bool lock_usable(const struct lock *lock);
uint64_t lock_epoch(const struct lock *lock); /* 0 while not usable */

enum lock_answer { LOCK_HELD, LOCK_BUSY, LOCK_AWAY };
/* epoch as above, 0 unless LOCK_HELD. Exactly once, never before the call returns. */
typedef void lock_fn(enum lock_answer answer, uint64_t epoch, void *arg);

/* ERR_UNAVAILABLE, ERR_LIMIT, ERR_NOMEM: nothing was sent, no callback. */
enum err lock_try(struct lock *lock, int64_t key, lock_fn *done, void *arg);
/*
 * Give a lock back. LOCK_HELD: it was ours until now. LOCK_AWAY: it went with its connection (also when epoch is
 * not the current one: nothing is sent then, done runs from the loop all the same).
 */
enum err lock_release(struct lock *lock, int64_t key, uint64_t epoch, lock_fn *done, void *arg);

#endif
