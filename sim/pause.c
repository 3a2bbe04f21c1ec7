/* Subscriptions that rest: paused as a whole, or with their collection paused. */
#include "sim/billing.h"
#include "sim/events.h"
#include "sim/render.h"

#define RESUME_HOURS 23 /* to pay the invoice that resumes a subscription */

/* --- the status paused --- */

static void pause(struct sim *sim, struct subscription *sub, enum pause_cause cause)
{
    json_t *before = render_object(sim, &sub->o);

    sub->status = SUB_PAUSED;
    sub->pause_cause = cause;
    sub->paused_at = sim->now;
    sub->resumed_by = NULL;
    sub->period_token++; /* no renewal */
    emit(sim, "customer.subscription.paused", &sub->o);
    emit_updated(sim, "customer.subscription.updated", &sub->o, before);
}

bool subscription_pause(struct sim *sim, struct subscription *sub, struct refusal *why)
{
    if (!sub->flexible)
        return refuse(why, 400, NULL, NULL,
                      "Only subscriptions with billing_mode[type]=flexible can be paused.");
    if (sub->schedule)
        return refuse(why, 400, NULL, NULL, "A subscription with a schedule cannot be paused.");
    if (sub->status != SUB_ACTIVE && sub->status != SUB_TRIALING && sub->status != SUB_PAST_DUE)
        return refuse(why, 400, NULL, NULL, "A subscription that is %s cannot be paused.",
                      subscription_status_name(sub->status));
    pause(sim, sub, PAUSE_REQUESTED);
    return true;
}

void subscription_pause_trial(struct sim *sim, struct subscription *sub)
{
    pause(sim, sub, PAUSE_TRIAL_END);
}

void subscription_resumed(struct sim *sim, struct subscription *sub)
{
    json_t *before = render_object(sim, &sub->o);

    sub->status = SUB_ACTIVE;
    sub->pause_cause = PAUSE_NONE;
    sub->paused_at = 0;
    sub->resumed_by = NULL;
    subscription_book_period_end(sim, sub);
    emit(sim, "customer.subscription.resumed", &sub->o);
    emit_updated(sim, "customer.subscription.updated", &sub->o, before);
}

/* The cycle went on without us: periods that ended are over, the current one is the one that holds now. */
static void catch_up(struct sim *sim, struct subscription *sub)
{
    for (size_t i = 0; i < sub->items.count; i++) {
        struct item *item = (struct item *)sub->items.at[i];
        if (item->deleted)
            continue;
        while (item->period_end <= sim->now) {
            item->period_start = item->period_end;
            item->period_end = calendar_next(sub->anchor, item->price->interval, item->price->interval_count,
                                             item->period_start);
        }
    }
}

bool subscription_resume(struct sim *sim, struct subscription *sub, const struct resume *resume,
                         struct refusal *why)
{
    bool whole;

    if (sub->status != SUB_PAUSED)
        return refuse(why, 400, NULL, NULL, "Only paused subscriptions can be resumed; this one is %s.",
                      subscription_status_name(sub->status));
    if (sub->resumed_by && sub->resumed_by->status == INVOICE_OPEN)
        return refuse(why, 400, NULL, NULL, "The subscription is being resumed: pay its latest invoice.");
    json_t *before = render_object(sim, &sub->o);
    /* A period that was paid before the pause is not paid again if the cycle stays. */
    whole = !resume->keep_cycle || subscription_period_end(sub) <= sim->now;
    if (resume->keep_cycle)
        catch_up(sim, sub);
    else
        subscription_restart_cycle(sim, sub);
    if (sub->trial_end > sim->now)
        sub->trial_end = sim->now;
    struct invoice *inv = whole ? subscription_invoice_now(sim, sub, true) : NULL;
    sub->resumed_by = inv;
    emit_updated(sim, "customer.subscription.updated", &sub->o, before);
    if (!inv || resume->at_once) {
        subscription_resumed(sim, sub);
        if (inv)
            subscription_bill(sim, inv);
        return true;
    }
    sim_book(sim, sim->now + RESUME_HOURS * HOUR, DUE_RESUME_EXPIRE, inv, 0);
    subscription_bill(sim, inv);
    return true;
}

void due_resume_expire(struct sim *sim, void *target, unsigned arg)
{
    struct invoice *inv = target;
    struct subscription *sub = inv->subscription;
    struct refusal ignored;

    (void)arg;
    if (sub->status != SUB_PAUSED || sub->resumed_by != inv)
        return;
    sub->resumed_by = NULL;
    if (inv->status == INVOICE_OPEN)
        (void)invoice_void(sim, inv, &ignored);
}

/* --- pause_collection --- */

void subscription_set_pause_collection(struct sim *sim, struct subscription *sub,
                                       enum pause_collection behavior, int64_t resumes_at)
{
    sub->pause_collection = behavior;
    sub->resumes_at = behavior ? resumes_at : 0;
    if (sub->resumes_at)
        sim_book(sim, sub->resumes_at, DUE_COLLECTION_RESUMES, sub, 0);
}

void due_collection_resumes(struct sim *sim, void *target, unsigned arg)
{
    struct subscription *sub = target;

    (void)arg;
    if (subscription_is_over(sub) || !sub->pause_collection || !sub->resumes_at || sub->resumes_at > sim->now)
        return;
    json_t *before = render_object(sim, &sub->o);
    subscription_set_pause_collection(sim, sub, NOT_PAUSED, 0);
    emit_updated(sim, "customer.subscription.updated", &sub->o, before);
}
