#include "common/pg_conn.h"

#include <assert.h>
#include <event2/event.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

enum conn_state { CONN_DOWN, CONN_CONNECTING, CONN_SETUP, CONN_READY, CONN_BUSY };

struct pg_conn {
    struct event_base *base; /* borrowed */
    struct pg_conn_options options;
    enum conn_state state;
    PGconn *pg;             /* owned; NULL while down */
    struct event *io;       /* owned; NULL while nothing is watched */
    int io_fd;              /* what io watches */
    short io_what;          /* EV_READ, EV_WRITE */
    struct event *deadline; /* owned; of connecting, of setting up, of the statement */
    struct event *again;    /* owned; when to connect next */
    unsigned failures;      /* in a row */
    bool unreplicated;      /* the standby may lack what the statement committed */
    PGresult *result;       /* owned; the first failure, else the last result of what runs */
    pg_answer_fn *done;     /* of the statement under way; NULL if none */
    void *arg;
    uint64_t epoch;
    int backend_pid;
};

static void conn_lost(struct pg_conn *conn, enum err code, const char *text);
static void conn_io(evutil_socket_t fd, short what, void *arg);

/* Watch the socket libpq has now: it may change while connecting. False: no memory. */
static bool conn_watch(struct pg_conn *conn, short what)
{
    int fd = PQsocket(conn->pg);

    if (conn->io && conn->io_fd == fd && conn->io_what == what)
        return true;
    if (conn->io)
        event_free(conn->io);
    conn->io = event_new(conn->base, fd, (short)(what | EV_PERSIST), conn_io, conn);
    conn->io_fd = fd;
    conn->io_what = what;
    return conn->io && event_add(conn->io, 0) == 0;
}

static void conn_close(struct pg_conn *conn)
{
    if (conn->io)
        event_free(conn->io);
    conn->io = 0;
    PQclear(conn->result);
    conn->result = 0;
    PQfinish(conn->pg);
    conn->pg = 0;
    conn->state = CONN_DOWN;
    (void)event_del(conn->deadline);
}

/* Full jitter: a herd of workers must not knock together when Postgres comes back. */
static void conn_schedule(struct pg_conn *conn)
{
    const struct pg_pool_options *pool = conn->options.pool;
    int64_t high = pool->backoff_base_ms;
    unsigned i;
    struct timeval tv;

    for (i = 0; i < conn->failures && high < pool->backoff_max_ms; i++)
        high *= 2;
    if (high > pool->backoff_max_ms)
        high = pool->backoff_max_ms;
    tv = clock_timeval(high / 2 + random() % (high / 2 + 1));
    (void)event_add(conn->again, &tv);
}

/* The first line of what libpq says, without the line end. */
static void conn_reason(struct pg_conn *conn, struct failure *fail, enum err code, const char *text)
{
    if (!text)
        text = conn->pg ? PQerrorMessage(conn->pg) : "";
    (void)failf(fail, code, "Postgres: %.*s", (int)strcspn(text, "\n"), *text ? text : "connection lost");
}

static void conn_lost(struct pg_conn *conn, enum err code, const char *text)
{
    enum conn_state was = conn->state;
    pg_answer_fn *done = conn->done;
    struct pg_answer answer = {
        .outcome = PG_UNKNOWN, .text = "", .epoch = conn->epoch, .backend_pid = conn->backend_pid};
    struct failure why;

    conn_reason(conn, &why, code, text);
    conn_close(conn);
    conn->done = 0;
    if (was >= CONN_READY)
        conn->failures = 0;
    conn_schedule(conn);
    if (was < CONN_READY)
        conn->failures++;
    if (was >= CONN_READY)
        conn->options.on_down(conn, &why, conn->options.arg);
    else
        conn->options.on_failed(conn, &why, conn->options.arg);
    if (done) {
        answer.text = why.text;
        done(&answer, conn->arg);
    }
}

/* Send what libpq holds; wait for both directions until it is out, or both sides may block. */
static void conn_flush(struct pg_conn *conn)
{
    int left = PQflush(conn->pg);

    if (left < 0)
        conn_lost(conn, ERR_UNAVAILABLE, 0);
    else if (!conn_watch(conn, left ? EV_READ | EV_WRITE : EV_READ))
        conn_lost(conn, ERR_NOMEM, "out of memory");
}

static void conn_set_deadline(struct pg_conn *conn, unsigned timeout_ms)
{
    struct timeval tv = clock_timeval(timeout_ms);

    (void)event_add(conn->deadline, &tv);
}

