// rooms: ingest
/* From an event's JSON to the key of its queue; and the type filter. */
#include "ingest/event_envelope.h"

#include <stdlib.h>
#include <string.h>

#include "ingest/type_filter.h"
#include "tests/unit/tap.h"

#define OWN_ACCOUNT "acct_own"

/* A snapshot event of a type whose data is given. */
static const char *snapshot(const char *type, const char *data, const char *more)
{
    static char text[8192];

    (void)snprintf(
        text, sizeof text,
        "{\"id\":\"evt_1\",\"object\":\"event\",\"api_version\":\"2026-10-28.endive\",\"created\":1792000000,"
        "\"livemode\":false,\"pending_webhooks\":1,\"type\":\"%s\",%s\"data\":%s}",
        type, more, data);
    return text;
}

static enum err parse(const char *text, struct event_envelope *event, struct failure *fail)
{
    return event_envelope_parse(text, strlen(text), OWN_ACCOUNT, event, fail);
}

static const struct {
    const char *type, *data;
    const char *key, *customer, *object_id, *object_type;
} snapshots[] = {
    {"customer.updated", "{\"object\":{\"id\":\"cus_1\",\"object\":\"customer\"}}", "self:cus_1", "cus_1",
     "cus_1", "customer"},
    {"customer.deleted", "{\"object\":{\"id\":\"cus_1\",\"object\":\"customer\",\"deleted\":true}}",
     "self:cus_1", "cus_1", "cus_1", "customer"},
    {"customer.subscription.updated",
     "{\"object\":{\"id\":\"sub_1\",\"object\":\"subscription\",\"customer\":\"cus_1\"},"
     "\"previous_attributes\":{\"status\":\"trialing\"}}",
     "self:cus_1", "cus_1", "sub_1", "subscription"},
    {"subscription_schedule.released",
     "{\"object\":{\"id\":\"sub_sched_1\",\"object\":\"subscription_schedule\",\"customer\":\"cus_1\"}}",
     "self:cus_1", "cus_1", "sub_sched_1", "subscription_schedule"},
    {"invoice.paid", "{\"object\":{\"id\":\"in_1\",\"object\":\"invoice\",\"customer\":\"cus_1\"}}",
     "self:cus_1", "cus_1", "in_1", "invoice"},
    /* a value that somebody expanded, and a deleted stub */
    {"invoice.paid",
     "{\"object\":{\"id\":\"in_1\",\"object\":\"invoice\",\"customer\":{\"id\":\"cus_2\",\"object\":"
     "\"customer\"}}}",
     "self:cus_2", "cus_2", "in_1", "invoice"},
    {"invoice.paid",
     "{\"object\":{\"id\":\"in_1\",\"object\":\"invoice\",\"customer\":{\"id\":\"cus_2\",\"deleted\":true}}}",
     "self:cus_2", "cus_2", "in_1", "invoice"},
    /* the account that pays when the customer is null */
    {"invoice.paid",
     "{\"object\":{\"id\":\"in_1\",\"object\":\"invoice\",\"customer\":null,\"customer_account\":\"acct_7\"}"
     "}",
     "self:acct_7", "", "in_1", "invoice"},
    {"invoice.created", "{\"object\":{\"id\":\"in_1\",\"object\":\"invoice\",\"customer\":null}}",
     "self:in_1", "", "in_1", "invoice"},
    {"invoice.upcoming", "{\"object\":{\"object\":\"invoice\",\"customer\":\"cus_1\"}}", "self:cus_1",
     "cus_1", "", "invoice"},
    {"invoice_payment.paid",
     "{\"object\":{\"id\":\"inpay_1\",\"object\":\"invoice_payment\",\"invoice\":\"in_1\"}}", "self:inpay_1",
     "", "inpay_1", "invoice_payment"},
    {"invoiceitem.created",
     "{\"object\":{\"id\":\"ii_1\",\"object\":\"invoiceitem\",\"customer\":\"cus_1\"}}", "self:cus_1",
     "cus_1", "ii_1", "invoiceitem"},
    {"credit_note.created",
     "{\"object\":{\"id\":\"cn_1\",\"object\":\"credit_note\",\"customer\":\"cus_1\"}}", "self:cus_1",
     "cus_1", "cn_1", "credit_note"},
    {"checkout.session.completed",
     "{\"object\":{\"id\":\"cs_test_1\",\"object\":\"checkout.session\",\"customer\":\"cus_1\"}}",
     "self:cus_1", "cus_1", "cs_test_1", "checkout.session"},
    {"checkout.session.completed",
     "{\"object\":{\"id\":\"cs_test_1\",\"object\":\"checkout.session\",\"customer\":null,"
     "\"customer_details\":{\"email\":\"a@example.com\"}}}",
     "self:cs_test_1", "", "cs_test_1", "checkout.session"},
    {"charge.succeeded", "{\"object\":{\"id\":\"ch_1\",\"object\":\"charge\",\"customer\":\"cus_1\"}}",
     "self:cus_1", "cus_1", "ch_1", "charge"},
    {"charge.succeeded", "{\"object\":{\"id\":\"ch_1\",\"object\":\"charge\",\"customer\":null}}",
     "self:ch_1", "", "ch_1", "charge"},
    {"payment_intent.succeeded",
     "{\"object\":{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"customer\":\"cus_1\"}}", "self:cus_1",
     "cus_1", "pi_1", "payment_intent"},
    {"setup_intent.created",
     "{\"object\":{\"id\":\"seti_1\",\"object\":\"setup_intent\",\"customer\":null,\"customer_account\":"
     "\"acct_7\"}}",
     "self:acct_7", "", "seti_1", "setup_intent"},
    {"payment_method.attached",
     "{\"object\":{\"id\":\"pm_1\",\"object\":\"payment_method\",\"customer\":\"cus_1\"}}", "self:cus_1",
     "cus_1", "pm_1", "payment_method"},
    {"payment_method.detached",
     "{\"object\":{\"id\":\"pm_1\",\"object\":\"payment_method\",\"customer\":null},"
     "\"previous_attributes\":{\"customer\":\"cus_9\"}}",
     "self:cus_9", "cus_9", "pm_1", "payment_method"},
    {"customer.source.deleted",
     "{\"object\":{\"id\":\"card_1\",\"object\":\"card\"},\"previous_attributes\":{\"customer\":\"cus_9\"}}",
     "self:cus_9", "cus_9", "card_1", "card"},
    {"refund.created", "{\"object\":{\"id\":\"re_1\",\"object\":\"refund\",\"customer\":\"cus_1\"}}",
     "self:cus_1", "cus_1", "re_1", "refund"},
    {"refund.created", "{\"object\":{\"id\":\"re_1\",\"object\":\"refund\",\"charge\":\"ch_1\"}}",
     "self:re_1", "", "re_1", "refund"},
    {"charge.dispute.created", "{\"object\":{\"id\":\"dp_1\",\"object\":\"dispute\",\"charge\":\"ch_1\"}}",
     "self:dp_1", "", "dp_1", "dispute"},
    {"customer.discount.created",
     "{\"object\":{\"id\":\"di_1\",\"object\":\"discount\",\"customer\":\"cus_1\",\"subscription\":\"sub_1\"}"
     "}",
     "self:cus_1", "cus_1", "di_1", "discount"},
    {"customer.discount.created",
     "{\"object\":{\"id\":\"di_1\",\"object\":\"discount\",\"customer\":null,\"subscription\":\"sub_1\"}}",
     "self:sub_1", "", "sub_1", "subscription"},
    {"customer.tax_id.created",
     "{\"object\":{\"id\":\"txi_1\",\"object\":\"tax_id\",\"customer\":null,\"owner\":{\"type\":\"customer\","
     "\"customer\":\"cus_1\"}}}",
     "self:cus_1", "cus_1", "txi_1", "tax_id"},
    {"customer.tax_id.created",
     "{\"object\":{\"id\":\"txi_1\",\"object\":\"tax_id\",\"customer\":null,\"owner\":null}}", "self:txi_1",
     "", "txi_1", "tax_id"},
    {"identity.verification_session.verified",
     "{\"object\":{\"id\":\"vs_1\",\"object\":\"identity.verification_session\",\"related_customer\":\"cus_"
     "1\"}}",
     "self:cus_1", "cus_1", "vs_1", "identity.verification_session"},
    {"financial_connections.account.created",
     "{\"object\":{\"id\":\"fca_1\",\"object\":\"financial_connections.account\",\"account_holder\":{"
     "\"type\":"
     "\"customer\",\"customer\":\"cus_1\"}}}",
     "self:cus_1", "cus_1", "fca_1", "financial_connections.account"},
    {"financial_connections.account.created",
     "{\"object\":{\"id\":\"fca_1\",\"object\":\"financial_connections.account\",\"account_holder\":{"
     "\"type\":"
     "\"account\",\"account\":\"acct_1\"}}}",
     "self:fca_1", "", "fca_1", "financial_connections.account"},
    {"promotion_code.created",
     "{\"object\":{\"id\":\"promo_1\",\"object\":\"promotion_code\",\"customer\":null}}", "self:promo_1", "",
     "promo_1", "promotion_code"},
    {"entitlements.active_entitlement_summary.updated",
     "{\"object\":{\"object\":\"entitlements.active_entitlement_summary\",\"customer\":\"cus_1\"}}",
     "self:cus_1", "cus_1", "", "entitlements.active_entitlement_summary"},
    {"source.transaction.created",
     "{\"object\":{\"id\":\"srctxn_1\",\"object\":\"source_transaction\",\"source\":\"src_1\"}}",
     "self:src_1", "", "src_1", "source"},
    {"product.updated", "{\"object\":{\"id\":\"prod_1\",\"object\":\"product\"}}", "self:prod_1", "",
     "prod_1", "product"},
    {"price.created", "{\"object\":{\"id\":\"price_1\",\"object\":\"price\"}}", "self:price_1", "", "price_1",
     "price"},
    {"coupon.created", "{\"object\":{\"id\":\"SUMMER-25.2\",\"object\":\"coupon\"}}", "self:SUMMER-25.2", "",
     "SUMMER-25.2", "coupon"},
    /* names that people gave, which no key and no URL could hold */
    {"coupon.created", "{\"object\":{\"id\":\"25% off: {all}\",\"object\":\"coupon\"}}", "self:none", "", "",
     "coupon"},
    {"plan.created", "{\"object\":{\"id\":\"gold / m\\u0000nthly\",\"object\":\"plan\"}}", "self:none", "",
     "", "plan"},
    {"balance.available", "{\"object\":{\"object\":\"balance\"}}", "self:none", "", "", "balance"},
    {"payout.paid", "{\"object\":{\"id\":\"po_1\",\"object\":\"payout\"}}", "self:po_1", "", "po_1",
     "payout"},
    /* an object and a type that did not exist when this was written */
    {"hologram.flickered", "{\"object\":{\"id\":\"holo_1\",\"object\":\"hologram\",\"customer\":\"cus_1\"}}",
     "self:cus_1", "cus_1", "holo_1", "hologram"},
};

