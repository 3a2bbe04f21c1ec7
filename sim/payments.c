#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/billing.h"
#include "sim/events.h"
#include "sim/render.h"

bool refuse(struct refusal *why, int status, const char *code, const char *param, const char *fmt, ...)
{
    va_list args;

    why->status = status;
    why->type = status == 402 ? "card_error" : "invalid_request_error";
    why->code = code;
    (void)snprintf(why->param, sizeof why->param, "%s", param ? param : "");
    va_start(args, fmt);
    if (vsnprintf(why->message, sizeof why->message, fmt, args) < 0)
        why->message[0] = '\0';
    va_end(args);
    return false;
}

void metadata_merge(struct object *o, json_t *changes)
{
    const char *key;
    json_t *value;

    if (!o->metadata)
        o->metadata = sim_json(json_object());
    json_object_foreach(changes, key, value)
    {
        const char *text = json_string_value(value);
        if (!text || !*text)
            (void)json_object_del(o->metadata, key);
        else if (json_object_set(o->metadata, key, value))
            sim_die("out of memory");
    }
}

const char *metadata_get(const struct object *o, const char *key)
{
    return json_string_value(json_object_get(o->metadata, key));
}

struct balance *customer_balance(struct sim *sim, struct customer *c, const char *currency)
{
    struct balance **link = &c->balances;

    while (*link && strcmp((*link)->currency, currency) != 0)
        link = &(*link)->next;
    if (!*link) {
        *link = sim_alloc(sim, sizeof **link);
        (*link)->currency = sim_text(sim, currency);
    }
    return *link;
}

void customer_delete(struct sim *sim, struct customer *c)
{
    struct list *subs = &c->of[TYPE_SUBSCRIPTION];

    for (size_t i = 0; i < subs->count; i++) {
        struct subscription *sub = (struct subscription *)subs->at[i];
        if (!subscription_is_over(sub))
            subscription_cancel(sim, sub, "cancellation_requested");
    }
    for (size_t i = 0; i < c->of[TYPE_INVOICE].count; i++)
        invoice_stop_collection(sim, (struct invoice *)c->of[TYPE_INVOICE].at[i]);
    json_t *whole = render_customer_whole(sim, c);
    c->deleted = true;
    emit_json(sim, "customer.deleted", whole);
}

/* --- payment methods --- */

struct payment_method *payment_method_create(struct sim *sim, struct customer *c, int declines)
{
    struct payment_method *pm = sim_object(sim, TYPE_PAYMENT_METHOD, sizeof *pm);

    pm->declines = declines;
    pm->last4 = declines ? "0341" : "4242";
    if (c) {
        pm->customer = c;
        list_push(sim, &c->of[TYPE_PAYMENT_METHOD], &pm->o);
        emit(sim, "payment_method.attached", &pm->o);
    }
    return pm;
}

struct payment_method *payment_method_from(struct sim *sim, struct customer *c, const char *token)
{
    struct payment_method *pm = sim_find_type(sim, token, TYPE_PAYMENT_METHOD);

    if (pm || strncmp(token, "pm_card_", 8) != 0)
        return pm;
    bool declines = strstr(token, "chargeDeclined") || strstr(token, "chargeCustomerFail");
    return payment_method_create(sim, c, declines ? -1 : 0);
}

/* --- intents and charges --- */

struct intent *intent_create(struct sim *sim, struct customer *c, int64_t amount, const char *currency)
{
    struct intent *pi = sim_object(sim, TYPE_INTENT, sizeof *pi);

    pi->customer = c;
    pi->amount = amount;
    pi->currency = currency;
    pi->status = "requires_payment_method";
    if (c)
        list_push(sim, &c->of[TYPE_INTENT], &pi->o);
    emit(sim, "payment_intent.created", &pi->o);
    return pi;
}

static struct charge *charge_create(struct sim *sim, struct intent *pi, const char *status,
                                    const char *method)
{
    struct charge *ch = sim_object(sim, TYPE_CHARGE, sizeof *ch);

    ch->intent = pi;
    ch->customer = pi->customer;
    ch->payment_method = pi->payment_method;
    ch->currency = pi->currency;
    ch->amount = pi->amount;
    ch->status = status;
    ch->method_type = method;
    pi->latest_charge = ch;
    if (ch->customer)
        list_push(sim, &ch->customer->of[TYPE_CHARGE], &ch->o);
    return ch;
}

static void succeed(struct sim *sim, struct intent *pi)
{
    pi->status = "succeeded";
    pi->amount_received = pi->amount;
    pi->failed = false;
    emit(sim, "charge.succeeded", &pi->latest_charge->o);
    emit(sim, "payment_intent.succeeded", &pi->o);
    sim_book(sim, sim->now + 2, DUE_CHARGE_SETTLE, pi->latest_charge, 0);
}

static void fail(struct sim *sim, struct intent *pi, bool charged)
{
    pi->status = "requires_payment_method";
    pi->failed = charged;
    if (charged)
        emit(sim, "charge.failed", &pi->latest_charge->o);
    emit(sim, "payment_intent.payment_failed", &pi->o);
}

bool intent_charge(struct sim *sim, struct intent *pi, struct payment_method *pm)
{
    bool declined = pm && pm->declines != 0;

    if (!pm) {
        fail(sim, pi, false);
        return false;
    }
    if (pm->declines > 0)
        pm->declines--;
    pi->payment_method = pm;
    (void)charge_create(sim, pi, declined ? "failed" : "succeeded", "card");
    if (declined)
        fail(sim, pi, true);
    else
        succeed(sim, pi);
    return !declined;
}

void intent_process(struct sim *sim, struct intent *pi)
{
    pi->status = "processing";
    struct charge *ch = charge_create(sim, pi, "pending", "sepa_debit");
    emit(sim, "payment_intent.processing", &pi->o);
    emit(sim, "charge.pending", &ch->o);
}

void intent_settle(struct sim *sim, struct intent *pi, bool success)
{
    pi->latest_charge->status = success ? "succeeded" : "failed";
    if (success)
        succeed(sim, pi);
    else
        fail(sim, pi, true);
}

/* The balance transaction appears a moment after the charge. */
void due_charge_settle(struct sim *sim, void *target, unsigned arg)
{
    struct charge *ch = target;
    json_t *before = render_object(sim, &ch->o);

    (void)arg;
    ch->balance_transaction = sim_new_id(sim, &sim->ids, "txn_3", 23);
    emit_updated(sim, "charge.updated", &ch->o, before);
}
