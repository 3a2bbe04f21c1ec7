/* Stories of money that goes back: refunds, disputes and credit notes. */
#include "sim/stories_list.h"

#define FIRST_MONTH                                                                                          \
    {                                                                                                        \
        0, "A customer subscribes and pays 30.00 for the first month", SUBSCRIBED                            \
    }
#define CHARGE   "ch: GET /v1/charges customer={cus} limit=1\n"
#define DISPUTED CHARGE "du: POST /sim/charges/{ch}/dispute reason=fraudulent\n"

/* --- refunds --- */

static const struct story_step refund_full[] = {
    FIRST_MONTH,
    {3 * DAY, "All of it is refunded", CHARGE "POST /v1/refunds charge={ch} reason=requested_by_customer\n"},
};
static const struct story_step refund_partial_several[] = {
    FIRST_MONTH,
    {3 * DAY, "10.00 are refunded", CHARGE "POST /v1/refunds charge={ch} amount=1000\n"},
    {5 * DAY, "And 5.00 more", "POST /v1/refunds charge={ch} amount=500\n"},
};
static const struct story_step refund_pending[] = {
    FIRST_MONTH,
    {3 * DAY, "10.00 are to be refunded, but the money has not left yet",
     CHARGE "re: POST /v1/refunds charge={ch} amount=1000 metadata[sim_status]=pending\n"},
    {5 * DAY, "It has arrived", "POST /sim/refunds/{re} status=succeeded\n"},
};
static const struct story_step refund_fails[] = {
    FIRST_MONTH,
    {3 * DAY, "10.00 are refunded", CHARGE "re: POST /v1/refunds charge={ch} amount=1000\n"},
    {5 * DAY, "The bank sends them back", "POST /sim/refunds/{re} status=failed\n"},
};
static const struct story_step refund_canceled[] = {
    FIRST_MONTH,
    {3 * DAY, "10.00 are to be refunded as soon as the customer says where to",
     CHARGE "re: POST /v1/refunds charge={ch} amount=1000 metadata[sim_status]=requires_action\n"},
    {5 * DAY, "The refund is canceled", "POST /v1/refunds/{re}/cancel\n"},
};
static const struct story_step refund_of_bare_charge[] = {
    {0, "The shop charges 42.00, without an invoice",
     CUSTOMER "pi: POST /v1/payment_intents amount=4200 currency=usd customer={cus} "
              "payment_method={cus.invoice_settings.default_payment_method} confirm=true\n"},
    {2 * DAY, "10.00 of it are refunded", "POST /v1/refunds payment_intent={pi} amount=1000\n"},
};
static const struct story_step refund_of_guest[] = {
    {0, "A guest pays for a pack",
     ONE_TIME("price", "usd", "2500") "cs: POST /v1/checkout/sessions mode=payment "
                                      "line_items[0][price]={price} line_items[0][quantity]=1\n"
                                      "done: POST /sim/checkout/{cs}/complete outcome=paid customer=guest "
                                      "email={story}@example.com\n"},
    {2 * DAY, "All of it is refunded", "POST /v1/refunds payment_intent={done.payment_intent}\n"},
};
static const struct story_step refund_larger[] = {
    FIRST_MONTH,
    {3 * DAY, "20.00 are refunded", CHARGE "POST /v1/refunds charge={ch} amount=2000\n"},
    {5 * DAY, "The customer disputes all 30.00 nevertheless",
     "du: POST /sim/charges/{ch}/dispute reason=fraudulent amount=3000\n"},
    {10 * DAY, "And wins", "POST /sim/disputes/{du} status=lost\n"},
};

static const struct story refunds[] = {
    STORY("refund-full", "A payment is refunded", refund_full),
    STORY("refund-partial-several", "Parts of a payment are refunded, one after the other",
          refund_partial_several),
    STORY("refund-pending", "A refund takes its time", refund_pending),
    STORY("refund-fails", "A refund fails after it had succeeded", refund_fails),
    STORY("refund-canceled", "A refund waits for the customer and is canceled", refund_canceled),
    STORY("refund-of-bare-charge", "A bare charge is refunded", refund_of_bare_charge),
    STORY("refund-of-guest", "A guest is refunded", refund_of_guest),
    STORY("refund-larger-than-expected", "More goes back than ever came", refund_larger),
};
const struct story_part stories_refunds = {"Refunds", refunds, sizeof refunds / sizeof *refunds};

/* --- disputes --- */

