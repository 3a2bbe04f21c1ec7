/* How an object leads to its customer, and what an object that was read leads to. Both pure. */
// rooms: worker
#include <stdio.h>
#include <string.h>

#include "tests/unit/tap.h"
#include "worker/fetch_objects.h"
#include "worker/followup.h"
#include "worker/resolve.h"

#define VERSION  20261028
#define SESSIONS "/v1/checkout/sessions?payment_intent=pi_1&limit=100"
#define CHARGE   "/v1/charges/ch_1?expand[]=balance_transaction&expand[]=refunds"
#define CHARGES                                                                                              \
    "/v1/charges?payment_intent=pi_1&limit=100&expand[]=data.balance_transaction&expand[]=data.refunds"
#define WALK_MAX 4

static const struct {
    const char *name, *type, *id;
    const char *bodies[WALK_MAX]; /* what each read is answered with */
    const char *expected;         /* the paths read after the first, and where it ended */
} walks[] = {
    {"a dispute leads to its charge and that to its customer",
     "dispute",
     "dp_1",
     {"{'charge': 'ch_1', 'payment_intent': 'pi_1'}", "{'customer': 'cus_1'}"},
     CHARGE " found cus_1"},
    {"a dispute without a charge leads to its payment intent",
     "dispute",
     "dp_1",
     {"{'charge': null, 'payment_intent': 'pi_1'}", "{'id': 'pi_1', 'customer': 'cus_1'}"},
     "/v1/payment_intents/pi_1 found cus_1"},
    {"an expanded customer is understood",
     "charge",
     "ch_1",
     {"{'customer': {'id': 'cus_1'}}"},
     "found cus_1"},
    {"a guest's charge leads to the session that made it",
     "charge",
     "ch_1",
     {"{'customer': null, 'payment_intent': 'pi_1'}", "{'data': [{'id': 'cs_1', 'customer': null}]}"},
     SESSIONS " found cs_1"},
    {"a session with a customer leads to the customer",
     "charge",
     "ch_1",
     {"{'customer': null, 'payment_intent': 'pi_1'}", "{'data': [{'id': 'cs_1', 'customer': 'cus_1'}]}"},
     SESSIONS " found cus_1"},
    {"a guest's charge that no session made is its own subject",
     "charge",
     "ch_1",
     {"{'customer': null, 'payment_intent': 'pi_1'}", "{'data': []}"},
     SESSIONS " bare ch_1"},
    {"so is one without a payment intent", "charge", "ch_1", {"{'customer': null}"}, "bare ch_1"},
    {"a refund of such a charge goes to the charge",
     "refund",
     "re_1",
     {"{'charge': 'ch_1'}", "{'customer': null, 'payment_intent': 'pi_1'}", "{'data': []}"},
     CHARGE " " SESSIONS " bare ch_1"},
    {"a guest's payment intent leads to its session",
     "payment_intent",
     "pi_1",
     {"{'id': 'pi_1', 'customer': null}", "{'data': [{'id': 'cs_1', 'customer': null}]}"},
     SESSIONS " found cs_1"},
    {"without one, to the charge that took the money",
     "payment_intent",
     "pi_1",
     {"{'id': 'pi_1', 'customer': null}", "{'data': []}",
      "{'data': [{'id': 'ch_2', 'status': 'failed'}, {'id': 'ch_1', 'status': 'succeeded'}]}"},
     SESSIONS " " CHARGES " bare ch_1"},
    {"and without any charge to nobody",
     "payment_intent",
     "pi_1",
     {"{'id': 'pi_1', 'customer': null}", "{'data': []}", "{'data': []}"},
     SESSIONS " " CHARGES " nobody"},
    {"a guest's session is its own subject",
     "checkout.session",
     "cs_1",
     {"{'customer': null}"},
     "found cs_1"},
    {"an invoice payment leads to its invoice",
     "invoice_payment",
     "inpay_1",
     {"{'invoice': 'in_1'}", "{'customer': 'cus_1'}"},
     "/v1/invoices/in_1?expand[]=payments found cus_1"},
    {"a refund of today names its customer",
     "refund",
     "re_1",
     {"{'customer': 'cus_2', 'charge': 'ch_1'}"},
     "found cus_2"},
    {"a refund of an older version leads to its charge",
     "refund",
     "re_1",
     {"{'charge': 'ch_1'}", "{'customer': 'cus_1'}"},
     CHARGE " found cus_1"},
    {"a review leads to its charge",
     "review",
     "prv_1",
     {"{'charge': {'id': 'ch_1'}}", "{'customer': 'cus_1'}"},
     CHARGE " found cus_1"},
    {"an early fraud warning leads to its charge",
     "radar.early_fraud_warning",
     "issfr_1",
     {"{'charge': 'ch_1'}", "{'customer': 'cus_1'}"},
     CHARGE " found cus_1"},
    {"an application fee leads to its charge",
     "application_fee",
     "fee_1",
     {"{'charge': 'ch_1'}", "{'customer': 'cus_1'}"},
     CHARGE " found cus_1"},
    {"what is held in reserve leads to its charge",
     "reserve.hold",
     "resvh_1",
     {"{'source_charge': 'ch_1'}", "{'customer': 'cus_1'}"},
     CHARGE " found cus_1"},
    {"what is held in reserve of no charge is nobody's",
     "reserve.hold",
     "resvh_1",
     {"{'source_charge': null}"},
     "nobody"},
    {"a mandate leads to its payment method",
     "mandate",
     "mandate_1",
     {"{'payment_method': 'pm_1'}", "{'customer': 'cus_1'}"},
     "/v1/payment_methods/pm_1 found cus_1"},
    {"an authentication leads to its payment method, which may be nobody's",
     "three_d_secure.authentication",
     "tdsa_1",
     {"{'payment_method': 'pm_1'}", "{'customer': null}"},
     "/v1/payment_methods/pm_1 nobody"},
    {"a movement of billing credit leads to its grant",
     "billing.credit_balance_transaction",
     "cbtxn_1",
     {"{'credit_grant': 'credgr_1'}", "{'customer': 'cus_1'}"},
     "/v1/billing/credit_grants/credgr_1 found cus_1"},
    {"a source names its customer", "source", "src_1", {"{'customer': 'cus_1'}"}, "found cus_1"},
    {"an item leads to its subscription",
     "subscription_item",
     "si_1",
     {"{'subscription': 'sub_1'}", "{'customer': 'cus_1'}"},
     "/v1/subscriptions/sub_1 found cus_1"},
    {"a thin event that names no object says whose it is when it is read",
     "v2.core.event",
     "evt_1",
     {"{'related_object': null, 'data': {'customer': 'cus_1', 'subscription': 'sub_1'}}"},
     "found cus_1"},
    {"or leads to what it names then",
     "v2.core.event",
     "evt_1",
     {"{'related_object': {'id': 'sub_1', 'type': 'subscription'}}", "{'customer': 'cus_1'}"},
     "/v1/subscriptions/sub_1 found cus_1"},
    {"or is nobody's", "v2.core.event", "evt_1", {"{'data': {}}"}, "nobody"},
    {"the prefix tells what an object without a type is",
     "",
     "py_1",
     {"{'customer': 'cus_1'}"},
     "found cus_1"},
    {"a schedule is not a subscription", "", "sub_sched_1", {"{'customer': 'cus_1'}"}, "found cus_1"},
};

