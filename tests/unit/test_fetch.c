/* A plan carried out against a server that misbehaves, paced by a real budget in Redis. */
// rooms: worker
#include "tests/unit/fetch_fixture.h"

static struct http_request *held;

#define SUB(id, items_more)                                                                                  \
    "{\"object\": \"subscription\", \"id\": \"" id "\", \"items\": {\"has_more\": " items_more               \
    ", \"data\": [{\"id\": \"si_1\"}]}}"

/* The well-behaved part: two pages of subscriptions, the first with more items than fit; three invoices. */
static void serve_well(struct http_request *req)
{
    const char *path = http_request_path(req), *query = http_request_query(req);
    bool later = strstr(query, "starting_after") != 0;

    if (!strcmp(path, "/v1/subscriptions"))
        answer(req, 200, 0,
               later ? LIST("false", SUB("sub_2", "false")) : LIST("true", SUB("sub_1", "true")));
    else if (!strcmp(path, "/v1/subscription_items"))
        answer(req, 200, 0, LIST("false", "{\"id\": \"si_2\"}, {\"id\": \"si_3\"}"));
    else if (!strcmp(path, "/v1/invoices"))
        answer(req, 200, 0, LIST("false", INV("in_1") ", " INV("in_2")));
    else if (!strcmp(path, "/v1/invoices/in_9"))
        answer(req, 200, 0, INV("in_9"));
    else
        answer(req, 404, 0, "{\"error\": {\"code\": \"resource_missing\"}}");
}

/* Lists that are gone, wholly or from their second page on; and what the customer itself says then. */
static void serve_gone(struct http_request *req)
{
    const char *path = http_request_path(req);
    bool later = strstr(http_request_query(req), "starting_after") != 0;

    if (!strcmp(path, "/v1/customers/cus_1"))
        answer(req, strcmp(behaviour, "gone, customer too") ? 200 : 404, 0,
               !strcmp(behaviour, "gone, customer too") ? MISSING
               : !strcmp(behaviour, "deleted")
                   ? "{\"object\": \"customer\", \"id\": \"cus_1\", \"deleted\": true}"
                   : "{\"object\": \"customer\", \"id\": \"cus_1\"}");
    else if (!strcmp(behaviour, "gone later with 404"))
        answer(req, later ? 404 : 200, 0, later ? MISSING : LIST("true", SUB("sub_1", "false")));
    else if (!strcmp(behaviour, "gone later with 400"))
        answer(req, later ? 400 : 200, 0, later ? MISSING : LIST("true", SUB("sub_1", "false")));
    else if (!strcmp(behaviour, "gone items"))
        answer(req, later ? 404 : 200, 0, later ? MISSING : LIST("false", SUB("sub_1", "true")));
    else
        answer(req, 404, 0, MISSING);
}

