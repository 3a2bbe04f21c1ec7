/* What is true of money: sales, refunds, disputes, credit, fees, and the account balances all that makes. */
#include <string.h>

#include "sim/billing.h"
#include "sim/render.h"
#include "sim/truth_parts.h"

static bool says(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

/* Money from one account to another: the debit and the credit of it. */
static void move(struct truth_sums *sums, const char *debit, const char *credit, const char *currency,
                 int64_t amount)
{
    truth_add(sums->accounts, debit, currency, amount);
    truth_add(sums->accounts, credit, currency, -amount);
}

/* --- sales --- */

bool charge_is_bare(const struct charge *ch)
{
    return says(ch->status, "succeeded") && ch->captured && !ch->intent->invoice_payment &&
           !ch->intent->session;
}

const char *charge_sale(const struct charge *ch)
{
    if (ch->intent->session)
        return ch->intent->session->o.id;
    if (ch->intent->invoice_payment)
        return ch->intent->invoice_payment->invoice->o.id;
    return charge_is_bare(ch) ? ch->o.id : NULL;
}

static json_t *sale(const char *source, const char *kind, int64_t amount, const char *currency,
                    struct truth_sums *sums)
{
    truth_add(sums->totals, currency, "sales", amount);
    truth_add(sums->totals, currency, "count", 1);
    return sim_json(json_pack("{s:s, s:s, s:I, s:s}", "source", source, "kind", kind, "amount",
                              (json_int_t)amount, "currency", currency));
}

json_t *truth_invoice_sale(const struct invoice *inv, struct truth_sums *sums)
{
    int64_t elsewhere = invoice_off_stripe(inv);
    json_t *json = sale(inv->o.id, inv->subscription ? "subscription" : "invoice", inv->amount_paid,
                        inv->currency, sums);

    put_int(json, "elsewhere", elsewhere);
    put_int(json, "paid_at", inv->paid_at);
    put_text(json, "subscription", inv->subscription ? inv->subscription->o.id : NULL);
    move(sums, "collected", "sales", inv->currency, inv->amount_paid - elsewhere);
    move(sums, "collected_elsewhere", "sales", inv->currency, elsewhere);
    return json;
}

static json_t *plain_sale(const char *source, const char *kind, int64_t amount, const char *currency,
                          bool guest, struct truth_sums *sums)
{
    json_t *json = sale(source, kind, amount, currency, sums);

    if (!guest) {
        put_int(json, "elsewhere", 0);
        put_nulls(json, "paid_at subscription");
    }
    move(sums, "collected", "sales", currency, amount);
    return json;
}

json_t *truth_session_sale(const struct session *cs, bool guest, struct truth_sums *sums)
{
    return plain_sale(cs->o.id, "one_time", cs->amount_total, cs->currency, guest, sums);
}

json_t *truth_charge_sale(const struct charge *ch, bool guest, struct truth_sums *sums)
{
    return plain_sale(ch->o.id, "charge", ch->amount_captured, ch->currency, guest, sums);
}

/* --- what comes after --- */

static json_t *refund_truth(const struct refund *refund, const char *sale_id, struct truth_sums *sums)
{
    const char *currency = refund->charge->currency;
    bool done = says(refund->status, "succeeded");
    bool open = says(refund->status, "pending") || says(refund->status, "requires_action");

    if (done)
        move(sums, "refunds", "collected", currency, refund->amount);
    if (open)
        move(sums, "refunds", "refunds_payable", currency, refund->amount);
    if (done && sale_id)
        truth_add(sums->totals, currency, "refunded", refund->amount);
    return sim_json(json_pack("{s:s, s:s, s:I, s:s, s:s, s:s?}", "id", refund->o.id, "charge",
                              refund->charge->o.id, "amount", (json_int_t)refund->amount, "currency",
                              currency, "state",
                              done   ? "refunded"
                              : open ? "pending"
                                     : "none",
                              "sale", sale_id));
}

/* Where the money of a dispute is: by its status and by what was withdrawn and given back. */
const char *truth_dispute_state(const struct dispute *d)
{
    bool away = d->withdrawal && !d->reinstatement;

    if (says(d->status, "lost"))
        return d->reinstatement ? "none" : "lost";
    if (says(d->status, "won") || says(d->status, "prevented") || strncmp(d->status, "warning_", 8) == 0)
        return away ? "held" : "none";
    return d->reinstatement ? "none" : "held";
}

static json_t *dispute_truth(const struct dispute *d, const char *sale_id, struct truth_sums *sums)
{
    const char *currency = d->charge->currency;
    const char *state = truth_dispute_state(d);

    if (says(state, "held"))
        move(sums, "disputes_held", "collected", currency, d->amount);
    if (says(state, "lost"))
        move(sums, "disputes_lost", "collected", currency, d->amount);
    if (says(state, "lost") && sale_id)
        truth_add(sums->totals, currency, "lost", d->amount);
    return sim_json(json_pack("{s:s, s:s, s:I, s:s, s:s, s:s?}", "id", d->o.id, "charge", d->charge->o.id,
                              "amount", (json_int_t)d->amount, "currency", currency, "state", state, "sale",
                              sale_id));
}

static void add_fee(const struct balance_txn *txn, json_t *fees, struct truth_sums *sums)
{
    if (!txn)
        return;
    truth_add(fees, "fees", txn->currency, txn->fee);
    move(sums, "fees", "fees_withheld", txn->currency, txn->fee);
}

void truth_charge(const struct charge *ch, json_t *refunds, json_t *disputes, json_t *fees,
                  struct truth_sums *sums)
{
    const char *sale_id = charge_sale(ch);

    add_fee(ch->balance_txn, fees, sums);
    for (size_t i = 0; i < ch->refunds.count; i++)
        truth_append(refunds, refund_truth((const struct refund *)ch->refunds.at[i], sale_id, sums));
    for (size_t i = 0; i < ch->disputes.count; i++) {
        const struct dispute *d = (const struct dispute *)ch->disputes.at[i];
        truth_append(disputes, dispute_truth(d, sale_id, sums));
        add_fee(d->withdrawal, fees, sums);
        add_fee(d->reinstatement, fees, sums);
    }
}

/* --- credit --- */

int64_t truth_note_to_balance(const struct credit_note *note)
{
    return note->customer_txn ? -note->customer_txn->amount : 0;
}

int64_t truth_note_elsewhere(const struct credit_note *note)
{
    int64_t elsewhere = note->out_of_band;

    for (unsigned i = 0; i < note->refunds_count; i++)
        if (!note->refunds[i].refund)
            elsewhere += note->refunds[i].amount;
    return elsewhere;
}

static json_t *credit_note_truth(const struct credit_note *note, struct truth_sums *sums)
{
    const char *currency = note->invoice->currency;
    int64_t to_balance = truth_note_to_balance(note);
    int64_t elsewhere = truth_note_elsewhere(note);

    if (!note->voided_at) {
        move(sums, "credit_notes", "customer_credit", currency, to_balance);
        move(sums, "credit_notes", "collected_elsewhere", currency, elsewhere);
    }
    return sim_json(json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "id", note->o.id, "invoice",
                              note->invoice->o.id, "currency", currency, "status",
                              note->voided_at ? "void" : "issued", "to_balance", (json_int_t)to_balance,
                              "elsewhere", (json_int_t)elsewhere));
}

