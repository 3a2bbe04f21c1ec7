/* A fetch against a server of the test's own, paced by a real budget in Redis. Included by the tests of fetch.c. */
#ifndef INSTEP_TESTS_FETCH_FIXTURE_H
#define INSTEP_TESTS_FETCH_FIXTURE_H

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/budget.h"
#include "common/http_server.h"
#include "common/redis_client.h"
#include "common/stripe_client.h"
#include "tests/unit/redis_fixture.h"
#include "tests/unit/tap.h"
#include "worker/env.h"
#include "worker/fetch.h"
#include "worker/pacer.h"
#include "worker/stats.h"

static struct event_base *base;
static struct redis_fixture redis;
static struct redis_client *client;
static struct env env;
static struct stats stats;
static bool ready;

static unsigned served; /* requests of the current case */
static const char *behaviour;

static void answer(struct http_request *req, int status, const char *headers, const char *body)
{
    http_respond(req, status, "application/json", body, strlen(body), headers);
}

#define LIST(more, data) "{\"object\": \"list\", \"has_more\": " more ", \"data\": [" data "]}"
#define INV(id)          "{\"object\": \"invoice\", \"id\": \"" id "\"}"
#define MISSING          "{\"error\": {\"code\": \"resource_missing\"}}"

struct result {
    bool done;
    int calls;
    enum outcome outcome;
    unsigned reads, rest_ms;
    int64_t bytes;
    unsigned complete;
    json_t *objects, *missing; /* owned */
    char text[512];
};

static void on_done(enum outcome outcome, const struct fetch_result *result, void *arg)
{
    struct result *to = arg;

    to->done = true;
    to->calls++;
    to->outcome = outcome;
    to->reads = result->reads;
    to->rest_ms = result->rest_ms;
    to->bytes = result->bytes;
    to->complete = result->complete;
    to->objects = json_incref(result->objects);
    to->missing = json_incref(result->missing);
    (void)snprintf(to->text, sizeof to->text, "%.500s", result->text);
}

static struct fetch_options options = {
    .account = "self", .context = "", .lane = QUEUE_WEBHOOK, .subject = 7, .timeout_ms = 5000};

/* Run a plan of these reads: "kind id" pairs. */
static struct result run_on(const char *how, const struct read *reads, size_t count, unsigned timeout_ms,
                            const struct circuits *circuits)
{
    struct result result = {.done = false};
    struct plan plan = {.reads = calloc(count, sizeof *plan.reads), .count = count};
    struct fetch *fetch = 0;

    behaviour = how;
    served = 0;
    env.circuits = *circuits;
    if (!plan.reads)
        exit(1);
    (void)memcpy(plan.reads, reads, count * sizeof *reads);
    options.timeout_ms = timeout_ms;
    if (fetch_start(&env, &options, &plan, on_done, &result, &fetch) == ERR_OK)
        (void)loop_until(base, &result.done, 30);
    fetch_free(fetch);
    return result;
}

static struct result run(const char *how, const struct read *reads, size_t count, unsigned timeout_ms)
{
    static const struct circuits closed;

    return run_on(how, reads, count, timeout_ms, &closed);
}

static void forget(struct result *result)
{
    json_decref(result->objects);
    json_decref(result->missing);
}

static struct read reading(enum read_kind kind, const char *id)
{
    struct read read;

    if (!read_init(&read, kind, id))
        exit(1);
    return read;
}

static void on_state(bool is_ready, void *arg)
{
    (void)arg;
    ready = is_ready;
}

/* serve: what the test answers with. */
__attribute__((unused)) static bool fixture_start(struct http_server **server, http_handler_fn *serve)
{
    struct redis_client_options redis_options = redis_client_options_default();
    struct http_server_options server_options = http_server_options_default();
    struct stripe_client_options stripe_options = stripe_client_options_default();
    struct budget_options budget_options = {"instep", 100000, 100000};
    static char url[64];

    base = event_base_new();
    redis_fixture_start(&redis, 0);
    redis_options.url = redis.url;
    redis_options.on_state = on_state;
    server_options.listen = "127.0.0.1:0";
    env.base = base;
    env.api_version = 20261028;
    env.stats = &stats;
    if (stats_init(&stats) != ERR_OK || redis_client_create(base, &redis_options, &client, 0) != ERR_OK ||
        !loop_until(base, &ready, 30) ||
        http_server_create(base, &server_options, serve, 0, server, 0) != ERR_OK)
        return false;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", http_server_port(*server));
    stripe_options.base_url = url;
    stripe_options.api_key = "sk_test_unit";
    stripe_options.api_version = "2026-10-28.endive";
    return budget_create(client, &budget_options, &env.budget, 0) == ERR_OK &&
           pacer_create(base, env.budget, &env.pacer) == ERR_OK &&
           stripe_client_create(base, &stripe_options, &env.stripe, 0) == ERR_OK;
}

__attribute__((unused)) static void fixture_stop(struct http_server *server)
{
    stripe_client_free(env.stripe);
    redis_client_free(client);
    pacer_free(env.pacer);
    budget_free(env.budget);
    http_server_free(server);
    stats_release(&stats);
    redis_fixture_stop(&redis);
    event_base_free(base);
}

#endif
