/* API: invoices, invoice items, invoice payments. */
#include <string.h>

#include "sim/call.h"
#include "sim/discount.h"
#include "sim/events.h"
#include "sim/money.h"
#include "sim/render.h"

/* --- invoices --- */

void invoices_create(struct call *call)
{
    struct customer *c = call_param(call, "customer", TYPE_CUSTOMER);
    const char *currency = form_text(call->params, "currency");
    struct discount_wishes discounts;

    if (!c && !call->why.status)
        (void)refuse(&call->why, 400, "parameter_missing", "customer", "Missing required param: customer.");
    if (c && c->deleted)
        (void)refuse(&call->why, 400, "resource_missing", "customer", "No such customer: '%s'", c->o.id);
    if (!c || call->why.status ||
        !discount_params(call, json_object_get(call->params, "discounts"), NULL, &discounts))
        return;
    for (size_t i = 0; !currency && i < c->of[TYPE_INVOICEITEM].count; i++) {
        const struct invoiceitem *ii = (const struct invoiceitem *)c->of[TYPE_INVOICEITEM].at[i];
        if (!ii->invoice && !ii->subscription)
            currency = ii->currency;
    }
    if (!currency)
        currency = c->currency ? c->currency : "usd";
    if (!discounts_are_redeemable(call->sim, &discounts, c, currency, INT64_MAX, &call->why))
        return;
    struct invoice *inv = invoice_create(call->sim, c, NULL, "manual", sim_text(call->sim, currency));
    json_t *metadata = json_object_get(call->params, "metadata");
    if (json_is_object(metadata))
        metadata_merge(&inv->o, metadata);
    inv->auto_advance = form_flag(call->params, "auto_advance", false);
    if (inv->auto_advance) {
        inv->finalizes_at = call->sim->now + HOUR;
        sim_book(call->sim, inv->finalizes_at, DUE_FINALIZE, inv, 0);
    }
    invoice_take_pending(call->sim, inv);
    invoice_take_discounts(call->sim, inv);
    invoice_add_discounts(call->sim, inv, &discounts);
    invoice_announce(call->sim, inv);
    call_answer(call, &inv->o);
}

void invoices_get(struct call *call)
{
    struct invoice *inv = call_object(call, TYPE_INVOICE);

    if (inv)
        call_answer(call, &inv->o);
}

static bool invoice_matches(struct call *call, const struct object *o)
{
    const struct invoice *inv = (const struct invoice *)o;

    return call_says(call, "customer", inv->customer->o.id) &&
           call_says(call, "status", invoice_status_name(inv->status)) &&
           call_says(call, "collection_method", inv->send_invoice ? "send_invoice" : "charge_automatically");
}

void invoices_list(struct call *call)
{
    struct subscription *sub = call_param(call, "subscription", TYPE_SUBSCRIPTION);
    const struct list *scope = call->why.status ? NULL : call_scope(call, TYPE_INVOICE);

    if (scope)
        call_list(call, sub ? &sub->invoices : scope, false, invoice_matches);
}

void invoices_lines(struct call *call)
{
    struct invoice *inv = call_object(call, TYPE_INVOICE);

    if (inv)
        call_list(call, &inv->lines, true, NULL);
}

void invoices_finalize(struct call *call)
{
    struct invoice *inv = call_object(call, TYPE_INVOICE);

    if (inv && inv->status != INVOICE_DRAFT)
        (void)refuse(&call->why, 400, "invoice_not_editable", NULL,
                     "This invoice is already finalized, you can't re-finalize a non-draft invoice.");
    if (!inv || call->why.status)
        return;
    invoice_finalize(call->sim, inv);
    call_answer(call, &inv->o);
}

void invoices_pay(struct call *call)
{
    struct invoice *inv = call_object(call, TYPE_INVOICE);
    const char *token = form_text(call->params, "payment_method");
    struct payment_method *pm = NULL;

    if (!inv)
        return;
    if (inv->status == INVOICE_PAID)
        (void)refuse(&call->why, 400, "invoice_already_paid", NULL, "Invoice is already paid");
    else if (inv->status == INVOICE_VOID)
        (void)refuse(&call->why, 400, NULL, NULL, "This invoice was voided.");
    else if (form_flag(call->params, "paid_out_of_band", false)) {
        if (inv->status == INVOICE_DRAFT)
            invoice_finalize(call->sim, inv);
        if (inv->status == INVOICE_PAID || invoice_pay_elsewhere(call->sim, inv, &call->why))
            call_answer(call, &inv->o);
        return;
    } else if (token && !(pm = payment_method_from(call->sim, inv->customer, token)))
        (void)refuse(&call->why, 400, "resource_missing", "payment_method", "No such PaymentMethod: '%.80s'",
                     token);
    else if (!pm && !invoice_payment_method(inv))
        (void)refuse(&call->why, 400, "resource_missing", NULL,
                     "There is no default payment method set on this Customer or Invoice.");
    if (call->why.status)
        return;
    if (inv->status == INVOICE_DRAFT)
        invoice_finalize(call->sim, inv); /* one call does both */
    bool processing = false;
    if (inv->status != INVOICE_PAID && !invoice_collect(call->sim, inv, pm, false))
        processing = invoice_is_processing(inv);
    if (inv->status != INVOICE_PAID && !processing)
        (void)refuse(&call->why, 402, "card_declined", NULL, "Your card was declined.");
    else
        call_answer(call, &inv->o);
}

