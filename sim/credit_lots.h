/*
 * Lots of credits: what follows for each from all facts as of a moment. A lot is one grant; what it is worth in the end depends on
 * the others of its holder, by debts, and of its item, by what is carried over.
 */
#ifndef INSTEP_SIM_CREDIT_LOTS_H
#define INSTEP_SIM_CREDIT_LOTS_H

#include "sim/credit_plans.h"

enum lot_kind { LOT_MANUAL, LOT_PERIOD, LOT_ROLLOVER, LOT_TRIAL, LOT_UPGRADE }; /* in the order of burning */

#define LOT_KEY_BYTES 200

struct lot {
    enum lot_kind kind;
    const char *user; /* of a manual one; NULL: the subscription's customer says whose */
    const struct subscription *subscription; /* NULL: manual */
    const struct item *item;                 /* NULL: manual */
    const char *plan_key;                    /* manual: the key of the grant */
    int version;
    int64_t period_start, period_end;
    int64_t effective_at;
    int64_t expires_at;    /* 0: never */
    int64_t granted;       /* what is due by the rules, before anything is taken back */
    int64_t claw, claw_at; /* what is to be taken back, and since when */
    bool over;             /* no rule gives it any more, but it was spent from */
    bool negative;         /* beyond what is there: a debt */
    bool capped;           /* up to cap is carried over when it expires */
    int64_t cap;
    /* --- what follows (lots_settle) --- */
    int64_t spent; /* by the application, less what it gave back */
    int64_t kept;  /* carried over in any case: it was spent afterwards */
    int64_t clawed, shortfall;
    int64_t left; /* spendable, 0 once it has expired; negative: a debt that nothing has repaid */
};

struct lots {
    struct lot *at; /* owned */
    size_t count, room;
};

struct lot *lots_add(struct lots *lots, const struct lot *lot); /* the copy; valid until the next is added */
void lots_release(struct lots *lots);
const char *lot_kind_name(enum lot_kind kind);
/* What makes a lot the only one of its kind. */
void lot_key(const struct lot *lot, char key[LOT_KEY_BYTES]);

/* What was spent of a lot in the end. */
typedef int64_t lot_spent_fn(const struct lot *lot, void *arg);

/*
 * Make what follows of all lots of one holder as of a moment; lots of rollover are added, what begins later is taken away. Afterwards they
 * are in the order in which they are burnt.
 */
void lots_settle(struct lots *lots, int64_t as_of, lot_spent_fn *spent, void *arg);
int64_t lots_balance(const struct lots *lots);

#endif
