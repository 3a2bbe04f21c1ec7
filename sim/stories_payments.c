/* Stories of the ways in which money comes: bare charges, other currencies. */
#include "sim/stories_list.h"

static const struct story_step yen[] = {
    {0, "A customer subscribes for ¥2500",
     MONTHLY("price", "jpy", "2500") CUSTOMER
     "POST /v1/subscriptions customer={cus} items[0][price]={price}\n"},
};
static const struct story_step dinar[] = {
    {0, "A customer subscribes for 12.340 Kuwaiti dinars",
     MONTHLY("price", "kwd", "12340") CUSTOMER
     "POST /v1/subscriptions customer={cus} items[0][price]={price}\n"},
};

static const struct story stories[] = {
    STORY("yen", "A currency without minor units", yen),
    STORY("dinar", "A currency with three decimals", dinar),
};
const struct story_part stories_payments = {"Payments", stories, sizeof stories / sizeof *stories};
