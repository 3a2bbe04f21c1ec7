/* Subscriptions and invoices as JSON. */
#include <stdio.h>

#include "sim/billing.h"
#include "sim/render_parts.h"

/* --- subscriptions --- */

json_t *render_item(const struct item *item)
{
    json_t *json;

    if (item->deleted)
        return sim_json(
            json_pack("{s:s, s:s, s:b}", "id", item->o.id, "object", "subscription_item", "deleted", 1));
    json = render_head(&item->o);
    put_nulls(json, "billing_thresholds current_trial");
    put_int(json, "current_period_start", item->period_start);
    put_int(json, "current_period_end", item->period_end);
    put(json, "discounts", json_array());
    put(json, "plan", render_plan(item->price));
    put(json, "price", render_price(item->price));
    put_int(json, "quantity", item->quantity);
    put_text(json, "subscription", item->subscription->o.id);
    put(json, "tax_rates", json_array());
    return json;
}

static json_t *pause_collection(const struct subscription *sub)
{
    json_t *json;

    if (!sub->pause_collection)
        return json_null();
    json = sim_json(json_object());
    put_text(json, "behavior", pause_collection_name(sub->pause_collection));
    put_time(json, "resumes_at", sub->resumes_at);
    return json;
}

/* Only there while it is paused. */
static void put_status_details(json_t *json, const struct subscription *sub)
{
    if (sub->status == SUB_PAUSED)
        put(json, "status_details",
            json_pack("{s:{s:s, s:I, s:{s:s}}}", "paused", "type", "subscription", "transitioned_at",
                      (json_int_t)sub->paused_at, "subscription", "type",
                      sub->pause_cause == PAUSE_TRIAL_END ? "trial_end_without_payment_method"
                                                          : "pause_requested"));
}

json_t *render_subscription(const struct sim *sim, const struct subscription *sub)
{
    json_t *json = render_head(&sub->o);
    const struct list *invoices = &sub->invoices;
    char url[128];

    (void)snprintf(url, sizeof url, "/v1/subscription_items?subscription=%s", sub->o.id);
    put_text(json, "customer", sub->customer->o.id);
    put_text(json, "status", subscription_status_name(sub->status));
    put_text(json, "currency", sub->currency);
    put(json, "items", render_embedded(sim, &sub->items, url));
    put_id(json, "latest_invoice", invoices->count ? invoices->at[invoices->count - 1] : NULL);
    put_int(json, "start_date", sub->start_date);
    put_int(json, "billing_cycle_anchor", sub->anchor);
    put_time(json, "trial_start", sub->trial_start);
    put_time(json, "trial_end", sub->trial_end);
    put_flag(json, "cancel_at_period_end", sub->cancel_at_period_end);
    put_time(json, "cancel_at", sub->cancel_at);
    put_time(json, "canceled_at", sub->canceled_at);
    put_time(json, "ended_at", sub->ended_at);
    put(json, "cancellation_details",
        json_pack("{s:s?, s:s?, s:s?}", "comment", sub->cancel_comment, "feedback", sub->cancel_feedback,
                  "reason", sub->cancel_reason));
    put_text(json, "collection_method", sub->send_invoice ? "send_invoice" : "charge_automatically");
    put(json, "days_until_due", sub->send_invoice ? json_integer(sub->days_until_due) : json_null());
    put(json, "pause_collection", pause_collection(sub));
    PUT_ID(json, "schedule", sub->schedule);
    put_status_details(json, sub);
    PUT_ID(json, "default_payment_method", sub->payment_method);
    put_nulls(json,
              "application application_fee_percent billing_cycle_anchor_config billing_thresholds "
              "customer_account default_source description next_pending_invoice_item_invoice on_behalf_of "
              "pending_invoice_item_interval pending_setup_intent pending_update "
              "transfer_data");
    PUT_ID(json, "test_clock", sub->customer->test_clock);
    put(json, "automatic_tax", json_pack("{s:b, s:n, s:n}", "enabled", 0, "liability", "disabled_reason"));
    put(json, "billing_mode", json_pack("{s:s}", "type", sub->flexible ? "flexible" : "classic"));
    put(json, "billing_schedules", json_array());
    put(json, "default_tax_rates", json_array());
    put_discounts(json, &sub->discounts, NULL);
    put(json, "payment_settings",
        json_pack("{s:n, s:n, s:s}", "payment_method_options", "payment_method_types",
                  "save_default_payment_method", "off"));
    put(json, "trial_settings",
        json_pack("{s:{s:s}}", "end_behavior", "missing_payment_method",
                  missing_payment_method_name(sub->missing_payment_method)));
    return json;
}

/* --- invoices --- */