static json_t *parse(const char *text)
{
    char json[1024];

    (void)snprintf(json, sizeof json, "%s", text);
    for (char *at = json; *at; at++)
        if (*at == '\'')
            *at = '"';
    return json_loads(json, 0, 0);
}

static void walk_on(struct resolve *walk, const char *const *bodies, char *got, size_t size)
{
    enum resolve_answer answer = RESOLVE_READ;
    char id[STRIPE_ID_BYTES_MAX + 1] = "";

    for (int step = 0; step < WALK_MAX && answer == RESOLVE_READ && bodies[step]; step++) {
        json_t *body = parse(bodies[step]);
        struct stripe_path path;

        answer = resolve_step(walk, body, id);
        json_decref(body);
        if (answer != RESOLVE_READ)
            break;
        read_path(&walk->next, VERSION, &path);
        (void)snprintf(got + strlen(got), size - strlen(got), "%.400s ", path.text);
    }
    (void)snprintf(got + strlen(got), size - strlen(got), "%s%s",
                   answer == RESOLVE_FOUND    ? "found "
                   : answer == RESOLVE_BARE   ? "bare "
                   : answer == RESOLVE_NOBODY ? "nobody"
                                              : "reading",
                   id);
}

static void test_walks(void)
{
    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
        struct resolve walk;
        char got[1024] = "";

        if (resolve_start(&walk, VERSION, walks[i].type, walks[i].id) == RESOLVE_READ)
            walk_on(&walk, walks[i].bodies, got, sizeof got);
        if (!tap_ok(!strcmp(got, walks[i].expected), "%s", walks[i].name))
            tap_note("got %s", got);
    }
}

