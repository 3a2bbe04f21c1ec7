#include "ingest/event_routing.h"

#include <stdlib.h>
#include <string.h>

/*
 * Sorted by type, for bsearch. A type is here only if the general route below would be wrong or too poor for it:
 * most objects name their customer in `customer`, and those that name none are keyed by themselves.
 */
static const struct event_route routes[] = {
    {"coupon", {0}, EV_ID, NULL, true},
    {"customer", {EV_OBJECT_ID}, EV_ID, NULL, false},
    {"discount", {EV_CUSTOMER}, EV_SUBSCRIPTION, "subscription", false},
    {"fee_refund", {0}, EV_FEE, "application_fee", false},
    {"financial_connections.account", {EV_HOLDER_CUSTOMER}, EV_ID, NULL, false},
    {"identity.verification_session", {EV_RELATED_CUSTOMER, EV_RELATED_ACCOUNT}, EV_ID, NULL, false},
    {"plan", {0}, EV_ID, NULL, true},
    {"price", {0}, EV_ID, NULL, true},
    {"product", {0}, EV_ID, NULL, true},
    {"sku", {0}, EV_ID, NULL, true},
    {"source_mandate_notification", {0}, EV_SOURCE, "source", false},
    {"source_transaction", {0}, EV_SOURCE, "source", false},
    {"tax_id", {EV_CUSTOMER, EV_OWNER_CUSTOMER, EV_CUSTOMER_ACCOUNT}, EV_ID, NULL, false},
};

/*
 * customer_account names the same payer when customer is null. previous_attributes.customer is where a detached
 * payment method or a removed source was; for other objects a customer does not change, so it is not there.
 */
static const struct event_route general = {
    NULL, {EV_CUSTOMER, EV_CUSTOMER_ACCOUNT, EV_PREVIOUS_CUSTOMER}, EV_ID, NULL, false};

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
