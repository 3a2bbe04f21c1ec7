#include "sim/credit_grants.h"

#include <stdlib.h>
#include <string.h>

#include "sim/credit_points.h"
#include "sim/history.h"

/* What is asked about, throughout. */
struct asking {
    const struct sim *sim;
    const struct plans *plans;
    const struct subscription *sub;
    const struct item *item;
    struct lots *lots;
};

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t months_after(int64_t from, int64_t months)
{
    return calendar_add(from, INTERVAL_MONTH, months);
}

/* --- billed periods --- */

/* A period of the item, as invoices and the item itself tell of it. */
struct billed {
    int64_t start, end;
    const struct price *price;
    int64_t quantity;
    const struct invoice *paid;  /* the first that was paid of those that bill it; NULL: none */
    const struct invoice *asked; /* the first that was finalised and counts without being paid; NULL: none */
    bool current;                /* the subscription runs, and the item is in it, or a draft still bills it */
    bool told;                   /* an invoice says price and quantity */
    bool added;                  /* the item came amid it: at its beginning there was none */
};

struct billed_list {
    struct billed *at; /* owned */
    size_t count, room;
};

static bool in_trial(const struct subscription *sub, int64_t at)
{
    return sub->trial_start && at >= sub->trial_start && at < sub->trial_end;
}

static bool is_trial_line(const struct subscription *sub, const struct line *line)
{
    return !line->amount &&
           ((line->price->unit_amount > 0 && line->quantity) || in_trial(sub, line->period_start));
}

static struct billed *billed_at(struct billed_list *list, int64_t start)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->at[i].start == start)
            return &list->at[i];
    if (list->count == list->room) {
        list->room = list->room ? list->room * 2 : 16;
        list->at = realloc(list->at, list->room * sizeof *list->at);
        if (!list->at)
            sim_die("out of memory");
    }
    list->at[list->count] = (struct billed){.start = start};
    return &list->at[list->count++];
}

static bool first_of_all(const struct invoice *inv)
{
    return strcmp(inv->billing_reason, "subscription_create") == 0 && !inv->subscription->send_invoice;
}

/* One more line that bills a period: what was paid says more than what was asked for, that more than a draft. */
static void tell(struct billed *billed, const struct line *line)
{
    const struct invoice *inv = line->invoice;
    bool paid = inv->status == INVOICE_PAID, says = !billed->told;

    if (paid && (!billed->paid || inv->paid_at < billed->paid->paid_at)) {
        billed->paid = inv;
        says = true;
    }
    if (inv->finalized_at && !first_of_all(inv) &&
        (!billed->asked || inv->finalized_at < billed->asked->finalized_at)) {
        billed->asked = inv;
        says = says || !billed->paid;
    }
    if (!says)
        return;
    billed->told = true;
    billed->end = line->period_end;
    billed->price = line->price;
    billed->quantity = line->quantity;
}

