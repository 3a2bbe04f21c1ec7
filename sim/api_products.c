/* API: products and prices. */
#include <string.h>

#include "sim/call.h"
#include "sim/events.h"
#include "sim/product.h"
#include "sim/render.h"
#include "sim/values.h"

/* --- products --- */

void products_create(struct call *call)
{
    const char *name = form_text(call->params, "name");
    json_t *metadata = json_object_get(call->params, "metadata");

    if (!name)
        (void)refuse(&call->why, 400, "parameter_missing", "name", "Missing required param: name.");
    else if (metadata && !json_is_object(metadata))
        (void)refuse(&call->why, 400, NULL, "metadata", "Invalid hash");
    if (call->why.status)
        return;
    call_answer(call, &product_create(call->sim, name, metadata, form_flag(call->params, "active", true))->o);
}

void products_get(struct call *call)
{
    struct product *p = call_object(call, TYPE_PRODUCT);

    if (p)
        call_answer(call, &p->o);
}

void products_update(struct call *call)
{
    struct product *p = call_object(call, TYPE_PRODUCT);

    if (!p)
        return;
    json_t *before = render_object(call->sim, &p->o);
    call_text(call, "name", &p->name);
    if (!p->name)
        p->name = "";
    p->active = form_flag(call->params, "active", p->active);
    (void)call_metadata(call, &p->o);
    product_changed(call->sim, p, before);
    if (!call->why.status)
        call_answer(call, &p->o);
}

/* True if a list parameter (`ids[]`) is absent or holds text. */
static bool listed(struct call *call, const char *param, const char *text)
{
    json_t *wanted = json_object_get(call->params, param);
    const char *key;
    json_t *value;

    if (!wanted)
        return true;
    json_object_foreach(wanted, key, value) if (text && json_is_string(value) &&
                                                strcmp(json_string_value(value), text) == 0) return true;
    return false;
}

static bool product_matches(struct call *call, const struct object *o)
{
    const struct product *p = (const struct product *)o;

    return call_says(call, "active", p->active ? "true" : "false") && listed(call, "ids", p->o.id);
}

void products_list(struct call *call)
{
    call_list(call, &call->sim->all[TYPE_PRODUCT], false, product_matches);
}

/* --- prices --- */

/* The product a new price is for: named, or made on the way by product_data. */
static struct product *price_product(struct call *call)
{
    struct product *p = call_param(call, "product", TYPE_PRODUCT);
    const char *name = form_text(call->params, "product_data.name");

    if (p || call->why.status)
        return p;
    if (!name) {
        (void)refuse(&call->why, 400, "parameter_missing", "product", "Missing required param: product.");
        return NULL;
    }
    return product_create(call->sim, name, form_at(call->params, "product_data.metadata"), true);
}

static bool price_is_valid(struct call *call, char currency[4], int64_t *ret_amount,
                           enum interval *ret_interval, int64_t *ret_count)
{
    const char *interval = form_text(call->params, "recurring.interval");
    json_t *metadata = json_object_get(call->params, "metadata");

    if (!price_amount_param(call, call->params, currency, ret_amount))
        return false;
    if (metadata && !json_is_object(metadata)) /* before anything is made */
        return refuse(&call->why, 400, NULL, "metadata", "Invalid hash");
    *ret_interval = interval ? interval_parse(interval) : INTERVAL_NONE;
    if (interval && !*ret_interval)
        return refuse(&call->why, 400, NULL, "recurring[interval]",
                      "Invalid recurring[interval]: must be one of day, week, month, or year");
    *ret_count = 1;
    if (form_at(call->params, "recurring.interval_count") &&
        (!form_integer(call->params, "recurring.interval_count", ret_count) || *ret_count < 1 ||
         *ret_count > 1095))
        return refuse(&call->why, 400, NULL, "recurring[interval_count]", "Invalid interval_count");
    return true;
}

void prices_create(struct call *call)
{
    int64_t amount = 0, count = 1;
    enum interval interval = INTERVAL_NONE;
    char currency[4];

    if (!price_is_valid(call, currency, &amount, &interval, &count))
        return;
    struct product *product = price_product(call);
    if (!product)
        return;
    struct price *p = sim_object(call->sim, TYPE_PRICE, sizeof *p);
    p->product = product;
    p->currency = sim_text(call->sim, currency);
    p->unit_amount = amount;
    p->interval = interval;
    p->interval_count = interval ? count : 0;
    p->active = form_flag(call->params, "active", true);
    call_text(call, "lookup_key", &p->lookup_key);
    call_text(call, "nickname", &p->nickname);
    if (!call_metadata(call, &p->o))
        return;
    emit(call->sim, "price.created", &p->o);
    call_answer(call, &p->o);
}

void prices_get(struct call *call)
{
    struct price *p = call_object(call, TYPE_PRICE);

    if (p)
        call_answer(call, &p->o);
}

void prices_update(struct call *call)
{
    struct price *p = call_object(call, TYPE_PRICE);

    if (!p)
        return;
    json_t *before = render_object(call->sim, &p->o);
    call_text(call, "lookup_key", &p->lookup_key);
    call_text(call, "nickname", &p->nickname);
    p->active = form_flag(call->params, "active", p->active);
    (void)call_metadata(call, &p->o);
    emit_updated(call->sim, "price.updated", &p->o, before);
    if (!call->why.status)
        call_answer(call, &p->o);
}

static bool price_matches(struct call *call, const struct object *o)
{
    const struct price *p = (const struct price *)o;

    return call_says(call, "active", p->active ? "true" : "false") &&
           call_says(call, "product", p->product->o.id) && call_says(call, "currency", p->currency) &&
           call_says(call, "type", p->interval ? "recurring" : "one_time") &&
           listed(call, "lookup_keys", p->lookup_key);
}

void prices_list(struct call *call)
{
    call_list(call, &call->sim->all[TYPE_PRICE], false, price_matches);
}
