#include "worker/lock.h"

#include <event2/event.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/pg_client.h"
#include "worker/env.h"

#define LOCK_TIMEOUT_MS   5000
#define LOCK_HEARTBEAT_MS 15000 /* a quarter of idle_session_timeout */

/* Short limits: nothing on this connection may wait. */
static const char setup_sql[] = "SET statement_timeout = '2s'; SET lock_timeout = '200ms'; "
                                "SET idle_session_timeout = '60s'; "
                                "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; "
                                "SET tcp_keepalives_count = 3; SET tcp_user_timeout = 20000; "
                                "SET client_connection_check_interval = '5s'";

struct lock {
    struct pg_pool *pool; /* owned, of one connection */
    struct lock_options options;
    struct event *heartbeat; /* owned */
    uint64_t epoch;          /* of the connection that passed the check; 0 if none */
    int64_t check_key;       /* nobody else's */
    int check_step;
    uint64_t checking; /* the epoch that is being checked */
};

struct lock_call {
    struct lock *lock;
    lock_fn *done;
    void *arg;
};

int64_t lock_key(const char *name)
{
    static const char space[] = "instep/lock/1:";
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    uint64_t key = 0;

    /* A wrong key would only serialise strangers or miss a lock; but neither is what we promise. */
    if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), 0) || !EVP_DigestUpdate(md, space, strlen(space)) ||
        !EVP_DigestUpdate(md, name, strlen(name)) || !EVP_DigestFinal_ex(md, digest, 0))
        abort();
    EVP_MD_CTX_free(md);
    for (int i = 0; i < 8; i++)
        key = key << 8 | digest[i];
    return (int64_t)key;
}

bool lock_usable(const struct lock *lock)
{
    return lock->epoch != 0;
}

uint64_t lock_epoch(const struct lock *lock)
{
    return lock->epoch;
}

/* ---- the check: is this one session of the server itself? ---- */

static void lock_check(struct lock *lock);

static void lock_refuse(struct lock *lock, const char *text)
{
    struct failure why;

    (void)failf(
        &why, ERR_CONFIG,
        "%s: a connection pooler in transaction mode seems to stand between this worker and Postgres. "
        "Session locks do not survive it. Let DATABASE_URL name the server itself",
        text);
    lock->options.on_state(false, &why, true, lock->options.arg);
}

static bool value_is(const struct pg_answer *answer, int column, const char *wanted)
{
    const char *value = pg_answer_value(answer, 0, column);

    return value && !strcmp(value, wanted);
}

/* Each statement is a transaction of its own: a transaction pooler may give each another backend. */
static const char *const check_sql[] = {
    "SELECT pg_backend_pid(), pg_try_advisory_lock($1::bigint)",
    "SELECT pg_backend_pid(), EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = "
    "pg_backend_pid() "
    "AND objsubid = 1 AND (classid::bigint << 32 | objid::bigint) = $1::bigint)",
    "SELECT pg_backend_pid(), pg_advisory_unlock($1::bigint)",
};

static void on_checked(const struct pg_answer *answer, void *arg)
{
    struct lock *lock = arg;
    char pid[16];
    struct failure why;

    if (answer->outcome == PG_ERROR && strncmp(answer->sqlstate, "42", 2) != 0) {
        pg_pool_reconnect(lock->pool); /* a busy moment */
        return;
    }
    if (answer->outcome == PG_ERROR) {
        (void)failf(&why, ERR_DENIED, "Postgres refuses the check of the lock connection: %s", answer->text);
        lock->options.on_state(false, &why, true, lock->options.arg);
        return;
    }
    if (answer->outcome != PG_DONE || answer->epoch != lock->checking)
        return; /* lost meanwhile: the next connection is checked anew */
    (void)snprintf(pid, sizeof pid, "%d", answer->backend_pid);
    if (!value_is(answer, 0, pid))
        lock_refuse(lock, "the backend is not the one that we connected to");
    else if (!value_is(answer, 1, "t"))
        lock_refuse(lock, "a session lock was lost between two statements");
    else if (++lock->check_step < (int)(sizeof check_sql / sizeof *check_sql))
        lock_check(lock);
    else {
        lock->epoch = lock->checking;
        lock->options.on_state(true, 0, false, lock->options.arg);
    }
}

static void lock_check(struct lock *lock)
{
    char key[24];
    const char *params[] = {key};

    (void)snprintf(key, sizeof key, "%" PRId64, lock->check_key);
    if (pg_pool_query(lock->pool, check_sql[lock->check_step], 1, params, LOCK_TIMEOUT_MS, on_checked, lock,
                      0) != ERR_OK)
        pg_pool_reconnect(lock->pool);
}

