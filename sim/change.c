#include <stdlib.h>
#include <string.h>

#include "sim/billing.h"
#include "sim/discount.h"
#include "sim/events.h"
#include "sim/render.h"

struct subscription_change subscription_change_none(void)
{
    return (struct subscription_change){.cancel_at_period_end = -1,
                                        .cancel_at = -1,
                                        .collection = -1,
                                        .days_until_due = -1,
                                        .pause_collection = -1,
                                        .missing_payment_method = -1};
}

static bool change_is_valid(const struct sim *sim, const struct subscription *sub,
                            const struct subscription_change *change, struct refusal *why)
{
    bool only_metadata = !change->items_count && !change->end_trial_now && !change->trial_end &&
                         change->cancel_at_period_end < 0 && change->cancel_at < 0 && !change->discounts &&
                         !change->restart_cycle && change->collection < 0 && change->pause_collection < 0 &&
                         change->missing_payment_method < 0;

    if (subscription_is_over(sub) && !(only_metadata && !change->payment_method))
        return refuse(why, 400, "resource_missing", NULL,
                      "A canceled subscription can only update its cancellation_details and metadata.");
    if (sub->status == SUB_INCOMPLETE && !only_metadata)
        return refuse(why, 400, "status_transition_invalid", NULL,
                      "The subscription is incomplete: only metadata, description and the payment method can "
                      "be updated.");
    if (change->trial_end && change->trial_end <= sim->now)
        return refuse(why, 400, NULL, "trial_end", "Invalid timestamp: must be in the future");
    if (sub->status == SUB_PAUSED &&
        (change->items_count || change->end_trial_now || change->trial_end || change->restart_cycle))
        return refuse(why, 400, NULL, NULL, "The subscription is paused; resume it first.");
    if (change->collection == 1 && change->days_until_due < 0 && !sub->send_invoice)
        return refuse(why, 400, "parameter_missing", "days_until_due",
                      "You must pass `days_until_due` with a collection_method of send_invoice.");
    if (change->pause_collection > 0 && change->resumes_at && change->resumes_at <= sim->now)
        return refuse(why, 400, NULL, "pause_collection[resumes_at]",
                      "Invalid timestamp: must be in the future");
    if (change->cancel_at > 0 && change->cancel_at <= sim->now)
        return refuse(why, 400, NULL, "cancel_at", "Invalid timestamp: must be in the future");
    for (unsigned i = 0; i < change->items_count; i++) {
        const struct price *price = change->items[i].price;
        if (!change->items[i].item && !price)
            return refuse(why, 400, "parameter_missing", "items", "A new item needs a price.");
        if (price && (!price->interval || strcmp(price->currency, sub->currency) != 0))
            return refuse(why, 400, NULL, "items",
                          "The price must be recurring and in the subscription's currency, %s.",
                          sub->currency);
    }
    return true;
}

/* The first item that is still there: there always is one. */
static const struct item *first_item(const struct subscription *sub)
{
    const struct item *first = (const struct item *)sub->items.at[0];

    for (size_t i = 1; i < sub->items.count && first->deleted; i++)
        first = (const struct item *)sub->items.at[i];
    return first;
}

/* The interval all items would have afterwards; false if they would differ. */
static bool interval_after(const struct subscription *sub, const struct subscription_change *change,
                           const struct price **ret_price)
{
    const struct price *price = NULL;

    for (size_t i = 0; i < sub->items.count; i++) {
        const struct item *item = (const struct item *)sub->items.at[i];
        const struct price *then = item->price;
        bool gone = item->deleted;
        for (unsigned n = 0; n < change->items_count; n++) {
            if (change->items[n].item != item)
                continue;
            gone = gone || change->items[n].remove;
            then = change->items[n].price ? change->items[n].price : then;
        }
        if (gone)
            continue;
        if (price && (then->interval != price->interval || then->interval_count != price->interval_count))
            return false;
        price = then;
    }
    for (unsigned n = 0; n < change->items_count; n++) {
        const struct price *then = change->items[n].price;
        if (change->items[n].item || !then)
            continue;
        if (price && (then->interval != price->interval || then->interval_count != price->interval_count))
            return false;
        price = then;
    }
    *ret_price = price;
    return true;
}

/* What an amount of the item costs with the percentages off that are in force. */
static int64_t after_discounts(const struct sim *sim, const struct subscription *sub,
                               const struct price *price, int64_t amount)
{
    struct discountable line = {.product = price->product, .left = amount, .applies = true};

    for (size_t i = 0; i < sub->discounts.count; i++) {
        const struct discount *d = (const struct discount *)sub->discounts.at[i];
        bool lasts = d->coupon->duration != DURATION_ONCE && (!d->end || d->end > sim->now);
        if (lasts && !d->coupon->currency)
            (void)coupon_take(d->coupon, sub->currency, &line, 1);
    }
    return line.left;
}

