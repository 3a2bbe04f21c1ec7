/*
 * Subscription schedules: phases that follow each other, each with its items. A phase begins by changing the
 * subscription's items to its own, with prorations if it asks for them; after the last one the subscription is let go or
 * canceled.
 */
#ifndef INSTEP_SIM_SCHEDULE_H
#define INSTEP_SIM_SCHEDULE_H

#include "sim/billing.h"

/* A phase as asked for: it ends at `end`, or after some of the first item's intervals, or after a length of time. */
struct phase_order {
    struct schedule_phase phase; /* start 0: where the one before ends; end 0: see below */
    int64_t iterations;          /* 0: one */
    enum interval interval;      /* INTERVAL_NONE: the first item's */
    int64_t interval_count;
};

struct schedule_order {
    struct customer *customer;
    int64_t start; /* of the first phase; 0: now */
    struct phase_order phases[SCHEDULE_PHASES_MAX];
    unsigned phases_count;
    bool end_cancels;
    json_t *metadata; /* borrowed; NULL: none */
};

/* For a new subscription, which begins with the first phase: at once if its start is not in the future. */
bool schedule_create(struct sim *sim, const struct schedule_order *order, struct schedule **ret_schedule,
                     struct refusal *why);
/* For one that runs: one phase, its current period as it is. */
bool schedule_from(struct sim *sim, struct subscription *sub, struct schedule **ret_schedule,
                   struct refusal *why);
/* New phases from the current one on (the first of them replaces it, from where it began), and another end. */
bool schedule_update(struct sim *sim, struct schedule *schedule, const struct schedule_order *order,
                     struct refusal *why);
/* Let the subscription go on without it. */
bool schedule_release(struct sim *sim, struct schedule *schedule, struct refusal *why);
/* Cancel the subscription too. */
bool schedule_cancel(struct sim *sim, struct schedule *schedule, struct refusal *why);

/* Begin the phases whose time has come. */
void schedule_reach(struct sim *sim, struct schedule *schedule);
/* Its subscription was canceled by somebody else. */
void schedule_subscription_over(struct sim *sim, struct schedule *schedule);

due_fn due_phase_end, due_schedule_expiring;

#endif
