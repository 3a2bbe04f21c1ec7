/* Stories of credits: trials, periods, and what people change. docs/credits-examples.md has the journal of each. */
#include "sim/stories_credits.h"

/* --- trials --- */

static const struct story_step individual[] = {
    {0, "A trial of the individual plan begins: 32 credits",
     INDIVIDUAL CUSTOMER
     "POST /v1/subscriptions customer={cus} items[0][price]={individual} trial_period_days=7\n"},
    {8 * DAY, "The trial has become a paid month, 30 credits more; those of the trial last as long as they",
     ""},
    {40 * DAY, "The second month is paid; the first one's time was over", ""},
};
static const struct story_step team[] = {
    {0, "A trial of the team plan begins: 32 credits",
     TEAM CUSTOMER "POST /v1/subscriptions customer={cus} items[0][price]={team} trial_period_days=14\n"},
    {10 * DAY, "They are tried out", "APP spend amount=12 key=first\n"},
    {15 * DAY, "The trial has become a paid month: 200 credits more", ""},
    {20 * DAY, "What is spent is taken from the trial first: both end at once, it began earlier",
     "APP spend amount=50 key=second\n"},
    {46 * DAY, "The second month is paid", ""},
};
static const struct story_step trial_not_carried[] = {
    {0, "A trial whose credits end with it",
     SELLS("price", "brief", "Brief", "1900",
           MONTHLY_CREDITS("50") " metadata[instep_trial_credits]=10 metadata[instep_trial_carry]=false")
         CUSTOMER "POST /v1/subscriptions customer={cus} items[0][price]={price} trial_period_days=7\n"},
    {8 * DAY, "The trial has become a paid month", ""},
};
static const struct story_step trial_end_now[] = {
    {0, "A trial of fourteen days begins",
     INDIVIDUAL CUSTOMER
     "sub: POST /v1/subscriptions customer={cus} items[0][price]={individual} trial_period_days=14\n"},
    {5 * DAY, "The shop ends it, the first month is paid at once",
     "POST /v1/subscriptions/{sub} trial_end=now\n"},
};
static const struct story_step trial_paid_early[] = {
    {0, "A trial of fourteen days begins, without a card",
     INDIVIDUAL NO_CARD
     "sub: POST /v1/subscriptions customer={cus} items[0][price]={individual} trial_period_days=14\n"},
    {5 * DAY, "The customer wants to go on: the trial ends, there is a bill and nothing to charge",
     "POST /v1/subscriptions/{sub} trial_end=now\n"},
    {5 * DAY + 2 * HOUR, "It is paid by card",
     "in: GET /v1/invoices subscription={sub} limit=1\n"
     "POST /v1/invoices/{in}/pay payment_method=pm_card_visa\n"},
};
static const struct story_step trial_canceled[] = {
    {0, "A trial begins, to be canceled at its end",
     INDIVIDUAL CUSTOMER
     "POST /v1/subscriptions customer={cus} items[0][price]={individual} trial_period_days=7 "
     "cancel_at_period_end=true\n"},
    {8 * DAY, "It is over", ""},
};
static const struct story_step trial_declined[] = {
    {0, "A trial begins with a card that will be declined",
     INDIVIDUAL CUSTOMER
     "POST /v1/subscriptions customer={cus} items[0][price]={individual} trial_period_days=7\n"
     "POST /sim/customers/{cus}/card declines=-1\n"},
    {8 * DAY, "The first month is not paid yet: nothing is given, nothing is taken", ""},
    {25 * DAY, "The last retry has failed, the subscription is canceled", ""},
};
static const struct story_step trial_paused[] = {
    {0, "A trial begins without a card; without one it is to be paused",
     INDIVIDUAL NO_CARD
     "sub: POST /v1/subscriptions customer={cus} items[0][price]={individual} trial_period_days=7 "
     "trial_settings[end_behavior][missing_payment_method]=pause\n"},
    {8 * DAY, "It is paused", ""},
    {10 * DAY,
     "A card is there, it is resumed and a month is paid: who stays after all has the trial's credits back",
     "POST /v1/payment_methods/pm_card_visa/attach customer={cus}\n"
     "pm: GET /v1/payment_methods customer={cus}\n"
     "POST /v1/subscriptions/{sub} default_payment_method={pm}\n"
     "POST /v1/subscriptions/{sub}/resume billing_cycle_anchor[type]=now\n"},
};