static void test_snapshots(void)
{
    for (size_t i = 0; i < sizeof snapshots / sizeof snapshots[0]; i++) {
        struct event_envelope event;
        struct failure fail = {.text = ""};
        enum err err = parse(snapshot(snapshots[i].type, snapshots[i].data, ""), &event, &fail);
        const struct envelope *e = &event.envelope;
        bool ok = err == ERR_OK && !strcmp(event.key, snapshots[i].key) &&
                  !strcmp(e->customer, snapshots[i].customer) &&
                  !strcmp(e->object_id, snapshots[i].object_id) &&
                  !strcmp(e->object_type, snapshots[i].object_type) && !strcmp(e->type, snapshots[i].type) &&
                  !strcmp(e->event_id, "evt_1") && !*e->account && e->created == 1792000000 && !e->livemode &&
                  !strcmp(e->api_version, "2026-10-28.endive") && e->lane == QUEUE_WEBHOOK && !event.thin;

        if (!tap_ok(ok, "%s goes to %s", snapshots[i].type, snapshots[i].key))
            tap_note("key %s: %s", err == ERR_OK ? event.key : "-", fail.text);
    }
}

static const struct {
    const char *name, *related, *type, *more;
    const char *key, *customer, *object_id;
} thins[] = {
    {"an invoice", "{\"id\":\"in_1\",\"type\":\"invoice\",\"url\":\"/v1/invoices/in_1\"}", "v1.invoice.paid",
     "", "self:in_1", "", "in_1"},
    {"a customer", "{\"id\":\"cus_1\",\"type\":\"customer\",\"url\":\"/v1/customers/cus_1\"}",
     "v1.customer.updated", "", "self:cus_1", "cus_1", "cus_1"},
    {"a customer's discount, which has no id",
     "{\"type\":\"discount\",\"url\":\"/v1/customers/cus_1/discount\"}", "v1.customer.discount.created", "",
     "self:cus_1", "cus_1", "cus_1"},
    {"a subscription's discount", "{\"type\":\"discount\",\"url\":\"/v1/subscriptions/sub_1/discount?a=b\"}",
     "v1.customer.discount.created", "", "self:sub_1", "", "sub_1"},
    {"a singleton elsewhere", "{\"type\":\"balance\",\"url\":\"/v1/balance\"}", "v1.balance.available", "",
     "self:none", "", ""},
    {"a URL that leads out", "{\"type\":\"discount\",\"url\":\"/v1/customers/../../x\"}",
     "v1.customer.discount.created", "", "self:none", "", ""},
    {"no related object, and no rule that would want to know", "null", "v1.invoice.upcoming", "", "self:none",
     "", ""},
    {"no related object, but the event can be read", "null", "v1.customer.discount.source_changed", "",
     "self:evt_1", "", "evt_1"},
    {"no related object, but the customer is said", "null", "v1.invoice.upcoming",
     "\"data\":{\"customer\":\"cus_1\",\"subscription\":\"sub_1\"},", "self:cus_1", "cus_1", ""},
    {"a refunded fee, which is read through its fee",
     "{\"id\":\"fr_1\",\"type\":\"fee_refund\",\"url\":\"/v1/application_fees/fee_1/refunds/fr_1\"}",
     "v1.application_fee.refund.updated", "", "self:fee_1", "", "fee_1"},
    {"a coupon of the merchant's own naming", "{\"id\":\"20-OFF\",\"type\":\"coupon\"}", "v1.coupon.created",
     "", "self:20-OFF", "", "20-OFF"},
    {"a dispute", "{\"id\":\"dp_1\",\"type\":\"dispute\"}", "v1.charge.dispute.created", "", "self:dp_1", "",
     "dp_1"},
    {"the snapshot of the same change", "{\"id\":\"in_1\",\"type\":\"invoice\"}", "v1.invoice.paid",
     "\"snapshot_event\":\"evt_9\",", "self:in_1", "", "in_1"},
    {"a snapshot that is no id", "{\"id\":\"in_1\",\"type\":\"invoice\"}", "v1.invoice.paid",
     "\"snapshot_event\":\"../evt_9\",", "self:in_1", "", "in_1"},
    {"no snapshot", "{\"id\":\"in_1\",\"type\":\"invoice\"}", "v1.invoice.paid", "\"snapshot_event\":null,",
     "self:in_1", "", "in_1"},
    {"a connected account", "{\"id\":\"in_1\",\"type\":\"invoice\"}", "v1.invoice.paid",
     "\"context\":\"acct_5\",", "acct_5:in_1", "", "in_1"},
    {"an organization's context", "{\"id\":\"in_1\",\"type\":\"invoice\"}", "v1.invoice.paid",
     "\"context\":\"org_1/acct_5\",", "acct_5:in_1", "", "in_1"},
    {"an account below another", "{\"id\":\"in_1\",\"type\":\"invoice\"}", "v1.invoice.paid",
     "\"context\":\"acct_4/acct_5\",", "acct_5:in_1", "", "in_1"},
    {"something below an account", "{\"id\":\"in_1\",\"type\":\"invoice\"}", "v1.invoice.paid",
     "\"context\":\"org_1/acct_5/x\",", "acct_5:in_1", "", "in_1"},
    {"our own account", "{\"id\":\"in_1\",\"type\":\"invoice\"}", "v1.invoice.paid",
     "\"context\":\"org_1/acct_own\",", "self:in_1", "", "in_1"},
    {"an organization itself", "{\"id\":\"in_1\",\"type\":\"invoice\"}", "v1.invoice.paid",
     "\"context\":\"org_1\",", "self:in_1", "", "in_1"},
    {"no context", "{\"id\":\"in_1\",\"type\":\"invoice\"}", "v1.invoice.paid", "\"context\":null,",
     "self:in_1", "", "in_1"},
};

