/* The tables of stories, one file for each part of docs/ledger.md, "Worked examples". Private to the stories' files. */
#ifndef INSTEP_SIM_STORIES_LIST_H
#define INSTEP_SIM_STORIES_LIST_H

#include "sim/stories.h"

struct story_part {
    const char *title; /* of the part */
    const struct story *stories;
    size_t count;
};
extern const struct story_part stories_subscriptions, stories_coupons, stories_checkout, stories_collection,
    stories_payments, stories_refunds, stories_disputes, stories_credit_notes, stories_credits,
    stories_credits_money;

#define STORY_FROM(start, name, title, steps)                                                                \
    {                                                                                                        \
        name, title, steps, sizeof(steps) / sizeof *(steps), start                                           \
    }
#define STORY(name, title, steps) STORY_FROM(STORY_START, name, title, steps)

/* Lines that many stories begin with. Amounts are minor units. */
#define MONTHLY(price, currency, amount)                                                                     \
    price ": POST /v1/prices currency=" currency " unit_amount=" amount                                      \
          " recurring[interval]=month product_data[name]=Team\n"
#define ONE_TIME(price, currency, amount)                                                                    \
    price ": POST /v1/prices currency=" currency " unit_amount=" amount " product_data[name]=Pack\n"
#define CUSTOMER                                                                                             \
    "cus: POST /v1/customers email={story}@example.com metadata[user_id]={story} "                           \
    "payment_method=pm_card_visa\n"
#define SUBSCRIBED                                                                                           \
    MONTHLY("price", "usd", "3000")                                                                          \
    CUSTOMER "sub: POST /v1/subscriptions customer={cus} items[0][price]={price}\n"

/* An open invoice of 50.00 for something that was done, which nobody tries to collect. */
#define INVOICED                                                                                             \
    "POST /v1/invoiceitems customer={cus} amount=5000 currency=usd description=Work\n"                       \
    "in: POST /v1/invoices customer={cus} currency=usd auto_advance=false\n"                                 \
    "POST /v1/invoices/{in}/finalize\n"

#endif
