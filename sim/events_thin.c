/* Thin events: notifications that name an object instead of showing it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/events.h"
#include "sim/form.h"
#include "sim/render.h"

#define THIN_PREFIX "evt_test_"

static const char *path_of(const char *name)
{
    for (enum object_type type = 0; type < TYPE_COUNT; type++)
        if (strcmp(object_name(type), name) == 0)
            return object_path(type);
    return strcmp(name, "plan") == 0 ? "/v1/plans" : "/v2/core/event_destinations";
}

void thin_type(const struct sim_event *event, char *out, size_t size)
{
    (void)snprintf(out, size, "%s%s", strncmp(event->type, "v2.", 3) == 0 ? "" : "v1.", event->type);
}

/* What to fetch; null: nothing can be. A discount has no id of its own there, only a place under its owner. */
static json_t *related_object(const struct sim_event *event)
{
    if (strcmp(event->subject_type, "discount") == 0 && event->customer_id)
        return json_pack("{s:s, s:o}", "type", "discount", "url",
                         event->subscription_id
                             ? json_sprintf("/v1/customers/%s/subscriptions/%s/discount", event->customer_id,
                                            event->subscription_id)
                             : json_sprintf("/v1/customers/%s/discount", event->customer_id));
    if (!event->subject_id || strcmp(event->type, "invoice.upcoming") == 0)
        return json_null();
    return json_pack("{s:s, s:s, s:o}", "id", event->subject_id, "type", event->subject_type, "url",
                     json_sprintf("%s/%s", path_of(event->subject_type), event->subject_id));
}

json_t *event_render_thin(const struct sim_event *event, bool fetched)
{
    json_t *json = sim_json(json_object());
    json_t *related = sim_json(related_object(event));
    char created[32], type[128];

    calendar_iso(event->o.created, created);
    thin_type(event, type, sizeof type);
    put(json, "id", json_sprintf(THIN_PREFIX "%s", event->o.id + sizeof "evt_" - 1));
    put_text(json, "object", "v2.core.event");
    put_text(json, "type", type);
    put_text(json, "created", created);
    put_flag(json, "livemode", false);
    if (event->sim->platform)
        put_text(json, "context", event->sim->account);
    put(json, "reason",
        event->request_id ? json_pack("{s:s, s:{s:s, s:s?}}", "type", "request", "request", "id",
                                      event->request_id, "idempotency_key", event->idempotency_key)
                          : json_null());
    if (json_is_null(related) && fetched)
        put(json, "data",
            event->subscription_id ? json_pack("{s:s?, s:s}", "customer", event->customer_id, "subscription",
                                               event->subscription_id)
                                   : json_pack("{s:s?}", "customer", event->customer_id));
    if (json_is_null(related))
        json_decref(related);
    else
        put(json, "related_object", related);
    if (fetched && !event->thin_only)
        put_text(json, "snapshot_event", event->o.id);
    return json;
}

char *event_body_thin(const struct sim_event *event)
{
    json_t *json = event_render_thin(event, false);
    char *body = json_dumps(json, JSON_INDENT(2));

    json_decref(json);
    if (!body)
        sim_die("out of memory");
    return body;
}

struct sim_event *event_find_thin(const struct sim *sim, const char *id)
{
    char snapshot[96];

    if (strncmp(id, THIN_PREFIX, sizeof THIN_PREFIX - 1) != 0)
        return NULL;
    (void)snprintf(snapshot, sizeof snapshot, "evt_%.80s", id + sizeof THIN_PREFIX - 1);
    return sim_find_type(sim, snapshot, TYPE_EVENT);
}

/* --- finer notifications --- */