static const struct story_step dispute_lost[] = {
    FIRST_MONTH,
    {3 * DAY, "The customer disputes the charge", DISPUTED},
    {5 * DAY, "The shop sends evidence",
     "POST /v1/disputes/{du} evidence[product_description]=Team submit=true\n"},
    {10 * DAY, "The bank decides for the customer", "POST /sim/disputes/{du} status=lost\n"},
};
static const struct story_step dispute_won[] = {
    FIRST_MONTH,
    {3 * DAY, "The customer disputes the charge", DISPUTED},
    {5 * DAY, "The shop sends evidence",
     "POST /v1/disputes/{du} evidence[product_description]=Team submit=true\n"},
    {10 * DAY, "The bank decides for the shop", "POST /sim/disputes/{du} status=won reinstate=true\n"},
};
static const struct story_step dispute_inquiry[] = {
    FIRST_MONTH,
    {3 * DAY, "The customer's bank asks what the charge was for",
     CHARGE "du: POST /sim/charges/{ch}/dispute reason=general status=warning_needs_response\n"},
    {10 * DAY, "It is content with the answer", "POST /sim/disputes/{du} status=warning_closed\n"},
};
static const struct story_step dispute_won_money_later[] = {
    FIRST_MONTH,
    {3 * DAY, "The customer disputes the charge", DISPUTED},
    {10 * DAY, "The bank decides for the shop, but keeps the money for now",
     "POST /sim/disputes/{du} status=won reinstate=false\n"},
    {15 * DAY, "The money comes back", "POST /sim/disputes/{du} status=won reinstate=true\n"},
};
static const struct story_step dispute_inquiry_escalates[] = {
    FIRST_MONTH,
    {3 * DAY, "The customer's bank asks what the charge was for",
     CHARGE "du: POST /sim/charges/{ch}/dispute reason=general status=warning_needs_response\n"},
    {10 * DAY, "It is not content with the answer: now it is a dispute",
     "POST /sim/disputes/{du} status=needs_response\n"},
    {15 * DAY, "The bank decides for the customer", "POST /sim/disputes/{du} status=lost\n"},
};
static const struct story_step dispute_lost_appealed_won[] = {
    FIRST_MONTH,
    {3 * DAY, "The customer disputes the charge", DISPUTED},
    {10 * DAY, "The bank decides for the customer", "POST /sim/disputes/{du} status=lost\n"},
    {15 * DAY, "The shop appeals", "POST /sim/disputes/{du} status=appeal_under_review\n"},
    {20 * DAY, "And wins", "POST /sim/disputes/{du} status=won reinstate=true\n"},
};
static const struct story_step dispute_after_refund[] = {
    FIRST_MONTH,
    {3 * DAY, "10.00 are refunded", CHARGE "POST /v1/refunds charge={ch} amount=1000\n"},
    {5 * DAY, "The customer disputes the rest",
     "du: POST /sim/charges/{ch}/dispute reason=product_not_received amount=2000\n"},
    {10 * DAY, "The bank decides for the customer", "POST /sim/disputes/{du} status=lost\n"},
};

static const struct story disputes[] = {
    STORY("dispute-lost", "A dispute is lost", dispute_lost),
    STORY("dispute-won", "A dispute is won", dispute_won),
    STORY("dispute-won-money-later", "A dispute is won, and the money comes later", dispute_won_money_later),
    STORY("dispute-inquiry", "A bank only asks", dispute_inquiry),
    STORY("dispute-inquiry-escalates", "A question becomes a dispute", dispute_inquiry_escalates),
    STORY("dispute-lost-appealed-won", "A dispute is lost, appealed and won", dispute_lost_appealed_won),
    STORY("dispute-after-refund", "What a refund left is disputed", dispute_after_refund),
};
const struct story_part stories_disputes = {"Disputes", disputes, sizeof disputes / sizeof *disputes};

/* --- credit notes --- */

static const struct story_step credit_note_before_payment[] = {
    {0, "An invoice of 50.00 is sent", CUSTOMER INVOICED},
    {DAY, "10.00 are credited before it is paid", "POST /v1/credit_notes invoice={in} amount=1000\n"},
    {2 * DAY, "The rest is paid", "POST /v1/invoices/{in}/pay\n"},
};
static const struct story_step credit_note_to_balance[] = {
    FIRST_MONTH,
    {3 * DAY, "10.00 are credited to the customer's balance",
     "POST /v1/credit_notes invoice={sub.latest_invoice} amount=1000 credit_amount=1000\n"},
    {32 * DAY, "The second month uses them", ""},
};
static const struct story_step credit_note_refunded[] = {
    FIRST_MONTH,
    {3 * DAY, "10.00 are credited and refunded",
     "POST /v1/credit_notes invoice={sub.latest_invoice} amount=1000 refund_amount=1000\n"},
};
static const struct story_step credit_note_out_of_band[] = {
    {0, "An invoice of 50.00 is sent", CUSTOMER INVOICED},
    {2 * DAY, "It was paid in cash", "POST /v1/invoices/{in}/pay paid_out_of_band=true\n"},
    {3 * DAY, "10.00 are given back in cash",
     "POST /v1/credit_notes invoice={in} amount=1000 out_of_band_amount=1000\n"},
};
static const struct story_step credit_note_voided[] = {
    FIRST_MONTH,
    {3 * DAY, "10.00 are credited to the customer's balance",
     "cn: POST /v1/credit_notes invoice={sub.latest_invoice} amount=1000 credit_amount=1000\n"},
    {5 * DAY, "That was a mistake: the note is voided", "POST /v1/credit_notes/{cn}/void\n"},
};

static const struct story credit_notes[] = {
    STORY("credit-note-before-payment", "An open invoice is lowered", credit_note_before_payment),
    STORY("credit-note-to-balance", "A paid invoice is credited to the balance", credit_note_to_balance),
    STORY("credit-note-refunded", "A paid invoice is credited and refunded", credit_note_refunded),
    STORY("credit-note-out-of-band", "Money is given back outside Stripe", credit_note_out_of_band),
    STORY("credit-note-voided", "A credit note is taken back", credit_note_voided),
};
const struct story_part stories_credit_notes = {"Credit notes", credit_notes,
                                                sizeof credit_notes / sizeof *credit_notes};
