#include "sim/credit_lots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lot *lots_add(struct lots *lots, const struct lot *lot)
{
    if (lots->count == lots->room) {
        lots->room = lots->room ? lots->room * 2 : 16;
        lots->at = realloc(lots->at, lots->room * sizeof *lots->at);
        if (!lots->at)
            sim_die("out of memory");
    }
    lots->at[lots->count] = *lot;
    return &lots->at[lots->count++];
}

void lots_release(struct lots *lots)
{
    free(lots->at);
    *lots = (struct lots){.count = 0};
}

const char *lot_kind_name(enum lot_kind kind)
{
    static const char *const names[] = {"manual", "period", "rollover", "trial", "upgrade"};

    return names[kind];
}

static const char *item_id(const struct lot *lot)
{
    return lot->item ? lot->item->o.id : "";
}

void lot_key(const struct lot *lot, char key[LOT_KEY_BYTES])
{
    (void)snprintf(key, LOT_KEY_BYTES, "%s %lld %s %d %s", lot->item ? item_id(lot) : lot->user,
                   (long long)lot->period_start, lot_kind_name(lot->kind), lot->version, lot->plan_key);
}

/* --- orders --- */

static int compare(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int64_t end_of(const struct lot *lot)
{
    return lot->expires_at ? lot->expires_at : INT64_MAX;
}

static int in_burn_order(const void *pa, const void *pb)
{
    const struct lot *a = pa, *b = pb;
    int order = compare(end_of(a), end_of(b));

    if (!order)
        order = compare(a->effective_at, b->effective_at);
    if (!order)
        order = (int)a->kind - (int)b->kind;
    if (!order)
        order = strcmp(item_id(a), item_id(b));
    if (!order)
        order = compare(a->period_start, b->period_start);
    if (!order)
        order = strcmp(a->plan_key, b->plan_key);
    return order ? order : a->version - b->version;
}

/* --- what follows, in the order in which lots end --- */

struct settling {
    struct lots *lots;
    int64_t as_of;
    lot_spent_fn *spent;
    void *arg;
};

static bool in_pool(const struct lot *lot, const struct item *item, int64_t boundary)
{
    return lot->capped && lot->item == item && lot->expires_at == boundary;
}

/* The item's lot of the period that begins at the boundary; NULL: there is none, so nothing is carried over. */
static const struct lot *next_period(const struct lots *lots, const struct item *item, int64_t boundary)
{
    for (size_t i = 0; i < lots->count; i++)
        if (lots->at[i].kind == LOT_PERIOD && lots->at[i].item == item &&
            lots->at[i].period_start == boundary)
            return &lots->at[i];
    return NULL;
}

/* The lot that what is carried over goes into: it lasts as long as the period's own. */
static struct lot rollover_into(const struct lot *period, int64_t boundary)
{
    struct lot lot = *period;

    lot.kind = LOT_ROLLOVER;
    lot.period_start = lot.effective_at = boundary;
    lot.granted = lot.claw = lot.claw_at = 0;
    lot.clawed = lot.shortfall = lot.left = 0;
    return lot;
}

/*
 * How much must be carried over at the boundary, because it was spent afterwards: what was used cannot be taken back.
 */
static int64_t needed(const struct settling *s, const struct item *item, int64_t boundary)
{
    const struct lot *period = next_period(s->lots, item, boundary);
    int64_t later = 0;

    if (!period)
        return 0;
    struct lot lot = rollover_into(period, boundary);
    if (lot.capped && lot.expires_at) {
        later = needed(s, item, lot.expires_at);
        for (size_t i = 0; i < s->lots->count && later; i++) {
            const struct lot *other = &s->lots->at[i];
            if (in_pool(other, item, lot.expires_at) && other->kind != LOT_ROLLOVER)
                later -= other->granted - other->spent;
        }
    }
    return s->spent(&lot, s->arg) + (later > 0 ? later : 0);
}

/* What there is of the pool as long as nothing is taken back from this lot. */
static int64_t pool_of(const struct lots *lots, const struct lot *lot)
{
    int64_t sum = 0;

    for (size_t i = 0; i < lots->count; i++)
        if (in_pool(&lots->at[i], lot->item, lot->expires_at))
            sum += lots->at[i].granted - lots->at[i].spent - lots->at[i].clawed;
    return sum;
}

/* What is taken back of a lot, of what is owed. */
static void take_back(const struct settling *s, struct lot *lot)
{
    int64_t there = lot->granted - lot->spent;

    if (lot->capped && lot->expires_at) {
        int64_t rest = pool_of(s->lots, lot) - needed(s, lot->item, lot->expires_at);
        there = rest < there ? rest : there;
    }
    there = there < 0 ? 0 : there;
    lot->clawed = lot->negative || lot->claw <= there ? lot->claw : there;
    lot->shortfall = lot->claw - lot->clawed;
}

/* The debt that is the oldest of those which what ends at `end` may repay; NULL: none. */
static struct lot *oldest_debt(const struct lots *lots, int64_t end)
{
    struct lot *oldest = NULL;

    for (size_t i = 0; i < lots->count; i++) {
        struct lot *lot = &lots->at[i];
        if (lot->left < 0 && lot->claw_at < end && (!oldest || lot->claw_at < oldest->claw_at))
            oldest = lot;
    }
    return oldest;
}

static void repay_debts(const struct lots *lots, struct lot *lot)
{
    struct lot *debt;

    while (lot->left > 0 && (debt = oldest_debt(lots, end_of(lot)))) {
        int64_t part = -debt->left < lot->left ? -debt->left : lot->left;
        debt->left += part;
        lot->left -= part;
    }
}

/* At a boundary: what is unspent of an item's lots together goes into a lot of the next period. */
static void carry_over(const struct settling *s, const struct item *item, int64_t boundary)
{
    const struct lot *period = next_period(s->lots, item, boundary);
    int64_t sum = 0, cap = 0;

    for (size_t i = 0; i < s->lots->count; i++) {
        const struct lot *lot = &s->lots->at[i];
        if (!in_pool(lot, item, boundary))
            continue;
        sum += lot->left > 0 ? lot->left : 0;
        cap = lot->cap > cap ? lot->cap : cap;
    }
    if (!period)
        return;
    struct lot lot = rollover_into(period, boundary);
    lot.granted = sum < cap ? sum : cap;
    lot.spent = s->spent(&lot, s->arg);
    lot.left = lot.granted - lot.spent;
    lot.claw_at = boundary;
    if (lot.granted || lot.spent)
        (void)lots_add(s->lots, &lot);
}

/* The earliest end after `after` of a lot, INT64_MAX for those without. */
static int64_t next_end(const struct lots *lots, int64_t after)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < lots->count; i++)
        if (end_of(&lots->at[i]) > after && end_of(&lots->at[i]) < next)
            next = end_of(&lots->at[i]);
    return next;
}