/* --- periods --- */

static const struct story_step incomplete[] = {
    {0, "A subscription waits for its first payment",
     INDIVIDUAL CUSTOMER "sub: POST /v1/subscriptions customer={cus} items[0][price]={individual} "
                         "payment_behavior=default_incomplete\n"},
    {3 * HOUR, "It is paid",
     "in: GET /v1/invoices subscription={sub} limit=1\n"
     "POST /v1/invoices/{in}/pay\n"},
};
static const struct story_step renewal[] = {
    {0, "The first month is paid", INDIVIDUAL CUSTOMER SUBSCRIBES("individual")},
    {20 * DAY, "Ten credits are spent, and four of them given back",
     "APP spend amount=10 key=picture\n"
     "APP refund_spend spend=picture amount=4 key=picture-back\n"
     "refused: APP spend amount=25 key=film\n"},
    {32 * DAY, "The second month is paid", ""},
};
static const struct story_step when_active[] = {
    {0, "A trial of a plan that does not wait for the money",
     SELLS("price", "trusting", "Trusting", "1900",
           MONTHLY_CREDITS("50") " metadata[instep_trial_credits]=10 metadata[instep_grant]=active") CUSTOMER
     "POST /v1/subscriptions customer={cus} items[0][price]={price} trial_period_days=7\n"},
    {7 * DAY + HOUR / 2, "The trial has ended, the bill is a draft", ""},
    {8 * DAY, "It was paid", "POST /sim/customers/{cus}/card declines=-1\n"},
    {40 * DAY, "The next one was not", ""},
};
static const struct story_step annual[] = {
    {0, "There is a plan that is paid by the year",
     PLAN("yearly", "individual", "Individual", INDIVIDUAL_RULES) COSTS("yearly", "9000", "year") CUSTOMER},
    {30 * DAY, "31 January: a year is paid, a month's credits are given", SUBSCRIBES("yearly")},
    {59 * DAY + 2 * HOUR, "29 February: the next month's", ""},
    {90 * DAY + 2 * HOUR, "31 March", ""},
    {120 * DAY + 2 * HOUR, "30 April", ""},
    {151 * DAY + 2 * HOUR, "31 May", ""},
    {365 * DAY + 2 * HOUR, "31 December: the months between had theirs, each to its end", ""},
    {396 * DAY + 2 * HOUR, "31 January: the next year is paid", ""},
    {424 * DAY + 2 * HOUR, "28 February", ""},
};
static const struct story_step quarterly[] = {
    {0, "A quarter is paid",
     PLAN("quarterly", "individual", "Individual",
          INDIVIDUAL_RULES) "quarterly: POST /v1/prices product={quarterly_product} currency=usd "
                            "unit_amount=2500 "
                            "recurring[interval]=month recurring[interval_count]=3\n" CUSTOMER SUBSCRIBES(
                                "quarterly")},
    {32 * DAY, "The second month's credits", ""},
    {62 * DAY, "The third month's", ""},
    {92 * DAY, "The next quarter is paid", ""},
};
static const struct story_step annual_canceled[] = {
    {0, "A year is paid",
     PLAN("yearly", "individual", "Individual", INDIVIDUAL_RULES) COSTS("yearly", "9000", "year")
         CUSTOMER SUBSCRIBES("yearly")},
    {32 * DAY, "The second month's credits", ""},
    {40 * DAY, "It is canceled at once: this month's credits stay", "DELETE /v1/subscriptions/{sub}\n"},
    {62 * DAY, "There is no third month", ""},
};
static const struct story_step boundary[] = {
    {0, "A month is paid, and it is the last",
     INDIVIDUAL CUSTOMER
     "POST /v1/subscriptions customer={cus} items[0][price]={individual} cancel_at_period_end=true\n"},
    {31 * DAY - HOUR, "An hour before its end the credits are good", "APP spend amount=10 key=last\n"},
    {31 * DAY + HOUR, "An hour after it they are not", "refused: APP spend amount=1 key=late\n"},
};
static const struct story_step rollover_capped[] = {
    {0, "A plan that lets ten credits go over into the next month",
     SELLS("price", "saver", "Saver", "900", MONTHLY_CREDITS("30") " metadata[instep_rollover]=10")
         CUSTOMER SUBSCRIBES("price")},
    {10 * DAY, "Five are spent", "APP spend amount=5 key=first\n"},
    {32 * DAY, "The second month: of 25 that were left, ten go over", ""},
    {35 * DAY, "Thirty-three are spent", "APP spend amount=33 key=second\n"},
    {62 * DAY, "The third month: seven were left, all of them go over", ""},
};
static const struct story_step rollover_unlimited[] = {
    {0, "A plan whose credits are good for two months",
     SELLS("price", "keeper", "Keeper", "900",
           MONTHLY_CREDITS("30") " metadata[instep_rollover]=unlimited metadata[instep_expires_months]=2")
         CUSTOMER SUBSCRIBES("price")},
    {32 * DAY, "The second month: those of the first are still there", ""},
    {62 * DAY, "The third month: those of the first are not", ""},
};
static const struct story_step past_due[] = {
    {0, "A month is paid", INDIVIDUAL CUSTOMER SUBSCRIBES("individual")},
    {30 * DAY, "The card will be declined once", "POST /sim/customers/{cus}/card declines=1\n"},
    {32 * DAY, "The second month is not paid: there are no credits", ""},
    {35 * DAY, "It is paid, three days late", ""},
};

