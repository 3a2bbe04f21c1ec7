/*
 * Is this body from Stripe? The Stripe-Signature header, read strictly and compared in constant time.
 *
 *     t=1792000000,v1=<64 hex digits>[,v1=<64 hex digits>][,v0=...]
 *
 * v1 is HMAC-SHA256 over the digits of t as sent, a point, and the raw body; the key is the whole endpoint secret as
 * text, `whsec_` included. Other schemes are ignored, so that nobody can talk us into a weaker one. A header that
 * Stripe would not send is refused: a second t, an item without `=`, more than 1 KiB, more than 8 v1. A v1 that is
 * not 64 hex digits counts as one that does not match. Source: docs/http-edge.md, "Signatures".
 */
#ifndef INSTEP_INGEST_STRIPE_SIGNATURE_H
#define INSTEP_INGEST_STRIPE_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define STRIPE_SIGNATURE_HEADER_BYTES_MAX 1024
#define STRIPE_SIGNATURES_MAX             8
#define STRIPE_SECRETS_MAX                8

struct stripe_secrets; /* the secrets in use, ready for signing */

/*
 * list is comma-separated, blanks around a secret do not count; copied, not kept. ERR_CONFIG: none, a blank one or
 * too many. An empty key would sign happily, and let anybody in.
 */
enum err stripe_secrets_create(const char *list, struct stripe_secrets **ret_secrets, struct failure *fail);
void stripe_secrets_free(struct stripe_secrets *secrets); /* NULL is fine */

/* X(verdict, name for metrics and logs) */
#define SIGNATURE_LIST(X)                                                                                    \
    X(SIGNATURE_OK, "ok")                                                                                    \
    X(SIGNATURE_MISSING, "signature_missing")     /* no header, or an empty one */                           \
    X(SIGNATURE_MALFORMED, "signature_malformed") /* cannot be read */                                       \
    X(SIGNATURE_NO_V1, "signature_no_v1")         /* readable, but nothing of the scheme we trust */         \
    X(SIGNATURE_MISMATCH, "signature_mismatch")   /* no v1 fits any secret: not Stripe, or a wrong secret */ \
    X(SIGNATURE_TOO_OLD, "signature_too_old") /* genuine, but made too long ago: a replay, or our clock */   \
    X(SIGNATURE_IN_FUTURE, "signature_in_future") /* genuine, but made too far ahead: our clock */           \
    X(SIGNATURE_FAILED, "signature_failed")       /* we could not compute it (memory) */

enum signature_verdict {
#define X(code, name) code,
    SIGNATURE_LIST(X)
#undef X
        SIGNATURE_COUNT
};

const char *signature_verdict_name(enum signature_verdict verdict); /* static text */

/*
 * header      the only Stripe-Signature header, NULL if there is none.
 * body        raw bytes as received.
 * now_s       unix seconds.
 * tolerance_s how far t may be from now_s, either way; 0 does not check (tests only).
 * ret_age_s   now_s - t, may be NULL; set for SIGNATURE_OK, _TOO_OLD and _IN_FUTURE only, cut to int64_t.
 */
enum signature_verdict stripe_signature_verify(struct stripe_secrets *secrets, const char *header,
                                               const void *body, size_t body_len, int64_t now_s,
                                               int64_t tolerance_s, int64_t *ret_age_s);

#endif
