/* Stories of credits: money that goes back, and whose credits they are. docs/credits-examples.md has the journal of each. */
#include "sim/stories_credits.h"

/* The charge that paid the first month, and its invoice. */
#define PAID                                                                                                 \
    "in: GET /v1/invoices customer={cus} limit=1\n"                                                          \
    "ch: GET /v1/charges customer={cus} limit=1\n"

static const struct story_step refunded[] = {
    {0, "A month is paid", INDIVIDUAL CUSTOMER SUBSCRIBES("individual") PAID},
    {5 * DAY, "Twenty credits are spent", "APP spend amount=20 key=first\n"},
    {10 * DAY, "A third of the money is refunded, and a third of the credits go: there are ten, they go",
     "POST /v1/refunds charge={ch} amount=300\n"},
    {12 * DAY, "The rest is refunded: there is nothing left to take", "POST /v1/refunds charge={ch}\n"},
};
static const struct story_step refund_failed[] = {
    {0, "A month is paid", INDIVIDUAL CUSTOMER SUBSCRIBES("individual") PAID},
    {10 * DAY, "It is refunded", "re: POST /v1/refunds charge={ch}\n"},
    {12 * DAY, "The refund fails: the credits are back", "POST /sim/refunds/{re} status=failed\n"},
};
static const struct story_step refund_debt[] = {
    {0, "A month of a plan that lets a refund go below zero",
     SELLS("price", "exact", "Exact", "900", MONTHLY_CREDITS("30") " metadata[instep_clawback]=negative")
         CUSTOMER SUBSCRIBES("price") PAID},
    {5 * DAY, "Twenty credits are spent", "APP spend amount=20 key=first\n"},
    {10 * DAY, "The month is refunded: twenty are missing", "POST /v1/refunds charge={ch}\n"},
    {12 * DAY, "Nothing can be spent", "refused: APP spend amount=1 key=second\n"},
    {32 * DAY, "The second month is paid, and makes good what was missing", ""},
};
static const struct story_step refund_kept[] = {
    {0, "A month of a plan that never takes credits back",
     SELLS("price", "generous", "Generous", "900", MONTHLY_CREDITS("30") " metadata[instep_clawback]=none")
         CUSTOMER SUBSCRIBES("price") PAID},
    {10 * DAY, "It is refunded", "POST /v1/refunds charge={ch}\n"},
    {32 * DAY, "The second month is paid", ""},
};
static const struct story_step dispute_lost[] = {
    {0, "A month is paid", INDIVIDUAL CUSTOMER SUBSCRIBES("individual") PAID},
    {5 * DAY, "The payment is disputed, the credits go with the money",
     "dp: POST /sim/charges/{ch}/dispute reason=fraudulent\n"},
    {20 * DAY, "The dispute is lost", "POST /sim/disputes/{dp} status=lost\n"},
};
static const struct story_step dispute_won[] = {
    {0, "A month is paid", INDIVIDUAL CUSTOMER SUBSCRIBES("individual") PAID},
    {5 * DAY, "The payment is disputed, the credits go with the money",
     "dp: POST /sim/charges/{ch}/dispute reason=fraudulent\n"},
    {20 * DAY, "The dispute is won, they come back", "POST /sim/disputes/{dp} status=won\n"},
};
static const struct story_step dispute_won_late[] = {
    {0, "A month is paid", INDIVIDUAL CUSTOMER SUBSCRIBES("individual") PAID},
    {5 * DAY, "The payment is disputed, the credits go with the money",
     "dp: POST /sim/charges/{ch}/dispute reason=fraudulent\n"},
    {32 * DAY, "The second month is paid", ""},
    {40 * DAY, "The dispute is won: the first month's credits come back, and their time is over",
     "POST /sim/disputes/{dp} status=won\n"},
};
static const struct story_step credit_note[] = {
    {0, "A month is paid", INDIVIDUAL CUSTOMER SUBSCRIBES("individual") PAID},
    {10 * DAY, "Half of it goes to the customer's balance",
     "note: POST /v1/credit_notes invoice={in} amount=450 credit_amount=450\n"},
    {12 * DAY, "The credit note is voided", "POST /v1/credit_notes/{note}/void\n"},
};

/* --- whose they are --- */

