#include "worker/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/endpoint.h"
#include "worker/fetch_objects.h"
#include "worker/plan.h"
#include "worker/resolve.h"

/* ---- what is known ---- */

struct name {
    char text[2 * STRIPE_ID_BYTES_MAX + 2];
};

/* False: no id that Stripe gives. */
static bool name_init(struct name *name, const char *account, const char *id)
{
    int len = snprintf(name->text, sizeof name->text, "%s:%s", account, id);

    return *id && len > 0 && (size_t)len < sizeof name->text;
}

bool catalogue_knows(const struct catalogue *catalogue, const char *account, const char *id)
{
    struct name name;

    return name_init(&name, account, id) && json_object_get(catalogue->known, name.text);
}

static void learn(struct catalogue *catalogue, const char *account, const char *id)
{
    struct name name;

    if (!catalogue->known)
        catalogue->known = json_object();
    if (!name_init(&name, account, id) || json_object_get(catalogue->known, name.text))
        return;
    if (json_object_size(catalogue->known) >= CATALOGUE_KNOWN_MAX) /* members keep the order they came in */
        (void)json_object_del(catalogue->known, json_object_iter_key(json_object_iter(catalogue->known)));
    (void)json_object_set_new(catalogue->known, name.text, json_true());
}

static const char *text_of(const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));

    return text ? text : "";
}

static bool is_a(const json_t *object, const char *type)
{
    return !strcmp(text_of(object, "object"), type);
}

static const json_t *members_of(const json_t *object, const char *list)
{
    return json_object_get(json_object_get(object, list), "data");
}

void catalogue_learn(struct catalogue *catalogue, const char *account, const json_t *objects,
                     const json_t *missing)
{
    const json_t *object, *item;
    size_t i, j;

    json_array_foreach(objects, i, object)
    {
        if (is_a(object, "product") || is_a(object, "price"))
            learn(catalogue, account, text_of(object, "id"));
        if (!is_a(object, "subscription"))
            continue;
        json_array_foreach(members_of(object, "items"), j, item)
            learn(catalogue, account, text_of(json_object_get(item, "price"), "id"));
    }
    json_array_foreach(missing, i, object)
    {
        if (is_a(object, "product") || is_a(object, "price"))
            learn(catalogue, account, text_of(object, "id"));
    }
}

void catalogue_release(struct catalogue *catalogue)
{
    json_decref(catalogue->known);
    *catalogue = (struct catalogue){.known = 0};
}

/* ---- what is to be read ---- */

struct wish {
    const struct catalogue *catalogue; /* borrowed, as all else but the next */
    json_t *in_items;                  /* owned set: prices come whole with the items that have them now */
    const char *account;
    const struct fetch_objects *found;
    size_t reads_max;
    struct plan plan;
};

static bool is_missing(const struct fetch_objects *found, const char *id)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(found->missing, i, entry) if (!strcmp(text_of(entry, "id"), id)) return true;
    return false;
}

static void want(struct wish *wish, enum read_kind kind, const char *id)
{
    struct plan *plan = &wish->plan;

    if (!*id || plan->count == wish->reads_max || catalogue_knows(wish->catalogue, wish->account, id) ||
        fetch_objects_have(wish->found, id) || is_missing(wish->found, id) ||
        (kind == READ_PRICE && json_object_get(wish->in_items, id)))
        return;
    for (size_t i = 0; i < plan->count; i++)
        if (plan->reads[i].kind == kind && !strcmp(plan->reads[i].id, id))
            return;
    if (read_init(&plan->reads[plan->count], kind, id))
        plan->count++;
}

/* Before lines are looked at. */
static enum err want_of_subscription(struct wish *wish, const json_t *subscription)
{
    const json_t *item;
    size_t i;

    json_array_foreach(members_of(subscription, "items"), i, item)
    {
        const json_t *price = json_object_get(item, "price");
        want(wish, READ_PRODUCT, resolve_id_of(price, "product"));
        if (*text_of(price, "id") &&
            json_object_set_new(wish->in_items, text_of(price, "id"), json_true()) != 0)
            return ERR_NOMEM;
    }
    return ERR_OK;
}

/* Lines of anything but a subscription are no plan's; a shop may have a product for each. */
static bool is_of_subscription(const json_t *line)
{
    const json_t *parent = json_object_get(line, "parent");

    return *resolve_id_of(json_object_get(parent, "subscription_item_details"), "subscription") ||
           *resolve_id_of(json_object_get(parent, "invoice_item_details"), "subscription") ||
           *resolve_id_of(line, "subscription");
}

/* Since basil a line names price and product; before, it had the whole price, which the ledger learns by its name only. */
static void want_of_invoice(struct wish *wish, const json_t *invoice)
{
    const json_t *line;
    size_t i;

    json_array_foreach(members_of(invoice, "lines"), i, line)
    {
        const json_t *pricing = json_object_get(json_object_get(line, "pricing"), "price_details");
        if (!is_of_subscription(line))
            continue;
        want(wish, READ_PRICE, resolve_id_of(pricing, "price"));
        want(wish, READ_PRODUCT, resolve_id_of(pricing, "product"));
        want(wish, READ_PRICE, resolve_id_of(line, "price"));
        want(wish, READ_PRODUCT, resolve_id_of(json_object_get(line, "price"), "product"));
    }
}

enum err catalogue_plan(const struct catalogue *catalogue, const char *account,
                        const struct fetch_objects *found, size_t reads_max, struct plan *ret_plan)
{
    struct wish wish = {.catalogue = catalogue,
                        .in_items = json_object(),
                        .account = account,
                        .found = found,
                        .reads_max = reads_max};
    const json_t *object;
    size_t i;
    enum err err = ERR_NOMEM;

    wish.plan.reads = calloc(reads_max + 1, sizeof *wish.plan.reads);
    if (!wish.plan.reads || !wish.in_items)
        goto out;
    json_array_foreach(found->objects, i, object)
    {
        if (is_a(object, "subscription") && want_of_subscription(&wish, object) != ERR_OK)
            goto out;
        if (is_a(object, "price"))
            want(&wish, READ_PRODUCT, resolve_id_of(object, "product"));
    }
    json_array_foreach(found->objects, i, object)
    {
        if (is_a(object, "invoice"))
            want_of_invoice(&wish, object);
    }
    *ret_plan = wish.plan;
    wish.plan = (struct plan){.count = 0};
    err = ERR_OK;
out:
    json_decref(wish.in_items);
    plan_release(&wish.plan); /* empty after success */
    return err;
}
