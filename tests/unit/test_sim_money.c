/* Money after it was paid and money that goes other ways: events, records, truth, refusals. */
// rooms: sim
#include "sim/truth.h"
#include "tests/unit/sim_money_fixture.h"
#include "tests/unit/tap.h"

/* --- stories --- */

static void bare_charge(struct shop *s)
{
    pay(s, "&payment_method=pm_card_visa&confirm=true");
    pass(s, 5);
}
static void bare_declined(struct shop *s)
{
    pay(s, "&payment_method=pm_card_chargeDeclined&confirm=true");
}
static void captured_in_part(struct shop *s)
{
    pay(s, "&payment_method=pm_card_visa&confirm=true&capture_method=manual");
    (void)ask(&s->w, "POST /v1/payment_intents/%s/capture amount_to_capture=1500", s->intent);
    pass(s, 5);
}
static void authorised_only(struct shop *s)
{
    pay(s, "&payment_method=pm_card_visa&confirm=true&capture_method=manual");
    pass(s, 7 * DAY + 1);
}
static void authorisation_canceled(struct shop *s)
{
    pay(s, "&payment_method=pm_card_visa&confirm=true&capture_method=manual");
    (void)ask(&s->w, "POST /v1/payment_intents/%s/cancel", s->intent);
}
static void debit_arrives(struct shop *s)
{
    pay(s, "&payment_method=pm_sepaDebit&confirm=true");
    control_on(s, "/sim/payment_intents/", s->intent, "", "{\"outcome\":\"succeeded\"}");
    pass(s, 5);
}
static void debit_fails(struct shop *s)
{
    pay(s, "&payment_method=pm_sepaDebit&confirm=true");
    control_on(s, "/sim/payment_intents/", s->intent, "", "{\"outcome\":\"failed\"}");
}
static void refunded_in_parts(struct shop *s)
{
    charged(s);
    refund(s, "&amount=500");
    refund(s, "&amount=700&reason=duplicate");
}
static void refunded_whole(struct shop *s)
{
    charged(s);
    refund(s, "");
}
static void refund_pending(struct shop *s)
{
    charged(s);
    refund(s, "&amount=500&metadata[sim_status]=pending");
}
static void refund_comes(struct shop *s)
{
    refund_pending(s);
    forget(s);
    control_on(s, "/sim/refunds/", s->other, "", "{\"status\":\"succeeded\"}");
}
static void refund_comes_back(struct shop *s)
{
    refunded_whole(s);
    forget(s);
    control_on(s, "/sim/refunds/", s->other, "", "{\"status\":\"failed\"}");
}
static void refund_canceled(struct shop *s)
{
    charged(s);
    refund(s, "&amount=500&metadata[sim_status]=requires_action");
    forget(s);
    (void)ask(&s->w, "POST /v1/refunds/%s/cancel", s->other);
}
static void refund_of_debit(struct shop *s)
{
    debit_arrives(s);
    forget(s);
    refund(s, "");
    pass(s, 3 * DAY);
}
static void disputed(struct shop *s)
{
    charged(s);
    dispute(s, "{\"amount\":1500}");
}
static void dispute_won(struct shop *s)
{
    disputed(s);
    forget(s);
    (void)ask(&s->w, "POST /v1/disputes/%s evidence[product_description]=hat", s->other);
    bank(s, "{\"status\":\"won\"}");
}
static void dispute_won_paid_later(struct shop *s)
{
    disputed(s);
    forget(s);
    bank(s, "{\"status\":\"won\",\"reinstate\":false}");
}
static void dispute_lost(struct shop *s)
{
    disputed(s);
    forget(s);
    (void)ask(&s->w, "POST /v1/disputes/%s/close", s->other);
}
static void dispute_appealed(struct shop *s)
{
    dispute_lost(s);
    bank(s, "{\"status\":\"appeal_under_review\"}");
    forget(s);
    bank(s, "{\"status\":\"won\",\"fee\":-1500}");
}
static void inquiry(struct shop *s)
{
    charged(s);
    dispute(s, "{\"status\":\"warning_needs_response\"}");
    bank(s, "{\"status\":\"warning_closed\"}");
}
static void inquiry_escalates(struct shop *s)
{
    charged(s);
    dispute(s, "{\"status\":\"warning_needs_response\"}");
    forget(s);
    bank(s, "{\"status\":\"needs_response\"}");
}
static void dispute_prevented(struct shop *s)
{
    charged(s);
    dispute(s, "{\"status\":\"prevented\"}");
}
static void paid_elsewhere(struct shop *s)
{
    owed(s);
    (void)ask(&s->w, "POST /v1/invoices/%s/pay paid_out_of_band=true", s->invoice);
    pass(s, 30);
}
static void paid_in_parts(struct shop *s)
{
    owed(s);
    payment(s, "{\"amount\":300}");
    payment(s, "{\"amount\":200,\"elsewhere\":true}");
    (void)ask(&s->w, "POST /v1/invoices/%s/pay", s->invoice);
}
static void attached(struct shop *s)
{
    charged(s);
    owed(s);
    (void)ask(&s->w, "POST /v1/invoices/%s/attach_payment payment_intent=%s", s->invoice, s->intent);
}
static void paid_twice(struct shop *s)
{
    settled(s);
    payment(s, "{\"amount\":1000}");
}
static void credit_used(struct shop *s)
{
    paid_twice(s);
    forget(s);
    (void)ask(&s->w, "POST /v1/invoiceitems customer=%s&amount=1200&currency=usd", s->customer);
    (void)ask(&s->w, "POST /v1/invoices customer=%s", s->customer);
    s->invoice = answer_id(&s->w);
    (void)ask(&s->w, "POST /v1/invoices/%s/finalize", s->invoice);
}
static void credit_returned(struct shop *s)
{
    credit_used(s);
    forget(s);
    (void)ask(&s->w, "POST /v1/invoices/%s/void", s->invoice);
}
static void uncollectible_paid(struct shop *s)
{
    owed(s);
    (void)ask(&s->w, "POST /v1/invoices/%s/mark_uncollectible", s->invoice);
    (void)ask(&s->w, "POST /v1/invoices/%s/pay", s->invoice);
}
static void note_before(struct shop *s)
{
    owed(s);
    note(s, "&amount=300");
}
static void note_before_whole(struct shop *s)
{
    owed(s);
    note(s, "&amount=1000");
}
static void note_voided(struct shop *s)
{
    note_before(s);
    forget(s);
    (void)ask(&s->w, "POST /v1/credit_notes/%s/void", s->other);
}
static void note_to_balance(struct shop *s)
{
    settled(s);
    note(s, "&amount=400&credit_amount=400");
}
static void note_refunded(struct shop *s)
{
    settled(s);
    note(s, "&amount=400&refund_amount=400");
}
static void note_mixed(struct shop *s)
{
    settled(s);
    note(s, "&amount=600&credit_amount=100&refund_amount=200&out_of_band_amount=300");
}
static void note_of_record(struct shop *s)
{
    paid_elsewhere(s);
    (void)ask(&s->w, "GET /v1/invoice_payments?invoice=%s", s->invoice);
    s->other = sim_text(s->w.sim,
                        form_text(json_array_get(form_at(s->w.answer, "data"), 0), "payment.payment_record"));
    forget(s);
    (void)ask(&s->w,
              "POST /v1/credit_notes invoice=%s&amount=250&refunds[0][type]=payment_record_refund"
              "&refunds[0][payment_record_refund][payment_record]=%s&refunds[0][amount_refunded]=250",
              s->invoice, s->other);
}
static void converted(struct shop *s)
{
    (void)ask(&s->w,
              "POST /v1/payment_intents customer=%s&amount=5000&currency=jpy&payment_method=pm_card_visa"
              "&confirm=true",
              s->customer);
    pass(s, 5);
}

