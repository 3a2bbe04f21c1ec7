/* API: subscriptions and their items. */
#include <string.h>

#include "sim/call.h"
#include "sim/render.h"
#include "sim/values.h"

/* The quantity of an item to be; otherwise what stands in *ret_quantity. -1: the one it has. */
static bool quantity_of(struct call *call, json_t *entry, const struct item *item, const struct price *price,
                        int64_t *ret_quantity)
{
    if (!quantity_param(call, entry, "items", 0, ret_quantity))
        return false;
    int64_t quantity = *ret_quantity >= 0 ? *ret_quantity : item ? item->quantity : 1;
    return quantity_is_payable(call, price ? price : item ? item->price : NULL, quantity, "items");
}

static bool order_items(struct call *call, struct subscription_order *order)
{
    json_t *items = json_object_get(call->params, "items");
    const char *key;
    json_t *entry;

    json_object_foreach(items, key, entry)
    {
        const char *id = form_text(entry, "price");
        struct price *price = sim_find_type(call->sim, id, TYPE_PRICE);
        if (order->items_count == SUBSCRIPTION_ITEMS_MAX)
            return refuse(&call->why, 400, NULL, "items", "A subscription has at most %d items.",
                          SUBSCRIPTION_ITEMS_MAX);
        if (!price)
            return refuse(&call->why, 400, "resource_missing", "items[0][price]", "No such price: '%.80s'",
                          id ? id : "");
        order->items[order->items_count].quantity = 1;
        if (!quantity_of(call, entry, NULL, price, &order->items[order->items_count].quantity))
            return false;
        order->items[order->items_count++].price = price;
    }
    return true;
}

static bool payment_behavior_of(struct call *call, enum payment_behavior *ret_behavior)
{
    static const char *const names[] = {"allow_incomplete", "default_incomplete", "error_if_incomplete",
                                        "pending_if_incomplete"};
    const char *name = form_text(call->params, "payment_behavior");

    *ret_behavior = ALLOW_INCOMPLETE;
    for (unsigned i = 0; name && i < 4; i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret_behavior = (enum payment_behavior)i;
            return true;
        }
    }
    return !name ||
           refuse(&call->why, 400, NULL, "payment_behavior", "Invalid payment_behavior: %.40s", name);
}

static bool payment_method_param(struct call *call, struct customer *c, struct payment_method **ret_pm)
{
    const char *token = form_text(call->params, "default_payment_method");

    if (!token || !*token)
        return true;
    *ret_pm = payment_method_from(call->sim, c, token);
    return *ret_pm || refuse(&call->why, 400, "resource_missing", "default_payment_method",
                             "No such PaymentMethod: '%.80s'", token);
}

/* The place of a parameter's text among names; `otherwise` if it is absent. False after a refusal. */
static bool choice(struct call *call, const char *param, const char *const *names, int count, int otherwise,
                   int *ret_choice)
{
    const char *text = form_text(call->params, param);

    *ret_choice = otherwise;
    for (int i = 0; text && i < count; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_choice = i;
            return true;
        }
    }
    return !text || refuse(&call->why, 400, NULL, param, "Invalid %s: %.40s", param, text);
}

static const char *const collections[] = {"charge_automatically", "send_invoice"};
static const char *const missing_methods[] = {"create_invoice", "pause", "cancel"};
static const char *const billing_modes[] = {"classic", "flexible"};
static const char *const pauses[] = {"", "keep_as_draft", "mark_uncollectible", "void"};
#define COLLECTION         "collection_method"
#define DAYS_UNTIL_DUE_MAX 1000
#define MISSING_METHOD     "trial_settings.end_behavior.missing_payment_method"

static bool days_until_due_param(struct call *call, int64_t *ret_days)
{
    if (!form_at(call->params, "days_until_due") || (form_integer(call->params, "days_until_due", ret_days) &&
                                                     *ret_days >= 0 && *ret_days <= DAYS_UNTIL_DUE_MAX))
        return true;
    return refuse(&call->why, 400, "parameter_invalid_integer", "days_until_due", "Invalid integer");
}

static bool past_param(struct call *call, const char *param, int64_t *ret_at)
{
    if (!form_at(call->params, param))
        return true;
    if (!form_integer(call->params, param, ret_at))
        return refuse(&call->why, 400, "parameter_invalid_integer", param, "Invalid integer");
    if (*ret_at >= call->sim->now || call->sim->now - *ret_at > YEARS(5))
        return refuse(&call->why, 400, NULL, param, "Invalid timestamp: must be in the past");
    return true;
}

