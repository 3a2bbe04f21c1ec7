#include "sim/truth.h"

#include <stdlib.h>
#include <string.h>

#include "sim/billing.h"
#include "sim/credit_plans.h"
#include "sim/render.h"
#include "sim/truth_parts.h"

#define GRACE (7 * DAY) /* after the start of the period that was not paid */

static int by_id(const void *a, const void *b)
{
    return strcmp((*(struct object *const *)a)->id, (*(struct object *const *)b)->id);
}

struct object **truth_sorted(const struct list *list)
{
    struct object **copy = malloc((list->count + 1) * sizeof(void *));

    if (!copy)
        sim_die("out of memory");
    for (size_t i = 0; i < list->count; i++)
        copy[i] = list->at[i];
    qsort(copy, list->count, sizeof(void *), by_id);
    return copy;
}

void truth_append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, sim_json(value)))
        sim_die("out of memory");
}

struct keyed {
    const char *key; /* of the value */
    json_t *value;
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct keyed *)a)->key, ((const struct keyed *)b)->key);
}

void truth_order(json_t *array, const char *key)
{
    size_t count = json_array_size(array), i;
    struct keyed *all = calloc(count + 1, sizeof *all);
    json_t *value;

    if (!all)
        sim_die("out of memory");
    json_array_foreach(array, i, value) all[i] =
        (struct keyed){json_string_value(json_object_get(value, key)), json_incref(value)};
    qsort(all, count, sizeof *all, by_key);
    (void)json_array_clear(array);
    for (i = 0; i < count; i++)
        truth_append(array, all[i].value);
    free(all);
}

void truth_add(json_t *totals, const char *outer, const char *inner, int64_t amount)
{
    json_t *inside = json_object_get(totals, outer);

    if (!inside) {
        inside = sim_json(json_object());
        put(totals, outer, inside);
    }
    put_int(inside, inner, json_integer_value(json_object_get(inside, inner)) + amount);
}

void truth_without_zeros(json_t *amounts)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(amounts, next, key,
                             value) if (json_is_integer(value) && !json_integer_value(value))(void)
        json_object_del(amounts, key);
}

const char *truth_user_of(const struct customer *c)
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

static json_t *items_of(const struct subscription *sub, const struct truth_sums *sums)
{
    json_t *array = sim_json(json_array());
    struct object **items = truth_sorted(&sub->items);

    for (size_t i = 0; i < sub->items.count; i++) {
        const struct item *item = (const struct item *)items[i];
        if (item->deleted)
            continue;
        truth_append(array, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "id", item->o.id, "price",
                                      item->price->o.id, "plan_key", plan_of_price(sums->plans, item->price),
                                      "quantity", (json_int_t)item->quantity, "current_period_start",
                                      (json_int_t)item->period_start, "current_period_end",
                                      (json_int_t)item->period_end));
    }
    free(items);
    return array;
}

static int by_coupon(const void *a, const void *b)
{
    const struct discount *x = *(struct discount *const *)a, *y = *(struct discount *const *)b;
    int order = strcmp(x->coupon->o.id, y->coupon->o.id);

    return order ? order
                 : strcmp(x->promotion_code ? x->promotion_code->o.id : "",
                          y->promotion_code ? y->promotion_code->o.id : "");
}

static json_t *discounts_of(const struct subscription *sub)
{
    json_t *array = sim_json(json_array());
    struct object **all = truth_sorted(&sub->discounts);

    qsort(all, sub->discounts.count, sizeof(void *), by_coupon);
    for (size_t i = 0; i < sub->discounts.count; i++) {
        const struct discount *d = (const struct discount *)all[i];
        truth_append(array, json_pack("{s:s, s:s?}", "coupon", d->coupon->o.id, "promotion_code",
                                      d->promotion_code ? d->promotion_code->o.id : NULL));
    }
    free(all);
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

static json_t *subscription_truth(const struct subscription *sub, const struct truth_sums *sums)
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
    put_text(json, "pause_collection",
             sub->pause_collection ? pause_collection_name(sub->pause_collection) : NULL);
    put(json, "discounts", discounts_of(sub));
    put(json, "items", items_of(sub, sums));
    return json;
}

static bool session_is_sale(const struct session *cs)
{
    return strcmp(cs->mode, "payment") == 0 && strcmp(cs->payment_status, "paid") == 0;
}

