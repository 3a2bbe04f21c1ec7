#include <stdio.h>
#include <string.h>

#include "sim/currency.h"
#include "sim/discount.h"
#include "sim/events.h"
#include "sim/money.h"
#include "sim/render.h"

/* Days from a failed automatic attempt to the next one. */
static const unsigned retry_days[] = {3, 5, 7};
#define RETRIES (sizeof retry_days / sizeof *retry_days)

int64_t prorate(int64_t amount, int64_t part, int64_t whole, const char *currency)
{
    __int128 unit = currency_step(currency);
    __int128 numerator = (__int128)amount * part;
    __int128 step = (__int128)whole * unit;
    __int128 half = numerator < 0 ? -step / 2 : step / 2;
    return (int64_t)((numerator + half) / step * unit);
}

struct invoice *invoice_create(struct sim *sim, struct customer *c, struct subscription *sub,
                               const char *reason, const char *currency)
{
    struct invoice *inv = sim_object(sim, TYPE_INVOICE, sizeof *inv);

    inv->customer = c;
    inv->subscription = sub;
    inv->billing_reason = reason;
    inv->currency = currency;
    inv->auto_advance = true;
    inv->send_invoice = sub && sub->send_invoice;
    inv->days_until_due = sub ? sub->days_until_due : 0;
    inv->period_start = inv->period_end = sim->now;
    inv->starting_balance = customer_balance(sim, c, currency)->amount;
    list_push(sim, &c->of[TYPE_INVOICE], &inv->o);
    if (sub)
        list_push(sim, &sub->invoices, &inv->o);
    if (!c->currency) {
        json_t *before = render_object(sim, &c->o);
        c->currency = currency;
        emit_updated(sim, "customer.updated", &c->o, before);
    }
    return inv;
}

void invoice_total_up(struct invoice *inv)
{
    int64_t total = 0;

    for (size_t i = 0; i < inv->lines.count; i++)
        total += ((struct line *)inv->lines.at[i])->amount;
    inv->subtotal = total;
    total -= invoice_discount(inv);
    inv->total = total;
    inv->amount_due = total + inv->starting_balance > 0 ? total + inv->starting_balance : 0;
}

static struct line *add_line(struct sim *sim, struct invoice *inv, int64_t amount, const char *description)
{
    struct line *line = sim_object(sim, TYPE_LINE, sizeof *line);

    line->invoice = inv;
    line->subscription = inv->subscription;
    line->amount = amount;
    line->description = description;
    list_push(sim, &inv->lines, &line->o);
    invoice_total_up(inv);
    return line;
}

void invoice_add_item(struct sim *sim, struct invoice *inv, struct item *item)
{
    bool trial = inv->subscription->status == SUB_TRIALING;
    int64_t amount = trial ? 0 : item->price->unit_amount * item->quantity;
    const char *name = item->price->product->name;
    struct line *line = add_line(sim, inv, amount,
                                 trial ? sim_format(sim, "Trial period for %.200s", name)
                                       : sim_format(sim, "%lld × %.200s", (long long)item->quantity, name));

    line->item = item;
    line->price = item->price;
    line->quantity = item->quantity;
    line->period_start = item->period_start;
    line->period_end = item->period_end;
}

/* Whole intervals from `start` on, and the part of the last one that lies before `end`. */
static int64_t price_of_time(const struct price *price, int64_t amount, int64_t start, int64_t end)
{
    int64_t sum = 0, from = start;

    for (int64_t n = 1; from < end; n++) {
        int64_t to = calendar_add(start, price->interval, n * price->interval_count);
        sum += to <= end ? amount : prorate(amount, end - from, to - from, price->currency);
        from = to;
    }
    return sum;
}

void invoice_add_time(struct sim *sim, struct invoice *inv, struct item *item, int64_t start, int64_t end)
{
    int64_t whole = item->price->unit_amount * item->quantity;
    struct line *line = add_line(sim, inv, price_of_time(item->price, whole, start, end),
                                 sim_format(sim, "Elapsed time on %.200s", item->price->product->name));

    line->item = item;
    line->price = item->price;
    line->quantity = item->quantity;
    line->period_start = start;
    line->period_end = end;
}

