/*
 * What the simulated Stripe remembers: plain records. Every record starts with a struct object and lives until
 * the simulator is freed; pointers between records are borrowed. Texts belong to the simulator's arena.
 * Times are unix seconds of the virtual clock, 0 meaning "never" (JSON null). Money is minor units.
 */
#ifndef INSTEP_SIM_MODEL_H
#define INSTEP_SIM_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/calendar.h"
#include "sim/knobs.h"

/* X(enumerator, object name, id prefix, random characters, path of its list) */
#define OBJECT_TYPES(X)                                                                                      \
    X(TYPE_CUSTOMER, "customer", "cus_", 14, "/v1/customers")                                                \
    X(TYPE_PRODUCT, "product", "prod_", 14, "/v1/products")                                                  \
    X(TYPE_PRICE, "price", "price_1", 23, "/v1/prices")                                                      \
    X(TYPE_COUPON, "coupon", "", 8, "/v1/coupons")                                                           \
    X(TYPE_PROMOTION_CODE, "promotion_code", "promo_1", 23, "/v1/promotion_codes")                           \
    X(TYPE_DISCOUNT, "discount", "di_1", 23, "")                                                             \
    X(TYPE_PAYMENT_METHOD, "payment_method", "pm_1", 23, "/v1/payment_methods")                              \
    X(TYPE_SUBSCRIPTION, "subscription", "sub_1", 23, "/v1/subscriptions")                                   \
    X(TYPE_SCHEDULE, "subscription_schedule", "sub_sched_1", 23, "/v1/subscription_schedules")               \
    X(TYPE_ITEM, "subscription_item", "si_", 14, "/v1/subscription_items")                                   \
    X(TYPE_INVOICE, "invoice", "in_1", 23, "/v1/invoices")                                                   \
    X(TYPE_LINE, "line_item", "il_1", 23, "")                                                                \
    X(TYPE_INVOICEITEM, "invoiceitem", "ii_1", 23, "/v1/invoiceitems")                                       \
    X(TYPE_INVOICE_PAYMENT, "invoice_payment", "inpay_1", 23, "/v1/invoice_payments")                        \
    X(TYPE_SESSION, "checkout.session", "cs_test_a1", 58, "/v1/checkout/sessions")                           \
    X(TYPE_INTENT, "payment_intent", "pi_3", 23, "/v1/payment_intents")                                      \
    X(TYPE_SETUP_INTENT, "setup_intent", "seti_1", 23, "/v1/setup_intents")                                  \
    X(TYPE_CHARGE, "charge", "ch_3", 23, "/v1/charges")                                                      \
    X(TYPE_REFUND, "refund", "re_3", 23, "/v1/refunds")                                                      \
    X(TYPE_DISPUTE, "dispute", "du_1", 23, "/v1/disputes")                                                   \
    X(TYPE_CREDIT_NOTE, "credit_note", "cn_1", 23, "/v1/credit_notes")                                       \
    X(TYPE_BALANCE_TXN, "balance_transaction", "txn_3", 23, "/v1/balance_transactions")                      \
    X(TYPE_CUSTOMER_TXN, "customer_balance_transaction", "cbtxn_1", 23, "")                                  \
    X(TYPE_TEST_CLOCK, "test_helpers.test_clock", "clock_1", 23, "/v1/test_helpers/test_clocks")             \
    X(TYPE_EVENT, "event", "evt_1", 23, "/v1/events")                                                        \
    X(TYPE_ENDPOINT, "webhook_endpoint", "we_1", 23, "/v1/webhook_endpoints")

enum object_type {
#define X(type, name, prefix, chars, path) type,
    OBJECT_TYPES(X)
#undef X
        TYPE_COUNT
};

struct object {
    enum object_type type;
    const char *id;
    int64_t created;
    json_t *metadata; /* owned; NULL is empty */
    struct object *hash_next;
};

/* Objects in the order they were made. */
struct list {
    struct object **at;
    size_t count;
    size_t room;
};

/* What a product said of itself from a moment on. */
struct product_version {
    struct product_version *later; /* NULL: the newest */
    int64_t since;
    const char *name;
    json_t *metadata; /* owned; never NULL, never changed */
};

struct product {
    struct object o; /* its metadata are those of the newest version */
    const char *name;
    bool active;
    int64_t updated;
    struct product_version *versions, *newest; /* the oldest first; product.h */
};

