/* Balance transactions of the account, and the credit balances of customers. */
#include <string.h>

#include "sim/currency.h"
#include "sim/events.h"
#include "sim/money.h"
#include "sim/render.h"

#define AVAILABLE_AFTER (2 * DAY)
#define FEE_PER_MILLE   29
#define FEE_FIXED       30

bool money_is_valid(int64_t amount, const char *currency, struct refusal *why)
{
    int64_t step;

    if (!currency_is_known(currency))
        return refuse(why, 400, NULL, "currency", "Invalid currency: %.40s", currency ? currency : "");
    step = currency_step(currency);
    if (amount > AMOUNT_MAX || amount < -AMOUNT_MAX)
        return refuse(why, 400, "amount_too_large", "amount", "Amount must be no more than %lld in %s.",
                      (long long)AMOUNT_MAX, currency);
    if (amount % step != 0)
        return refuse(why, 400, "parameter_invalid_integer", "amount",
                      "Amounts in %s must be a multiple of %lld.", currency, (long long)step);
    return true;
}

int64_t processing_fee(int64_t amount, const char *currency)
{
    const char *rate;

    return currency_settle(amount, currency, &rate) * FEE_PER_MILLE / 1000 + FEE_FIXED;
}

struct balance_txn *balance_txn_create(struct sim *sim, const struct object *source, const char *type,
                                       const char *category, int64_t amount, const char *currency,
                                       int64_t fee)
{
    struct balance_txn *txn = sim_object(sim, TYPE_BALANCE_TXN, sizeof *txn);

    txn->source = source;
    txn->type = type;
    txn->reporting_category = category;
    txn->currency = currency_settlement(currency);
    txn->amount = currency_settle(amount, currency, &txn->exchange_rate);
    txn->fee = fee;
    txn->available_on = sim->now + AVAILABLE_AFTER;
    return txn;
}

struct customer_txn *customer_credit(struct sim *sim, struct customer *c, const char *currency, int64_t delta,
                                     const char *type, struct invoice *inv, struct credit_note *cn)
{
    struct balance *balance = customer_balance(sim, c, currency);
    struct customer_txn *txn;

    if (!delta)
        return NULL;
    json_t *before = render_object(sim, &c->o);
    balance->amount += delta;
    txn = sim_object(sim, TYPE_CUSTOMER_TXN, sizeof *txn);
    txn->customer = c;
    txn->type = type;
    txn->currency = balance->currency;
    txn->amount = delta;
    txn->ending_balance = balance->amount;
    txn->invoice = inv;
    txn->credit_note = cn;
    list_push(sim, &c->of[TYPE_CUSTOMER_TXN], &txn->o);
    if (c->deleted)
        json_decref(before); /* nothing of it is shown any more */
    else
        emit_updated(sim, "customer.updated", &c->o, before);
    return txn;
}
