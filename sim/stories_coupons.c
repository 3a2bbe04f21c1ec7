/* Stories of coupons and promotion codes: what was discounted is not sold. */
#include "sim/stories_list.h"

static const struct story_step coupon_once_on_trial[] = {
    {0, "A trial of seven days, with a coupon: half of one invoice",
     MONTHLY("price", "usd", "2000") CUSTOMER
     "half: POST /v1/coupons percent_off=50 duration=once\n"
     "POST /v1/subscriptions customer={cus} items[0][price]={price} trial_period_days=7 "
     "discounts[0][coupon]={half}\n"},
    {8 * DAY, "The first month: the coupon waited for it", ""},
    {40 * DAY, "The second month costs the whole price", ""},
};
static const struct story_step coupon_repeating[] = {
    {0, "A customer subscribes with a fifth off for two months",
     MONTHLY("price", "usd", "3000") CUSTOMER
     "fifth: POST /v1/coupons percent_off=20 duration=repeating duration_in_months=2\n"
     "POST /v1/subscriptions customer={cus} items[0][price]={price} discounts[0][coupon]={fifth}\n"},
    {32 * DAY, "The second month, with the discount", ""},
    {63 * DAY, "The third month, without", ""},
};
static const struct story_step coupon_forever[] = {
    {0, "A customer subscribes with 5.00 off for ever",
     MONTHLY("price", "usd", "3000") CUSTOMER
     "five: POST /v1/coupons amount_off=500 currency=usd duration=forever\n"
     "POST /v1/subscriptions customer={cus} items[0][price]={price} discounts[0][coupon]={five}\n"},
    {32 * DAY, "The second month", ""},
};
static const struct story_step promotion_code[] = {
    {0, "Somebody subscribes in Checkout and types a code: a tenth off the first invoice",
     MONTHLY("price", "usd",
             "3000") "tenth: POST /v1/coupons percent_off=10 duration=once\n"
                     "code: POST /v1/promotion_codes promotion[type]=coupon promotion[coupon]={tenth}\n"
                     "cs: POST /v1/checkout/sessions mode=subscription allow_promotion_codes=true "
                     "line_items[0][price]={price} line_items[0][quantity]=1 client_reference_id={story}\n"
                     "POST /sim/checkout/{cs}/complete outcome=paid email={story}@example.com "
                     "promotion_code={code.code}\n"},
    {32 * DAY, "The second month costs the whole price", ""},
};

static const struct story stories[] = {
    STORY("coupon-once-on-trial", "A coupon for one invoice waits for the end of the trial",
          coupon_once_on_trial),
    STORY("coupon-repeating", "A coupon for some months", coupon_repeating),
    STORY("coupon-forever", "A coupon for ever", coupon_forever),
    STORY("promotion-code", "A promotion code is typed in Checkout", promotion_code),
};
const struct story_part stories_coupons = {"Discounts", stories, sizeof stories / sizeof *stories};