/* What else a thin event says about itself. */
static const struct {
    const char *more, *context, *snapshot_event;
} asides[] = {
    {"\"context\":\"acct_5\",", "acct_5", ""},
    {"\"context\":\"org_1/acct_5\",", "org_1/acct_5", ""},
    {"\"context\":\"org_1/acct_own\",", "org_1/acct_own", ""},
    {"\"context\":\"org_1\",", "", ""}, /* no account to ask about */
    {"\"context\":\"org 1/acct_5\",", "", ""},
    {"\"snapshot_event\":\"evt_9\",", "", "evt_9"},
    {"\"snapshot_event\":\"../evt_9\",", "", ""},
    {"\"snapshot_event\":null,", "", ""},
};

static const struct {
    const char *text;
    int64_t at; /* -1: refused */
} times[] = {
    {"2026-10-01T12:00:00Z", 1790856000},
    {"2026-10-01T12:00:00.123456Z", 1790856000},
    {"2026-10-01T12:00:00+00:00", 1790856000},
    {"2026-10-01T12:00:00.000-00:00", 1790856000},
    {"2026-10-01T14:30:00.000+02:30", 1790856000},
    {"2026-10-01T04:00:00-08:00", 1790856000},
    {"2026-10-01t12:00:00z", 1790856000},
    {"2026-10-01T12:00:00", -1},
    {"2026-10-01T12:00:00.", -1},
    {"2026-10-01T12:00:00.Z", -1},
    {"2026-10-01T12:00:00+0000", -1},
    {"2026-10-01T12:00:00+24:00", -1},
    {"2026-10-01T12:00:00+00:60", -1},
    {"2026-10-01T12:00:00+00:00x", -1},
    {"2026-10-01T12:00:00Zx", -1},
    {"2026-13-01T12:00:00Z", -1},
    {"1969-12-31T23:59:59Z", -1},
    {"1970-01-01T00:00:00+00:01", -1},
    {"yesterday", -1},
};

