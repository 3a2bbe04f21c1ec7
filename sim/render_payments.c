/* Payments and Checkout sessions as JSON. */
#include <stdio.h>
#include <string.h>

#include "sim/render_parts.h"

/* --- payments and sessions --- */

static json_t *decline(void)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "type", "card_error", "code", "card_declined", "decline_code",
                     "generic_decline", "message", "Your card was declined.");
}

/* What the buyer saw and paid, where that was another currency. Absent otherwise. */
static void put_presentment(json_t *json, const struct intent *pi)
{
    if (pi && pi->presentment_currency)
        put(json, "presentment_details",
            json_pack("{s:I, s:s}", "presentment_amount", (json_int_t)pi->presentment_amount,
                      "presentment_currency", pi->presentment_currency));
}

json_t *render_intent(const struct intent *pi)
{
    json_t *json = render_head(&pi->o);

    put_int(json, "amount", pi->amount);
    put_int(json, "amount_capturable", pi->amount_capturable);
    put_int(json, "amount_received", pi->amount_received);
    put_text(json, "currency", pi->currency);
    put_text(json, "status", pi->status);
    PUT_ID(json, "customer", pi->customer);
    PUT_ID(json, "latest_charge", pi->latest_charge);
    PUT_ID(json, "payment_method", pi->payment_method);
    put_time(json, "canceled_at", pi->canceled_at);
    put_text(json, "cancellation_reason", pi->cancellation_reason);
    put_text(json, "capture_method", pi->manual ? "manual" : "automatic_async");
    put_text(json, "confirmation_method", "automatic");
    put(json, "last_payment_error", pi->failed ? decline() : json_null());
    put(json, "payment_method_types", json_pack("[s]", "card"));
    put_text(json, "description", pi->description);
    put_presentment(json, pi);
    put_nulls(json, "application application_fee_amount customer_account "
                    "next_action on_behalf_of payment_record processing receipt_email review "
                    "setup_future_usage shipping statement_descriptor transfer_data transfer_group");
    return json;
}

json_t *render_setup_intent(const struct setup_intent *si)
{
    json_t *json = render_head(&si->o);

    PUT_ID(json, "customer", si->customer);
    PUT_ID(json, "payment_method", si->payment_method);
    put_text(json, "status", si->status);
    put_text(json, "usage", "off_session");
    put_nulls(json, "application cancellation_reason customer_account description last_setup_error "
                    "latest_attempt mandate next_action on_behalf_of");
    return json;
}

json_t *render_charge(const struct charge *ch)
{
    json_t *json = render_head(&ch->o);
    bool failed = strcmp(ch->status, "failed") == 0;
    bool paid = strcmp(ch->status, "succeeded") == 0;

    put_int(json, "amount", ch->amount);
    put_int(json, "amount_captured", ch->amount_captured);
    put_int(json, "amount_refunded", ch->amount_refunded);
    PUT_ID(json, "balance_transaction", ch->balance_txn);
    put(json, "billing_details", json_pack("{s:n, s:n, s:n, s:n}", "address", "email", "name", "phone"));
    put_flag(json, "captured", ch->captured);
    put_text(json, "currency", ch->currency);
    PUT_ID(json, "customer", ch->customer);
    put_flag(json, "disputed", ch->disputed);
    put_text(json, "failure_code", failed ? "card_declined" : NULL);
    put_text(json, "failure_message", failed ? "Your card was declined." : NULL);
    put(json, "outcome",
        json_pack("{s:s, s:s, s:s}", "type", failed ? "issuer_declined" : "authorized", "network_status",
                  failed ? "declined_by_network" : "approved_by_network", "risk_level", "normal"));
    put_flag(json, "paid", paid);
    PUT_ID(json, "payment_intent", ch->intent);
    PUT_ID(json, "payment_method", ch->payment_method);
    put(json, "payment_method_details",
        json_pack("{s:s, s:{s:s}}", "type", ch->method_type, ch->method_type, "last4",
                  ch->payment_method ? ch->payment_method->last4 : "4242"));
    put_presentment(json, ch->intent);
    put_flag(json, "refunded", paid && ch->captured && ch->amount_refunded >= ch->amount_captured);
    put_text(json, "status", ch->status);
    put_nulls(json, "application application_fee application_fee_amount description "
                    "failure_balance_transaction on_behalf_of receipt_email receipt_number receipt_url "
                    "review shipping source_transfer statement_descriptor transfer_data transfer_group");
    return json;
}