static void on_state(unsigned ready, const struct failure *why, void *arg)
{
    struct lock *lock = arg;

    lock->epoch = 0;
    if (!ready) {
        lock->options.on_state(false, why, false, lock->options.arg);
        return;
    }
    lock->checking = pg_pool_epoch(lock->pool);
    lock->check_step = 0;
    lock_check(lock);
}

/* ---- heartbeat ---- */

static void on_beat(const struct pg_answer *answer, void *arg)
{
    (void)answer; /* a loss is told by on_state */
    (void)arg;
}

static void on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
    struct lock *lock = arg;

    (void)fd;
    (void)what;
    if (lock_usable(lock))
        (void)pg_pool_query(lock->pool, "SELECT 1", 0, 0, LOCK_TIMEOUT_MS, on_beat, lock, 0);
}

/* ---- the verbs ---- */

static void call_end(struct lock_call *call, enum lock_answer answer, uint64_t epoch)
{
    call->done(answer, answer == LOCK_HELD ? epoch : 0, call->arg);
    free(call);
}

static void on_answer(const struct pg_answer *answer, void *arg)
{
    struct lock_call *call = arg;

    if (answer->outcome != PG_DONE || answer->epoch != call->lock->epoch)
        call_end(call, LOCK_AWAY, 0);
    else
        call_end(call, value_is(answer, 0, "t") ? LOCK_HELD : LOCK_BUSY, answer->epoch);
}

static void on_gone(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    call_end(arg, LOCK_AWAY, 0);
}

static struct lock_call *call_create(struct lock *lock, lock_fn *done, void *arg)
{
    struct lock_call *call = malloc(sizeof *call);

    if (call)
        *call = (struct lock_call){.lock = lock, .done = done, .arg = arg};
    return call;
}

static enum err lock_send(struct lock *lock, const char *sql, int64_t key, struct lock_call *call)
{
    char text[24];
    const char *params[] = {text};
    enum err err;

    (void)snprintf(text, sizeof text, "%" PRId64, key);
    err = pg_pool_query(lock->pool, sql, 1, params, LOCK_TIMEOUT_MS, on_answer, call, 0);
    if (err != ERR_OK)
        free(call);
    return err;
}

enum err lock_try(struct lock *lock, int64_t key, lock_fn *done, void *arg)
{
    struct lock_call *call;

    if (!lock_usable(lock))
        return ERR_UNAVAILABLE;
    call = call_create(lock, done, arg);
    return call ? lock_send(lock, "SELECT pg_try_advisory_lock($1::bigint)", key, call) : ERR_NOMEM;
}

enum err lock_release(struct lock *lock, int64_t key, uint64_t epoch, lock_fn *done, void *arg)
{
    struct lock_call *call = call_create(lock, done, arg);
    struct timeval soon = {0, 0};

    if (!call)
        return ERR_NOMEM;
    if (epoch == lock->epoch && lock_usable(lock))
        return lock_send(lock, "SELECT pg_advisory_unlock($1::bigint)", key, call);
    if (event_base_once(event_get_base(lock->heartbeat), -1, EV_TIMEOUT, on_gone, call, &soon) != 0) {
        free(call);
        return ERR_NOMEM;
    }
    return ERR_OK;
}

enum err lock_create(struct event_base *base, const struct lock_options *options, struct lock **ret_lock,
                     struct failure *fail)
{
    struct lock *lock = calloc(1, sizeof *lock);
    struct pg_pool_options pool_options = pg_pool_options_default();
    struct timeval tv = clock_timeval(LOCK_HEARTBEAT_MS);
    char name[64];
    enum err err;

    if (!lock)
        return failf(fail, ERR_NOMEM, "lock");
    lock->options = *options;
    lock->check_key = (int64_t)env_random();
    (void)snprintf(name, sizeof name, "instep-worker lock %.40s", options->name);
    pool_options.url = options->url;
    pool_options.application_name = name;
    pool_options.setup_sql = setup_sql;
    pool_options.on_state = on_state;
    pool_options.arg = lock;
    lock->heartbeat = event_new(base, -1, EV_PERSIST, on_heartbeat, lock);
    if (!lock->heartbeat || event_add(lock->heartbeat, &tv) != 0) {
        err = failf(fail, ERR_NOMEM, "lock");
        goto out;
    }
    err = pg_pool_create(base, &pool_options, &lock->pool, fail);
    if (err == ERR_OK) {
        *ret_lock = lock;
        lock = 0;
    }
out:
    lock_free(lock); /* NULL after success */
    return err;
}

void lock_free(struct lock *lock)
{
    if (!lock)
        return;
    lock->epoch = 0;
    pg_pool_free(lock->pool);
    if (lock->heartbeat)
        event_free(lock->heartbeat);
    free(lock);
}
