/* The Stripe endpoints a turn reads, as a table, and the reads themselves. Pure. */
#ifndef INSTEP_WORKER_ENDPOINT_H
#define INSTEP_WORKER_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/stripe_client.h"

#define STRIPE_ID_BYTES_MAX 255

/*
 * X(kind, object, path, list filter, expansion, id prefixes)
 *   object       the type of the object read, as Stripe calls it
 *   list filter  "": one object by its id; else a list with limit=100, filtered by this parameter
 *   prefixes     of the ids that this endpoint reads, separated by spaces
 */
// clang-format off: a table
#define ENDPOINT_LIST(X)                                                                                     \
    X(READ_SUBSCRIPTIONS, "subscription", "/v1/subscriptions", "customer", "", "")                           \
    X(READ_SUBSCRIPTION_ITEMS, "subscription_item", "/v1/subscription_items", "subscription", "", "")        \
    X(READ_INVOICES, "invoice", "/v1/invoices", "customer", "data.payments", "")                             \
    X(READ_INVOICE_PAYMENTS, "invoice_payment", "/v1/invoice_payments", "invoice", "", "")                   \
    X(READ_SESSIONS, "checkout.session", "/v1/checkout/sessions", "customer", "", "")                        \
    X(READ_SESSIONS_OF_INTENT, "checkout.session", "/v1/checkout/sessions", "payment_intent", "", "")        \
    X(READ_CUSTOMER, "customer", "/v1/customers", "", "", "cus_")                                            \
    X(READ_INVOICE, "invoice", "/v1/invoices", "", "payments", "in_")                                        \
    X(READ_SESSION, "checkout.session", "/v1/checkout/sessions", "", "", "cs_")                              \
    X(READ_SUBSCRIPTION, "subscription", "/v1/subscriptions", "", "", "sub_")                                \
    X(READ_SUBSCRIPTION_ITEM, "subscription_item", "/v1/subscription_items", "", "", "si_")                  \
    X(READ_SCHEDULE, "subscription_schedule", "/v1/subscription_schedules", "", "", "sub_sched_")            \
    X(READ_CHARGE, "charge", "/v1/charges", "", "", "ch_ py_")                                               \
    X(READ_PAYMENT_INTENT, "payment_intent", "/v1/payment_intents", "", "", "pi_")                           \
    X(READ_SETUP_INTENT, "setup_intent", "/v1/setup_intents", "", "", "seti_")                               \
    X(READ_REFUND, "refund", "/v1/refunds", "", "", "re_ pyr_")                                              \
    X(READ_DISPUTE, "dispute", "/v1/disputes", "", "", "dp_ du_")                                            \
    X(READ_PAYMENT_METHOD, "payment_method", "/v1/payment_methods", "", "", "pm_")                           \
    X(READ_INVOICE_PAYMENT, "invoice_payment", "/v1/invoice_payments", "", "", "inpay_")                     \
    X(READ_INVOICE_ITEM, "invoiceitem", "/v1/invoiceitems", "", "", "ii_")                                   \
    X(READ_CREDIT_NOTE, "credit_note", "/v1/credit_notes", "", "", "cn_")                                    \
    X(READ_REVIEW, "review", "/v1/reviews", "", "", "prv_")                                                  \
    X(READ_FRAUD_WARNING, "radar.early_fraud_warning", "/v1/radar/early_fraud_warnings", "", "", "issfr_")   \
    X(READ_PRODUCT, "product", "/v1/products", "", "", "prod_")                                              \
    X(READ_PRICE, "price", "/v1/prices", "", "", "price_")
// clang-format on

enum read_kind {
#define X(kind, object, path, filter, expansion, prefixes) kind,
    ENDPOINT_LIST(X)
#undef X
        READ_KINDS
};

/* Copy an id of at most STRIPE_ID_BYTES_MAX bytes. False: it is longer, and to is untouched. */
bool stripe_id_copy(char to[STRIPE_ID_BYTES_MAX + 1], const char *id);

struct read {
    enum read_kind kind;
    char id[STRIPE_ID_BYTES_MAX + 1];    /* the object's id, or the value of the list filter */
    char after[STRIPE_ID_BYTES_MAX + 1]; /* lists: go on after this id; "" from the start */
    int64_t since;                       /* lists: created at or after, unix seconds; 0: no bound */
};

/* False: id is longer than Stripe's ids are; *ret is untouched. */
bool read_init(struct read *ret, enum read_kind kind, const char *id);

const char *read_object(enum read_kind kind);
bool read_is_list(enum read_kind kind);
/* Method and path template, as the budget and the metrics count: "GET /v1/invoices/{id}". Static. */
const char *read_endpoint(enum read_kind kind);

/* READ_KINDS when there is none. The type wins over the prefix; either may be "". */
enum read_kind read_kind_of(const char *object_type, const char *id);

/* The request's path and query; path->overflow if it cannot be. */
void read_path(const struct read *read, struct stripe_path *path);

#endif