/* How it is billed: of a new subscription. */
static bool order_billing(struct call *call, struct subscription_order *order)
{
    const char *proration = form_text(call->params, "proration_behavior");
    int collection, missing, mode;

    if (!choice(call, COLLECTION, collections, 2, 0, &collection) ||
        !choice(call, MISSING_METHOD, missing_methods, 3, 0, &missing) ||
        !choice(call, "billing_mode.type", billing_modes, 2, 0, &mode))
        return false;
    order->send_invoice = collection == 1;
    order->missing_payment_method = (enum missing_payment_method)missing;
    order->flexible = mode == 1;
    order->prorate_first = !proration || strcmp(proration, "none") != 0;
    if (!time_param(call, call->params, "billing_cycle_anchor", "billing_cycle_anchor", NULL, YEARS(5),
                    &order->billing_cycle_anchor) ||
        !days_until_due_param(call, &order->days_until_due))
        return false;
    if (!past_param(call, "backdate_start_date", &order->start_date))
        return false;
    if (order->send_invoice && !form_at(call->params, "days_until_due"))
        return refuse(&call->why, 400, "parameter_missing", "days_until_due",
                      "You must pass `days_until_due` with a collection_method of send_invoice.");
    return true;
}

/* billing_cycle_anchor as it was before 2026-09-30.endive, and as it is since. */
static const char *anchor_param(struct call *call)
{
    const char *text = form_text(call->params, "billing_cycle_anchor.type");

    return text ? text : form_text(call->params, "billing_cycle_anchor");
}

/* The same of one that runs. */
static bool change_billing(struct call *call, struct subscription_change *change)
{
    const char *anchor = anchor_param(call);
    json_t *pause = json_object_get(call->params, "pause_collection");

    if (!choice(call, COLLECTION, collections, 2, -1, &change->collection) ||
        !choice(call, MISSING_METHOD, missing_methods, 3, -1, &change->missing_payment_method) ||
        !choice(call, "pause_collection.behavior", pauses, 4, -1, &change->pause_collection))
        return false;
    if (json_is_string(pause)) /* an empty one unpauses */
        change->pause_collection = NOT_PAUSED;
    if (!time_param(call, call->params, "pause_collection.resumes_at", "pause_collection[resumes_at]", NULL,
                    YEARS(5), &change->resumes_at) ||
        !days_until_due_param(call, &change->days_until_due))
        return false;
    change->restart_cycle = anchor && strcmp(anchor, "now") == 0;
    return true;
}

static void take_cancellation_details(struct call *call, struct subscription *sub)
{
    const char *comment = form_text(call->params, "cancellation_details.comment");
    const char *feedback = form_text(call->params, "cancellation_details.feedback");

    if (comment)
        sub->cancel_comment = *comment ? sim_text(call->sim, comment) : NULL;
    if (feedback)
        sub->cancel_feedback = *feedback ? sim_text(call->sim, feedback) : NULL;
}

static bool metadata_param(struct call *call, json_t **ret_metadata)
{
    *ret_metadata = json_object_get(call->params, "metadata");
    return !*ret_metadata || json_is_object(*ret_metadata) ||
           refuse(&call->why, 400, NULL, "metadata", "Invalid hash");
}

void subscriptions_create(struct call *call)
{
    struct subscription_order order = {.customer = call_param(call, "customer", TYPE_CUSTOMER)};
    struct subscription *sub;
    int64_t days = 0;

    if (!order.customer && !call->why.status)
        (void)refuse(&call->why, 400, "parameter_missing", "customer", "Missing required param: customer.");
    if (call->why.status || !order_items(call, &order) ||
        !payment_behavior_of(call, &order.payment_behavior) || !metadata_param(call, &order.metadata) ||
        !payment_method_param(call, order.customer, &order.payment_method) ||
        !discount_params(call, json_object_get(call->params, "discounts"), NULL, &order.discounts) ||
        !order_billing(call, &order))
        return;
    if (form_at(call->params, "trial_period_days") &&
        (!form_integer(call->params, "trial_period_days", &days) || days < 0 || days > TRIAL_DAYS_MAX)) {
        (void)refuse(&call->why, 400, "parameter_invalid_integer", "trial_period_days",
                     "trial_period_days must be a whole number up to %d.", TRIAL_DAYS_MAX);
        return;
    }
    if (days)
        order.trial_end = call->sim->now + days * DAY;
    if (!time_param(call, call->params, "trial_end", "trial_end", "now", TRIAL_DAYS_MAX * DAY,
                    &order.trial_end) ||
        !time_param(call, call->params, "cancel_at", "cancel_at", NULL, YEARS(5), &order.cancel_at))
        return;
    order.cancel_at_period_end = form_flag(call->params, "cancel_at_period_end", false);
    if (subscription_create(call->sim, &order, &sub, &call->why))
        call_answer(call, &sub->o);
}

