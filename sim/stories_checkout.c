/* Stories of people who pay in Checkout. */
#include "sim/stories_list.h"

static const struct story_step checkout_guest[] = {
    {0, "A guest pays for a pack",
     ONE_TIME(
         "price", "usd",
         "2500") "cs: POST /v1/checkout/sessions mode=payment line_items[0][price]={price} "
                 "line_items[0][quantity]=1\n"
                 "POST /sim/checkout/{cs}/complete outcome=paid customer=guest email={story}@example.com\n"},
};
static const struct story_step checkout_async_succeeds[] = {
    {0, "Somebody buys a pack and pays by bank debit, which takes days",
     ONE_TIME("price", "eur", "2500") CUSTOMER "cs: POST /v1/checkout/sessions mode=payment customer={cus} "
                                               "line_items[0][price]={price} line_items[0][quantity]=1\n"
                                               "POST /sim/checkout/{cs}/complete outcome=unpaid-async\n"},
    {5 * DAY, "The money arrives", "POST /sim/checkout/{cs}/async outcome=succeeded\n"},
};
static const struct story_step checkout_async_fails[] = {
    {0, "Somebody buys a pack and pays by bank debit, which takes days",
     ONE_TIME("price", "eur", "2500") CUSTOMER "cs: POST /v1/checkout/sessions mode=payment customer={cus} "
                                               "line_items[0][price]={price} line_items[0][quantity]=1\n"
                                               "POST /sim/checkout/{cs}/complete outcome=unpaid-async\n"},
    {5 * DAY, "The bank refuses", "POST /sim/checkout/{cs}/async outcome=failed\n"},
};
static const struct story_step checkout_subscription[] = {
    {0, "A new customer subscribes in Checkout",
     MONTHLY("price", "usd",
             "1999") "cs: POST /v1/checkout/sessions mode=subscription line_items[0][price]={price} "
                     "line_items[0][quantity]=1 client_reference_id={story}\n"
                     "POST /sim/checkout/{cs}/complete outcome=paid email={story}@example.com\n"},
};
static const struct story_step checkout_with_invoice[] = {
    {0, "Somebody buys a pack and gets an invoice for it",
     ONE_TIME("price", "usd",
              "2500") "cs: POST /v1/checkout/sessions mode=payment line_items[0][price]={price} "
                      "line_items[0][quantity]=1 "
                      "customer_creation=always invoice_creation[enabled]=true client_reference_id={story}\n"
                      "POST /sim/checkout/{cs}/complete outcome=paid email={story}@example.com\n"},
};
static const struct story_step presentment_currency[] = {
    {0, "Somebody in Japan buys a pack of €25.00 and is shown, and pays, ¥4100",
     ONE_TIME("price", "eur", "2500") "cs: POST /v1/checkout/sessions mode=payment "
                                      "line_items[0][price]={price} line_items[0][quantity]=1 "
                                      "customer_creation=always client_reference_id={story}\n"
                                      "POST /sim/checkout/{cs}/complete outcome=paid "
                                      "email={story}@example.com presentment_currency=jpy "
                                      "presentment_amount=4100\n"},
};

static const struct story stories[] = {
    STORY("checkout-subscription", "A subscription is bought in Checkout", checkout_subscription),
    STORY("checkout-guest", "A guest buys something once", checkout_guest),
    STORY("checkout-with-invoice", "A purchase that gets an invoice as its paper", checkout_with_invoice),
    STORY("checkout-async-succeeds", "A delayed payment succeeds", checkout_async_succeeds),
    STORY("checkout-async-fails", "A delayed payment fails", checkout_async_fails),
    STORY("presentment-currency", "A buyer pays in another currency than the shop's", presentment_currency),
};
const struct story_part stories_checkout = {"Checkout", stories, sizeof stories / sizeof *stories};
