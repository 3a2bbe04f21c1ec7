#include "sim/render.h"

#include <stdio.h>
#include <string.h>

#include "sim/events.h"

/* --- building blocks --- */

void put(json_t *json, const char *key, json_t *value)
{
    if (json_object_set_new(json, key, sim_json(value)))
        sim_die("out of memory");
}

void put_text(json_t *json, const char *key, const char *text)
{
    put(json, key, text ? json_string(text) : json_null());
}

void put_int(json_t *json, const char *key, int64_t number)
{
    put(json, key, json_integer(number));
}

void put_time(json_t *json, const char *key, int64_t at)
{
    put(json, key, at ? json_integer(at) : json_null());
}

void put_flag(json_t *json, const char *key, bool flag)
{
    put(json, key, json_boolean(flag));
}

void put_nulls(json_t *json, const char *keys)
{
    char key[64];

    while (*keys) {
        size_t len = strcspn(keys, " ");
        (void)snprintf(key, sizeof key, "%.*s", (int)len, keys);
        put(json, key, json_null());
        keys += len + (keys[len] == ' ');
    }
}

static void put_id(json_t *json, const char *key, const struct object *o)
{
    put_text(json, key, o ? o->id : NULL);
}
#define PUT_ID(json, key, record) put_id(json, key, (record) ? &(record)->o : NULL)

json_t *render_list(json_t *data, const char *url, bool has_more)
{
    return sim_json(
        json_pack("{s:s, s:o, s:b, s:s}", "object", "list", "data", data, "has_more", has_more, "url", url));
}

/* The first page of a list inside an object. */
static json_t *embedded(const struct sim *sim, const struct list *list, const char *url)
{
    json_t *data = sim_json(json_array());
    size_t shown = 0;
    bool more = false;

    for (size_t i = 0; i < list->count; i++) {
        if (list->at[i]->type == TYPE_ITEM && ((struct item *)list->at[i])->deleted)
            continue;
        if (shown == EMBEDDED_LIST_MAX) {
            more = true;
            break;
        }
        if (json_array_append_new(data, render_object(sim, list->at[i])))
            sim_die("out of memory");
        shown++;
    }
    return render_list(data, url, more);
}

static json_t *head(const struct object *o)
{
    json_t *json = sim_json(json_object());

    put_text(json, "id", o->id);
    put_text(json, "object", object_name(o->type));
    put_int(json, "created", o->created);
    put(json, "metadata", o->metadata ? json_deep_copy(o->metadata) : json_object());
    if (o->type != TYPE_ITEM)
        put_flag(json, "livemode", false);
    return json;
}

/* --- customers, catalogue, payment methods --- */

json_t *render_customer_whole(const struct sim *sim, const struct customer *c)
{
    json_t *json = head(&c->o);
    json_t *credit = sim_json(json_object());
    int64_t balance = 0;

    (void)sim;
    for (const struct balance *b = c->balances; b; b = b->next) {
        put_int(credit, b->currency, b->amount);
        if (c->currency && strcmp(c->currency, b->currency) == 0)
            balance = b->amount;
    }
    put_nulls(json, "address customer_account default_source discount phone shipping test_clock");
    put_int(json, "balance", balance);
    put(json, "invoice_credit_balance", credit);
    put_text(json, "currency", c->currency);
    put_flag(json, "delinquent", c->delinquent);
    put_text(json, "description", c->description);
    put_text(json, "email", c->email);
    put_text(json, "name", c->name);
    put(json, "invoice_settings",
        json_pack("{s:s?, s:n, s:n, s:n}", "default_payment_method",
                  c->payment_method ? c->payment_method->o.id : NULL, "custom_fields", "footer",
                  "rendering_options"));
    put(json, "preferred_locales", json_array());
    put_text(json, "tax_exempt", "none");
    return json;
}

static json_t *render_customer(const struct sim *sim, const struct customer *c)
{
    if (c->deleted)
        return sim_json(json_pack("{s:s, s:s, s:b}", "id", c->o.id, "object", "customer", "deleted", 1));
    return render_customer_whole(sim, c);
}

static json_t *render_product(const struct product *p)
{
    json_t *json = head(&p->o);

    put_flag(json, "active", p->active);
    put_text(json, "name", p->name);
    put_nulls(json, "default_price description package_dimensions shippable statement_descriptor tax_code "
                    "tax_details unit_label url");
    put(json, "images", json_array());
    put(json, "marketing_features", json_array());
    put_text(json, "type", "service");
    put_int(json, "updated", p->o.created);
    return json;
}

