/* Where an event of Stripe's names its customer, by the type of its object. Source: docs/http-edge.md, "Routing". */
#ifndef INSTEP_INGEST_EVENT_ROUTING_H
#define INSTEP_INGEST_EVENT_ROUTING_H

#include <stdbool.h>

#define EVENT_ROUTE_PATHS_MAX 4

struct event_route {
    const char *object_type; /* data.object.object */
    /* Paths in `data`, tried in turn; each may be null, an id, or an expanded object with an id. NULL ends. */
    const char *customer[EVENT_ROUTE_PATHS_MAX];
    /* No customer: the field whose object stands for this one, which cannot be read by itself; NULL for none. */
    const char *instead;
    const char *instead_type;
    bool own_ids; /* ids of this type are chosen by people and may hold anything */
};

/* The route of a type; a general one for types that are not in the table. Never NULL. Static. */
const struct event_route *event_route_find(const char *object_type);

#endif