/* Without what every story shows of the same kind: "account=amount" in order of the account. */
static char *balances(struct shop *s)
{
    json_t *truth = truth_export(s->w.sim);
    json_t *accounts = json_object_get(truth, "accounts"), *amounts, *amount;
    char *text = calloc(1, 1024);
    const char *code, *currency;
    void *next;

    (void)next;
    json_t *sorted = json_object();
    json_object_foreach(accounts, code, amounts)(void) json_object_set(sorted, code, amounts);
    char *dump = json_dumps(sorted, JSON_SORT_KEYS | JSON_COMPACT);
    json_t *ordered = json_loads(dump, 0, NULL);
    free(dump);
    json_object_foreach(ordered, code, amounts)
    {
        if (strncmp(code, "fees", 4) == 0)
            continue;
        json_object_foreach(amounts, currency, amount)
        {
            size_t len = strlen(text);
            (void)snprintf(text + len, 1024 - len, "%s%s=%lld%s", len ? " " : "", code,
                           (long long)json_integer_value(amount),
                           strcmp(currency, "usd") == 0 ? "" : currency);
        }
    }
    json_decref(ordered);
    json_decref(sorted);
    json_decref(truth);
    return text;
}

static const struct {
    const char *name;
    void (*play)(struct shop *s);
    const char *events;   /* of the last part of the story */
    const char *accounts; /* without the fees */
} stories[] = {
    {"a bare charge", bare_charge,
     "payment_method.attached payment_intent.created charge.succeeded payment_intent.succeeded "
     "charge.updated",
     "collected=2000 sales=-2000"},
    {"a bare charge, declined", bare_declined,
     "payment_method.attached payment_intent.created charge.failed payment_intent.payment_failed", ""},
    {"captured in part", captured_in_part,
     "payment_method.attached payment_intent.created charge.succeeded "
     "payment_intent.amount_capturable_updated charge.captured payment_intent.succeeded charge.updated",
     "collected=1500 sales=-1500"},
    {"never captured", authorised_only,
     "payment_method.attached payment_intent.created charge.succeeded "
     "payment_intent.amount_capturable_updated charge.expired payment_intent.canceled",
     ""},
    {"an authorisation is canceled", authorisation_canceled,
     "payment_method.attached payment_intent.created charge.succeeded "
     "payment_intent.amount_capturable_updated payment_intent.canceled",
     ""},
    {"a bank debit arrives", debit_arrives,
     "payment_method.attached payment_intent.created payment_intent.processing charge.pending "
     "charge.succeeded payment_intent.succeeded charge.updated",
     "collected=2000 sales=-2000"},
    {"a bank debit fails", debit_fails,
     "payment_method.attached payment_intent.created payment_intent.processing charge.pending "
     "charge.failed payment_intent.payment_failed",
     ""},
    {"refunded in parts", refunded_in_parts,
     "refund.created charge.refunded refund.updated charge.refund.updated refund.created "
     "charge.refunded refund.updated charge.refund.updated",
     "collected=800 refunds=1200 sales=-2000"},
    {"refunded whole", refunded_whole, "refund.created charge.refunded refund.updated charge.refund.updated",
     "refunds=2000 sales=-2000"},
    {"a refund is pending", refund_pending, "refund.created charge.refunded",
     "collected=2000 refunds=500 refunds_payable=-500 sales=-2000"},
    {"a pending refund comes", refund_comes, "refund.updated charge.refund.updated",
     "collected=1500 refunds=500 sales=-2000"},
    {"a refund comes back", refund_comes_back,
     "refund.failed refund.updated charge.refund.updated charge.updated", "collected=2000 sales=-2000"},
    {"a refund is canceled", refund_canceled, "refund.updated charge.refund.updated charge.updated",
     "collected=2000 sales=-2000"},
    {"the refund of a debit takes days", refund_of_debit,
     "refund.created charge.refunded refund.updated charge.refund.updated", "refunds=2000 sales=-2000"},
    {"disputed", disputed, "charge.dispute.created charge.dispute.funds_withdrawn charge.updated",
     "collected=500 disputes_held=1500 sales=-2000"},
    {"a dispute is won", dispute_won,
     "charge.dispute.updated charge.dispute.closed charge.dispute.funds_reinstated",
     "collected=2000 sales=-2000"},
    {"won, and paid later", dispute_won_paid_later, "charge.dispute.closed",
     "collected=500 disputes_held=1500 sales=-2000"},
    {"a dispute is lost", dispute_lost, "charge.dispute.closed",
     "collected=500 disputes_lost=1500 sales=-2000"},
    {"appealed and won", dispute_appealed, "charge.dispute.closed charge.dispute.funds_reinstated",
     "collected=2000 sales=-2000"},
    {"an inquiry", inquiry, "charge.dispute.created charge.updated charge.dispute.closed",
     "collected=2000 sales=-2000"},
    {"an inquiry becomes a dispute", inquiry_escalates,
     "charge.dispute.updated charge.dispute.funds_withdrawn", "disputes_held=2000 sales=-2000"},
    {"a dispute is prevented", dispute_prevented,
     "charge.dispute.created charge.updated charge.dispute.closed", "collected=2000 sales=-2000"},
    {"paid elsewhere", paid_elsewhere, "invoice.paid invoice_payment.paid",
     "collected_elsewhere=1000 sales=-1000"},
    {"paid in parts", paid_in_parts,
     "payment_intent.created charge.succeeded payment_intent.succeeded invoice.updated invoice.updated "
     "payment_intent.created charge.succeeded payment_intent.succeeded invoice.paid "
     "invoice.payment_succeeded",
     "collected=800 collected_elsewhere=200 sales=-1000"},
    {"a payment is attached that is too much", attached,
     "invoice.paid invoice.payment_succeeded invoice.overpaid customer.updated",
     "collected=2000 credit_applied=1000 customer_credit=-1000 sales=-2000"},
    {"paid twice", paid_twice,
     "payment_intent.created charge.succeeded payment_intent.succeeded invoice.updated "
     "invoice.overpaid customer.updated",
     "collected=2000 credit_applied=1000 customer_credit=-1000 sales=-2000"},
    {"credit is used", credit_used, "invoiceitem.created invoice.created customer.updated invoice.finalized",
     "collected=2000 sales=-2000"},
    {"credit returns", credit_returned, "invoice.voided customer.updated",
     "collected=2000 credit_applied=1000 customer_credit=-1000 sales=-2000"},
    {"uncollectible and paid", uncollectible_paid,
     "invoice.marked_uncollectible payment_intent.created charge.succeeded payment_intent.succeeded "
     "invoice.paid invoice.payment_succeeded",
     "collected=1000 sales=-1000"},
    {"a credit note before payment", note_before, "credit_note.created invoice.updated", ""},
    {"a credit note of all that is due", note_before_whole,
     "credit_note.created invoice.updated invoice.paid", ""},
    {"a credit note is voided", note_voided, "credit_note.voided invoice.updated", ""},
    {"a credit note to the balance", note_to_balance, "customer.updated credit_note.created invoice.updated",
     "collected=1000 credit_notes=400 customer_credit=-400 sales=-1000"},
    {"a credit note refunded", note_refunded,
     "refund.created charge.refunded refund.updated charge.refund.updated credit_note.created "
     "invoice.updated",
     "collected=600 refunds=400 sales=-1000"},
    {"a credit note in three ways", note_mixed,
     "refund.created charge.refunded refund.updated charge.refund.updated customer.updated "
     "credit_note.created invoice.updated",
     "collected=800 collected_elsewhere=-300 credit_notes=400 customer_credit=-100 refunds=200 sales=-1000"},
    {"a credit note paid back elsewhere", note_of_record, "credit_note.created invoice.updated",
     "collected_elsewhere=750 credit_notes=250 sales=-1000"},
    {"a charge in another currency", converted,
     "payment_method.attached payment_intent.created charge.succeeded payment_intent.succeeded "
     "charge.updated",
     "collected=5000jpy sales=-5000jpy"},
};