static const struct {
    const char *type, *id;
} nowhere[] = {
    {"payout", "po_1"}, {"", "none"},         {"product", "prod_1"},         {"plan", "gold"},
    {"coupon", "SAVE"}, {"price", "price_1"}, {"promotion_code", "promo_1"}, {"tax_rate", "txr_1"}};

static void test_nowhere(void)
{
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        struct resolve walk;
        tap_ok(resolve_start(&walk, VERSION, nowhere[i].type, nowhere[i].id) == RESOLVE_NOBODY,
               "%s leads to nobody", nowhere[i].id);
    }
    tap_ok(resolve_start(&(struct resolve){.version = 0}, 20241028, "invoice_payment", "inpay_1") ==
               RESOLVE_NOBODY,
           "an invoice payment leads to nobody where the version that is read has none");
}

/* ---- follow-ups ---- */

static const struct {
    const char *name, *known, *object, *expected;
} leads[] = {
    {"a refund leads to its charge", "", "{'object': 'refund', 'id': 're_1', 'charge': 'ch_1'}", CHARGE " "},
    {"not to one that was read", "{'object': 'charge', 'id': 'ch_1'}",
     "{'object': 'refund', 'id': 're_1', 'charge': 'ch_1'}", ""},
    {"without a charge, to those of its payment intent", "",
     "{'object': 'refund', 'id': 're_1', 'charge': null, 'payment_intent': 'pi_1'}", CHARGES " "},
    {"a refund of money that never was a charge leads nowhere", "",
     "{'object': 'refund', 'id': 're_1', 'charge': null, 'payment_intent': null}", ""},
    {"a dispute leads to its charge", "",
     "{'object': 'dispute', 'id': 'dp_1', 'charge': {'id': 'ch_1'}, 'payment_intent': 'pi_1'}", CHARGE " "},
    {"a charge in dispute leads to its disputes", "", "{'object': 'charge', 'id': 'ch_1', 'disputed': true}",
     "/v1/disputes?charge=ch_1&limit=100 "},
    {"not when one of them led here", "{'object': 'dispute', 'id': 'dp_1', 'charge': 'ch_1'}",
     "{'object': 'charge', 'id': 'ch_1', 'disputed': true}", ""},
    {"another's dispute does not count", "{'object': 'dispute', 'id': 'dp_2', 'charge': 'ch_2'}",
     "{'object': 'charge', 'id': 'ch_1', 'disputed': true}", "/v1/disputes?charge=ch_1&limit=100 "},
    {"any other charge leads nowhere", "",
     "{'object': 'charge', 'id': 'ch_1', 'disputed': false, 'payment_intent': 'pi_1'}", ""},
    {"a credit note leads to its invoice", "", "{'object': 'credit_note', 'id': 'cn_1', 'invoice': 'in_1'}",
     "/v1/invoices/in_1?expand[]=payments "},
    {"an invoice payment leads to its invoice", "",
     "{'object': 'invoice_payment', 'id': 'inpay_1', 'invoice': 'in_1'}",
     "/v1/invoices/in_1?expand[]=payments "},
    {"an invoice that was credited leads to its credit notes, once", "",
     "{'object': 'invoice', 'id': 'in_1', 'pre_payment_credit_notes_amount': 5, "
     "'post_payment_credit_notes_amount': 7}",
     "/v1/credit_notes?invoice=in_1&limit=100 "},
    {"not when one of them led here", "{'object': 'credit_note', 'id': 'cn_1', 'invoice': 'in_1'}",
     "{'object': 'invoice', 'id': 'in_1', 'post_payment_credit_notes_amount': 7}", ""},
    {"an invoice that was not leads nowhere", "",
     "{'object': 'invoice', 'id': 'in_1', 'pre_payment_credit_notes_amount': 0, "
     "'post_payment_credit_notes_amount': 0}",
     ""},
    {"a guest's session leads to the charges of its payment", "",
     "{'object': 'checkout.session', 'id': 'cs_1', 'customer': null, 'payment_intent': 'pi_1'}", CHARGES " "},
    {"a customer's are in the list of charges", "",
     "{'object': 'checkout.session', 'id': 'cs_1', 'customer': 'cus_1', 'payment_intent': 'pi_1'}", ""},
    {"a session that nothing was paid in leads nowhere", "",
     "{'object': 'checkout.session', 'id': 'cs_1', 'customer': null, 'payment_intent': null}", ""},
    {"a subscription leads nowhere", "", "{'object': 'subscription', 'id': 'sub_1', 'customer': 'cus_1'}",
     ""},
};