static const char *thin(const char *type, const char *created, const char *related, const char *more)
{
    static char text[2048];

    (void)snprintf(text, sizeof text,
                   "{\"id\":\"evt_1\",\"object\":\"v2.core.event\",\"type\":\"%s\",\"created\":\"%s\",%s"
                   "\"livemode\":true,\"related_object\":%s}",
                   type, created, more, related);
    return text;
}

static void test_thins(void)
{
    for (size_t i = 0; i < sizeof thins / sizeof thins[0]; i++) {
        struct event_envelope event;
        struct failure fail = {.text = ""};
        enum err err = parse(thin(thins[i].type, "2026-10-01T12:00:00.000Z", thins[i].related, thins[i].more),
                             &event, &fail);
        const struct envelope *e = &event.envelope;

        if (!tap_ok(err == ERR_OK && !strcmp(event.key, thins[i].key) &&
                        !strcmp(e->customer, thins[i].customer) &&
                        !strcmp(e->object_id, thins[i].object_id) && e->created == 1790856000 &&
                        e->livemode && event.thin,
                    "thin: %s goes to %s", thins[i].name, thins[i].key))
            tap_note("key %s created %lld: %s", event.key, (long long)e->created, fail.text);
    }
}

static void test_asides(void)
{
    for (size_t i = 0; i < sizeof asides / sizeof asides[0]; i++) {
        struct event_envelope event;
        struct failure fail;
        enum err err =
            parse(thin("v1.invoice.paid", "2026-10-01T12:00:00Z", "null", asides[i].more), &event, &fail);

        tap_ok(err == ERR_OK && !strcmp(event.envelope.context, asides[i].context) &&
                   !strcmp(event.envelope.snapshot_event, asides[i].snapshot_event),
               "thin: %s is kept as \"%s%s\"", asides[i].more, asides[i].context, asides[i].snapshot_event);
    }
}

