/* Stories of payments that fail and what becomes of the debt. */
#include "sim/stories_list.h"

static const struct story_step payment_fails_recovers[] = {
    {0, "A customer subscribes and pays the first month", SUBSCRIBED},
    {DAY, "The card stops working", "POST /sim/customers/{cus}/card declines=-1\n"},
    {32 * DAY, "The renewal could not be collected: past due", ""},
    {33 * DAY, "The customer settles with a working card",
     "POST /sim/customers/{cus}/card declines=0\n"
     "in: GET /v1/invoices customer={cus} status=open\n"
     "POST /v1/invoices/{in}/pay\n"},
};

static const struct story stories[] = {
    STORY("payment-fails-recovers", "A payment fails and is made good", payment_fails_recovers),
};
const struct story_part stories_collection = {"Debts", stories, sizeof stories / sizeof *stories};
