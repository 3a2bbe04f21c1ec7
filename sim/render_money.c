/* Refunds, disputes, credit notes, balance transactions as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/render_parts.h"

static bool says(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

json_t *render_refund(const struct refund *refund)
{
    const struct charge *ch = refund->charge;
    bool card = says(ch->method_type, "card");
    json_t *json = render_head(&refund->o);

    (void)json_object_del(json, "livemode"); /* refunds have none */
    put_int(json, "amount", refund->amount);
    PUT_ID(json, "balance_transaction", refund->balance_txn);
    put_text(json, "charge", ch->o.id);
    put_text(json, "currency", ch->currency);
    PUT_ID(json, "customer", ch->customer);
    PUT_ID(json, "payment_intent", ch->intent);
    PUT_ID(json, "payment_method", ch->payment_method);
    put_text(json, "reason", refund->reason);
    put_text(json, "status", refund->status);
    put_nulls(json, "customer_account receipt_number source_transfer_reversal transfer_reversal");
    if (card)
        put(json, "destination_details",
            json_pack("{s:s, s:{s:s?, s:s, s:s, s:s}}", "type", "card", "card", "reference",
                      refund->reference_known ? "123456789012" : NULL, "reference_status",
                      refund->reference_known ? "available" : "pending", "reference_type",
                      "acquirer_reference_number", "type", "refund"));
    if (refund->failure_reason)
        put_text(json, "failure_reason", refund->failure_reason);
    if (refund->failure_balance_txn)
        put_text(json, "failure_balance_transaction", refund->failure_balance_txn->o.id);
    if (says(refund->status, "pending"))
        put_text(json, "pending_reason", "processing");
    return json;
}

/* The newest first, as in every list of refunds. */
json_t *render_refunds(const struct charge *ch)
{
    json_t *data = sim_json(json_array());
    size_t count = ch->refunds.count;
    char url[160];

    for (size_t i = 0; i < count && i < EMBEDDED_LIST_MAX; i++)
        if (json_array_append_new(data, render_refund((const struct refund *)ch->refunds.at[count - 1 - i])))
            sim_die("out of memory");
    (void)snprintf(url, sizeof url, "/v1/charges/%s/refunds", ch->o.id);
    return render_list(data, url, count > EMBEDDED_LIST_MAX);
}

json_t *render_balance_txn(const struct sim *sim, const struct balance_txn *txn)
{
    json_t *json = render_head(&txn->o);

    (void)json_object_del(json, "livemode");
    (void)json_object_del(json, "metadata");
    put_int(json, "amount", txn->amount);
    put_int(json, "available_on", txn->available_on);
    put_text(json, "balance_type", "payments");
    put_text(json, "currency", txn->currency);
    put_nulls(json, "description");
    put(json, "exchange_rate",
        txn->exchange_rate ? json_real(strtod(txn->exchange_rate, NULL)) : json_null());
    put_int(json, "fee", txn->fee);
    put(json, "fee_details",
        txn->fee ? json_pack("[{s:I, s:n, s:s, s:s, s:s}]", "amount", (json_int_t)txn->fee, "application",
                             "currency", txn->currency, "description",
                             txn->source->type == TYPE_DISPUTE ? "Dispute fee" : "Stripe processing fees",
                             "type", "stripe_fee")
                 : json_array());
    put_int(json, "net", txn->amount - txn->fee);
    put_text(json, "reporting_category", txn->reporting_category);
    put_text(json, "source", txn->source->id);
    put_text(json, "status", sim->now < txn->available_on ? "pending" : "available");
    put_text(json, "type", txn->type);
    return json;
}

json_t *render_dispute(const struct sim *sim, const struct dispute *d)
{
    json_t *json = render_head(&d->o);
    json_t *txns = sim_json(json_array());
    bool inquiry = strncmp(d->status, "warning_", 8) == 0;

    if (d->withdrawal)
        (void)json_array_append_new(txns, render_balance_txn(sim, d->withdrawal));
    if (d->reinstatement)
        (void)json_array_append_new(txns, render_balance_txn(sim, d->reinstatement));
    put_int(json, "amount", d->amount);
    put(json, "balance_transactions", txns);
    put_text(json, "charge", d->charge->o.id);
    put_text(json, "currency", d->charge->currency);
    put(json, "enhanced_eligibility_types", json_array());
    put(json, "evidence", d->evidence ? json_deep_copy(d->evidence) : json_object());
    put(json, "evidence_details",
        json_pack("{s:I, s:b, s:b, s:I}", "due_by", (json_int_t)d->due_by, "has_evidence",
                  d->evidence != NULL, "past_due", 0, "submission_count", (json_int_t)d->submissions));
    put_flag(json, "is_charge_refundable", inquiry);
    put_text(json, "network_reason_code", says(d->reason, "fraudulent") ? "10.4" : "13.1");
    put_text(json, "payment_intent", d->charge->intent->o.id);
    put(json, "payment_method_details",
        json_pack("{s:{s:s, s:s, s:s}, s:s}", "card", "brand", "visa", "case_type",
                  inquiry ? "inquiry" : "chargeback", "network_reason_code",
                  says(d->reason, "fraudulent") ? "10.4" : "13.1", "type", "card"));
    put_text(json, "reason", d->reason);
    put_text(json, "status", d->status);
    return json;
}