static void serve(struct http_request *req, void *arg)
{
    static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{";

    (void)arg;
    served++;
    if (!strcmp(behaviour, "endless"))
        answer(req, 200, 0, LIST("true", SUB("sub_1", "false")));
    else if (!strcmp(behaviour, "twice 500") && served <= 2)
        answer(req, 500, 0, "<html>");
    else if (!strcmp(behaviour, "500 do not retry"))
        answer(req, 500, "Stripe-Should-Retry: false\r\n", "{}");
    else if (!strcmp(behaviour, "limited once") && served == 1)
        answer(req, 429, "Stripe-Rate-Limited-Reason: global-rate\r\n", "{}");
    else if (!strcmp(behaviour, "denied"))
        answer(req, 401, 0, "{}");
    else if (!strcmp(behaviour, "forbidden"))
        answer(req, 403, 0, "{}");
    else if (!strcmp(behaviour, "limited"))
        answer(req, 429, "Stripe-Rate-Limited-Reason: resource-specific\r\n", "{}");
    else if (!strcmp(behaviour, "locked"))
        answer(req, 429, 0, "{\"error\": {\"code\": \"lock_timeout\"}}");
    else if (!strcmp(behaviour, "limited long"))
        answer(req, 429, "Retry-After: 30\r\n", "{\"error\": {\"code\": \"lock_timeout\"}}");
    else if (!strcmp(behaviour, "garbled"))
        answer(req, 200, 0, "<html>hello</html>");
    else if (!strcmp(behaviour, "refused"))
        answer(req, 400, 0, "{\"error\": {\"type\": \"invalid_request_error\"}}");
    else if (!strcmp(behaviour, "other object"))
        answer(req, 200, 0, INV("in_1"));
    else if (!strcmp(behaviour, "cut"))
        http_abort(req, half, strlen(half));
    else if (!strncmp(behaviour, "gone", 4) || !strncmp(behaviour, "deleted", 7))
        serve_gone(req);
    else if (!strcmp(behaviour, "silent"))
        held = req;
    else
        serve_well(req);
}

static void test_complete(void)
{
    struct read reads[] = {reading(READ_SUBSCRIPTIONS, "cus_1"), reading(READ_INVOICES, "cus_1"),
                           reading(READ_INVOICE, "in_2"), reading(READ_INVOICE, "in_9"),
                           reading(READ_INVOICE, "in_gone")};
    struct result result = run("well", reads, 5, 10000);
    const json_t *first = 0;
    json_t *object;
    size_t i;

    json_array_foreach(result.objects, i,
                       object) if (!strcmp(json_string_value(json_object_get(object, "id")), "sub_1")) first =
        object;
    tap_ok(result.outcome == OUTCOME_OK &&
               result.complete == (FETCH_SUBSCRIPTIONS_COMPLETE | FETCH_INVOICES_COMPLETE),
           "every page is followed, and the lists that were read say so");
    tap_ok(json_array_size(result.objects) == 5, "each object is there once");
    tap_ok(json_array_size(json_object_get(json_object_get(first, "items"), "data")) == 3,
           "embedded lists are completed");
    tap_ok(result.reads == 6, "what a list held is not read again by its id");
    tap_ok(json_array_size(result.missing) == 1, "what does not exist is said to be missing");
    forget(&result);
}

static const struct {
    const char *name, *behaviour;
    enum outcome outcome;
    unsigned reads, timeout_ms;
} odd[] = {
    {"two failures in a row are tried through", "twice 500", OUTCOME_OK, 5, 20000},
    {"Stripe-Should-Retry: false ends the turn's tries", "500 do not retry", OUTCOME_STRIPE_TRANSIENT, 1,
     20000},
    {"a limiter is waited for", "limited once", OUTCOME_OK, 4, 20000},
    {"a refused key is nobody's attempt", "denied", OUTCOME_DENIED, 1, 20000},
    {"a read that our key may not do is this customer's", "forbidden", OUTCOME_STRIPE_PERMANENT, 1, 20000},
    {"a limiter that does not let us is nobody's failure", "limited", OUTCOME_LIMITED, 3, 20000},
    {"nor is a lock", "locked", OUTCOME_LIMITED, 3, 20000},
    {"nor is one that outlasts the deadline", "limited long", OUTCOME_LIMITED, 1, 20000},
    {"a 200 that is no JSON is tried three times", "garbled", OUTCOME_STRIPE_TRANSIENT, 3, 20000},
    {"a refused request is permanent", "refused", OUTCOME_STRIPE_PERMANENT, 1, 20000},
    {"an answer that is not the list asked for is no snapshot", "other object", OUTCOME_STRIPE_TRANSIENT, 1,
     20000},
    {"half an answer is tried three times, then the turn fails", "cut", OUTCOME_STRIPE_TRANSIENT, 3, 20000},
    {"a list without end is permanent", "endless", OUTCOME_STRIPE_PERMANENT, FETCH_PAGES_MAX, 20000},
    {"a second page that is gone is no end of the list", "gone later with 404", OUTCOME_STRIPE_TRANSIENT, 2,
     20000},
    {"nor is one that is refused", "gone later with 400", OUTCOME_STRIPE_TRANSIENT, 2, 20000},
    {"nor are items that are gone", "gone items", OUTCOME_STRIPE_TRANSIENT, 2, 20000},
    {"a list that is gone of a customer that is there is permanent, and never applied", "gone",
     OUTCOME_STRIPE_PERMANENT, 2, 20000},
    {"so is one of a customer that Stripe does not know", "gone, customer too", OUTCOME_STRIPE_PERMANENT, 2,
     20000},
    {"a deleted customer's lists may be gone", "deleted", OUTCOME_OK, 2, 20000},
    {"a silent server ends with the deadline", "silent", OUTCOME_STRIPE_TRANSIENT, 1, 300},
};

static void test_odd(void)
{
    struct read reads[] = {reading(READ_SUBSCRIPTIONS, "cus_1")};

    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct result result = run(odd[i].behaviour, reads, 1, odd[i].timeout_ms);
        if (!tap_ok(result.outcome == odd[i].outcome && result.reads == odd[i].reads && result.calls == 1,
                    "%s", odd[i].name))
            tap_note("%s after %u reads: %s", outcome_name(result.outcome), result.reads, result.text);
        if ((strstr(odd[i].behaviour, "gone") && strcmp(odd[i].behaviour, "gone items") != 0) ||
            strstr(odd[i].behaviour, "deleted"))
            tap_ok(!(result.complete & FETCH_SUBSCRIPTIONS_COMPLETE) &&
                       (result.outcome != OUTCOME_OK || json_array_size(result.missing) == 0),
                   "and it is not a whole list, nor a missing thing");
        if (!strcmp(odd[i].behaviour, "denied"))
            tap_ok(circuits_state(&env.circuits, "self", clock_mono_ms()) == CIRCUIT_OPEN,
                   "and it opens the circuit");
        else
            tap_ok(circuits_state(&env.circuits, "self", clock_mono_ms()) == CIRCUIT_CLOSED,
                   "and opens no circuit");
        forget(&result);
    }
}

