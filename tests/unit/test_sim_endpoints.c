/* Endpoints: what each is told and in which form, secrets that end, endpoints given up; thin events and destinations. */
// rooms: sim
#include "sim/endpoint.h"
#include "sim/events.h"
#include "sim/render.h"
#include "tests/unit/sim_fixture.h"
#include "tests/unit/tap.h"

static struct sim_event *last_event(const struct sim *sim, const char *type)
{
    const struct list *events = &sim->all[TYPE_EVENT];

    for (size_t i = events->count; i-- > 0;)
        if (strcmp(((struct sim_event *)events->at[i])->type, type) == 0)
            return (struct sim_event *)events->at[i];
    return NULL;
}

static bool is(json_t *json, const char *path, const char *text)
{
    const char *found = form_text(json, path);

    return text ? found && strcmp(found, text) == 0 : !form_at(json, path);
}

/* --- forms --- */

static const struct {
    const char *name;
    enum payload payload, knob;
    const char *enabled, *version;
    bool disabled, connect, thin_only;
    bool snapshot, thin; /* what is wanted */
} wants[] = {
    {"everything", 0, 0, "*", NULL, false, false, false, true, false},
    {"a family of types", 0, 0, "invoice_payment.*", NULL, false, false, false, true, false},
    {"another family", 0, 0, "charge.*", NULL, false, false, false, false, false},
    {"the thin form by its name", PAYLOAD_THIN, 0, "v1.invoice_payment.paid", NULL, false, false, false,
     false, true},
    {"both forms", PAYLOAD_BOTH, 0, "*", NULL, false, false, false, true, true},
    {"the knob wins", PAYLOAD_SNAPSHOT, PAYLOAD_THIN, "*", NULL, false, false, false, false, true},
    {"disabled", PAYLOAD_BOTH, 0, "*", NULL, true, false, false, false, false},
    {"connected accounts only", PAYLOAD_BOTH, 0, "*", NULL, false, true, false, false, false},
    {"a version before the type", 0, 0, "*", "2025-04-30.basil", false, false, false, false, false},
    {"a version with the type", 0, 0, "*", "2025-05-28.basil", false, false, false, true, false},
    {"what has no snapshot, as a snapshot", 0, 0, "*", NULL, false, false, true, false, false},
    {"what has no snapshot, thin", PAYLOAD_BOTH, 0, "*", NULL, false, false, true, false, true},
};

static void test_wants(void)
{
    struct world w;
    struct sim_event event = {.type = (char *)(uintptr_t) "invoice_payment.paid"};

    world_open(&w, 1);
    event.sim = w.sim;
    event.api_version = w.sim->api_version;
    for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
        struct endpoint we = {.payload = wants[i].payload,
                              .api_version = wants[i].version,
                              .disabled = wants[i].disabled,
                              .connect = wants[i].connect,
                              .enabled_events = json_pack("[s]", wants[i].enabled)};
        event.thin_only = wants[i].thin_only;
        struct forms forms = endpoint_wants(&we, &event, wants[i].knob);
        tap_ok(forms.snapshot == wants[i].snapshot && forms.thin == wants[i].thin, "%s: %s%s", wants[i].name,
               wants[i].snapshot ? "a snapshot" : "no snapshot", wants[i].thin ? ", and thin" : "");
        json_decref(we.enabled_events);
    }
    world_close(&w);
}

/* --- secrets, failures --- */

static unsigned signatures(const struct endpoint *we, int64_t at)
{
    char header[SIGNATURE_BYTES];
    unsigned count = 0;

    endpoint_sign(we, at, "{}", 2, header);
    for (const char *v1 = strstr(header, ",v1="); v1; v1 = strstr(v1 + 1, ",v1="))
        count++;
    return count;
}

