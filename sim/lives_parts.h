/* Private to the random lives: a life, the catalogue they buy from, what they do besides the plain story (lives.c). */
#ifndef INSTEP_SIM_LIVES_PARTS_H
#define INSTEP_SIM_LIVES_PARTS_H

#include "sim/checkout.h"
#include "sim/lives.h"

#define LIVES_PLANS  3 /* monthly plans: 0..2 */
#define LIVES_YEARLY LIVES_PLANS
#define LIVES_ADD_ON (LIVES_PLANS + 1)
#define LIVES_PACK   (LIVES_PLANS + 2) /* bought once */

struct price *lives_price(struct sim *sim, const char *currency, unsigned which);

/* --- lives_billing.c: done while the knob billing_acts is on; draws from `random`, the life's own stream for this --- */

/* Coupons and codes, once per world. amount_off is `dollars` in the smallest unit of each currency. */
struct lives_currency {
    const char *code;
    int64_t unit;
};
void lives_make_coupons(struct sim *sim, const struct lives_currency *currencies, size_t count);

/* Something about how a new subscription or session is billed: discounts, a page that takes codes, an invoice to pay … */
void lives_order_billing(struct sim *sim, struct random_stream *random, struct subscription_order *order);
void lives_session_billing(struct sim *sim, struct random_stream *random, struct session_order *order);
/* A code that the person knows; NULL: none. */
const char *lives_typed_code(struct random_stream *random);

/* One thing that happens to a subscription that is not over. False: nothing came to mind. */
bool lives_billing_act(struct sim *sim, struct random_stream *random, struct subscription *sub);

/* --- lives_credits.c --- */

/* What the product of the catalogue's entry says of credits (instep_…), empty if nothing; a new reference. */
json_t *lives_plan(unsigned which);

/*
 * Credits depend on what an item was changed to, and when. Such a change is made only if an invoice says it at once, so
 * that a ledger which looks weeks later finds out: these say whether it may be made, and see to the invoice. With
 * credit_acts 2 everything may.
 */
bool lives_may_change(const struct sim *sim, const struct subscription *sub,
                      struct subscription_change *change);
bool lives_may_plan(const struct sim *sim,
                    const struct price *price); /* for a moment that is not known yet */
/* Only one trial of a subscription can be found out about later. */
bool lives_may_give_trial(const struct sim *sim, const struct subscription *sub);

/* Where the app's user id is written for this person. */
enum whereabouts { ON_CUSTOMER, ON_SUBSCRIPTION, ON_SESSION, NOWHERE };

struct life {
    unsigned number;
    struct random_stream random;
    struct random_stream billing; /* for lives_billing.c */
    struct random_stream credits; /* for lives_credits.c */
    enum whereabouts where;
    bool by_reference; /* ON_SESSION: client_reference_id instead of metadata */
    const char *user;  /* NULL: NOWHERE */
    const char *email;
    const char *currency;
    struct customer *customer;    /* NULL: nobody yet, or a guest */
    struct session *waiting;      /* a session whose delayed payment is undecided */
    struct session *guest_bought; /* the last one paid as a guest; NULL: none */
    bool async_success;
    bool guest;
    bool over;
    int64_t until;
};

/*
 * One thing that credits depend on happens to a customer; with the knob credit_acts. sub: the newest that is not over, or NULL.
 * False: nothing came of it.
 */
bool lives_credit_act(struct sim *sim, struct life *life, struct subscription *sub);

/* --- lives_money.c: what happens to money besides subscriptions; only with the knob money_acts --- */

/* Something happens to the money of a customer, or of a guest's last purchase. Nothing, if there is nothing it could. */
void money_act(struct sim *sim, struct life *life);
/* The buyer may see another currency than the session's. */
void money_presentment(struct life *life, const struct session *cs, struct checkout_person *person);

#endif
