/* Stories of how invoices get paid: by one payment or several, elsewhere, with credit, too much, not at all. */
#include "sim/stories_list.h"

static const struct story_step yen[] = {
    {0, "A customer subscribes for ¥2500",
     MONTHLY("price", "jpy", "2500") CUSTOMER
     "POST /v1/subscriptions customer={cus} items[0][price]={price}\n"},
};

static const struct story stories[] = {
    STORY("yen", "A currency without minor units", yen),
};
const struct story_part stories_payments = {"Payments", stories, sizeof stories / sizeof *stories};