static json_t *render_price(const struct price *p)
{
    json_t *json = head(&p->o);
    char decimal[24];

    (void)snprintf(decimal, sizeof decimal, "%lld", (long long)p->unit_amount);
    put_flag(json, "active", p->active);
    put_text(json, "billing_scheme", "per_unit");
    put_text(json, "currency", p->currency);
    put_text(json, "lookup_key", p->lookup_key);
    put_text(json, "nickname", p->nickname);
    put_text(json, "product", p->product->o.id);
    put(json, "recurring",
        p->interval
            ? json_pack("{s:s, s:I, s:n, s:n, s:s}", "interval", interval_name(p->interval), "interval_count",
                        (json_int_t)p->interval_count, "meter", "trial_period_days", "usage_type", "licensed")
            : json_null());
    put_nulls(json, "custom_unit_amount tiers_mode transform_quantity");
    put_text(json, "tax_behavior", "unspecified");
    put_text(json, "type", p->interval ? "recurring" : "one_time");
    put_int(json, "unit_amount", p->unit_amount);
    put_text(json, "unit_amount_decimal", decimal);
    return json;
}

/* The plan object that items still carry beside their price. */
static json_t *render_plan(const struct price *p)
{
    json_t *json = head(&p->o);

    put_text(json, "object", "plan");
    put_flag(json, "active", p->active);
    put_int(json, "amount", p->unit_amount);
    put_text(json, "currency", p->currency);
    put_text(json, "interval", interval_name(p->interval));
    put_int(json, "interval_count", p->interval_count);
    put_text(json, "nickname", p->nickname);
    put_text(json, "product", p->product->o.id);
    put_text(json, "usage_type", "licensed");
    return json;
}

static json_t *render_payment_method(const struct payment_method *pm)
{
    json_t *json = head(&pm->o);

    put_text(json, "type", "card");
    PUT_ID(json, "customer", pm->customer);
    put_nulls(json, "customer_account");
    put_text(json, "allow_redisplay", "unspecified");
    put(json, "billing_details", json_pack("{s:n, s:n, s:n, s:n}", "address", "email", "name", "phone"));
    put(json, "card",
        json_pack("{s:s, s:s, s:i, s:i, s:s, s:s}", "brand", "visa", "country", "US", "exp_month", 12,
                  "exp_year", 2034, "funding", "credit", "last4", pm->last4));
    return json;
}

/* --- subscriptions --- */