void subscription_prorate(struct sim *sim, struct item *item, struct price *price, int64_t quantity, int sign)
{
    struct subscription *sub = item->subscription;
    int64_t whole = item->period_end - item->period_start;
    int64_t rest = item->period_end - sim->now;
    if (rest <= 0)
        return;
    int64_t amount = sign * prorate(after_discounts(sim, sub, price, price->unit_amount * quantity), rest,
                                    whole, sub->currency);
    struct invoiceitem *ii = invoiceitem_create(
        sim, sub->customer, sub->currency, amount,
        sim_format(sim, "%s time on %.200s", sign < 0 ? "Unused" : "Remaining", price->product->name));

    ii->subscription = sub;
    ii->item = item;
    ii->price = price;
    ii->quantity = quantity;
    ii->period_end = item->period_end;
    ii->proration = true;
    emit(sim, "invoiceitem.created", &ii->o);
}

/* Change the items; with credits and debits where `prorated` asks for them. */
static void change_items(struct sim *sim, struct subscription *sub, const struct subscription_change *change,
                         bool credit, bool debit)
{
    const struct item *sibling = first_item(sub);

    for (unsigned i = 0; i < change->items_count; i++) {
        struct item *item = change->items[i].item;
        struct price *price = change->items[i].price;
        int64_t quantity = change->items[i].quantity;

        if (!item) {
            item = sim_object(sim, TYPE_ITEM, sizeof *item);
            item->subscription = sub;
            item->price = price;
            item->quantity = quantity < 0 ? 1 : quantity;
            item->period_start = sibling->period_start;
            item->period_end = sibling->period_end;
            list_push(sim, &sub->items, &item->o);
            if (debit)
                subscription_prorate(sim, item, item->price, item->quantity, 1);
            continue;
        }
        if (!change->items[i].remove && (!price || price == item->price) &&
            (quantity < 0 || quantity == item->quantity))
            continue;
        if (credit)
            subscription_prorate(sim, item, item->price, item->quantity, -1);
        item->price = price ? price : item->price;
        item->quantity = quantity < 0 ? item->quantity : quantity;
        item->deleted = change->items[i].remove;
        if (debit && !item->deleted)
            subscription_prorate(sim, item, item->price, item->quantity, 1);
    }
}

void subscription_restart_cycle(struct sim *sim, struct subscription *sub)
{
    sub->anchor = sim->now;
    for (size_t i = 0; i < sub->items.count; i++) {
        struct item *item = (struct item *)sub->items.at[i];
        if (item->deleted)
            continue;
        item->period_start = sim->now;
        item->period_end =
            calendar_next(sim->now, item->price->interval, item->price->interval_count, sim->now);
    }
}

struct invoice *subscription_invoice_now(struct sim *sim, struct subscription *sub, bool whole_period)
{
    struct invoice *inv = invoice_create(sim, sub->customer, sub, "subscription_update", sub->currency);

    invoice_take_pending(sim, inv);
    for (size_t i = 0; whole_period && i < sub->items.count; i++)
        if (!((struct item *)sub->items.at[i])->deleted)
            invoice_add_item(sim, inv, (struct item *)sub->items.at[i]);
    invoice_take_discounts(sim, inv);
    subscription_plan_invoice(sim, inv, true);
    invoice_announce(sim, inv);
    return inv;
}

static void change_cancellation(struct sim *sim, struct subscription *sub,
                                const struct subscription_change *change)
{
    bool ends = sub->cancel_at_period_end;
    int64_t at = sub->cancel_at;

    if (change->cancel_at_period_end >= 0) {
        ends = change->cancel_at_period_end;
        at = ends ? subscription_period_end(sub) : 0;
    }
    if (change->cancel_at >= 0) {
        ends = false;
        at = change->cancel_at;
        if (at)
            sim_book(sim, at, DUE_CANCEL_AT, sub, 0);
    }
    if (ends && sub->cancel_at_period_end)
        at = subscription_period_end(sub); /* the period may have moved */
    sub->cancel_at_period_end = ends;
    sub->cancel_at = at;
    sub->canceled_at = !at ? 0 : sub->canceled_at ? sub->canceled_at : sim->now;
    sub->cancel_reason = at ? "cancellation_requested" : NULL;
}

/* Credit for the rest of every item's period, as it was before the change. */
static void credit_rest(struct sim *sim, struct subscription *sub, bool prorated)
{
    for (size_t i = 0; prorated && i < sub->items.count; i++) {
        struct item *item = (struct item *)sub->items.at[i];
        if (!item->deleted)
            subscription_prorate(sim, item, item->price, item->quantity, -1);
    }
}

