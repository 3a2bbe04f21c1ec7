/* API: customers and their payment methods. */
#include <string.h>

#include "sim/call.h"
#include "sim/events.h"
#include "sim/render.h"
#include "sim/values.h"

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
    call_text(call, "email", &c->email);
    call_text(call, "name", &c->name);
    call_text(call, "description", &c->description);
    (void)(call_metadata(call, &c->o) && take_payment_method(call, c));
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
    struct test_clock *clock = call_param(call, "test_clock", TYPE_TEST_CLOCK);
    if (call->why.status)
        return;
    struct customer *c = sim_object(call->sim, TYPE_CUSTOMER, sizeof *c);
    c->test_clock = clock;
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

    return !c->deleted && call_says(call, "email", c->email) && call_on_clock(call, c);
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
