/* API: customers, payment methods, products, prices, the account. */
#include <string.h>

#include "sim/call.h"
#include "sim/events.h"
#include "sim/render.h"
#include "sim/values.h"

/* Take over a text parameter; an empty one clears. */
static void take_text(struct call *call, const char *param, const char **field)
{
    const char *text = form_text(call->params, param);

    if (text)
        *field = *text ? sim_text(call->sim, text) : NULL;
}

static bool take_metadata(struct call *call, struct object *o)
{
    json_t *metadata = json_object_get(call->params, "metadata");

    if (metadata && !json_is_object(metadata))
        return refuse(&call->why, 400, NULL, "metadata", "Invalid hash");
    if (metadata)
        metadata_merge(o, metadata);
    return true;
}

/* --- customers --- */

/* The payment method a call wants as default: `payment_method` on create, invoice_settings on both. */
static bool take_payment_method(struct call *call, struct customer *c)
{
    const char *token = form_text(call->params, "invoice_settings.default_payment_method");

    if (!token)
        token = form_text(call->params, "payment_method");
    if (!token)
        return true;
    struct payment_method *pm = *token ? payment_method_from(call->sim, c, token) : NULL;
    if (*token && !pm)
        return refuse(&call->why, 400, "resource_missing", "payment_method", "No such PaymentMethod: '%.80s'",
                      token);
    c->payment_method = pm;
    return true;
}

static void customer_fields(struct call *call, struct customer *c)
{
    take_text(call, "email", &c->email);
    take_text(call, "name", &c->name);
    take_text(call, "description", &c->description);
    (void)(take_metadata(call, &c->o) && take_payment_method(call, c));
}

void customers_create(struct call *call)
{
    const char *token = form_text(call->params, "payment_method");

    if (token && strncmp(token, "pm_card_", 8) != 0 &&
        !sim_find_type(call->sim, token, TYPE_PAYMENT_METHOD)) {
        (void)refuse(&call->why, 400, "resource_missing", "payment_method", "No such PaymentMethod: '%.80s'",
                     token);
        return;
    }
    struct customer *c = sim_object(call->sim, TYPE_CUSTOMER, sizeof *c);
    customer_fields(call, c);
    if (call->why.status) {
        c->deleted = true; /* refused half-way: nobody knows its id */
        return;
    }
    emit(call->sim, "customer.created", &c->o);
    call_answer(call, &c->o);
}

void customers_get(struct call *call)
{
    struct customer *c = call_object(call, TYPE_CUSTOMER);

    if (c)
        call_answer(call, &c->o);
}

void customers_update(struct call *call)
{
    struct customer *c = call_object(call, TYPE_CUSTOMER);

    if (c && c->deleted)
        (void)refuse(&call->why, 404, "resource_missing", "id", "No such customer: '%s'", c->o.id);
    if (!c || call->why.status)
        return;
    json_t *before = render_object(call->sim, &c->o);
    customer_fields(call, c);
    emit_updated(call->sim, "customer.updated", &c->o, before);
    if (!call->why.status)
        call_answer(call, &c->o);
}

void customers_delete(struct call *call)
{
    struct customer *c = call_object(call, TYPE_CUSTOMER);

    if (c && c->deleted)
        (void)refuse(&call->why, 404, "resource_missing", "id", "No such customer: '%s'", c->o.id);
    if (!c || call->why.status)
        return;
    customer_delete(call->sim, c);
    call_answer(call, &c->o);
}

static bool customer_matches(struct call *call, const struct object *o)
{
    const struct customer *c = (const struct customer *)o;

    return !c->deleted && call_says(call, "email", c->email);
}

void customers_list(struct call *call)
{
    call_list(call, &call->sim->all[TYPE_CUSTOMER], false, customer_matches);
}

/* --- payment methods --- */

void payment_methods_attach(struct call *call)
{
    struct customer *c = call_param(call, "customer", TYPE_CUSTOMER);

    if (!c && !call->why.status)
        (void)refuse(&call->why, 400, "parameter_missing", "customer", "Missing required param: customer.");
    if (call->why.status)
        return;
    struct payment_method *pm = payment_method_from(call->sim, c, call->id);
    if (!pm) {
        (void)refuse(&call->why, 404, "resource_missing", "payment_method", "No such PaymentMethod: '%.80s'",
                     call->id);
        return;
    }
    if (!pm->customer) {
        pm->customer = c;
        list_push(call->sim, &c->of[TYPE_PAYMENT_METHOD], &pm->o);
        emit(call->sim, "payment_method.attached", &pm->o);
    }
    call_answer(call, &pm->o);
}

void payment_methods_get(struct call *call)
{
    struct payment_method *pm = call_object(call, TYPE_PAYMENT_METHOD);

    if (pm)
        call_answer(call, &pm->o);
}

static bool payment_method_matches(struct call *call, const struct object *o)
{
    (void)o;
    return call_says(call, "type", "card");
}

void payment_methods_list(struct call *call)
{
    const struct list *scope = call_scope(call, TYPE_PAYMENT_METHOD);

    if (scope)
        call_list(call, scope, false, payment_method_matches);
}

/* --- products --- */

void products_create(struct call *call)
{
    if (!form_text(call->params, "name")) {
        (void)refuse(&call->why, 400, "parameter_missing", "name", "Missing required param: name.");
        return;
    }
    struct product *p = sim_object(call->sim, TYPE_PRODUCT, sizeof *p);
    p->active = form_flag(call->params, "active", true);
    take_text(call, "name", &p->name);
    if (!p->name)
        p->name = "";
    if (!take_metadata(call, &p->o))
        return;
    emit(call->sim, "product.created", &p->o);
    call_answer(call, &p->o);
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
    take_text(call, "name", &p->name);
    if (!p->name)
        p->name = "";
    p->active = form_flag(call->params, "active", p->active);
    (void)take_metadata(call, &p->o);
    emit_updated(call->sim, "product.updated", &p->o, before);
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
    p = sim_object(call->sim, TYPE_PRODUCT, sizeof *p);
    p->active = true;
    p->name = sim_text(call->sim, name);
    emit(call->sim, "product.created", &p->o);
    return p;
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
    take_text(call, "lookup_key", &p->lookup_key);
    take_text(call, "nickname", &p->nickname);
    if (!take_metadata(call, &p->o))
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
    take_text(call, "lookup_key", &p->lookup_key);
    take_text(call, "nickname", &p->nickname);
    p->active = form_flag(call->params, "active", p->active);
    (void)take_metadata(call, &p->o);
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