static void test_times(void)
{
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct event_envelope event;
        struct failure fail = {.text = ""};
        enum err err = parse(thin("v1.invoice.paid", times[i].text, "null", ""), &event, &fail);

        tap_ok(times[i].at < 0 ? err == ERR_INVALID : !err && event.envelope.created == times[i].at,
               "a thin event's time: %s", times[i].text);
    }
}

#define DATA "\"data\":{\"object\":{\"id\":\"in_1\",\"object\":\"invoice\",\"customer\":\"cus_1\"}}"
#define HEAD "\"object\":\"event\",\"created\":1,\"livemode\":false,"

static const struct {
    const char *name, *text;
} refused[] = {
    {"nothing", ""},
    {"not JSON", "hello"},
    {"half an object", "{\"id\":\"evt_1\""},
    {"text after the object", "{\"id\":\"evt_1\",\"type\":\"a\"," HEAD DATA "} x"},
    {"two objects", "{\"id\":\"evt_1\",\"type\":\"a\"," HEAD DATA "}{}"},
    {"an array", "[]"},
    {"a string", "\"event\""},
    {"a duplicate key", "{\"id\":\"evt_1\",\"id\":\"evt_2\",\"type\":\"a\"," HEAD DATA "}"},
    {"a duplicate key deep inside",
     "{\"id\":\"evt_1\",\"type\":\"a\"," HEAD "\"data\":{\"object\":{\"id\":\"in_1\",\"object\":\"invoice\","
     "\"customer\":\"cus_1\",\"customer\":\"cus_2\"}}}"},
    {"invalid UTF-8", "{\"id\":\"evt_1\",\"type\":\"a\",\"x\":\"\xff\"," HEAD DATA "}"},
    {"a time beyond 64 bits",
     "{\"id\":\"evt_1\",\"type\":\"a\",\"object\":\"event\",\"created\":99999999999999999999,"
     "\"livemode\":false," DATA "}"},
    {"a time with a fraction",
     "{\"id\":\"evt_1\",\"type\":\"a\",\"object\":\"event\",\"created\":1.5,\"livemode\":false," DATA "}"},
    {"neither form",
     "{\"id\":\"evt_1\",\"type\":\"a\",\"object\":\"charge\",\"created\":1,\"livemode\":false," DATA "}"},
    {"no form", "{\"id\":\"evt_1\",\"type\":\"a\",\"created\":1,\"livemode\":false," DATA "}"},
    {"no id", "{\"type\":\"a\"," HEAD DATA "}"},
    {"an empty id", "{\"id\":\"\",\"type\":\"a\"," HEAD DATA "}"},
    {"an id that is a number", "{\"id\":1,\"type\":\"a\"," HEAD DATA "}"},
    {"an id with a colon", "{\"id\":\"evt:1\",\"type\":\"a\"," HEAD DATA "}"},
    {"an id with a NUL", "{\"id\":\"evt_1\\u0000x\",\"type\":\"a\"," HEAD DATA "}"},
    {"an id with a line feed", "{\"id\":\"evt_1\\nlevel=error\",\"type\":\"a\"," HEAD DATA "}"},
    {"no type", "{\"id\":\"evt_1\"," HEAD DATA "}"},
    {"a type with a space", "{\"id\":\"evt_1\",\"type\":\"a b\"," HEAD DATA "}"},
    {"no livemode", "{\"id\":\"evt_1\",\"type\":\"a\",\"object\":\"event\",\"created\":1," DATA "}"},
    {"livemode as text",
     "{\"id\":\"evt_1\",\"type\":\"a\",\"object\":\"event\",\"created\":1,\"livemode\":\"false\"," DATA "}"},
    {"no time", "{\"id\":\"evt_1\",\"type\":\"a\",\"object\":\"event\",\"livemode\":false," DATA "}"},
    {"a time as text",
     "{\"id\":\"evt_1\",\"type\":\"a\",\"object\":\"event\",\"created\":\"1\",\"livemode\":false," DATA "}"},
    {"a negative time",
     "{\"id\":\"evt_1\",\"type\":\"a\",\"object\":\"event\",\"created\":-1,\"livemode\":false," DATA "}"},
    {"no data", "{\"id\":\"evt_1\",\"type\":\"a\",\"object\":\"event\",\"created\":1,\"livemode\":false}"},
    {"data without an object", "{\"id\":\"evt_1\",\"type\":\"a\"," HEAD "\"data\":{\"object\":null}}"},
    {"an object without a type",
     "{\"id\":\"evt_1\",\"type\":\"a\"," HEAD "\"data\":{\"object\":{\"id\":\"in_1\"}}}"},
    {"an account with a colon", "{\"id\":\"evt_1\",\"type\":\"a\",\"account\":\"acct_1:x\"," HEAD DATA "}"},
    {"an account that is no text", "{\"id\":\"evt_1\",\"type\":\"a\",\"account\":[]," HEAD DATA "}"},
    {"a thin event whose time is a number", "{\"id\":\"evt_1\",\"object\":\"v2.core.event\",\"type\":\"v1."
                                            "invoice.paid\",\"created\":1,\"livemode\":false}"},
    {"a thin event with a foreign time",
     "{\"id\":\"evt_1\",\"object\":\"v2.core.event\",\"type\":\"a\",\"created\":\"2026-13-01T00:00:00Z\","
     "\"livemode\":false}"},
    {"a thin event of 1909",
     "{\"id\":\"evt_1\",\"object\":\"v2.core.event\",\"type\":\"a\",\"created\":\"1909-12-01T00:00:00Z\","
     "\"livemode\":false}"},
    {"a thin event whose related object has an odd id",
     "{\"id\":\"evt_1\",\"object\":\"v2.core.event\",\"type\":\"a\",\"created\":\"2026-12-01T00:00:00Z\","
     "\"livemode\":false,\"related_object\":{\"id\":\"in/1\",\"type\":\"invoice\"}}"},
};

