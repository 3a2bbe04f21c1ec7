#include "sim/truth.h"

#include <stdlib.h>
#include <string.h>

#include "sim/billing.h"
#include "sim/render.h"

#define GRACE (7 * DAY) /* after the start of the period that was not paid */

static int by_id(const void *a, const void *b)
{
    return strcmp((*(struct object *const *)a)->id, (*(struct object *const *)b)->id);
}

/* A copy of the list in byte order of the ids; free(). */
static struct object **sorted(const struct list *list)
{
    struct object **copy = malloc((list->count + 1) * sizeof(void *));

    if (!copy)
        sim_die("out of memory");
    for (size_t i = 0; i < list->count; i++)
        copy[i] = list->at[i];
    qsort(copy, list->count, sizeof(void *), by_id);
    return copy;
}

static void append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, sim_json(value)))
        sim_die("out of memory");
}

/* The app's user: what the subscription says, else the customer, else a completed session. */
static const char *user_of(const struct customer *c)
{
    const struct list *subs = &c->of[TYPE_SUBSCRIPTION];
    const struct list *sessions = &c->of[TYPE_SESSION];
    const char *user;

    for (size_t i = 0; i < subs->count; i++)
        if ((user = metadata_get(subs->at[i], "user_id")))
            return user;
    if ((user = metadata_get(&c->o, "user_id")))
        return user;
    for (size_t i = 0; i < sessions->count; i++)
        if (strcmp(((struct session *)sessions->at[i])->status, "complete") == 0 &&
            (user = metadata_get(sessions->at[i], "user_id")))
            return user;
    for (size_t i = 0; i < sessions->count; i++) {
        const struct session *cs = (const struct session *)sessions->at[i];
        if (strcmp(cs->status, "complete") == 0 && cs->client_reference_id)
            return cs->client_reference_id;
    }
    return NULL;
}

static json_t *items_of(const struct subscription *sub)
{
    json_t *array = sim_json(json_array());
    struct object **items = sorted(&sub->items);

    for (size_t i = 0; i < sub->items.count; i++) {
        const struct item *item = (const struct item *)items[i];
        const char *plan_key = metadata_get(&item->price->o, "plan_key");
        if (item->deleted)
            continue;
        if (!plan_key)
            plan_key = item->price->lookup_key ? item->price->lookup_key : item->price->o.id;
        append(array,
               json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "id", item->o.id, "price", item->price->o.id,
                         "plan_key", plan_key, "quantity", (json_int_t)item->quantity, "current_period_start",
                         (json_int_t)item->period_start, "current_period_end", (json_int_t)item->period_end));
    }
    free(items);
    return array;
}

static int64_t earliest_start(const struct subscription *sub)
{
    int64_t start = 0;

    for (size_t i = 0; i < sub->items.count; i++) {
        const struct item *item = (const struct item *)sub->items.at[i];
        if (!item->deleted && (!start || item->period_start < start))
            start = item->period_start;
    }
    return start;
}

static json_t *subscription_truth(const struct subscription *sub)
{
    json_t *json = sim_json(json_object());
    bool late = sub->status == SUB_PAST_DUE;

    put_text(json, "id", sub->o.id);
    put_text(json, "status", subscription_status_name(sub->status));
    put_flag(json, "cancel_at_period_end", sub->cancel_at_period_end);
    put_time(json, "cancel_at", sub->cancel_at);
    put_time(json, "ended_at", sub->ended_at);
    put_time(json, "trial_end", sub->trial_end);
    put_flag(json, "entitled", late || sub->status == SUB_ACTIVE || sub->status == SUB_TRIALING);
    put_time(json, "grace_until", late ? earliest_start(sub) + GRACE : 0);
    put(json, "items", items_of(sub));
    return json;
}

/* Book a sale into the totals of its currency. */
static void add_total(json_t *totals, const char *currency, int64_t amount)
{
    json_t *total = json_object_get(totals, currency);

    if (!total) {
        total = sim_json(json_pack("{s:i, s:i}", "sales", 0, "count", 0));
        put(totals, currency, total);
    }
    (void)json_integer_set(json_object_get(total, "sales"),
                           json_integer_value(json_object_get(total, "sales")) + amount);
    (void)json_integer_set(json_object_get(total, "count"),
                           json_integer_value(json_object_get(total, "count")) + 1);
}