static void test_secrets(void)
{
    struct endpoint we = {.secrets = {"whsec_a"}, .secrets_count = 1};

    tap_ok(signatures(&we, 1000) == 1, "one secret, one signature");
    endpoint_rotate(&we, "whsec_b", 1500);
    tap_ok(signatures(&we, 1499) == 2, "a rotated secret goes on signing");
    tap_ok(signatures(&we, 1500) == 1, "until its end");
    tap_ok(strcmp(we.secrets[0], "whsec_b") == 0, "the new one is first");
    endpoint_rotate(&we, "whsec_c", 9000);
    tap_ok(signatures(&we, 1400) == 3 && signatures(&we, 1600) == 2,
           "a second rotation does not prolong the first");
    endpoint_rotate(&we, "whsec_d", 9000);
    endpoint_rotate(&we, "whsec_e", 9000);
    tap_ok(we.secrets_count == 4 && signatures(&we, 1) == 4, "no more than four at once");
}

static void test_failures(void)
{
    struct endpoint we = {0};

    tap_ok(!endpoint_failed(&we, 3) && !endpoint_failed(&we, 3) && endpoint_failed(&we, 3) && we.disabled,
           "the third failure in a row disables, if three are allowed");
    tap_ok(!endpoint_failed(&we, 3), "once");
    endpoint_enable(&we, true);
    tap_ok(!we.disabled && !endpoint_failed(&we, 2), "enabling begins the count anew");
    for (int i = 0; i < 1000; i++)
        (void)endpoint_failed(&we, 0);
    tap_ok(!we.disabled, "no limit, no end");
}

/* --- thin events --- */

static void test_thin(void)
{
    struct world w;
    json_t *thin;

    world_open(&w, 5);
    (void)ask(&w,
              "POST /v1/prices product_data[name]=P&currency=usd&unit_amount=500&recurring[interval]=month");
    const char *price = answer_id(&w);
    (void)ask(&w, "POST /v1/customers email=e&payment_method=pm_card_visa");
    const char *customer = answer_id(&w);
    (void)ask(&w, "POST /v1/subscriptions customer=%s&items[0][price]=%s", customer, price);
    const char *sub = answer_id(&w);
    const char *item = sim_text(w.sim, form_text(json_array_get(form_at(w.answer, "items.data"), 0), "id"));

    const struct sim_event *event = last_event(w.sim, "invoice.paid");
    thin = event_render_thin(event, false);
    tap_ok(is(thin, "type", "v1.invoice.paid") && is(thin, "related_object.id", event->subject_id) &&
               is(thin, "snapshot_event", NULL) && is(thin, "data", NULL) &&
               is(thin, "object", "v2.core.event"),
           "a notification names its object and shows nothing of it");
    char *body = event_body_thin(event);
    tap_ok(!strstr(body, customer), "nor its customer");
    free(body);
    (void)ask(&w, "GET /v2/core/events/%s", form_text(thin, "id"));
    tap_ok(is(w.answer, "snapshot_event", event->o.id), "fetched it names the snapshot");
    json_decref(thin);

    (void)sim_advance(w.sim, w.sim->now + 25 * DAY);
    event = last_event(w.sim, "invoice.upcoming");
    thin = event_render_thin(event, false);
    tap_ok(is(thin, "related_object", NULL) && is(thin, "data", NULL), "invoice.upcoming relates to nothing");
    (void)ask(&w, "GET /v2/core/events/%s", form_text(thin, "id"));
    tap_ok(is(w.answer, "data.customer", customer) && is(w.answer, "data.subscription", sub),
           "fetched it names the customer and the subscription");
    json_decref(thin);

    emit_json(w.sim, "customer.discount.created",
              json_pack("{s:s, s:s, s:s, s:s}", "id", "di_1", "object", "discount", "customer", customer,
                        "subscription", sub));
    thin = event_render_thin(last_event(w.sim, "customer.discount.created"), false);
    char url[128];
    (void)snprintf(url, sizeof url, "/v1/customers/%s/subscriptions/%s/discount", customer, sub);
    tap_ok(is(thin, "related_object.url", url) && is(thin, "related_object.id", NULL) &&
               is(thin, "related_object.type", "discount"),
           "a discount has a place and no id");
    json_decref(thin);

    free(new_events(&w));
    (void)ask(&w, "POST /v1/subscriptions/%s items[0][id]=%s&items[0][quantity]=3&cancel_at_period_end=true",
              sub, item);
    tap_ok(last_event(w.sim, "customer.subscription.item_quantity_changed") != NULL &&
               last_event(w.sim, "customer.subscription.cancel_at_changed") != NULL,
           "finer notifications go with a change");
    const struct sim_event *fine = last_event(w.sim, "customer.subscription.item_quantity_changed");
    (void)ask(&w, "GET /v1/events/%s", fine->o.id);
    int status = w.status;
    (void)ask(&w, "GET /v1/events?limit=100");
    char *listed = json_dumps(w.answer, 0);
    tap_ok(status == 404 && !strstr(listed, "item_quantity_changed"), "of which v1 knows nothing");
    free(listed);
    (void)ask(&w, "GET /v2/core/events?types[0]=v1.customer.subscription.item_quantity_changed");
    tap_ok(json_array_size(json_object_get(w.answer, "data")) == 1, "and v2 does");
    world_close(&w);
}