static void test_refused(void)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct event_envelope event;
        struct failure fail = {.text = ""};

        tap_ok(parse(refused[i].text, &event, &fail) == ERR_INVALID && *fail.text, "refused: %s",
               refused[i].name);
    }
}

/* Each of these as a customer: no key, no URL, no log line may ever see one. */
static const char *const odd_ids[] = {
    "",      " ",        "cus 1",    "cus:1",        "cus_{1}",    "cus/1",        "cus_../1",
    "..",    "../etc",   "cus_1\\n", "cus%2f",       "cus\\u00e9", "cus_1\\u0000", "cus_1\\r\\nX:",
    "cus'1", "cus\\\"1", "cus_1;--", "cus_1\\u007f", "_cus",       "-cus",         "cus_1?expand=a",
    "cus#1", "cus_1*",
};

static void test_odd_customers(void)
{
    for (size_t i = 0; i < sizeof odd_ids / sizeof odd_ids[0]; i++) {
        struct event_envelope event;
        struct failure fail = {.text = ""};
        char data[256];

        (void)snprintf(data, sizeof data,
                       "{\"object\":{\"id\":\"in_1\",\"object\":\"invoice\",\"customer\":\"%s\"}}",
                       odd_ids[i]);
        tap_ok(parse(snapshot("invoice.paid", data, ""), &event, &fail) == ERR_INVALID,
               "refused as a customer: %s", odd_ids[i]);
    }
}

