/* Stripe-Signature as Stripe makes it: `t=…,v1=…` per active secret, and a decoy v0. */
#ifndef INSTEP_SIM_SIGNATURE_H
#define INSTEP_SIM_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#define SIGNATURE_BYTES 480 /* holds the header value for four secrets */

/* at: unix seconds of the real clock. count 1..4. out gets the header's value, NUL-terminated. */
void signature_make(int64_t at, const char *body, size_t len, const char *const *secrets, unsigned count,
                    char out[SIGNATURE_BYTES]);

#endif