static int by_start(const void *a, const void *b)
{
    const struct billed *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

static bool has_trial_line(const struct asking *ask, int64_t start)
{
    for (size_t i = 0; i < ask->sub->invoices.count; i++) {
        const struct invoice *inv = (const struct invoice *)ask->sub->invoices.at[i];
        for (size_t n = 0; n < inv->lines.count; n++) {
            const struct line *line = (const struct line *)inv->lines.at[n];
            if (line->item == ask->item && line->price && !line_is_proration(line) &&
                line->period_start == start && is_trial_line(ask->sub, line))
                return true;
        }
    }
    return false;
}

static bool runs(enum subscription_status status)
{
    return status == SUB_ACTIVE || status == SUB_PAST_DUE;
}

/* Whether the subscription ever ran while the item was in a period that began then. */
static bool ran_in(const struct asking *ask, int64_t start)
{
    for (const struct subscription_state *state = ask->sub->history; state; state = state->before)
        for (size_t i = 0; i < state->items_count; i++)
            if (state->items[i].item == ask->item && state->items[i].period_start == start &&
                runs(state->status))
                return true;
    return false;
}

/* A period in which an item was added: it had nothing before, and what it became is a change. */
static void find_added(const struct asking *ask, struct billed_list *list)
{
    int64_t created = ask->item->o.created;

    if (created <= ask->sub->o.created + 60)
        return;
    for (const struct subscription_state *state = ask->sub->history; state; state = state->before) {
        for (size_t i = 0; i < state->items_count; i++) {
            const struct item_state *was = &state->items[i];
            if (was->item != ask->item || !runs(state->status) || was->period_start >= created ||
                was->period_end <= created)
                continue;
            struct billed *billed = billed_at(list, was->period_start);
            if (billed->told || billed->added)
                continue;
            billed->added = true;
            billed->end = was->period_end;
            billed->price = was->price;
        }
    }
}

static void find_current(const struct asking *ask, struct billed_list *list)
{
    const struct item *item = ask->item;

    if (!runs(ask->sub->status) || item->deleted || in_trial(ask->sub, item->period_start) ||
        has_trial_line(ask, item->period_start))
        return;
    struct billed *billed = billed_at(list, item->period_start);
    billed->current = true;
    if (billed->told || billed->added)
        return;
    billed->end = item->period_end;
    billed->price = item->price;
    billed->quantity = item->quantity;
}

static void find_billed(const struct asking *ask, struct billed_list *list)
{
    for (size_t i = 0; i < ask->sub->invoices.count; i++) {
        const struct invoice *inv = (const struct invoice *)ask->sub->invoices.at[i];
        for (size_t n = 0; n < inv->lines.count; n++) {
            const struct line *line = (const struct line *)inv->lines.at[n];
            if (line->item != ask->item || !line->price || line_is_proration(line) ||
                is_trial_line(ask->sub, line))
                continue;
            tell(billed_at(list, line->period_start), line);
            if (inv->status == INVOICE_DRAFT && runs(ask->sub->status) && ran_in(ask, line->period_start))
                billed_at(list, line->period_start)->current = true;
        }
    }
    find_added(ask, list);
    find_current(ask, list);
    if (list->count)
        qsort(list->at, list->count, sizeof *list->at, by_start);
}

static bool counts(const struct asking *ask, const struct billed *billed)
{
    const struct plan_version *version =
        plan_version_at(ask->plans, plan_of_price(ask->plans, billed->price), billed->start, billed->end);
    bool when_paid = !version || version->rules.when_paid;

    if (billed->end <= ask->sub->o.created)
        return false;
    return billed->added || billed->paid || (!when_paid && (billed->asked || billed->current));
}

/* --- lots of a stretch --- */

static int64_t credits_of(const struct plan_version *version, int64_t quantity, bool trial)
{
    int64_t credits = !version ? 0 : trial ? version->rules.trial : version->rules.monthly;

    return version && version->rules.per_unit ? credits * quantity : credits;
}

static void claw_returned(struct lot *lot, const struct invoice *inv, const struct plan_rules *rules)
{
    struct returned returned = {.amount = 0};

    if (inv && rules->clawback != CLAWBACK_NONE)
        returned = returned_of(inv);
    lot->negative = rules->clawback == CLAWBACK_NEGATIVE;
    if (!returned.amount || returned.paid <= 0)
        return;
    int64_t part = (int64_t)((__int128)lot->granted * returned.amount / returned.paid);
    lot->claw = sooner(lot->claw + part, lot->granted);
    lot->claw_at = later(lot->claw_at, returned.at);
}

/* Running along a stretch: the lots so far, the last is the newest. */
struct run {
    struct lot lots[64];
    const struct invoice *invoices[64];
    const struct plan_version *versions[64];
    size_t count;
    int64_t credits;
};

static struct lot *run_lot(struct run *run, const struct plan_version *version, enum lot_kind kind)
{
    for (size_t i = 0; i < run->count; i++)
        if (run->lots[i].kind == kind && run->versions[i] == version)
            return &run->lots[i];
    return NULL;
}

static void run_add(struct run *run, enum lot_kind kind, const struct plan_version *version, int64_t amount,
                    int64_t effective_at, const struct invoice *inv)
{
    struct lot *lot = run_lot(run, version, kind);

    if (lot) { /* one lot for each version: it grows */
        lot->granted += amount;
        return;
    }
    if (run->count == sizeof run->lots / sizeof *run->lots)
        sim_die("more plans in a period than there are");
    run->versions[run->count] = version;
    run->invoices[run->count] = inv;
    run->lots[run->count++] = (struct lot){.kind = kind,
                                           .plan_key = version->plan_key,
                                           .version = version->version,
                                           .granted = amount,
                                           .effective_at = effective_at};
}

/* Down at once: from the newest upgrade first. */
static void run_take(struct run *run, int64_t amount, int64_t at)
{
    for (size_t i = run->count; i-- > 0 && amount;) {
        struct lot *lot = &run->lots[i];
        int64_t part = sooner(lot->granted - lot->claw, amount);
        lot->claw += part;
        lot->claw_at = part ? later(lot->claw_at, at) : lot->claw_at;
        amount -= part;
    }
}

static void run_along(const struct asking *ask, const struct stretch *stretch, bool trial, struct run *run)
{
    struct points points = {.count = 0};

    points_find(ask->plans, stretch, &points);
    for (size_t i = 0; i < points.count; i++) {
        const struct point *point = &points.at[i];
        const struct plan_version *version = version_in(ask->plans, point->price, stretch);
        int64_t credits = credits_of(version, point->quantity, trial);
        if (!version)
            continue;
        if (credits > run->credits && version->rules.upgrade_now) {
            run_add(run, LOT_UPGRADE, version, credits - run->credits, point->at, point->invoice);
            run->credits = credits;
        } else if (credits < run->credits && version->rules.downgrade_now) {
            run_take(run, run->credits - credits, point->at);
            run->credits = credits;
        }
    }
    points_release(&points);
}

/* --- months of a billed period --- */

/* Where the k-th month of a period begins. */
static int64_t month_start(const struct subscription *sub, int64_t period_start, int64_t k)
{
    int64_t m = (period_start - sub->anchor) / (31 * DAY) - 1;

    for (int64_t at = months_after(sub->anchor, m); at <= period_start; at = months_after(sub->anchor, ++m))
        if (at == period_start)
            return months_after(sub->anchor, m + k);
    return months_after(period_start, k);
}

static bool has_months(const struct price *price)
{
    return price->interval == INTERVAL_YEAR ||
           (price->interval == INTERVAL_MONTH && price->interval_count > 1);
}

static int64_t effective_of(const struct asking *ask, const struct billed *billed, bool when_paid,
                            int64_t start)
{
    int64_t at = later(start, ask->sub->o.created);

    if (when_paid)
        return later(at, billed->paid ? billed->paid->paid_at : 0);
    if (billed->paid && first_of_all(billed->paid) && !billed->asked)
        return later(start, billed->paid->paid_at);
    return at;
}

static void add_period_lots(const struct asking *ask, const struct stretch *stretch, const struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        const struct plan_rules *rules = &run->versions[i]->rules;
        struct lot lot = run->lots[i];
        lot.subscription = ask->sub;
        lot.item = ask->item;
        lot.period_start = stretch->start;
        lot.period_end = stretch->end;
        lot.expires_at = rules->rollover != ROLLOVER_UNLIMITED ? stretch->end
                         : rules->expires_months ? months_after(stretch->start, rules->expires_months)
                                                 : 0;
        lot.capped = rules->rollover == ROLLOVER_CAPPED;
        lot.cap = rules->cap;
        if (!lot.granted || (lot.expires_at && lot.expires_at <= lot.effective_at))
            continue;
        claw_returned(&lot, run->invoices[i], rules);
        (void)lots_add(ask->lots, &lot);
    }
}

