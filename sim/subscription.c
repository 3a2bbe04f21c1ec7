#include <assert.h>
#include <string.h>

#include "sim/billing.h"
#include "sim/discount.h"
#include "sim/events.h"
#include "sim/render.h"
#include "sim/schedule.h"

#define INCOMPLETE_HOURS 23

int64_t subscription_period_end(const struct subscription *sub)
{
    int64_t end = 0;

    for (size_t i = 0; i < sub->items.count; i++) {
        const struct item *item = (const struct item *)sub->items.at[i];
        if (!item->deleted && (!end || item->period_end < end))
            end = item->period_end;
    }
    return end;
}

struct invoice *subscription_latest_invoice(const struct subscription *sub)
{
    return sub->invoices.count ? (struct invoice *)sub->invoices.at[sub->invoices.count - 1] : NULL;
}

void subscription_set_status(struct sim *sim, struct subscription *sub, enum subscription_status status)
{
    if (sub->status == status)
        return;
    json_t *before = render_object(sim, &sub->o);
    sub->status = status;
    if (sub->creating)
        json_decref(before);
    else
        emit_updated(sim, "customer.subscription.updated", &sub->o, before);
}

void subscription_book_period_end(struct sim *sim, struct subscription *sub)
{
    int64_t end = subscription_period_end(sub);
    const struct item *first = (const struct item *)sub->items.at[0];

    sub->period_token++;
    sim_book(sim, end, DUE_PERIOD_END, sub, sub->period_token);
    if (sub->status == SUB_TRIALING)
        sim_book(sim, end - 3 * DAY > sim->now ? end - 3 * DAY : sim->now, DUE_TRIAL_WILL_END, sub,
                 sub->period_token);
    else if (first->price->interval >= INTERVAL_MONTH)
        sim_book(sim, end - 7 * DAY, DUE_UPCOMING, sub, sub->period_token);
}

/* --- create --- */

static bool order_is_valid(const struct subscription_order *order, struct payment_method *pm, struct sim *sim,
                           struct refusal *why)
{
    const struct price *first = order->items[0].price;

    if (order->customer->deleted)
        return refuse(why, 404, "resource_missing", "customer", "No such customer: '%s'",
                      order->customer->o.id);
    if (!order->items_count)
        return refuse(why, 400, "parameter_missing", "items", "Missing required param: items.");
    for (unsigned i = 0; i < order->items_count; i++) {
        const struct price *price = order->items[i].price;
        if (!price->interval)
            return refuse(why, 400, NULL, "items",
                          "The price specified is set to `type=one_time` but this field only accepts prices "
                          "with `type=recurring`.");
        if (strcmp(price->currency, first->currency) != 0)
            return refuse(why, 400, NULL, "items", "All prices must have the same currency.");
        if (price->interval != first->interval || price->interval_count != first->interval_count)
            return refuse(why, 400, NULL, "items", "All prices must have the same billing interval.");
    }
    if (order->trial_end && order->trial_end <= sim->now)
        return refuse(why, 400, NULL, "trial_end", "Invalid timestamp: must be in the future");
    if (order->send_invoice && order->days_until_due < 0)
        return refuse(why, 400, NULL, "days_until_due", "Invalid days_until_due");
    if (order->billing_cycle_anchor &&
        (order->trial_end || order->billing_cycle_anchor <= sim->now ||
         order->billing_cycle_anchor > calendar_add(sim->now, first->interval, first->interval_count)))
        return refuse(why, 400, NULL, "billing_cycle_anchor",
                      "billing_cycle_anchor must lie within the first period, and there must be no trial.");
    if (!pm && !order->trial_end && !order->paid_by && !order->send_invoice &&
        order->payment_behavior != DEFAULT_INCOMPLETE)
        return refuse(why, 400, "resource_missing", NULL,
                      "This customer has no attached payment source or default payment method.");
    if (pm && pm->declines && !order->trial_end && !order->send_invoice && !order->paid_by &&
        order->payment_behavior == ERROR_IF_INCOMPLETE)
        return refuse(why, 402, "card_declined", NULL, "Your card was declined.");
    return true;
}