static void test_follow_ups(void)
{
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
        struct fetch_objects found;
        struct read reads[FOLLOW_UPS_MAX];
        char got[1024] = "";
        json_t *known = parse(leads[i].known), *object = parse(leads[i].object);
        size_t count;

        if (fetch_objects_init(&found) != ERR_OK)
            return;
        if (known)
            (void)fetch_objects_add(&found, known, 0);
        (void)fetch_objects_add(&found, object, 0);
        count = follow_ups(object, &found, reads);
        for (size_t j = 0; j < count; j++) {
            struct stripe_path path;
            read_path(&reads[j], VERSION, &path);
            (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%.400s ", path.text);
        }
        if (!tap_ok(!strcmp(got, leads[i].expected), "%s", leads[i].name))
            tap_note("got %s", got);
        json_decref(known);
        json_decref(object);
        fetch_objects_release(&found);
    }
}

/* What came inside another object is not read by itself. */
static void test_parts(void)
{
    struct fetch_objects found;
    struct read rest[FETCH_EMBEDDED_MAX];
    json_t *charge =
        parse("{'object': 'charge', 'id': 'ch_1', 'refunds': {'has_more': true, 'data': [{'id': 're_1'}]}}");
    json_t *invoice = parse(
        "{'object': 'invoice', 'id': 'in_1', 'payments': {'has_more': false, 'data': [{'id': 'inpay_1'}]}}");
    json_t *page =
        parse("{'object': 'list', 'has_more': false, 'data': [{'object': 'refund', 'id': 're_2'}]}");
    struct fetch_page taken = {.taken = 0};
    struct failure why;

    if (fetch_objects_init(&found) != ERR_OK)
        return;
    (void)fetch_objects_add(&found, charge, 0);
    (void)fetch_objects_add(&found, invoice, 0);
    tap_ok(fetch_objects_have(&found, "re_1") && fetch_objects_have(&found, "inpay_1"),
           "refunds inside a charge and payments inside an invoice are had");
    tap_ok(fetch_objects_rest_of(charge, rest) && rest[0].kind == READ_REFUNDS_OF_CHARGE &&
               !strcmp(rest[0].id, "ch_1") && !strcmp(rest[0].after, "re_1"),
           "a charge with more refunds than fit asks for the rest");
    tap_ok(fetch_objects_take_page(&found, &rest[0], charge, page, &taken, &why) == ERR_OK &&
               fetch_objects_have(&found, "re_2") && !fetch_objects_rest_of(charge, rest) &&
               json_array_size(json_object_get(json_object_get(charge, "refunds"), "data")) == 2,
           "which goes into the charge");
    json_decref(taken.taken);
    json_decref(charge);
    json_decref(invoice);
    json_decref(page);
    fetch_objects_release(&found);
}

int main(void)
{
    test_walks();
    test_nowhere();
    test_follow_ups();
    test_parts();
    return tap_done();
}
