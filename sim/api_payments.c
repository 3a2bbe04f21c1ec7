/* API: payment intents, setup intents, charges, refunds, disputes, balance transactions. */
#include <string.h>

#include "sim/call.h"
#include "sim/events.h"
#include "sim/money.h"
#include "sim/render.h"

static void get(struct call *call, enum object_type type)
{
    struct object *o = call_object(call, type);

    if (o)
        call_answer(call, o);
}

static void list(struct call *call, enum object_type type, match_fn *match)
{
    const struct list *scope = call_scope(call, type);

    if (scope)
        call_list(call, scope, false, match);
}

/* --- payment intents --- */

void intents_get(struct call *call)
{
    get(call, TYPE_INTENT);
}

void intents_list(struct call *call)
{
    list(call, TYPE_INTENT, NULL);
}

static struct payment_method *method_param(struct call *call, struct customer *c)
{
    const char *token = form_text(call->params, "payment_method");
    struct payment_method *pm = token ? payment_method_from(call->sim, c, token) : NULL;

    if (token && !pm)
        (void)refuse(&call->why, 400, "resource_missing", "payment_method", "No such PaymentMethod: '%.80s'",
                     token);
    return pm;
}

static bool amount_param(struct call *call, const char *name, int64_t *ret_amount)
{
    if (form_at(call->params, name) && (!form_integer(call->params, name, ret_amount) || *ret_amount < 1))
        return refuse(&call->why, 400, "parameter_invalid_integer", name, "Invalid positive integer");
    return true;
}

static bool capture_is_manual(struct call *call)
{
    const char *method = form_text(call->params, "capture_method");

    if (method && strcmp(method, "manual") != 0 && strcmp(method, "automatic") != 0 &&
        strcmp(method, "automatic_async") != 0)
        return refuse(&call->why, 400, NULL, "capture_method",
                      "Invalid capture_method: must be one of automatic, automatic_async, or manual");
    return method && strcmp(method, "manual") == 0;
}

void intents_create(struct call *call)
{
    struct sim *sim = call->sim;
    struct customer *c = call_param(call, "customer", TYPE_CUSTOMER);
    const char *currency = form_text(call->params, "currency");
    json_t *metadata = json_object_get(call->params, "metadata");
    int64_t amount = 0;
    bool manual = capture_is_manual(call);

    if (call->why.status)
        return;
    if (c && c->deleted)
        (void)refuse(&call->why, 400, "resource_missing", "customer", "No such customer: '%s'", c->o.id);
    else if (!form_at(call->params, "amount") || !currency)
        (void)refuse(&call->why, 400, "parameter_missing", currency ? "amount" : "currency",
                     "Missing required param: %s.", currency ? "amount" : "currency");
    else if (amount_param(call, "amount", &amount))
        (void)money_is_valid(amount, currency, &call->why);
    struct payment_method *pm = call->why.status ? NULL : method_param(call, c);
    if (call->why.status)
        return;
    struct intent *pi = intent_create(sim, c, amount, sim_text(sim, currency));
    pi->manual = manual;
    pi->payment_method = pm;
    pi->description = sim_text(sim, form_text(call->params, "description"));
    if (json_is_object(metadata))
        metadata_merge(&pi->o, metadata);
    if (pm)
        pi->status = "requires_confirmation";
    if (!form_flag(call->params, "confirm", false) || intent_confirm(sim, pi, NULL, &call->why))
        call_answer(call, &pi->o);
}

void intents_confirm(struct call *call)
{
    struct intent *pi = call_object(call, TYPE_INTENT);
    struct payment_method *pm = pi ? method_param(call, pi->customer) : NULL;

    if (pi && !call->why.status && intent_confirm(call->sim, pi, pm, &call->why))
        call_answer(call, &pi->o);
}

void intents_capture(struct call *call)
{
    struct intent *pi = call_object(call, TYPE_INTENT);
    int64_t amount = 0;

    if (pi && amount_param(call, "amount_to_capture", &amount) &&
        intent_capture(call->sim, pi, amount, &call->why))
        call_answer(call, &pi->o);
}

void intents_cancel(struct call *call)
{
    struct intent *pi = call_object(call, TYPE_INTENT);
    const char *reason = form_text(call->params, "cancellation_reason");

    if (pi && intent_cancel(call->sim, pi, sim_text(call->sim, reason), &call->why))
        call_answer(call, &pi->o);
}

void setup_intents_get(struct call *call)
{
    get(call, TYPE_SETUP_INTENT);
}

static bool setup_intent_matches(struct call *call, const struct object *o)
{
    const struct setup_intent *si = (const struct setup_intent *)o;

    return call_says(call, "customer", si->customer ? si->customer->o.id : NULL);
}

void setup_intents_list(struct call *call)
{
    call_list(call, &call->sim->all[TYPE_SETUP_INTENT], false, setup_intent_matches);
}

/* --- charges --- */

void charges_get(struct call *call)
{
    get(call, TYPE_CHARGE);
}

static bool charge_matches(struct call *call, const struct object *o)
{
    return call_says(call, "payment_intent", ((const struct charge *)o)->intent->o.id);
}

void charges_list(struct call *call)
{
    list(call, TYPE_CHARGE, charge_matches);
}

void charges_refunds(struct call *call)
{
    struct charge *ch = call_object(call, TYPE_CHARGE);

    if (ch)
        call_list(call, &ch->refunds, false, NULL);
}