static json_t *line_parent(const struct line *line)
{
    bool proration = line->invoiceitem && line->invoiceitem->proration;

    if (line->invoiceitem)
        return json_pack("{s:s, s:n, s:{s:s, s:b, s:n, s:s?, s:s?}}", "type", "invoice_item_details",
                         "subscription_item_details", "invoice_item_details", "invoice_item",
                         line->invoiceitem->o.id, "proration", proration, "proration_details", "subscription",
                         line->subscription ? line->subscription->o.id : NULL, "subscription_item",
                         line->item ? line->item->o.id : NULL);
    return json_pack("{s:s, s:n, s:{s:n, s:b, s:n, s:s, s:s}}", "type", "subscription_item_details",
                     "invoice_item_details", "subscription_item_details", "invoice_item", "proration", 0,
                     "proration_details", "subscription", line->subscription->o.id, "subscription_item",
                     line->item->o.id);
}

static json_t *pricing(const struct price *price)
{
    char decimal[24];

    if (!price)
        return json_null();
    (void)snprintf(decimal, sizeof decimal, "%lld", (long long)price->unit_amount);
    return json_pack("{s:s, s:{s:s, s:s}, s:s}", "type", "price_details", "price_details", "price",
                     price->o.id, "product", price->product->o.id, "unit_amount_decimal", decimal);
}

static bool is_of_item(const struct discount *d)
{
    return d->invoiceitem;
}

static bool is_of_invoice(const struct discount *d)
{
    return !d->invoiceitem;
}

json_t *render_line(const struct line *line)
{
    json_t *json = render_head(&line->o);
    bool proration = line->invoiceitem && line->invoiceitem->proration;

    (void)json_object_del(json, "created"); /* lines have none */
    put_int(json, "amount", line->amount);
    put_int(json, "subtotal", line->amount);
    put_text(json, "currency", line->invoice->currency);
    put_text(json, "description", line->description);
    put_text(json, "invoice", line->invoice->o.id);
    PUT_ID(json, "subscription", line->subscription);
    put_int(json, "quantity", line->quantity);
    put(json, "quantity_decimal", json_sprintf("%lld", (long long)line->quantity));
    put_flag(json, "discountable", !proration);
    put(json, "discount_amounts", render_line_discounts(line));
    put_discounts(json, line->invoiceitem ? &line->invoiceitem->discounts : &(struct list){0}, is_of_item);
    put(json, "pretax_credit_amounts", json_array());
    put(json, "taxes", json_array());
    put(json, "period",
        json_pack("{s:I, s:I}", "start", (json_int_t)line->period_start, "end",
                  (json_int_t)line->period_end));
    put(json, "parent", line->invoiceitem || line->subscription ? line_parent(line) : json_null());
    put(json, "pricing", pricing(line->price));
    return json;
}

json_t *render_invoiceitem(const struct invoiceitem *ii)
{
    json_t *json = render_head(&ii->o);

    (void)json_object_del(json, "created");
    put_int(json, "date", ii->o.created);
    put_int(json, "amount", ii->amount);
    put_int(json, "net_amount", ii->amount);
    put_text(json, "currency", ii->currency);
    put_text(json, "customer", ii->customer->o.id);
    put_nulls(json, "customer_account");
    PUT_ID(json, "test_clock", ii->customer->test_clock);
    put_text(json, "description", ii->description);
    put_flag(json, "discountable", !ii->proration);
    put_discounts(json, &ii->discounts, NULL);
    put(json, "tax_rates", json_array());
    PUT_ID(json, "invoice", ii->invoice);
    put_int(json, "quantity", ii->quantity);
    put(json, "quantity_decimal", json_sprintf("%lld", (long long)ii->quantity));
    put_flag(json, "proration", ii->proration);
    put(json, "period",
        json_pack("{s:I, s:I}", "start", (json_int_t)ii->period_start, "end", (json_int_t)ii->period_end));
    put(json, "parent",
        ii->subscription ? json_pack("{s:s, s:{s:s, s:s?}}", "type", "subscription_details",
                                     "subscription_details", "subscription", ii->subscription->o.id,
                                     "subscription_item", ii->item ? ii->item->o.id : NULL)
                         : json_null());
    put(json, "pricing", pricing(ii->price));
    return json;
}

static json_t *invoice_parent(const struct invoice *inv)
{
    json_t *metadata = inv->subscription_metadata;

    if (!inv->subscription)
        return json_null();
    if (!metadata)
        metadata = inv->subscription->o.metadata;
    return json_pack("{s:s, s:n, s:{s:s, s:o}}", "type", "subscription_details", "quote_details",
                     "subscription_details", "subscription", inv->subscription->o.id, "metadata",
                     metadata ? json_deep_copy(metadata) : json_object());
}