/* --- what people change --- */

static const struct story_step upgrade[] = {
    {0, "The individual plan", TEAM INDIVIDUAL CUSTOMER SUBSCRIBES("individual")},
    {15 * DAY, "An upgrade to the team plan, to be settled with the next invoice: the difference at once",
     MOVES_TO("team") "\n"},
    {32 * DAY, "The second month is paid", ""},
};
static const struct story_step upgrade_invoiced[] = {
    {0, "The individual plan", TEAM INDIVIDUAL CUSTOMER SUBSCRIBES("individual")},
    {10 * DAY, "Twenty credits are spent", "APP spend amount=20 key=first\n"},
    {15 * DAY, "An upgrade to the team plan, paid at once",
     MOVES_TO("team") " proration_behavior=always_invoice\n"},
    {20 * DAY, "And back: nothing is taken away this month",
     MOVES_TO("individual") " proration_behavior=always_invoice\n"},
    {25 * DAY, "And up again: nothing is given twice", MOVES_TO("team") " proration_behavior=none\n"},
};
static const struct story_step upgrade_later[] = {
    {0, "The individual plan",
     SELLS("patient", "patient", "Patient", "9900",
           MONTHLY_CREDITS("300") " metadata[instep_upgrade]=renewal")
         INDIVIDUAL CUSTOMER SUBSCRIBES("individual")},
    {15 * DAY, "An upgrade to a plan that gives more from the next month on", MOVES_TO("patient") "\n"},
    {32 * DAY, "The next month is paid", ""},
};
static const struct story_step downgrade[] = {
    {0, "The team plan", TEAM INDIVIDUAL CUSTOMER SUBSCRIBES("team")},
    {15 * DAY, "A downgrade: this month's credits stay", MOVES_TO("individual") "\n"},
    {32 * DAY, "The next month has fewer", ""},
};
static const struct story_step downgrade_now[] = {
    {0, "The team plan",
     SELLS("strict", "strict", "Strict", "900", MONTHLY_CREDITS("30") " metadata[instep_downgrade]=now")
         TEAM CUSTOMER SUBSCRIBES("team")},
    {10 * DAY, "Forty credits are spent", "APP spend amount=40 key=first\n"},
    {15 * DAY, "A downgrade to a plan that takes the difference back: 160 are there, they go",
     MOVES_TO("strict") "\n"},
    {32 * DAY, "The next month is paid", ""},
};
static const struct story_step quantity[] = {
    {0, "Two seats, ten credits each",
     SELLS("seat", "seat", "Seat", "500", MONTHLY_CREDITS("10")) CUSTOMER
     "sub: POST /v1/subscriptions customer={cus} items[0][price]={seat} items[0][quantity]=2\n"},
    {10 * DAY, "A third seat",
     "POST /v1/subscriptions/{sub} items[0][id]={sub.items.0} items[0][quantity]=3\n"},
    {20 * DAY, "Only one is needed: this month's credits stay",
     "POST /v1/subscriptions/{sub} items[0][id]={sub.items.0} items[0][quantity]=1\n"},
    {32 * DAY, "The second month is that of one seat", ""},
};
static const struct story_step several_items[] = {
    {0, "A plan and four extra seats in one subscription",
     SELLS("seat", "seat", "Seat", "500", MONTHLY_CREDITS("10")) TEAM CUSTOMER
     "sub: POST /v1/subscriptions customer={cus} items[0][price]={team} "
     "items[1][price]={seat} items[1][quantity]=4\n"},
    {32 * DAY, "The second month is paid", ""},
};
static const struct story_step two_subscriptions[] = {
    {0, "Two subscriptions",
     TEAM INDIVIDUAL CUSTOMER SUBSCRIBES(
         "individual") "more: POST /v1/subscriptions customer={cus} items[0][price]={team}\n"},
    {10 * DAY, "One of them is canceled: its credits stay until their time is over",
     "DELETE /v1/subscriptions/{more}\n"},
    {32 * DAY, "Only the other one renews", ""},
};
static const struct story_step resubscribed[] = {
    {0, "A month is paid", INDIVIDUAL CUSTOMER SUBSCRIBES("individual")},
    {10 * DAY, "The subscription is canceled", "DELETE /v1/subscriptions/{sub}\n"},
    {12 * DAY, "Another one is paid: another month, other credits", SUBSCRIBES("individual")},
    {32 * DAY, "The first one's month is over", ""},
};
static const struct story_step schedule[] = {
    {0, "A schedule will make the individual plan the team plan after a month",
     TEAM INDIVIDUAL CUSTOMER SUBSCRIBES(
         "individual") "plan: POST /v1/subscription_schedules from_subscription={sub}\n"
                       "POST /v1/subscription_schedules/{plan} "
                       "phases[0][start_date]={plan.phases.0.start_date} "
                       "phases[0][end_date]={plan.phases.0.end_date} phases[0][items][0][price]={individual} "
                       "phases[1][items][0][price]={team} phases[1][iterations]=1 end_behavior=release\n"},
    {32 * DAY, "The second month is the team's", ""},
};

