/* Coupons, promotion codes and discounts as JSON. */
#include "sim/discount.h"
#include "sim/render_parts.h"

static const char *duration_name(enum coupon_duration duration)
{
    static const char *const names[] = {"once", "repeating", "forever"};
    return names[duration];
}

json_t *render_coupon(const struct sim *sim, const struct coupon *coupon)
{
    json_t *json = render_head(&coupon->o);

    put_text(json, "name", coupon->name);
    put(json, "amount_off", coupon->currency ? json_integer(coupon->amount_off) : json_null());
    put_text(json, "currency", coupon->currency);
    if (coupon->currency)
        put_nulls(json, "percent_off");
    else if (coupon->percent_bp % 100 == 0)
        put_int(json, "percent_off", coupon->percent_bp / 100);
    else
        put(json, "percent_off", json_real((double)coupon->percent_bp / 100));
    put_text(json, "duration", duration_name(coupon->duration));
    put(json, "duration_in_months",
        coupon->duration_in_months ? json_integer(coupon->duration_in_months) : json_null());
    put(json, "max_redemptions",
        coupon->max_redemptions ? json_integer(coupon->max_redemptions) : json_null());
    put_time(json, "redeem_by", coupon->redeem_by);
    put_int(json, "times_redeemed", coupon->times_redeemed);
    put_flag(json, "valid", coupon_is_valid(sim, coupon));
    return json;
}

json_t *render_coupon_products(const struct coupon *coupon)
{
    json_t *products = sim_json(json_array());

    for (unsigned i = 0; i < coupon->products_count; i++)
        if (json_array_append_new(products, json_string(coupon->products[i]->o.id)))
            sim_die("out of memory");
    return sim_json(json_pack("{s:o}", "products", products));
}

json_t *render_promotion_code(const struct sim *sim, const struct promotion_code *code)
{
    json_t *json = render_head(&code->o);
    bool minimum = code->minimum_amount_currency;

    put_text(json, "code", code->code);
    put_flag(json, "active", promotion_code_is_active(sim, code));
    PUT_ID(json, "customer", code->customer);
    put_nulls(json, "customer_account");
    put_time(json, "expires_at", code->expires_at);
    put(json, "max_redemptions", code->max_redemptions ? json_integer(code->max_redemptions) : json_null());
    put(json, "promotion", json_pack("{s:s, s:s}", "type", "coupon", "coupon", code->coupon->o.id));
    put(json, "restrictions",
        json_pack("{s:b, s:o, s:s?}", "first_time_transaction", code->first_time_transaction,
                  "minimum_amount", minimum ? json_integer(code->minimum_amount) : json_null(),
                  "minimum_amount_currency", code->minimum_amount_currency));
    put_int(json, "times_redeemed", code->times_redeemed);
    return json;
}

json_t *render_discount(const struct discount *d)
{
    json_t *json = sim_json(json_object());

    put_text(json, "id", d->o.id);
    put_text(json, "object", "discount");
    put(json, "source", json_pack("{s:s, s:s}", "type", "coupon", "coupon", d->coupon->o.id));
    PUT_ID(json, "promotion_code", d->promotion_code);
    PUT_ID(json, "customer", d->customer);
    put_nulls(json, "customer_account");
    PUT_ID(json, "subscription", d->subscription);
    put_nulls(json, "subscription_item");
    PUT_ID(json, "invoice", d->invoice);
    PUT_ID(json, "invoice_item", d->invoiceitem);
    PUT_ID(json, "checkout_session", d->session);
    put_int(json, "start", d->start);
    put_time(json, "end", d->end);
    return json;
}

void put_discounts(json_t *json, const struct list *discounts, bool (*shown)(const struct discount *d))
{
    json_t *ids = sim_json(json_array());

    for (size_t i = 0; i < discounts->count; i++) {
        const struct discount *d = (const struct discount *)discounts->at[i];
        if ((!shown || shown(d)) && json_array_append_new(ids, json_string(d->o.id)))
            sim_die("out of memory");
    }
    put(json, "discounts", ids);
}

static void append_amount(json_t *amounts, const struct object *discount, int64_t amount)
{
    if (json_array_append_new(
            amounts, json_pack("{s:I, s:s}", "amount", (json_int_t)amount, "discount", discount->id)))
        sim_die("out of memory");
}

/* Every discount of the invoice, those that took nothing too; of a line only those that took something. */
json_t *render_invoice_discounts(const struct invoice *inv)
{
    json_t *amounts = sim_json(json_array());

    for (size_t n = 0; n < inv->discounts.count; n++)
        append_amount(amounts, inv->discounts.at[n], invoice_discounted_by(inv, n));
    return amounts;
}

json_t *render_line_discounts(const struct line *line)
{
    json_t *amounts = sim_json(json_array());
    const struct list *discounts = &line->invoice->discounts;

    for (size_t n = 0; n < discounts->count; n++)
        if (line->discounted[n])
            append_amount(amounts, discounts->at[n], line->discounted[n]);
    return amounts;
}

json_t *render_session_discounts(const struct session *cs)
{
    json_t *discounts = sim_json(json_array());

    for (unsigned i = 0; i < cs->discounts.count; i++) {
        const struct discount_wish *wish = &cs->discounts.at[i];
        json_t *json = wish->promotion_code
                           ? json_pack("{s:n, s:s}", "coupon", "promotion_code", wish->promotion_code->o.id)
                           : json_pack("{s:s, s:n}", "coupon", wish->coupon->o.id, "promotion_code");
        if (json_array_append_new(discounts, json))
            sim_die("out of memory");
    }
    return discounts;
}
