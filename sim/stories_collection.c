/* Stories of payments that fail and what becomes of the debt. */
#include "sim/stories_list.h"

#define DECLINED                                                                                             \
    {                                                                                                        \
        DAY, "The card stops working", "POST /sim/customers/{cus}/card declines=-1\n"                        \
    }

static const struct story_step payment_fails_recovers[] = {
    {0, "A customer subscribes and pays the first month", SUBSCRIBED},
    DECLINED,
    {32 * DAY, "The renewal could not be collected: past due", ""},
    {33 * DAY, "The customer settles with a working card",
     "POST /sim/customers/{cus}/card declines=0\n"
     "in: GET /v1/invoices customer={cus} status=open\n"
     "POST /v1/invoices/{in}/pay\n"},
};
static const struct story_step dunning_unpaid[] = {
    {0, "A customer subscribes; who does not pay shall become unpaid",
     "POST /sim/knobs dunning_end=1\n" SUBSCRIBED "POST /sim/knobs dunning_end=0\n"},
    DECLINED,
    {32 * DAY, "The renewal could not be collected: past due", ""},
    {48 * DAY, "The last retry has failed: unpaid", ""},
    {50 * DAY, "The customer pays after all",
     "POST /sim/customers/{cus}/card declines=0\n"
     "in: GET /v1/invoices customer={cus} status=open\n"
     "POST /v1/invoices/{in}/pay\n"},
};
static const struct story_step dunning_canceled[] = {
    {0, "A customer subscribes and pays the first month", SUBSCRIBED},
    DECLINED,
    {32 * DAY, "The renewal could not be collected: past due", ""},
    {48 * DAY, "The last retry has failed: the subscription is canceled", ""},
};
static const struct story_step invoice_voided[] = {
    {0, "An invoice of 50.00 is sent", CUSTOMER INVOICED},
    {DAY, "It was a mistake: void", "POST /v1/invoices/{in}/void\n"},
};
static const struct story_step uncollectible_later_paid[] = {
    {0, "An invoice of 50.00 is sent", CUSTOMER INVOICED},
    {10 * DAY, "Nobody believes in it any more: written off", "POST /v1/invoices/{in}/mark_uncollectible\n"},
    {20 * DAY, "And yet it is paid", "POST /v1/invoices/{in}/pay\n"},
};
static const struct story_step zero_invoice[] = {
    {0, "A customer subscribes to what costs nothing",
     MONTHLY("price", "usd", "0") CUSTOMER "POST /v1/subscriptions customer={cus} items[0][price]={price}\n"},
};
static const struct story_step void_returns_credit[] = {
    {0, "A customer has paid 60.00 for a month",
     MONTHLY("cheap", "usd", "3000") MONTHLY("dear", "usd", "6000") CUSTOMER
     "sub: POST /v1/subscriptions customer={cus} items[0][price]={dear}\n"},
    {15 * DAY, "A downgrade leaves a credit",
     "POST /v1/subscriptions/{sub} items[0][id]={sub.items.0} items[0][price]={cheap} "
     "proration_behavior=always_invoice\n"},
    {20 * DAY, "An invoice of 50.00 is sent; the credit covers a part of it", INVOICED},
    {22 * DAY, "It was a mistake: void, and the credit is there again", "POST /v1/invoices/{in}/void\n"},
};

static const struct story stories[] = {
    STORY("payment-fails-recovers", "A payment fails and is made good", payment_fails_recovers),
    STORY("dunning-unpaid", "All retries fail, and the subscription is left unpaid", dunning_unpaid),
    STORY("dunning-canceled", "All retries fail, and the subscription is canceled", dunning_canceled),
    STORY("invoice-voided", "An invoice is voided", invoice_voided),
    STORY("uncollectible-later-paid", "An invoice is written off and then paid", uncollectible_later_paid),
    STORY("zero-invoice", "An invoice of nothing", zero_invoice),
    STORY("void-returns-credit", "A voided invoice gives back the credit it had used", void_returns_credit),
};
const struct story_part stories_collection = {"Debts", stories, sizeof stories / sizeof *stories};
