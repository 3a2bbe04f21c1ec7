/* Private to credit_grants.c: what a subscription's item was changed to amid a period, and what was given back of invoices. */
#ifndef INSTEP_SIM_CREDIT_POINTS_H
#define INSTEP_SIM_CREDIT_POINTS_H

#include "sim/credit_plans.h"

/* From a moment on an item has this price and quantity. */
struct point {
    int64_t at;
    const struct price *price;
    int64_t quantity;
    const struct invoice *invoice; /* that bills the change; NULL: only its state says so */
    bool unpaid;                   /* the invoice was made for it, and is waited for: no point yet */
    unsigned order;                /* of those at the same moment */
};

struct points {
    struct point *at; /* owned */
    size_t count, room;
};

/* A stretch of time of an item: what is asked for. */
struct stretch {
    const struct subscription *sub;
    const struct item *item;
    int64_t period_start;     /* of the item's period, that states of it name */
    int64_t start, end;       /* of the part that is looked at */
    const struct price *base; /* what it began with */
};

/* In the order of time. */
void points_find(const struct plans *plans, const struct stretch *stretch, struct points *points);
void points_release(struct points *points);

/* The version that a price has in a stretch; NULL: none. */
const struct plan_version *version_in(const struct plans *plans, const struct price *price,
                                      const struct stretch *stretch);

/* What was given back of what an invoice was paid: refunded, disputed, credited. At most what was paid. */
struct returned {
    int64_t amount, paid;
    int64_t at; /* the newest of it */
};
struct returned returned_of(const struct invoice *inv);

bool line_is_proration(const struct line *line);

#endif