static void test_lengths(void)
{
    struct event_envelope event;
    struct failure fail = {.text = ""};
    char id[258], data[512], account[300];

    memset(id, 'a', sizeof id);
    id[255] = '\0';
    (void)snprintf(data, sizeof data, "{\"object\":{\"id\":\"%s\",\"object\":\"customer\"}}", id);
    (void)snprintf(account, sizeof account, "\"account\":\"%s\",", id);
    tap_ok(parse(snapshot("customer.updated", data, account), &event, &fail) == ERR_OK &&
               strlen(event.key) == 511,
           "an account and a customer of 255 bytes each make a key");
    id[255] = 'a';
    id[256] = '\0';
    (void)snprintf(data, sizeof data, "{\"object\":{\"id\":\"%s\",\"object\":\"customer\"}}", id);
    tap_ok(parse(snapshot("customer.updated", data, ""), &event, &fail) == ERR_INVALID, "256 bytes do not");
}

static void test_depth(void)
{
    static char deep[100000], text[120000];
    struct event_envelope event;
    struct failure fail = {.text = ""};
    size_t n = 0;

    for (int i = 0; i < PICK_DEPTH_MAX - 1; i++)
        deep[n++] = '[';
    for (int i = 0; i < PICK_DEPTH_MAX - 1; i++)
        deep[n++] = ']';
    deep[n] = '\0';
    (void)snprintf(text, sizeof text, "{\"x\":%s,\"id\":\"evt_1\",\"type\":\"a\"," HEAD DATA "}", deep);
    tap_ok(parse(text, &event, &fail) == ERR_OK, "as deep as the bound is taken");
    memset(deep, '[', sizeof deep - 1);
    (void)snprintf(text, sizeof text, "{\"x\":%s", deep);
    tap_ok(parse(text, &event, &fail) == ERR_INVALID, "100,000 brackets are refused");
    memset(deep, '{', sizeof deep - 1);
    (void)snprintf(text, sizeof text,
                   "{\"id\":\"evt_1\",\"x\":\"\\\"%.99000s\",\"type\":\"a\"," HEAD DATA "}", deep);
    tap_ok(parse(text, &event, &fail) == ERR_OK, "brackets within a string do not count");
}