/* Setting up ended. */
static void conn_finish_setup(struct pg_conn *conn)
{
    struct failure why;

    if (conn->result && PQresultStatus(conn->result) == PGRES_FATAL_ERROR) {
        const char *text = PQresultErrorField(conn->result, PG_DIAG_MESSAGE_PRIMARY);
        (void)failf(&why, ERR_PROTOCOL, "%s", text ? text : "settings of the session refused");
        conn_lost(conn, ERR_PROTOCOL, why.text);
        return;
    }
    PQclear(conn->result);
    conn->result = 0;
    (void)event_del(conn->deadline);
    conn->state = CONN_READY;
    conn->failures = 0;
    conn->epoch = ++*conn->options.epoch;
    conn->backend_pid = PQbackendPID(conn->pg);
    conn->options.on_up(conn, conn->options.arg);
}

static void conn_finish_statement(struct pg_conn *conn)
{
    PGresult *result = conn->result;
    pg_answer_fn *done = conn->done;
    struct pg_answer answer = {.text = "", .epoch = conn->epoch, .backend_pid = conn->backend_pid};
    ExecStatusType status = PQresultStatus(result); /* PGRES_FATAL_ERROR for NULL */
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        answer.outcome = conn->unreplicated ? PG_UNKNOWN : PG_DONE;
        answer.rows = conn->unreplicated ? 0 : (const struct pg_result *)result;
        if (conn->unreplicated)
            answer.text = "committed here, perhaps not on the standby";
    } else if (!state) { /* libpq's own words: the connection broke under the statement */
        conn_lost(conn, ERR_UNAVAILABLE, 0);
        return;
    } else {
        /* A backend that was told to go may have committed already. */
        answer.outcome = !strncmp(state, "57P0", 4) || !strncmp(state, "08", 2) ? PG_UNKNOWN : PG_ERROR;
        (void)memcpy(answer.sqlstate, state, strnlen(state, 5));
        answer.text = text ? text : "";
    }
    conn->result = 0;
    conn->done = 0;
    conn->unreplicated = false;
    conn->state = CONN_READY;
    (void)event_del(conn->deadline);
    done(&answer, conn->arg); /* may start the next one here */
    PQclear(result);
    if (conn->state == CONN_READY)
        conn->options.on_idle(conn, conn->options.arg);
}

/* Collect results until the statement is over. */
static void conn_collect(struct pg_conn *conn)
{
    PGresult *result;

    while (!PQisBusy(conn->pg)) {
        result = PQgetResult(conn->pg);
        if (!result) {
            if (conn->state == CONN_SETUP)
                conn_finish_setup(conn);
            else if (conn->state == CONN_BUSY)
                conn_finish_statement(conn);
            return;
        }
        if (PQstatus(conn->pg) == CONNECTION_BAD) { /* it may go on handing out results for ever */
            PQclear(result);
            conn_lost(conn, ERR_UNAVAILABLE, 0);
            return;
        }
        if (conn->result && PQresultStatus(conn->result) == PGRES_FATAL_ERROR) {
            PQclear(result);
            continue;
        }
        PQclear(conn->result);
        conn->result = result;
    }
}

static void conn_notice(void *arg, const PGresult *notice)
{
    struct pg_conn *conn = arg;
    const char *function = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);

    /* "The transaction has already committed locally, but might not have been replicated to the standby." */
    if (function && !strcmp(function, "SyncRepWaitForLSN"))
        conn->unreplicated = true;
}

static void conn_set_up(struct pg_conn *conn)
{
    const char *sql = conn->options.pool->setup_sql;

    if (PQsetnonblocking(conn->pg, 1) != 0) {
        conn_lost(conn, ERR_UNAVAILABLE, 0);
        return;
    }
    (void)PQsetNoticeReceiver(conn->pg, conn_notice, conn);
    conn->state = CONN_SETUP;
    if (!PQsendQuery(conn->pg, sql && *sql ? sql : "SELECT 1"))
        conn_lost(conn, ERR_UNAVAILABLE, 0);
    else
        conn_flush(conn);
}

static void conn_poll(struct pg_conn *conn)
{
    short what = 0;

    switch (PQconnectPoll(conn->pg)) {
    case PGRES_POLLING_OK: conn_set_up(conn); return;
    case PGRES_POLLING_READING: what = EV_READ; break;
    case PGRES_POLLING_WRITING: what = EV_WRITE; break;
    default: conn_lost(conn, ERR_UNAVAILABLE, 0); return;
    }
    /* Another host may reuse the number of the old socket, so forget the old registration always. */
    if (conn->io)
        event_free(conn->io);
    conn->io = 0;
    if (!conn_watch(conn, what))
        conn_lost(conn, ERR_NOMEM, "out of memory");
}