struct price {
    struct object o;
    struct product *product;
    const char *currency;
    const char *lookup_key; /* NULL: none */
    const char *nickname;   /* NULL: none */
    int64_t unit_amount;
    enum interval interval; /* INTERVAL_NONE: one-time */
    int64_t interval_count;
    bool active;
};

enum coupon_duration { DURATION_ONCE, DURATION_REPEATING, DURATION_FOREVER };

#define COUPON_PRODUCTS_MAX 20
#define DISCOUNTS_MAX       5 /* on one object */

/* Its id is the merchant's choice. */
struct coupon {
    struct object o;
    const char *name;     /* NULL: none */
    int64_t percent_bp;   /* of ten thousand; 0: amount_off instead */
    int64_t amount_off;   /* in currency */
    const char *currency; /* NULL: a percentage */
    enum coupon_duration duration;
    int64_t duration_in_months;              /* 0: not repeating */
    int64_t max_redemptions, times_redeemed; /* max 0: no limit */
    int64_t redeem_by;
    struct product *products[COUPON_PRODUCTS_MAX]; /* it applies to; none: to everything */
    unsigned products_count;
    bool deleted; /* the id stays reserved, discounts that exist stay */
};

struct promotion_code {
    struct object o;
    const char *code; /* compared without regard to case */
    struct coupon *coupon;
    struct customer *customer; /* NULL: anybody may use it */
    bool active;               /* as set; it is shown active while it can be redeemed */
    bool first_time_transaction;
    int64_t minimum_amount;
    const char *minimum_amount_currency; /* NULL: no minimum */
    int64_t max_redemptions, times_redeemed;
    int64_t expires_at;
};

/* A coupon put to use, by a code or without. It has neither created nor livemode nor metadata. */
struct discount {
    struct object o;
    struct coupon *coupon;
    struct promotion_code *promotion_code; /* NULL: the coupon itself was given */
    struct customer *customer;             /* NULL: a guest */
    struct subscription *subscription;     /* the owner is one of these four */
    struct invoice *invoice;
    struct invoiceitem *invoiceitem;
    struct session *session; /* payment mode only */
    int64_t start, end;      /* end 0: forever, or once */
    bool over;               /* taken away, used up or run out */
};

/* What somebody asks for: a coupon, a code, or a discount that is to stay. */
struct discount_wish {
    struct coupon *coupon;
    struct promotion_code *promotion_code; /* its coupon stands above */
    struct discount *keep;                 /* NULL: a new one */
};

struct discount_wishes {
    struct discount_wish at[DISCOUNTS_MAX];
    unsigned count;
};

struct payment_method {
    struct object o;
    struct customer *customer; /* NULL: not attached */
    const char *last4;
    int declines; /* charges still to be declined; -1: all of them */
    bool delayed; /* a bank debit: pending first, decided later */
};

struct balance {
    struct balance *next;
    const char *currency;
    int64_t amount; /* negative: credit in the customer's favour */
};

/* Time as a merchant's tests set it. All of them, and everybody else, live by the one virtual clock. */
struct test_clock {
    struct object o;
    const char *name; /* NULL: none */
};

struct customer {
    struct object o;
    struct test_clock *test_clock;          /* also of all that belongs to the customer; NULL: none */
    const char *email, *name, *description; /* NULL: none */
    const char *currency;                   /* NULL until the first invoice */
    struct payment_method *payment_method;  /* default for invoices; NULL: none */
    struct balance *balances;               /* one per currency ever invoiced */
    bool deleted;
    bool delinquent;
    struct list of[TYPE_COUNT]; /* what belongs to the customer */
};

enum subscription_status {
    SUB_INCOMPLETE,
    SUB_INCOMPLETE_EXPIRED,
    SUB_TRIALING,
    SUB_ACTIVE,
    SUB_PAST_DUE,
    SUB_UNPAID,
    SUB_CANCELED,
    SUB_PAUSED
};

struct item {
    struct object o;
    struct subscription *subscription;
    struct price *price;
    int64_t quantity;
    int64_t period_start, period_end;
    bool deleted;
};

/* What happens when the last retry fails. */
enum dunning_end { DUNNING_CANCEL, DUNNING_UNPAID, DUNNING_PAST_DUE };

/* What becomes of the invoices made while collection is paused. */
enum pause_collection { NOT_PAUSED, KEEP_AS_DRAFT, MARK_UNCOLLECTIBLE, VOID_INVOICES };

/* What happens at the end of a trial when there is nothing to charge. */
enum missing_payment_method { MISSING_CREATE_INVOICE, MISSING_PAUSE, MISSING_CANCEL };

