/* Stories of subscriptions that run as they should, and of what people change about them. */
#include "sim/stories_list.h"

static const struct story_step trial_converts[] = {
    {0, "A customer with a card starts a trial of seven days",
     MONTHLY("price", "usd", "1999") CUSTOMER
     "POST /v1/subscriptions customer={cus} items[0][price]={price} trial_period_days=7\n"},
    {8 * DAY, "The trial has ended, the first month is paid", ""},
};
static const struct story_step renewal[] = {
    {0, "A customer subscribes and pays the first month", SUBSCRIBED},
    {32 * DAY, "The second month is paid", ""},
};

static const struct story stories[] = {
    STORY("trial-converts", "A trial becomes a paid subscription", trial_converts),
    STORY("renewal", "A subscription renews", renewal),
};
const struct story_part stories_subscriptions = {"Subscriptions", stories, sizeof stories / sizeof *stories};
