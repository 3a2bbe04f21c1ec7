/*
 * Billing: payments, invoices, subscriptions and their life by the virtual clock. Each function changes records and
 * emits the events Stripe would. What a caller may get wrong is refused with the error Stripe would answer.
 */
#ifndef INSTEP_SIM_BILLING_H
#define INSTEP_SIM_BILLING_H

#include "sim/sim.h"

/* Why a request is refused; becomes Stripe's error body. */
struct refusal {
    int status;       /* 0: not refused */
    const char *type; /* static */
    const char *code; /* static; NULL: none */
    char param[128];  /* "": none; cut if longer */
    char message[240];
};
/* Fills *why and returns false, so that callers can `return refuse(...)`. param NULL: none. */
bool refuse(struct refusal *why, int status, const char *code, const char *param, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* --- customers and their payment methods (payments.c) --- */

struct balance *customer_balance(struct sim *sim, struct customer *c, const char *currency);
/* Cancels what runs, then forgets the person. */
void customer_delete(struct sim *sim, struct customer *c);

/* declines: charges to decline, -1 all. Attached to c unless NULL (payment_method.attached). */
struct payment_method *payment_method_create(struct sim *sim, struct customer *c, int declines);
/*
 * What a test token means: pm_card_visa, pm_card_mastercard …: works; pm_card_chargeDeclined…,
 * pm_card_chargeCustomerFail: always declines; or the id of one that exists. NULL: unknown.
 */
struct payment_method *payment_method_from(struct sim *sim, struct customer *c, const char *token);

struct intent *intent_create(struct sim *sim, struct customer *c, int64_t amount, const char *currency);
/* One attempt; true if the money came (not: authorised, or on its way). pm NULL: there is nothing to charge. */
bool intent_charge(struct sim *sim, struct intent *pi, struct payment_method *pm);
/* What the API does with an intent. pm NULL: the intent's own. amount 0: all of it. reason: static; NULL: none. */
bool intent_confirm(struct sim *sim, struct intent *pi, struct payment_method *pm, struct refusal *why);
bool intent_capture(struct sim *sim, struct intent *pi, int64_t amount, struct refusal *why);
bool intent_cancel(struct sim *sim, struct intent *pi, const char *reason, struct refusal *why);
/* The invoice it was for is settled or void. Nothing happens to one that has an end already. */
void intent_give_up(struct sim *sim, struct intent *pi);
/* A delayed method: pending now, decided later. */
void intent_process(struct sim *sim, struct intent *pi);
void intent_settle(struct sim *sim, struct intent *pi, bool success);

/* --- invoices (invoice.c) --- */

/* A draft, not yet announced. Latest invoice of sub unless that is NULL. */
struct invoice *invoice_create(struct sim *sim, struct customer *c, struct subscription *sub,
                               const char *reason, const char *currency);
void invoice_add_item(struct sim *sim, struct invoice *inv,
                      struct item *item); /* the item's current period */
/* A line for other time of the item, at what its price comes to for as much of whole intervals as that is. */
void invoice_add_time(struct sim *sim, struct invoice *inv, struct item *item, int64_t start, int64_t end);
void invoice_take_pending(struct sim *sim,
                          struct invoice *inv); /* pending invoice items of its subscription */
void invoice_total_up(struct invoice *inv);     /* the sums of its lines and discounts; nothing is told */
void invoice_announce(struct sim *sim, struct invoice *inv);
/* Draft to open, or to paid if nothing is due. */
void invoice_finalize(struct sim *sim, struct invoice *inv);
/* Try to collect an open invoice with pm (NULL: the subscription's or customer's). True: it is paid now. */
bool invoice_collect(struct sim *sim, struct invoice *inv, struct payment_method *pm, bool automatic);
/* Paid by a payment made elsewhere (checkout). The invoice is open. */
void invoice_pay_with(struct sim *sim, struct invoice *inv, struct intent *pi);
/*
 * Attach a payment: its money counts now if it is there already, else when it comes. The invoice may be paid already: then it
 * is overpaid. pi NULL: `amount` was paid outside Stripe.
 */
bool invoice_attach(struct sim *sim, struct invoice *inv, struct intent *pi, int64_t amount,
                    struct refusal *why);
/* All that is left was paid outside Stripe. */
bool invoice_pay_elsewhere(struct sim *sim, struct invoice *inv, struct refusal *why);
/* The payment's intent succeeded or failed: what that means for the invoice. */
void invoice_payment_decided(struct sim *sim, struct invoice_payment *payment);
bool invoice_is_processing(const struct invoice *inv); /* a delayed payment of it is undecided */
int64_t invoice_remaining(const struct invoice *inv);  /* still to be paid, >= 0 */
int64_t invoice_off_stripe(const struct invoice *inv); /* paid outside Stripe */
/* Due no longer because of a credit note: the rest may be nothing, then the invoice is paid. */
void invoice_less_due(struct sim *sim, struct invoice *inv);
bool invoice_void(struct sim *sim, struct invoice *inv, struct refusal *why);
bool invoice_mark_uncollectible(struct sim *sim, struct invoice *inv, struct refusal *why);
void invoice_stop_collection(struct sim *sim, struct invoice *inv);
struct payment_method *invoice_payment_method(const struct invoice *inv);

struct invoiceitem *invoiceitem_create(struct sim *sim, struct customer *c, const char *currency,
                                       int64_t amount, const char *description);

/* --- subscriptions (subscription.c) --- */

#define SUBSCRIPTION_ITEMS_MAX 20

enum payment_behavior { ALLOW_INCOMPLETE, DEFAULT_INCOMPLETE, ERROR_IF_INCOMPLETE, PENDING_IF_INCOMPLETE };

struct subscription_order {
    struct customer *customer;
    struct {
        struct price *price;
        int64_t quantity;
    } items[SUBSCRIPTION_ITEMS_MAX];
    unsigned items_count;
    int64_t trial_end; /* 0: none */
    struct payment_method *payment_method;
    json_t *metadata; /* borrowed; NULL: none */
    enum payment_behavior payment_behavior;
    bool cancel_at_period_end;
    int64_t cancel_at;
    bool send_invoice, flexible;
    int64_t days_until_due;       /* with send_invoice */
    int64_t billing_cycle_anchor; /* the first period is a part that ends here; 0: now */
    bool prorate_first;           /* that part is billed, else it is free; so is what was backdated */
    int64_t start_date;           /* backdated to then: the time until now is billed too; 0: now */
    enum missing_payment_method missing_payment_method;
    struct discount_wishes discounts;
    struct intent *paid_by; /* checkout took the money already; NULL: charge now */
};
bool subscription_create(struct sim *sim, const struct subscription_order *order,
                         struct subscription **ret_sub, struct refusal *why);
/* reason is static: "cancellation_requested", "payment_failed"; NULL: Stripe says none */
void subscription_cancel(struct sim *sim, struct subscription *sub, const char *reason);
/* The same on request: prorate gives credit for the rest of the periods, invoice_now bills what is pending. */
void subscription_cancel_now(struct sim *sim, struct subscription *sub, bool prorate, bool invoice_now);
/*
 * What becomes of a new invoice of a subscription: finalised at once or in an hour, charged or sent, or what
 * pause_collection says. plan before it is announced, bill after.
 */
void subscription_plan_invoice(struct sim *sim, struct invoice *inv, bool at_once);
void subscription_bill(struct sim *sim, struct invoice *inv);
int64_t subscription_period_end(const struct subscription *sub);             /* earliest of its items */
struct invoice *subscription_latest_invoice(const struct subscription *sub); /* NULL: none */
void subscription_book_period_end(struct sim *sim, struct subscription *sub);
void subscription_invoice_paid(struct sim *sim, struct subscription *sub, struct invoice *inv);
void subscription_invoice_failed(struct sim *sim, struct subscription *sub, struct invoice *inv,
                                 bool automatic);
/* Change the status and tell; nothing happens if it is that already. */
void subscription_set_status(struct sim *sim, struct subscription *sub, enum subscription_status status);

/* --- changing a subscription (change.c) --- */

enum proration { CREATE_PRORATIONS, ALWAYS_INVOICE, NO_PRORATION };

struct subscription_change {
    struct {
        struct item *item;   /* NULL: a new one */
        struct price *price; /* NULL: as it is */
        int64_t quantity;    /* -1: as it is */
        bool remove;
    } items[SUBSCRIPTION_ITEMS_MAX];
    unsigned items_count;
    enum proration proration;
    bool end_trial_now;
    bool restart_cycle;                      /* billing_cycle_anchor=now */
    int collection;                          /* -1: as it is, 0: charge_automatically, 1: send_invoice */
    int64_t days_until_due;                  /* -1: as it is */
    int pause_collection;                    /* -1: as it is, else enum pause_collection */
    int64_t resumes_at;                      /* with it */
    int missing_payment_method;              /* -1: as it is */
    int64_t trial_end;                       /* 0: as it is */
    int cancel_at_period_end;                /* -1: as it is */
    int64_t cancel_at;                       /* -1: as it is, 0: clear */
    struct payment_method *payment_method;   /* NULL: as it is */
    const struct discount_wishes *discounts; /* NULL: as they are */
    json_t *metadata;                        /* borrowed; merged; NULL: as it is */
};
struct subscription_change subscription_change_none(void);
bool subscription_change(struct sim *sim, struct subscription *sub, const struct subscription_change *change,
                         struct refusal *why);

/* A pending credit (sign -1) or debit for the rest of the item's period; nothing if none is left. */
void subscription_prorate(struct sim *sim, struct item *item, struct price *price, int64_t quantity,
                          int sign);
/* A billing cycle that starts now: the anchor moves, every item begins a period. */
void subscription_restart_cycle(struct sim *sim, struct subscription *sub);
/* A draft with what is pending, and the items' current periods if whole_period; announced, to be billed at once. */
struct invoice *subscription_invoice_now(struct sim *sim, struct subscription *sub, bool whole_period);

/* --- paused (pause.c) --- */

/* The status paused: nothing is billed until it is resumed. */
bool subscription_pause(struct sim *sim, struct subscription *sub, struct refusal *why);
/* At the end of a trial without a payment method. */
void subscription_pause_trial(struct sim *sim, struct subscription *sub);
struct resume {
    bool keep_cycle; /* billing_cycle_anchor=unchanged, else a new cycle begins */
    bool at_once;    /* payment_behavior=resume_on_payment_attempt: active before it is paid */
};
bool subscription_resume(struct sim *sim, struct subscription *sub, const struct resume *resume,
                         struct refusal *why);
/* The invoice that a resumed subscription waited for was paid. */
void subscription_resumed(struct sim *sim, struct subscription *sub);
void subscription_set_pause_collection(struct sim *sim, struct subscription *sub,
                                       enum pause_collection behavior, int64_t resumes_at);

/* Metadata as Stripe merges it: an empty value removes the key. o->metadata is created when needed. */
void metadata_merge(struct object *o, json_t *changes);
const char *metadata_get(const struct object *o, const char *key); /* NULL: absent */

/* amount × part / whole, rounded half away from zero to the currency's step (currency.h). */
int64_t prorate(int64_t amount, int64_t part, int64_t whole, const char *currency);

/* Handlers of what is due (sim.h). */
due_fn due_trial_will_end, due_upcoming, due_period_end, due_cancel_at, due_incomplete_expire, due_finalize,
    due_retry, due_charge_settle, due_invoice_due, due_collection_resumes, due_resume_expire;

#endif
