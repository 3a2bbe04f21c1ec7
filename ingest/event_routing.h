/* Where an event of Stripe's names its customer, by the type of its object. Source: docs/http-edge.md, "Routing". */
#ifndef INSTEP_INGEST_EVENT_ROUTING_H
#define INSTEP_INGEST_EVENT_ROUTING_H

#include <stdbool.h>

#define EVENT_ROUTE_PATHS_MAX 4

/*
 * Every value of an event that is looked at: X(name, parent, key). A value that may be an id or an expanded
 * object is followed by the id in that object.
 */
#define EVENT_VALUE_LIST(X)                                                                                  \
    X(EV_ID, EV_ROOT, "id")                                                                                  \
    X(EV_FORM, EV_ROOT, "object")                                                                            \
    X(EV_TYPE, EV_ROOT, "type")                                                                              \
    X(EV_CREATED, EV_ROOT, "created")                                                                        \
    X(EV_LIVEMODE, EV_ROOT, "livemode")                                                                      \
    X(EV_API_VERSION, EV_ROOT, "api_version")                                                                \
    X(EV_ACCOUNT, EV_ROOT, "account")                                                                        \
    X(EV_CONTEXT, EV_ROOT, "context")                                                                        \
    X(EV_SNAPSHOT, EV_ROOT, "snapshot_event")                                                                \
    X(EV_DATA, EV_ROOT, "data")                                                                              \
    X(EV_OBJECT, EV_DATA, "object")                                                                          \
    X(EV_DATA_CUSTOMER, EV_DATA, "customer")                                                                 \
    X(EV_DATA_CUSTOMER_IN, EV_DATA_CUSTOMER, "id")                                                           \
    X(EV_OBJECT_ID, EV_OBJECT, "id")                                                                         \
    X(EV_OBJECT_TYPE, EV_OBJECT, "object")                                                                   \
    X(EV_CUSTOMER, EV_OBJECT, "customer")                                                                    \
    X(EV_CUSTOMER_IN, EV_CUSTOMER, "id")                                                                     \
    X(EV_CUSTOMER_ACCOUNT, EV_OBJECT, "customer_account")                                                    \
    X(EV_CUSTOMER_ACCOUNT_IN, EV_CUSTOMER_ACCOUNT, "id")                                                     \
    X(EV_OWNER, EV_OBJECT, "owner")                                                                          \
    X(EV_OWNER_CUSTOMER, EV_OWNER, "customer")                                                               \
    X(EV_OWNER_CUSTOMER_IN, EV_OWNER_CUSTOMER, "id")                                                         \
    X(EV_HOLDER, EV_OBJECT, "account_holder")                                                                \
    X(EV_HOLDER_CUSTOMER, EV_HOLDER, "customer")                                                             \
    X(EV_HOLDER_CUSTOMER_IN, EV_HOLDER_CUSTOMER, "id")                                                       \
    X(EV_RELATED_CUSTOMER, EV_OBJECT, "related_customer")                                                    \
    X(EV_RELATED_CUSTOMER_IN, EV_RELATED_CUSTOMER, "id")                                                     \
    X(EV_RELATED_ACCOUNT, EV_OBJECT, "related_customer_account")                                             \
    X(EV_RELATED_ACCOUNT_IN, EV_RELATED_ACCOUNT, "id")                                                       \
    X(EV_SUBSCRIPTION, EV_OBJECT, "subscription")                                                            \
    X(EV_SUBSCRIPTION_IN, EV_SUBSCRIPTION, "id")                                                             \
    X(EV_SOURCE, EV_OBJECT, "source")                                                                        \
    X(EV_SOURCE_IN, EV_SOURCE, "id")                                                                         \
    X(EV_FEE, EV_OBJECT, "fee")                                                                              \
    X(EV_FEE_IN, EV_FEE, "id")                                                                               \
    X(EV_PREVIOUS, EV_DATA, "previous_attributes")                                                           \
    X(EV_PREVIOUS_CUSTOMER, EV_PREVIOUS, "customer")                                                         \
    X(EV_PREVIOUS_CUSTOMER_IN, EV_PREVIOUS_CUSTOMER, "id")                                                   \
    X(EV_RELATED, EV_ROOT, "related_object")                                                                 \
    X(EV_RELATED_ID, EV_RELATED, "id")                                                                       \
    X(EV_RELATED_TYPE, EV_RELATED, "type")                                                                   \
    X(EV_RELATED_URL, EV_RELATED, "url")

enum event_value {
    EV_ROOT = -1,
#define X(name, parent, key) name,
    EVENT_VALUE_LIST(X)
#undef X
        EV_COUNT
};

struct event_route {
    const char *object_type; /* data.object.object */
    /* Tried in turn; each may be null, an id, or an expanded object with an id. EV_ID, which is none, ends. */
    enum event_value customer[EVENT_ROUTE_PATHS_MAX];
    /* No customer: the value whose object stands for this one, which cannot be read by itself; EV_ID for none. */
    enum event_value instead;
    const char *instead_type;
    bool own_ids; /* ids of this type are chosen by people and may hold anything */
};

/* The route of a type; a general one for types that are not in the table. Never NULL. Static. */
const struct event_route *event_route_find(const char *object_type);

#endif
