#include <string.h>

#include "sim/events.h"
#include "sim/money.h"
#include "sim/render.h"

/* What of the amount lowers what is due, and what gives back what was paid. */
struct parts {
    int64_t pre, post;
};

static struct parts parts_of(const struct credit_note_order *order)
{
    int64_t rest = order->invoice->status == INVOICE_OPEN ? invoice_remaining(order->invoice) : 0;
    int64_t pre = order->amount < rest ? order->amount : rest;

    return (struct parts){.pre = pre, .post = order->amount - pre};
}

/* A charge of the invoice from which that much can be refunded; NULL: none. */
static struct charge *refundable_charge(const struct invoice *inv, int64_t amount)
{
    for (size_t i = 0; i < inv->payments.count; i++) {
        const struct invoice_payment *payment = (const struct invoice_payment *)inv->payments.at[i];
        struct charge *ch = payment->intent ? payment->intent->latest_charge : NULL;
        if (ch && charge_refundable(ch) >= amount)
            return ch;
    }
    return NULL;
}

static bool has_record(const struct invoice *inv, const char *id)
{
    for (size_t i = 0; i < inv->payments.count; i++) {
        const struct invoice_payment *payment = (const struct invoice_payment *)inv->payments.at[i];
        if (payment->payment_record && strcmp(payment->payment_record, id) == 0)
            return true;
    }
    return false;
}

static bool refund_is_valid(const struct credit_note_order *order, struct refusal *why)
{
    const struct refund *refund = order->refund;
    const struct invoice_payment *payment = refund ? refund->charge->intent->invoice_payment : NULL;

    if (refund && (!payment || payment->invoice != order->invoice))
        return refuse(why, 400, NULL, "refunds", "The refund %s is not of a payment of this invoice.",
                      refund->o.id);
    if (refund && (order->refund_amount <= 0 || order->refund_amount > refund->amount))
        return refuse(why, 400, NULL, "refunds", "The refund %s is of %lld.", refund->o.id,
                      (long long)refund->amount);
    if (order->to_refund && !refundable_charge(order->invoice, order->to_refund))
        return refuse(why, 400, NULL, "refund_amount",
                      "The refund amount is greater than what is left of the invoice's payments.");
    if (order->payment_record && !has_record(order->invoice, order->payment_record))
        return refuse(why, 400, "resource_missing", "refunds", "No such payment record: '%.80s'",
                      order->payment_record);
    return true;
}

static bool order_is_valid(const struct credit_note_order *order, struct refusal *why)
{
    const struct invoice *inv = order->invoice;
    struct parts parts = parts_of(order);
    int64_t given = order->to_balance + order->to_refund + order->refund_amount +
                    order->payment_record_amount + order->out_of_band;
    int64_t left = inv->total - inv->pre_payment_credit - inv->post_payment_credit;

    if (inv->status != INVOICE_OPEN && inv->status != INVOICE_PAID)
        return refuse(why, 400, NULL, "invoice",
                      "Credit notes can only be created for open and paid invoices, this one is %s.",
                      invoice_status_name(inv->status));
    if (order->amount <= 0 || order->to_balance < 0 || order->to_refund < 0 || order->out_of_band < 0 ||
        order->payment_record_amount < 0)
        return refuse(why, 400, "parameter_invalid_integer", "amount", "Invalid positive integer");
    if (order->amount > left)
        return refuse(why, 400, NULL, "amount",
                      "The credit note's amount (%lld) is greater than what is left of the invoice (%lld).",
                      (long long)order->amount, (long long)left);
    if (given != parts.post)
        return refuse(why, 400, NULL, NULL,
                      "The sum of credit amount, refund amount and out of band amount (%lld) must equal the "
                      "post-payment amount of the credit note (%lld).",
                      (long long)given, (long long)parts.post);
    return money_is_valid(order->amount, inv->currency, why) && refund_is_valid(order, why);
}

