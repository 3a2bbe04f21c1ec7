/* API: Checkout sessions. */
#include <string.h>

#include "sim/call.h"
#include "sim/checkout.h"
#include "sim/events.h"
#include "sim/product.h"
#include "sim/render.h"
#include "sim/values.h"

/* A price made on the spot by price_data. NULL after a refusal. */
static struct price *inline_price(struct call *call, json_t *data)
{
    const char *name = form_text(data, "product_data.name");
    const char *interval = form_text(data, "recurring.interval");
    struct product *product = sim_find_type(call->sim, form_text(data, "product"), TYPE_PRODUCT);
    char currency[4];
    int64_t amount;

    if (!price_amount_param(call, data, currency, &amount))
        return NULL;
    if ((!product && !name) || (interval && !interval_parse(interval))) {
        (void)refuse(&call->why, 400, "parameter_missing", "line_items[0][price_data]",
                     "price_data needs product or product_data[name], and a known interval.");
        return NULL;
    }
    if (!product)
        product = product_create(call->sim, name, form_at(data, "product_data.metadata"), true);
    struct price *price = sim_object(call->sim, TYPE_PRICE, sizeof *price);
    price->product = product;
    price->currency = sim_text(call->sim, currency);
    price->unit_amount = amount;
    price->interval = interval ? interval_parse(interval) : INTERVAL_NONE;
    price->interval_count = interval ? 1 : 0; /* and not active: nobody else can buy it */
    emit(call->sim, "price.created", &price->o);
    return price;
}

static bool order_lines(struct call *call, struct session_order *order)
{
    json_t *lines = json_object_get(call->params, "line_items");
    const char *key;
    json_t *entry;

    json_object_foreach(lines, key, entry)
    {
        struct session_line *line = &order->lines[order->lines_count];
        const char *id = form_text(entry, "price");
        json_t *data = json_object_get(entry, "price_data");

        if (order->lines_count == SESSION_LINES_MAX)
            return refuse(&call->why, 400, NULL, "line_items", "Too many line items.");
        line->price = data ? inline_price(call, data) : sim_find_type(call->sim, id, TYPE_PRICE);
        if (call->why.status)
            return false;
        if (!line->price)
            return refuse(&call->why, 400, "resource_missing", "line_items[0][price]",
                          "No such price: '%.80s'", id ? id : "");
        line->quantity = 1;
        if (!quantity_param(call, entry, "line_items[0][quantity]", 1, &line->quantity) ||
            !quantity_is_payable(call, line->price, line->quantity, "line_items[0][quantity]"))
            return false;
        order->lines_count++;
    }
    return true;
}

static bool order_mode(struct call *call, struct session_order *order)
{
    static const char *const modes[] = {"payment", "subscription", "setup"};
    const char *mode = form_text(call->params, "mode");

    for (unsigned i = 0; mode && i < 3; i++)
        if (strcmp(mode, modes[i]) == 0)
            order->mode = modes[i];
    return order->mode || refuse(&call->why, 400, "parameter_missing", "mode",
                                 "mode must be payment, subscription or setup.");
}

static json_t *hash(json_t *params, const char *path)
{
    json_t *value = form_at(params, path);

    return json_is_object(value) ? value : NULL;
}

void sessions_create(struct call *call)
{
    json_t *params = call->params;
    const char *creation = form_text(params, "customer_creation");
    struct session_order order = {.customer = call_param(call, "customer", TYPE_CUSTOMER)};
    struct session *cs;

    if (call->why.status || !order_mode(call, &order) || !order_lines(call, &order) ||
        !discount_params(call, json_object_get(params, "discounts"), NULL, &order.discounts))
        return;
    order.allow_promotion_codes = form_flag(params, "allow_promotion_codes", false);
    order.client_reference_id = form_text(params, "client_reference_id");
    order.customer_email = form_text(params, "customer_email");
    order.success_url = form_text(params, "success_url");
    order.cancel_url = form_text(params, "cancel_url");
    order.customer_always = creation && strcmp(creation, "always") == 0;
    order.invoice_creation = form_flag(params, "invoice_creation.enabled", false);
    order.metadata = hash(params, "metadata");
    order.subscription_metadata = hash(params, "subscription_data.metadata");
    (void)form_integer(params, "subscription_data.trial_period_days", &order.trial_days);
    if (!time_param(call, params, "subscription_data.trial_end", "subscription_data[trial_end]", NULL,
                    TRIAL_DAYS_MAX * DAY, &order.trial_end) ||
        !time_param(call, params, "expires_at", "expires_at", NULL, DAY, &order.expires_at))
        return;
    if (order.trial_days < 0 || order.trial_days > TRIAL_DAYS_MAX)
        (void)refuse(&call->why, 400, NULL, "subscription_data[trial_period_days]",
                     "Invalid trial_period_days");
    else if (session_create(call->sim, &order, &cs, &call->why))
        call_answer(call, &cs->o);
}

void sessions_get(struct call *call)
{
    struct session *cs = call_object(call, TYPE_SESSION);

    if (cs)
        call_answer(call, &cs->o);
}

void sessions_expire(struct call *call)
{
    struct session *cs = call_object(call, TYPE_SESSION);

    if (cs && session_expire(call->sim, cs, &call->why))
        call_answer(call, &cs->o);
}

/* Answer with the page of a rendered list, oldest first, that the call asks for. Steals list. */
static void answer_page(struct call *call, json_t *list)
{
    const char *after = form_text(call->params, "starting_after");
    unsigned limit = call_limit(call);
    json_t *data = json_object_get(list, "data");
    size_t at = 0, count = json_array_size(data);

    while (after && at < count && strcmp(form_text(json_array_get(data, at), "id"), after) != 0)
        at++;
    if (!limit || (after && at == count)) {
        if (limit)
            (void)refuse(&call->why, 400, "resource_missing", "starting_after", "No such object: '%.80s'",
                         after);
        json_decref(list);
        return;
    }
    for (size_t skipped = after ? at + 1 : 0; skipped; skipped--)
        (void)json_array_remove(data, 0);
    put(list, "has_more", json_boolean(json_array_size(data) > limit));
    while (json_array_size(data) > limit)
        (void)json_array_remove(data, limit);
    call_answer_json(call, list);
}

void sessions_lines(struct call *call)
{
    struct session *cs = call_object(call, TYPE_SESSION);

    if (cs)
        answer_page(call, render_expand_only(call->sim, &cs->o, "line_items"));
}

static bool session_matches(struct call *call, const struct object *o)
{
    const struct session *cs = (const struct session *)o;
    const char *email = cs->customer && cs->customer->email ? cs->customer->email : cs->email;

    return call_says(call, "status", cs->status) &&
           call_says(call, "payment_intent", cs->intent ? cs->intent->o.id : NULL) &&
           call_says(call, "subscription", cs->subscription ? cs->subscription->o.id : NULL) &&
           call_says(call, "customer_details.email", email);
}

void sessions_list(struct call *call)
{
    const struct list *scope = call_scope(call, TYPE_SESSION);

    if (scope)
        call_list(call, scope, false, session_matches);
}
