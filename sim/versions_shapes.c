/* Old fields that have to be looked up or computed. Every function gets the shape of the version after its own. */
#include "sim/versions_shapes.h"

#include <stdlib.h>
#include <string.h>

#include "sim/form.h"
#include "sim/render_parts.h"

static void set(json_t *json, const char *key, json_t *value)
{
    if (json_object_set_new(json, key, sim_json(value)))
        sim_die("out of memory");
}

/* The object a field names: rendered if it is an id, itself if it is there already; null if there is none. */
static json_t *whole(const struct sim *sim, json_t *named)
{
    const struct object *o = json_is_string(named) ? sim_find(sim, json_string_value(named)) : NULL;

    if (o)
        return render_object(sim, o);
    return json_is_object(named) ? json_deep_copy(named) : json_null();
}

/* The same as a plan, which only recurring prices are. */
static json_t *whole_plan(const struct sim *sim, json_t *named)
{
    const char *id = json_is_object(named) ? form_text(named, "id") : json_string_value(named);
    const struct price *price = sim_find_type(sim, id, TYPE_PRICE);

    return price && price->interval ? render_plan(price) : json_null();
}

static json_t *copy_at(json_t *json, const char *path)
{
    json_t *value = form_at(json, path);

    return value ? json_deep_copy(value) : json_null();
}

/* --- subscriptions --- */

static void put_first_discount(const struct sim *sim, json_t *json)
{
    set(json, "discount", whole(sim, json_array_get(json_object_get(json, "discounts"), 0)));
}

/* One period for all: the one that began last and the end that comes first. A lone item's plan and quantity too. */
void shape_subscription(const struct sim *sim, json_t *json)
{
    json_t *items = form_at(json, "items.data"), *item;
    json_int_t start = 0, end = 0;
    size_t i;

    json_array_foreach(items, i, item)
    {
        json_int_t from = json_integer_value(json_object_get(item, "current_period_start"));
        json_int_t to = json_integer_value(json_object_get(item, "current_period_end"));
        start = i == 0 || from > start ? from : start;
        end = i == 0 || to < end ? to : end;
    }
    set(json, "current_period_start", json_integer(start));
    set(json, "current_period_end", json_integer(end));
    put_first_discount(sim, json);
    item = json_array_size(items) == 1 ? json_array_get(items, 0) : NULL;
    set(json, "plan", copy_at(item, "plan"));
    set(json, "quantity", copy_at(item, "quantity"));
}

/* --- invoices --- */

/* The payment an old invoice shows: what was paid last, else the one it collects with. NULL: none. Borrowed. */
static json_t *payment_shown(json_t *payments)
{
    json_t *shown = NULL, *payment;
    size_t i;

    json_array_foreach(payments, i, payment)
    {
        const char *status = form_text(payment, "status");
        if (strcmp(form_text(payment, "payment.type"), "payment_record") == 0)
            continue;
        if (!shown || strcmp(status, "paid") == 0 || strcmp(form_text(shown, "status"), "paid") != 0)
            shown = payment;
    }
    return shown;
}

static bool paid_elsewhere(json_t *payments)
{
    json_t *payment;
    size_t i;

    json_array_foreach(payments, i, payment)
    {
        if (strcmp(form_text(payment, "payment.type"), "payment_record") == 0 &&
            strcmp(form_text(payment, "status"), "paid") == 0)
            return true;
    }
    return false;
}

static json_t *charge_of(const struct sim *sim, json_t *payment)
{
    const struct intent *pi = sim_find_type(sim, form_text(payment, "payment.payment_intent"), TYPE_INTENT);

    if (pi && pi->latest_charge)
        return json_string(pi->latest_charge->o.id);
    return copy_at(payment, "payment.charge");
}

static json_t *sum_of_taxes(json_t *taxes)
{
    json_int_t sum = 0;
    json_t *tax;
    size_t i;

    json_array_foreach(taxes, i, tax) sum += json_integer_value(json_object_get(tax, "amount"));
    return json_array_size(taxes) ? json_integer(sum) : json_null();
}

void shape_invoice(const struct sim *sim, json_t *json)
{
    const char *id = form_text(json, "id");
    const char *status = form_text(json, "status");
    const struct object *invoice = sim_find_type(sim, id, TYPE_INVOICE);
    json_t *list = invoice ? render_expand_only(sim, invoice, "payments") : NULL;
    json_t *payments = json_object_get(list, "data");
    json_t *shown = payment_shown(payments);
    json_t *metadata = form_at(json, "parent.subscription_details.metadata");

    set(json, "payment_intent", copy_at(shown, "payment.payment_intent"));
    set(json, "charge", shown ? charge_of(sim, shown) : json_null());
    set(json, "paid", json_boolean(status && strcmp(status, "paid") == 0));
    set(json, "paid_out_of_band", json_boolean(paid_elsewhere(payments)));
    set(json, "subscription_details",
        json_pack("{s:o}", "metadata", metadata ? json_incref(metadata) : json_null()));
    set(json, "tax", sum_of_taxes(json_object_get(json, "total_taxes")));
    set(json, "total_tax_amounts", json_array());
    put_first_discount(sim, json);
    (void)json_object_del(json, "payments");
    json_decref(list);
}

