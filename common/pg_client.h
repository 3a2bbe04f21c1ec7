/*
 * Postgres on libevent: a pool of asynchronous libpq connections that share one bounded queue of statements.
 *
 * One statement at a time per connection, no pipelining and no BEGIN: each statement is its own transaction, so
 * statements of two customers can never share a fate. Connections reconnect for ever with backoff. A pool of one
 * connection is a session: `epoch` in an answer tells whether it is still the same one.
 *
 * A statement that was sent and whose answer did not come (connection lost, deadline passed, or a commit that the
 * standby may lack) has an *unknown* outcome: it may have happened. Nothing is resent here.
 *
 * Names in the URL are resolved by libpq without asynchrony; use addresses or a local resolver.
 */
#ifndef INSTEP_COMMON_PG_CLIENT_H
#define INSTEP_COMMON_PG_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct event_base;
struct pg_pool;
struct pg_result; /* libpq's PGresult */

enum pg_outcome {
    PG_DONE,    /* rows are there, the transaction is committed */
    PG_ERROR,   /* Postgres refused: sqlstate and text; rolled back */
    PG_UNKNOWN, /* sent, but nobody knows whether it happened */
    PG_UNSENT   /* never sent: nothing happened */
};

struct pg_answer {
    enum pg_outcome outcome;
    const struct pg_result *rows; /* PG_DONE only; borrowed for the callback */
    char sqlstate[6];             /* PG_ERROR: five characters; else "" */
    const char *text;             /* PG_ERROR: the primary message, never the detail; "" if done; borrowed */
    uint64_t epoch;               /* of the connection that ran it; grows by one with each new connection */
    int backend_pid;              /* as the server said when connecting; 0 if unsent */
};
/* NULL for SQL NULL or outside the result. Borrowed for the callback. */
const char *pg_answer_value(const struct pg_answer *answer, int row, int column);
int pg_answer_rows(const struct pg_answer *answer);

/* Exactly once per accepted statement, from the loop, never before pg_pool_query returns. */
typedef void pg_answer_fn(const struct pg_answer *answer, void *arg);

struct pg_pool_options {
    const char *url;              /* libpq URL or keywords; copied */
    const char *application_name; /* copied */
    /* SQL run once on each new connection before it is used ("SET lock_timeout = ..."); NULL for none; copied */
    const char *setup_sql;
    unsigned connections; /* 1..PG_CONNECTIONS_MAX; default 1 */
    unsigned waiting_max; /* statements waiting for a free connection; beyond: ERR_LIMIT. Default 4096 */
    unsigned connect_timeout_ms; /* default 5000 */
    unsigned backoff_base_ms;    /* between attempts to connect, doubling, with jitter. Default 100 */
    unsigned backoff_max_ms;     /* default 2000 */
    /*
     * After each change: ready is the number of usable connections, why the reason of a loss or NULL.
     * Called from the loop. May not free the pool.
     */
    void (*on_state)(unsigned ready, const struct failure *why, void *arg);
    void *arg;
};
#define PG_CONNECTIONS_MAX 64
struct pg_pool_options pg_pool_options_default(void);

/* Starts connecting; keeps trying for ever. ERR_CONFIG: the URL cannot be parsed (its text is not repeated). */
enum err pg_pool_create(struct event_base *base, const struct pg_pool_options *options,
                        struct pg_pool **ret_pool, struct failure *fail);
/*
 * Closes everything. Statements waiting end PG_UNSENT, those under way PG_UNKNOWN, before this returns.
 * Not from inside a callback. NULL is fine.
 */
void pg_pool_free(struct pg_pool *pool);

unsigned pg_pool_ready(const struct pg_pool *pool);   /* usable connections */
unsigned pg_pool_waiting(const struct pg_pool *pool); /* statements not sent yet */
unsigned pg_pool_running(const struct pg_pool *pool); /* statements under way */
uint64_t pg_pool_epoch(const struct pg_pool *pool);   /* of the newest connection; 0 before the first */

/*
 * Run one statement with text parameters (NULL is SQL NULL); sql and params are copied.
 * timeout_ms counts from sending; when it passes the connection is closed and the outcome unknown.
 * ERR_UNAVAILABLE: no connection; ERR_LIMIT: too many waiting; ERR_NOMEM. Nothing was sent then, no callback.
 * When the last connection is lost, everything that waits ends PG_UNSENT.
 */
enum err pg_pool_query(struct pg_pool *pool, const char *sql, int params_count, const char *const *params,
                       unsigned timeout_ms, pg_answer_fn *done, void *arg, struct failure *fail);

/* Close the connections and open new ones: after an answer that says this server is no longer the primary. */
void pg_pool_reconnect(struct pg_pool *pool);

#endif