/* Why a subscription has the status paused. */
enum pause_cause { PAUSE_NONE, PAUSE_REQUESTED, PAUSE_TRIAL_END };

struct subscription {
    struct object o;
    struct customer *customer;
    const char *currency;
    enum subscription_status status;
    struct list items;                     /* also the removed ones, which are not shown */
    struct list invoices;                  /* in the order made; the last is latest_invoice */
    struct list discounts;                 /* in force */
    struct payment_method *payment_method; /* NULL: the customer's default is used */
    int64_t anchor, start_date;
    int64_t trial_start, trial_end;
    bool cancel_at_period_end;
    int64_t cancel_at, canceled_at, ended_at;
    const char *cancel_reason;                    /* NULL: none */
    const char *cancel_comment, *cancel_feedback; /* NULL: none */
    bool send_invoice;                            /* else charge_automatically */
    bool flexible;                                /* billing_mode, else classic */
    int64_t days_until_due;                       /* with send_invoice */
    enum pause_collection pause_collection;
    int64_t resumes_at; /* of collection; 0: when somebody says so */
    enum missing_payment_method missing_payment_method;
    enum pause_cause pause_cause;
    int64_t paused_at;
    struct invoice *resumed_by; /* it leaves paused when this is paid; NULL: none */
    struct schedule *schedule;  /* NULL: none */
    enum dunning_end dunning_end;
    unsigned period_token;              /* a due period end with another token is void */
    struct subscription_state *history; /* the newest state (history.h) */
    bool creating;                      /* quiet: customer.subscription.created has not been sent */
};

#define SCHEDULE_PHASES_MAX      10
#define SCHEDULE_PHASE_ITEMS_MAX 20

struct schedule_phase {
    int64_t start, end;
    int64_t trial_end; /* 0: none */
    struct {
        struct price *price;
        int64_t quantity;
    } items[SCHEDULE_PHASE_ITEMS_MAX];
    unsigned items_count;
    unsigned proration; /* enum proration: of the change to this phase */
    bool has_discounts; /* false: what the subscription has stays */
    struct discount_wishes discounts;
};

enum schedule_status {
    SCHEDULE_NOT_STARTED,
    SCHEDULE_ACTIVE,
    SCHEDULE_COMPLETED,
    SCHEDULE_RELEASED,
    SCHEDULE_CANCELED
};

/* Phases follow each other without gaps. */
struct schedule {
    struct object o;
    struct customer *customer;
    struct subscription *subscription;          /* NULL: not started, or released */
    struct subscription *released_subscription; /* NULL: not released */
    enum schedule_status status;
    struct schedule_phase phases[SCHEDULE_PHASES_MAX];
    unsigned phases_count, current;
    unsigned token;   /* a due end of a phase with another one is void */
    bool end_cancels; /* end_behavior cancel, else release */
    int64_t canceled_at, completed_at, released_at;
};

enum invoice_status { INVOICE_DRAFT, INVOICE_OPEN, INVOICE_PAID, INVOICE_UNCOLLECTIBLE, INVOICE_VOID };

struct line {
    struct object o;
    struct invoice *invoice;
    struct subscription *subscription;
    struct item *item;               /* NULL: an invoice item's line without one */
    struct invoiceitem *invoiceitem; /* NULL: a plain period line */
    struct price *price;             /* NULL: an amount without a price */
    const char *description;
    int64_t amount, quantity;
    int64_t discounted[DISCOUNTS_MAX]; /* by each of the invoice's discounts */
    int64_t period_start, period_end;
};

struct invoiceitem {
    struct object o;
    struct customer *customer;
    struct subscription *subscription; /* NULL: none */
    struct item *item;
    struct price *price;
    struct invoice *invoice; /* NULL: pending */
    struct list discounts;   /* of this item alone */
    const char *currency, *description;
    int64_t amount, quantity;
    int64_t period_start, period_end;
    bool proration;
};

