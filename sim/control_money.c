/* Control of money: what banks, card holders and bookkeepers do that the API does not. */
#include <string.h>

#include "sim/ask.h"
#include "sim/currency.h"
#include "sim/form.h"
#include "sim/money.h"

static bool amount_of(struct ask *ask, int64_t *ret_amount)
{
    if (!form_at(ask->body, "amount") || (form_integer(ask->body, "amount", ret_amount) && *ret_amount > 0))
        return true;
    fail_ask(ask, 400, "amount is a whole number above 0");
    return false;
}

static const char *text_of(struct ask *ask, const char *key)
{
    return sim_text(ask->control->sim, form_text(ask->body, key));
}

/* {"amount", "reason", "status", "withdraw"}, all of which may be left out. */
void open_dispute(struct ask *ask)
{
    struct dispute_order order = {.charge = named(ask, TYPE_CHARGE)};
    struct dispute *dispute;
    struct refusal why = {0};

    if (!order.charge || !amount_of(ask, &order.amount))
        return;
    order.reason = text_of(ask, "reason");
    order.status = text_of(ask, "status");
    order.withdraw = form_flag(ask->body, "withdraw", false);
    if (dispute_open(ask->control->sim, &order, &dispute, &why))
        answer_object(ask, &dispute->o);
    else
        answer_refusal(ask, &why);
}

/* {"status", "reinstate", "fee"}: a dispute that is won gives the money back unless reinstate is false. */
void decide_dispute(struct ask *ask)
{
    struct dispute *d = named(ask, TYPE_DISPUTE);
    const char *status = form_text(ask->body, "status");
    struct refusal why = {0};
    int64_t fee = 0;

    if (!d)
        return;
    bool owed = d->withdrawal && !d->reinstatement;
    bool won = status && strcmp(status, "won") == 0;
    (void)form_integer(ask->body, "fee", &fee);
    if (fee > AMOUNT_MAX || fee < -AMOUNT_MAX) {
        fail_ask(ask, 400, "no fee is so large");
        return;
    }
    if (dispute_decide(ask->control->sim, d, status, form_flag(ask->body, "reinstate", won && owed), fee,
                       &why))
        answer_object(ask, &d->o);
    else
        answer_refusal(ask, &why);
}

/* {"status"}: succeeded, failed, pending, requires_action, canceled. */
void decide_refund(struct ask *ask)
{
    struct refund *refund = named(ask, TYPE_REFUND);
    struct refusal why = {0};

    if (!refund)
        return;
    if (refund_decide(ask->control->sim, refund, form_text(ask->body, "status"), &why))
        answer_object(ask, &refund->o);
    else
        answer_refusal(ask, &why);
}

/* One more payment of an invoice, {"amount", "elsewhere"}: by card, or outside Stripe. Without amount: what is left. */
void add_payment(struct ask *ask)
{
    struct sim *sim = ask->control->sim;
    struct invoice *inv = named(ask, TYPE_INVOICE);
    struct intent *pi = NULL;
    struct refusal why = {0};
    int64_t amount = inv ? invoice_remaining(inv) : 0;

    if (!inv || !amount_of(ask, &amount))
        return;
    if (!amount) {
        fail_ask(ask, 400, "nothing is left to pay: say an amount");
        return;
    }
    if (inv->status == INVOICE_DRAFT || inv->status == INVOICE_VOID) {
        fail_ask(ask, 400, "the invoice is a draft or void");
        return;
    }
    if (!money_is_valid(amount, inv->currency, &why)) {
        answer_refusal(ask, &why);
        return;
    }
    if (!form_flag(ask->body, "elsewhere", false)) {
        pi = intent_create(sim, inv->customer, amount, inv->currency);
        (void)intent_charge(sim, pi, payment_method_create(sim, NULL, 0));
    }
    if (invoice_attach(sim, inv, pi, amount, &why))
        answer_object(ask, &inv->o);
    else
        answer_refusal(ask, &why);
}

/* {"outcome": "succeeded"} or "failed": a delayed payment is decided. */
void decide_payment(struct ask *ask)
{
    struct intent *pi = named(ask, TYPE_INTENT);
    const char *outcome = form_text(ask->body, "outcome");

    if (!pi)
        return;
    if (!outcome || (strcmp(outcome, "succeeded") != 0 && strcmp(outcome, "failed") != 0)) {
        fail_ask(ask, 400, "outcome is succeeded or failed");
        return;
    }
    if (strcmp(pi->status, "processing") != 0 || pi->session) {
        fail_ask(ask, 400, "no delayed payment is under way, or it is a session's (/sim/checkout/ID/async)");
        return;
    }
    intent_settle(ask->control->sim, pi, strcmp(outcome, "succeeded") == 0);
    if (pi->invoice_payment)
        invoice_payment_decided(ask->control->sim, pi->invoice_payment);
    answer_object(ask, &pi->o);
}