static void add_refund(struct credit_note *note, struct refund *refund, const char *record, int64_t amount)
{
    if (!amount)
        return;
    note->refunds[note->refunds_count].refund = refund;
    note->refunds[note->refunds_count].payment_record = record;
    note->refunds[note->refunds_count].amount = amount;
    note->refunds_count++;
}

/* The part that goes back by a refund of its own. Refused: false, and nothing happened. */
static bool make_refund(struct sim *sim, const struct credit_note_order *order, struct refund **ret_refund,
                        struct refusal *why)
{
    struct refund_order refund = {.amount = order->to_refund};

    if (!order->to_refund)
        return true;
    refund.charge = refundable_charge(order->invoice, order->to_refund);
    return refund_create(sim, &refund, ret_refund, why);
}

bool credit_note_create(struct sim *sim, const struct credit_note_order *order, struct credit_note **ret_note,
                        struct refusal *why)
{
    struct invoice *inv = order->invoice;
    struct refund *refund = NULL;

    if (!order_is_valid(order, why))
        return false;
    struct parts parts = parts_of(order);
    if (!make_refund(sim, order, &refund, why))
        return false;
    struct credit_note *note = sim_object(sim, TYPE_CREDIT_NOTE, sizeof *note);
    json_t *before = render_object(sim, &inv->o);
    note->invoice = inv;
    note->amount = order->amount;
    note->pre_payment = parts.pre;
    note->post_payment = parts.post;
    note->out_of_band = order->out_of_band;
    note->reason = order->reason;
    note->memo = order->memo;
    if (order->metadata)
        metadata_merge(&note->o, order->metadata);
    list_push(sim, &inv->credit_notes, &note->o);
    list_push(sim, &inv->customer->of[TYPE_CREDIT_NOTE], &note->o);
    note->number = sim_format(sim, "%s-CN-%02zu", inv->number, inv->credit_notes.count);
    add_refund(note, order->refund, NULL, order->refund_amount);
    add_refund(note, refund, NULL, order->to_refund);
    add_refund(note, NULL, order->payment_record, order->payment_record_amount);
    note->customer_txn =
        customer_credit(sim, inv->customer, inv->currency, -order->to_balance, "credit_note", inv, note);
    inv->pre_payment_credit += parts.pre;
    inv->post_payment_credit += parts.post;
    emit(sim, "credit_note.created", &note->o);
    emit_updated(sim, "invoice.updated", &inv->o, before);
    invoice_less_due(sim, inv);
    *ret_note = note;
    return true;
}

bool credit_note_void(struct sim *sim, struct credit_note *note, struct refusal *why)
{
    struct invoice *inv = note->invoice;
    int64_t credit = note->customer_txn ? -note->customer_txn->amount : 0;

    if (note->voided_at)
        return refuse(why, 400, NULL, NULL, "Credit note %s is void already.", note->o.id);
    if (note->pre_payment && inv->status != INVOICE_OPEN)
        return refuse(why, 400, NULL, NULL,
                      "You can only void a credit note of an open invoice, this one is %s.",
                      invoice_status_name(inv->status));
    if (note->post_payment != credit)
        return refuse(why, 400, NULL, NULL, "Credit note %s has paid money back and cannot be voided.",
                      note->o.id);
    if (credit && customer_balance(sim, inv->customer, inv->currency)->amount + credit > 0)
        return refuse(why, 400, NULL, NULL, "The credit of credit note %s was used already.", note->o.id);
    json_t *before = render_object(sim, &inv->o);
    note->voided_at = sim->now;
    inv->pre_payment_credit -= note->pre_payment;
    inv->post_payment_credit -= note->post_payment;
    (void)customer_credit(sim, inv->customer, inv->currency, credit, "credit_note", inv, note);
    emit(sim, "credit_note.voided", &note->o);
    emit_updated(sim, "invoice.updated", &inv->o, before);
    return true;
}