/* Snapshots have the ids they have whatever is thin. */
static void test_destinations(void)
{
    struct world w;
    const char create[] =
        "{\"name\":\"d\",\"type\":\"webhook_endpoint\",\"event_payload\":\"thin\","
        "\"enabled_events\":[\"v1.invoice.paid\"],\"include\":[\"webhook_endpoint.signing_secret\"],"
        "\"webhook_endpoint\":{\"url\":\"http://h/\"}}";

    world_open(&w, 6);
    (void)ask_with_key(&w, NULL, "POST", "/v2/core/event_destinations", create);
    const char *id = answer_id(&w);
    tap_ok(w.status == 200 && is(w.answer, "event_payload", "thin") &&
               form_text(w.answer, "webhook_endpoint.signing_secret") && strncmp(id, "ed_", 3) == 0,
           "a destination is made, with its secret where that is asked for");
    (void)ask(&w, "GET /v2/core/event_destinations/%s", id);
    tap_ok(w.status == 200 && !form_text(w.answer, "webhook_endpoint.signing_secret"),
           "which is not shown again");
    (void)ask(&w, "GET /v2/core/event_destinations");
    tap_ok(json_array_size(json_object_get(w.answer, "data")) == 1, "it is listed");
    (void)ask(&w, "GET /v1/webhook_endpoints");
    tap_ok(json_array_size(json_object_get(w.answer, "data")) == 0, "not among the endpoints of v1");
    (void)ask(&w, "POST /v2/core/event_destinations/%s/ping", id);
    const struct sim_event *ping = last_event(w.sim, "v2.core.event_destination.ping");
    struct endpoint *we = sim_find_type(w.sim, id, TYPE_ENDPOINT);
    tap_ok(is(w.answer, "type", "v2.core.event_destination.ping") && is(w.answer, "related_object.id", id) &&
               endpoint_wants(we, ping, PAYLOAD_ENDPOINT).thin,
           "a ping reaches it though it wants other types");
    (void)ask(&w, "POST /v2/core/event_destinations/%s/disable", id);
    tap_ok(is(w.answer, "status", "disabled") && is(w.answer, "status_details.disabled.reason", "user"),
           "disabled");
    (void)ask(&w, "POST /v2/core/event_destinations/%s/enable", id);
    tap_ok(is(w.answer, "status", "enabled"), "and enabled");
    (void)ask_with_key(&w, NULL, "POST", "/v2/core/event_destinations", "{\"name\":\"d\"}");
    tap_ok(w.status == 400, "one without a type is refused");
    (void)ask_with_key(&w, NULL, "POST", "/v2/core/event_destinations", "name=d");
    tap_ok(w.status == 400, "so is a body that is no JSON");
    world_close(&w);
}

int main(void)
{
    test_wants();
    test_secrets();
    test_failures();
    test_thin();
    test_destinations();
    return tap_done();
}
