/* The Postgres client and the locks on it, against a private Postgres that is shaken. Run from the repository root. */
// rooms: worker
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/pg_client.h"
#include "tests/unit/pg_fixture.h"
#include "tests/unit/tap.h"
#include "worker/lock.h"

#define ANSWERS_MAX 64
#define PATIENCE_MS 30000 /* far beyond anything that works; not an expectation */

static struct event_base *base;

/* ---- waiting ---- */

struct seen {
    int count;
    struct {
        enum pg_outcome outcome;
        char value[64], sqlstate[6], text[200];
        uint64_t epoch;
        bool is_null;
    } answers[ANSWERS_MAX];
    unsigned ready; /* connections, as last told */
    char why[320];  /* of the last loss */
};

static void on_answer(const struct pg_answer *answer, void *arg)
{
    struct seen *seen = arg;
    const char *value = pg_answer_value(answer, 0, 0);

    if (seen->count >= ANSWERS_MAX)
        return;
    seen->answers[seen->count].outcome = answer->outcome;
    seen->answers[seen->count].epoch = answer->epoch;
    seen->answers[seen->count].is_null = !value;
    (void)snprintf(seen->answers[seen->count].value, 64, "%s", value ? value : "");
    (void)snprintf(seen->answers[seen->count].sqlstate, 6, "%s", answer->sqlstate);
    (void)snprintf(seen->answers[seen->count].text, 200, "%s", answer->text);
    seen->count++;
}

static void on_state(unsigned ready, const struct failure *why, void *arg)
{
    struct seen *seen = arg;

    seen->ready = ready;
    if (why)
        (void)snprintf(seen->why, sizeof seen->why, "%s", why->text);
}

static bool answered(const struct seen *seen, int count)
{
    int64_t end = clock_mono_ms() + PATIENCE_MS;

    while (seen->count < count && clock_mono_ms() < end)
        (void)event_base_loop(base, EVLOOP_ONCE);
    return seen->count >= count;
}

static bool connected(const struct seen *seen, unsigned ready)
{
    int64_t end = clock_mono_ms() + PATIENCE_MS;

    while (seen->ready != ready && clock_mono_ms() < end)
        (void)event_base_loop(base, EVLOOP_ONCE);
    return seen->ready == ready;
}

static struct pg_pool *pool_start(struct seen *seen, unsigned connections, unsigned waiting_max,
                                  const char *setup)
{
    struct pg_pool_options options = pg_pool_options_default();
    struct pg_pool *pool = 0;

    *seen = (struct seen){.count = 0};
    options.url = url;
    options.application_name = "test";
    options.setup_sql = setup;
    options.connections = connections;
    options.waiting_max = waiting_max;
    options.on_state = on_state;
    options.arg = seen;
    return pg_pool_create(base, &options, &pool, 0) == ERR_OK ? pool : 0;
}

static enum err ask(struct pg_pool *pool, struct seen *seen, const char *sql, unsigned timeout_ms)
{
    return pg_pool_query(pool, sql, 0, 0, timeout_ms, on_answer, seen, 0);
}

/* ---- tests ---- */

static void test_answers(void)
{
    struct seen seen;
    struct pg_pool *pool =
        pool_start(&seen, 1, 100, "SET lock_timeout = '123ms'; SET statement_timeout = '9s'");
    const char *params[] = {"a'b", 0};
    const char *large[1];
    char *text = malloc(5000001);

    tap_ok(ask(pool, &seen, "SELECT 1", 1000) == ERR_UNAVAILABLE,
           "before there is a connection nothing is taken");
    tap_ok(connected(&seen, 1), "the pool connects");
    (void)pg_pool_query(pool, "SELECT $1 || coalesce($2, '!')", 2, params, 5000, on_answer, &seen, 0);
    (void)ask(pool, &seen, "SELECT NULL", 5000);
    (void)ask(pool, &seen, "SHOW lock_timeout", 5000);
    (void)ask(pool, &seen, "CREATE TEMP TABLE t (id int PRIMARY KEY, secret text)", 5000);
    (void)ask(pool, &seen, "INSERT INTO t VALUES (1, 'hush')", 5000);
    (void)ask(pool, &seen, "INSERT INTO t VALUES (1, 'hush')", 5000);
    (void)ask(pool, &seen,
              "DO $$ BEGIN RAISE EXCEPTION 'no such shape' USING ERRCODE = 'IS001', DETAIL = 'hush'; END $$",
              5000);
    (void)ask(pool, &seen, "SELECT count(*) FROM t", 5000);
    tap_ok(seen.count == 0, "no answer comes before the question returns");
    tap_ok(answered(&seen, 8), "every statement is answered");
    tap_ok(seen.answers[0].outcome == PG_DONE && !strcmp(seen.answers[0].value, "a'b!"),
           "parameters are text, NULL is NULL");
    tap_ok(seen.answers[1].outcome == PG_DONE && seen.answers[1].is_null, "a NULL comes back as NULL");
    tap_ok(!strcmp(seen.answers[2].value, "123ms"), "the session is set up before it is used");
    tap_ok(seen.answers[4].outcome == PG_DONE && seen.answers[5].outcome == PG_ERROR &&
               !strcmp(seen.answers[5].sqlstate, "23505"),
           "a refusal has its SQLSTATE");
    tap_ok(!strcmp(seen.answers[6].sqlstate, "IS001") && !strcmp(seen.answers[6].text, "no such shape"),
           "and its message, never the detail");
    tap_ok(!strcmp(seen.answers[7].value, "1"),
           "the statement after a refused one runs as if nothing had been");
    if (text) {
        (void)memset(text, 'x', 5000000);
        text[5000000] = 0;
        large[0] = text;
        (void)pg_pool_query(pool, "SELECT length($1)", 1, large, 10000, on_answer, &seen, 0);
        tap_ok(answered(&seen, 9) && !strcmp(seen.answers[8].value, "5000000"),
               "a parameter larger than every buffer goes through");
    }
    free(text);
    pg_pool_free(pool);
}