/* One month of a period, or all of a shorter one. price and quantity: what it begins with. */
static void grant_stretch(const struct asking *ask, const struct billed *billed,
                          const struct stretch *stretch, int64_t quantity)
{
    const struct plan_version *version =
        stretch->base ? version_in(ask->plans, stretch->base, stretch) : NULL;
    bool when_paid = version && version->rules.when_paid;
    struct run run = {.credits = credits_of(version, quantity, false)};

    if (!billed->added && (!version || (when_paid && !billed->paid)))
        return;
    if (version)
        run_add(&run, LOT_PERIOD, version, run.credits,
                effective_of(ask, billed, when_paid && !billed->added, stretch->start),
                billed->paid ? billed->paid : billed->asked);
    run_along(ask, stretch, false, &run);
    add_period_lots(ask, stretch, &run);
}

/* What the item is at a moment within its period: as it began, or as it was changed to since. */
static void state_at(const struct asking *ask, const struct billed *billed, int64_t at,
                     const struct price **ret_price, int64_t *ret_quantity)
{
    struct points points = {.count = 0};
    struct stretch stretch = {.sub = ask->sub,
                              .item = ask->item,
                              .period_start = billed->start,
                              .start = billed->start,
                              .end = at + 1,
                              .base = billed->added ? NULL : billed->price};

    *ret_price = stretch.base;
    *ret_quantity = billed->quantity;
    if (at <= billed->start)
        return;
    points_find(ask->plans, &stretch, &points);
    if (points.count) {
        *ret_price = points.at[points.count - 1].price;
        *ret_quantity = points.at[points.count - 1].quantity;
    }
    points_release(&points);
}

static void grant_period(const struct asking *ask, const struct billed *billed, int64_t end)
{
    struct stretch stretch = {.sub = ask->sub, .item = ask->item, .period_start = billed->start};
    bool months = has_months(billed->price);

    for (int64_t k = 0;; k++) {
        int64_t quantity;
        stretch.start = k ? month_start(ask->sub, billed->start, k) : billed->start;
        if (stretch.start >= end || (k && (stretch.start > ask->sim->now ||
                                           (ask->sub->ended_at && stretch.start >= ask->sub->ended_at))))
            return;
        stretch.end = months ? sooner(month_start(ask->sub, billed->start, k + 1), end) : end;
        state_at(ask, billed, stretch.start, &stretch.base, &quantity);
        grant_stretch(ask, billed, &stretch, quantity);
        if (!months)
            return;
    }
}