void subscriptions_get(struct call *call)
{
    struct subscription *sub = call_object(call, TYPE_SUBSCRIPTION);

    if (sub)
        call_answer(call, &sub->o);
}

static bool change_item(struct call *call, struct subscription *sub, json_t *entry,
                        struct subscription_change *change)
{
    const char *item_id = form_text(entry, "id");
    const char *price_id = form_text(entry, "price");
    unsigned n = change->items_count;

    if (n == SUBSCRIPTION_ITEMS_MAX)
        return refuse(&call->why, 400, NULL, "items", "Too many items.");
    change->items[n].item = sim_find_type(call->sim, item_id, TYPE_ITEM);
    change->items[n].price = sim_find_type(call->sim, price_id, TYPE_PRICE);
    change->items[n].remove = form_flag(entry, "deleted", false);
    if (item_id && (!change->items[n].item || change->items[n].item->subscription != sub ||
                    change->items[n].item->deleted))
        return refuse(&call->why, 400, "resource_missing", "items[0][id]",
                      "No such subscription item: '%.80s'", item_id);
    if (price_id && !change->items[n].price)
        return refuse(&call->why, 400, "resource_missing", "items[0][price]", "No such price: '%.80s'",
                      price_id);
    change->items_count++;
    change->items[n].quantity = -1;
    return quantity_of(call, entry, change->items[n].item, change->items[n].price,
                       &change->items[n].quantity);
}

static bool proration_of(struct call *call, enum proration *ret_proration)
{
    static const char *const names[] = {"create_prorations", "always_invoice", "none"};
    const char *name = form_text(call->params, "proration_behavior");

    for (unsigned i = 0; name && i < 3; i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret_proration = (enum proration)i;
            return true;
        }
    }
    return !name ||
           refuse(&call->why, 400, NULL, "proration_behavior", "Invalid proration_behavior: %.40s", name);
}

static bool change_times(struct call *call, struct subscription_change *change)
{
    const char *trial_end = form_text(call->params, "trial_end");
    const char *cancel_at = form_text(call->params, "cancel_at");

    if (trial_end && strcmp(trial_end, "now") == 0)
        change->end_trial_now = true;
    else if (!time_param(call, call->params, "trial_end", "trial_end", NULL, TRIAL_DAYS_MAX * DAY,
                         &change->trial_end))
        return false;
    if (cancel_at && !*cancel_at)
        change->cancel_at = 0;
    else if (!time_param(call, call->params, "cancel_at", "cancel_at", NULL, YEARS(5), &change->cancel_at))
        return false;
    if (form_at(call->params, "cancel_at_period_end"))
        change->cancel_at_period_end = form_flag(call->params, "cancel_at_period_end", false);
    return true;
}

void subscriptions_update(struct call *call)
{
    struct subscription *sub = call_object(call, TYPE_SUBSCRIPTION);
    struct subscription_change change = subscription_change_none();
    struct discount_wishes discounts;
    const char *key;
    json_t *entry;

    if (!sub)
        return;
    json_object_foreach(json_object_get(call->params, "items"), key,
                        entry) if (!change_item(call, sub, entry, &change)) return;
    if (!proration_of(call, &change.proration) || !metadata_param(call, &change.metadata) ||
        !payment_method_param(call, sub->customer, &change.payment_method) ||
        !discount_params(call, json_object_get(call->params, "discounts"), &sub->discounts, &discounts))
        return;
    if (json_object_get(call->params, "discounts")) /* an empty text takes them all away */
        change.discounts = &discounts;
    if (!change_times(call, &change) || !change_billing(call, &change))
        return;
    const char *comment = sub->cancel_comment, *feedback = sub->cancel_feedback;
    take_cancellation_details(call, sub);
    if (subscription_change(call->sim, sub, &change, &call->why)) {
        call_answer(call, &sub->o);
    } else {
        sub->cancel_comment = comment;
        sub->cancel_feedback = feedback;
    }
}

void subscriptions_cancel(struct call *call)
{
    struct subscription *sub = call_object(call, TYPE_SUBSCRIPTION);

    if (!sub)
        return;
    if (subscription_is_over(sub)) {
        (void)refuse(&call->why, 404, "resource_missing", "id", "No such subscription: '%s'", sub->o.id);
        return;
    }
    take_cancellation_details(call, sub);
    subscription_cancel_now(call->sim, sub, form_flag(call->params, "prorate", false),
                            form_flag(call->params, "invoice_now", false));
    call_answer(call, &sub->o);
}

void subscriptions_pause(struct call *call)
{
    struct subscription *sub = call_object(call, TYPE_SUBSCRIPTION);

    if (sub && !call_says(call, "type", "subscription"))
        (void)refuse(&call->why, 400, NULL, "type", "Invalid type: must be subscription");
    else if (sub && subscription_pause(call->sim, sub, &call->why))
        call_answer(call, &sub->o);
}