static const struct story stories[] = {
    CREDITS("credits-individual", "A trial of 32 credits becomes a plan of 30 a month", individual),
    CREDITS("credits-team", "A trial becomes the team plan of 200 a month", team),
    CREDITS("credits-trial-not-carried", "A trial's credits end with the trial", trial_not_carried),
    CREDITS("credits-trial-end-now", "A trial is ended before its time", trial_end_now),
    CREDITS("credits-trial-paid-early", "A trial is ended, and its bill paid, before its time",
            trial_paid_early),
    CREDITS("credits-trial-canceled", "A trial ends unpaid", trial_canceled),
    CREDITS("credits-trial-declined", "A trial's first payment never comes", trial_declined),
    CREDITS("credits-trial-paused", "A trial is paused for want of a card, and resumed", trial_paused),
    CREDITS("credits-incomplete", "A first payment comes later", incomplete),
    CREDITS("credits-renewal", "A plan renews", renewal),
    CREDITS("credits-when-active", "A plan that gives before it is paid", when_active),
    CREDITS("credits-annual", "A year from 31 January, its credits by the month", annual),
    CREDITS("credits-quarterly", "A quarter, its credits by the month", quarterly),
    CREDITS("credits-annual-canceled", "A year is canceled amid", annual_canceled),
    CREDITS("credits-boundary", "Credits end at the instant of the period's end", boundary),
    CREDITS("credits-rollover-capped", "Some credits go over into the next month", rollover_capped),
    CREDITS("credits-rollover-unlimited", "Credits outlive their month", rollover_unlimited),
    CREDITS("credits-past-due", "A month is paid late", past_due),
    CREDITS("credits-upgrade", "An upgrade amid the month", upgrade),
    CREDITS("credits-upgrade-invoiced", "Up, down and up again", upgrade_invoiced),
    CREDITS("credits-upgrade-later", "An upgrade that counts from the next month", upgrade_later),
    CREDITS("credits-downgrade", "A downgrade that counts from the next month", downgrade),
    CREDITS("credits-downgrade-now", "A downgrade that counts at once", downgrade_now),
    CREDITS("credits-quantity", "More seats and fewer", quantity),
    CREDITS("credits-several-items", "A plan and seats in one subscription", several_items),
    CREDITS("credits-two-subscriptions", "Two subscriptions", two_subscriptions),
    CREDITS("credits-resubscribed", "Canceled, and subscribed again in the same month", resubscribed),
    CREDITS("credits-schedule", "A schedule moves a subscription to another plan", schedule),
};
const struct story_part stories_credits = {"Credits", stories, sizeof stories / sizeof *stories};