/* The time before it was made is part of its first period: up to an anchor to come there is one line for all of it. */
static bool reaches_back(const struct subscription_order *order)
{
    return order->start_date && order->billing_cycle_anchor && order->prorate_first;
}

static struct subscription *build(struct sim *sim, const struct subscription_order *order)
{
    struct subscription *sub = sim_object(sim, TYPE_SUBSCRIPTION, sizeof *sub);
    const struct price *first = order->items[0].price;

    sub->customer = order->customer;
    sub->currency = first->currency;
    sub->creating = true;
    sub->status = order->trial_end ? SUB_TRIALING : order->send_invoice ? SUB_ACTIVE : SUB_INCOMPLETE;
    sub->send_invoice = order->send_invoice;
    sub->days_until_due = order->days_until_due;
    sub->flexible = order->flexible;
    sub->missing_payment_method = order->missing_payment_method;
    sub->payment_method = order->payment_method;
    sub->start_date = order->start_date ? order->start_date : sim->now;
    sub->anchor = order->trial_end              ? order->trial_end
                  : order->billing_cycle_anchor ? order->billing_cycle_anchor
                                                : sim->now;
    sub->trial_start = order->trial_end ? sim->now : 0;
    sub->trial_end = order->trial_end;
    sub->dunning_end = (enum dunning_end)sim->knobs.dunning_end;
    if (order->metadata)
        metadata_merge(&sub->o, order->metadata);
    for (unsigned i = 0; i < order->items_count; i++) {
        struct item *item = sim_object(sim, TYPE_ITEM, sizeof *item);
        item->subscription = sub;
        item->price = order->items[i].price;
        item->quantity = order->items[i].quantity;
        item->period_start = reaches_back(order) ? order->start_date : sim->now;
        item->period_end = order->trial_end
                               ? order->trial_end
                               : calendar_next(sub->anchor, first->interval, first->interval_count, sim->now);
        list_push(sim, &sub->items, &item->o);
    }
    if (order->cancel_at_period_end) {
        sub->cancel_at_period_end = true;
        sub->cancel_at = subscription_period_end(sub);
        sub->canceled_at = sim->now;
        sub->cancel_reason = "cancellation_requested";
    } else if (order->cancel_at) {
        sub->cancel_at = order->cancel_at;
        sub->canceled_at = sim->now;
        sub->cancel_reason = "cancellation_requested";
        sim_book(sim, sub->cancel_at, DUE_CANCEL_AT, sub, 0);
    }
    list_push(sim, &order->customer->of[TYPE_SUBSCRIPTION], &sub->o);
    return sub;
}

/* The time before it was made: in one line, or by natural periods if the billing mode is flexible. */
static void bill_elapsed(struct sim *sim, struct invoice *inv, const struct subscription_order *order)
{
    const struct subscription *sub = inv->subscription;

    for (size_t i = 0; i < sub->items.count; i++) {
        struct item *item = (struct item *)sub->items.at[i];
        int64_t from = order->start_date;
        for (int64_t n = 1; order->flexible && from < sim->now; n++) {
            int64_t to =
                calendar_add(order->start_date, item->price->interval, n * item->price->interval_count);
            invoice_add_time(sim, inv, item, from, to < sim->now ? to : sim->now);
            from = to;
        }
        if (!order->flexible)
            invoice_add_time(sim, inv, item, from, sim->now);
    }
}

/* The first period is only the part up to the anchor: billed for that part of a whole one, or not at all. */
static void shorten_first(struct invoice *inv, const struct subscription_order *order)
{
    for (size_t i = 0; i < inv->lines.count; i++) {
        struct line *line = (struct line *)inv->lines.at[i];
        int64_t whole = calendar_add(line->period_end, line->price->interval, line->price->interval_count) -
                        line->period_end;
        int64_t part = line->period_end - line->period_start;
        if (part < whole)
            line->amount = order->prorate_first ? prorate(line->amount, part, whole, inv->currency) : 0;
    }
    invoice_total_up(inv);
}