static json_t *render_item(const struct item *item)
{
    json_t *json;

    if (item->deleted)
        return sim_json(
            json_pack("{s:s, s:s, s:b}", "id", item->o.id, "object", "subscription_item", "deleted", 1));
    json = head(&item->o);
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

static json_t *render_subscription(const struct sim *sim, const struct subscription *sub)
{
    json_t *json = head(&sub->o);
    const struct list *invoices = &sub->invoices;
    char url[128];

    (void)snprintf(url, sizeof url, "/v1/subscription_items?subscription=%s", sub->o.id);
    put_text(json, "customer", sub->customer->o.id);
    put_text(json, "status", subscription_status_name(sub->status));
    put_text(json, "currency", sub->currency);
    put(json, "items", embedded(sim, &sub->items, url));
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
        json_pack("{s:n, s:n, s:s?}", "comment", "feedback", "reason", sub->cancel_reason));
    put_text(json, "collection_method", "charge_automatically");
    PUT_ID(json, "default_payment_method", sub->payment_method);
    put_nulls(json, "application application_fee_percent billing_cycle_anchor_config billing_thresholds "
                    "customer_account days_until_due default_source description "
                    "next_pending_invoice_item_invoice on_behalf_of pause_collection "
                    "pending_invoice_item_interval pending_setup_intent pending_update schedule test_clock "
                    "transfer_data");
    put(json, "automatic_tax", json_pack("{s:b, s:n, s:n}", "enabled", 0, "liability", "disabled_reason"));
    put(json, "billing_mode", json_pack("{s:s}", "type", "classic"));
    put(json, "billing_schedules", json_array());
    put(json, "default_tax_rates", json_array());
    put(json, "discounts", json_array());
    put(json, "payment_settings",
        json_pack("{s:n, s:n, s:s}", "payment_method_options", "payment_method_types",
                  "save_default_payment_method", "off"));
    put(json, "trial_settings",
        json_pack("{s:{s:s}}", "end_behavior", "missing_payment_method", "create_invoice"));
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

static json_t *render_line(const struct line *line)
{
    json_t *json = head(&line->o);
    bool proration = line->invoiceitem && line->invoiceitem->proration;

    (void)json_object_del(json, "created"); /* lines have none */
    put_int(json, "amount", line->amount);
    put_int(json, "subtotal", line->amount);
    put_text(json, "currency", line->invoice->currency);
    put_text(json, "description", line->description);
    put_text(json, "invoice", line->invoice->o.id);
    PUT_ID(json, "subscription", line->subscription);
    put_int(json, "quantity", line->quantity);
    put_flag(json, "discountable", !proration);
    put(json, "discount_amounts", json_array());
    put(json, "discounts", json_array());
    put(json, "pretax_credit_amounts", json_array());
    put(json, "taxes", json_array());
    put(json, "period",
        json_pack("{s:I, s:I}", "start", (json_int_t)line->period_start, "end",
                  (json_int_t)line->period_end));
    put(json, "parent", line->invoiceitem || line->subscription ? line_parent(line) : json_null());
    put(json, "pricing", pricing(line->price));
    return json;
}

static json_t *render_invoiceitem(const struct invoiceitem *ii)
{
    json_t *json = head(&ii->o);

    (void)json_object_del(json, "created");
    put_int(json, "date", ii->o.created);
    put_int(json, "amount", ii->amount);
    put_int(json, "net_amount", ii->amount);
    put_text(json, "currency", ii->currency);
    put_text(json, "customer", ii->customer->o.id);
    put_nulls(json, "customer_account test_clock");
    put_text(json, "description", ii->description);
    put_flag(json, "discountable", !ii->proration);
    put(json, "discounts", json_array());
    put(json, "tax_rates", json_array());
    PUT_ID(json, "invoice", ii->invoice);
    put_int(json, "quantity", ii->quantity);
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
    put_int(json, "amount_overpaid", 0);
    put_int(json, "amount_remaining", inv->amount_due - inv->amount_paid);
    put_int(json, "amount_shipping", 0);
    put_int(json, "starting_balance", inv->starting_balance);
    put(json, "ending_balance", inv->finalized_at ? json_integer(inv->ending_balance) : json_null());
    put_int(json, "subtotal", inv->total);
    put_int(json, "subtotal_excluding_tax", inv->total);
    put_int(json, "total", inv->total);
    put_int(json, "total_excluding_tax", inv->total);
    put_int(json, "pre_payment_credit_notes_amount", 0);
    put_int(json, "post_payment_credit_notes_amount", 0);
    put(json, "total_discount_amounts", json_array());
    put(json, "total_pretax_credit_amounts", json_array());
    put(json, "total_taxes", json_array());
}

static json_t *render_invoice(const struct sim *sim, const struct invoice *inv)
{
    json_t *json = head(&inv->o);
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
    put(json, "lines", embedded(sim, &inv->lines, url));
    put_invoice_amounts(json, inv);
    put_int(json, "attempt_count", inv->attempt_count);
    put_flag(json, "attempted", inv->attempted);
    put_flag(json, "auto_advance", inv->auto_advance);
    put_time(json, "automatically_finalizes_at", inv->status == INVOICE_DRAFT ? inv->finalizes_at : 0);
    put_time(json, "next_payment_attempt", inv->next_payment_attempt);
    put_int(json, "period_start", inv->period_start);
    put_int(json, "period_end", inv->period_end);
    put_time(json, "effective_at", inv->finalized_at);
    put_text(json, "collection_method", "charge_automatically");
    put_text(json, "account_country", "US");
    put_text(json, "customer_tax_exempt", "none");
    put(json, "discounts", json_array());
    put(json, "default_tax_rates", json_array());
    put(json, "automatic_tax", json_pack("{s:b, s:n, s:n}", "enabled", 0, "liability", "status"));
    put(json, "status_transitions", json_object());
    json_t *transitions = json_object_get(json, "status_transitions");
    put_time(transitions, "finalized_at", inv->finalized_at);
    put_time(transitions, "paid_at", inv->paid_at);
    put_time(transitions, "voided_at", inv->voided_at);
    put_time(transitions, "marked_uncollectible_at", inv->uncollectible_at);
    put_nulls(json, "account_name application custom_fields customer_account customer_address customer_phone "
                    "customer_shipping default_payment_method default_source description due_date footer "
                    "from_invoice hosted_invoice_url invoice_pdf last_finalization_error latest_revision "
                    "on_behalf_of receipt_number shipping_cost statement_descriptor test_clock");
    put_time(json, "webhooks_delivered_at", inv->o.created);
    return json;
}

static json_t *render_invoice_payment(const struct invoice_payment *p)
{
    json_t *json = head(&p->o);

    (void)json_object_del(json, "metadata");
    put_text(json, "invoice", p->invoice->o.id);
    put_text(json, "status", p->status);
    put(json, "amount_paid", p->paid_at ? json_integer(p->amount_paid) : json_null());
    put_int(json, "amount_requested", p->amount_requested);
    put_text(json, "currency", p->invoice->currency);
    put_flag(json, "is_default", true);
    put(json, "payment",
        json_pack("{s:s, s:s}", "type", "payment_intent", "payment_intent", p->intent->o.id));
    put(json, "status_transitions", json_object());
    put_time(json_object_get(json, "status_transitions"), "paid_at", p->paid_at);
    put_time(json_object_get(json, "status_transitions"), "canceled_at", p->canceled_at);
    return json;
}

/* --- payments and sessions --- */

static json_t *decline(void)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "type", "card_error", "code", "card_declined", "decline_code",
                     "generic_decline", "message", "Your card was declined.");
}