void invoices_attach_payment(struct call *call)
{
    struct invoice *inv = call_object(call, TYPE_INVOICE);
    struct intent *pi = inv ? call_param(call, "payment_intent", TYPE_INTENT) : NULL;

    if (!inv || call->why.status)
        return;
    if (!pi)
        (void)refuse(&call->why, 400, "parameter_missing", "payment_intent",
                     "Missing required param: payment_intent.");
    else if (invoice_attach(call->sim, inv, pi, 0, &call->why))
        call_answer(call, &inv->o);
}

void invoices_void(struct call *call)
{
    struct invoice *inv = call_object(call, TYPE_INVOICE);

    if (inv && invoice_void(call->sim, inv, &call->why))
        call_answer(call, &inv->o);
}

void invoices_mark_uncollectible(struct call *call)
{
    struct invoice *inv = call_object(call, TYPE_INVOICE);

    if (inv && invoice_mark_uncollectible(call->sim, inv, &call->why))
        call_answer(call, &inv->o);
}

/* --- invoice items --- */

void invoiceitems_create(struct call *call)
{
    struct customer *c = call_param(call, "customer", TYPE_CUSTOMER);
    const char *currency = form_text(call->params, "currency");
    const char *description = form_text(call->params, "description");
    struct discount_wishes discounts;
    int64_t amount = 0;

    if (!c && !call->why.status)
        (void)refuse(&call->why, 400, "parameter_missing", "customer", "Missing required param: customer.");
    else if (!call->why.status && (!form_integer(call->params, "amount", &amount) || !currency))
        (void)refuse(&call->why, 400, "parameter_missing", "amount",
                     "amount and currency are required here.");
    if (!call->why.status)
        (void)money_is_valid(amount, currency, &call->why);
    if (call->why.status ||
        !discount_params(call, json_object_get(call->params, "discounts"), NULL, &discounts) ||
        !discounts_are_redeemable(call->sim, &discounts, c, currency, amount, &call->why))
        return;
    struct invoiceitem *ii = invoiceitem_create(call->sim, c, sim_text(call->sim, currency), amount,
                                                sim_text(call->sim, description));
    invoiceitem_set_discounts(call->sim, ii, &discounts);
    emit(call->sim, "invoiceitem.created", &ii->o);
    call_answer(call, &ii->o);
}

void invoiceitems_get(struct call *call)
{
    struct invoiceitem *ii = call_object(call, TYPE_INVOICEITEM);

    if (ii)
        call_answer(call, &ii->o);
}

static bool invoiceitem_matches(struct call *call, const struct object *o)
{
    const struct invoiceitem *ii = (const struct invoiceitem *)o;

    return call_says(call, "pending", ii->invoice ? "false" : "true") &&
           call_says(call, "invoice", ii->invoice ? ii->invoice->o.id : NULL);
}

void invoiceitems_list(struct call *call)
{
    const struct list *scope = call_scope(call, TYPE_INVOICEITEM);

    if (scope)
        call_list(call, scope, false, invoiceitem_matches);
}

/* --- invoice payments --- */

void invoice_payments_get(struct call *call)
{
    struct invoice_payment *payment = call_object(call, TYPE_INVOICE_PAYMENT);

    if (payment)
        call_answer(call, &payment->o);
}

static bool invoice_payment_matches(struct call *call, const struct object *o)
{
    const struct invoice_payment *payment = (const struct invoice_payment *)o;

    return call_says(call, "status", payment->status) &&
           call_says(call, "payment.type", payment->intent ? "payment_intent" : "payment_record") &&
           call_says(call, "payment.payment_intent", payment->intent ? payment->intent->o.id : NULL) &&
           call_says(call, "payment.payment_record", payment->payment_record);
}

void invoice_payments_list(struct call *call)
{
    struct invoice *inv = call_param(call, "invoice", TYPE_INVOICE);

    if (!call->why.status)
        call_list(call, inv ? &inv->payments : &call->sim->all[TYPE_INVOICE_PAYMENT], false,
                  invoice_payment_matches);
}
