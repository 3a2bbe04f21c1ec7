#include "common/pg_client.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "common/pg_conn.h"

/* A statement that waits for a connection; one allocation, sql and parameters lie behind it. */
struct statement {
    struct statement *next;
    pg_answer_fn *done;
    void *arg;
    unsigned timeout_ms;
    int params_count;
    const char *sql;
    const char *params[];
};

struct pg_pool {
    struct pg_pool_options options;            /* its strings are owned */
    struct pg_conn *conns[PG_CONNECTIONS_MAX]; /* owned */
    struct statement *first, **last;           /* owned, waiting, oldest first */
    unsigned waiting;
    uint64_t epoch;
    bool closing;
};

struct pg_pool_options pg_pool_options_default(void)
{
    return (struct pg_pool_options){.connections = 1,
                                    .waiting_max = 4096,
                                    .connect_timeout_ms = 5000,
                                    .backoff_base_ms = 100,
                                    .backoff_max_ms = 2000};
}

const char *pg_answer_value(const struct pg_answer *answer, int row, int column)
{
    const PGresult *rows = (const PGresult *)answer->rows;

    if (!rows || row < 0 || row >= PQntuples(rows) || column < 0 || column >= PQnfields(rows))
        return 0;
    return PQgetisnull(rows, row, column) ? 0 : PQgetvalue(rows, row, column);
}

int pg_answer_rows(const struct pg_answer *answer)
{
    return answer->rows ? PQntuples((const PGresult *)answer->rows) : 0;
}

unsigned pg_pool_ready(const struct pg_pool *pool)
{
    unsigned ready = 0, i;

    for (i = 0; i < pool->options.connections; i++)
        ready += pool->conns[i] && pg_conn_up(pool->conns[i]);
    return ready;
}

unsigned pg_pool_waiting(const struct pg_pool *pool)
{
    return pool->waiting;
}

unsigned pg_pool_running(const struct pg_pool *pool)
{
    unsigned running = 0, i;

    for (i = 0; i < pool->options.connections; i++)
        running += pool->conns[i] && pg_conn_up(pool->conns[i]) && !pg_conn_idle(pool->conns[i]);
    return running;
}

uint64_t pg_pool_epoch(const struct pg_pool *pool)
{
    return pool->epoch;
}

static struct statement *statement_create(const char *sql, int params_count, const char *const *params)
{
    size_t bytes = sizeof(struct statement) + (size_t)params_count * sizeof(char *) + strlen(sql) + 1;
    struct statement *statement;
    char *at;
    int i;

    for (i = 0; i < params_count; i++)
        bytes += params[i] ? strlen(params[i]) + 1 : 0;
    statement = malloc(bytes);
    if (!statement)
        return 0;
    *statement = (struct statement){.params_count = params_count};
    at = (char *)&statement->params[params_count];
    statement->sql = at;
    at = stpcpy(at, sql) + 1;
    for (i = 0; i < params_count; i++) {
        statement->params[i] = params[i] ? at : 0;
        if (params[i])
            at = stpcpy(at, params[i]) + 1;
    }
    return statement;
}

static struct statement *pool_shift(struct pg_pool *pool)
{
    struct statement *statement = pool->first;

    if (!statement)
        return 0;
    pool->first = statement->next;
    if (!pool->first)
        pool->last = &pool->first;
    pool->waiting--;
    return statement;
}

/* Everything that waits ends unsent. */
static void pool_flush(struct pg_pool *pool, const char *text)
{
    struct statement *statement;
    struct pg_answer answer = {.outcome = PG_UNSENT, .text = text};

    for (unsigned left = pool->waiting; left > 0; left--) { /* not those that callbacks add meanwhile */
        statement = pool_shift(pool);
        if (!statement)
            break;
        statement->done(&answer, statement->arg);
        free(statement);
    }
}

/* Give waiting statements to this connection. */
static void pool_feed(struct pg_conn *conn, void *arg)
{
    struct pg_pool *pool = arg;
    struct statement *statement;

    if (!pg_conn_idle(conn) || !(statement = pool_shift(pool)))
        return;
    if (!pg_conn_send(conn, statement->sql, statement->params_count, statement->params, statement->timeout_ms,
                      statement->done, statement->arg)) {
        statement->next = pool->first; /* back to the head: nothing was sent */
        pool->first = statement;
        if (!statement->next)
            pool->last = &statement->next;
        pool->waiting++;
        return;
    }
    free(statement);
}

static void pool_tell(struct pg_pool *pool, const struct failure *why)
{
    if (pool->options.on_state && !pool->closing)
        pool->options.on_state(pg_pool_ready(pool), why, pool->options.arg);
}