/* One customer whose reads never work stops nobody, however long it goes on. */
static void test_one_bad_customer(void)
{
    static const char *const ways[] = {"forbidden", "garbled", "500 do not retry"};
    struct read reads[] = {reading(READ_SUBSCRIPTIONS, "cus_1")};
    struct circuits kept;

    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        bool counted = true;
        kept = (struct circuits){.away = {.failures = 0}};
        for (int i = 0; i < (way == 1 ? 2 : CIRCUIT_FAILURES_MAX + 5); i++) {
            struct result result = run_on(ways[way], reads, 1, 20000, &kept);
            counted = counted && outcome_fate(result.outcome) == FATE_FAIL;
            kept = env.circuits;
            forget(&result);
        }
        tap_ok(counted && circuits_state(&kept, "self", clock_mono_ms()) == CIRCUIT_CLOSED,
               "one customer's %s, again and again, counts and opens nothing", ways[way]);
    }
}

/* The 401 of a connected account is no matter of the others'. */
static void test_accounts(void)
{
    struct read reads[] = {reading(READ_SUBSCRIPTIONS, "cus_1")};
    struct result result;

    options.account = "acct_1";
    result = run("denied", reads, 1, 20000);
    options.account = "self";
    tap_ok(result.outcome == OUTCOME_DENIED && result.rest_ms > 0 &&
               circuits_state(&env.circuits, "acct_1", clock_mono_ms()) == CIRCUIT_OPEN &&
               circuits_state(&env.circuits, "acct_2", clock_mono_ms()) == CIRCUIT_CLOSED &&
               circuits_state(&env.circuits, "self", clock_mono_ms()) == CIRCUIT_CLOSED,
           "a connected account's refusal stops that account alone, and its customers rest as long");
    forget(&result);
}

/* What all turns hold is bounded, but one that is alone goes on. */
static void test_crowd(void)
{
    struct read reads[] = {reading(READ_INVOICES, "cus_1")};
    struct result result;
    int64_t before = env.held_bytes;

    env_hold(&env, ENV_HELD_BYTES_MAX);
    result = run("well", reads, 1, 20000);
    env_hold(&env, -ENV_HELD_BYTES_MAX);
    tap_ok(result.outcome == OUTCOME_CROWDED, "a turn beyond what all may hold comes back later");
    forget(&result);
    result = run("well", reads, 1, 20000);
    tap_ok(result.outcome == OUTCOME_OK && result.bytes > 0 && env.held_bytes == before,
           "what it held is let go, and with room it ends well");
    forget(&result);
}

