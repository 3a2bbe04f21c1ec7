// rooms: ingest
/* Event bodies: whatever is taken has a key that no stream, URL or log line could misunderstand. */
#include "ingest/event_envelope.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/stripe_id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool plain_or_empty(const char *id)
{
    return !*id || stripe_id_is_plain(id);
}

static void check(const struct event_envelope *event)
{
    const struct envelope *e = &event->envelope;
    const char *colon = strchr(event->key, ':');

    require(colon && colon > event->key && stripe_id_is_plain(colon + 1) &&
            strlen(event->key) <= QUEUE_KEY_BYTES_MAX);
    require(stripe_id_is_plain(e->event_id) && plain_or_empty(e->object_id) && plain_or_empty(e->customer) &&
            plain_or_empty(e->account) && strcmp(e->account, "acct_own") != 0 &&
            plain_or_empty(e->snapshot_event));
    require(event->thin || (!*e->context && !*e->snapshot_event));
    for (const char *p = e->context; *p; p++) /* goes into a header */
        require(*p > ' ' && *p <= '~');
    if (*e->context) /* asks about the account whose key the event has, and no other */
        require(strstr(e->context, *e->account ? e->account : "acct_own"));
    require(*e->type && e->created >= 0);
    for (const char *p = e->api_version; *p; p++)
        require(*p >= ' ' && *p <= '~');
    if (*e->customer)
        require(!strcmp(colon + 1, e->customer));
    require(*e->account ? !strncmp(event->key, e->account, strlen(e->account))
                        : !strncmp(event->key, "self:", 5));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event_envelope event;
    char *body = malloc(size ? size : 1);

    if (!body)
        return 0;
    if (size)
        memcpy(body, data, size);
    if (event_envelope_parse(body, size, "acct_own", &event, NULL) == ERR_OK)
        check(&event);
    free(body);
    return 0;
}
