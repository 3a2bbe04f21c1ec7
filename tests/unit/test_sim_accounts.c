/* Connected accounts live apart under one clock; idempotency keys end after a day; reads are counted against charges. */
// rooms: sim
#include "sim/accounts.h"
#include "sim/endpoint.h"
#include "sim/events.h"
#include "sim/faults.h"
#include "tests/unit/sim_fixture.h"
#include "tests/unit/tap.h"

/* Ask in an account's name. */
static json_t *ask_as(struct world *w, const char *account, const char *key, const char *method,
                      const char *path, const char *form)
{
    struct api_request request = {.method = method,
                                  .path = path,
                                  .query = "",
                                  .body = form,
                                  .body_len = form ? strlen(form) : 0,
                                  .authorization = "Bearer sk_test_unit",
                                  .idempotency_key = key,
                                  .account = account};
    struct api_answer answer;

    api_handle(w->api, &request, &answer);
    json_decref(w->answer);
    w->status = answer.status;
    w->answer = json_loads(answer.body, 0, NULL);
    (void)snprintf(w->headers, sizeof w->headers, "%s", answer.headers);
    api_answer_release(&answer);
    return w->answer;
}

static const struct sim_event *newest(const struct sim *sim)
{
    const struct list *events = &sim->all[TYPE_EVENT];

    return events->count ? (const struct sim_event *)events->at[events->count - 1] : NULL;
}

static void test_apart(void)
{
    struct world w;

    world_open(&w, 7);
    (void)ask(&w, "POST /v1/accounts type=standard");
    const char *made = answer_id(&w);
    tap_ok(w.status == 200 && strncmp(made, "acct_1", 6) == 0, "an account is connected");
    struct sim *twin = account_create(w.sim, "acct_twin", 7, NULL);
    (void)ask(&w, "POST /v1/customers email=platform");
    const char *mine = answer_id(&w);
    (void)ask_as(&w, "acct_twin", NULL, "POST", "/v1/customers", "email=twin");
    tap_ok(strcmp(answer_id(&w), mine) == 0 && strstr(w.headers, "Stripe-Account: acct_twin"),
           "two accounts of one seed have customers of the same id");
    char path[128];
    (void)snprintf(path, sizeof path, "/v1/customers/%s", mine);
    (void)ask_as(&w, "acct_twin", NULL, "GET", path, NULL);
    tap_ok(strcmp(form_text(w.answer, "email"), "twin") == 0, "each its own");
    (void)ask_as(&w, made, NULL, "GET", path, NULL);
    tap_ok(w.status == 404, "which a third account does not know");
    (void)ask_as(&w, "acct_none", NULL, "GET", path, NULL);
    tap_ok(w.status == 403 && strcmp(form_text(w.answer, "error.code"), "account_invalid") == 0,
           "an account that does not exist is refused");
    (void)ask_as(&w, "acct_twin", NULL, "GET", "/v1/account", NULL);
    tap_ok(strcmp(form_text(w.answer, "id"), "acct_twin") == 0, "an account names itself");

    struct endpoint connect = {.connect = true, .enabled_events = json_pack("[s]", "*")};
    struct endpoint plain = {.enabled_events = json_pack("[s]", "*")};
    connect.o = (struct object){.type = TYPE_ENDPOINT, .id = "we_connect"};
    plain.o = (struct object){.type = TYPE_ENDPOINT, .id = "we_plain"};
    connect.api_version = plain.api_version = w.sim->api_version;
    sim_object_init(w.sim, &connect.o, TYPE_ENDPOINT);
    sim_object_init(w.sim, &plain.o, TYPE_ENDPOINT);
    const struct sim_event *theirs = newest(twin), *ours = newest(w.sim);
    tap_ok(endpoint_wants(&connect, theirs, 0).snapshot && !endpoint_wants(&plain, theirs, 0).snapshot,
           "events of an account go to connect endpoints");
    tap_ok(!endpoint_wants(&connect, ours, 0).snapshot && endpoint_wants(&plain, ours, 0).snapshot,
           "those of the platform to the others");
    char *body = endpoint_body(&connect, theirs, false);
    tap_ok(strstr(body, "\"account\": \"acct_twin\"") != NULL, "they say whose they are");
    free(body);
    body = endpoint_body(&connect, theirs, true);
    tap_ok(strstr(body, "\"context\": \"acct_twin\"") != NULL, "thin ones as their context");
    free(body);
    w.sim->all[TYPE_ENDPOINT].count = 0; /* they are on the stack */
    json_decref(connect.enabled_events);
    json_decref(plain.enabled_events);

    (void)sim_advance(w.sim, w.sim->now + 5 * DAY);
    tap_ok(twin->now == w.sim->now, "one clock for all");
    json_t *truth = truth_export(twin);
    tap_ok(json_is_object(truth), "each has a truth of its own");
    json_decref(truth);
    world_close(&w);
}

static void test_keys(void)
{
    struct world w;

    world_open(&w, 8);
    (void)account_create(w.sim, "acct_other", 0, NULL);
    (void)ask_with_key(&w, "k", "POST", "/v1/customers", "email=a");
    const char *first = answer_id(&w);
    (void)ask_with_key(&w, "k", "POST", "/v1/customers", "email=a");
    tap_ok(strcmp(answer_id(&w), first) == 0, "a key answers again");
    (void)ask_with_key(&w, "k", "POST", "/v1/customers", "email=b");
    tap_ok(w.status == 400 && strcmp(form_text(w.answer, "error.type"), "idempotency_error") == 0,
           "and refuses other parameters");
    (void)ask_as(&w, "acct_other", "k", "POST", "/v1/customers", "email=b");
    tap_ok(w.status == 200, "keys are an account's own");
    (void)sim_advance(w.sim, w.sim->now + DAY - 1);
    (void)ask_with_key(&w, "k", "POST", "/v1/customers", "email=a");
    tap_ok(strcmp(answer_id(&w), first) == 0, "nearly a day later too");
    (void)sim_advance(w.sim, w.sim->now + 1);
    (void)ask_with_key(&w, "k", "POST", "/v1/customers", "email=a");
    tap_ok(w.status == 200 && strcmp(answer_id(&w), first) != 0, "after a day it is a new key");
    world_close(&w);
}