static json_t *note_refunds(const struct credit_note *note)
{
    json_t *refunds = sim_json(json_array());

    for (unsigned i = 0; i < note->refunds_count; i++) {
        const struct refund *refund = note->refunds[i].refund;
        json_t *one =
            refund ? json_pack("{s:I, s:n, s:s, s:s}", "amount_refunded", (json_int_t)note->refunds[i].amount,
                               "payment_record_refund", "refund", refund->o.id, "type", "refund")
                   : json_pack("{s:I, s:{s:s, s:s}, s:n, s:s}", "amount_refunded",
                               (json_int_t)note->refunds[i].amount, "payment_record_refund", "payment_record",
                               note->refunds[i].payment_record, "refund_group", "rg_1", "refund", "type",
                               "payment_record_refund");
        if (json_array_append_new(refunds, sim_json(one)))
            sim_die("out of memory");
    }
    return refunds;
}

/* One line for the whole amount: which lines of the invoice it concerns is not simulated. */
static json_t *note_lines(const struct credit_note *note)
{
    char url[160];
    json_t *line = sim_json(json_object());

    put(line, "id", json_sprintf("cnli_1%s", note->o.id + sizeof "cn_1" - 1));
    put_text(line, "object", "credit_note_line_item");
    put_int(line, "amount", note->amount);
    put_text(line, "description", note->memo ? note->memo : "Credit");
    put_int(line, "discount_amount", 0);
    put(line, "discount_amounts", json_array());
    put_flag(line, "livemode", false);
    put(line, "pretax_credit_amounts", json_array());
    put_int(line, "quantity", 1);
    put(line, "tax_rates", json_array());
    put(line, "taxes", json_array());
    put_text(line, "type", "custom_line_item");
    put_int(line, "unit_amount", note->amount);
    (void)snprintf(url, sizeof url, "/v1/credit_notes/%s/lines", note->o.id);
    return render_list(sim_json(json_pack("[o]", line)), url, false);
}

json_t *render_credit_note(const struct credit_note *note)
{
    json_t *json = render_head(&note->o);

    put_int(json, "amount", note->amount);
    put_int(json, "amount_shipping", 0);
    put_text(json, "currency", note->invoice->currency);
    put_text(json, "customer", note->invoice->customer->o.id);
    PUT_ID(json, "customer_balance_transaction", note->customer_txn);
    put_int(json, "discount_amount", 0);
    put(json, "discount_amounts", json_array());
    put_int(json, "effective_at", note->o.created);
    put_text(json, "invoice", note->invoice->o.id);
    put(json, "lines", note_lines(note));
    put_text(json, "memo", note->memo);
    put_text(json, "number", note->number);
    put(json, "out_of_band_amount", note->out_of_band ? json_integer(note->out_of_band) : json_null());
    put_int(json, "pre_payment_amount", note->pre_payment);
    put_int(json, "post_payment_amount", note->post_payment);
    put(json, "pretax_credit_amounts", json_array());
    put_text(json, "reason", note->reason);
    put(json, "refunds", note_refunds(note));
    put_text(json, "status", note->voided_at ? "void" : "issued");
    put_int(json, "subtotal", note->amount);
    put_int(json, "subtotal_excluding_tax", note->amount);
    put_int(json, "total", note->amount);
    put_int(json, "total_excluding_tax", note->amount);
    put(json, "total_taxes", json_array());
    put_text(json, "type",
             !note->post_payment  ? "pre_payment"
             : !note->pre_payment ? "post_payment"
                                  : "mixed");
    put_time(json, "voided_at", note->voided_at);
    put_nulls(json, "customer_account shipping_cost");
    put(json, "pdf", json_sprintf("https://pay.stripe.example/credit_notes/%s/pdf", note->o.id));
    return json;
}

json_t *render_customer_txn(const struct customer_txn *txn)
{
    json_t *json = render_head(&txn->o);

    put_int(json, "amount", txn->amount);
    PUT_ID(json, "credit_note", txn->credit_note);
    put_text(json, "currency", txn->currency);
    put_text(json, "customer", txn->customer->o.id);
    put_int(json, "ending_balance", txn->ending_balance);
    PUT_ID(json, "invoice", txn->invoice);
    put_text(json, "type", txn->type);
    put_nulls(json, "checkout_session customer_account description");
    return json;
}