/* The charge that `charge` names, or the one that paid `payment_intent`. NULL: neither, or refused. */
static struct charge *charge_param(struct call *call)
{
    struct charge *ch = call_param(call, "charge", TYPE_CHARGE);
    struct intent *pi = call->why.status ? NULL : call_param(call, "payment_intent", TYPE_INTENT);

    if (call->why.status)
        return NULL;
    if (!ch && pi && !pi->latest_charge)
        (void)refuse(&call->why, 400, NULL, "payment_intent",
                     "This PaymentIntent (%s) does not have a successful charge to refund.", pi->o.id);
    return ch ? ch : pi ? pi->latest_charge : NULL;
}

/* --- refunds --- */

/* How the refund is to begin, for those who act: metadata[sim_status]. */
static const char *asked_status(struct call *call)
{
    static const char *const known[] = {"succeeded", "pending", "requires_action", "failed"};
    const char *asked = form_text(call->params, "metadata.sim_status");

    for (size_t i = 0; asked && i < sizeof known / sizeof *known; i++)
        if (strcmp(asked, known[i]) == 0)
            return known[i];
    return NULL;
}

void refunds_create(struct call *call)
{
    static const char *const reasons[] = {"duplicate", "fraudulent", "requested_by_customer"};
    struct refund_order order = {.charge = charge_param(call), .status = asked_status(call)};
    const char *reason = form_text(call->params, "reason");
    json_t *metadata = json_object_get(call->params, "metadata");
    struct refund *refund;

    if (!order.charge && !call->why.status)
        (void)refuse(&call->why, 400, "parameter_missing", "charge",
                     "One of the following params should be provided for this request: payment_intent or "
                     "charge.");
    if (call->why.status || !amount_param(call, "amount", &order.amount))
        return;
    for (size_t i = 0; reason && i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(reason, reasons[i]) == 0)
            order.reason = reasons[i];
    order.metadata = json_is_object(metadata) ? metadata : NULL;
    if (reason && !order.reason)
        (void)refuse(&call->why, 400, NULL, "reason",
                     "Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer");
    else if (refund_create(call->sim, &order, &refund, &call->why))
        call_answer(call, &refund->o);
}

void refunds_get(struct call *call)
{
    get(call, TYPE_REFUND);
}

void refunds_update(struct call *call)
{
    struct refund *refund = call_object(call, TYPE_REFUND);
    json_t *metadata = json_object_get(call->params, "metadata");

    if (!refund)
        return;
    json_t *before = render_object(call->sim, &refund->o);
    if (json_is_object(metadata))
        metadata_merge(&refund->o, metadata);
    emit_updated(call->sim, "refund.updated", &refund->o, before);
    call_answer(call, &refund->o);
}

void refunds_cancel(struct call *call)
{
    struct refund *refund = call_object(call, TYPE_REFUND);

    if (refund && strcmp(refund->status, "requires_action") != 0)
        (void)refuse(&call->why, 400, NULL, NULL,
                     "Only refunds that require action can be canceled. This one is %s.", refund->status);
    else if (refund && refund_decide(call->sim, refund, "canceled", &call->why))
        call_answer(call, &refund->o);
}

static bool refund_matches(struct call *call, const struct object *o)
{
    return call_says(call, "payment_intent", ((const struct refund *)o)->charge->intent->o.id);
}

void refunds_list(struct call *call)
{
    struct charge *ch = call_param(call, "charge", TYPE_CHARGE);

    if (!call->why.status)
        call_list(call, ch ? &ch->refunds : &call->sim->all[TYPE_REFUND], false, refund_matches);
}

/* --- disputes --- */

void disputes_get(struct call *call)
{
    get(call, TYPE_DISPUTE);
}

static bool dispute_matches(struct call *call, const struct object *o)
{
    return call_says(call, "payment_intent", ((const struct dispute *)o)->charge->intent->o.id);
}

void disputes_list(struct call *call)
{
    struct charge *ch = call_param(call, "charge", TYPE_CHARGE);

    if (!call->why.status)
        call_list(call, ch ? &ch->disputes : &call->sim->all[TYPE_DISPUTE], false, dispute_matches);
}

void disputes_update(struct call *call)
{
    struct dispute *d = call_object(call, TYPE_DISPUTE);
    json_t *evidence = json_object_get(call->params, "evidence");
    json_t *metadata = json_object_get(call->params, "metadata");
    bool submit = form_flag(call->params, "submit", json_is_object(evidence));

    if (!d || !dispute_evidence(call->sim, d, json_is_object(evidence) ? evidence : NULL, submit, &call->why))
        return;
    if (json_is_object(metadata))
        metadata_merge(&d->o, metadata);
    call_answer(call, &d->o);
}

void disputes_close(struct call *call)
{
    struct dispute *d = call_object(call, TYPE_DISPUTE);

    if (d && dispute_decide(call->sim, d, "lost", false, 0, &call->why))
        call_answer(call, &d->o);
}

/* --- balance transactions --- */

void balance_txns_get(struct call *call)
{
    get(call, TYPE_BALANCE_TXN);
}

/* A dispute's movements are not found by its id, although they name it: they are inside the dispute. */
static bool balance_txn_matches(struct call *call, const struct object *o)
{
    const struct balance_txn *txn = (const struct balance_txn *)o;
    bool findable = txn->source->type != TYPE_DISPUTE;

    return call_says(call, "source", findable ? txn->source->id : NULL) &&
           call_says(call, "currency", txn->currency) && call_says(call, "type", txn->type);
}

void balance_txns_list(struct call *call)
{
    call_list(call, &call->sim->all[TYPE_BALANCE_TXN], false, balance_txn_matches);
}
