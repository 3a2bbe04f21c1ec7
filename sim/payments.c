#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/billing.h"
#include "sim/events.h"
#include "sim/money.h"
#include "sim/render.h"

#define AUTHORIZATION_DAYS 7

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

    if (!pm && (strcmp(token, "pm_sepaDebit") == 0 || strcmp(token, "pm_usBankAccount") == 0)) {
        pm = payment_method_create(sim, c, 0);
        pm->delayed = true;
    }
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
    struct charge *ch = sim_alloc(sim, sizeof *ch);
    bool card = strcmp(method, "card") == 0;

    if (!card) /* payments that are no cards are called so */
        ch->o.id = sim_new_id(sim, &sim->ids, "py_3", 23);
    sim_object_init(sim, &ch->o, TYPE_CHARGE);
    ch->intent = pi;
    ch->customer = pi->customer;
    ch->payment_method = pi->payment_method;
    ch->currency = pi->currency;
    ch->amount = pi->amount;
    ch->status = status;
    ch->method_type = method;
    ch->captured = strcmp(status, "failed") != 0 && !(pi->manual && card);
    pi->latest_charge = ch;
    if (ch->customer)
        list_push(sim, &ch->customer->of[TYPE_CHARGE], &ch->o);
    return ch;
}

/* The money is here: the intent is done, the charge settles a moment later. */
static void captured(struct sim *sim, struct intent *pi, int64_t amount)
{
    struct charge *ch = pi->latest_charge;

    ch->captured = true;
    ch->amount_captured = amount;
    pi->status = "succeeded";
    pi->amount_received = amount;
    pi->amount_capturable = 0;
    pi->failed = false;
    sim_book(sim, sim->now + 2, DUE_CHARGE_SETTLE, ch, 0);
}

static void succeed(struct sim *sim, struct intent *pi)
{
    if (!pi->latest_charge->captured) { /* only authorised */
        pi->status = "requires_capture";
        pi->amount_capturable = pi->amount;
        pi->failed = false;
        emit(sim, "charge.succeeded", &pi->latest_charge->o);
        emit(sim, "payment_intent.amount_capturable_updated", &pi->o);
        sim_book(sim, sim->now + AUTHORIZATION_DAYS * DAY, DUE_AUTHORIZATION_EXPIRE, pi, 0);
        return;
    }
    captured(sim, pi, pi->amount);
    emit(sim, "charge.succeeded", &pi->latest_charge->o);
    emit(sim, "payment_intent.succeeded", &pi->o);
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
    pi->payment_method = pm;
    if (pm->delayed) {
        intent_process(sim, pi);
        return false;
    }
    if (pm->declines > 0)
        pm->declines--;
    (void)charge_create(sim, pi, declined ? "failed" : "succeeded", "card");
    if (declined)
        fail(sim, pi, true);
    else
        succeed(sim, pi);
    return strcmp(pi->status, "succeeded") == 0;
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
    if (success) {
        succeed(sim, pi);
    } else {
        pi->latest_charge->captured = false;
        fail(sim, pi, true);
    }
}

bool intent_confirm(struct sim *sim, struct intent *pi, struct payment_method *pm, struct refusal *why)
{
    if (strcmp(pi->status, "requires_payment_method") != 0 &&
        strcmp(pi->status, "requires_confirmation") != 0)
        return refuse(why, 400, "payment_intent_unexpected_state", NULL,
                      "You cannot confirm this PaymentIntent because it has a status of %s.", pi->status);
    if (!pm)
        pm = pi->payment_method;
    if (!pm)
        return refuse(why, 400, "parameter_missing", "payment_method",
                      "You cannot confirm this PaymentIntent because it's missing a payment method.");
    (void)intent_charge(sim, pi, pm);
    if (pi->invoice_payment)
        invoice_payment_decided(sim, pi->invoice_payment);
    if (pi->failed)
        return refuse(why, 402, "card_declined", NULL, "Your card was declined.");
    return true;
}

bool intent_capture(struct sim *sim, struct intent *pi, int64_t amount, struct refusal *why)
{
    if (strcmp(pi->status, "requires_capture") != 0)
        return refuse(why, 400, "payment_intent_unexpected_state", NULL,
                      "This PaymentIntent could not be captured because it has a status of %s.", pi->status);
    if (!amount)
        amount = pi->amount_capturable;
    if (amount < 0 || amount > pi->amount_capturable)
        return refuse(why, 400, "amount_too_large", "amount_to_capture",
                      "The provided `amount_to_capture` (%lld) is greater than amount remaining to capture "
                      "on this PaymentIntent (%lld).",
                      (long long)amount, (long long)pi->amount_capturable);
    if (!money_is_valid(amount, pi->currency, why))
        return false;
    captured(sim, pi, amount);
    emit(sim, "charge.captured", &pi->latest_charge->o);
    emit(sim, "payment_intent.succeeded", &pi->o);
    return true;
}

static void cancel(struct sim *sim, struct intent *pi, const char *reason)
{
    pi->status = "canceled";
    pi->canceled_at = sim->now;
    pi->cancellation_reason = reason;
    pi->amount_capturable = 0;
    emit(sim, "payment_intent.canceled", &pi->o);
}

bool intent_cancel(struct sim *sim, struct intent *pi, const char *reason, struct refusal *why)
{
    if (strcmp(pi->status, "succeeded") == 0 || strcmp(pi->status, "canceled") == 0 ||
        strcmp(pi->status, "processing") == 0)
        return refuse(why, 400, "payment_intent_unexpected_state", NULL,
                      "You cannot cancel this PaymentIntent because it has a status of %s.", pi->status);
    if (pi->invoice_payment && strcmp(pi->invoice_payment->status, "open") == 0)
        return refuse(why, 400, NULL, NULL,
                      "You cannot cancel a PaymentIntent that belongs to an invoice: void the invoice.");
    cancel(sim, pi, reason);
    return true;
}

void intent_give_up(struct sim *sim, struct intent *pi)
{
    if (strcmp(pi->status, "canceled") != 0 && strcmp(pi->status, "succeeded") != 0)
        cancel(sim, pi, "void_invoice");
}

/* An authorisation that nobody captured. */
void due_authorization_expire(struct sim *sim, void *target, unsigned arg)
{
    struct intent *pi = target;

    (void)arg;
    if (strcmp(pi->status, "requires_capture") != 0)
        return;
    emit(sim, "charge.expired", &pi->latest_charge->o);
    cancel(sim, pi, "automatic");
}

/* The balance transaction appears a moment after the charge. */
void due_charge_settle(struct sim *sim, void *target, unsigned arg)
{
    struct charge *ch = target;
    bool card = strcmp(ch->method_type, "card") == 0;
    json_t *before = render_object(sim, &ch->o);

    (void)arg;
    ch->balance_txn =
        balance_txn_create(sim, &ch->o, card ? "charge" : "payment", "charge", ch->amount_captured,
                           ch->currency, processing_fee(ch->amount_captured, ch->currency));
    emit_updated(sim, "charge.updated", &ch->o, before);
}