void invoice_take_pending(struct sim *sim, struct invoice *inv)
{
    struct list *pending = &inv->customer->of[TYPE_INVOICEITEM];

    for (size_t i = 0; i < pending->count; i++) {
        struct invoiceitem *ii = (struct invoiceitem *)pending->at[i];
        if (ii->invoice || ii->subscription != inv->subscription || strcmp(ii->currency, inv->currency) != 0)
            continue;
        struct line *line = add_line(sim, inv, ii->amount, ii->description);
        line->invoiceitem = ii;
        line->item = ii->item;
        line->price = ii->price;
        line->quantity = ii->quantity;
        line->period_start = ii->period_start;
        line->period_end = ii->period_end;
        ii->invoice = inv;
    }
}

void invoice_announce(struct sim *sim, struct invoice *inv)
{
    invoice_total_up(inv);
    emit(sim, "invoice.created", &inv->o);
}

static void set_delinquent(struct sim *sim, struct customer *c, bool delinquent)
{
    if (c->delinquent == delinquent || c->deleted)
        return;
    json_t *before = render_object(sim, &c->o);
    c->delinquent = delinquent;
    emit_updated(sim, "customer.updated", &c->o, before);
}

int64_t invoice_remaining(const struct invoice *inv)
{
    int64_t rest = inv->amount_due - inv->pre_payment_credit - inv->amount_paid;

    return rest > 0 ? rest : 0;
}

int64_t invoice_off_stripe(const struct invoice *inv)
{
    int64_t sum = 0;

    for (size_t i = 0; i < inv->payments.count; i++) {
        const struct invoice_payment *payment = (const struct invoice_payment *)inv->payments.at[i];
        if (!payment->intent)
            sum += payment->amount_paid;
    }
    return sum;
}

/* attempted: an attempt to collect succeeded, rather than somebody saying so. */
static void paid(struct sim *sim, struct invoice *inv, bool attempted)
{
    inv->status = INVOICE_PAID;
    inv->paid_at = sim->now;
    inv->attempted = true;
    inv->auto_advance = false;
    inv->next_payment_attempt = 0;
    emit(sim, "invoice.paid", &inv->o);
    if (attempted)
        emit(sim, "invoice.payment_succeeded", &inv->o);
    if (inv->amount_due > 0)
        set_delinquent(sim, inv->customer, false);
    if (inv->subscription)
        subscription_invoice_paid(sim, inv->subscription, inv);
}

/* The payment the invoice collects with, if it still can; NULL: none yet. */
static struct invoice_payment *default_payment(const struct invoice *inv)
{
    for (size_t i = 0; i < inv->payments.count; i++) {
        struct invoice_payment *payment = (struct invoice_payment *)inv->payments.at[i];
        if (payment->is_default && strcmp(payment->status, "open") == 0)
            return payment;
    }
    return NULL;
}

static struct invoice_payment *add_payment(struct sim *sim, struct invoice *inv, struct intent *pi,
                                           int64_t amount)
{
    struct invoice_payment *payment = sim_object(sim, TYPE_INVOICE_PAYMENT, sizeof *payment);

    payment->invoice = inv;
    payment->intent = pi;
    payment->status = "open";
    payment->amount_requested = amount;
    if (pi)
        pi->invoice_payment = payment;
    else
        payment->payment_record = sim_new_id(sim, &sim->ids, "pr_1", 23);
    list_push(sim, &inv->payments, &payment->o);
    return payment;
}

static void cancel_payments(struct sim *sim, struct invoice *inv)
{
    for (size_t i = 0; i < inv->payments.count; i++) {
        struct invoice_payment *payment = (struct invoice_payment *)inv->payments.at[i];
        if (strcmp(payment->status, "open") != 0)
            continue;
        payment->status = "canceled";
        payment->canceled_at = sim->now;
        intent_give_up(sim, payment->intent);
    }
}