void shape_line(const struct sim *sim, json_t *json)
{
    json_t *price = form_at(json, "pricing.price_details.price");
    json_t *item_details = form_at(json, "parent.invoice_item_details");
    json_t *details =
        json_is_object(item_details) ? item_details : form_at(json, "parent.subscription_item_details");
    bool of_item = json_is_object(item_details) || !json_is_object(details);

    set(json, "type", json_string(of_item ? "invoiceitem" : "subscription"));
    set(json, "price", whole(sim, price));
    set(json, "plan", whole_plan(sim, price));
    set(json, "proration", json_boolean(json_is_true(form_at(details, "proration"))));
    set(json, "proration_details",
        json_pack("{s:o}", "credited_items", copy_at(details, "proration_details.credited_items")));
    if (json_is_string(form_at(details, "subscription_item")))
        set(json, "subscription_item", copy_at(details, "subscription_item"));
    if (json_is_string(form_at(details, "invoice_item")))
        set(json, "invoice_item", copy_at(details, "invoice_item"));
}

void shape_invoiceitem(const struct sim *sim, json_t *json)
{
    json_t *price = form_at(json, "pricing.price_details.price");
    json_t *decimal = form_at(json, "pricing.unit_amount_decimal");

    set(json, "price", whole(sim, price));
    set(json, "plan", whole_plan(sim, price));
    set(json, "unit_amount_decimal", decimal ? json_incref(decimal) : json_null());
    set(json, "unit_amount",
        decimal && !strchr(json_string_value(decimal), '.')
            ? json_integer(strtoll(json_string_value(decimal), NULL, 10))
            : json_null());
}

/* --- payments --- */

/* The invoice some money paid: as a payment's intent, or as its charge. */
static json_t *invoice_of(const struct sim *sim, const char *intent, const char *charge)
{
    const struct list *payments = &sim->all[TYPE_INVOICE_PAYMENT];
    json_t *found = NULL;

    for (size_t i = payments->count; i-- > 0 && !found;) {
        const struct invoice_payment *p = (const struct invoice_payment *)payments->at[i];
        if (!p->intent)
            continue;
        if ((intent && strcmp(p->intent->o.id, intent) == 0) ||
            (charge && p->intent->latest_charge && strcmp(p->intent->latest_charge->o.id, charge) == 0))
            found = json_string(p->invoice->o.id);
    }
    return found ? found : json_null();
}

static const char *id_at(json_t *json, const char *key)
{
    json_t *named = json_object_get(json, key);

    return json_is_object(named) ? form_text(named, "id") : json_string_value(named);
}

void shape_charge(const struct sim *sim, json_t *json)
{
    set(json, "invoice", invoice_of(sim, id_at(json, "payment_intent"), form_text(json, "id")));
}

void shape_intent(const struct sim *sim, json_t *json)
{
    set(json, "invoice", invoice_of(sim, form_text(json, "id"), NULL));
}

void shape_session_ui(const struct sim *sim, json_t *json)
{
    static const char *const names[][2] = {
        {"hosted_page", "hosted"}, {"embedded_page", "embedded"}, {"elements", "custom"}};
    const char *mode = form_text(json, "ui_mode");

    (void)sim;
    for (size_t i = 0; mode && i < 3; i++) {
        if (strcmp(mode, names[i][0]) == 0) {
            set(json, "ui_mode", json_string(names[i][1]));
            return;
        }
    }
}

/* --- credit notes, coupons --- */

/* One refund at most had its place. */
void shape_credit_note(const struct sim *sim, json_t *json)
{
    json_t *refund = form_at(json_array_get(json_object_get(json, "refunds"), 0), "refund");

    (void)sim;
    set(json, "refund", refund ? json_incref(refund) : json_null());
}

void shape_credit_note_type(const struct sim *sim, json_t *json)
{
    const char *type = form_text(json, "type");

    (void)sim;
    if (type && strcmp(type, "mixed") == 0)
        set(json, "type", json_string("post_payment"));
}

void shape_coupon_source(const struct sim *sim, json_t *json)
{
    set(json, "coupon", whole(sim, form_at(json, "source.coupon")));
}

void shape_promotion(const struct sim *sim, json_t *json)
{
    set(json, "coupon", whole(sim, form_at(json, "promotion.coupon")));
}
