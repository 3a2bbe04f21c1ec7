/* The leader's chores against a Postgres whose functions are the test's own. */
// rooms: worker
#include "worker/chores.h"

#include <event2/event.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/metrics.h"
#include "common/pg_client.h"
#include "tests/unit/pg_fixture.h"
#include "tests/unit/tap.h"
#include "worker/env.h"
#include "worker/stats.h"

#define PATIENCE_MS 30000 /* far beyond anything that works; not an expectation */

static struct event_base *base;
static struct stats stats;
static struct config config;
static struct env env;

static void on_any(const struct pg_answer *answer, void *arg)
{
    int *count = arg;

    if (answer->outcome != PG_DONE)
        tap_note("%s %s", answer->sqlstate, answer->text);
    *count = pg_answer_value(answer, 0, 0) ? atoi(pg_answer_value(answer, 0, 0)) : 0;
}

/* The first value as a number; -1: no answer. */
static int ask(const char *sql)
{
    int64_t end = clock_mono_ms() + PATIENCE_MS;
    int value = -1;

    if (pg_pool_query(env.ledger, sql, 0, 0, PATIENCE_MS, on_any, &value, 0) != ERR_OK)
        return -1;
    while (value < 0 && clock_mono_ms() < end)
        (void)event_base_loop(base, EVLOOP_ONCE);
    return value;
}

static const struct leader_job *job(const char *name)
{
    for (size_t i = 0; i < chores_schedule_count; i++)
        if (!strcmp(chores_schedule[i].name, name))
            return &chores_schedule[i];
    return 0;
}

static void settle(void)
{
    int64_t end = clock_mono_ms() + PATIENCE_MS;

    job("settle_credits")->run(&env);
    while (env.credits.under_way && clock_mono_ms() < end)
        (void)event_base_loop(base, EVLOOP_ONCE);
}

static void test_settle(void)
{
    (void)ask("CREATE SCHEMA ops");
    (void)ask("CREATE TABLE ops.due (n integer)");
    (void)ask("CREATE TABLE ops.asked (at_a_time integer)");
    (void)ask("CREATE FUNCTION ops.credits_due(p_limit integer) RETURNS integer LANGUAGE plpgsql AS $$ "
              "DECLARE v_n integer; BEGIN INSERT INTO ops.asked VALUES (p_limit); "
              "SELECT least(n, p_limit) INTO v_n FROM ops.due; UPDATE ops.due SET n = n - v_n; "
              "IF v_n = 7 THEN RAISE EXCEPTION 'a rule is broken'; END IF; RETURN v_n; END $$");
    (void)ask("INSERT INTO ops.due VALUES (250)");
    settle();
    tap_ok(ask("SELECT n FROM ops.due") == 0 && ask("SELECT count(*) FROM ops.asked") == 4,
           "what is due is settled a hundred at a time, until nothing is");
    tap_ok(metric_get(stats.credits_settled, 0) == 250 && !metric_get(stats.chores_failed, "settle_credits"),
           "and counted");
    settle();
    tap_ok(ask("SELECT count(*) FROM ops.asked") == 5, "when nothing is due it is asked once");

    (void)ask("UPDATE ops.due SET n = 7");
    settle();
    tap_ok(!env.credits.under_way && metric_get(stats.chores_failed, "settle_credits") == 1 &&
               metric_get(stats.credits_settled, 0) == 250,
           "what Postgres refuses is counted as a failure, and ends it");
    (void)ask("UPDATE ops.due SET n = 3");
    settle();
    tap_ok(metric_get(stats.credits_settled, 0) == 253, "until the next time");

    job("settle_credits")->run(&env);
    job("settle_credits")->run(&env);
    tap_ok(pg_pool_running(env.ledger) + pg_pool_waiting(env.ledger) == 1,
           "a second does not join the first");
    settle();
}

static void test_interval(void)
{
    config.credits_interval_ms = 4321;
    tap_ok(job("settle_credits")->interval(&config) == 4321, "how often is a setting");
}

int main(void)
{
    struct pg_pool_options options = pg_pool_options_default();
    int64_t end = clock_mono_ms() + PATIENCE_MS;

    base = event_base_new();
    if (!postgres_start() || stats_init(&stats) != ERR_OK)
        return 1;
    options.url = url;
    options.application_name = "test_chores";
    env = (struct env){.base = base, .config = &config, .stats = &stats};
    if (pg_pool_create(base, &options, &env.ledger, 0) != ERR_OK)
        return 1;
    while (!pg_pool_ready(env.ledger) && clock_mono_ms() < end)
        (void)event_base_loop(base, EVLOOP_ONCE);
    test_settle();
    test_interval();
    pg_pool_free(env.ledger);
    stats_release(&stats);
    event_base_free(base);
    (void)stack("destroy");
    return tap_done();
}
