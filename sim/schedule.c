#include "sim/schedule.h"

#include <string.h>

#include "sim/discount.h"
#include "sim/events.h"
#include "sim/render.h"

static bool is_over(const struct schedule *schedule)
{
    return schedule->status != SCHEDULE_NOT_STARTED && schedule->status != SCHEDULE_ACTIVE;
}

static struct schedule_phase *current(struct schedule *schedule)
{
    return &schedule->phases[schedule->current];
}

/* --- asking for phases --- */

static bool phase_is_valid(const struct schedule_phase *phase, const char *currency, struct refusal *why)
{
    if (!phase->items_count)
        return refuse(why, 400, "parameter_missing", "phases[0][items]", "A phase needs items.");
    for (unsigned i = 0; i < phase->items_count; i++) {
        const struct price *price = phase->items[i].price;
        if (!price->interval || strcmp(price->currency, currency) != 0 ||
            price->interval != phase->items[0].price->interval ||
            price->interval_count != phase->items[0].price->interval_count)
            return refuse(why, 400, NULL, "phases[0][items]",
                          "The prices of a phase must be recurring, of one currency and one interval.");
    }
    return true;
}

/* Where each phase begins and ends, the first one at start. */
static bool lay_out(const struct schedule_order *order, int64_t start, const char *currency,
                    struct schedule_phase *phases, struct refusal *why)
{
    for (unsigned i = 0; i < order->phases_count; i++) {
        const struct phase_order *asked = &order->phases[i];
        if (!phase_is_valid(&asked->phase, currency, why))
            return false;
        const struct price *first = asked->phase.items[0].price;
        phases[i] = asked->phase;
        phases[i].start = start;
        if (!phases[i].end) {
            enum interval interval = asked->interval ? asked->interval : first->interval;
            int64_t count = asked->interval ? asked->interval_count : first->interval_count;
            phases[i].end =
                calendar_add(start, interval, count * (asked->iterations ? asked->iterations : 1));
        }
        if (phases[i].end <= start)
            return refuse(why, 400, NULL, "phases[0][end_date]", "A phase must end after it begins.");
        start = phases[i].end;
    }
    return order->phases_count ||
           refuse(why, 400, "parameter_missing", "phases", "Missing required param: phases.");
}

static void book_end(struct sim *sim, struct schedule *schedule)
{
    int64_t end = current(schedule)->end;

    schedule->token++;
    sim_book(sim, end, DUE_PHASE_END, schedule, schedule->token);
    if (schedule->current + 1 == schedule->phases_count)
        sim_book(sim, end - 7 * DAY > sim->now ? end - 7 * DAY : sim->now, DUE_SCHEDULE_EXPIRING, schedule,
                 schedule->token);
}

/* --- beginning --- */

static bool begin(struct sim *sim, struct schedule *schedule, struct refusal *why)
{
    const struct schedule_phase *phase = current(schedule);
    struct subscription_order order = {.customer = schedule->customer,
                                       .items_count = phase->items_count,
                                       .trial_end = phase->trial_end > sim->now ? phase->trial_end : 0,
                                       .discounts = phase->discounts,
                                       .metadata = schedule->o.metadata};

    for (unsigned i = 0; i < phase->items_count; i++) {
        order.items[i].price = phase->items[i].price;
        order.items[i].quantity = phase->items[i].quantity;
    }
    if (!subscription_create(sim, &order, &schedule->subscription, why))
        return false;
    json_t *before = render_object(sim, &schedule->subscription->o);
    schedule->status = SCHEDULE_ACTIVE;
    schedule->subscription->schedule = schedule;
    emit_updated(sim, "customer.subscription.updated", &schedule->subscription->o, before);
    return true;
}

static struct schedule *make(struct sim *sim, struct customer *c)
{
    struct schedule *schedule = sim_object(sim, TYPE_SCHEDULE, sizeof *schedule);

    schedule->customer = c;
    list_push(sim, &c->of[TYPE_SCHEDULE], &schedule->o);
    return schedule;
}