/* A budget of three requests a second for a deadline of 300 ms: waiting for it is nobody's failure. */
static void test_slow_budget(void)
{
    struct read reads[8];
    struct budget_options slow = {"slow", 3, 3};
    struct budget *budget = env.budget;
    struct pacer *pacer = env.pacer;
    struct result result;
    char id[16];

    for (size_t i = 0; i < 8; i++) {
        (void)snprintf(id, sizeof id, "in_%zu", i + 20);
        reads[i] = reading(READ_INVOICE, id);
    }
    if (budget_create(client, &slow, &env.budget, 0) != ERR_OK ||
        pacer_create(base, env.budget, &env.pacer) != ERR_OK)
        exit(1);
    result = run("well", reads, 8, 300);
    tap_ok(result.outcome == OUTCOME_OK && result.reads == 8,
           "reads that wait for our own budget far beyond the deadline all happen");
    forget(&result);
    tap_ok(pacer_oldest_ms(env.pacer, "self") == 0, "nothing waits afterwards");
    pacer_free(env.pacer);
    budget_free(env.budget);
    env.budget = budget;
    env.pacer = pacer;
}

static void note_order(enum err err, void *arg)
{
    static unsigned next;

    if (err == ERR_OK)
        *(unsigned *)arg = ++next;
}

/* Tickets of turns that have begun are served first; those that are cancelled do not count. */
static void test_pacer_order(void)
{
    struct budget_options slow = {"order", 3, 3};
    struct budget *budget;
    struct pacer *pacer;
    struct pacer_ticket *ticket, *cancelled[200];
    unsigned order[12] = {0};
    bool all = false;

    if (budget_create(client, &slow, &budget, 0) != ERR_OK || pacer_create(base, budget, &pacer) != ERR_OK)
        exit(1);
    for (int i = 0; i < 200; i++)
        if (pacer_wait(pacer, "self", "GET /v1/a", QUEUE_INTERACTIVE, false, note_order, 0, &cancelled[i]) !=
            ERR_OK)
            exit(1);
    for (int i = 0; i < 6; i++)
        (void)pacer_wait(pacer, "self", "GET /v1/a", QUEUE_INTERACTIVE, false, note_order, &order[i],
                         &ticket);
    for (int i = 6; i < 12; i++)
        (void)pacer_wait(pacer, "self", i % 2 ? "GET /v1/a" : "GET /v1/b", QUEUE_INTERACTIVE, true,
                         note_order, &order[i], &ticket);
    for (int i = 0; i < 200; i++)
        pacer_cancel(cancelled[i]);
    tap_ok(pacer_oldest_ms(pacer, "acct_1") == 0, "another account waits for nothing");
    for (int i = 0; i < 400 && !all; i++) {
        loop_for(base, 50);
        all = true;
        for (int j = 0; j < 12; j++)
            all = all && order[j];
    }
    tap_ok(all, "every ticket is served, and cancelled ones cost nothing");
    for (int i = 0; i < 6; i++)
        all = all && order[i] > 6;
    tap_ok(all, "reads of turns that have begun go first, whatever the endpoint");
    pacer_free(pacer);
    budget_free(budget);
}

static void test_cancel(void)
{
    struct read reads[] = {reading(READ_SUBSCRIPTIONS, "cus_1"), reading(READ_INVOICES, "cus_1")};
    struct plan plan = {.reads = calloc(2, sizeof *reads), .count = 2};
    struct result result = {.done = false};
    struct fetch *fetch = 0;
    struct timeval tv = {0, 200000};

    behaviour = "well";
    if (!plan.reads)
        exit(1);
    (void)memcpy(plan.reads, reads, sizeof reads);
    options.timeout_ms = 5000;
    (void)fetch_start(&env, &options, &plan, on_done, &result, &fetch);
    (void)event_base_loop(base, EVLOOP_ONCE);
    fetch_free(fetch);
    (void)event_base_loopexit(base, &tv);
    (void)event_base_dispatch(base);
    tap_ok(!result.calls, "a fetch that is freed never calls back");
}

static void test_no_budget(void)
{
    struct read reads[] = {reading(READ_SUBSCRIPTIONS, "cus_1")};
    struct result result;

    redis_fixture_kill(&redis);
    result = run("well", reads, 1, 5000);
    tap_ok(result.outcome == OUTCOME_OUTAGE && !result.reads,
           "without the shared budget nothing is sent, and no attempt is counted");
    forget(&result);
}

int main(void)
{
    struct http_server *server = 0;

    if (fixture_start(&server, serve)) {
        test_complete();
        test_odd();
        test_one_bad_customer();
        test_accounts();
        test_crowd();
        test_slow_budget();
        test_pacer_order();
        test_cancel();
        test_no_budget();
    }
    if (held)
        http_respond_text(held, 200, "");
    fixture_stop(server);
    return tap_done();
}