static void in_order(struct lots *lots)
{
    if (lots->count) /* no lots, no array to sort */
        qsort(lots->at, lots->count, sizeof *lots->at, in_burn_order);
}

static void end_at(const struct settling *s, int64_t end)
{
    struct lots *lots = s->lots;

    in_order(lots);
    for (size_t i = 0; i < lots->count; i++)
        if (end_of(&lots->at[i]) == end)
            repay_debts(lots, &lots->at[i]);
    if (end > s->as_of)
        return;
    for (size_t i = 0, before = lots->count; i < before; i++) {
        bool first = lots->at[i].capped && lots->at[i].expires_at == end;
        for (size_t n = 0; n < i && first; n++) /* one pool for all lots of an item */
            first = !in_pool(&lots->at[n], lots->at[i].item, end);
        if (first)
            carry_over(s, lots->at[i].item, end);
    }
    for (size_t i = 0; i < lots->count; i++)
        if (end_of(&lots->at[i]) == end && lots->at[i].left > 0)
            lots->at[i].left = 0;
}

void lots_settle(struct lots *lots, int64_t as_of, lot_spent_fn *spent, void *arg)
{
    struct settling s = {.lots = lots, .as_of = as_of, .spent = spent, .arg = arg};
    size_t kept = 0;

    for (size_t i = 0; i < lots->count; i++) {
        if (lots->at[i].effective_at > as_of)
            continue;
        lots->at[kept] = lots->at[i];
        lots->at[kept].spent = spent(&lots->at[kept], arg);
        kept++;
    }
    lots->count = kept;
    in_order(lots);
    for (size_t i = 0; i < lots->count; i++)
        take_back(&s, &lots->at[i]);
    for (size_t i = 0; i < lots->count; i++)
        lots->at[i].left = lots->at[i].granted - lots->at[i].spent - lots->at[i].clawed;
    for (int64_t end = next_end(lots, 0);; end = next_end(lots, end)) {
        end_at(&s, end);
        if (end == INT64_MAX)
            break;
    }
    in_order(lots);
}

int64_t lots_balance(const struct lots *lots)
{
    int64_t sum = 0;

    for (size_t i = 0; i < lots->count; i++)
        sum += lots->at[i].left;
    return sum;
}
