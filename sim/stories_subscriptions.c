/* Stories of subscriptions that run as they should, and of what people change about them. */
#include "sim/stories_list.h"

static const struct story_step trial_converts[] = {
    {0, "A customer with a card starts a trial of seven days",
     MONTHLY("price", "usd", "1999") CUSTOMER
     "POST /v1/subscriptions customer={cus} items[0][price]={price} trial_period_days=7\n"},
    {8 * DAY, "The trial has ended, the first month is paid", ""},
};
static const struct story_step trial_ended_early[] = {
    {0, "A customer with a card starts a trial of fourteen days",
     MONTHLY("price", "usd", "1999") CUSTOMER
     "sub: POST /v1/subscriptions customer={cus} items[0][price]={price} trial_period_days=14\n"},
    {3 * DAY, "The shop ends the trial, the first month is paid at once",
     "POST /v1/subscriptions/{sub} trial_end=now\n"},
};
static const struct story_step renewal[] = {
    {0, "A customer subscribes and pays the first month", SUBSCRIBED},
    {32 * DAY, "The second month is paid", ""},
};
static const struct story_step upgrade_prorated[] = {
    {0, "A customer subscribes for 30.00 a month", MONTHLY("dear", "usd", "6000") SUBSCRIBED},
    {15 * DAY, "An upgrade to 60.00, to be settled with the next invoice",
     "POST /v1/subscriptions/{sub} items[0][id]={sub.items.0} items[0][price]={dear}\n"},
    {32 * DAY, "The second month is paid, and the difference for what was left of the first", ""},
};
static const struct story_step downgrade_credit[] = {
    {0, "A customer subscribes for 60.00 a month",
     MONTHLY("cheap", "usd", "3000") MONTHLY("dear", "usd", "6000") CUSTOMER
     "sub: POST /v1/subscriptions customer={cus} items[0][price]={dear}\n"},
    {15 * DAY, "A downgrade to 30.00, invoiced at once: the invoice is negative",
     "POST /v1/subscriptions/{sub} items[0][id]={sub.items.0} items[0][price]={cheap} "
     "proration_behavior=always_invoice\n"},
    {32 * DAY, "The second month uses the credit", ""},
};
static const struct story_step quantity_change[] = {
    {0, "A customer subscribes with two seats",
     MONTHLY("price", "usd", "3000") CUSTOMER
     "sub: POST /v1/subscriptions customer={cus} items[0][price]={price} items[0][quantity]=2\n"},
    {15 * DAY, "A third seat, to be settled with the next invoice",
     "POST /v1/subscriptions/{sub} items[0][id]={sub.items.0} items[0][quantity]=3\n"},
    {32 * DAY, "The second month is paid, with the third seat's share of the first", ""},
};
static const struct story_step several_items[] = {
    {0, "A customer subscribes to a plan and four extra seats",
     MONTHLY("seat", "usd", "500") MONTHLY("price", "usd", "3000") CUSTOMER
     "sub: POST /v1/subscriptions customer={cus} items[0][price]={price} items[1][price]={seat} "
     "items[1][quantity]=4\n"},
    {32 * DAY, "The second month is paid", ""},
};
static const struct story_step two_subscriptions[] = {
    {0, "A customer has two subscriptions",
     MONTHLY("other", "usd", "1000") SUBSCRIBED
     "more: POST /v1/subscriptions customer={cus} items[0][price]={other}\n"},
    {10 * DAY, "One of them is canceled", "DELETE /v1/subscriptions/{more}\n"},
    {32 * DAY, "Only the other one renews", ""},
};
static const struct story_step two_currencies[] = {
    {0, "A customer subscribes in dollars and, for another product, in euros",
     MONTHLY("euros", "eur", "2500") SUBSCRIBED
     "POST /v1/subscriptions customer={cus} items[0][price]={euros}\n"},
};
static const struct story_step pause_collection[] = {
    {0, "A customer subscribes and pays the first month", SUBSCRIBED},
    {20 * DAY, "A rest is agreed on: until further notice invoices are void",
     "POST /v1/subscriptions/{sub} pause_collection[behavior]=void\n"},
    {32 * DAY, "The second month's invoice is voided", ""},
    {40 * DAY, "Collection goes on", "POST /v1/subscriptions/{sub} pause_collection=\n"},
    {63 * DAY, "The third month is paid", ""},
};
static const struct story_step pause_resume[] = {
    {0, "A customer subscribes and pays the first month",
     MONTHLY("price", "usd", "3000") CUSTOMER
     "sub: POST /v1/subscriptions customer={cus} items[0][price]={price} billing_mode[type]=flexible\n"},
    {20 * DAY, "The subscription is paused", "POST /v1/subscriptions/{sub}/pause type=subscription\n"},
    {40 * DAY, "It is resumed: a new month begins and is paid",
     "POST /v1/subscriptions/{sub}/resume billing_cycle_anchor[type]=now\n"},
};
static const struct story_step schedule_moves[] = {
    {0, "A customer subscribes for 30.00; a schedule will make it 60.00 after a month",
     MONTHLY("dear", "usd", "6000") SUBSCRIBED
     "plan: POST /v1/subscription_schedules from_subscription={sub}\n"
     "POST /v1/subscription_schedules/{plan} phases[0][start_date]={plan.phases.0.start_date} "
     "phases[0][end_date]={plan.phases.0.end_date} phases[0][items][0][price]={price} "
     "phases[1][items][0][price]={dear} phases[1][iterations]=1 end_behavior=release\n"},
    {32 * DAY, "The second month is paid, at the new price", ""},
    {63 * DAY, "The schedule has let go of the subscription, which goes on as it is", ""},
};
static const struct story_step customer_deleted[] = {
    {0, "A customer subscribes and pays the first month", SUBSCRIBED},
    {3 * DAY, "The customer is deleted, which ends the subscription", "DELETE /v1/customers/{cus}\n"},
};

static const struct story stories[] = {
    STORY("trial-converts", "A trial becomes a paid subscription", trial_converts),
    STORY("trial-ended-early", "A trial is ended before its time", trial_ended_early),
    STORY("renewal", "A subscription renews", renewal),
    STORY("upgrade-prorated", "An upgrade amid the month, prorated", upgrade_prorated),
    STORY("downgrade-credit", "A downgrade leaves a negative invoice", downgrade_credit),
    STORY("quantity-change", "More seats amid the month", quantity_change),
    STORY("several-items", "A subscription with several items", several_items),
    STORY("two-subscriptions", "A customer with two subscriptions", two_subscriptions),
    STORY("two-currencies", "A customer who pays in two currencies", two_currencies),
    STORY("pause-collection", "Collection is paused for a month", pause_collection),
    STORY("pause-resume", "A subscription is paused and resumed", pause_resume),
    STORY("schedule-moves", "A schedule moves a subscription to another price", schedule_moves),
    STORY("customer-deleted", "A customer is deleted", customer_deleted),
};
const struct story_part stories_subscriptions = {"Subscriptions", stories, sizeof stories / sizeof *stories};