static json_t *render_intent(const struct intent *pi)
{
    json_t *json = head(&pi->o);

    put_int(json, "amount", pi->amount);
    put_int(json, "amount_capturable", 0);
    put_int(json, "amount_received", pi->amount_received);
    put_text(json, "currency", pi->currency);
    put_text(json, "status", pi->status);
    PUT_ID(json, "customer", pi->customer);
    PUT_ID(json, "latest_charge", pi->latest_charge);
    PUT_ID(json, "payment_method", pi->payment_method);
    put_time(json, "canceled_at", pi->canceled_at);
    put_text(json, "capture_method", "automatic_async");
    put_text(json, "confirmation_method", "automatic");
    put(json, "last_payment_error", pi->failed ? decline() : json_null());
    put(json, "payment_method_types", json_pack("[s]", "card"));
    put_nulls(json, "application application_fee_amount cancellation_reason customer_account description "
                    "next_action on_behalf_of payment_record processing receipt_email review "
                    "setup_future_usage shipping statement_descriptor transfer_data transfer_group");
    return json;
}

static json_t *render_setup_intent(const struct setup_intent *si)
{
    json_t *json = head(&si->o);

    PUT_ID(json, "customer", si->customer);
    PUT_ID(json, "payment_method", si->payment_method);
    put_text(json, "status", si->status);
    put_text(json, "usage", "off_session");
    put_nulls(json, "application cancellation_reason customer_account description last_setup_error "
                    "latest_attempt mandate next_action on_behalf_of");
    return json;
}

static json_t *render_charge(const struct charge *ch)
{
    json_t *json = head(&ch->o);
    bool failed = strcmp(ch->status, "failed") == 0;
    bool paid = strcmp(ch->status, "succeeded") == 0;

    put_int(json, "amount", ch->amount);
    put_int(json, "amount_captured", paid ? ch->amount : 0);
    put_int(json, "amount_refunded", 0);
    put_text(json, "balance_transaction", ch->balance_transaction);
    put(json, "billing_details", json_pack("{s:n, s:n, s:n, s:n}", "address", "email", "name", "phone"));
    put_flag(json, "captured", !failed);
    put_text(json, "currency", ch->currency);
    PUT_ID(json, "customer", ch->customer);
    put_flag(json, "disputed", false);
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
    put_flag(json, "refunded", false);
    put_text(json, "status", ch->status);
    put_nulls(json, "application application_fee application_fee_amount description "
                    "failure_balance_transaction on_behalf_of receipt_email receipt_number receipt_url "
                    "review shipping source_transfer statement_descriptor transfer_data transfer_group");
    return json;
}

static json_t *render_session(const struct session *cs)
{
    json_t *json = head(&cs->o);
    bool complete = strcmp(cs->status, "complete") == 0;
    const char *email = cs->customer && cs->customer->email ? cs->customer->email
                        : cs->email                         ? cs->email
                                                            : cs->customer_email;

    put_text(json, "mode", cs->mode);
    put_text(json, "status", cs->status);
    put_text(json, "payment_status", cs->payment_status);
    put(json, "amount_total", cs->lines_count ? json_integer(cs->amount_total) : json_null());
    put(json, "amount_subtotal", cs->lines_count ? json_integer(cs->amount_total) : json_null());
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
    put(json, "discounts", json_array());
    put(json, "payment_method_types", json_pack("[s]", "card"));
    put(json, "invoice_creation", json_pack("{s:b}", "enabled", cs->invoice_creation));
    put(json, "total_details",
        json_pack("{s:i, s:i, s:i}", "amount_discount", 0, "amount_shipping", 0, "amount_tax", 0));
    put(json, "url",
        complete ? json_null() : json_sprintf("https://checkout.stripe.example/c/pay/%s", cs->o.id));
    put_nulls(json, "after_expiration allow_promotion_codes client_secret consent customer_account locale "
                    "payment_link presentment_details recovered_from shipping_cost submit_type");
    return json;
}