static void test_stories(void)
{
    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
        struct shop s;
        shop_open(&s);
        stories[i].play(&s);
        char *events = new_events(&s.w);
        char *accounts = balances(&s);
        if (!tap_ok(strcmp(events, stories[i].events) == 0, "%s: the events", stories[i].name))
            tap_note("got: %s", events);
        if (!tap_ok(strcmp(accounts, stories[i].accounts) == 0, "%s: %s", stories[i].name,
                    stories[i].accounts))
            tap_note("got: %s", accounts);
        free(events);
        free(accounts);
        world_close(&s.w);
    }
}

/* --- refusals --- */

static void not_refundable(struct shop *s)
{
    pay(s, "");
    (void)ask(&s->w, "POST /v1/refunds payment_intent=%s", s->intent);
}
static void refund_too_much(struct shop *s)
{
    charged(s);
    refund(s, "&amount=1500");
    refund(s, "&amount=501");
}
static void refund_again(struct shop *s)
{
    refunded_whole(s);
    refund(s, "&amount=1");
}
static void refund_disputed(struct shop *s)
{
    disputed(s);
    refund(s, "&amount=1");
}
static void refund_of_nothing(struct shop *s)
{
    (void)ask(&s->w, "POST /v1/refunds amount=5");
}
static void cancel_succeeded(struct shop *s)
{
    refunded_whole(s);
    (void)ask(&s->w, "POST /v1/refunds/%s/cancel", s->other);
}
static void capture_more(struct shop *s)
{
    pay(s, "&payment_method=pm_card_visa&confirm=true&capture_method=manual");
    (void)ask(&s->w, "POST /v1/payment_intents/%s/capture amount_to_capture=2001", s->intent);
}
static void confirm_twice(struct shop *s)
{
    charged(s);
    (void)ask(&s->w, "POST /v1/payment_intents/%s/confirm payment_method=pm_card_visa", s->intent);
}
static void dinar(struct shop *s)
{
    (void)ask(&s->w, "POST /v1/payment_intents amount=1235&currency=kwd");
}
static void krona(struct shop *s)
{
    (void)ask(&s->w, "POST /v1/payment_intents amount=550&currency=isk");
}
static void no_currency(struct shop *s)
{
    (void)ask(&s->w, "POST /v1/payment_intents amount=550&currency=xyz");
}
static void note_too_much(struct shop *s)
{
    settled(s);
    note(s, "&amount=1001&credit_amount=1001");
}
static void note_unshared(struct shop *s)
{
    settled(s);
    note(s, "&amount=500&credit_amount=400");
}
static void note_void_after_refund(struct shop *s)
{
    note_refunded(s);
    (void)ask(&s->w, "POST /v1/credit_notes/%s/void", s->other);
}
static void void_half_paid(struct shop *s)
{
    owed(s);
    payment(s, "{\"amount\":300}");
    (void)ask(&s->w, "POST /v1/invoices/%s/void", s->invoice);
}
static void attach_twice(struct shop *s)
{
    attached(s);
    (void)ask(&s->w, "POST /v1/invoices/%s/attach_payment payment_intent=%s", s->invoice, s->intent);
}
static void evidence_too_late(struct shop *s)
{
    dispute_lost(s);
    (void)ask(&s->w, "POST /v1/disputes/%s evidence[product_description]=hat", s->other);
}
static void dispute_leaps(struct shop *s)
{
    disputed(s);
    bank(s, "{\"status\":\"warning_closed\"}");
}
static void reinstated_twice(struct shop *s)
{
    dispute_won(s);
    bank(s, "{\"reinstate\":true}");
}