bool invoice_is_processing(const struct invoice *inv)
{
    for (size_t i = 0; i < inv->payments.count; i++) {
        const struct invoice_payment *payment = (const struct invoice_payment *)inv->payments.at[i];
        if (payment->intent && strcmp(payment->intent->status, "processing") == 0)
            return true;
    }
    return false;
}

/* More than was due: the rest is the customer's credit. */
static void overpaid(struct sim *sim, struct invoice *inv, int64_t amount)
{
    inv->amount_overpaid += amount;
    emit(sim, "invoice.overpaid", &inv->o);
    (void)customer_credit(sim, inv->customer, inv->currency, -amount, "invoice_overpaid", inv, NULL);
}

/* The money of a payment is there. Its own event comes up to 20 s later. */
static void payment_paid(struct sim *sim, struct invoice_payment *payment, int64_t amount)
{
    struct invoice *inv = payment->invoice;
    int64_t rest = invoice_remaining(inv);
    bool before_paid = inv->status != INVOICE_PAID;
    json_t *before = render_object(sim, &inv->o);

    payment->status = "paid";
    payment->amount_paid = amount;
    payment->paid_at = sim->now;
    sim_book(sim, sim->now + 1 + (int64_t)(random_decide(sim->seed, payment->o.id, 0) * 20), DUE_PAYMENT_TOLD,
             payment, 0);
    inv->amount_paid += amount;
    if (before_paid && amount >= rest) {
        json_decref(before);
        cancel_payments(sim, inv);
        paid(sim, inv, payment->intent != NULL);
    } else {
        emit_updated(sim, "invoice.updated", &inv->o, before);
    }
    if (amount > rest)
        overpaid(sim, inv, amount - rest);
}

void due_payment_told(struct sim *sim, void *target, unsigned arg)
{
    struct invoice_payment *payment = target;

    (void)arg;
    emit(sim, "invoice_payment.paid", &payment->o);
}

void invoice_finalize(struct sim *sim, struct invoice *inv)
{
    json_t *metadata = inv->subscription ? inv->subscription->o.metadata : NULL;

    /* What a session was paid for was paid whole: no balance is used up by the invoice that documents it. */
    inv->starting_balance =
        inv->for_session ? 0 : customer_balance(sim, inv->customer, inv->currency)->amount;
    invoice_total_up(inv);
    int64_t due = inv->total + inv->starting_balance;
    inv->ending_balance = due < 0 ? due : 0;
    inv->status = INVOICE_OPEN;
    inv->finalized_at = sim->now;
    inv->finalizes_at = 0;
    if (inv->send_invoice) {
        inv->due_date = sim->now + inv->days_until_due * DAY;
        sim_book(sim, inv->due_date, DUE_INVOICE_DUE, inv, 0);
    }
    inv->number = sim_format(sim, "SIM-%06llu", (unsigned long long)++sim->invoices_total);
    inv->subscription_metadata = metadata ? sim_json(json_deep_copy(metadata)) : NULL;
    if (!inv->for_session)
        (void)customer_credit(sim, inv->customer, inv->currency, inv->ending_balance - inv->starting_balance,
                              "applied_to_invoice", inv, NULL);
    emit(sim, "invoice.finalized", &inv->o);
    if (inv->amount_due == 0)
        paid(sim, inv, true);
}

struct payment_method *invoice_payment_method(const struct invoice *inv)
{
    if (inv->subscription && inv->subscription->payment_method)
        return inv->subscription->payment_method;
    return inv->customer->deleted ? NULL : inv->customer->payment_method;
}

static void failed(struct sim *sim, struct invoice *inv, bool automatic)
{
    bool first = inv->attempt_count == 0;
    bool retries = inv->subscription && inv->subscription->status != SUB_INCOMPLETE && inv->auto_advance &&
                   !inv->subscription->creating;

    json_t *before = render_object(sim, &inv->o);
    inv->attempted = true;
    if (first || automatic)
        inv->attempt_count++;
    if (automatic) {
        inv->next_payment_attempt =
            retries && inv->failures < RETRIES ? sim->now + retry_days[inv->failures] * DAY : 0;
        inv->failures++;
        if (inv->next_payment_attempt)
            sim_book(sim, inv->next_payment_attempt, DUE_RETRY, inv, inv->failures);
    }
    emit(sim, "invoice.payment_failed", &inv->o);
    emit_updated(sim, "invoice.updated", &inv->o, before);
    set_delinquent(sim, inv->customer, true);
    if (inv->subscription)
        subscription_invoice_failed(sim, inv->subscription, inv, automatic);
}