json_t *render_session(const struct session *cs)
{
    json_t *json = render_head(&cs->o);
    bool complete = strcmp(cs->status, "complete") == 0;
    const char *email = cs->customer && cs->customer->email ? cs->customer->email
                        : cs->email                         ? cs->email
                                                            : cs->customer_email;

    put_text(json, "mode", cs->mode);
    put_text(json, "status", cs->status);
    put_text(json, "payment_status", cs->payment_status);
    put(json, "amount_total", cs->lines_count ? json_integer(cs->amount_total) : json_null());
    put(json, "amount_subtotal", cs->lines_count ? json_integer(cs->amount_subtotal) : json_null());
    put_text(json, "currency", cs->currency);
    put_text(json, "client_reference_id", cs->client_reference_id);
    PUT_ID(json, "customer", cs->customer);
    put_text(json, "customer_creation", cs->customer_always ? "always" : "if_required");
    put(json, "customer_details",
        complete ? json_pack("{s:s?, s:n, s:n, s:n, s:s, s:[]}", "email", email, "name", "phone", "address",
                             "tax_exempt", "none", "tax_ids")
                 : json_null());
    put_text(json, "customer_email", cs->customer_email);
    put_int(json, "expires_at", cs->expires_at);
    PUT_ID(json, "invoice", cs->invoice);
    PUT_ID(json, "payment_intent", cs->intent);
    PUT_ID(json, "setup_intent", cs->setup_intent);
    PUT_ID(json, "subscription", cs->subscription);
    put_text(json, "success_url", cs->success_url);
    put_text(json, "cancel_url", cs->cancel_url);
    put_text(json, "ui_mode", "hosted_page");
    put(json, "discounts", render_session_discounts(cs));
    put(json, "allow_promotion_codes", cs->allow_promotion_codes ? json_true() : json_null());
    put(json, "payment_method_types", json_pack("[s]", "card"));
    put(json, "invoice_creation", json_pack("{s:b}", "enabled", cs->invoice_creation));
    put(json, "total_details",
        json_pack("{s:I, s:i, s:i}", "amount_discount", (json_int_t)cs->amount_discount, "amount_shipping", 0,
                  "amount_tax", 0));
    put(json, "url",
        complete ? json_null() : json_sprintf("https://checkout.stripe.example/c/pay/%s", cs->o.id));
    put_presentment(json, cs->intent);
    put_nulls(json, "after_expiration client_secret consent customer_account locale "
                    "payment_link recovered_from shipping_cost submit_type");
    return json;
}

json_t *render_session_lines(const struct session *cs)
{
    json_t *data = sim_json(json_array());
    char url[160];

    for (unsigned i = 0; i < cs->lines_count; i++) {
        const struct session_line *line = &cs->lines[i];
        json_t *json = sim_json(json_object());
        put(json, "id", json_sprintf("li_%u%s", i, cs->o.id + sizeof "cs_test_a1" - 1 + 35));
        put_text(json, "object", "item");
        put_int(json, "amount_subtotal", line->price->unit_amount * line->quantity);
        put_int(json, "amount_discount", line->discount);
        put_int(json, "amount_tax", 0);
        put_int(json, "amount_total", line->price->unit_amount * line->quantity - line->discount);
        put_text(json, "currency", line->price->currency);
        put_text(json, "description", line->price->product->name);
        put(json, "price", render_price(line->price));
        put_int(json, "quantity", line->quantity);
        (void)json_array_append_new(data, json);
    }
    (void)snprintf(url, sizeof url, "/v1/checkout/sessions/%s/line_items", cs->o.id);
    return render_list(data, url, false);
}
