#include "common/lookup.h"

#include <event2/event.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"

/*
 * getaddrinfo_a() can tell us by a signal or a thread that it is done; both would need care everywhere else.
 * Looking every few milliseconds, only while a lookup is under way, needs none.
 */
#define LOOK_EVERY_MS 5

struct lookup {
    struct gaicb request; /* the resolver's thread writes here until it is done */
    struct addrinfo hints;
    char host[256];
    char port[8];
    struct event *timer; /* owned */
    lookup_done_fn *done;
    void *arg;
};

static void lookup_free(struct lookup *lookup)
{
    if (lookup->request.ar_result)
        freeaddrinfo(lookup->request.ar_result);
    if (lookup->timer)
        event_free(lookup->timer);
    free(lookup);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct lookup *lookup = arg;
    struct timeval again = clock_timeval(LOOK_EVERY_MS);
    int status = gai_error(&lookup->request);
    struct failure fail;

    (void)fd, (void)what;
    if (status == EAI_INPROGRESS && !event_add(lookup->timer, &again))
        return;
    if (!status) {
        lookup->done(ERR_OK, lookup->request.ar_result, NULL, lookup->arg);
        lookup_free(lookup);
        return;
    }
    (void)failf(&fail, ERR_UNAVAILABLE, "%s: %s", lookup->host, gai_strerror(status));
    lookup->done(ERR_UNAVAILABLE, NULL, &fail, lookup->arg);
    lookup_cancel(lookup);
}

enum err lookup_start(struct event_base *base, const char *host, uint16_t port, lookup_done_fn *done,
                      void *arg, struct lookup **ret_lookup, struct failure *fail)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    struct timeval soon = clock_timeval(0);
    struct gaicb *list[1];
    int status;

    if (!lookup)
        return failf(fail, ERR_NOMEM, "lookup of a host name");
    lookup->done = done;
    lookup->arg = arg;
    lookup->hints =
        (struct addrinfo){.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    (void)snprintf(lookup->host, sizeof lookup->host, "%s", host);
    (void)snprintf(lookup->port, sizeof lookup->port, "%u", port);
    lookup->request =
        (struct gaicb){.ar_name = lookup->host, .ar_service = lookup->port, .ar_request = &lookup->hints};
    lookup->timer = evtimer_new(base, on_timer, lookup);
    if (!lookup->timer || event_add(lookup->timer, &soon)) {
        lookup_free(lookup);
        return failf(fail, ERR_NOMEM, "lookup of a host name");
    }
    list[0] = &lookup->request;
    status = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
    if (status) {
        lookup_free(lookup);
        return failf(fail, ERR_SYSTEM, "cannot start a lookup: %s", gai_strerror(status));
    }
    *ret_lookup = lookup;
    return ERR_OK;
}

void lookup_cancel(struct lookup *lookup)
{
    if (!lookup)
        return;
    event_free(lookup->timer);
    lookup->timer = NULL;
    /* A lookup that cannot be stopped is left to its thread, which still writes into it. */
    if (gai_cancel(&lookup->request) != EAI_NOTCANCELED)
        lookup_free(lookup);
}
