#include "worker/pacer.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/budget.h"
#include "common/clock.h"

struct pacer_ticket {
    struct group *group;
    struct pacer_ticket *next;
    pacer_fn *done; /* NULL: cancelled */
    void *arg;
};

/* What waits for one account, endpoint and lane. Lives until nothing waits and nothing is asked. */
struct group {
    struct pacer *pacer;
    struct group *next;
    char *account; /* owned */
    const char *endpoint;
    enum queue_lane lane;
    struct pacer_ticket *first, **last; /* owned, oldest first */
    unsigned waiting;                   /* cancelled ones included */
    bool asking;
    struct event *timer; /* owned; pending while we wait to ask again */
};

struct pacer {
    struct event_base *base;
    struct budget *budget;
    struct group *groups; /* owned */
};

static void group_ask(struct group *group);

static void group_free(struct group *group)
{
    struct pacer_ticket *ticket;

    while ((ticket = group->first) != 0) {
        group->first = ticket->next;
        free(ticket);
    }
    if (group->timer)
        event_free(group->timer);
    free(group->account);
    free(group);
}

/* Forget the group if it has nothing to do. */
static void group_settle(struct group *group)
{
    struct group **at = &group->pacer->groups;

    if (group->waiting || group->asking)
        return;
    while (*at != group)
        at = &(*at)->next;
    *at = group->next;
    group_free(group);
}

/* The oldest ticket that still matters; NULL if there is none. Unlinked, owned by the caller. */
static struct pacer_ticket *group_shift(struct group *group)
{
    struct pacer_ticket *ticket;

    while ((ticket = group->first) != 0) {
        group->first = ticket->next;
        if (!group->first)
            group->last = &group->first;
        group->waiting--;
        if (ticket->done)
            return ticket;
        free(ticket);
    }
    return 0;
}

static void group_release(struct group *group, enum err err, unsigned count)
{
    struct pacer_ticket *ticket;

    while (count-- > 0 && (ticket = group_shift(group)) != 0) {
        ticket->done(err, ticket->arg);
        free(ticket);
    }
}

static void group_wait(struct group *group, unsigned wait_ms)
{
    struct timeval tv = clock_timeval(wait_ms + (unsigned)random() % (wait_ms / 4 + 1));

    (void)evtimer_add(group->timer, &tv);
}

static void on_granted(enum err err, unsigned granted, unsigned wait_ms, const struct failure *fail,
                       void *arg)
{
    struct group *group = arg;

    (void)fail;
    group_release(group, err, err == ERR_OK ? granted : group->waiting); /* asking: the group stays */
    group->asking = false;
    if (group->waiting && wait_ms)
        group_wait(group, wait_ms);
    else if (group->waiting)
        group_ask(group);
    else
        group_settle(group);
}

static void group_ask(struct group *group)
{
    unsigned wanted = group->waiting < BUDGET_TOKENS_MAX ? group->waiting : BUDGET_TOKENS_MAX;
    enum err err;

    if (group->asking || !wanted)
        return;
    group->asking = true;
    err = budget_acquire(group->pacer->budget, group->account, group->endpoint, group->lane, wanted,
                         on_granted, group, 0);
    if (err != ERR_OK) {
        group_release(group, err, group->waiting);
        group->asking = false;
        group_settle(group);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    group_ask(arg);
}

static struct group *group_find(struct pacer *pacer, const char *account, const char *endpoint,
                                enum queue_lane lane)
{
    struct group *group;

    for (group = pacer->groups; group; group = group->next)
        if (group->lane == lane && !strcmp(group->endpoint, endpoint) && !strcmp(group->account, account))
            return group;
    group = calloc(1, sizeof *group);
    if (!group)
        return 0;
    *group = (struct group){.pacer = pacer, .endpoint = endpoint, .lane = lane};
    group->last = &group->first;
    group->account = strdup(account);
    group->timer = evtimer_new(pacer->base, on_timer, group);
    if (!group->account || !group->timer) {
        group_free(group);
        return 0;
    }
    group->next = pacer->groups;
    pacer->groups = group;
    return group;
}

enum err pacer_create(struct event_base *base, struct budget *budget, struct pacer **ret_pacer)
{
    struct pacer *pacer = calloc(1, sizeof *pacer);

    if (!pacer)
        return ERR_NOMEM;
    pacer->base = base;
    pacer->budget = budget;
    *ret_pacer = pacer;
    return ERR_OK;
}

void pacer_free(struct pacer *pacer)
{
    struct group *group;

    if (!pacer)
        return;
    while ((group = pacer->groups) != 0) {
        pacer->groups = group->next;
        group_free(group);
    }
    free(pacer);
}

enum err pacer_wait(struct pacer *pacer, const char *account, const char *endpoint, enum queue_lane lane,
                    pacer_fn *done, void *arg, struct pacer_ticket **ret_ticket)
{
    struct group *group = group_find(pacer, account, endpoint, lane);
    struct pacer_ticket *ticket = group ? calloc(1, sizeof *ticket) : 0;

    if (!ticket) {
        if (group)
            group_settle(group);
        return ERR_NOMEM;
    }
    *ticket = (struct pacer_ticket){.group = group, .done = done, .arg = arg};
    *group->last = ticket;
    group->last = &ticket->next;
    group->waiting++;
    /* Ask once the loop has run what else is due: others may join. */
    if (!group->asking && !evtimer_pending(group->timer, 0)) {
        struct timeval soon = {0, 0};
        (void)evtimer_add(group->timer, &soon);
    }
    *ret_ticket = ticket;
    return ERR_OK;
}

void pacer_cancel(struct pacer_ticket *ticket)
{
    ticket->done = 0; /* freed when its turn comes */
}
