/*
 * Money after it was paid, and money that goes other ways: balance transactions, refunds, disputes, credit notes, credit
 * balances. Each function changes records and emits the events Stripe would; what a caller may get wrong is refused with
 * the error Stripe would answer (struct refusal). Amounts are in the smallest unit of the object's currency.
 */
#ifndef INSTEP_SIM_MONEY_H
#define INSTEP_SIM_MONEY_H

#include "sim/billing.h"

/* Refuses an amount of money that Stripe does not take: currency unknown, too large, not a multiple of its step. */
bool money_is_valid(int64_t amount, const char *currency, struct refusal *why);

/* --- balance transactions and credit balances (balance.c) --- */

/* amount is in `currency` and is converted to what it settles in; fee is in the latter already. */
struct balance_txn *balance_txn_create(struct sim *sim, const struct object *source, const char *type,
                                       const char *category, int64_t amount, const char *currency,
                                       int64_t fee);
int64_t processing_fee(int64_t amount, const char *currency); /* of a charge, in its settlement currency */

/*
 * Change a customer's balance by delta (negative: credit for them) and say why: a row of its list, customer.updated.
 * type is static. inv, cn: what it is about; NULL: nothing. delta 0: nothing happens, NULL.
 */
struct customer_txn *customer_credit(struct sim *sim, struct customer *c, const char *currency, int64_t delta,
                                     const char *type, struct invoice *inv, struct credit_note *cn);

/* --- refunds (refund.c) --- */

struct refund_order {
    struct charge *charge;
    int64_t amount;     /* 0: all that is left */
    const char *reason; /* static or the arena's; NULL: none */
    const char *status; /* static: how it begins; NULL: as the payment method and the knob say */
    json_t *metadata;   /* borrowed; NULL: none */
};
bool refund_create(struct sim *sim, const struct refund_order *order, struct refund **ret_refund,
                   struct refusal *why);
int64_t charge_refundable(const struct charge *ch); /* what is left to be refunded */
/* status: "succeeded", "failed", "canceled", "pending", "requires_action". Refused if it cannot follow the present one. */
bool refund_decide(struct sim *sim, struct refund *refund, const char *status, struct refusal *why);

/* --- disputes (dispute.c) --- */

struct dispute_order {
    struct charge *charge;
    int64_t amount;     /* 0: the charge's */
    const char *reason; /* NULL: "fraudulent" */
    const char *
        status; /* "needs_response" (money is withdrawn), "warning_needs_response", "prevented"; NULL: the first */
    bool withdraw; /* also when the status alone would not */
};
bool dispute_open(struct sim *sim, const struct dispute_order *order, struct dispute **ret_dispute,
                  struct refusal *why);
/* Evidence is merged; submitted evidence puts the dispute under review. */
bool dispute_evidence(struct sim *sim, struct dispute *dispute, json_t *evidence, bool submit,
                      struct refusal *why);
/*
 * The bank decides, or the merchant appeals. reinstate: the money comes back now (it may also come later: the same status
 * again with reinstate). fee: of the reinstatement, in its settlement currency; negative gives the dispute's fee back.
 */
bool dispute_decide(struct sim *sim, struct dispute *dispute, const char *status, bool reinstate, int64_t fee,
                    struct refusal *why);

/* --- credit notes (credit_note.c) --- */

struct credit_note_order {
    struct invoice *invoice;
    int64_t amount;
    int64_t to_balance, to_refund, out_of_band; /* post-payment parts; to_refund makes a refund */
    struct refund *refund;                      /* one that exists; NULL: none */
    int64_t refund_amount;                      /* how much of it counts */
    const char *payment_record;                 /* paid back outside Stripe by this record; NULL: no */
    int64_t payment_record_amount;
    const char *reason, *memo; /* the arena's; NULL: none */
    json_t *metadata;          /* borrowed; NULL: none */
};
bool credit_note_create(struct sim *sim, const struct credit_note_order *order, struct credit_note **ret_note,
                        struct refusal *why);
bool credit_note_void(struct sim *sim, struct credit_note *note, struct refusal *why);

due_fn due_refund_decide, due_payment_told, due_authorization_expire;

#endif
