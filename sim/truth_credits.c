/* What is true of credits: what was granted, what is left of it, and what became of trials. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/app_parts.h"
#include "sim/credit_grants.h"
#include "sim/render.h"
#include "sim/truth_parts.h"

/* --- conversions --- */

/* The first invoice that really was paid since the trial began; NULL: none. */
static const struct invoice *first_paid(const struct subscription *sub)
{
    const struct invoice *first = NULL;

    for (size_t i = 0; i < sub->invoices.count; i++) {
        const struct invoice *inv = (const struct invoice *)sub->invoices.at[i];
        if (inv->status != INVOICE_PAID || inv->amount_paid <= 0 || inv->paid_at < sub->trial_start)
            continue;
        if (!first || inv->paid_at < first->paid_at ||
            (inv->paid_at == first->paid_at && strcmp(inv->o.id, first->o.id) < 0))
            first = inv;
    }
    return first;
}

static const char *conversion_state(const struct subscription *sub, const struct invoice *paid)
{
    if (paid)
        return "converted";
    switch (sub->status) {
    case SUB_TRIALING: return "trial";
    case SUB_CANCELED:
    case SUB_INCOMPLETE_EXPIRED:
    case SUB_UNPAID:
    case SUB_PAUSED: return "ended_unpaid";
    default: return "awaiting_payment";
    }
}

static json_t *conversion(const struct subscription *sub)
{
    const struct invoice *paid = first_paid(sub);
    json_t *json = sim_json(json_object());

    put_text(json, "subscription", sub->o.id);
    put_text(json, "state", conversion_state(sub, paid));
    put_int(json, "trial_start", sub->trial_start);
    put_int(json, "trial_end", sub->trial_end);
    put_int(json, "amount", paid ? paid->amount_paid : 0);
    put_text(json, "currency", paid ? paid->currency : NULL);
    put_time(json, "converted_at", paid ? paid->paid_at : 0);
    put_text(json, "invoice", paid ? paid->o.id : NULL);
    return json;
}

static json_t *conversions_of(const struct customer *c)
{
    json_t *conversions = sim_json(json_array());
    const struct list *subs = &c->of[TYPE_SUBSCRIPTION];

    for (size_t i = 0; i < subs->count; i++)
        if (((const struct subscription *)subs->at[i])->trial_start)
            truth_append(conversions, conversion((const struct subscription *)subs->at[i]));
    truth_order(conversions, "subscription");
    return conversions;
}

/* --- grants --- */

static int by_name(const void *pa, const void *pb)
{
    const struct lot *a = *(const struct lot *const *)pa, *b = *(const struct lot *const *)pb;
    int order = strcmp(a->item->o.id, b->item->o.id);

    if (!order && a->period_start != b->period_start)
        return a->period_start < b->period_start ? -1 : 1;
    if (!order)
        order = strcmp(lot_kind_name(a->kind), lot_kind_name(b->kind));
    if (!order)
        order = strcmp(a->plan_key, b->plan_key);
    return order ? order : a->version - b->version;
}

static json_t *grant(const struct lot *lot)
{
    json_t *json = sim_json(json_object());

    put_text(json, "subscription", lot->subscription->o.id);
    put_text(json, "item", lot->item->o.id);
    put_text(json, "kind", lot_kind_name(lot->kind));
    put_text(json, "plan_key", lot->plan_key);
    put_int(json, "version", lot->version);
    put_int(json, "period_start", lot->period_start);
    put_int(json, "period_end", lot->period_end);
    put_int(json, "effective_at", lot->effective_at);
    put_time(json, "expires_at", lot->expires_at);
    put_int(json, "credits", lot->granted - lot->claw);
    put_int(json, "shortfall", lot->shortfall);
    return json;
}

static json_t *grants_of(const struct customer *c, const struct lots *lots)
{
    const struct lot **own = calloc(lots->count + 1, sizeof *own);
    json_t *array = sim_json(json_array());
    size_t count = 0;

    if (!own)
        sim_die("out of memory");
    for (size_t i = 0; i < lots->count; i++) {
        const struct lot *lot = &lots->at[i];
        if (lot->subscription && lot->subscription->customer == c &&
            (lot->granted > lot->claw || lot->shortfall))
            own[count++] = lot;
    }
    qsort(own, count, sizeof *own, by_name);
    for (size_t i = 0; i < count; i++)
        truth_append(array, grant(own[i]));
    free(own);
    return array;
}