static int64_t reads(const struct sim *sim, const char *name)
{
    json_t *json = account_reads(sim);
    int64_t value = json_is_boolean(json_object_get(json, name))
                        ? json_is_true(json_object_get(json, name))
                        : json_integer_value(json_object_get(json, name));

    json_decref(json);
    return value;
}

static void test_reads(void)
{
    struct world w;

    world_open(&w, 9);
    for (int i = 0; i < 10; i++)
        (void)ask(&w, "GET /v1/customers");
    (void)ask(&w, "POST /v1/customers email=a");
    tap_ok(reads(w.sim, "used_30d") == 10 && reads(w.sim, "allowed_30d") == 10000,
           "reads count, writes do not");
    (void)sim_advance(w.sim, w.sim->now + 29 * DAY);
    (void)ask(&w, "GET /v1/customers");
    tap_ok(reads(w.sim, "used_30d") == 11, "for thirty days");
    (void)sim_advance(w.sim, w.sim->now + DAY);
    tap_ok(reads(w.sim, "used_30d") == 1, "not longer");
    (void)sim_advance(w.sim, w.sim->now + 100 * DAY);
    tap_ok(reads(w.sim, "used_30d") == 0, "after a long rest all are gone");
    w.sim->reads_day = w.sim->now / DAY;
    w.sim->reads[w.sim->reads_day % READS_DAYS] = 10001;
    tap_ok(reads(w.sim, "exceeded") == 1, "too many are called so");
    (void)ask(&w, "GET /v1/customers");
    tap_ok(w.status == 200, "and answered");
    world_close(&w);
}

/* --- limits --- */

static void test_limits(void)
{
    struct sim *sim = sim_create(1, SIM_START);
    struct faults *faults = faults_create(sim);
    struct faults_request a = {.account = "acct_a", .endpoint = "GET /v1/customers", .now_mono_ms = 1000};
    struct faults_request b = {.account = "acct_b", .endpoint = "GET /v1/customers", .now_mono_ms = 1000};
    struct faults_request write = {
        .account = "acct_b", .endpoint = "POST /v1/x/{id}", .object = "/v1/x/1", .now_mono_ms = 1000};
    struct failure fail;

    sim->knobs.limit_per_s = 2;
    tap_ok(faults_draw(faults, &a).kind == FAULT_NONE && faults_draw(faults, &a).kind == FAULT_NONE &&
               faults_draw(faults, &a).kind == FAULT_429,
           "the third request in a second is one too many");
    tap_ok(faults_draw(faults, &b).kind == FAULT_NONE, "of this account only");
    a.now_mono_ms = 1500;
    tap_ok(faults_draw(faults, &a).kind == FAULT_NONE && faults_draw(faults, &a).kind == FAULT_429,
           "half a second gives half of them back");
    sim->knobs.limit_per_s = 0;
    sim->knobs.limit_endpoint_per_s = 1;
    (void)faults_draw(faults, &b);
    struct fault fault = faults_draw(faults, &b);
    tap_ok(fault.kind == FAULT_429 && fault.reason == REASON_ENDPOINT_RATE, "an endpoint has its own limit");
    sim->knobs.limit_endpoint_per_s = 0;
    sim->knobs.limit_resource_per_s = 1;
    (void)faults_draw(faults, &write);
    fault = faults_draw(faults, &write);
    tap_ok(fault.kind == FAULT_429 && fault.reason == REASON_RESOURCE, "an object too");
    sim->knobs.limit_resource_per_s = 0;
    sim->knobs.limit_at_once = 2;
    b.at_once = 1;
    tap_ok(faults_on_entry(faults, &b).kind == FAULT_NONE, "two at once are allowed");
    b.at_once = 2;
    tap_ok(faults_on_entry(faults, &b).reason == REASON_GLOBAL_CONCURRENCY, "three are not");

    json_t *order = json_pack("{s:s, s:i, s:s}", "fault", "503", "times", 2, "endpoint", "GET /v1/customers");
    tap_ok(faults_order(faults, order, &fail) == ERR_OK && faults_draw(faults, &write).kind == FAULT_NONE &&
               faults_draw(faults, &b).kind == FAULT_503 && faults_draw(faults, &b).kind == FAULT_503 &&
               faults_draw(faults, &b).kind == FAULT_NONE,
           "an order is about its endpoint, and is used up");
    json_decref(order);
    order = json_pack("{s:s}", "fault", "nonsense");
    tap_ok(faults_order(faults, order, &fail) == ERR_INVALID, "a fault nobody knows is refused");
    json_decref(order);
    bool all = true;
    sim->knobs.rate_429 = 1;
    for (int64_t reason = 0; reason < REASON_ANY; reason++) {
        sim->knobs.reason_429 = reason;
        fault = faults_draw(faults, &b);
        all = all && fault.kind == FAULT_429 && (int64_t)fault.reason == reason;
    }
    tap_ok(all, "a 429 by chance says the reason asked for");
    faults_free(faults);
    sim_free(sim);
}

int main(void)
{
    test_apart();
    test_keys();
    test_reads();
    test_limits();
    return tap_done();
}