bool invoice_collect(struct sim *sim, struct invoice *inv, struct payment_method *pm, bool automatic)
{
    struct invoice_payment *payment = default_payment(inv);
    int64_t rest = invoice_remaining(inv);

    if (invoice_is_processing(inv))
        return false; /* a bank is at it: asking again would take the money twice */
    if (!payment) {
        payment = add_payment(sim, inv, intent_create(sim, inv->customer, rest, inv->currency), rest);
        payment->is_default = true;
    }
    payment->amount_requested = payment->intent->amount = rest;
    if (!pm)
        pm = invoice_payment_method(inv);
    if (!intent_charge(sim, payment->intent, pm)) {
        if (!invoice_is_processing(inv))
            failed(sim, inv, automatic);
        return false;
    }
    if (automatic || inv->attempt_count == 0)
        inv->attempt_count++;
    payment_paid(sim, payment, payment->intent->amount_received);
    return true;
}

void invoice_payment_decided(struct sim *sim, struct invoice_payment *payment)
{
    struct invoice *inv = payment->invoice;

    if (strcmp(payment->status, "open") != 0)
        return;
    if (strcmp(payment->intent->status, "succeeded") == 0) {
        if (inv->attempt_count == 0)
            inv->attempt_count = 1;
        payment_paid(sim, payment, payment->intent->amount_received);
    } else if (payment->intent->failed && payment->is_default && inv->status == INVOICE_OPEN) {
        failed(sim, inv, false);
    }
}

void invoice_pay_with(struct sim *sim, struct invoice *inv, struct intent *pi)
{
    struct invoice_payment *payment = add_payment(sim, inv, pi, pi->amount);

    payment->is_default = true;
    inv->attempt_count = 1;
    payment_paid(sim, payment, pi->amount_received);
}

bool invoice_attach(struct sim *sim, struct invoice *inv, struct intent *pi, int64_t amount,
                    struct refusal *why)
{
    if (inv->status == INVOICE_DRAFT || inv->status == INVOICE_VOID)
        return refuse(why, 400, NULL, NULL, "Payments cannot be attached to an invoice that is %s.",
                      invoice_status_name(inv->status));
    if (pi && (pi->invoice_payment || pi->session))
        return refuse(why, 400, NULL, "payment_intent", "The PaymentIntent %s pays for something already.",
                      pi->o.id);
    if (pi && (pi->customer != inv->customer || strcmp(pi->currency, inv->currency) != 0))
        return refuse(why, 400, NULL, "payment_intent",
                      "The PaymentIntent must have the customer and the currency of the invoice.");
    if (pi && strcmp(pi->status, "canceled") == 0)
        return refuse(why, 400, NULL, "payment_intent", "The PaymentIntent %s is canceled.", pi->o.id);
    if (!pi && (amount <= 0 || !money_is_valid(amount, inv->currency, why)))
        return why->status ? false : refuse(why, 400, NULL, "amount", "Invalid positive integer");
    struct invoice_payment *payment = add_payment(sim, inv, pi, pi ? pi->amount : amount);
    if (!pi)
        payment_paid(sim, payment, amount);
    else
        invoice_payment_decided(sim, payment);
    return true;
}

bool invoice_pay_elsewhere(struct sim *sim, struct invoice *inv, struct refusal *why)
{
    if (inv->status != INVOICE_OPEN && inv->status != INVOICE_UNCOLLECTIBLE)
        return refuse(why, 400, NULL, NULL, "An invoice that is %s cannot be marked paid.",
                      invoice_status_name(inv->status));
    if (invoice_is_processing(inv))
        return refuse(why, 400, NULL, NULL, "A payment of this invoice is still processing.");
    int64_t rest = invoice_remaining(inv);
    payment_paid(sim, add_payment(sim, inv, NULL, rest), rest);
    return true;
}