static json_t *sales_of(const struct customer *c, struct truth_sums *sums)
{
    json_t *sales = sim_json(json_array());

    for (size_t i = 0; i < c->of[TYPE_CHARGE].count; i++) {
        const struct charge *ch = (const struct charge *)c->of[TYPE_CHARGE].at[i];
        if (charge_is_bare(ch))
            truth_append(sales, truth_charge_sale(ch, false, sums));
    }
    for (size_t i = 0; i < c->of[TYPE_SESSION].count; i++) {
        const struct session *cs = (const struct session *)c->of[TYPE_SESSION].at[i];
        if (session_is_sale(cs))
            truth_append(sales, truth_session_sale(cs, false, sums));
    }
    for (size_t i = 0; i < c->of[TYPE_INVOICE].count; i++) {
        const struct invoice *inv = (const struct invoice *)c->of[TYPE_INVOICE].at[i];
        if (inv->status == INVOICE_PAID && !inv->for_session)
            truth_append(sales, truth_invoice_sale(inv, sums));
    }
    truth_order(sales, "source");
    return sales;
}

static json_t *customer_truth(const struct customer *c, struct truth_sums *sums)
{
    json_t *subs = sim_json(json_array());
    struct object **all = truth_sorted(&c->of[TYPE_SUBSCRIPTION]);

    for (size_t i = 0; i < c->of[TYPE_SUBSCRIPTION].count; i++)
        truth_append(subs, subscription_truth((const struct subscription *)all[i], sums));
    free(all);
    json_t *customer =
        sim_json(json_pack("{s:s, s:b, s:s?, s:o, s:o}", "id", c->o.id, "deleted", c->deleted, "user_id",
                           truth_user_of(c), "subscriptions", subs, "sales", sales_of(c, sums)));
    truth_customer_money(c, customer, sums);
    return customer;
}

/* Those who paid without becoming customers. */
static void add_guests(const struct sim *sim, json_t *truth, struct truth_sums *sums)
{
    json_t *sales = sim_json(json_array()), *refunds = sim_json(json_array());
    json_t *disputes = sim_json(json_array()), *fees = sim_json(json_object());

    for (size_t i = 0; i < sim->all[TYPE_SESSION].count; i++) {
        const struct session *cs = (const struct session *)sim->all[TYPE_SESSION].at[i];
        if (!cs->customer && session_is_sale(cs))
            truth_append(sales, truth_session_sale(cs, true, sums));
    }
    for (size_t i = 0; i < sim->all[TYPE_CHARGE].count; i++) {
        const struct charge *ch = (const struct charge *)sim->all[TYPE_CHARGE].at[i];
        if (ch->customer)
            continue;
        if (charge_is_bare(ch))
            truth_append(sales, truth_charge_sale(ch, true, sums));
        truth_charge(ch, refunds, disputes, fees, sums);
    }
    json_decref(fees); /* shown in the accounts only */
    truth_order(sales, "source");
    truth_order(refunds, "id");
    truth_order(disputes, "id");
    put(truth, "guest_sales", sales);
    put(truth, "guest_refunds", refunds);
    put(truth, "guest_disputes", disputes);
}

/* Account balances without the zeros. */
static json_t *accounts_of(struct truth_sums *sums)
{
    const char *code;
    json_t *amounts;
    void *next;

    json_object_foreach_safe(sums->accounts, next, code, amounts)
    {
        truth_without_zeros(amounts);
        if (!json_object_size(amounts))
            (void)json_object_del(sums->accounts, code);
    }
    return sums->accounts;
}

/* Every currency in which something was sold shows all four. */
static json_t *totals_of(struct truth_sums *sums)
{
    static const char *const keys[] = {"sales", "count", "refunded", "lost"};
    const char *currency;
    json_t *total;
    void *next;

    json_object_foreach_safe(sums->totals, next, currency, total)
    {
        if (!json_object_get(total, "count"))
            (void)json_object_del(sums->totals, currency);
        else
            for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
                truth_add(sums->totals, currency, keys[i], 0);
    }
    return sums->totals;
}

json_t *truth_export(const struct sim *sim)
{
    struct plans *plans = plans_of(sim);
    struct truth_sums sums = {
        .plans = plans, .accounts = sim_json(json_object()), .totals = sim_json(json_object())};
    json_t *truth = sim_json(json_object());
    json_t *customers = sim_json(json_array());
    struct object **all = truth_sorted(&sim->all[TYPE_CUSTOMER]);

    for (size_t i = 0; i < sim->all[TYPE_CUSTOMER].count; i++)
        truth_append(customers, customer_truth((const struct customer *)all[i], &sums));
    free(all);
    put_int(truth, "as_of", sim->now);
    put(truth, "customers", customers);
    truth_credits(sim, plans, truth);
    add_guests(sim, truth, &sums);
    put(truth, "totals", totals_of(&sums));
    put(truth, "accounts", accounts_of(&sums));
    put(truth, "catalogue", truth_catalogue(sim));
    plans_free(plans);
    return truth;
}