bool schedule_create(struct sim *sim, const struct schedule_order *order, struct schedule **ret_schedule,
                     struct refusal *why)
{
    struct schedule_phase phases[SCHEDULE_PHASES_MAX] = {0};
    int64_t start = order->start > sim->now ? order->start : sim->now;

    if (order->customer->deleted)
        return refuse(why, 404, "resource_missing", "customer", "No such customer: '%s'",
                      order->customer->o.id);
    if (!order->phases_count || !order->phases[0].phase.items_count)
        return refuse(why, 400, "parameter_missing", "phases", "Missing required param: phases[0][items].");
    const struct price *first = order->phases[0].phase.items[0].price;
    if (!lay_out(order, start, first->currency, phases, why))
        return false;
    if (start == sim->now && !order->customer->payment_method && phases[0].trial_end <= sim->now)
        return refuse(why, 400, "resource_missing", NULL,
                      "This customer has no attached payment source or default payment method.");
    if (phases[0].has_discounts && !discounts_are_redeemable(sim, &phases[0].discounts, order->customer,
                                                             first->currency, INT64_MAX, why))
        return false;
    struct schedule *schedule = make(sim, order->customer);
    memcpy(schedule->phases, phases, sizeof phases[0] * order->phases_count);
    schedule->phases_count = order->phases_count;
    schedule->end_cancels = order->end_cancels;
    if (order->metadata)
        metadata_merge(&schedule->o, order->metadata);
    if (start > sim->now)
        sim_book(sim, start, DUE_PHASE_END, schedule, schedule->token);
    else if (!begin(sim, schedule, why))
        return false;
    else
        book_end(sim, schedule);
    emit(sim, "subscription_schedule.created", &schedule->o);
    *ret_schedule = schedule;
    return true;
}

/* The subscription's items as a phase. */
static void phase_of(struct schedule_phase *phase, const struct subscription *sub)
{
    for (size_t i = 0; i < sub->items.count && phase->items_count < SCHEDULE_PHASE_ITEMS_MAX; i++) {
        const struct item *item = (const struct item *)sub->items.at[i];
        if (item->deleted)
            continue;
        phase->start = item->period_start;
        phase->end = item->period_end;
        phase->items[phase->items_count].price = item->price;
        phase->items[phase->items_count++].quantity = item->quantity;
    }
    phase->trial_end = sub->status == SUB_TRIALING ? sub->trial_end : 0;
}

bool schedule_from(struct sim *sim, struct subscription *sub, struct schedule **ret_schedule,
                   struct refusal *why)
{
    if (sub->schedule)
        return refuse(why, 400, NULL, "from_subscription",
                      "You cannot migrate a subscription that is already attached to a schedule: %s.",
                      sub->schedule->o.id);
    if (subscription_is_over(sub) || sub->status == SUB_INCOMPLETE || sub->status == SUB_PAUSED)
        return refuse(why, 400, NULL, "from_subscription", "The subscription is %s.",
                      subscription_status_name(sub->status));
    if (sub->cancel_at)
        return refuse(why, 400, NULL, "from_subscription", "The subscription is set to be canceled.");
    struct schedule *schedule = make(sim, sub->customer);
    json_t *before = render_object(sim, &sub->o);
    phase_of(&schedule->phases[0], sub);
    schedule->phases_count = 1;
    schedule->status = SCHEDULE_ACTIVE;
    schedule->subscription = sub;
    sub->schedule = schedule;
    book_end(sim, schedule);
    emit(sim, "subscription_schedule.created", &schedule->o);
    emit_updated(sim, "customer.subscription.updated", &sub->o, before);
    *ret_schedule = schedule;
    return true;
}

bool schedule_update(struct sim *sim, struct schedule *schedule, const struct schedule_order *order,
                     struct refusal *why)
{
    struct schedule_phase phases[SCHEDULE_PHASES_MAX] = {0};
    struct schedule_phase *now = current(schedule);
    unsigned before_current = schedule->current;