static json_t *invoice_sale(const struct invoice *inv, json_t *totals)
{
    json_t *sale = sim_json(json_object());

    put_text(sale, "source", inv->o.id);
    put_text(sale, "kind", inv->subscription ? "subscription" : "invoice");
    put_int(sale, "amount", inv->amount_paid);
    put_text(sale, "currency", inv->currency);
    put_int(sale, "paid_at", inv->paid_at);
    put_text(sale, "subscription", inv->subscription ? inv->subscription->o.id : NULL);
    add_total(totals, inv->currency, inv->amount_paid);
    return sale;
}

static bool session_is_sale(const struct session *cs)
{
    return strcmp(cs->mode, "payment") == 0 && strcmp(cs->payment_status, "paid") == 0;
}

/* Session ids sort before invoice ids ("cs_" < "in_"), so two sorted runs make one. */
static json_t *sales_of(const struct customer *c, json_t *totals)
{
    json_t *sales = sim_json(json_array());
    struct object **sessions = sorted(&c->of[TYPE_SESSION]);
    struct object **invoices = sorted(&c->of[TYPE_INVOICE]);

    for (size_t i = 0; i < c->of[TYPE_SESSION].count; i++) {
        const struct session *cs = (const struct session *)sessions[i];
        if (!session_is_sale(cs))
            continue;
        append(sales,
               json_pack("{s:s, s:s, s:I, s:s, s:n, s:n}", "source", cs->o.id, "kind", "one_time", "amount",
                         (json_int_t)cs->amount_total, "currency", cs->currency, "paid_at", "subscription"));
        add_total(totals, cs->currency, cs->amount_total);
    }
    for (size_t i = 0; i < c->of[TYPE_INVOICE].count; i++) {
        const struct invoice *inv = (const struct invoice *)invoices[i];
        if (inv->status == INVOICE_PAID && !inv->for_session)
            append(sales, invoice_sale(inv, totals));
    }
    free(sessions);
    free(invoices);
    return sales;
}

static json_t *customer_truth(const struct customer *c, json_t *totals)
{
    json_t *subs = sim_json(json_array());
    struct object **all = sorted(&c->of[TYPE_SUBSCRIPTION]);

    for (size_t i = 0; i < c->of[TYPE_SUBSCRIPTION].count; i++)
        append(subs, subscription_truth((const struct subscription *)all[i]));
    free(all);
    return sim_json(json_pack("{s:s, s:b, s:s?, s:o, s:o}", "id", c->o.id, "deleted", c->deleted, "user_id",
                              user_of(c), "subscriptions", subs, "sales", sales_of(c, totals)));
}

json_t *truth_export(const struct sim *sim)
{
    json_t *totals = sim_json(json_object());
    json_t *customers = sim_json(json_array());
    json_t *guests = sim_json(json_array());
    struct object **all = sorted(&sim->all[TYPE_CUSTOMER]);
    struct object **sessions = sorted(&sim->all[TYPE_SESSION]);

    for (size_t i = 0; i < sim->all[TYPE_CUSTOMER].count; i++)
        append(customers, customer_truth((const struct customer *)all[i], totals));
    for (size_t i = 0; i < sim->all[TYPE_SESSION].count; i++) {
        const struct session *cs = (const struct session *)sessions[i];
        if (cs->customer || !session_is_sale(cs))
            continue;
        append(guests, json_pack("{s:s, s:s, s:I, s:s}", "source", cs->o.id, "kind", "one_time", "amount",
                                 (json_int_t)cs->amount_total, "currency", cs->currency));
        add_total(totals, cs->currency, cs->amount_total);
    }
    free(all);
    free(sessions);
    return sim_json(
        json_pack("{s:o, s:o, s:o}", "customers", customers, "guest_sales", guests, "totals", totals));
}
