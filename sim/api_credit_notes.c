/* API: credit notes, and the changes of a customer's credit balance. */
#include <string.h>

#include "sim/call.h"
#include "sim/currency.h"
#include "sim/money.h"

static bool amount_param(struct call *call, json_t *params, const char *name, int64_t *ret_amount)
{
    if (form_at(params, name) && (!form_integer(params, name, ret_amount) || *ret_amount < 0))
        return refuse(&call->why, 400, "parameter_invalid_integer", name, "Invalid positive integer");
    if (*ret_amount > AMOUNT_MAX)
        return refuse(&call->why, 400, "amount_too_large", name, "Amount must be no more than %lld.",
                      (long long)AMOUNT_MAX);
    return true;
}

/* One element of refunds[]: a refund that exists, or money paid back outside Stripe. */
static bool add_refund(struct call *call, json_t *one, struct credit_note_order *order)
{
    const char *id = form_text(one, "refund");
    const char *record = form_text(one, "payment_record_refund.payment_record");
    int64_t amount = 0;

    if (!amount_param(call, one, "amount_refunded", &amount))
        return false;
    if (id && order->refund)
        return refuse(&call->why, 400, NULL, "refunds",
                      "Only one existing refund per credit note is simulated.");
    if (record) {
        order->payment_record = record;
        order->payment_record_amount = amount;
        return true;
    }
    order->refund = id ? sim_find_type(call->sim, id, TYPE_REFUND) : NULL;
    if (!order->refund)
        return refuse(&call->why, 400, "resource_missing", "refunds", "No such refund: '%.80s'",
                      id ? id : "");
    order->refund_amount = amount ? amount : order->refund->amount;
    return true;
}

static bool order_of(struct call *call, struct credit_note_order *order)
{
    static const char *const reasons[] = {"duplicate", "fraudulent", "order_change",
                                          "product_unsatisfactory"};
    const char *reason = form_text(call->params, "reason");
    json_t *metadata = json_object_get(call->params, "metadata");
    const char *key;
    json_t *one;

    order->invoice = call_param(call, "invoice", TYPE_INVOICE);
    if (!order->invoice)
        return call->why.status ? false
                                : refuse(&call->why, 400, "parameter_missing", "invoice",
                                         "Missing required param: invoice.");
    if (!amount_param(call, call->params, "amount", &order->amount) ||
        !amount_param(call, call->params, "credit_amount", &order->to_balance) ||
        !amount_param(call, call->params, "refund_amount", &order->to_refund) ||
        !amount_param(call, call->params, "out_of_band_amount", &order->out_of_band))
        return false;
    json_object_foreach(json_object_get(call->params, "refunds"), key,
                        one) if (!add_refund(call, one, order)) return false;
    for (size_t i = 0; reason && i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(reason, reasons[i]) == 0)
            order->reason = reasons[i];
    if (reason && !order->reason)
        return refuse(&call->why, 400, NULL, "reason",
                      "Invalid reason: must be one of duplicate, fraudulent, order_change, or "
                      "product_unsatisfactory");
    order->memo = sim_text(call->sim, form_text(call->params, "memo"));
    order->payment_record = sim_text(call->sim, order->payment_record);
    order->metadata = json_is_object(metadata) ? metadata : NULL;
    return true;
}

void credit_notes_create(struct call *call)
{
    struct credit_note_order order = {0};
    struct credit_note *note;

    if (order_of(call, &order) && credit_note_create(call->sim, &order, &note, &call->why))
        call_answer(call, &note->o);
}

void credit_notes_get(struct call *call)
{
    struct credit_note *note = call_object(call, TYPE_CREDIT_NOTE);

    if (note)
        call_answer(call, &note->o);
}

void credit_notes_void(struct call *call)
{
    struct credit_note *note = call_object(call, TYPE_CREDIT_NOTE);

    if (note && credit_note_void(call->sim, note, &call->why))
        call_answer(call, &note->o);
}

static bool customer_matches(struct call *call, const struct object *o)
{
    return call_says(call, "customer", ((const struct credit_note *)o)->invoice->customer->o.id);
}

void credit_notes_list(struct call *call)
{
    struct invoice *inv = call_param(call, "invoice", TYPE_INVOICE);
    const struct list *scope = call->why.status ? NULL : call_scope(call, TYPE_CREDIT_NOTE);

    if (scope)
        call_list(call, inv ? &inv->credit_notes : scope, false, customer_matches);
}

void customer_txns_list(struct call *call)
{
    struct customer *c = call_object(call, TYPE_CUSTOMER);

    if (c)
        call_list(call, &c->of[TYPE_CUSTOMER_TXN], false, NULL);
}