    if (is_over(schedule))
        return refuse(why, 400, NULL, NULL, "You cannot update a subscription schedule that is %s.",
                      schedule_status_name(schedule->status));
    if (order->phases_count) {
        if (!lay_out(order, now->start, now->items[0].price->currency, phases, why))
            return false;
        if (phases[0].end <= sim->now)
            return refuse(why, 400, NULL, "phases[0][end_date]",
                          "The current phase must not end in the past.");
        if (before_current + order->phases_count > SCHEDULE_PHASES_MAX)
            return refuse(why, 400, NULL, "phases", "At most %d phases.", SCHEDULE_PHASES_MAX);
    }
    json_t *before = render_object(sim, &schedule->o);
    if (order->phases_count) {
        memcpy(now, phases, sizeof phases[0] * order->phases_count);
        schedule->phases_count = before_current + order->phases_count;
    }
    schedule->end_cancels = order->end_cancels;
    if (order->metadata)
        metadata_merge(&schedule->o, order->metadata);
    emit_updated(sim, "subscription_schedule.updated", &schedule->o, before);
    if (schedule->status == SCHEDULE_ACTIVE && order->phases_count)
        book_end(sim, schedule);
    return true;
}

/* --- ends --- */

static void detach(struct sim *sim, struct schedule *schedule)
{
    struct subscription *sub = schedule->subscription;

    schedule->token++;
    if (!sub)
        return;
    json_t *before = render_object(sim, &sub->o);
    sub->schedule = NULL;
    if (subscription_is_over(sub))
        json_decref(before);
    else
        emit_updated(sim, "customer.subscription.updated", &sub->o, before);
}

static void release(struct sim *sim, struct schedule *schedule)
{
    schedule->status = SCHEDULE_RELEASED;
    schedule->released_at = sim->now;
    schedule->released_subscription = schedule->subscription;
    detach(sim, schedule);
    schedule->subscription = NULL;
    emit(sim, "subscription_schedule.released", &schedule->o);
}

bool schedule_release(struct sim *sim, struct schedule *schedule, struct refusal *why)
{
    if (is_over(schedule))
        return refuse(why, 400, NULL, NULL, "You cannot release a subscription schedule that is %s.",
                      schedule_status_name(schedule->status));
    release(sim, schedule);
    return true;
}

bool schedule_cancel(struct sim *sim, struct schedule *schedule, struct refusal *why)
{
    struct subscription *sub = schedule->subscription;

    if (is_over(schedule))
        return refuse(why, 400, NULL, NULL, "You cannot cancel a subscription schedule that is %s.",
                      schedule_status_name(schedule->status));
    schedule->status = SCHEDULE_CANCELED;
    schedule->canceled_at = sim->now;
    schedule->token++;
    if (sub && !subscription_is_over(sub))
        subscription_cancel(sim, sub, "cancellation_requested");
    emit(sim, "subscription_schedule.canceled", &schedule->o);
    return true;
}

void schedule_subscription_over(struct sim *sim, struct schedule *schedule)
{
    if (is_over(schedule))
        return;
    schedule->status = SCHEDULE_CANCELED;
    schedule->canceled_at = sim->now;
    schedule->token++;
    emit(sim, "subscription_schedule.canceled", &schedule->o);
}

static void finish(struct sim *sim, struct schedule *schedule)
{
    struct subscription *sub = schedule->subscription;

    if (!schedule->end_cancels) {
        release(sim, schedule);
        return;
    }
    schedule->status = SCHEDULE_COMPLETED;
    schedule->completed_at = sim->now;
    schedule->token++;
    if (!subscription_is_over(sub))
        subscription_cancel(sim, sub, "cancellation_requested");
    emit(sim, "subscription_schedule.completed", &schedule->o);
}

/* --- by the clock --- */

/*
 * The phase's items in place of those the subscription has: an item whose price stays keeps its id, others take over the
 * items that are left, what is too much is removed.
 */
