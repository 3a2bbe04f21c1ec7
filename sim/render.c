#include "sim/render.h"

#include <stdio.h>
#include <string.h>

#include "sim/events.h"
#include "sim/render_parts.h"

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

void put_id(json_t *json, const char *key, const struct object *o)
{
    put_text(json, key, o ? o->id : NULL);
}

json_t *render_list(json_t *data, const char *url, bool has_more)
{
    return sim_json(
        json_pack("{s:s, s:o, s:b, s:s}", "object", "list", "data", data, "has_more", has_more, "url", url));
}

/* The first page of a list inside an object. */
json_t *render_embedded(const struct sim *sim, const struct list *list, const char *url)
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

json_t *render_head(const struct object *o)
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
    json_t *json = render_head(&c->o);
    json_t *credit = sim_json(json_object());
    int64_t balance = 0;

    (void)sim;
    for (const struct balance *b = c->balances; b; b = b->next) {
        put_int(credit, b->currency, b->amount);
        if (c->currency && strcmp(c->currency, b->currency) == 0)
            balance = b->amount;
    }
    put_nulls(json, "address customer_account default_source discount phone shipping");
    PUT_ID(json, "test_clock", c->test_clock);
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

#define TEST_CLOCK_DAYS 30

json_t *render_test_clock(const struct sim *sim, const struct test_clock *clock)
{
    json_t *json = render_head(&clock->o);

    (void)json_object_del(json, "metadata");
    put_int(json, "deletes_after", clock->o.created + TEST_CLOCK_DAYS * DAY);
    put_int(json, "frozen_time", sim->now);
    put_text(json, "name", clock->name);
    put_text(json, "status", "ready");
    put(json, "status_details", json_object());
    return json;
}

static json_t *render_product(const struct product *p)
{
    json_t *json = render_head(&p->o);

    put_flag(json, "active", p->active);
    put_text(json, "name", p->name);
    put_nulls(json, "default_price description package_dimensions shippable statement_descriptor tax_code "
                    "tax_details unit_label url");
    put(json, "images", json_array());
    put(json, "marketing_features", json_array());
    put_text(json, "type", "service");
    put_int(json, "updated", p->updated);
    return json;
}

json_t *render_price(const struct price *p)
{
    json_t *json = render_head(&p->o);
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
json_t *render_plan(const struct price *p)
{
    json_t *json = render_head(&p->o);

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
    json_t *json = render_head(&pm->o);

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

json_t *render_endpoint(const struct endpoint *we, bool with_secret)
{
    json_t *json = render_head(&we->o);

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
    case TYPE_COUPON: return render_coupon(sim, (const struct coupon *)o);
    case TYPE_PROMOTION_CODE: return render_promotion_code(sim, (const struct promotion_code *)o);
    case TYPE_DISCOUNT: return render_discount((const struct discount *)o);
    case TYPE_PAYMENT_METHOD: return render_payment_method((const struct payment_method *)o);
    case TYPE_SUBSCRIPTION: return render_subscription(sim, (const struct subscription *)o);
    case TYPE_SCHEDULE: return render_schedule((const struct schedule *)o);
    case TYPE_ITEM: return render_item((const struct item *)o);
    case TYPE_INVOICE: return render_invoice(sim, (const struct invoice *)o);
    case TYPE_LINE: return render_line((const struct line *)o);
    case TYPE_INVOICEITEM: return render_invoiceitem((const struct invoiceitem *)o);
    case TYPE_INVOICE_PAYMENT: return render_invoice_payment((const struct invoice_payment *)o);
    case TYPE_SESSION: return render_session((const struct session *)o);
    case TYPE_INTENT: return render_intent((const struct intent *)o);
    case TYPE_SETUP_INTENT: return render_setup_intent((const struct setup_intent *)o);
    case TYPE_CHARGE: return render_charge((const struct charge *)o);
    case TYPE_REFUND: return render_refund((const struct refund *)o);
    case TYPE_DISPUTE: return render_dispute(sim, (const struct dispute *)o);
    case TYPE_CREDIT_NOTE: return render_credit_note((const struct credit_note *)o);
    case TYPE_BALANCE_TXN: return render_balance_txn(sim, (const struct balance_txn *)o);
    case TYPE_CUSTOMER_TXN: return render_customer_txn((const struct customer_txn *)o);
    case TYPE_TEST_CLOCK: return render_test_clock(sim, (const struct test_clock *)o);
    case TYPE_EVENT: return event_render(sim, (const struct sim_event *)o);
    case TYPE_ENDPOINT: return render_endpoint((const struct endpoint *)o, false);
    case TYPE_COUNT: break;
    }
    sim_die("an object of no type");
}

json_t *render_expand_only(const struct sim *sim, const struct object *o, const char *field)
{
    char url[160];

    if (o->type == TYPE_INVOICE && strcmp(field, "payments") == 0) {
        (void)snprintf(url, sizeof url, "/v1/invoice_payments?invoice=%s", o->id);
        return render_embedded(sim, &((const struct invoice *)o)->payments, url);
    }
    if (o->type == TYPE_CUSTOMER && strcmp(field, "subscriptions") == 0) {
        (void)snprintf(url, sizeof url, "/v1/subscriptions?customer=%s", o->id);
        return render_embedded(sim, &((const struct customer *)o)->of[TYPE_SUBSCRIPTION], url);
    }
    if (o->type == TYPE_CHARGE && strcmp(field, "refunds") == 0)
        return render_refunds((const struct charge *)o);
    if (o->type == TYPE_SESSION && strcmp(field, "line_items") == 0)
        return render_session_lines((const struct session *)o);
    if (o->type == TYPE_COUPON && strcmp(field, "applies_to") == 0)
        return render_coupon_products((const struct coupon *)o);
    return NULL;
}
