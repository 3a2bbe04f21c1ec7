/* Webhook endpoints and event destinations: what each wants to hear, how its deliveries are signed, when it is given up. */
#ifndef INSTEP_SIM_ENDPOINT_H
#define INSTEP_SIM_ENDPOINT_H

#include "sim/signature.h"
#include "sim/sim.h"

/* An endpoint wants an event in one form, in both, or not at all. */
struct forms {
    bool snapshot, thin;
};
struct forms endpoint_wants(const struct endpoint *endpoint, const struct sim_event *event,
                            enum payload knob);

/* The Stripe-Signature of a body at a moment (real unix seconds), by every secret not over then. */
void endpoint_sign(const struct endpoint *endpoint, int64_t at, const char *body, size_t len,
                   char out[SIGNATURE_BYTES]);

/* A new secret; those before it go on signing until the moment given. secret is kept, not copied. */
void endpoint_rotate(struct endpoint *endpoint, const char *secret, int64_t until);

/* An attempt failed: true if that was one too many (limit 0: never) and the endpoint is disabled now. */
bool endpoint_failed(struct endpoint *endpoint, unsigned limit);
void endpoint_enable(struct endpoint *endpoint, bool enabled);

/* What is posted to it; free(). */
char *endpoint_body(const struct endpoint *endpoint, const struct sim_event *event, bool thin);

#endif