json_t *render_endpoint(const struct endpoint *we, bool with_secret)
{
    json_t *json = head(&we->o);

    put_text(json, "api_version", we->api_version);
    put_nulls(json, "application");
    put_text(json, "description", we->description);
    put(json, "enabled_events", json_deep_copy(we->enabled_events));
    put_text(json, "status", we->disabled ? "disabled" : "enabled");
    put_text(json, "url", we->url);
    if (with_secret && we->secrets_count)
        put_text(json, "secret", we->secrets[0]);
    return json;
}

json_t *render_object(const struct sim *sim, const struct object *o)
{
    switch (o->type) {
    case TYPE_CUSTOMER: return render_customer(sim, (const struct customer *)o);
    case TYPE_PRODUCT: return render_product((const struct product *)o);
    case TYPE_PRICE: return render_price((const struct price *)o);
    case TYPE_PAYMENT_METHOD: return render_payment_method((const struct payment_method *)o);
    case TYPE_SUBSCRIPTION: return render_subscription(sim, (const struct subscription *)o);
    case TYPE_ITEM: return render_item((const struct item *)o);
    case TYPE_INVOICE: return render_invoice(sim, (const struct invoice *)o);
    case TYPE_LINE: return render_line((const struct line *)o);
    case TYPE_INVOICEITEM: return render_invoiceitem((const struct invoiceitem *)o);
    case TYPE_INVOICE_PAYMENT: return render_invoice_payment((const struct invoice_payment *)o);
    case TYPE_SESSION: return render_session((const struct session *)o);
    case TYPE_INTENT: return render_intent((const struct intent *)o);
    case TYPE_SETUP_INTENT: return render_setup_intent((const struct setup_intent *)o);
    case TYPE_CHARGE: return render_charge((const struct charge *)o);
    case TYPE_EVENT: return event_render(sim, (const struct sim_event *)o);
    case TYPE_ENDPOINT: return render_endpoint((const struct endpoint *)o, false);
    case TYPE_COUNT: break;
    }
    sim_die("an object of no type");
}

static json_t *session_lines(const struct session *cs)
{
    json_t *data = sim_json(json_array());
    char url[160];

    for (unsigned i = 0; i < cs->lines_count; i++) {
        const struct session_line *line = &cs->lines[i];
        json_t *json = sim_json(json_object());
        put(json, "id", json_sprintf("li_%u%s", i, cs->o.id + sizeof "cs_test_a1" - 1 + 35));
        put_text(json, "object", "item");
        put_int(json, "amount_subtotal", line->price->unit_amount * line->quantity);
        put_int(json, "amount_total", line->price->unit_amount * line->quantity);
        put_text(json, "currency", line->price->currency);
        put_text(json, "description", line->price->product->name);
        put(json, "price", render_price(line->price));
        put_int(json, "quantity", line->quantity);
        (void)json_array_append_new(data, json);
    }
    (void)snprintf(url, sizeof url, "/v1/checkout/sessions/%s/line_items", cs->o.id);
    return render_list(data, url, false);
}

json_t *render_expand_only(const struct sim *sim, const struct object *o, const char *field)
{
    char url[160];

    if (o->type == TYPE_INVOICE && strcmp(field, "payments") == 0) {
        (void)snprintf(url, sizeof url, "/v1/invoice_payments?invoice=%s", o->id);
        return embedded(sim, &((const struct invoice *)o)->payments, url);
    }
    if (o->type == TYPE_CUSTOMER && strcmp(field, "subscriptions") == 0) {
        (void)snprintf(url, sizeof url, "/v1/subscriptions?customer=%s", o->id);
        return embedded(sim, &((const struct customer *)o)->of[TYPE_SUBSCRIPTION], url);
    }
    if (o->type == TYPE_SESSION && strcmp(field, "line_items") == 0)
        return session_lines((const struct session *)o);
    return NULL;
}