/* Where a period ends after all: the next one that counts may begin sooner. */
static int64_t end_of(const struct asking *ask, const struct billed_list *list, size_t which)
{
    for (size_t i = which + 1; i < list->count; i++)
        if (counts(ask, &list->at[i]))
            return sooner(list->at[which].end, list->at[i].start);
    return list->at[which].end;
}

/* --- the trial --- */

static const struct line *trial_line(const struct asking *ask)
{
    for (size_t i = 0; i < ask->sub->invoices.count; i++) {
        const struct invoice *inv = (const struct invoice *)ask->sub->invoices.at[i];
        for (size_t n = 0; n < inv->lines.count; n++) {
            const struct line *line = (const struct line *)inv->lines.at[n];
            if (line->item == ask->item && line->price && !line_is_proration(line) &&
                line->period_start == ask->sub->trial_start)
                return line;
        }
    }
    return NULL;
}

/* The end of the first (month of the) period after the trial, as it would be. */
static int64_t projected_end(const struct price *price, int64_t trial_end)
{
    if (price->interval == INTERVAL_MONTH || price->interval == INTERVAL_YEAR)
        return months_after(trial_end, 1);
    return calendar_add(trial_end, price->interval, price->interval_count);
}

static int64_t trial_expires(const struct asking *ask, const struct billed_list *list,
                             const struct plan_rules *rules, const struct price *price)
{
    const struct subscription *sub = ask->sub;

    if (!rules->trial_carry)
        return sub->trial_end;
    for (size_t i = 0; i < list->count; i++) {
        const struct billed *billed = &list->at[i];
        if (billed->start != sub->trial_end || !billed->paid || !counts(ask, billed))
            continue;
        int64_t end = end_of(ask, list, i);
        return has_months(billed->price) ? sooner(end, month_start(sub, billed->start, 1)) : end;
    }
    switch (sub->status) {
    case SUB_CANCELED:
    case SUB_INCOMPLETE_EXPIRED:
    case SUB_PAUSED:
    case SUB_UNPAID: return sub->ended_at ? sooner(sub->trial_end, sub->ended_at) : sub->trial_end;
    default: return projected_end(price, sub->trial_end);
    }
}

static void grant_trial(const struct asking *ask, const struct billed_list *list)
{
    const struct subscription *sub = ask->sub;
    const struct line *line = trial_line(ask);
    const struct price *price = line ? line->price : ask->item->price;
    int64_t quantity = line ? line->quantity : ask->item->quantity;
    struct stretch stretch = {.sub = sub,
                              .item = ask->item,
                              .period_start = sub->trial_start,
                              .start = sub->trial_start,
                              .end = sub->trial_end,
                              .base = price};
    const struct plan_version *version = version_in(ask->plans, price, &stretch);
    struct run run = {.credits = credits_of(version, quantity, true)};

    if (!version || (!line && (ask->item->deleted || ask->item->o.created >= sub->trial_end)))
        return;
    run_add(&run, LOT_TRIAL, version, run.credits, later(sub->trial_start, sub->o.created),
            line ? line->invoice : NULL);
    run_along(ask, &stretch, true, &run);
    for (size_t i = 0; i < run.count; i++) {
        struct lot lot = run.lots[i];
        lot.subscription = sub;
        lot.item = ask->item;
        lot.period_start = stretch.start;
        lot.period_end = stretch.end;
        lot.expires_at = trial_expires(ask, list, &run.versions[i]->rules, price);
        if (!lot.granted || lot.expires_at <= lot.effective_at)
            continue;
        claw_returned(&lot, run.invoices[i], &run.versions[i]->rules);
        (void)lots_add(ask->lots, &lot);
    }
}

void grants_add(const struct sim *sim, const struct plans *plans, const struct subscription *sub,
                struct lots *lots)
{
    for (size_t i = 0; i < sub->items.count; i++) {
        struct asking ask = {.sim = sim,
                             .plans = plans,
                             .sub = sub,
                             .item = (const struct item *)sub->items.at[i],
                             .lots = lots};
        struct billed_list list = {.count = 0};
        find_billed(&ask, &list);
        for (size_t n = 0; n < list.count; n++)
            if (counts(&ask, &list.at[n]))
                grant_period(&ask, &list.at[n], end_of(&ask, &list, n));
        if (sub->trial_start)
            grant_trial(&ask, &list);
        free(list.at);
    }
}