static void first_invoice(struct sim *sim, struct subscription *sub, const struct subscription_order *order)
{
    struct invoice *inv = invoice_create(sim, sub->customer, sub, "subscription_create", sub->currency);

    if (order->start_date && order->prorate_first && !reaches_back(order))
        bill_elapsed(sim, inv, order);
    for (size_t i = 0; i < sub->items.count; i++) {
        struct item *item = (struct item *)sub->items.at[i];
        if (reaches_back(order))
            invoice_add_time(sim, inv, item, item->period_start, item->period_end);
        else
            invoice_add_item(sim, inv, item);
    }
    if (order->billing_cycle_anchor && !reaches_back(order))
        shorten_first(inv, order);
    invoice_take_discounts(sim, inv);
    if (sub->send_invoice && inv->total > 0) { /* a draft first, like every invoice that is sent */
        subscription_plan_invoice(sim, inv, false);
        invoice_announce(sim, inv);
        return;
    }
    invoice_announce(sim, inv);
    invoice_finalize(sim, inv);
    if (inv->status == INVOICE_PAID)
        return;
    if (order->paid_by) {
        /* What checkout charged is what is due, unless a balance was used up in between: then the rest is owed. */
        invoice_pay_with(sim, inv, order->paid_by);
    } else if (order->payment_behavior != DEFAULT_INCOMPLETE) {
        (void)invoice_collect(sim, inv, order->payment_method, true);
    }
}

static int64_t order_subtotal(const struct subscription_order *order)
{
    int64_t sum = 0;

    for (unsigned i = 0; i < order->items_count; i++)
        sum += order->items[i].price->unit_amount * order->items[i].quantity;
    return sum;
}

bool subscription_create(struct sim *sim, const struct subscription_order *order,
                         struct subscription **ret_sub, struct refusal *why)
{
    struct payment_method *pm =
        order->payment_method ? order->payment_method : order->customer->payment_method;

    if (!order_is_valid(order, pm, sim, why))
        return false;
    if (!order->paid_by && /* then it was asked before the money was taken */
        !discounts_are_redeemable(sim, &order->discounts, order->customer, order->items[0].price->currency,
                                  order_subtotal(order), why))
        return false;
    struct subscription *sub = build(sim, order);
    subscription_set_discounts(sim, sub, &order->discounts);
    first_invoice(sim, sub, order);
    if (sub->status == SUB_INCOMPLETE)
        sim_book(sim, sim->now + INCOMPLETE_HOURS * HOUR, DUE_INCOMPLETE_EXPIRE, sub, 0);
    subscription_book_period_end(sim, sub);
    sub->creating = false;
    emit(sim, "customer.subscription.created", &sub->o);
    *ret_sub = sub;
    return true;
}

/* --- the ends --- */

static bool has_pending(const struct subscription *sub)
{
    const struct list *pending = &sub->customer->of[TYPE_INVOICEITEM];

    for (size_t i = 0; i < pending->count; i++) {
        const struct invoiceitem *ii = (const struct invoiceitem *)pending->at[i];
        if (!ii->invoice && ii->subscription == sub)
            return true;
    }
    return false;
}

static void stop_invoices(struct sim *sim, struct subscription *sub)
{
    for (size_t i = 0; i < sub->invoices.count; i++)
        invoice_stop_collection(sim, (struct invoice *)sub->invoices.at[i]);
}

void subscription_cancel(struct sim *sim, struct subscription *sub, const char *reason)
{
    assert(!subscription_is_over(sub));
    if (!sub->canceled_at)
        sub->canceled_at = sim->now;
    sub->status = SUB_CANCELED;
    sub->ended_at = sim->now;
    sub->cancel_reason = reason;
    sub->period_token++;
    emit(sim, "customer.subscription.deleted", &sub->o);
    stop_invoices(sim, sub);
    if (sub->schedule)
        schedule_subscription_over(sim, sub->schedule);
}

