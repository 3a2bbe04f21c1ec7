#include <string.h>

#include "sim/events.h"
#include "sim/money.h"
#include "sim/render.h"

#define DECIDED_AFTER (3 * DAY)

static bool says(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

int64_t charge_refundable(const struct charge *ch)
{
    return ch->captured && says(ch->status, "succeeded") ? ch->amount_captured - ch->amount_refunded : 0;
}

static bool is_disputed(const struct charge *ch)
{
    for (size_t i = 0; i < ch->disputes.count; i++) {
        const struct dispute *d = (const struct dispute *)ch->disputes.at[i];
        if (d->withdrawal && !d->reinstatement)
            return true;
    }
    return false;
}

static bool order_is_valid(const struct refund_order *order, int64_t amount, struct refusal *why)
{
    const struct charge *ch = order->charge;
    int64_t left = charge_refundable(ch);

    if (!says(ch->status, "succeeded") || !ch->captured)
        return refuse(why, 400, NULL, NULL, "This charge (%s) has no captured payment to refund.", ch->o.id);
    if (is_disputed(ch))
        return refuse(why, 400, "charge_disputed", NULL,
                      "Charge %s has been charged back; cannot issue a refund.", ch->o.id);
    if (left <= 0)
        return refuse(why, 400, "charge_already_refunded", NULL, "Charge %s has already been refunded.",
                      ch->o.id);
    if (amount <= 0)
        return refuse(why, 400, "parameter_invalid_integer", "amount", "Invalid positive integer");
    if (amount > left)
        return refuse(why, 400, NULL, "amount",
                      "Refund amount (%lld) is greater than unrefunded amount on charge (%lld)",
                      (long long)amount, (long long)left);
    return money_is_valid(amount, ch->currency, why);
}

/* How it begins: as asked, as the knob says, or as the payment method does: cards at once, others later. */
static const char *first_status(struct sim *sim, const struct refund_order *order, bool *ret_by_itself)
{
    uint64_t number = sim->all[TYPE_REFUND].count;

    *ret_by_itself = false;
    if (order->status)
        return order->status;
    if (says(order->charge->method_type, "card") &&
        random_decide(sim->seed, "refund", number) >= sim->knobs.refund_pending_rate)
        return "succeeded";
    *ret_by_itself = true;
    return "pending";
}

static void move_money(struct sim *sim, struct refund *refund)
{
    bool card = says(refund->charge->method_type, "card");

    refund->balance_txn = balance_txn_create(sim, &refund->o, card ? "refund" : "payment_refund", "refund",
                                             -refund->amount, refund->charge->currency, 0);
}

static void tell_updated(struct sim *sim, struct refund *refund, json_t *before)
{
    emit_updated(sim, "refund.updated", &refund->o, json_incref(before));
    emit_updated(sim, "charge.refund.updated", &refund->o, before);
}

bool refund_create(struct sim *sim, const struct refund_order *order, struct refund **ret_refund,
                   struct refusal *why)
{
    struct charge *ch = order->charge;
    int64_t amount = order->amount ? order->amount : charge_refundable(ch);
    bool by_itself;

    if (!order_is_valid(order, amount, why))
        return false;
    const char *status = first_status(sim, order, &by_itself);
    struct refund *refund = sim_alloc(sim, sizeof *refund);
    if (!says(ch->method_type, "card"))
        refund->o.id = sim_new_id(sim, &sim->ids, "pyr_1", 23);
    sim_object_init(sim, &refund->o, TYPE_REFUND);
    refund->charge = ch;
    refund->amount = amount;
    refund->reason = order->reason;
    refund->status = status;
    refund->by_itself = by_itself;
    if (order->metadata)
        metadata_merge(&refund->o, order->metadata);
    if (says(status, "failed"))
        refund->failure_reason = "declined";
    if (says(status, "succeeded"))
        move_money(sim, refund);
    list_push(sim, &ch->refunds, &refund->o);
    json_t *charge_before = render_object(sim, &ch->o);
    if (!says(status, "failed"))
        ch->amount_refunded += amount;
    emit(sim, "refund.created", &refund->o);
    if (says(status, "failed"))
        json_decref(charge_before);
    else
        emit_updated(sim, "charge.refunded", &ch->o, charge_before);
    if (says(status, "succeeded")) { /* the network's reference follows */
        json_t *before = render_object(sim, &refund->o);
        refund->reference_known = true;
        tell_updated(sim, refund, before);
    }
    if (says(status, "failed"))
        emit(sim, "refund.failed", &refund->o);
    if (by_itself)
        sim_book(sim, sim->now + DECIDED_AFTER, DUE_REFUND_DECIDE, refund, 0);
    *ret_refund = refund;
    return true;
}

/* What was refunded counts no longer: the charge shows it. */
static void take_back(struct sim *sim, struct refund *refund, const char *status)
{
    struct charge *ch = refund->charge;
    json_t *refund_before = render_object(sim, &refund->o);
    json_t *charge_before = render_object(sim, &ch->o);

    if (says(status, "failed")) {
        refund->failure_reason = refund->balance_txn ? "lost_or_stolen_card" : "declined";
        if (refund->balance_txn) /* the money had left */
            refund->failure_balance_txn = balance_txn_create(
                sim, &refund->o, "refund_failure", "refund_failure", refund->amount, ch->currency, 0);
    }
    refund->status = status;
    ch->amount_refunded -= refund->amount;
    if (says(status, "failed"))
        emit(sim, "refund.failed", &refund->o);
    tell_updated(sim, refund, refund_before);
    emit_updated(sim, "charge.updated", &ch->o, charge_before);
}

bool refund_decide(struct sim *sim, struct refund *refund, const char *status, struct refusal *why)
{
    static const char *const known[] = {"succeeded", "failed", "canceled", "pending", "requires_action"};
    bool open = says(refund->status, "pending") || says(refund->status, "requires_action");
    const char *word = NULL;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (says(status, known[i]))
            word = known[i];
    if (!word)
        return refuse(why, 400, NULL, "status", "A refund cannot be %.40s.", status ? status : "that");
    if (says(refund->status, word))
        return true;
    if (says(word, "canceled") && !open)
        return refuse(why, 400, NULL, NULL, "Refund %s is %s and cannot be canceled.", refund->o.id,
                      refund->status);
    if (!open && !(says(refund->status, "succeeded") && says(word, "failed")))
        return refuse(why, 400, NULL, NULL, "Refund %s is %s: it cannot become %s.", refund->o.id,
                      refund->status, word);
    if (says(word, "failed") || says(word, "canceled")) {
        take_back(sim, refund, word);
        return true;
    }
    json_t *before = render_object(sim, &refund->o);
    refund->status = word;
    if (says(word, "succeeded")) {
        move_money(sim, refund);
        refund->reference_known = true;
    }
    tell_updated(sim, refund, before);
    return true;
}

void due_refund_decide(struct sim *sim, void *target, unsigned arg)
{
    struct refund *refund = target;
    struct refusal ignored;

    (void)arg;
    if (says(refund->status, "pending"))
        (void)refund_decide(sim, refund, "succeeded", &ignored);
}