/* The credit an invoice gave (positive) or used. */
static void add_invoice_credit(const struct invoice *inv, struct truth_sums *sums)
{
    if (inv->finalized_at && inv->status != INVOICE_VOID)
        move(sums, "credit_applied", "customer_credit", inv->currency,
             inv->amount_overpaid - (inv->ending_balance - inv->starting_balance));
}

static json_t *written_off(const struct invoice *inv)
{
    json_t *json = sim_json(json_object());

    put_text(json, "invoice", inv->o.id);
    put_time(json, "voided_at", inv->voided_at);
    put_time(json, "uncollectible_at", inv->uncollectible_at);
    return json;
}

void truth_customer_money(const struct customer *c, json_t *customer, struct truth_sums *sums)
{
    json_t *refunds = sim_json(json_array()), *disputes = sim_json(json_array());
    json_t *notes = sim_json(json_array()), *off = sim_json(json_array());
    json_t *sums_here = sim_json(json_pack("{s:{}, s:{}}", "fees", "credit"));

    for (size_t i = 0; i < c->of[TYPE_CHARGE].count; i++)
        truth_charge((const struct charge *)c->of[TYPE_CHARGE].at[i], refunds, disputes, sums_here, sums);
    for (size_t i = 0; i < c->of[TYPE_CREDIT_NOTE].count; i++)
        truth_append(notes,
                     credit_note_truth((const struct credit_note *)c->of[TYPE_CREDIT_NOTE].at[i], sums));
    for (size_t i = 0; i < c->of[TYPE_INVOICE].count; i++) {
        const struct invoice *inv = (const struct invoice *)c->of[TYPE_INVOICE].at[i];
        add_invoice_credit(inv, sums);
        if (inv->voided_at || inv->uncollectible_at)
            truth_append(off, written_off(inv));
    }
    for (const struct balance *b = c->balances; b; b = b->next)
        truth_add(sums_here, "credit", b->currency, -b->amount);
    truth_order(refunds, "id");
    truth_order(disputes, "id");
    truth_order(notes, "id");
    truth_order(off, "invoice");
    put(customer, "refunds", refunds);
    put(customer, "disputes", disputes);
    put(customer, "credit_notes", notes);
    put(customer, "written_off", off);
    put(customer, "fees", json_incref(json_object_get(sums_here, "fees")));
    put(customer, "credit", json_incref(json_object_get(sums_here, "credit")));
    truth_without_zeros(json_object_get(sums_here, "fees"));
    truth_without_zeros(json_object_get(sums_here, "credit"));
    json_decref(sums_here);
}
