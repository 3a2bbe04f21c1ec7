/* Stories of the ways in which money comes: by one payment or several, elsewhere, too much, in other currencies. */
#include "sim/stories_list.h"

#define PAY(pi, amount)                                                                                      \
    pi ": POST /v1/payment_intents amount=" amount " currency=usd customer={cus} "                           \
       "payment_method={cus.invoice_settings.default_payment_method} confirm=true\n"

static const struct story_step out_of_band[] = {
    {0, "An invoice of 50.00 is sent", CUSTOMER INVOICED},
    {2 * DAY, "It was paid in cash", "POST /v1/invoices/{in}/pay paid_out_of_band=true\n"},
};
static const struct story_step two_payments[] = {
    {0, "An invoice of 50.00 is sent", CUSTOMER INVOICED},
    {DAY, "20.00 are paid on it",
     PAY("pi", "2000") "POST /v1/invoices/{in}/attach_payment payment_intent={pi}\n"},
    {2 * DAY, "And the other 30.00",
     PAY("pi", "3000") "POST /v1/invoices/{in}/attach_payment payment_intent={pi}\n"},
};
static const struct story_step overpaid[] = {
    {0, "An invoice of 50.00 is sent", CUSTOMER INVOICED},
    {DAY, "55.00 are paid on it",
     PAY("pi", "5500") "POST /v1/invoices/{in}/attach_payment payment_intent={pi}\n"},
};
static const struct story_step bare_charge[] = {
    {0, "The shop charges 42.00, without an invoice", CUSTOMER PAY("pi", "4200")},
};
static const struct story_step bare_charge_of_guest[] = {
    {0, "The shop charges a card of 15.00, and nobody knows whose",
     "POST /v1/payment_intents amount=1500 currency=usd payment_method=pm_card_visa confirm=true\n"},
};
static const struct story_step captured_later[] = {
    {0, "The shop has 42.00 authorised",
     CUSTOMER "pi: POST /v1/payment_intents amount=4200 currency=usd customer={cus} capture_method=manual "
              "payment_method={cus.invoice_settings.default_payment_method} confirm=true\n"},
    {2 * DAY, "30.00 of it are captured", "POST /v1/payment_intents/{pi}/capture amount_to_capture=3000\n"},
};
static const struct story_step charge_gets_invoice[] = {
    {0, "The shop charges 50.00, without an invoice", CUSTOMER PAY("pi", "5000")},
    {2 * DAY, "The invoice is written later, and the payment attached to it",
     INVOICED "POST /v1/invoices/{in}/attach_payment payment_intent={pi}\n"},
};
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
static const struct story_step special_currency[] = {
    {0, "A customer subscribes for 5,000 Icelandic crowns",
     MONTHLY("price", "isk", "500000") CUSTOMER
     "POST /v1/subscriptions customer={cus} items[0][price]={price}\n"},
};

static const struct story stories[] = {
    STORY("out-of-band", "An invoice is paid outside Stripe", out_of_band),
    STORY("two-payments", "An invoice is paid by two payments", two_payments),
    STORY("overpaid", "More is paid than was due", overpaid),
    STORY("bare-charge", "A charge without invoice or session", bare_charge),
    STORY("bare-charge-of-guest", "A charge without anything, not even a customer", bare_charge_of_guest),
    STORY("captured-later", "A charge is authorised first and captured later, in part", captured_later),
    STORY("charge-gets-invoice", "A bare charge turns out to pay an invoice", charge_gets_invoice),
    STORY("yen", "A currency without minor units", yen),
    STORY("dinar", "A currency with three decimals", dinar),
    STORY("special-currency", "A currency with minor units that nobody uses", special_currency),
};
const struct story_part stories_payments = {"Payments", stories, sizeof stories / sizeof *stories};
