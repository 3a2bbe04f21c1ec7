#include "ingest/event_routing.h"

#include <stdlib.h>
#include <string.h>

/*
 * Sorted by type, for bsearch. A type is here only if the general route below would be wrong or too poor for it:
 * most objects name their customer in `customer`, and those that name none are keyed by themselves.
 */
static const struct event_route routes[] = {
    {"coupon", {0}, NULL, NULL, true},
    {"customer", {"object.id"}, NULL, NULL, false},
    {"discount", {"object.customer"}, "subscription", "subscription", false},
    {"financial_connections.account", {"object.account_holder.customer"}, NULL, NULL, false},
    {"identity.verification_session",
     {"object.related_customer", "object.related_customer_account"},
     NULL,
     NULL,
     false},
    {"plan", {0}, NULL, NULL, true},
    {"price", {0}, NULL, NULL, true},
    {"product", {0}, NULL, NULL, true},
    {"sku", {0}, NULL, NULL, true},
    {"source_mandate_notification", {0}, "source", "source", false},
    {"source_transaction", {0}, "source", "source", false},
    {"tax_id", {"object.customer", "object.owner.customer", "object.customer_account"}, NULL, NULL, false},
};

/*
 * customer_account names the same payer when customer is null. previous_attributes.customer is where a detached
 * payment method or a removed source was; for other objects a customer does not change, so it is not there.
 */
static const struct event_route general = {
    NULL, {"object.customer", "object.customer_account", "previous_attributes.customer"}, NULL, NULL, false};

static int compare(const void *key, const void *route)
{
    return strcmp(key, ((const struct event_route *)route)->object_type);
}

const struct event_route *event_route_find(const char *object_type)
{
    const struct event_route *route =
        bsearch(object_type, routes, sizeof routes / sizeof routes[0], sizeof routes[0], compare);

    return route ? route : &general;
}
