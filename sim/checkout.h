/* Checkout sessions: opened by the shop, completed by a person (the control interface or a random life). */
#ifndef INSTEP_SIM_CHECKOUT_H
#define INSTEP_SIM_CHECKOUT_H

#include "sim/billing.h"

struct session_order {
    const char *mode; /* "payment", "subscription", "setup"; static */
    struct customer *customer;
    struct session_line lines[SESSION_LINES_MAX];
    unsigned lines_count;
    const char *client_reference_id, *customer_email, *success_url, *cancel_url; /* copied; NULL: none */
    bool customer_always;
    bool invoice_creation;
    bool allow_promotion_codes;
    struct discount_wishes discounts;
    int64_t trial_days, trial_end, expires_at; /* 0: none, none, in 24 h */
    json_t *metadata, *subscription_metadata;  /* borrowed; NULL: none */
};
bool session_create(struct sim *sim, const struct session_order *order, struct session **ret_session,
                    struct refusal *why);

enum checkout_outcome {
    CHECKOUT_PAID,     /* the money is there (or none is needed) */
    CHECKOUT_UNPAID,   /* a delayed method: the session completes unpaid; payment mode only */
    CHECKOUT_DECLINED, /* the card is refused, the session stays open */
};
struct checkout_person {
    enum checkout_outcome outcome;
    const char *email;          /* copied; NULL: none given */
    const char *promotion_code; /* typed into the page, which must allow it; NULL: none */
    int declines;               /* of the card they leave behind, after the first payment */
    const char
        *presentment_currency; /* payment mode: what the buyer saw and paid in; copied; NULL: the session's */
    int64_t presentment_amount;
};
bool session_complete(struct sim *sim, struct session *cs, const struct checkout_person *person,
                      struct refusal *why);
/* The delayed payment of a session that completed unpaid is decided. */
bool session_async(struct sim *sim, struct session *cs, bool success, struct refusal *why);
bool session_expire(struct sim *sim, struct session *cs, struct refusal *why);

due_fn due_session_expire;

#endif
