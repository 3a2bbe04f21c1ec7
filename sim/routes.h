/*
 * What can be asked: every endpoint with its handler, the parameters it takes and what it gives back; which properties
 * can be expanded. Tables, so that a reader finds in one place what is accepted. What is Stripe's
 * but not simulated is refused like what does not exist, because ignoring it would answer another question.
 */
#ifndef INSTEP_SIM_ROUTES_H
#define INSTEP_SIM_ROUTES_H

#include "sim/call.h"

struct route {
    const char *name; /* method, blank, path with {id} in place of an id */
    call_fn *handler;
    const char *
        gives; /* node of the expandable properties: "customer", "[customer]" is a list; NULL: expand is unknown */
    const char *params; /* patterns, blank-separated: a, a[b], a[] for any index, a[*] for any one key */
};

/* NULL: no such endpoint. The {id} part of the path is copied to id, "" if there is none. */
const struct route *route_find(const char *method, const char *path, char *id, size_t size);

/* Each refuses into *why, with Stripe's words, what the route does not take. params is borrowed. */
bool params_are_known(const struct route *route, json_t *params, struct refusal *why);
bool expand_is_known(const struct route *route, const char *version, json_t *params, struct refusal *why);

#endif