struct invoice {
    struct object o;
    struct customer *customer;
    struct subscription *subscription; /* NULL: a one-off invoice */
    json_t *subscription_metadata;     /* owned; frozen at finalisation */
    const char *billing_reason;
    const char *currency;
    const char *number; /* NULL while draft */
    enum invoice_status status;
    struct list lines;
    struct list payments;
    struct list
        discounts;    /* at most DISCOUNTS_MAX: its subscription's, its own, and those of its invoice items */
    int64_t subtotal; /* before discounts */
    struct list credit_notes;
    int64_t total, amount_due, amount_paid;
    int64_t amount_overpaid;     /* part of amount_paid; it became credit of the customer */
    int64_t pre_payment_credit;  /* by credit notes in force: due no longer */
    int64_t post_payment_credit; /* by credit notes in force: given back */
    int64_t starting_balance, ending_balance;
    unsigned attempt_count;
    unsigned failures; /* of automatic attempts: picks the next retry */
    bool attempted, auto_advance;
    bool for_session; /* documents a paid session, whose sale is the session's */
    int64_t next_payment_attempt;
    int64_t finalizes_at;
    bool send_invoice;      /* waits to be paid, else it is charged */
    int64_t days_until_due; /* from finalisation, with send_invoice */
    int64_t due_date;
    int64_t period_start, period_end;
    int64_t finalized_at, paid_at, voided_at, uncollectible_at;
};

struct invoice_payment {
    struct object o;
    struct invoice *invoice;
    struct intent *intent;      /* NULL: paid outside Stripe */
    const char *payment_record; /* id of what was paid outside Stripe; NULL: an intent */
    const char *status;         /* "open", "paid", "canceled" */
    bool is_default;            /* the one the invoice collects with */
    int64_t amount_requested, amount_paid;
    int64_t paid_at, canceled_at;
};

struct intent {
    struct object o;
    struct customer *customer; /* NULL: a guest */
    struct payment_method *payment_method;
    struct charge *latest_charge;
    const char *currency;
    const char *status;
    int64_t amount, amount_received, amount_capturable, canceled_at;
    const char *cancellation_reason, *description; /* NULL: none */
    const char *presentment_currency;              /* NULL: the buyer paid in `currency` */
    int64_t presentment_amount;                    /* in that currency */
    bool manual;                                   /* capture_method=manual */
    bool failed;                                   /* last_payment_error is shown */
    struct invoice_payment *invoice_payment;       /* the invoice it pays; NULL: none */
    struct session *session;                       /* the session in payment mode it pays; NULL: none */
};

struct setup_intent {
    struct object o;
    struct customer *customer;
    struct payment_method *payment_method;
    const char *status;
};

struct charge {
    struct object o;
    struct customer *customer;
    struct intent *intent;
    struct payment_method *payment_method;
    const char *currency;
    const char *status;              /* "succeeded", "pending", "failed" */
    struct balance_txn *balance_txn; /* NULL until it settles */
    const char *method_type;         /* "card", "sepa_debit" */
    int64_t amount, amount_captured;
    int64_t amount_refunded; /* by refunds that did not fail and were not canceled */
    bool captured, disputed;
    struct list refunds, disputes;
};

/* One movement on the account's balance with Stripe, in the currency it settles in. */
struct balance_txn {
    struct object o;
    const struct object *source;    /* charge, refund or dispute */
    const char *type;               /* "charge", "payment", "refund", "adjustment" … */
    const char *reporting_category; /* "charge", "refund", "dispute", "dispute_reversal" … */
    const char *currency;
    const char *exchange_rate; /* decimal text; NULL: the source's own currency */
    int64_t amount, fee;       /* net is the difference */
    int64_t available_on;
};

struct refund {
    struct object o;
    struct charge *charge;
    const char *status;         /* "pending", "requires_action", "succeeded", "failed", "canceled" */
    const char *reason;         /* NULL: none */
    const char *failure_reason; /* NULL: it did not fail */
    int64_t amount;
    bool reference_known;                                  /* the card network told its reference */
    bool by_itself;                                        /* pending: decided by the clock */
    struct balance_txn *balance_txn, *failure_balance_txn; /* NULL: none yet */
};

struct dispute {
    struct object o;
    struct charge *charge;
    const char *status, *reason;
    int64_t amount, due_by;
    json_t *evidence; /* owned; NULL: none yet */
    unsigned submissions;
    struct balance_txn *withdrawal, *reinstatement; /* NULL: not (yet) */
};

/* A change of a customer's credit balance. */
struct customer_txn {
    struct object o;
    struct customer *customer;
    const char *type; /* "applied_to_invoice", "unapplied_from_invoice", "credit_note", … */
    const char *currency;
    int64_t amount; /* negative: credit for the customer */
    int64_t ending_balance;
    struct invoice *invoice;         /* NULL: none */
    struct credit_note *credit_note; /* NULL: none */
};

