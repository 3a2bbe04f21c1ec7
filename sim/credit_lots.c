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

/* Where an item's next period begins: what is carried over from the one before. */
struct joint {
    struct lot
        lot; /* of rollover, that it goes into: item, period_start, expires_at, spent, kept of it at its own end */
    int64_t room, free; /* greatest cap of what comes here; what nobody takes back of it */
};

struct settling {
    struct joint *joints; /* owned; in the order of time */
    size_t joints_count;
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
            lots->at[i].period_start == boundary && !lots->at[i].over)
            return &lots->at[i];
    return NULL;
}

/* The lot that what is carried over goes into: it lasts as long as the period's own. */
static struct lot rollover_into(const struct lot *period, int64_t boundary)
{
    struct lot lot = *period;

    lot.kind = LOT_ROLLOVER;
    lot.over = false;
    lot.period_start = lot.effective_at = boundary;
    lot.granted = lot.claw = lot.claw_at = 0;
    lot.spent = lot.kept = lot.clawed = lot.shortfall = lot.left = 0;
    return lot;
}

/* --- what was spent after it had been carried over stays carried over, whatever is taken back --- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t at_least_0(int64_t a)
{
    return a < 0 ? 0 : a;
}

static bool comes_to(const struct joint *from, const struct joint *to)
{
    return from->lot.capped && from->lot.item == to->lot.item && from->lot.expires_at == to->lot.period_start;
}

/* Of what a plain lot was granted, what nobody spent or takes back. */
static int64_t free_of(const struct lot *lot)
{
    return at_least_0(lot->granted - lot->spent - lot->claw);
}

static int64_t carried_free(const struct joint *joint)
{
    return at_least_0(least(joint->room, joint->free) - joint->lot.spent);
}

static int by_boundary(const void *pa, const void *pb)
{
    const struct joint *a = pa, *b = pb;

    return compare(a->lot.period_start, b->lot.period_start);
}

static struct joint *joint_of(const struct settling *s, const struct item *item, int64_t boundary)
{
    for (size_t i = 0; i < s->joints_count; i++)
        if (s->joints[i].lot.item == item && s->joints[i].lot.period_start == boundary)
            return &s->joints[i];
    return NULL;
}

static void add_joint(struct settling *s, struct lot lot)
{
    if (joint_of(s, lot.item, lot.period_start))
        return;
    lot.spent = s->spent(&lot, s->arg);
    s->joints[s->joints_count++] = (struct joint){.lot = lot};
}

/* One for each period that something may be carried into, and for each lot that was spent from though its period is gone. */
static void find_joints(struct settling *s)
{
    struct lots *lots = s->lots;
    size_t kept = 0;

    s->joints = calloc(lots->count + 1, sizeof *s->joints);
    if (!s->joints)
        sim_die("out of memory");
    for (size_t i = 0; i < lots->count; i++) {
        const struct lot *lot = &lots->at[i];
        if (lot->kind == LOT_PERIOD && lot == next_period(lots, lot->item, lot->period_start))
            add_joint(s, rollover_into(lot, lot->period_start));
    }
    for (size_t i = 0; i < lots->count; i++) {
        if (lots->at[i].kind == LOT_ROLLOVER)
            add_joint(s, rollover_into(&lots->at[i], lots->at[i].period_start));
        else
            lots->at[kept++] = lots->at[i];
    }
    lots->count = kept;
    if (s->joints_count)
        qsort(s->joints, s->joints_count, sizeof *s->joints, by_boundary);
    for (size_t j = 0; j < s->joints_count; j++) {
        struct joint *joint = &s->joints[j];
        for (size_t i = 0; i < lots->count; i++)
            if (in_pool(&lots->at[i], joint->lot.item, joint->lot.period_start)) {
                joint->free += free_of(&lots->at[i]);
                joint->room = lots->at[i].cap > joint->room ? lots->at[i].cap : joint->room;
            }
        for (size_t i = 0; i < j; i++)
            if (comes_to(&s->joints[i], joint)) {
                joint->free += carried_free(&s->joints[i]);
                joint->room = s->joints[i].lot.cap > joint->room ? s->joints[i].lot.cap : joint->room;
            }
    }
}