static void put_invoice_amounts(json_t *json, const struct invoice *inv)
{
    put_int(json, "amount_due", inv->amount_due);
    put_int(json, "amount_paid", inv->amount_paid);
    put_int(json, "amount_paid_off_stripe", invoice_off_stripe(inv));
    put_int(json, "amount_overpaid", inv->amount_overpaid);
    put_int(json, "amount_remaining", invoice_remaining(inv));
    put_int(json, "amount_shipping", 0);
    put_int(json, "starting_balance", inv->starting_balance);
    put(json, "ending_balance", inv->finalized_at ? json_integer(inv->ending_balance) : json_null());
    put_int(json, "subtotal", inv->subtotal);
    put_int(json, "subtotal_excluding_tax", inv->subtotal);
    put_int(json, "total", inv->total);
    put_int(json, "total_excluding_tax", inv->total);
    put_int(json, "pre_payment_credit_notes_amount", inv->pre_payment_credit);
    put_int(json, "post_payment_credit_notes_amount", inv->post_payment_credit);
    put(json, "total_discount_amounts", render_invoice_discounts(inv));
    put(json, "total_pretax_credit_amounts", json_array());
    put(json, "total_taxes", json_array());
}

json_t *render_invoice(const struct sim *sim, const struct invoice *inv)
{
    json_t *json = render_head(&inv->o);
    const struct customer *c = inv->customer;
    char url[128];

    (void)snprintf(url, sizeof url, "/v1/invoices/%s/lines", inv->o.id);
    put_text(json, "customer", c->o.id);
    put_text(json, "customer_email", c->email);
    put_text(json, "customer_name", c->name);
    put_text(json, "status", invoice_status_name(inv->status));
    put_text(json, "billing_reason", inv->billing_reason);
    put_text(json, "currency", inv->currency);
    put_text(json, "number", inv->number);
    put(json, "parent", invoice_parent(inv));
    put(json, "lines", render_embedded(sim, &inv->lines, url));
    put_invoice_amounts(json, inv);
    put_int(json, "attempt_count", inv->attempt_count);
    put_flag(json, "attempted", inv->attempted);
    put_flag(json, "auto_advance", inv->auto_advance);
    put_time(json, "automatically_finalizes_at", inv->status == INVOICE_DRAFT ? inv->finalizes_at : 0);
    put_time(json, "next_payment_attempt", inv->next_payment_attempt);
    put_int(json, "period_start", inv->period_start);
    put_int(json, "period_end", inv->period_end);
    put_time(json, "effective_at", inv->finalized_at);
    put_text(json, "collection_method", inv->send_invoice ? "send_invoice" : "charge_automatically");
    put_time(json, "due_date", inv->due_date);
    put_text(json, "account_country", "US");
    put_text(json, "customer_tax_exempt", "none");
    put_discounts(json, &inv->discounts, is_of_invoice);
    put(json, "default_tax_rates", json_array());
    put(json, "automatic_tax", json_pack("{s:b, s:n, s:n}", "enabled", 0, "liability", "status"));
    put(json, "status_transitions", json_object());
    json_t *transitions = json_object_get(json, "status_transitions");
    put_time(transitions, "finalized_at", inv->finalized_at);
    put_time(transitions, "paid_at", inv->paid_at);
    put_time(transitions, "voided_at", inv->voided_at);
    put_time(transitions, "marked_uncollectible_at", inv->uncollectible_at);
    put_nulls(json, "account_name application custom_fields customer_account customer_address customer_phone "
                    "customer_shipping default_payment_method default_source description footer "
                    "from_invoice hosted_invoice_url invoice_pdf last_finalization_error latest_revision "
                    "on_behalf_of receipt_number shipping_cost statement_descriptor");
    PUT_ID(json, "test_clock", c->test_clock);
    put_time(json, "webhooks_delivered_at", inv->o.created);
    return json;
}

json_t *render_invoice_payment(const struct invoice_payment *p)
{
    json_t *json = render_head(&p->o);

    (void)json_object_del(json, "metadata");
    put_text(json, "invoice", p->invoice->o.id);
    put_text(json, "status", p->status);
    put(json, "amount_paid", p->paid_at ? json_integer(p->amount_paid) : json_null());
    put_int(json, "amount_requested", p->amount_requested);
    put_text(json, "currency", p->invoice->currency);
    put_flag(json, "is_default", p->is_default);
    put(json, "payment",
        p->intent ? json_pack("{s:s, s:s}", "type", "payment_intent", "payment_intent", p->intent->o.id)
                  : json_pack("{s:s, s:s}", "type", "payment_record", "payment_record", p->payment_record));
    put(json, "status_transitions", json_object());
    put_time(json_object_get(json, "status_transitions"), "paid_at", p->paid_at);
    put_time(json_object_get(json, "status_transitions"), "canceled_at", p->canceled_at);
    return json;
}