static const struct {
    const char *name;
    void (*play)(struct shop *s);
    const char *said; /* part of the message */
} refusals[] = {
    {"a payment that never was cannot be refunded", not_refundable, "does not have a successful charge"},
    {"nor more than is left", refund_too_much, "greater than unrefunded amount on charge (500)"},
    {"nor what was refunded", refund_again, "already been refunded"},
    {"nor what is disputed", refund_disputed, "charged back"},
    {"nor nothing in particular", refund_of_nothing, "payment_intent or charge"},
    {"a refund that succeeded cannot be canceled", cancel_succeeded, "Only refunds that require action"},
    {"no more is captured than was authorised", capture_more, "greater than amount remaining"},
    {"a payment is confirmed once", confirm_twice, "status of succeeded"},
    {"dinars end in 0", dinar, "multiple of 10"},
    {"krónur have no aurar", krona, "multiple of 100"},
    {"a currency exists", no_currency, "Invalid currency"},
    {"no more is credited than was billed", note_too_much, "greater than what is left"},
    {"all of a credit note goes somewhere", note_unshared, "must equal"},
    {"a credit note that was refunded stays", note_void_after_refund, "cannot be voided"},
    {"an invoice paid in part is not voided", void_half_paid, "paid in part"},
    {"a payment pays once", attach_twice, "pays for something already"},
    {"evidence comes before the end", evidence_too_late, "already closed"},
    {"a dispute goes its way", dispute_leaps, "cannot become warning_closed"},
    {"money comes back once", reinstated_twice, "no withdrawn money"},
};

static void test_refusals(void)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct shop s;
        shop_open(&s);
        refusals[i].play(&s);
        const char *message = form_text(s.w.answer, "error.message");
        if (!tap_ok(s.w.status == 400 && message && strstr(message, refusals[i].said), "%s",
                    refusals[i].name))
            tap_note("got %d %s", s.w.status, message ? message : "no message");
        world_close(&s.w);
    }
}

int main(void)
{
    test_stories();
    test_refusals();
    return tap_done();
}
