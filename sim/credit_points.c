#include "sim/credit_points.h"

#include <stdlib.h>
#include <string.h>

#include "sim/history.h"
#include "sim/truth_parts.h"

bool line_is_proration(const struct line *line)
{
    return line->invoiceitem && line->invoiceitem->proration;
}

const struct plan_version *version_in(const struct plans *plans, const struct price *price,
                                      const struct stretch *stretch)
{
    return plan_version_at(plans, plan_of_price(plans, price), stretch->start, stretch->end);
}

static void add(struct points *points, struct point point)
{
    if (points->count == points->room) {
        points->room = points->room ? points->room * 2 : 8;
        points->at = realloc(points->at, points->room * sizeof *points->at);
        if (!points->at)
            sim_die("out of memory");
    }
    point.order = (unsigned)points->count;
    points->at[points->count++] = point;
}

void points_release(struct points *points)
{
    free(points->at);
    *points = (struct points){.count = 0};
}

static int by_time(const void *pa, const void *pb)
{
    const struct point *a = pa, *b = pb;

    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* --- what invoices say --- */

static bool says_a_change(const struct line *line, const struct stretch *stretch)
{
    return line->item == stretch->item && line->price && line_is_proration(line) &&
           line->period_start >= stretch->start && line->period_start < stretch->end &&
           (line->amount > 0 || (line->amount == 0 && line->price != stretch->base));
}

static bool counts(const struct plan_version *version, const struct invoice *inv)
{
    if (!version || version->rules.when_paid)
        return inv->status == INVOICE_PAID;
    return inv->finalized_at;
}

static void find_lines(const struct plans *plans, const struct stretch *stretch, struct points *points)
{
    for (size_t i = 0; i < stretch->sub->invoices.count; i++) {
        const struct invoice *inv = (const struct invoice *)stretch->sub->invoices.at[i];
        for (size_t n = 0; n < inv->lines.count; n++) {
            const struct line *line = (const struct line *)inv->lines.at[n];
            bool due = says_a_change(line, stretch);
            bool asked = due && counts(version_in(plans, line->price, stretch), inv);
            if (asked || (due && strcmp(inv->billing_reason, "subscription_update") == 0))
                add(points, (struct point){.at = line->period_start,
                                           .price = line->price,
                                           .quantity = line->quantity,
                                           .invoice = inv,
                                           .unpaid = !asked});
        }
    }
}

/* --- what the subscription was --- */

static bool is_known(const struct points *points, size_t lines, const struct item_state *was)
{
    for (size_t i = 0; i < lines; i++)
        if (points->at[i].price == was->price && points->at[i].quantity == was->quantity)
            return true;
    return false;
}

static bool is_running(enum subscription_status status, const struct plan_version *version)
{
    return status == SUB_ACTIVE || status == SUB_TRIALING ||
           (status == SUB_PAST_DUE && version && !version->rules.when_paid);
}

static void find_states(const struct plans *plans, const struct stretch *stretch, struct points *points)
{
    size_t lines = points->count;

    for (const struct subscription_state *state = stretch->sub->history; state; state = state->before) {
        for (size_t i = 0; i < state->items_count; i++) {
            const struct item_state *was = &state->items[i];
            int64_t at = state->at > was->period_start ? state->at : was->period_start;
            if (was->item != stretch->item || was->period_start != stretch->period_start ||
                at < stretch->start || at >= stretch->end ||
                !is_running(state->status, version_in(plans, was->price, stretch)) ||
                is_known(points, lines, was))
                continue;
            add(points, (struct point){.at = at, .price = was->price, .quantity = was->quantity});
        }
    }
}

/* They said what states need not say; credits wait for the money. */
static void drop_unpaid(struct points *points)
{
    size_t kept = 0;

    for (size_t i = 0; i < points->count; i++)
        if (!points->at[i].unpaid)
            points->at[kept++] = points->at[i];
    points->count = kept;
}

void points_find(const struct plans *plans, const struct stretch *stretch, struct points *points)
{
    find_lines(plans, stretch, points);
    find_states(plans, stretch, points);
    drop_unpaid(points);
    if (points->count)
        qsort(points->at, points->count, sizeof *points->at, by_time);
}

/* --- what was given back --- */

static void give_back(struct returned *returned, int64_t amount, int64_t at)
{
    if (!amount)
        return;
    returned->amount += amount;
    returned->at = at > returned->at ? at : returned->at;
}

static void by_charge(struct returned *returned, const struct charge *ch)
{
    for (size_t i = 0; i < ch->refunds.count; i++) {
        const struct refund *refund = (const struct refund *)ch->refunds.at[i];
        if (strcmp(refund->status, "failed") != 0 && strcmp(refund->status, "canceled") != 0)
            give_back(returned, refund->amount, refund->o.created);
    }
    for (size_t i = 0; i < ch->disputes.count; i++) {
        const struct dispute *d = (const struct dispute *)ch->disputes.at[i];
        if (strcmp(truth_dispute_state(d), "none") != 0)
            give_back(returned, d->amount, d->o.created);
    }
}

struct returned returned_of(const struct invoice *inv)
{
    struct returned returned = {.paid = inv->amount_paid};

    for (size_t i = 0; i < inv->customer->of[TYPE_CHARGE].count; i++) {
        const struct charge *ch = (const struct charge *)inv->customer->of[TYPE_CHARGE].at[i];
        const char *sale = charge_sale(ch);
        if (sale && strcmp(sale, inv->o.id) == 0)
            by_charge(&returned, ch);
    }
    for (size_t i = 0; i < inv->credit_notes.count; i++) {
        const struct credit_note *note = (const struct credit_note *)inv->credit_notes.at[i];
        if (!note->voided_at)
            give_back(&returned, truth_note_to_balance(note) + truth_note_elsewhere(note), note->o.created);
    }
    returned.amount = returned.amount < returned.paid ? returned.amount : returned.paid;
    return returned;
}