#define CREDIT_NOTE_REFUNDS_MAX 10
struct credit_note {
    struct object o;
    struct invoice *invoice;
    const char *number, *reason, *memo; /* reason, memo: NULL: none */
    int64_t amount, pre_payment, post_payment, out_of_band;
    struct customer_txn *customer_txn; /* what went to the balance; NULL: nothing */
    struct {
        struct refund *refund;      /* NULL: paid back outside Stripe */
        const char *payment_record; /* then the record */
        int64_t amount;
    } refunds[CREDIT_NOTE_REFUNDS_MAX];
    unsigned refunds_count;
    int64_t voided_at; /* 0: issued */
};

#define SESSION_LINES_MAX 10
struct session_line {
    struct price *price;
    int64_t quantity;
    int64_t discount;
};

struct session {
    struct object o;
    struct customer *customer;  /* NULL: not yet, or a guest */
    const char *mode;           /* "payment", "subscription", "setup" */
    const char *status;         /* "open", "complete", "expired" */
    const char *payment_status; /* "paid", "unpaid", "no_payment_required" */
    const char *client_reference_id, *email, *customer_email, *success_url, *cancel_url; /* NULL: none */
    const char *currency;
    bool customer_always; /* customer_creation=always */
    bool invoice_creation;
    bool allow_promotion_codes;
    struct discount_wishes discounts; /* of the shop, or the code the person typed */
    struct list redeemed;             /* what became of them; payment mode only */
    int64_t amount_subtotal, amount_discount;
    int64_t amount_total, expires_at;
    struct session_line lines[SESSION_LINES_MAX];
    unsigned lines_count;
    int64_t trial_days, trial_end;
    json_t *subscription_metadata; /* owned; subscription_data[metadata] */
    struct intent *intent;
    struct setup_intent *setup_intent;
    struct invoice *invoice;
    struct subscription *subscription;
};

#define SECRETS_MAX 4
struct endpoint {
    struct object o;
    const char *url;
    const char *api_version; /* NULL: the account's */
    const char *description;
    json_t *enabled_events; /* owned; array of texts */
    bool disabled, deleted;
    bool connect;                       /* gets the events of connected accounts, and only those */
    enum payload payload;               /* PAYLOAD_ENDPOINT is a snapshot */
    const char *name;                   /* of an event destination; NULL: a webhook endpoint of v1 */
    const char *secrets[SECRETS_MAX];   /* the newest first; all that are not over sign */
    int64_t secrets_until[SECRETS_MAX]; /* real unix seconds; 0: for good */
    unsigned secrets_count;
    unsigned failures_in_a_row;
};

/* "data" of an event in an older shape: made with the event for those who will be told in that version. */
struct event_shape {
    struct event_shape *next;
    const char *version; /* static */
    char *data;          /* JSON text */
};

/* Allocated on its own, because events are forgotten after 30 days. */
struct sim_event {
    struct object o;
    uint64_t number; /* 1.. in order of creation */
    char *type;
    const char *api_version;    /* the account's default when it was made; static */
    char *data;                 /* JSON text of "data" in the newest shape, rendered when it was made */
    struct event_shape *shapes; /* the older ones */
    char *request_id, *idempotency_key; /* NULL: Stripe acted by itself */
    const char *subject_type;           /* object name of data.object, static */
    char *subject_id;                   /* NULL: the object has no id (invoice.upcoming) */
    char *customer_id;     /* of the subject, NULL if unknown: for thin events without an object */
    struct sim *sim;       /* whose it is; borrowed */
    char *subscription_id; /* what the thin form of an event without an object names besides the customer */
    bool thin_only;        /* has no snapshot: not among the events of v1 */
    struct endpoint *only_for; /* a ping; NULL: for everybody who wants it */
    unsigned pending_webhooks;
    unsigned failed_webhooks;
};

const char *object_name(enum object_type type);   /* "customer" */
const char *object_prefix(enum object_type type); /* "cus_" */
unsigned object_id_chars(enum object_type type);
const char *object_path(enum object_type type); /* "/v1/customers" */
const char *subscription_status_name(enum subscription_status status);
const char *invoice_status_name(enum invoice_status status);
const char *pause_collection_name(enum pause_collection behavior); /* not of NOT_PAUSED */
const char *missing_payment_method_name(enum missing_payment_method what);
const char *schedule_status_name(enum schedule_status status);
bool subscription_is_over(const struct subscription *sub); /* canceled or incomplete_expired */

#endif