void subscription_cancel_now(struct sim *sim, struct subscription *sub, bool prorate, bool invoice_now)
{
    for (size_t i = 0; prorate && i < sub->items.count; i++) {
        struct item *item = (struct item *)sub->items.at[i];
        if (!item->deleted && (sub->status == SUB_ACTIVE || sub->status == SUB_PAST_DUE))
            subscription_prorate(sim, item, item->price, item->quantity, -1);
    }
    if (invoice_now && has_pending(sub))
        subscription_bill(sim, subscription_invoice_now(sim, sub, false));
    if (!subscription_is_over(sub)) /* a charge that failed may have ended it */
        subscription_cancel(sim, sub, "cancellation_requested");
}

void due_cancel_at(struct sim *sim, void *target, unsigned arg)
{
    struct subscription *sub = target;

    (void)arg;
    if (!subscription_is_over(sub) && sub->cancel_at && sub->cancel_at <= sim->now &&
        !sub->cancel_at_period_end)
        subscription_cancel(sim, sub, "cancellation_requested");
}

void due_incomplete_expire(struct sim *sim, void *target, unsigned arg)
{
    struct subscription *sub = target;
    struct invoice *inv = subscription_latest_invoice(sub);
    struct refusal ignored;

    (void)arg;
    if (sub->status != SUB_INCOMPLETE)
        return;
    json_t *before = render_object(sim, &sub->o);
    sub->status = SUB_INCOMPLETE_EXPIRED;
    sub->ended_at = sim->now;
    sub->period_token++;
    if (inv && inv->status == INVOICE_OPEN)
        (void)invoice_void(sim, inv, &ignored);
    emit_updated(sim, "customer.subscription.updated", &sub->o, before);
}

/* --- what invoices do to it --- */

/* The newest invoice that left draft and was not given up decides the status. */
static struct invoice *latest_finalized(const struct subscription *sub)
{
    for (size_t i = sub->invoices.count; i-- > 0;) {
        struct invoice *inv = (struct invoice *)sub->invoices.at[i];
        if (inv->status == INVOICE_OPEN || inv->status == INVOICE_PAID)
            return inv;
    }
    return NULL;
}

void subscription_invoice_paid(struct sim *sim, struct subscription *sub, struct invoice *inv)
{
    if (sub->status == SUB_PAUSED && sub->resumed_by == inv) {
        subscription_resumed(sim, sub);
        return;
    }
    bool waits = sub->status == SUB_INCOMPLETE || sub->status == SUB_PAST_DUE || sub->status == SUB_UNPAID;

    if (waits && latest_finalized(sub) == inv)
        subscription_set_status(sim, sub, SUB_ACTIVE);
}

void subscription_invoice_failed(struct sim *sim, struct subscription *sub, struct invoice *inv,
                                 bool automatic)
{
    if (sub->creating || subscription_is_over(sub) || sub->status == SUB_INCOMPLETE ||
        sub->status == SUB_PAUSED || inv->send_invoice)
        return;
    if (sub->status == SUB_ACTIVE || sub->status == SUB_TRIALING)
        subscription_set_status(sim, sub, SUB_PAST_DUE);
    if (!automatic || inv->next_payment_attempt || !inv->auto_advance)
        return;
    switch (sub->dunning_end) { /* that was the last retry */
    case DUNNING_CANCEL: subscription_cancel(sim, sub, "payment_failed"); break;
    case DUNNING_UNPAID: subscription_set_status(sim, sub, SUB_UNPAID); break;
    case DUNNING_PAST_DUE: break;
    }
}

/* --- by the clock --- */

static bool stays_draft(const struct subscription *sub)
{
    return sub->status == SUB_UNPAID || sub->pause_collection == KEEP_AS_DRAFT;
}

void subscription_plan_invoice(struct sim *sim, struct invoice *inv, bool at_once)
{
    inv->auto_advance = !stays_draft(inv->subscription) && !inv->subscription->pause_collection;
    if (!inv->auto_advance || at_once)
        return;
    inv->finalizes_at = sim->now + HOUR;
    sim_book(sim, inv->finalizes_at, DUE_FINALIZE, inv, 0);
}