static void conn_io(evutil_socket_t fd, short what, void *arg)
{
    struct pg_conn *conn = arg;

    (void)fd;
    if (conn->state == CONN_CONNECTING) {
        conn_poll(conn);
        return;
    }
    if (what & EV_READ && !PQconsumeInput(conn->pg)) {
        conn_lost(conn, ERR_UNAVAILABLE, 0);
        return;
    }
    if (conn->io_what & EV_WRITE) {
        uint64_t epoch = conn->epoch;
        conn_flush(conn);
        if (!conn->pg || conn->epoch != epoch)
            return;
    }
    if (conn->state != CONN_READY) {
        conn_collect(conn);
        return;
    }
    /* Nothing runs: notices, or the server's farewell. */
    for (PGnotify *note = PQnotifies(conn->pg); note; note = PQnotifies(conn->pg))
        PQfreemem(note);
    if (PQstatus(conn->pg) == CONNECTION_BAD)
        conn_lost(conn, ERR_UNAVAILABLE, 0);
}

static void conn_connect(evutil_socket_t fd, short what, void *arg)
{
    struct pg_conn *conn = arg;
    const struct pg_pool_options *pool = conn->options.pool;
    /* Before dbname: defaults that the URL may override. After it: what we insist on. */
    const char *const names[] = {"keepalives",
                                 "keepalives_idle",
                                 "keepalives_interval",
                                 "keepalives_count",
                                 "tcp_user_timeout",
                                 "target_session_attrs",
                                 "fallback_application_name",
                                 "dbname",
                                 "client_encoding",
                                 0};
    const char *const values[] = {"1",       "10",   "5", "3", "20000", "read-write", pool->application_name,
                                  pool->url, "UTF8", 0};

    (void)fd;
    (void)what;
    assert(!conn->pg);
    conn->state = CONN_CONNECTING;
    conn->pg = PQconnectStartParams(names, values, 1);
    conn->unreplicated = false;
    conn->backend_pid = 0;
    if (!conn->pg || PQstatus(conn->pg) == CONNECTION_BAD) {
        conn_lost(conn, ERR_UNAVAILABLE, conn->pg ? 0 : "out of memory");
        return;
    }
    conn_set_deadline(conn, pool->connect_timeout_ms);
    if (!conn_watch(conn, EV_WRITE)) /* as if PQconnectPoll had asked for it */
        conn_lost(conn, ERR_NOMEM, "out of memory");
}

static void conn_expire(evutil_socket_t fd, short what, void *arg)
{
    struct pg_conn *conn = arg;

    (void)fd;
    (void)what;
    if (conn->pg)
        conn_lost(conn, ERR_TIMEOUT,
                  conn->state == CONN_BUSY ? "no answer in time" : "cannot connect in time");
}

enum err pg_conn_create(struct event_base *base, const struct pg_conn_options *options,
                        struct pg_conn **ret_conn, struct failure *fail)
{
    struct pg_conn *conn = calloc(1, sizeof *conn);
    struct timeval soon = {0, 0};

    if (!conn)
        return failf(fail, ERR_NOMEM, "connection to Postgres");
    conn->base = base;
    conn->options = *options;
    conn->deadline = evtimer_new(base, conn_expire, conn);
    conn->again = evtimer_new(base, conn_connect, conn);
    if (!conn->deadline || !conn->again || evtimer_add(conn->again, &soon) != 0) {
        pg_conn_free(conn);
        return failf(fail, ERR_NOMEM, "timers of a connection to Postgres");
    }
    *ret_conn = conn;
    return ERR_OK;
}

void pg_conn_free(struct pg_conn *conn)
{
    struct pg_answer answer = {.outcome = PG_UNKNOWN, .text = "closed"};

    if (!conn)
        return;
    if (conn->deadline)
        conn_close(conn);
    if (conn->deadline)
        event_free(conn->deadline);
    if (conn->again)
        event_free(conn->again);
    if (conn->done) {
        answer.epoch = conn->epoch;
        answer.backend_pid = conn->backend_pid;
        conn->done(&answer, conn->arg);
    }
    free(conn);
}

bool pg_conn_up(const struct pg_conn *conn)
{
    return conn->state >= CONN_READY;
}

bool pg_conn_idle(const struct pg_conn *conn)
{
    return conn->state == CONN_READY;
}

bool pg_conn_send(struct pg_conn *conn, const char *sql, int params_count, const char *const *params,
                  unsigned timeout_ms, pg_answer_fn *done, void *arg)
{
    int left;

    assert(conn->state == CONN_READY);
    conn->unreplicated = false;
    if (!PQsendQueryParams(conn->pg, sql, params_count, 0, params, 0, 0, 0)) {
        pg_conn_reset(conn);
        return false;
    }
    conn->state = CONN_BUSY;
    conn->done = done;
    conn->arg = arg;
    conn_set_deadline(conn, timeout_ms);
    left = PQflush(conn->pg);
    /* Whatever goes wrong from here on has an unknown outcome, and is told from the loop. */
    if (left < 0 || !conn_watch(conn, left ? EV_READ | EV_WRITE : EV_READ))
        pg_conn_reset(conn);
    return true;
}

void pg_conn_reset(struct pg_conn *conn)
{
    conn_set_deadline(conn, 0);
}