void subscriptions_resume(struct call *call)
{
    static const char *const behaviors[] = {"resume_on_payment_success", "resume_on_payment_attempt"};
    struct subscription *sub = call_object(call, TYPE_SUBSCRIPTION);
    const char *anchor = anchor_param(call);
    struct resume resume = {.keep_cycle = anchor && strcmp(anchor, "unchanged") == 0};
    int behavior;

    if (!sub || !choice(call, "payment_behavior", behaviors, 2, 0, &behavior))
        return;
    resume.at_once = behavior == 1;
    if (subscription_resume(call->sim, sub, &resume, &call->why))
        call_answer(call, &sub->o);
}

static bool has_price(const struct subscription *sub, const char *price)
{
    for (size_t i = 0; i < sub->items.count; i++) {
        const struct item *item = (const struct item *)sub->items.at[i];
        if (!item->deleted && strcmp(item->price->o.id, price) == 0)
            return true;
    }
    return false;
}

static bool subscription_matches(struct call *call, const struct object *o)
{
    const struct subscription *sub = (const struct subscription *)o;
    const char *status = form_text(call->params, "status");
    const char *price = form_text(call->params, "price");

    if ((price && !has_price(sub, price)) ||
        !call_says(call, "collection_method", sub->send_invoice ? collections[1] : collections[0]) ||
        (!form_text(call->params, "customer") && !call_on_clock(call, sub->customer)))
        return false;
    if (!status)
        return sub->status != SUB_CANCELED;
    if (strcmp(status, "all") == 0)
        return true;
    if (strcmp(status, "ended") == 0)
        return subscription_is_over(sub);
    return strcmp(status, subscription_status_name(sub->status)) == 0;
}

void subscriptions_list(struct call *call)
{
    const struct list *scope = call_scope(call, TYPE_SUBSCRIPTION);

    if (scope)
        call_list(call, scope, false, subscription_matches);
}

static struct item *item_here(struct call *call)
{
    struct item *item = call_object(call, TYPE_ITEM);

    if (!item || !item->deleted)
        return item;
    (void)refuse(&call->why, 404, "resource_missing", "item", "No such subscription_item: '%s'", item->o.id);
    return NULL;
}

void items_get(struct call *call)
{
    struct item *item = item_here(call);

    if (item)
        call_answer(call, &item->o);
}

/* One item of a subscription changes: id NULL makes a new one. Answers with it. */
static void change_one(struct call *call, struct subscription *sub, struct item *item, bool remove)
{
    struct subscription_change change = subscription_change_none();
    const char *price = form_text(call->params, "price");
    json_t *metadata = json_object_get(call->params, "metadata");

    change.items_count = 1;
    change.items[0].item = item;
    change.items[0].price = sim_find_type(call->sim, price, TYPE_PRICE);
    change.items[0].remove = remove;
    if (price && !change.items[0].price) {
        (void)refuse(&call->why, 400, "resource_missing", "price", "No such price: '%.80s'", price);
        return;
    }
    change.items[0].quantity = -1;
    if (!quantity_of(call, call->params, item, change.items[0].price, &change.items[0].quantity) ||
        !proration_of(call, &change.proration) || !subscription_change(call->sim, sub, &change, &call->why))
        return;
    if (!item)
        item = (struct item *)sub->items.at[sub->items.count - 1];
    if (json_is_object(metadata))
        metadata_merge(&item->o, metadata);
    call_answer(call, &item->o);
}

void items_create(struct call *call)
{
    struct subscription *sub = call_param(call, "subscription", TYPE_SUBSCRIPTION);

    if (!sub && !call->why.status)
        (void)refuse(&call->why, 400, "parameter_missing", "subscription",
                     "Missing required param: subscription.");
    if (sub)
        change_one(call, sub, NULL, false);
}

void items_update(struct call *call)
{
    struct item *item = item_here(call);

    if (item)
        change_one(call, item->subscription, item, false);
}

void items_delete(struct call *call)
{
    struct item *item = item_here(call);

    if (item)
        change_one(call, item->subscription, item, true);
}

static bool item_matches(struct call *call, const struct object *o)
{
    (void)call;
    return !((const struct item *)o)->deleted;
}

void items_list(struct call *call)
{
    struct subscription *sub = call_param(call, "subscription", TYPE_SUBSCRIPTION);

    if (!sub && !call->why.status)
        (void)refuse(&call->why, 400, "parameter_missing", "subscription",
                     "Missing required param: subscription.");
    if (sub)
        call_list(call, &sub->items, true, item_matches);
}
