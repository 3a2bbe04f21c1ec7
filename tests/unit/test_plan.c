/* What a turn reads, and what it finds. Both pure. */
// rooms: worker
#include <stdio.h>
#include <string.h>

#include "tests/unit/tap.h"
#include "worker/fetch_objects.h"
#include "worker/plan.h"

#define EVENTS_MAX 4

#define SUBSCRIPTIONS "/v1/subscriptions?customer=cus_1&limit=100&status=all&expand[]=data.discounts "
#define CHARGE_PARTS  "expand[]=balance_transaction&expand[]=refunds "
#define CHARGES       "/v1/charges?customer=cus_1&limit=100"
#define CHARGES_PARTS "&expand[]=data.balance_transaction&expand[]=data.refunds "

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
    bool no_user, missing;
    int version; /* 0: the newest */
    int64_t invoices_since, sessions_since, charges_since;
    const char *expected; /* the paths, in order, one after another */
} cases[] = {
    {.name = "the first look reads everything, whatever the event",
     .subject = "cus_1",
     .hints = {{"customer.subscription.created", "subscription", "sub_1"}},
     .expected = SUBSCRIPTIONS "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                               "/v1/checkout/sessions?customer=cus_1&limit=100 " CHARGES CHARGES_PARTS
                               "/v1/customers/cus_1 "},
    {.name = "an event that changes nothing reads nothing, not even of a customer never seen",
     .subject = "cus_1",
     .hints = {{"payment_method.attached", "payment_method", "pm_1"}},
     .expected = ""},
    {.name = "a subscription event of a known customer reads subscriptions and newer invoices",
     .subject = "cus_1",
     .known = true,
     .hints = {{"customer.subscription.updated", "subscription", "sub_1"}},
     .invoices_since = 1700000000,
     .expected = SUBSCRIPTIONS
     "/v1/invoices?customer=cus_1&limit=100&created[gte]=1700000000&expand[]=data.payments "},
    {.name = "many events of one kind are one fetch",
     .subject = "cus_1",
     .known = true,
     .hints = {{"invoice.created", "invoice", "in_1"},
               {"invoice.finalized", "invoice", "in_1"},
               {"invoice.paid", "invoice", "in_1"},
               {"invoice.payment_succeeded", "invoice", "in_1"}},
     .expected = SUBSCRIPTIONS
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
     .expected = SUBSCRIPTIONS
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
     .expected = SUBSCRIPTIONS "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                               "/v1/checkout/sessions?customer=cus_1&limit=100 /v1/checkout/sessions/cs_1 "
                               "/v1/invoices/in_1?expand[]=payments "},
    {.name = "what failed before is read for even when the waiting events concern no rule",
     .subject = "cus_1",
     .known = true,
     .hints = {{"payment_method.attached", "payment_method", "pm_1"}},
     .owed = {{"evt_1", "checkout.session.completed", "checkout.session", "cs_1"}},
     .sessions_since = 5,
     .expected = SUBSCRIPTIONS "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
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
     .expected = SUBSCRIPTIONS "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                               "/v1/checkout/sessions?customer=cus_1&limit=100&created[gte]=5 "},
    {.name = "what is not due is not looked at again",
     .subject = "cus_1",
     .known = true,
     .hints = {{"customer.subscription.updated", "subscription", "sub_1"}},
     .wants = {{"invoice", "in_9", false}, {"checkout.session", "cs_7", true}},
     .expected = SUBSCRIPTIONS
     "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments /v1/checkout/sessions/cs_7 "},
    {.name = "a price or product that the ledger lacks is read with the state",
     .subject = "cus_1",
     .known = true,
     .hints = {{"customer.subscription.updated", "subscription", "sub_1"}},
     .wants = {{"product", "my_own_id", true}, {"price", "price_1", true}},
     .expected = SUBSCRIPTIONS "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                               "/v1/products/my_own_id /v1/prices/price_1 "},
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
     .expected = SUBSCRIPTIONS
     "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments /v1/invoices/in_9?expand[]=payments "
     "/v1/checkout/sessions/cs_7 "},
    {.name = "a payment looks for the session that made it",
     .subject = "cus_1",
     .known = true,
     .hints = {{"payment_intent.succeeded", "payment_intent", "pi_1"}},
     .sessions_since = 5,
     .charges_since = 9,
     .expected = SUBSCRIPTIONS "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                               "/v1/checkout/sessions?customer=cus_1&limit=100&created[gte]=5 " CHARGES
                               "&created[gte]=9" CHARGES_PARTS},
    {.name = "a customer event reads the customer too, and a deleted one's subscriptions",
     .subject = "cus_1",
     .known = true,
     .hints = {{"customer.deleted", "customer", "cus_1"}},
     .expected =
         SUBSCRIPTIONS "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments /v1/customers/cus_1 "},
    {.name = "a thin event counts as what it mirrors",
     .subject = "cus_1",
     .known = true,
     .hints = {{"v1.invoice.paid", "invoice", "in_1"}},
     .expected = SUBSCRIPTIONS
     "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments /v1/invoices/in_1?expand[]=payments "},
    {.name = "a sync reads everything",
     .subject = "cus_1",
     .known = true,
     .hints = {{"instep.sync", "", ""}},
     .wants = {{"invoice", "in_9", false}},
     .invoices_since = 7,
     .sessions_since = 5,
     .expected = SUBSCRIPTIONS "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                               "/v1/checkout/sessions?customer=cus_1&limit=100 " CHARGES CHARGES_PARTS
                               "/v1/customers/cus_1 "
                               "/v1/invoices/in_9?expand[]=payments "},
    {.name = "a product is read by itself",
     .subject = "prod_1",
     .hints = {{"product.updated", "product", "prod_1"}},
     .expected = "/v1/products/prod_1 "},
    {.name = "a payout is nobody's and needs no read",
     .subject = "po_1",
     .hints = {{"payout.paid", "payout", "po_1"}},
     .expected = ""},
    {.name = "a look reads the state, what it names and what the ledger holds as open",
     .subject = "cus_1",
     .known = true,
     .hints = {{"instep.look", "charge", "ch_1"}},
     .wants = {{"charge", "ch_2", true}, {"dispute", "dp_1", true}},
     .invoices_since = 7,
     .sessions_since = 5,
     .charges_since = 9,
     .expected = SUBSCRIPTIONS "/v1/invoices?customer=cus_1&limit=100&created[gte]=7&expand[]=data.payments "
                               "/v1/checkout/sessions?customer=cus_1&limit=100&created[gte]=5 " CHARGES
                               "&created[gte]=9" CHARGES_PARTS "/v1/charges/ch_1?" CHARGE_PARTS
                               "/v1/charges/ch_2?" CHARGE_PARTS "/v1/disputes/dp_1 "},
    {.name = "a charge that changed is one read, whoever the user is",
     .subject = "cus_1",
     .known = true,
     .no_user = true,
     .hints = {{"charge.updated", "charge", "ch_1"}},
     .wants = {{"invoice", "in_9", true}},
     .expected = "/v1/charges/ch_1?" CHARGE_PARTS},
    {.name = "a refund's events are about the charge and the refund",
     .subject = "cus_1",
     .known = true,
     .hints = {{"charge.refunded", "charge", "ch_1"},
               {"refund.created", "refund", "re_1"},
               {"charge.refund.updated", "refund", "re_1"}},
     .expected = "/v1/charges/ch_1?" CHARGE_PARTS "/v1/refunds/re_1 "},
    {.name = "a charge that succeeded may be older than the list",
     .subject = "cus_1",
     .known = true,
     .hints = {{"charge.succeeded", "charge", "ch_1"}},
     .expected = SUBSCRIPTIONS "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                               "/v1/checkout/sessions?customer=cus_1&limit=100 " CHARGES CHARGES_PARTS
                               "/v1/charges/ch_1?" CHARGE_PARTS},
    {.name = "a discount is on the subscriptions",
     .subject = "cus_1",
     .known = true,
     .no_user = true,
     .hints = {{"customer.discount.created", "discount", "di_1"}},
     .expected = SUBSCRIPTIONS},
    {.name = "a customer's own promotion code is read, and its subscriptions",
     .subject = "cus_1",
     .known = true,
     .hints = {{"promotion_code.updated", "promotion_code", "promo_1"}},
     .expected = SUBSCRIPTIONS "/v1/promotion_codes/promo_1 "},
    {.name = "before basil an invoice has no payments to expand",
     .subject = "cus_1",
     .known = true,
     .version = 20250224,
     .hints = {{"invoice.paid", "invoice", "in_1"}},
     .expected = SUBSCRIPTIONS "/v1/invoices?customer=cus_1&limit=100 /v1/invoices/in_1 "},
    {.name = "and a credit note does not say how much went to the balance, but the balance does",
     .subject = "cus_1",
     .known = true,
     .version = 20250224,
     .hints = {{"credit_note.created", "credit_note", "cn_1"}},
     .expected = "/v1/credit_notes/cn_1?expand[]=customer_balance_transaction "},
    {.name = "before basil there is no payment to read",
     .subject = "cus_1",
     .known = true,
     .version = 20250224,
     .hints = {{"invoice_payment.paid", "invoice_payment", "inpay_1"}},
     .expected = SUBSCRIPTIONS "/v1/invoices?customer=cus_1&limit=100 "
                               "/v1/checkout/sessions?customer=cus_1&limit=100 " CHARGES CHARGES_PARTS},
    {.name = "since basil it has",
     .subject = "cus_1",
     .known = true,
     .version = 20250331,
     .hints = {{"invoice.paid", "invoice", "in_1"}},
     .expected = SUBSCRIPTIONS "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                               "/v1/invoices/in_1?expand[]=payments "},
    {.name = "whose it is is of no matter to a customer's turn",
     .subject = "cus_1",
     .known = true,
     .hints = {{"mandate.updated", "mandate", "mandate_1"}},
     .expected = ""},
    {.name = "an operator may ask for a product too",
     .subject = "prod_1",
     .hints = {{"instep.sync", "product", "prod_1"}},
     .expected = "/v1/products/prod_1 "},
    {.name = "a plan is read as its price, whatever its id",
     .subject = "gold",
     .hints = {{"plan.updated", "plan", "gold"}},
     .expected = "/v1/prices/gold "},
    {.name = "a coupon's id is its merchant's",
     .subject = "20-OFF",
     .hints = {{"coupon.deleted", "coupon", "20-OFF"}},
     .expected = "/v1/coupons/20-OFF "},
    {.name = "a guest's charge is its own subject, and what is named of it is read",
     .subject = "ch_1",
     .hints = {{"charge.succeeded", "charge", "ch_1"}, {"charge.dispute.created", "dispute", "dp_1"}},
     .expected = "/v1/charges/ch_1?" CHARGE_PARTS "/v1/disputes/dp_1 "},
    {.name = "a guest's session is read for a refund of it",
     .subject = "cs_1",
     .hints = {{"refund.created", "refund", "re_1"}},
     .expected = "/v1/checkout/sessions/cs_1 /v1/refunds/re_1 "},
    {.name = "what Stripe has just said to be missing is not asked for again",
     .subject = "ch_1",
     .missing = true,
     .hints = {{"charge.succeeded", "charge", "ch_1"}},
     .expected = ""},
    {.name = "an id cannot leave its place in the path",
     .subject = "cus_1",
     .known = true,
     .hints = {{"invoice.paid", "invoice", "in_/../x?y&z"}},
     .expected = SUBSCRIPTIONS "/v1/invoices?customer=cus_1&limit=100&expand[]=data.payments "
                               "/v1/invoices/in_%2F..%2Fx%3Fy%26z?expand[]=payments "},
};

static void test_plans(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct envelope events[EVENTS_MAX];
        const struct envelope *pointers[EVENTS_MAX];
        int version = cases[i].version ? cases[i].version : 20261028;
        struct plan_input input = {.version = version,
                                   .subject = cases[i].subject,
                                   .is_customer = !strncmp(cases[i].subject, "cus_", 4),
                                   .known = cases[i].known,
                                   .events = pointers,
                                   .wants = cases[i].wants,
                                   .owed = cases[i].owed,
                                   .has_user = !cases[i].no_user,
                                   .invoices_since = cases[i].invoices_since,
                                   .is_missing = cases[i].missing,
                                   .sessions_since = cases[i].sessions_since,
                                   .charges_since = cases[i].charges_since};
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
            read_path(&plan.reads[j], version, &path);
            (void)snprintf(paths + strlen(paths), sizeof paths - strlen(paths), "%s ", path.text);
        }
        if (!tap_ok(!strcmp(paths, cases[i].expected), "%s", cases[i].name))
            tap_note("got %s", paths);
        plan_release(&plan);
    }
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
    json_decref(page->taken);
    json_decref(body);
    return err;
}

static void test_pages(void)
{
    struct fetch_objects found;
    struct fetch_page page;
    struct read rest[FETCH_EMBEDDED_MAX];
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
    tap_ok(fetch_objects_rest_of(subscription, rest) && rest[0].kind == READ_SUBSCRIPTION_ITEMS &&
               !strcmp(rest[0].id, "sub_1") && !strcmp(rest[0].after, "si_1"),
           "a subscription with more items than fit asks for the rest");
    tap_ok(take_page(&found, READ_SUBSCRIPTION_ITEMS, subscription,
                     "{\"object\": \"list\", \"has_more\": false, \"data\": [{\"id\": \"si_2\"}]}",
                     &page) == ERR_OK &&
               !fetch_objects_rest_of(subscription, rest) && json_array_size(found.objects) == 1 &&
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
    test_pages();
    test_missing();
    return tap_done();
}
