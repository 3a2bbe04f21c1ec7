#include <string.h>

#include "sim/events.h"
#include "sim/money.h"
#include "sim/render.h"

#define DISPUTE_FEE   1500
#define ANSWER_WITHIN (7 * DAY)

static bool says(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

static bool is_closed(const struct dispute *d)
{
    return says(d->status, "won") || says(d->status, "lost") || says(d->status, "warning_closed") ||
           says(d->status, "prevented");
}

static void withdraw(struct sim *sim, struct dispute *d)
{
    d->withdrawal =
        balance_txn_create(sim, &d->o, "adjustment", "dispute", -d->amount, d->charge->currency, DISPUTE_FEE);
    emit(sim, "charge.dispute.funds_withdrawn", &d->o);
}

static void reinstate_funds(struct sim *sim, struct dispute *d, int64_t fee)
{
    d->reinstatement =
        balance_txn_create(sim, &d->o, "adjustment", "dispute_reversal", d->amount, d->charge->currency, fee);
    emit(sim, "charge.dispute.funds_reinstated", &d->o);
}

/* The subscription whose invoice was paid with the charge; NULL: none. */
static struct subscription *subscription_of(const struct charge *ch)
{
    return ch->intent->invoice_payment ? ch->intent->invoice_payment->invoice->subscription : NULL;
}

static bool order_is_valid(const struct dispute_order *order, const char *status, int64_t amount,
                           struct refusal *why)
{
    if (!says(order->charge->status, "succeeded") || !order->charge->captured)
        return refuse(why, 400, NULL, NULL, "Only captured charges that succeeded can be disputed.");
    if (!says(status, "needs_response") && !says(status, "warning_needs_response") &&
        !says(status, "prevented"))
        return refuse(why, 400, NULL, "status",
                      "A dispute begins as needs_response, warning_needs_response or prevented.");
    if (amount <= 0)
        return refuse(why, 400, NULL, "amount", "Invalid positive integer");
    return money_is_valid(amount, order->charge->currency, why);
}

bool dispute_open(struct sim *sim, const struct dispute_order *order, struct dispute **ret_dispute,
                  struct refusal *why)
{
    struct charge *ch = order->charge;
    const char *status = order->status ? order->status : "needs_response";
    int64_t amount = order->amount ? order->amount : ch->amount_captured;
    struct subscription *sub;

    if (!order_is_valid(order, status, amount, why))
        return false;
    struct dispute *d = sim_object(sim, TYPE_DISPUTE, sizeof *d);
    json_t *before = render_object(sim, &ch->o);
    d->charge = ch;
    d->amount = amount;
    d->reason = order->reason ? order->reason : "fraudulent";
    d->status = status;
    d->due_by = sim->now + ANSWER_WITHIN;
    ch->disputed = true;
    list_push(sim, &ch->disputes, &d->o);
    emit(sim, "charge.dispute.created", &d->o);
    if (order->withdraw || says(status, "needs_response"))
        withdraw(sim, d);
    emit_updated(sim, "charge.updated", &ch->o, before);
    if (says(status, "prevented"))
        emit(sim, "charge.dispute.closed", &d->o);
    sub = subscription_of(ch);
    if (sim->knobs.dispute_cancels && says(status, "needs_response") && sub && !subscription_is_over(sub))
        subscription_cancel(sim, sub, "payment_disputed");
    *ret_dispute = d;
    return true;
}

bool dispute_evidence(struct sim *sim, struct dispute *d, json_t *evidence, bool submit, struct refusal *why)
{
    if (is_closed(d))
        return refuse(why, 400, NULL, NULL, "This dispute is already closed.");
    json_t *before = render_object(sim, &d->o);
    if (evidence && !d->evidence)
        d->evidence = sim_json(json_object());
    if (evidence && json_object_update(d->evidence, evidence))
        sim_die("out of memory");
    if (submit) {
        d->submissions++;
        d->status = says(d->status, "warning_needs_response")  ? "warning_under_review"
                    : says(d->status, "appeal_needs_response") ? "appeal_under_review"
                    : says(d->status, "needs_response")        ? "under_review"
                                                               : d->status;
    }
    emit_updated(sim, "charge.dispute.updated", &d->o, before);
    return true;
}

/* Which status may follow which; the table is what banks and networks do, as far as Stripe shows it. */
static bool may_follow(const char *from, const char *to)
{
    static const struct {
        const char *from, *to;
    } moves[] = {
        {"warning_needs_response", "warning_under_review"},
        {"warning_needs_response", "warning_closed"},
        {"warning_needs_response", "needs_response"},
        {"warning_under_review", "warning_closed"},
        {"warning_under_review", "needs_response"},
        {"warning_closed", "needs_response"},
        {"needs_response", "under_review"},
        {"needs_response", "won"},
        {"needs_response", "lost"},
        {"under_review", "needs_response"},
        {"under_review", "won"},
        {"under_review", "lost"},
        {"lost", "appeal_needs_response"},
        {"lost", "appeal_under_review"},
        {"lost", "won"},
        {"appeal_needs_response", "appeal_under_review"},
        {"appeal_needs_response", "lost"},
        {"appeal_needs_response", "won"},
        {"appeal_under_review", "lost"},
        {"appeal_under_review", "won"},
    };

    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++)
        if (says(from, moves[i].from) && says(to, moves[i].to))
            return true;
    return false;
}

static const char *known_status(const char *status)
{
    static const char *const known[] = {"warning_under_review",
                                        "warning_closed",
                                        "needs_response",
                                        "under_review",
                                        "appeal_needs_response",
                                        "appeal_under_review",
                                        "won",
                                        "lost"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (says(status, known[i]))
            return known[i];
    return NULL;
}

bool dispute_decide(struct sim *sim, struct dispute *d, const char *status, bool reinstate, int64_t fee,
                    struct refusal *why)
{
    const char *word = status ? known_status(status) : d->status;
    bool moves = word && !says(word, d->status);
    bool owed = d->withdrawal && !d->reinstatement;

    if (!word || (moves && !may_follow(d->status, word)))
        return refuse(why, 400, NULL, "status", "A dispute that is %s cannot become %.40s.", d->status,
                      status);
    if (reinstate && !owed)
        return refuse(why, 400, NULL, "reinstate", "There is no withdrawn money to give back.");
    if (moves) {
        json_t *before = render_object(sim, &d->o);
        d->status = word;
        if (is_closed(d)) {
            json_decref(before);
            emit(sim, "charge.dispute.closed", &d->o);
        } else {
            emit_updated(sim, "charge.dispute.updated", &d->o, before);
        }
        if (says(word, "needs_response") && !d->withdrawal)
            withdraw(sim, d); /* an inquiry that became a chargeback */
    }
    if (reinstate)
        reinstate_funds(sim, d, fee);
    return true;
}