/* When a field of an object of this type changes (to the value, if one is named), this is told. */
static const struct finer {
    const char *of, *field, *to, *type;
} finer[] = {
    {"customer.subscription.updated", "status", "active", "customer.subscription.active"},
    {"customer.subscription.updated", "status", "past_due", "customer.subscription.past_due"},
    {"customer.subscription.updated", "status", "unpaid", "customer.subscription.unpaid"},
    {"customer.subscription.updated", "status", "trialing", "customer.subscription.trialing"},
    {"customer.subscription.updated", "status", "incomplete", "customer.subscription.incomplete"},
    {"customer.subscription.updated", "status", "incomplete_expired",
     "customer.subscription.incomplete_expired"},
    {"customer.subscription.updated", "cancel_at", NULL, "customer.subscription.cancel_at_changed"},
    {"customer.subscription.updated", "default_payment_method", NULL,
     "customer.subscription.default_payment_method_changed"},
    {"price.updated", "active", "true", "price.activated"},
    {"price.updated", "active", "false", "price.deactivated"},
    {"price.updated", "lookup_key", NULL, "price.lookup_key_changed"},
    {"product.updated", "active", "true", "product.activated"},
    {"product.updated", "active", "false", "product.deactivated"},
    {"product.updated", "default_price", NULL, "product.default_price_changed"},
    {"invoiceitem.updated", "amount", NULL, "invoiceitem.amount_changed"},
};

static bool is_value(json_t *value, const char *text)
{
    if (json_is_boolean(value))
        return strcmp(text, json_is_true(value) ? "true" : "false") == 0;
    return json_is_string(value) && strcmp(text, json_string_value(value)) == 0;
}

static json_t *member(json_t *array, const char *id)
{
    json_t *element;
    size_t i;

    json_array_foreach(array, i, element)
    {
        const char *its = json_is_string(element) ? json_string_value(element) : form_text(element, "id");
        if (its && strcmp(its, id) == 0)
            return element;
    }
    return NULL;
}

/* Is there one in `some` that is not in `others`? */
static bool has_more(json_t *some, json_t *others)
{
    json_t *element;
    size_t i;

    json_array_foreach(some, i, element)
    {
        const char *id = json_is_string(element) ? json_string_value(element) : form_text(element, "id");
        if (id && !member(others, id))
            return true;
    }
    return false;
}

/* Does a field differ in an item that is in both? */
static bool item_differs(json_t *before, json_t *after, const char *path)
{
    json_t *item;
    size_t i;

    json_array_foreach(after, i, item)
    {
        json_t *was = member(before, form_text(item, "id"));
        if (was && !json_equal(form_at(was, path), form_at(item, path)))
            return true;
    }
    return false;
}

void emit_thin_changes(struct sim *sim, const char *type, json_t *before, json_t *after)
{
    json_t *was = form_at(before, "items.data"), *is = form_at(after, "items.data");
    json_t *had = json_object_get(before, "discounts"), *has = json_object_get(after, "discounts");

    for (size_t i = 0; i < sizeof finer / sizeof *finer; i++) {
        json_t *now = json_object_get(after, finer[i].field);
        if (strcmp(finer[i].of, type) == 0 && now &&
            !json_equal(json_object_get(before, finer[i].field), now) &&
            (!finer[i].to || is_value(now, finer[i].to)))
            emit_thin(sim, finer[i].type, after, NULL);
    }
    if (strcmp(type, "customer.subscription.updated") == 0) {
        if (has_more(is, was))
            emit_thin(sim, "customer.subscription.item_added", after, NULL);
        if (has_more(was, is))
            emit_thin(sim, "customer.subscription.item_removed", after, NULL);
        if (item_differs(was, is, "price.id"))
            emit_thin(sim, "customer.subscription.item_price_changed", after, NULL);
        if (item_differs(was, is, "quantity"))
            emit_thin(sim, "customer.subscription.item_quantity_changed", after, NULL);
    }
    if (strcmp(type, "invoice.updated") == 0) {
        if (has_more(has, had))
            emit_thin(sim, "invoice.discount_added", after, NULL);
        if (has_more(had, has))
            emit_thin(sim, "invoice.discount_removed", after, NULL);
    }
    if (strcmp(type, "promotion_code.updated") == 0 &&
        json_is_integer(json_object_get(after, "max_redemptions")) &&
        !json_equal(json_object_get(before, "times_redeemed"), json_object_get(after, "times_redeemed")) &&
        json_equal(json_object_get(after, "max_redemptions"), json_object_get(after, "times_redeemed")))
        emit_thin(sim, "promotion_code.fully_redeemed", after, NULL);
}