void invoice_less_due(struct sim *sim, struct invoice *inv)
{
    if (inv->status == INVOICE_OPEN && !invoice_remaining(inv)) {
        cancel_payments(sim, inv);
        paid(sim, inv, false);
    }
}

void invoice_stop_collection(struct sim *sim, struct invoice *inv)
{
    if ((inv->status != INVOICE_DRAFT && inv->status != INVOICE_OPEN) || !inv->auto_advance)
        return;
    json_t *before = render_object(sim, &inv->o);
    inv->auto_advance = false;
    inv->next_payment_attempt = 0;
    inv->finalizes_at = 0;
    emit_updated(sim, "invoice.updated", &inv->o, before);
}

bool invoice_void(struct sim *sim, struct invoice *inv, struct refusal *why)
{
    if (inv->status != INVOICE_OPEN && inv->status != INVOICE_UNCOLLECTIBLE)
        return refuse(why, 400, NULL, NULL, "You can only pass in open invoices. This invoice isn't open.");
    if (inv->amount_paid || invoice_is_processing(inv))
        return refuse(why, 400, NULL, NULL,
                      "You cannot void an invoice that was paid in part or has a payment processing.");
    inv->status = INVOICE_VOID;
    inv->voided_at = sim->now;
    inv->auto_advance = false;
    inv->next_payment_attempt = 0;
    cancel_payments(sim, inv);
    emit(sim, "invoice.voided", &inv->o);
    /* The credit it had used comes back. */
    (void)customer_credit(sim, inv->customer, inv->currency, inv->starting_balance - inv->ending_balance,
                          "unapplied_from_invoice", inv, NULL);
    return true;
}

bool invoice_mark_uncollectible(struct sim *sim, struct invoice *inv, struct refusal *why)
{
    if (inv->status != INVOICE_OPEN)
        return refuse(why, 400, NULL, NULL, "You can only pass in open invoices. This invoice isn't open.");
    inv->status = INVOICE_UNCOLLECTIBLE;
    inv->uncollectible_at = sim->now;
    inv->auto_advance = false;
    inv->next_payment_attempt = 0;
    emit(sim, "invoice.marked_uncollectible", &inv->o);
    return true;
}

struct invoiceitem *invoiceitem_create(struct sim *sim, struct customer *c, const char *currency,
                                       int64_t amount, const char *description)
{
    struct invoiceitem *ii = sim_object(sim, TYPE_INVOICEITEM, sizeof *ii);

    ii->customer = c;
    ii->currency = currency;
    ii->amount = amount;
    ii->description = description;
    ii->quantity = 1;
    ii->period_start = ii->period_end = sim->now;
    list_push(sim, &c->of[TYPE_INVOICEITEM], &ii->o);
    return ii;
}

/* --- by the clock --- */

void due_finalize(struct sim *sim, void *target, unsigned arg)
{
    struct invoice *inv = target;

    (void)arg;
    if (inv->status != INVOICE_DRAFT || !inv->auto_advance || inv->finalizes_at > sim->now)
        return;
    invoice_finalize(sim, inv);
    if (inv->status == INVOICE_OPEN && !inv->send_invoice)
        (void)invoice_collect(sim, inv, NULL, true);
}

/* Nobody paid in time. */
void due_invoice_due(struct sim *sim, void *target, unsigned arg)
{
    struct invoice *inv = target;

    (void)arg;
    if (inv->status != INVOICE_OPEN)
        return;
    emit(sim, "invoice.overdue", &inv->o);
    if (inv->subscription && !subscription_is_over(inv->subscription) &&
        inv->subscription->status == SUB_ACTIVE)
        subscription_set_status(sim, inv->subscription, SUB_PAST_DUE);
}

void due_retry(struct sim *sim, void *target, unsigned arg)
{
    struct invoice *inv = target;

    if (inv->status == INVOICE_OPEN && inv->auto_advance && inv->next_payment_attempt && inv->failures == arg)
        (void)invoice_collect(sim, inv, NULL, true);
}
