/* Random lives, money: refunds, disputes, credit notes, invoices paid in other ways, charges without a paper. */
#include <string.h>

#include "sim/currency.h"
#include "sim/events.h"
#include "sim/lives_parts.h"
#include "sim/money.h"

typedef bool wanted_fn(const struct object *o);
typedef bool act_fn(struct sim *sim, struct life *life); /* false: there was nothing to do it with */

static bool says(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

/* One of those that are wanted, by chance; NULL: there are none. */
static void *any_of(struct life *life, const struct list *list, wanted_fn *wanted)
{
    size_t count = 0, at;

    for (size_t i = 0; i < list->count; i++)
        count += wanted(list->at[i]);
    if (!count)
        return NULL;
    at = (size_t)random_below(&life->random, count);
    for (size_t i = 0;; i++)
        if (wanted(list->at[i]) && at-- == 0)
            return list->at[i];
}

/* A part of an amount that the currency takes, at least one step of it. */
static int64_t part_of(struct life *life, int64_t amount, const char *currency)
{
    int64_t step = currency_step(currency);

    return amount < step ? amount : random_between(&life->random, 1, amount / step) * step;
}

static int64_t some_money(struct life *life, const char *currency)
{
    int64_t step = currency_step(currency);

    return random_between(&life->random, 100 / step + 1, 9000 / step + 1) * step;
}

/* --- refunds --- */

static bool can_be_refunded(const struct object *o)
{
    return charge_refundable((const struct charge *)o) > 0;
}

static bool refund_charge(struct sim *sim, struct life *life, struct charge *ch)
{
    static const char *const statuses[] = {"pending", "requires_action", "failed"};
    static const char *const reasons[] = {"duplicate", "fraudulent", "requested_by_customer", NULL};
    struct refund_order order = {.charge = ch};
    struct refund *refund;
    struct refusal why = {0};
    int64_t left = charge_refundable(ch);

    order.amount = random_chance(&life->random, 0.4) ? left : part_of(life, left, ch->currency);
    order.reason = reasons[random_below(&life->random, 4)];
    if (random_chance(&life->random, 0.25))
        order.status = statuses[random_below(&life->random, 3)];
    return refund_create(sim, &order, &refund, &why); /* refused while a dispute holds the money */
}

static bool refund_some(struct sim *sim, struct life *life)
{
    struct charge *ch = any_of(life, &life->customer->of[TYPE_CHARGE], can_be_refunded);

    return ch && refund_charge(sim, life, ch);
}

static bool has_refunds(const struct object *o)
{
    return ((const struct charge *)o)->refunds.count > 0;
}

static bool anything(const struct object *o)
{
    (void)o;
    return true;
}

/* A refund under way is decided, or one that succeeded comes back. */
static bool decide_some_refund(struct sim *sim, struct life *life)
{
    struct charge *ch = any_of(life, &life->customer->of[TYPE_CHARGE], has_refunds);
    struct refund *refund = ch ? any_of(life, &ch->refunds, anything) : NULL;
    struct refusal why = {0};

    if (!refund)
        return false;
    if (says(refund->status, "requires_action") && random_chance(&life->random, 0.5))
        return refund_decide(sim, refund, "canceled", &why);
    return refund_decide(sim, refund, random_chance(&life->random, 0.5) ? "succeeded" : "failed", &why);
}

/* --- disputes --- */

static bool can_be_disputed(const struct object *o)
{
    const struct charge *ch = (const struct charge *)o;

    return says(ch->status, "succeeded") && ch->captured && ch->amount_captured > 0 && ch->disputes.count < 2;
}

static bool dispute_charge(struct sim *sim, struct life *life, struct charge *ch)
{
    static const char *const reasons[] = {"fraudulent", "product_not_received", "duplicate",
                                          "subscription_canceled"};
    struct dispute_order order = {.charge = ch};
    struct dispute *dispute;
    struct refusal why = {0};
    uint64_t dice = random_below(&life->random, 100);

    order.status = dice < 65 ? "needs_response" : dice < 85 ? "warning_needs_response" : "prevented";
    order.withdraw = dice >= 96; /* prevented, and the money went away all the same */
    order.reason = reasons[random_below(&life->random, 4)];
    if (random_chance(&life->random, 0.3))
        order.amount = part_of(life, ch->amount_captured, ch->currency);
    return dispute_open(sim, &order, &dispute, &why);
}

static bool dispute_some(struct sim *sim, struct life *life)
{
    struct charge *ch = any_of(life, &life->customer->of[TYPE_CHARGE], can_be_disputed);

    return ch && dispute_charge(sim, life, ch);
}

static bool has_disputes(const struct object *o)
{
    return ((const struct charge *)o)->disputes.count > 0;
}

/* What may come next for a dispute; the other half of the moves is refused, which is a day without news. */
static bool go_on_with_dispute(struct sim *sim, struct life *life, struct dispute *d)
{
    static const char *const moves[] = {"under_review", "won",  "lost",
                                        "won",          "lost", "appeal_needs_response"};
    struct refusal why = {0};
    bool owed = d->withdrawal && !d->reinstatement;
    const char *move = moves[random_below(&life->random, 6)];

    if (says(d->status, "won") || says(d->status, "prevented"))
        return owed && dispute_decide(sim, d, NULL, true, 0, &why); /* the money comes at last */
    if (strncmp(d->status, "warning_", 8) == 0)
        return dispute_decide(sim, d, random_chance(&life->random, 0.6) ? "warning_closed" : "needs_response",
                              false, 0, &why);
    if (strstr(d->status, "needs_response") && random_chance(&life->random, 0.4)) {
        json_t *evidence = sim_json(json_pack("{s:s}", "customer_name", life->email));
        bool done = dispute_evidence(sim, d, evidence, random_chance(&life->random, 0.7), &why);
        json_decref(evidence);
        return done;
    }
    bool back = says(move, "won") && owed && random_chance(&life->random, 0.7);
    return dispute_decide(sim, d, move, back, random_chance(&life->random, 0.3) ? -1500 : 0, &why);
}

static bool go_on_with_some_dispute(struct sim *sim, struct life *life)
{
    struct charge *ch = any_of(life, &life->customer->of[TYPE_CHARGE], has_disputes);

    return ch && go_on_with_dispute(sim, life, any_of(life, &ch->disputes, anything));
}

/* --- invoices --- */

static struct invoice *write_invoice(struct sim *sim, struct life *life)
{
    struct invoiceitem *ii = invoiceitem_create(sim, life->customer, life->currency,
                                                some_money(life, life->currency), "Extra work");
    struct invoice *inv;

    emit(sim, "invoiceitem.created", &ii->o);
    inv = invoice_create(sim, life->customer, NULL, "manual", life->currency);
    inv->auto_advance = false;
    invoice_take_pending(sim, inv);
    invoice_announce(sim, inv);
    invoice_finalize(sim, inv);
    return inv;
}

/* A payment of the invoice that is there already: by another card, or outside Stripe. */
static bool pay_some(struct sim *sim, struct life *life, struct invoice *inv, int64_t amount, bool elsewhere)
{
    struct refusal why = {0};
    struct intent *pi = NULL;

    if (!elsewhere) {
        pi = intent_create(sim, inv->customer, amount, inv->currency);
        (void)intent_charge(sim, pi, payment_method_create(sim, NULL, 0));
    }
    (void)life;
    return invoice_attach(sim, inv, pi, amount, &why);
}

static void pay_in_parts(struct sim *sim, struct life *life, struct invoice *inv)
{
    (void)pay_some(sim, life, inv, part_of(life, invoice_remaining(inv), inv->currency),
                   random_chance(&life->random, 0.4));
    if (inv->status == INVOICE_OPEN && random_chance(&life->random, 0.7))
        (void)pay_some(sim, life, inv, invoice_remaining(inv), random_chance(&life->random, 0.4));
}

static bool invoice_paid_in_other_ways(struct sim *sim, struct life *life)
{
    struct invoice *inv = write_invoice(sim, life);
    struct refusal why = {0};
    uint64_t dice = random_below(&life->random, 100);

    if (inv->status != INVOICE_OPEN)
        return true; /* credit has paid it */
    if (dice < 20) {
        (void)invoice_pay_elsewhere(sim, inv, &why);
    } else if (dice < 40) {
        pay_in_parts(sim, life, inv);
    } else if (dice < 55) { /* too much */
        (void)pay_some(sim, life, inv, invoice_remaining(inv) + some_money(life, inv->currency),
                       random_chance(&life->random, 0.4));
    } else if (dice < 70) {
        (void)invoice_mark_uncollectible(sim, inv, &why);
    } else if (dice < 80) { /* a bank debit, decided some day */
        struct payment_method *pm = payment_method_create(sim, NULL, 0);
        pm->delayed = true;
        (void)invoice_collect(sim, inv, pm, false);
    } /* else: it stays open */
    return true;
}

static bool is_unpaid(const struct object *o)
{
    const struct invoice *inv = (const struct invoice *)o;

    return !inv->subscription && (inv->status == INVOICE_OPEN || inv->status == INVOICE_UNCOLLECTIBLE);
}

static bool settle_some_invoice(struct sim *sim, struct life *life)
{
    struct invoice *inv = any_of(life, &life->customer->of[TYPE_INVOICE], is_unpaid);
    struct refusal why = {0};
    uint64_t dice = random_below(&life->random, 100);

    if (!inv)
        return false;
    if (dice < 40 && invoice_payment_method(inv))
        (void)invoice_collect(sim, inv, NULL, false);
    else if (dice < 60)
        (void)invoice_pay_elsewhere(sim, inv, &why);
    else if (dice < 80)
        (void)invoice_void(sim, inv, &why);
    else if (!invoice_is_processing(inv))
        pay_in_parts(sim, life, inv);
    return true;
}

static bool was_paid(const struct object *o)
{
    const struct invoice *inv = (const struct invoice *)o;

    return inv->status == INVOICE_PAID && inv->amount_paid > 0 && !inv->for_session && inv->paid_at;
}

/* The same money once more, by mistake: it becomes credit. */
static bool pay_twice(struct sim *sim, struct life *life)
{
    struct invoice *inv = any_of(life, &life->customer->of[TYPE_INVOICE], was_paid);

    return inv && pay_some(sim, life, inv, part_of(life, inv->amount_paid, inv->currency),
                           random_chance(&life->random, 0.3));
}

/* --- credit notes --- */

static bool can_be_credited(const struct object *o)
{
    const struct invoice *inv = (const struct invoice *)o;
    int64_t left = inv->total - inv->pre_payment_credit - inv->post_payment_credit;

    return left > 0 && !inv->for_session &&
           ((inv->status == INVOICE_PAID && inv->amount_paid > 0) ||
            (inv->status == INVOICE_OPEN && !invoice_is_processing(inv)));
}

/* Share what is to be given back among the ways there are. */
static void share_out(struct life *life, struct credit_note_order *order, int64_t post)
{
    int64_t first = random_chance(&life->random, 0.5) ? post : part_of(life, post, order->invoice->currency);
    int64_t rest = post - first;

    switch (random_below(&life->random, 3)) {
    case 0:
        order->to_balance = first;
        order->to_refund = rest;
        break;
    case 1:
        order->to_refund = first;
        order->out_of_band = rest;
        break;
    default: order->out_of_band = first; order->to_balance = rest;
    }
    for (size_t i = 0; i < order->invoice->payments.count && random_chance(&life->random, 0.5); i++) {
        const struct invoice_payment *payment =
            (const struct invoice_payment *)order->invoice->payments.at[i];
        if (payment->payment_record && order->out_of_band) { /* the same, with its record named */
            order->payment_record = payment->payment_record;
            order->payment_record_amount = order->out_of_band;
            order->out_of_band = 0;
        }
    }
}

static bool write_credit_note(struct sim *sim, struct life *life)
{
    struct credit_note_order order = {.invoice =
                                          any_of(life, &life->customer->of[TYPE_INVOICE], can_be_credited)};
    struct credit_note *note;
    struct refusal why = {0};

    if (!order.invoice)
        return false;
    const struct invoice *inv = order.invoice;
    int64_t due = inv->status == INVOICE_OPEN ? invoice_remaining(inv) : 0;
    order.amount =
        part_of(life, inv->total - inv->pre_payment_credit - inv->post_payment_credit, inv->currency);
    if (order.amount > due)
        share_out(life, &order, order.amount - due);
    return credit_note_create(sim, &order, &note, &why); /* refused where no payment is left to refund */
}

static bool is_issued(const struct object *o)
{
    return !((const struct credit_note *)o)->voided_at;
}

static bool void_credit_note(struct sim *sim, struct life *life)
{
    struct credit_note *note = any_of(life, &life->customer->of[TYPE_CREDIT_NOTE], is_issued);
    struct refusal why = {0};

    return note && credit_note_void(sim, note, &why);
}

/* --- charges without a paper --- */

static bool charge_bare(struct sim *sim, struct life *life)
{
    static const char *const codes[] = {"usd", "eur", "gbp", "jpy", "clp", "isk", "ugx", "bhd", "kwd", "huf"};
    const char *currency =
        random_chance(&life->random, 0.5) ? life->currency : codes[random_below(&life->random, 10)];
    struct intent *pi = intent_create(sim, life->customer, some_money(life, currency), currency);
    struct payment_method *pm = payment_method_create(sim, NULL, random_chance(&life->random, 0.1) ? -1 : 0);
    struct refusal why = {0};
    uint64_t dice = random_below(&life->random, 100);

    pi->manual = dice < 25;
    pm->delayed = dice >= 25 && dice < 45;
    (void)intent_confirm(sim, pi, pm, &why);
    if (dice < 5)
        (void)intent_capture(sim, pi, 0, &why);
    return true;
}

static bool is_undecided(const struct object *o)
{
    const struct intent *pi = (const struct intent *)o;

    return !pi->session && (says(pi->status, "processing") || says(pi->status, "requires_capture"));
}

static bool decide_some_payment(struct sim *sim, struct life *life)
{
    struct intent *pi = any_of(life, &life->customer->of[TYPE_INTENT], is_undecided);
    struct refusal why = {0};

    if (!pi)
        return false;
    if (says(pi->status, "requires_capture")) {
        if (random_chance(&life->random, 0.3))
            return intent_cancel(sim, pi, "requested_by_customer", &why);
        return intent_capture(
            sim, pi, random_chance(&life->random, 0.5) ? 0 : part_of(life, pi->amount, pi->currency), &why);
    }
    intent_settle(sim, pi, random_chance(&life->random, 0.7));
    if (pi->invoice_payment)
        invoice_payment_decided(sim, pi->invoice_payment);
    return true;
}

/* --- one of them --- */

static void guest_act(struct sim *sim, struct life *life)
{
    struct charge *ch = life->guest_bought->intent ? life->guest_bought->intent->latest_charge : NULL;

    if (!ch)
        return;
    if (ch->disputes.count)
        (void)go_on_with_dispute(sim, life, any_of(life, &ch->disputes, anything));
    else if (random_chance(&life->random, 0.6) && can_be_refunded(&ch->o))
        (void)refund_charge(sim, life, ch);
    else if (can_be_disputed(&ch->o))
        (void)dispute_charge(sim, life, ch);
}

void money_act(struct sim *sim, struct life *life)
{
    static act_fn *const acts[] = {
        refund_some,
        refund_some,
        decide_some_refund,
        dispute_some,
        write_credit_note,
        write_credit_note,
        void_credit_note,
        invoice_paid_in_other_ways,
        settle_some_invoice,
        settle_some_invoice,
        invoice_paid_in_other_ways,
        pay_twice,
        charge_bare,
        charge_bare,
        decide_some_payment,
        decide_some_payment,
        go_on_with_some_dispute,
    };
    bool done = false;

    if (!life->customer) {
        guest_act(sim, life);
        return;
    }
    /* What is under way goes on rather than that something new begins. */
    if (random_chance(&life->random, 0.5))
        done = go_on_with_some_dispute(sim, life);
    for (unsigned tries = 0; tries < 4 && !done; tries++)
        done = acts[random_below(&life->random, sizeof acts / sizeof *acts)](sim, life);
}

void money_presentment(struct life *life, const struct session *cs, struct checkout_person *person)
{
    if (!says(cs->mode, "payment") || !random_chance(&life->random, 0.2))
        return;
    person->presentment_currency = says(cs->currency, "gbp") ? "usd" : "gbp";
    person->presentment_amount = cs->amount_total * 4 / 5 + 1;
}