static int64_t keep_plain(const struct settling *s, const struct joint *joint, int64_t rest, bool claimed)
{
    for (size_t i = 0; i < s->lots->count && rest; i++) {
        struct lot *lot = &s->lots->at[i];
        if (!in_pool(lot, joint->lot.item, joint->lot.period_start))
            continue;
        int64_t there = at_least_0((claimed ? lot->granted - lot->spent : free_of(lot)) - lot->kept);
        there = least(there, rest);
        lot->kept += there;
        rest -= there;
    }
    return rest;
}

static int64_t keep_carried(const struct settling *s, const struct joint *joint, int64_t rest, bool claimed)
{
    for (size_t i = 0; i < s->joints_count && rest; i++) {
        struct joint *from = &s->joints[i];
        if (!comes_to(from, joint))
            continue;
        int64_t there = claimed ? rest : least(at_least_0(carried_free(from) - from->lot.kept), rest);
        from->lot.kept += there;
        rest -= there;
    }
    return rest;
}

/* Latest first; out of what nobody takes back, as long as there is such. */
static void keep_what_was_spent(const struct settling *s)
{
    for (size_t j = s->joints_count; j-- > 0;) {
        const struct joint *joint = &s->joints[j];
        int64_t rest = joint->lot.spent + joint->lot.kept;
        rest = keep_plain(s, joint, rest, false);
        rest = keep_carried(s, joint, rest, false);
        rest = keep_plain(s, joint, rest, true);
        (void)keep_carried(s, joint, rest, true);
    }
}

/* More was spent than is due now: it had been granted then, and is to be taken back. */
static void remember_spent(struct lot *lot)
{
    int64_t missing = at_least_0(lot->spent - lot->granted);

    if (!missing || lot->kind == LOT_ROLLOVER)
        return;
    lot->granted += missing;
    lot->claw += missing;
    lot->claw_at = lot->claw_at > lot->effective_at ? lot->claw_at : lot->effective_at;
}

/* What is taken back of a lot, of what is owed. */
static void take_back(struct lot *lot)
{
    int64_t there = at_least_0(lot->granted - lot->spent - lot->kept);

    lot->clawed = lot->negative ? lot->claw : least(lot->claw, there);
    lot->shortfall = lot->claw - lot->clawed;
    lot->left = lot->granted - lot->spent - lot->clawed - lot->kept;
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
    const struct joint *joint = joint_of(s, item, boundary);
    int64_t sum = 0;

    if (!joint)
        return;
    for (size_t i = 0; i < s->lots->count; i++)
        if (in_pool(&s->lots->at[i], item, boundary))
            sum += at_least_0(s->lots->at[i].left);
    struct lot lot = joint->lot;
    lot.granted = lot.spent + lot.kept;
    if (next_period(s->lots, item, boundary))
        lot.granted += least(sum, at_least_0(joint->room - lot.granted));
    lot.left = lot.granted - lot.spent - lot.kept;
    if (lot.granted)
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
        lots->at[kept].kept = 0;
        remember_spent(&lots->at[kept]);
        kept++;
    }
    lots->count = kept;
    in_order(lots);
    find_joints(&s);
    keep_what_was_spent(&s);
    for (size_t i = 0; i < lots->count; i++)
        take_back(&lots->at[i]);
    for (int64_t end = next_end(lots, 0);; end = next_end(lots, end)) {
        end_at(&s, end);
        if (end == INT64_MAX)
            break;
    }
    free(s.joints);
    in_order(lots);
}

int64_t lots_balance(const struct lots *lots)
{
    int64_t sum = 0;

    for (size_t i = 0; i < lots->count; i++)
        sum += lots->at[i].left;
    return sum;
}
