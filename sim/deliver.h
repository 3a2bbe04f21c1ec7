/*
 * Webhook deliveries: at least once, signed per attempt with the real clock, repeated until a 2xx. Per endpoint a
 * few at a time; the knobs reorder, duplicate and drop.
 */
#ifndef INSTEP_SIM_DELIVER_H
#define INSTEP_SIM_DELIVER_H

#include "common/err.h"
#include "sim/sim.h"

struct deliver;
struct journal;
struct event_base;

struct deliver_stats {
    uint64_t
        pending; /* events × endpoints × forms not delivered yet, waiting retries included; duplicates too */
    uint64_t delivered;  /* answered with 2xx */
    uint64_t failed;     /* attempts that were not, dropped ones included */
    uint64_t dropped;    /* attempts lost on purpose */
    uint64_t duplicated; /* deliveries repeated on purpose */
    uint64_t given_up;   /* deliveries whose last retry failed, or whose endpoint is gone */
    uint64_t attempts;
    uint64_t wrong_mode_refused, wrong_mode_taken; /* attempts with events of the other mode */
    uint64_t disabled;                             /* endpoints given up */
};

/* Listens to the world's events from now on. base and sim are borrowed. */
enum err deliver_create(struct event_base *base, struct sim *sim, struct deliver **ret_deliver,
                        struct failure *fail);
void deliver_free(
    struct deliver *deliver); /* NULL is fine; before sim_free. What was pending stays undelivered */
/* Ends of deliveries are recorded there from now on; borrowed, must outlive deliver. */
void deliver_journal(struct deliver *deliver, struct journal *journal);
/*
 * For a replay: deliveries begun while held wait for deliver_settle (false: there is no such delivery), which ends them
 * as they ended before, or for deliver_release, which sends what is left. Second copies are not made again.
 */
void deliver_hold(struct deliver *deliver);
bool deliver_settle(struct deliver *deliver, struct sim_event *event, struct endpoint *endpoint, bool thin,
                    bool delivered);
void deliver_release(struct deliver *deliver);
/* Once more to everybody who wants it, as from the Dashboard: besides what is pending, and not put on record. */
void deliver_again(struct deliver *deliver, struct sim_event *event);
struct deliver_stats deliver_stats(const struct deliver *deliver);

#endif