/* A running subscription gets a trial: what was paid for the rest becomes credit, by an invoice with a negative total. */
static struct invoice *back_to_trial(struct sim *sim, struct subscription *sub,
                                     const struct subscription_change *change, bool prorated)
{
    credit_rest(sim, sub, prorated);
    change_items(sim, sub, change, false, false);
    sub->status = SUB_TRIALING;
    sub->trial_start = sim->now;
    sub->trial_end = sub->anchor = change->trial_end;
    for (size_t i = 0; i < sub->items.count; i++) {
        struct item *item = (struct item *)sub->items.at[i];
        item->period_start = sim->now;
        item->period_end = change->trial_end;
    }
    return subscription_invoice_now(sim, sub, true);
}

/* What of the change touches money and periods. Returns the invoice to collect now, or NULL. */
static struct invoice *change_billing(struct sim *sim, struct subscription *sub,
                                      const struct subscription_change *change, bool new_interval)
{
    bool trialing = sub->status == SUB_TRIALING;
    bool prorated = change->proration != NO_PRORATION && !trialing;

    if (trialing && change->end_trial_now) {
        change_items(sim, sub, change, false, false);
        sub->trial_end = sim->now;
        sub->status = SUB_ACTIVE;
        subscription_restart_cycle(sim, sub);
        return subscription_invoice_now(sim, sub, true);
    }
    if (trialing && change->trial_end) {
        sub->trial_end = sub->anchor = change->trial_end;
        for (size_t i = 0; i < sub->items.count; i++)
            ((struct item *)sub->items.at[i])->period_end = change->trial_end;
    }
    if (!trialing && change->trial_end)
        return back_to_trial(sim, sub, change, prorated);
    if (!change->items_count && !change->restart_cycle)
        return NULL;
    if ((new_interval || change->restart_cycle) && !trialing) {
        if (change->restart_cycle && !new_interval)
            credit_rest(sim, sub, prorated);
        change_items(sim, sub, change, prorated && new_interval, false);
        subscription_restart_cycle(sim, sub);
        return subscription_invoice_now(sim, sub, true);
    }
    size_t pending = sub->customer->of[TYPE_INVOICEITEM].count;
    change_items(sim, sub, change, prorated, prorated);
    if (change->proration == ALWAYS_INVOICE && sub->customer->of[TYPE_INVOICEITEM].count > pending)
        return subscription_invoice_now(sim, sub, false);
    return NULL;
}

/* What a period costs before discounts: the amount that a code's minimum is compared with. */
static int64_t subtotal_of(const struct subscription *sub)
{
    int64_t sum = 0;

    for (size_t i = 0; i < sub->items.count; i++) {
        const struct item *item = (const struct item *)sub->items.at[i];
        sum += item->deleted ? 0 : item->price->unit_amount * item->quantity;
    }
    return sum;
}

bool subscription_change(struct sim *sim, struct subscription *sub, const struct subscription_change *change,
                         struct refusal *why)
{
    const struct price *then = NULL;
    const struct item *first = first_item(sub);

    if (!change_is_valid(sim, sub, change, why))
        return false;
    if (!interval_after(sub, change, &then))
        return refuse(why, 400, NULL, "items", "All prices must have the same billing interval.");
    if (!then)
        return refuse(why, 400, NULL, "items", "A subscription must have at least one active plan.");
    bool new_interval =
        then->interval != first->price->interval || then->interval_count != first->price->interval_count;
    if (change->discounts && !discounts_are_redeemable(sim, change->discounts, sub->customer, sub->currency,
                                                       subtotal_of(sub), why))
        return false;
    int64_t end_before = subscription_period_end(sub);
    json_t *before = render_object(sim, &sub->o);

    if (change->payment_method)
        sub->payment_method = change->payment_method;
    if (change->collection >= 0)
        sub->send_invoice = change->collection;
    if (change->days_until_due >= 0)
        sub->days_until_due = change->days_until_due;
    if (change->missing_payment_method >= 0)
        sub->missing_payment_method = (enum missing_payment_method)change->missing_payment_method;
    if (change->pause_collection >= 0)
        subscription_set_pause_collection(sim, sub, (enum pause_collection)change->pause_collection,
                                          change->resumes_at);
    if (change->metadata)
        metadata_merge(&sub->o, change->metadata);
    if (change->discounts)
        subscription_set_discounts(sim, sub, change->discounts);
    struct invoice *inv = change_billing(sim, sub, change, new_interval);
    change_cancellation(sim, sub, change);
    if (!subscription_is_over(sub) && subscription_period_end(sub) != end_before)
        subscription_book_period_end(sim, sub);
    emit_updated(sim, "customer.subscription.updated", &sub->o, before);
    if (inv)
        subscription_bill(sim, inv);
    return true;
}