static void pool_on_up(struct pg_conn *conn, void *arg)
{
    struct pg_pool *pool = arg;

    pool_tell(pool, 0);
    pool_feed(conn, pool);
}

static void pool_on_down(struct pg_conn *conn, const struct failure *why, void *arg)
{
    struct pg_pool *pool = arg;

    (void)conn;
    pool_tell(pool, why);
    if (!pg_pool_ready(pool))
        pool_flush(pool, why->text);
}

static void pool_on_failed(struct pg_conn *conn, const struct failure *why, void *arg)
{
    (void)conn;
    pool_tell(arg, why);
}

static bool pool_copy_options(struct pg_pool *pool, const struct pg_pool_options *options)
{
    pool->options = *options;
    pool->options.url = strdup(options->url);
    pool->options.application_name = strdup(options->application_name ? options->application_name : "instep");
    pool->options.setup_sql = options->setup_sql ? strdup(options->setup_sql) : 0;
    return pool->options.url && pool->options.application_name &&
           (pool->options.setup_sql || !options->setup_sql);
}

enum err pg_pool_create(struct event_base *base, const struct pg_pool_options *options,
                        struct pg_pool **ret_pool, struct failure *fail)
{
    struct pg_conn_options conn_options = {
        .on_up = pool_on_up, .on_idle = pool_feed, .on_down = pool_on_down, .on_failed = pool_on_failed};
    PQconninfoOption *parsed = PQconninfoParse(options->url, 0);
    struct pg_pool *pool = 0;
    enum err err = ERR_OK;

    if (!parsed)
        return failf(fail, ERR_CONFIG, "DATABASE_URL is not a libpq URL");
    PQconninfoFree(parsed);
    if (options->connections < 1 || options->connections > PG_CONNECTIONS_MAX)
        return failf(fail, ERR_CONFIG, "connections must be 1 to %d", PG_CONNECTIONS_MAX);
    pool = calloc(1, sizeof *pool);
    if (!pool || !pool_copy_options(pool, options)) {
        err = failf(fail, ERR_NOMEM, "pool of connections to Postgres");
        goto out;
    }
    pool->last = &pool->first;
    conn_options.pool = &pool->options;
    conn_options.epoch = &pool->epoch;
    conn_options.arg = pool;
    for (unsigned i = 0; i < options->connections && err == ERR_OK; i++)
        err = pg_conn_create(base, &conn_options, &pool->conns[i], fail);
    if (err == ERR_OK) {
        *ret_pool = pool;
        pool = 0;
    }
out:
    pg_pool_free(pool); /* NULL after success */
    return err;
}

void pg_pool_free(struct pg_pool *pool)
{
    if (!pool)
        return;
    pool->closing = true;
    if (pool->last)
        pool_flush(pool, "closed");
    for (unsigned i = 0; i < PG_CONNECTIONS_MAX; i++)
        pg_conn_free(pool->conns[i]);
    free((char *)pool->options.url);
    free((char *)pool->options.application_name);
    free((char *)pool->options.setup_sql);
    free(pool);
}

enum err pg_pool_query(struct pg_pool *pool, const char *sql, int params_count, const char *const *params,
                       unsigned timeout_ms, pg_answer_fn *done, void *arg, struct failure *fail)
{
    struct statement *statement;

    if (pool->closing || !pg_pool_ready(pool))
        return failf(fail, ERR_UNAVAILABLE, "Postgres is away");
    if (!pool->waiting) {
        for (unsigned i = 0; i < pool->options.connections; i++) {
            struct pg_conn *conn = pool->conns[i];
            if (pg_conn_idle(conn) && pg_conn_send(conn, sql, params_count, params, timeout_ms, done, arg))
                return ERR_OK;
        }
    }
    if (pool->waiting >= pool->options.waiting_max)
        return failf(fail, ERR_LIMIT, "%u statements wait for Postgres", pool->waiting);
    statement = statement_create(sql, params_count, params);
    if (!statement)
        return failf(fail, ERR_NOMEM, "statement");
    statement->timeout_ms = timeout_ms;
    statement->done = done;
    statement->arg = arg;
    *pool->last = statement;
    pool->last = &statement->next;
    pool->waiting++;
    return ERR_OK;
}

void pg_pool_reconnect(struct pg_pool *pool)
{
    for (unsigned i = 0; i < pool->options.connections; i++)
        if (pg_conn_up(pool->conns[i]))
            pg_conn_reset(pool->conns[i]);
}