static const struct story_step two_customers[] = {
    {0, "A user subscribes", INDIVIDUAL CUSTOMER SUBSCRIBES("individual")},
    {10 * DAY, "And again, as another customer of the business",
     "other: POST /v1/customers email={story}@example.org metadata[user_id]={story} "
     "payment_method=pm_card_visa\n"
     "POST /v1/subscriptions customer={other} items[0][price]={individual}\n"},
    {12 * DAY, "What is spent is taken from what ends first", "APP spend amount=40 key=first\n"},
    {32 * DAY, "The first subscription renews", ""},
};
static const struct story_step orphan[] = {
    {0, "Nobody knows whose subscription it is: the credits wait with the customer",
     INDIVIDUAL "cus: POST /v1/customers email={story}@example.com payment_method=pm_card_visa\n" SUBSCRIBES(
         "individual")},
    {5 * DAY, "The business tells: they are the user's",
     "POST /v1/customers/{cus} metadata[user_id]={story}\n"},
    {8 * DAY, "Who spends them", "APP spend amount=10 key=first\n"},
    {32 * DAY, "The second month is paid", ""},
};

/* --- time and rules --- */

static const struct story_step backdated[] = {
    {0, "A subscription that began forty days ago: what is over gives nothing",
     INDIVIDUAL CUSTOMER "sub: POST /v1/subscriptions customer={cus} items[0][price]={individual} "
                         "backdate_start_date={now-40d} billing_mode[type]=flexible\n"},
    {32 * DAY, "It renews", ""},
};
static const struct story_step backdated_anchor[] = {
    {0, "A subscription that began ten days ago and will renew in ten",
     INDIVIDUAL CUSTOMER "sub: POST /v1/subscriptions customer={cus} items[0][price]={individual} "
                         "backdate_start_date={now-10d} billing_cycle_anchor={now+10d}\n"},
    {12 * DAY, "It renews", ""},
};
static const struct story_step test_clock[] = {
    {0, "A customer on a test clock tries a weekly plan",
     PLAN("weekly", "weekly", "Weekly", MONTHLY_CREDITS("7") " metadata[instep_trial_credits]=3")
         COSTS("weekly", "300", "week") "clock: POST /v1/test_helpers/test_clocks frozen_time={now}\n"
                                        "cus: POST /v1/customers email={story}@example.com "
                                        "metadata[user_id]={story} payment_method=pm_card_visa "
                                        "test_clock={clock}\n"
                                        "POST /v1/subscriptions customer={cus} items[0][price]={weekly} "
                                        "trial_period_days=2\n"},
    {3 * DAY, "Three days later on the clock: the first week is paid", ""},
    {10 * DAY, "The second week: what is over on the clock is over", ""},
};
static const struct story_step plan_changed[] = {
    {0, "A month of a plan of 30 credits",
     SELLS("price", "growing", "Growing", "900", MONTHLY_CREDITS("30")) CUSTOMER SUBSCRIBES("price")},
    {10 * DAY, "The business makes it 40: what was given stays as it was",
     "POST /v1/products/{price_product} metadata[instep_monthly_credits]=40\n"},
    {15 * DAY, "Who subscribes now gets 40",
     "other: POST /v1/customers email={story}@example.org metadata[user_id]={story} "
     "payment_method=pm_card_visa\n"
     "POST /v1/subscriptions customer={other} items[0][price]={price}\n"},
    {32 * DAY, "And so does who renews", ""},
};

static const struct story stories[] = {
    CREDITS("credits-refunded", "A month is refunded in two parts", refunded),
    CREDITS("credits-refund-failed", "A refund fails", refund_failed),
    CREDITS("credits-refund-debt", "A refund leaves a debt of credits", refund_debt),
    CREDITS("credits-refund-kept", "A refund that takes no credits", refund_kept),
    CREDITS("credits-dispute-lost", "A dispute is lost", dispute_lost),
    CREDITS("credits-dispute-won", "A dispute is won", dispute_won),
    CREDITS("credits-dispute-won-late", "A dispute is won when the month is over", dispute_won_late),
    CREDITS("credits-credit-note", "A credit note to the balance, voided", credit_note),
    CREDITS("credits-two-customers", "A user who is two customers", two_customers),
    CREDITS("credits-orphan", "An orphan is linked", orphan),
    CREDITS("credits-backdated", "A subscription that began before it was made", backdated),
    CREDITS("credits-backdated-anchor", "A first period that began before it was made", backdated_anchor),
    CREDITS("credits-test-clock", "A subscription on a test clock", test_clock),
    CREDITS("credits-plan-changed", "A plan's rules change", plan_changed),
};
const struct story_part stories_credits_money = {"Credits and money", stories,
                                                 sizeof stories / sizeof *stories};