/* --- holders --- */

static void add_customer(const struct sim *sim, const struct plans *plans, const struct customer *c,
                         struct lots *lots)
{
    const struct list *subs = &c->of[TYPE_SUBSCRIPTION];

    for (size_t i = 0; i < subs->count; i++)
        grants_add(sim, plans, (const struct subscription *)subs->at[i], lots);
}

static void settle(const struct sim *sim, const char *user, struct lots *lots)
{
    if (user)
        app_lots(sim, user, lots);
    lots_settle(lots, sim->now, app_spent, (void *)(uintptr_t)sim);
}

void truth_user_lots(const struct sim *sim, const char *user, struct lots *ret_lots)
{
    struct plans *plans = plans_of(sim);

    *ret_lots = (struct lots){.count = 0};
    for (size_t i = 0; i < sim->all[TYPE_CUSTOMER].count; i++) {
        const struct customer *c = (const struct customer *)sim->all[TYPE_CUSTOMER].at[i];
        const char *whose = truth_user_of(c);
        if (whose && strcmp(whose, user) == 0)
            add_customer(sim, plans, c, ret_lots);
    }
    settle(sim, user, ret_lots);
    plans_free(plans);
}

struct holder {
    const char *user; /* NULL: a customer whose user nobody knows */
    struct lots lots;
};

struct holders {
    struct holder *at; /* owned */
    size_t count;
    json_t *index; /* owned: of the names */
};

static const char *holder_name(const struct sim *sim, const struct customer *c, char name[600])
{
    const char *user = truth_user_of(c);

    if (user)
        (void)snprintf(name, 600, "user:%s", user);
    else
        (void)snprintf(name, 600, "customer:%s:%s", sim->platform ? sim->account : "self", c->o.id);
    return name;
}

static struct holder *holder_of(const struct sim *sim, struct holders *holders, const struct customer *c)
{
    char name[600];
    json_t *known = json_object_get(holders->index, holder_name(sim, c, name));

    if (known)
        return &holders->at[json_integer_value(known)];
    put_int(holders->index, name, (int64_t)holders->count);
    holders->at[holders->count].user = truth_user_of(c);
    return &holders->at[holders->count++];
}

static json_t *balances_of(struct holders *holders)
{
    json_t *balances = sim_json(json_object());
    const char *name;
    json_t *index;

    json_object_foreach(holders->index, name, index)
        put_int(balances, name, lots_balance(&holders->at[json_integer_value(index)].lots));
    truth_without_zeros(balances);
    return balances;
}

void truth_credits(const struct sim *sim, const struct plans *plans, json_t *truth)
{
    const struct list *customers = &sim->all[TYPE_CUSTOMER];
    struct holders holders = {.at = calloc(customers->count + 1, sizeof *holders.at),
                              .index = sim_json(json_object())};
    json_t *json;
    size_t n;

    if (!holders.at)
        sim_die("out of memory");
    for (size_t i = 0; i < customers->count; i++) {
        const struct customer *c = (const struct customer *)customers->at[i];
        add_customer(sim, plans, c, &holder_of(sim, &holders, c)->lots);
    }
    for (size_t i = 0; i < holders.count; i++)
        settle(sim, holders.at[i].user, &holders.at[i].lots);
    json_array_foreach(json_object_get(truth, "customers"), n, json)
    {
        const struct customer *c =
            sim_find_type(sim, json_string_value(json_object_get(json, "id")), TYPE_CUSTOMER);
        put(json, "grants", grants_of(c, &holder_of(sim, &holders, c)->lots));
        put(json, "conversions", conversions_of(c));
    }
    put(truth, "credit_balances", balances_of(&holders));
    for (size_t i = 0; i < holders.count; i++)
        lots_release(&holders.at[i].lots);
    free(holders.at);
    json_decref(holders.index);
}