void subscription_bill(struct sim *sim, struct invoice *inv)
{
    const struct subscription *sub = inv->subscription;
    struct refusal ignored;

    if (inv->finalizes_at || stays_draft(sub))
        return;
    invoice_finalize(sim, inv);
    if (inv->status != INVOICE_OPEN)
        return;
    if (sub->pause_collection == VOID_INVOICES)
        (void)invoice_void(sim, inv, &ignored);
    else if (sub->pause_collection == MARK_UNCOLLECTIBLE)
        (void)invoice_mark_uncollectible(sim, inv, &ignored);
    else if (!inv->send_invoice)
        (void)invoice_collect(sim, inv, NULL, true);
}

static void renew(struct sim *sim, struct subscription *sub)
{
    json_t *before = render_object(sim, &sub->o);
    struct invoice *inv;

    if (sub->status == SUB_TRIALING)
        sub->status = SUB_ACTIVE; /* before any money arrived */
    inv = invoice_create(sim, sub->customer, sub, "subscription_cycle", sub->currency);
    for (size_t i = 0; i < sub->items.count; i++) {
        struct item *item = (struct item *)sub->items.at[i];
        if (item->deleted)
            continue;
        inv->period_start = item->period_start;
        inv->period_end = item->period_end;
        item->period_start = item->period_end;
        item->period_end = calendar_next(sub->anchor, item->price->interval, item->price->interval_count,
                                         item->period_start);
        invoice_add_item(sim, inv, item);
    }
    invoice_take_pending(sim, inv);
    invoice_take_discounts(sim, inv);
    subscription_plan_invoice(sim, inv, false);
    emit_updated(sim, "customer.subscription.updated", &sub->o, before);
    invoice_announce(sim, inv);
    subscription_bill(sim, inv);
    subscription_book_period_end(sim, sub);
}

/* True if there is nothing to charge at the end of a trial and the subscription is not to go on like that. */
static bool trial_ends_without_method(struct sim *sim, struct subscription *sub)
{
    if (sub->status != SUB_TRIALING || sub->send_invoice || sub->payment_method ||
        sub->customer->payment_method || sub->missing_payment_method == MISSING_CREATE_INVOICE)
        return false;
    if (sub->missing_payment_method == MISSING_PAUSE)
        subscription_pause_trial(sim, sub);
    else
        subscription_cancel(sim, sub, NULL);
    return true;
}

void due_period_end(struct sim *sim, void *target, unsigned arg)
{
    struct subscription *sub = target;

    if (subscription_is_over(sub) || sub->period_token != arg || sub->status == SUB_INCOMPLETE ||
        sub->status == SUB_PAUSED)
        return;
    if (sub->schedule)
        schedule_reach(sim, sub->schedule); /* a phase may end with the period: its change comes first */
    if (subscription_is_over(sub) || sub->period_token != arg)
        return;
    if (sub->cancel_at_period_end)
        subscription_cancel(sim, sub, "cancellation_requested");
    else if (!trial_ends_without_method(sim, sub))
        renew(sim, sub);
}

void due_trial_will_end(struct sim *sim, void *target, unsigned arg)
{
    struct subscription *sub = target;

    if (sub->status == SUB_TRIALING && sub->period_token == arg)
        emit(sim, "customer.subscription.trial_will_end", &sub->o);
}

/* The one event whose object has no id: a look at what will be billed. */
void due_upcoming(struct sim *sim, void *target, unsigned arg)
{
    struct subscription *sub = target;
    struct invoice *latest = subscription_latest_invoice(sub);

    if (sub->period_token != arg || sub->status != SUB_ACTIVE || sub->cancel_at_period_end || !latest)
        return;
    json_t *preview = render_object(sim, &latest->o);
    (void)json_object_del(preview, "id");
    (void)json_object_set_new(preview, "status", json_string("draft"));
    (void)json_object_set_new(preview, "billing_reason", json_string("upcoming"));
    (void)json_object_set_new(preview, "number", json_null());
    emit_json(sim, "invoice.upcoming", preview);
}
