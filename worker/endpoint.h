/* The Stripe endpoints a turn reads, as a table, and the reads themselves. Pure. */
#ifndef INSTEP_WORKER_ENDPOINT_H
#define INSTEP_WORKER_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/stripe_client.h"

#define STRIPE_ID_BYTES_MAX 255

/*
 * X(kind, object, path, list filter, expansions, id prefixes)
 *   object       the type of the object read, as Stripe calls it
 *   list filter  "": one object by its id; else a list with limit=100, filtered by this parameter; "/lines": the list that is
 *                there below the object of the id
 *   expansions   separated by spaces; one that a version does not know yet is left out (endpoint.c)
 *   prefixes     of the ids that this endpoint reads, separated by spaces; "": only by the type
 */
// clang-format off: a table
#define ENDPOINT_LIST(X)                                                                                     \
    X(READ_SUBSCRIPTIONS, "subscription", "/v1/subscriptions", "customer", "data.discounts", "")             \
    X(READ_SUBSCRIPTION_ITEMS, "subscription_item", "/v1/subscription_items", "subscription", "", "")        \
    X(READ_INVOICES, "invoice", "/v1/invoices", "customer", "data.payments", "")                             \
    X(READ_INVOICE_LINES, "line_item", "/v1/invoices", "/lines", "", "")                                     \
    X(READ_INVOICE_PAYMENTS, "invoice_payment", "/v1/invoice_payments", "invoice", "", "")                   \
    X(READ_SESSIONS, "checkout.session", "/v1/checkout/sessions", "customer", "", "")                        \
    X(READ_SESSIONS_OF_INTENT, "checkout.session", "/v1/checkout/sessions", "payment_intent", "", "")        \
    X(READ_CHARGES, "charge", "/v1/charges", "customer", "data.balance_transaction data.refunds", "")        \
    X(READ_CHARGES_OF_INTENT, "charge", "/v1/charges", "payment_intent",                                     \
      "data.balance_transaction data.refunds", "")                                                           \
    X(READ_REFUNDS_OF_CHARGE, "refund", "/v1/refunds", "charge", "", "")                                     \
    X(READ_DISPUTES_OF_CHARGE, "dispute", "/v1/disputes", "charge", "", "")                                  \
    X(READ_CREDIT_NOTES_OF_INVOICE, "credit_note", "/v1/credit_notes", "invoice",                            \
      "data.customer_balance_transaction", "")                                                               \
    X(READ_CUSTOMER, "customer", "/v1/customers", "", "", "cus_")                                            \
    X(READ_INVOICE, "invoice", "/v1/invoices", "", "payments", "in_")                                        \
    X(READ_SESSION, "checkout.session", "/v1/checkout/sessions", "", "", "cs_")                              \
    X(READ_SUBSCRIPTION, "subscription", "/v1/subscriptions", "", "", "sub_")                                \
    X(READ_SUBSCRIPTION_ITEM, "subscription_item", "/v1/subscription_items", "", "", "si_")                  \
    X(READ_SCHEDULE, "subscription_schedule", "/v1/subscription_schedules", "", "", "sub_sched_")            \
    X(READ_CHARGE, "charge", "/v1/charges", "", "balance_transaction refunds", "ch_ py_")                    \
    X(READ_PAYMENT_INTENT, "payment_intent", "/v1/payment_intents", "", "", "pi_")                           \
    X(READ_SETUP_INTENT, "setup_intent", "/v1/setup_intents", "", "", "seti_")                               \
    X(READ_REFUND, "refund", "/v1/refunds", "", "", "re_ pyr_")                                              \
    X(READ_DISPUTE, "dispute", "/v1/disputes", "", "", "dp_ du_")                                            \
    X(READ_PAYMENT_METHOD, "payment_method", "/v1/payment_methods", "", "", "pm_")                           \
    X(READ_INVOICE_PAYMENT, "invoice_payment", "/v1/invoice_payments", "", "", "inpay_")                     \
    X(READ_INVOICE_ITEM, "invoiceitem", "/v1/invoiceitems", "", "", "ii_")                                   \
    X(READ_CREDIT_NOTE, "credit_note", "/v1/credit_notes", "", "customer_balance_transaction", "cn_")        \
    X(READ_REVIEW, "review", "/v1/reviews", "", "", "prv_")                                                  \
    X(READ_FRAUD_WARNING, "radar.early_fraud_warning", "/v1/radar/early_fraud_warnings", "", "", "issfr_")   \
    X(READ_APPLICATION_FEE, "application_fee", "/v1/application_fees", "", "", "fee_")                       \
    X(READ_MANDATE, "mandate", "/v1/mandates", "", "", "mandate_")                                           \
    X(READ_AUTHENTICATION, "three_d_secure.authentication", "/v1/three_d_secure/authentications", "", "",    \
      "")                                                                                                    \
    X(READ_RESERVE_HOLD, "reserve.hold", "/v1/reserve/holds", "", "", "")                                    \
    X(READ_SOURCE, "source", "/v1/sources", "", "", "src_")                                                  \
    X(READ_CREDIT_GRANT, "billing.credit_grant", "/v1/billing/credit_grants", "", "", "credgr_")             \
    X(READ_CREDIT_TRANSACTION, "billing.credit_balance_transaction",                                         \
      "/v1/billing/credit_balance_transactions", "", "", "")                                                 \
    X(READ_PRODUCT, "product", "/v1/products", "", "", "prod_")                                              \
    X(READ_PRICE, "price", "/v1/prices", "", "", "price_")                                                   \
    X(READ_COUPON, "coupon", "/v1/coupons", "", "", "")                                                      \
    X(READ_PROMOTION_CODE, "promotion_code", "/v1/promotion_codes", "", "", "promo_")                        \
    X(READ_CORE_EVENT, "v2.core.event", "/v2/core/events", "", "", "evt_")