static void test_queue(void)
{
    struct seen seen;
    struct pg_pool *pool = pool_start(&seen, 1, 3, 0);
    bool in_order = true;
    char sql[64];

    (void)connected(&seen, 1);
    (void)ask(pool, &seen, "SELECT 0 FROM pg_sleep(0.05)", 5000);
    for (int i = 1; i <= 3; i++) {
        (void)snprintf(sql, sizeof sql, "SELECT %d", i);
        (void)ask(pool, &seen, sql, 5000);
    }
    tap_ok(pg_pool_waiting(pool) == 3 && pg_pool_running(pool) == 1, "one runs, the others wait");
    tap_ok(ask(pool, &seen, "SELECT 4", 5000) == ERR_LIMIT, "beyond the bound a statement is refused");
    (void)answered(&seen, 4);
    for (int i = 0; i < 4; i++)
        in_order = in_order && atoi(seen.answers[i].value) == i;
    tap_ok(in_order, "they run in order");
    pg_pool_free(pool);

    pool = pool_start(&seen, 2, 10, 0);
    (void)connected(&seen, 2);
    (void)ask(pool, &seen, "SELECT 'slow' FROM pg_sleep(1)", 5000);
    (void)ask(pool, &seen, "SELECT 'quick'", 5000);
    (void)answered(&seen, 2);
    tap_ok(!strcmp(seen.answers[0].value, "quick"), "a slow statement does not hold up the other connection");
    (void)ask(pool, &seen, "SELECT pg_sleep(10)", 20000);
    (void)ask(pool, &seen, "SELECT pg_sleep(10)", 20000);
    (void)ask(pool, &seen, "SELECT 1", 5000);
    pg_pool_free(pool);
    tap_ok(seen.count == 5 && seen.answers[2].outcome == PG_UNSENT && seen.answers[3].outcome == PG_UNKNOWN &&
               seen.answers[4].outcome == PG_UNKNOWN,
           "closing ends what waits as unsent and what runs as unknown");
}

static void test_losses(void)
{
    struct seen seen;
    struct pg_pool *pool = pool_start(&seen, 1, 10, 0);
    uint64_t epoch;

    (void)connected(&seen, 1);
    epoch = pg_pool_epoch(pool);
    (void)ask(pool, &seen, "SELECT pg_sleep(20)", 100);
    (void)ask(pool, &seen, "SELECT 1", 100);
    tap_ok(answered(&seen, 2) && seen.answers[0].outcome == PG_UNSENT &&
               seen.answers[1].outcome == PG_UNKNOWN,
           "a statement past its deadline is unknown, what waited behind it unsent");
    tap_ok(connected(&seen, 1) && pg_pool_epoch(pool) == epoch + 1,
           "the connection is made anew, in a new epoch");
    (void)ask(pool, &seen, "SELECT pg_terminate_backend(pg_backend_pid())", 5000);
    tap_ok(answered(&seen, 3) && seen.answers[2].outcome == PG_UNKNOWN,
           "a backend that is told to go leaves an unknown outcome");
    (void)connected(&seen, 1);
    (void)ask(pool, &seen, "SELECT 'again'", 5000);
    tap_ok(answered(&seen, 4) && !strcmp(seen.answers[3].value, "again") &&
               seen.answers[3].epoch == epoch + 2,
           "and the next connection works");
    (void)ask(pool, &seen, "SELECT pg_sleep(20)", 20000);
    tap_ok(stack("kill postgres") && answered(&seen, 5) && seen.answers[4].outcome == PG_UNKNOWN,
           "a killed server leaves an unknown outcome");
    tap_ok(ask(pool, &seen, "SELECT 1", 5000) == ERR_UNAVAILABLE && strstr(seen.why, "Postgres: ") != 0,
           "while it is away nothing is taken, and the reason is told");
    tap_ok(stack("revive postgres") && connected(&seen, 1), "it comes back by itself");
    pg_pool_free(pool);

    pool = pool_start(&seen, 1, 10, "SET no_such_setting = 1");
    while (!*seen.why)
        (void)event_base_loop(base, EVLOOP_ONCE);
    tap_ok(!pg_pool_ready(pool) && strstr(seen.why, "no_such_setting") != 0,
           "a session that cannot be set up is never used, and says why");
    pg_pool_free(pool);
}