static void items_change(const struct subscription *sub, const struct schedule_phase *phase,
                         struct subscription_change *change)
{
    bool placed[SCHEDULE_PHASE_ITEMS_MAX] = {false};
    struct item *spare[SUBSCRIPTION_ITEMS_MAX];
    unsigned spares = 0;

    for (size_t i = 0; i < sub->items.count && spares < SUBSCRIPTION_ITEMS_MAX; i++) {
        struct item *item = (struct item *)sub->items.at[i];
        unsigned n = 0;
        if (item->deleted)
            continue;
        while (n < phase->items_count && (placed[n] || phase->items[n].price != item->price))
            n++;
        if (n == phase->items_count) {
            spare[spares++] = item;
            continue;
        }
        placed[n] = true;
        change->items[change->items_count].item = item;
        change->items[change->items_count++].quantity = phase->items[n].quantity;
    }
    for (unsigned n = 0, used = 0; n < phase->items_count; n++) {
        if (placed[n] || change->items_count == SUBSCRIPTION_ITEMS_MAX)
            continue;
        if (used < spares) {
            change->items[change->items_count].item = spare[used];
            spare[used++] = NULL;
        }
        change->items[change->items_count].price = phase->items[n].price;
        change->items[change->items_count++].quantity = phase->items[n].quantity;
    }
    for (unsigned i = 0; i < spares && change->items_count < SUBSCRIPTION_ITEMS_MAX; i++) {
        if (!spare[i])
            continue;
        change->items[change->items_count].item = spare[i];
        change->items[change->items_count].quantity = -1;
        change->items[change->items_count++].remove = true;
    }
}

static void next_phase(struct sim *sim, struct schedule *schedule)
{
    struct subscription_change change = subscription_change_none();
    json_t *before = render_object(sim, &schedule->o);
    struct refusal ignored;

    schedule->current++;
    const struct schedule_phase *phase = current(schedule);
    items_change(schedule->subscription, phase, &change);
    change.proration = (enum proration)phase->proration;
    change.trial_end = phase->trial_end > sim->now ? phase->trial_end : 0;
    if (phase->has_discounts)
        change.discounts = &phase->discounts;
    book_end(sim, schedule);
    emit_updated(sim, "subscription_schedule.updated", &schedule->o, before);
    (void)subscription_change(sim, schedule->subscription, &change, &ignored);
}

void schedule_reach(struct sim *sim, struct schedule *schedule)
{
    while (schedule->status == SCHEDULE_ACTIVE && current(schedule)->end <= sim->now) {
        if (schedule->current + 1 < schedule->phases_count)
            next_phase(sim, schedule);
        else
            finish(sim, schedule);
    }
}

void due_phase_end(struct sim *sim, void *target, unsigned arg)
{
    struct schedule *schedule = target;
    struct refusal ignored;

    if (schedule->token != arg || is_over(schedule))
        return;
    if (schedule->status == SCHEDULE_ACTIVE) {
        const struct subscription *sub = schedule->subscription;
        /* Where a period ends too, its end comes first and reaches the phase: nobody sees the one without the other. */
        if (sub->status == SUB_PAUSED || subscription_period_end(sub) > sim->now)
            schedule_reach(sim, schedule);
        return;
    }
    json_t *before = render_object(sim, &schedule->o);
    if (!schedule->customer->deleted && begin(sim, schedule, &ignored)) {
        book_end(sim, schedule);
        emit_updated(sim, "subscription_schedule.updated", &schedule->o, before);
        return;
    }
    json_decref(before);
    schedule->status = SCHEDULE_CANCELED; /* nobody to begin it for, or nothing to charge */
    schedule->canceled_at = sim->now;
    emit(sim, "subscription_schedule.aborted", &schedule->o);
}

void due_schedule_expiring(struct sim *sim, void *target, unsigned arg)
{
    struct schedule *schedule = target;

    if (schedule->token == arg && schedule->status == SCHEDULE_ACTIVE)
        emit(sim, "subscription_schedule.expiring", &schedule->o);
}
