/* What a turn reads, and how an object leads to its customer. Both pure. */
// rooms: worker
#include <stdio.h>
#include <string.h>

#include "tests/unit/tap.h"
#include "worker/fetch_objects.h"
#include "worker/plan.h"
#include "worker/resolve.h"

#define EVENTS_MAX 4

/* A waiting event in a table: type, object type, object id. */
struct hint {
    const char *type, *object_type, *object_id;
};

static const struct {
    const char *name;
    const char *subject;
    bool known;
    struct hint hints[EVENTS_MAX];
    struct plan_want wants[2];
    struct plan_owed owed[2];
    bool no_user;
    int64_t invoices_since, sessions_since;
    const char *expected; /* the paths, in order, one after another */
} cases[] = {
    {.name = "the first look reads everything, whatever the event",
     .subject = "cus_1",
     .hints = {{"customer.subscription.created", "subscription", "sub_1"}},
     .expected = "/v1/subscriptions?customer=cus_1&limit=100&status=all "
                 "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                 "/v1/checkout/sessions?customer=cus_1&limit=100 /v1/customers/cus_1 "},
    {.name = "an event that changes nothing reads nothing, not even of a customer never seen",
     .subject = "cus_1",
     .hints = {{"payment_method.attached", "payment_method", "pm_1"}},
     .expected = ""},
    {.name = "a subscription event of a known customer reads subscriptions and newer invoices",
     .subject = "cus_1",
     .known = true,
     .hints = {{"customer.subscription.updated", "subscription", "sub_1"}},
     .invoices_since = 1700000000,
     .expected = "/v1/subscriptions?customer=cus_1&limit=100&status=all "
                 "/v1/invoices?customer=cus_1&limit=100&created[gte]=1700000000&expand[]=data.payments "},
    {.name = "many events of one kind are one fetch",
     .subject = "cus_1",
     .known = true,
     .hints = {{"invoice.created", "invoice", "in_1"},
               {"invoice.finalized", "invoice", "in_1"},
               {"invoice.paid", "invoice", "in_1"},
               {"invoice.payment_succeeded", "invoice", "in_1"}},
     .expected =
         "/v1/subscriptions?customer=cus_1&limit=100&status=all "
         "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments /v1/invoices/in_1?expand[]=payments "},
    {.name = "an event that concerns no rule is no reason for the first look",
     .subject = "cus_1",
     .hints = {{"payment_method.attached", "payment_method", "pm_1"}},
     .expected = ""},
    {.name = "a session event reads the list, and the session itself should the list not reach back to it",
     .subject = "cus_1",
     .known = true,
     .hints = {{"checkout.session.completed", "checkout.session", "cs_1"}},
     .sessions_since = 5,
     .expected = "/v1/subscriptions?customer=cus_1&limit=100&status=all "
                 "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                 "/v1/checkout/sessions?customer=cus_1&limit=100&created[gte]=5 /v1/checkout/sessions/cs_1 "},
    {.name = "what failed before is read for again, and lists from their beginning",
     .subject = "cus_1",
     .known = true,
     .hints = {{"customer.subscription.updated", "subscription", "sub_1"}},
     .owed = {{"evt_1", "checkout.session.completed", "checkout.session", "cs_1"},
              {"evt_2", "invoice.paid", "invoice", "in_1"}},
     .invoices_since = 7,
     .sessions_since = 5,
     .expected = "/v1/subscriptions?customer=cus_1&limit=100&status=all "
                 "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                 "/v1/checkout/sessions?customer=cus_1&limit=100 /v1/checkout/sessions/cs_1 "
                 "/v1/invoices/in_1?expand[]=payments "},
    {.name = "what failed before is read for even when the waiting events concern no rule",
     .subject = "cus_1",
     .known = true,
     .hints = {{"payment_method.attached", "payment_method", "pm_1"}},
     .owed = {{"evt_1", "checkout.session.completed", "checkout.session", "cs_1"}},
     .sessions_since = 5,
     .expected = "/v1/subscriptions?customer=cus_1&limit=100&status=all "
                 "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                 "/v1/checkout/sessions?customer=cus_1&limit=100 /v1/checkout/sessions/cs_1 "},
    {.name = "a product whose event failed before is read again",
     .subject = "prod_1",
     .hints = {{"product.some_new_thing", "product", ""}},
     .owed = {{"evt_1", "product.updated", "product", "prod_1"}},
     .expected = "/v1/products/prod_1 "},
    {.name = "sessions are listed while nobody knows whose customer it is",
     .subject = "cus_1",
     .known = true,
     .no_user = true,
     .hints = {{"customer.subscription.updated", "subscription", "sub_1"}},
     .sessions_since = 5,
     .expected = "/v1/subscriptions?customer=cus_1&limit=100&status=all "
                 "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                 "/v1/checkout/sessions?customer=cus_1&limit=100&created[gte]=5 "},
    {.name = "what is not due is not looked at again",
     .subject = "cus_1",
     .known = true,
     .hints = {{"customer.subscription.updated", "subscription", "sub_1"}},
     .wants = {{"invoice", "in_9", false}, {"checkout.session", "cs_7", true}},
     .expected = "/v1/subscriptions?customer=cus_1&limit=100&status=all "
                 "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments /v1/checkout/sessions/cs_7 "},
    {.name = "events that concern no rule are recorded without a read",
     .subject = "cus_1",
     .known = true,
     .hints = {{"payment_method.attached", "payment_method", "pm_1"},
               {"some.new_thing", "thing", "th_1"},
               {"invoice.upcoming", "invoice", ""}},
     .wants = {{"invoice", "in_9", true}},
     .expected = ""},
    {.name = "what the ledger holds as not final is looked at again, once",
     .subject = "cus_1",
     .known = true,
     .hints = {{"invoice.paid", "invoice", "in_9"}},
     .wants = {{"invoice", "in_9", true}, {"checkout.session", "cs_7", true}},
     .expected =
         "/v1/subscriptions?customer=cus_1&limit=100&status=all "
         "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments /v1/invoices/in_9?expand[]=payments "
         "/v1/checkout/sessions/cs_7 "},
    {.name = "a payment looks for the session that made it",
     .subject = "cus_1",
     .known = true,
     .hints = {{"payment_intent.succeeded", "payment_intent", "pi_1"}},
     .sessions_since = 5,
     .expected = "/v1/subscriptions?customer=cus_1&limit=100&status=all "
                 "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                 "/v1/checkout/sessions?customer=cus_1&limit=100&created[gte]=5 "},
    {.name = "a customer event reads the customer too, and a deleted one's subscriptions",
     .subject = "cus_1",
     .known = true,
     .hints = {{"customer.deleted", "customer", "cus_1"}},
     .expected = "/v1/subscriptions?customer=cus_1&limit=100&status=all "
                 "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments /v1/customers/cus_1 "},
    {.name = "a thin event counts as what it mirrors",
     .subject = "cus_1",
     .known = true,
     .hints = {{"v1.invoice.paid", "invoice", "in_1"}},
     .expected =
         "/v1/subscriptions?customer=cus_1&limit=100&status=all "
         "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments /v1/invoices/in_1?expand[]=payments "},
    {.name = "a sync reads everything",
     .subject = "cus_1",
     .known = true,
     .hints = {{"instep.sync", "", ""}},
     .wants = {{"invoice", "in_9", false}},
     .invoices_since = 7,
     .sessions_since = 5,
     .expected = "/v1/subscriptions?customer=cus_1&limit=100&status=all "
                 "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                 "/v1/checkout/sessions?customer=cus_1&limit=100 /v1/customers/cus_1 "
                 "/v1/invoices/in_9?expand[]=payments "},
    {.name = "a product is read by itself",
     .subject = "prod_1",
     .hints = {{"product.updated", "product", "prod_1"}},
     .expected = "/v1/products/prod_1 "},
    {.name = "a payout is nobody's and needs no read",
     .subject = "po_1",
     .hints = {{"payout.paid", "payout", "po_1"}},
     .expected = ""},
    {.name = "an id cannot leave its place in the path",
     .subject = "cus_1",
     .known = true,
     .hints = {{"invoice.paid", "invoice", "in_/../x?y&z"}},
     .expected = "/v1/subscriptions?customer=cus_1&limit=100&status=all "
                 "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                 "/v1/invoices/in_%2F..%2Fx%3Fy%26z?expand[]=payments "},
};

static void test_plans(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct envelope events[EVENTS_MAX];
        const struct envelope *pointers[EVENTS_MAX];
        struct plan_input input = {.subject = cases[i].subject,
                                   .is_customer = !strncmp(cases[i].subject, "cus_", 4),
                                   .known = cases[i].known,
                                   .events = pointers,
                                   .wants = cases[i].wants,
                                   .owed = cases[i].owed,
                                   .has_user = !cases[i].no_user,
                                   .invoices_since = cases[i].invoices_since,
                                   .sessions_since = cases[i].sessions_since};
        struct plan plan;
        char paths[8192] = "";
        for (size_t j = 0; j < EVENTS_MAX && cases[i].hints[j].type; j++) {
            events[j] = (struct envelope){.event_id = "evt",
                                          .type = cases[i].hints[j].type,
                                          .customer = "",
                                          .object_type = cases[i].hints[j].object_type,
                                          .account = "",
                                          .object_id = cases[i].hints[j].object_id,
                                          .api_version = ""};
            pointers[input.events_count++] = &events[j];
        }
        while (input.wants_count < 2 && *cases[i].wants[input.wants_count].id)
            input.wants_count++;
        while (input.owed_count < 2 && *cases[i].owed[input.owed_count].id)
            input.owed_count++;
        if (plan_make(&input, &plan) != ERR_OK)
            return;
        for (size_t j = 0; j < plan.count; j++) {
            struct stripe_path path;
            read_path(&plan.reads[j], &path);
            (void)snprintf(paths + strlen(paths), sizeof paths - strlen(paths), "%s ", path.text);
        }
        if (!tap_ok(!strcmp(paths, cases[i].expected), "%s", cases[i].name))
            tap_note("got %s", paths);
        plan_release(&plan);
    }
}

static const struct {
    const char *name, *kind_type, *id, *body, *expected;
} steps[] = {
    {"a dispute leads to its charge", "dispute", "dp_1",
     "{\"charge\": \"ch_1\", \"payment_intent\": \"pi_1\"}", "read /v1/charges/ch_1"},
    {"a dispute without a charge leads to its payment intent", "dispute", "dp_1",
     "{\"charge\": null, \"payment_intent\": \"pi_1\"}", "read /v1/payment_intents/pi_1"},
    {"a charge names its customer", "charge", "ch_1", "{\"customer\": \"cus_1\"}", "found cus_1"},
    {"an expanded customer is understood", "charge", "ch_1", "{\"customer\": {\"id\": \"cus_1\"}}",
     "found cus_1"},
    {"a guest's charge leads to the sessions of its payment intent", "charge", "ch_1",
     "{\"customer\": null, \"payment_intent\": \"pi_1\"}",
     "read /v1/checkout/sessions?payment_intent=pi_1&limit=100"},
    {"a guest's payment intent leads to its sessions", "payment_intent", "pi_1", "{\"customer\": null}",
     "read /v1/checkout/sessions?payment_intent=pi_1&limit=100"},
    {"a guest's session is its own subject", "checkout.session", "cs_1", "{\"customer\": null}",
     "found cs_1"},
    {"an invoice payment leads to its invoice", "invoice_payment", "inpay_1", "{\"invoice\": \"in_1\"}",
     "read /v1/invoices/in_1?expand[]=payments"},
    {"a refund of today names its customer", "refund", "re_1",
     "{\"customer\": \"cus_2\", \"charge\": \"ch_1\"}", "found cus_2"},
    {"a refund of an older version leads to its charge", "refund", "re_1", "{\"charge\": \"ch_1\"}",
     "read /v1/charges/ch_1"},
    {"a charge of nobody is nobody's", "charge", "ch_1", "{\"customer\": null}", "nobody"},
    {"the prefix tells what an object without a type is", "", "py_1", "{\"customer\": \"cus_1\"}",
     "found cus_1"},
    {"a schedule is not a subscription", "", "sub_sched_1", "{\"customer\": \"cus_1\"}", "found cus_1"},
};

static void test_steps(void)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct read read, next;
        char id[STRIPE_ID_BYTES_MAX + 1] = "", got[512] = "nobody";
        struct stripe_path path;
        json_t *body = json_loads(steps[i].body, 0, 0);
        bool started = resolve_start(steps[i].kind_type, steps[i].id, &read) == RESOLVE_READ;
        enum resolve_answer answer = started ? resolve_step(&read, body, &next, id) : RESOLVE_NOBODY;
        if (answer == RESOLVE_FOUND)
            (void)snprintf(got, sizeof got, "found %s", id);
        if (answer == RESOLVE_READ) {
            read_path(&next, &path);
            (void)snprintf(got, sizeof got, "read %.400s", path.text);
        }
        if (!tap_ok(started && !strcmp(got, steps[i].expected), "%s", steps[i].name))
            tap_note("got %s", got);
        json_decref(body);
    }
}

static void test_sessions_of_intent(void)
{
    struct read read, next;
    char id[STRIPE_ID_BYTES_MAX + 1] = "";
    json_t *guest = json_loads("{\"data\": [{\"id\": \"cs_1\", \"customer\": null}]}", 0, 0);
    json_t *member = json_loads("{\"data\": [{\"id\": \"cs_1\", \"customer\": \"cus_1\"}]}", 0, 0);
    json_t *none = json_loads("{\"data\": []}", 0, 0);

    (void)read_init(&read, READ_SESSIONS_OF_INTENT, "pi_1");
    tap_ok(resolve_step(&read, guest, &next, id) == RESOLVE_FOUND && !strcmp(id, "cs_1"),
           "a guest's payment moves to the stream of its session");
    tap_ok(resolve_step(&read, member, &next, id) == RESOLVE_FOUND && !strcmp(id, "cus_1"),
           "a session with a customer leads to the customer");
    tap_ok(resolve_step(&read, none, &next, id) == RESOLVE_NOBODY, "a payment without a session is nobody's");
    tap_ok(resolve_start("payout", "po_1", &read) == RESOLVE_NOBODY, "a payout leads to nobody");
    tap_ok(resolve_start("", "none", &read) == RESOLVE_NOBODY, "nothing leads to nobody");
    json_decref(guest);
    json_decref(member);
    json_decref(none);
}

/* ---- what a fetch collects ---- */

static enum err take_page(struct fetch_objects *found, enum read_kind kind, json_t *parent, const char *text,
                          struct fetch_page *page)
{
    struct read read;
    struct failure why;
    json_t *body = json_loads(text, 0, 0);
    enum err err;

    (void)read_init(&read, kind, "cus_1");
    err = fetch_objects_take_page(found, &read, parent, body, page, &why);
    json_decref(page->incomplete);
    json_decref(body);
    return err;
}

static void test_pages(void)
{
    struct fetch_objects found;
    struct fetch_page page;
    struct read rest;
    json_t *subscription;

    if (fetch_objects_init(&found) != ERR_OK)
        return;
    tap_ok(take_page(
               &found, READ_SUBSCRIPTIONS, 0,
               "{\"object\": \"list\", \"has_more\": true, \"data\": [{\"object\": \"subscription\", \"id\": "
               "\"sub_1\", \"items\": {\"has_more\": true, \"data\": [{\"id\": \"si_1\"}]}}]}",
               &page) == ERR_OK &&
               page.more && !strcmp(page.next.after, "sub_1") && !found.complete,
           "a page that has more is followed from its last id and completes nothing");
    subscription = json_array_get(found.objects, 0);
    tap_ok(fetch_objects_rest_of(subscription, &rest) && rest.kind == READ_SUBSCRIPTION_ITEMS &&
               !strcmp(rest.id, "sub_1") && !strcmp(rest.after, "si_1"),
           "a subscription with more items than fit asks for the rest");
    tap_ok(take_page(&found, READ_SUBSCRIPTION_ITEMS, subscription,
                     "{\"object\": \"list\", \"has_more\": false, \"data\": [{\"id\": \"si_2\"}]}",
                     &page) == ERR_OK &&
               !fetch_objects_rest_of(subscription, &rest) && json_array_size(found.objects) == 1 &&
               json_array_size(json_object_get(json_object_get(subscription, "items"), "data")) == 2,
           "the rest goes into the subscription");
    tap_ok(
        take_page(
            &found, READ_SUBSCRIPTIONS, 0,
            "{\"object\": \"list\", \"has_more\": false, \"data\": [{\"object\": \"subscription\", \"id\": "
            "\"sub_1\"}]}",
            &page) == ERR_OK &&
            found.complete == FETCH_SUBSCRIPTIONS_COMPLETE && json_array_size(found.objects) == 1,
        "the last page completes the list; an object seen twice is kept once");
    tap_ok(take_page(&found, READ_INVOICES, 0, "{\"object\": \"list\", \"has_more\": true, \"data\": []}",
                     &page) == ERR_PROTOCOL,
           "an empty page that says there is more is no answer");
    tap_ok(take_page(&found, READ_INVOICES, 0, "{\"object\": \"list\", \"data\": []}", &page) == ERR_PROTOCOL,
           "a list that does not say whether there is more is no answer");
    tap_ok(take_page(&found, READ_INVOICES, 0,
                     "{\"object\": \"list\", \"has_more\": false, \"data\": [{\"object\": \"charge\", "
                     "\"id\": \"c\"}]}",
                     &page) == ERR_PROTOCOL,
           "a list of other objects is no answer");
    fetch_objects_release(&found);
}

static void test_missing(void)
{
    struct fetch_objects found;
    struct read invoice, session;

    if (fetch_objects_init(&found) != ERR_OK)
        return;
    (void)read_init(&invoice, READ_INVOICE, "in_1");
    (void)read_init(&session, READ_SESSION, "cs_1");
    tap_ok(fetch_objects_miss(&found, &invoice) == ERR_OK && fetch_objects_miss(&found, &session) == ERR_OK &&
               fetch_objects_miss(&found, &invoice) == ERR_OK && json_array_size(found.missing) == 2 &&
               !found.complete,
           "what is missing is said once and completes no list");
    fetch_objects_release(&found);
}

int main(void)
{
    test_plans();
    test_steps();
    test_sessions_of_intent();
    test_pages();
    test_missing();
    return tap_done();
}