static void test_account(void)
{
    struct event_envelope event;
    struct failure fail = {.text = ""};
    enum err err = parse(snapshot("invoice.paid",
                                  "{\"object\":{\"id\":\"in_1\",\"object\":\"invoice\",\"customer\":"
                                  "\"cus_1\"}}",
                                  "\"account\":\"acct_3\","),
                         &event, &fail);

    tap_ok(err == ERR_OK && !strcmp(event.key, "acct_3:cus_1") && !strcmp(event.envelope.account, "acct_3"),
           "a connected account's events have keys of their own");
    err = parse(snapshot("invoice.paid",
                         "{\"object\":{\"id\":\"in_1\",\"object\":\"invoice\",\"customer\":\"cus_1\"}}",
                         "\"account\":\"" OWN_ACCOUNT "\","),
                &event, &fail);
    tap_ok(err == ERR_OK && !strcmp(event.key, "self:cus_1") && !*event.envelope.account,
           "the platform's own account, by its id, is the platform");
    err = parse("{\"id\":\"evt_1\",\"type\":\"a\",\"api_version\":null,\"account\":null," HEAD DATA "}",
                &event, &fail);
    tap_ok(err == ERR_OK && !*event.envelope.api_version && !strcmp(event.key, "self:cus_1"),
           "api_version and account may be null");
}

static const struct {
    const char *list, *type;
    bool wanted;
} filters[] = {
    {"*", "anything.at_all", true},
    {"invoice.paid", "invoice.paid", true},
    {"invoice.paid", "invoice.paid_2", false},
    {"invoice.paid", "xinvoice.paid", false},
    {"invoice.*", "invoice.payment_failed", true},
    {"invoice.*", "invoice_payment.paid", false},
    {"customer.subscription.*, invoice.*", "invoice.paid", true},
    {"customer.subscription.*, invoice.*", "charge.succeeded", false},
    {"*.paid", "invoice.paid", true},
    {"*.paid", "invoice.paid.x", false},
    {"a*b*c", "a_xx_b_yy_bc", true},
    {"a*b*c", "a_xx_c_yy_b", false},
    {"invoice.*", "v1.invoice.paid", true},
    {"v1.invoice.*", "v1.invoice.paid", true},
    {"v1.invoice.*", "invoice.paid", false},
};

static const char *const bad_filters[] = {"",          ",",  "invoice.*,", "Invoice.paid", "invoice paid",
                                          "invoice.?", "[a]"};

static void test_filter(void)
{
    struct type_filter *filter;
    struct failure fail;

    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        if (type_filter_create(filters[i].list, &filter, &fail) != ERR_OK)
            abort();
        tap_ok(type_filter_wants(filter, filters[i].type) == filters[i].wanted, "%s %s %s", filters[i].list,
               filters[i].wanted ? "wants" : "does not want", filters[i].type);
        type_filter_free(filter);
    }
    for (size_t i = 0; i < sizeof bad_filters / sizeof bad_filters[0]; i++)
        tap_ok(type_filter_create(bad_filters[i], &filter, &fail) == ERR_CONFIG, "\"%s\" is no list of types",
               bad_filters[i]);
}

int main(void)
{
    test_snapshots();
    test_thins();
    test_asides();
    test_times();
    test_refused();
    test_odd_customers();
    test_lengths();
    test_depth();
    test_account();
    test_filter();
    return tap_done();
}
