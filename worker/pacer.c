#include "worker/pacer.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/budget.h"
#include "common/clock.h"

#define YIELD_MS 20 /* fresh turns look again whether those that have begun still wait */

struct pacer_ticket {
    struct group *group;
    TAILQ_ENTRY(pacer_ticket) link;
    int64_t since_mono_ms;
    bool begun;
    pacer_fn *done;
    void *arg;
};

TAILQ_HEAD(tickets, pacer_ticket);

/* What waits for one account, endpoint and lane. Lives until nothing waits and nothing is asked. */
struct group {
    struct pacer *pacer;
    struct group *next;
    char *account; /* owned */
    const char *endpoint;
    enum queue_lane lane;
    struct tickets begun, fresh; /* owned, oldest first */
    unsigned begun_count, fresh_count;
    bool asking;
    struct event *timer; /* owned; pending while we wait to ask again */
};

struct pacer {
    struct event_base *base;
    struct budget *budget;
    struct group *groups; /* owned */
};

static void group_ask(struct group *group);

static unsigned group_waiting(const struct group *group)
{
    return group->begun_count + group->fresh_count;
}

/* Unlinked, owned by the caller. */
static struct pacer_ticket *ticket_out(struct pacer_ticket *ticket)
{
    struct group *group = ticket->group;

    if (ticket->begun) {
        TAILQ_REMOVE(&group->begun, ticket, link);
        group->begun_count--;
    } else {
        TAILQ_REMOVE(&group->fresh, ticket, link);
        group->fresh_count--;
    }
    return ticket;
}

/* NULL if none waits. Unlinked, owned by the caller. */
static struct pacer_ticket *group_shift(struct group *group)
{
    struct pacer_ticket *ticket = TAILQ_FIRST(&group->begun);

    if (!ticket)
        ticket = TAILQ_FIRST(&group->fresh);
    /* The analyzer does not see through TAILQ_REMOVE: a ticket that was freed is in no list. */
    return ticket ? ticket_out(ticket) : 0; // NOLINT(clang-analyzer-unix.Malloc)
}

static void group_free(struct group *group)
{
    struct tickets *const lists[] = {&group->begun, &group->fresh};

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (struct pacer_ticket *ticket = TAILQ_FIRST(lists[i]), *next; ticket; ticket = next) {
            next = TAILQ_NEXT(ticket, link);
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

    if (group_waiting(group) || group->asking)
        return;
    while (*at != group)
        at = &(*at)->next;
    *at = group->next;
    group_free(group);
}

/* Only while asking: the group stays, whatever the callbacks do. */
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
    group_release(group, err, err == ERR_OK ? granted : group_waiting(group));
    group->asking = false;
    if (group_waiting(group) && wait_ms)
        group_wait(group, wait_ms);
    else if (group_waiting(group))
        group_ask(group);
    else
        group_settle(group);
}

/* How many tokens to ask for: fresh turns begin when no read of one that has begun waits for the same bucket. */
static unsigned group_wanted(const struct group *group)
{
    const struct group *other;
    bool begun = false;
    unsigned wanted;

    for (other = group->pacer->groups; other && !begun; other = other->next)
        begun = other->begun_count && other->lane == group->lane && !strcmp(other->account, group->account);
    wanted = begun ? group->begun_count : group->fresh_count;
    return wanted < BUDGET_TOKENS_MAX ? wanted : BUDGET_TOKENS_MAX;
}

static void group_ask(struct group *group)
{
    unsigned wanted = group_wanted(group);
    enum err err;

    if (group->asking || !group_waiting(group))
        return;
    if (!wanted) {
        group_wait(group, YIELD_MS);
        return;
    }
    group->asking = true;
    err = budget_acquire(group->pacer->budget, group->account, group->endpoint, group->lane, wanted,
                         on_granted, group, 0);
    if (err != ERR_OK) {
        group_release(group, err, group_waiting(group));
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
    TAILQ_INIT(&group->begun);
    TAILQ_INIT(&group->fresh);
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
                    bool begun, pacer_fn *done, void *arg, struct pacer_ticket **ret_ticket)
{
    struct group *group = group_find(pacer, account, endpoint, lane);
    struct pacer_ticket *ticket = group ? calloc(1, sizeof *ticket) : 0;

    if (!ticket) {
        if (group)
            group_settle(group);
        return ERR_NOMEM;
    }
    *ticket = (struct pacer_ticket){
        .group = group, .since_mono_ms = clock_mono_ms(), .begun = begun, .done = done, .arg = arg};
    if (begun) {
        TAILQ_INSERT_TAIL(&group->begun, ticket, link);
        group->begun_count++;
    } else {
        TAILQ_INSERT_TAIL(&group->fresh, ticket, link);
        group->fresh_count++;
    }
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
    struct group *group = ticket->group;

    free(ticket_out(ticket));
    group_settle(group);
}

static int64_t older(const struct tickets *tickets, int64_t than_mono_ms)
{
    const struct pacer_ticket *first = TAILQ_FIRST(tickets);

    return first && first->since_mono_ms < than_mono_ms ? first->since_mono_ms : than_mono_ms;
}

int64_t pacer_oldest_ms(const struct pacer *pacer, const char *account)
{
    int64_t now = clock_mono_ms(), oldest = now;

    for (const struct group *group = pacer->groups; group; group = group->next)
        if (!strcmp(group->account, account))
            oldest = older(&group->fresh, older(&group->begun, oldest));
    return now - oldest;
}