struct locked {
    int answers;
    enum lock_answer last;
    uint64_t epoch;
    bool usable;
};

static void on_lock_state(bool usable, const struct failure *why, bool fatal, void *arg)
{
    (void)why;
    (void)fatal;
    ((struct locked *)arg)->usable = usable;
}

static void on_locked(enum lock_answer answer, uint64_t epoch, void *arg)
{
    struct locked *locked = arg;

    locked->answers++;
    locked->last = answer;
    locked->epoch = epoch;
}

static bool lock_wait(const struct locked *locked, int answers)
{
    int64_t end = clock_mono_ms() + PATIENCE_MS;

    while (locked->answers < answers && clock_mono_ms() < end)
        (void)event_base_loop(base, EVLOOP_ONCE);
    return locked->answers == answers;
}

static bool lock_ready(const struct locked *locked, bool usable)
{
    int64_t end = clock_mono_ms() + PATIENCE_MS;

    while (locked->usable != usable && clock_mono_ms() < end)
        (void)event_base_loop(base, EVLOOP_ONCE);
    return locked->usable == usable;
}

static void test_locks(void)
{
    struct locked a = {.answers = 0}, b = {.answers = 0};
    struct lock_options options = {.url = url, .name = "a", .on_state = on_lock_state, .arg = &a};
    struct lock *mine = 0, *other = 0;
    struct seen seen;
    struct pg_pool *pool = pool_start(&seen, 1, 10, 0);
    uint64_t epoch;

    (void)lock_create(base, &options, &mine, 0);
    options.name = "b";
    options.arg = &b;
    (void)lock_create(base, &options, &other, 0);
    tap_ok(lock_try(mine, 7, on_locked, &a) == ERR_UNAVAILABLE, "no lock before the connection is checked");
    tap_ok(lock_ready(&a, true) && lock_ready(&b, true), "a direct connection passes the check for poolers");
    (void)lock_try(mine, 7, on_locked, &a);
    tap_ok(lock_wait(&a, 1) && a.last == LOCK_HELD && a.epoch == lock_epoch(mine), "a free lock is held");
    epoch = a.epoch;
    (void)lock_try(other, 7, on_locked, &b);
    tap_ok(lock_wait(&b, 1) && b.last == LOCK_BUSY, "a held lock is busy for another worker");
    (void)lock_release(mine, 7, epoch, on_locked, &a);
    (void)lock_wait(&a, 2);
    (void)lock_try(other, 7, on_locked, &b);
    tap_ok(a.last == LOCK_HELD && lock_wait(&b, 2) && b.last == LOCK_HELD, "released, it is the other's");
    (void)lock_release(mine, 7, epoch, on_locked, &a);
    tap_ok(lock_wait(&a, 3) && a.last == LOCK_BUSY, "giving back what is not ours is noticed");

    (void)connected(&seen, 1);
    (void)ask(pool, &seen, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'",
              5000);
    tap_ok(lock_ready(&b, false) && lock_epoch(other) == 0, "a lost connection has no epoch");
    epoch = b.epoch;
    tap_ok(lock_ready(&b, true) && lock_epoch(other) != epoch, "the next one has another");
    (void)lock_release(other, 7, epoch, on_locked, &b);
    tap_ok(b.answers == 2 && lock_wait(&b, 3) && b.last == LOCK_AWAY,
           "a lock of an old epoch went with its connection, and nothing is sent to give it back");
    (void)lock_try(mine, 7, on_locked, &a);
    tap_ok(lock_wait(&a, 4) && a.last == LOCK_HELD, "so another may have it");
    (void)lock_try(mine, 8, on_locked, &a);
    lock_free(mine);
    tap_ok(a.answers == 5 && a.last == LOCK_AWAY, "closing ends what is under way");
    lock_free(other);
    pg_pool_free(pool);
}

int main(void)
{
    struct pg_pool_options options = pg_pool_options_default();
    struct pg_pool *pool = 0;

    base = event_base_new();
    options.url = "postgres://[broken";
    tap_ok(pg_pool_create(base, &options, &pool, 0) == ERR_CONFIG, "a URL that is none is refused");
    if (!postgres_start()) {
        (void)stack("destroy");
        tap_ok(false, "a private Postgres starts (deploy/local/stack)");
        return tap_done();
    }
    test_answers();
    test_queue();
    test_losses();
    test_locks();
    (void)stack("destroy");
    (void)rmdir(dir);
    event_base_free(base);
    return tap_done();
}