// clang-format on

enum read_kind {
#define X(kind, object, path, filter, expansions, prefixes) kind,
    ENDPOINT_LIST(X)
#undef X
        READ_KINDS
};

/* Copy an id of at most STRIPE_ID_BYTES_MAX bytes. False: it is longer, and to is untouched. */
bool stripe_id_copy(char to[STRIPE_ID_BYTES_MAX + 1], const char *id);

struct read {
    enum read_kind kind;
    char id[STRIPE_ID_BYTES_MAX + 1];    /* the object's id, or whose list it is */
    char after[STRIPE_ID_BYTES_MAX + 1]; /* lists: go on after this id; "" from the start */
    int64_t since;                       /* lists: created at or after, unix seconds; 0: no bound */
};

/* False: id is longer than Stripe's ids are; *ret is untouched. */
bool read_init(struct read *ret, enum read_kind kind, const char *id);

const char *read_object(enum read_kind kind);
bool read_is_list(enum read_kind kind);
bool read_is_of_customer(enum read_kind kind); /* one of the lists of all that a customer has */
/* 0 lists, 1 what no list may have held, 2 what comes with an object of those: a refund with its charge. */
int read_stage(enum read_kind kind);
/* Whether this version has such an endpoint: before 2025-03-31.basil an invoice has no payments to read. */
bool read_exists(enum read_kind kind, int version);
/* Method and path template, as the budget and the metrics count: "GET /v1/invoices/{id}". Static. */
const char *read_endpoint(enum read_kind kind);

/* READ_KINDS when there is none. The type wins over the prefix; either may be "". A plan is read as its price. */
enum read_kind read_kind_of(const char *object_type, const char *id);

/*
 * The request's path and query; path->overflow if it cannot be. version: the one that reads are pinned to, as
 * stripe_version_parse says it.
 */
void read_path(const struct read *read, int version, struct stripe_path *path);

#endif
