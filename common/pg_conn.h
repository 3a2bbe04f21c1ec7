/* One asynchronous libpq connection. Private to common/pg_client.c and common/pg_conn.c. */
#ifndef INSTEP_COMMON_PG_CONN_H
#define INSTEP_COMMON_PG_CONN_H

#include "common/pg_client.h"

struct pg_conn;

struct pg_conn_options {
    const struct pg_pool_options *pool;               /* borrowed; outlives the connection */
    uint64_t *epoch;                                  /* shared counter of the pool */
    void (*on_up)(struct pg_conn *conn, void *arg);   /* connected and set up */
    void (*on_idle)(struct pg_conn *conn, void *arg); /* a statement ended: may start the next */
    void (*on_down)(struct pg_conn *conn, const struct failure *why,
                    void *arg); /* was usable, is no longer */
    void (*on_failed)(struct pg_conn *conn, const struct failure *why, void *arg); /* an attempt failed */
    void *arg;
};

/* Starts connecting from a zero timer. */
enum err pg_conn_create(struct event_base *base, const struct pg_conn_options *options,
                        struct pg_conn **ret_conn, struct failure *fail);
/* A statement under way ends PG_UNKNOWN before this returns. */
void pg_conn_free(struct pg_conn *conn);

bool pg_conn_up(const struct pg_conn *conn);   /* connected and set up */
bool pg_conn_idle(const struct pg_conn *conn); /* up and free */

/* Only while idle. False: it could not be sent; the connection is going down and done will not be called. */
bool pg_conn_send(struct pg_conn *conn, const char *sql, int params_count, const char *const *params,
                  unsigned timeout_ms, pg_answer_fn *done, void *arg);

void pg_conn_reset(struct pg_conn *conn); /* close at the next turn of the loop and connect again */

#endif
