/*
 * Reads from Stripe: one GET, one verdict. Retrying, pacing and what to read are the caller's.
 *
 * The version is pinned on every request, so one shape arrives whatever version a webhook had. A verdict is
 * STRIPE_FOUND only for a complete 200 whose body is one JSON object; nothing partial ever gets out of here.
 * Rules: docs/turn.md, "What Stripe's answers mean".
 */
#ifndef INSTEP_COMMON_STRIPE_CLIENT_H
#define INSTEP_COMMON_STRIPE_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct event_base;
struct http_answer;
struct stripe_client;
struct stripe_call; /* one read under way; owned by the client */

/* X(verdict, label) */
#define STRIPE_VERDICT_LIST(X)                                                                               \
    X(STRIPE_FOUND, "found")         /* 200 and a body that can be read */                                   \
    X(STRIPE_MISSING, "missing")     /* 404 resource_missing: there is no such object */                     \
    X(STRIPE_DENIED, "denied")       /* 401: our key; nothing will work until somebody acts */               \
    X(STRIPE_FORBIDDEN, "forbidden") /* 403: our key may not read this */                                    \
    X(STRIPE_LIMITED, "limited")     /* 429 of a limiter: all of us are too fast */                          \
    X(STRIPE_LOCKED, "locked")       /* 429 of a lock, 409: this object is busy */                           \
    X(STRIPE_TROUBLE, "trouble")     /* 5xx, 424, a broken or late answer: try again */                      \
    X(STRIPE_GARBLED, "garbled")     /* a complete 200 whose body cannot be read: this object's trouble */   \
    X(STRIPE_REFUSED, "refused")     /* any other answer: asking again will not help */
enum stripe_verdict {
#define X(verdict, label) verdict,
    STRIPE_VERDICT_LIST(X)
#undef X
        STRIPE_VERDICTS
};
const char *stripe_verdict_name(enum stripe_verdict verdict);

struct stripe_answer {
    enum stripe_verdict verdict;
    json_t *body;            /* STRIPE_FOUND only; borrowed: json_incref to keep */
    size_t body_bytes;       /* of its text */
    long status;             /* HTTP; 0 if none came */
    char text[200];          /* what to log: type, code and param, never a message or a body */
    char request_id[64];     /* "" if absent */
    char limited_reason[32]; /* Stripe-Rate-Limited-Reason; "" if absent */
    int64_t retry_after_ms;  /* -1 if absent */
    int should_retry;        /* Stripe-Should-Retry: 1 true, 0 false, -1 absent */
    int64_t elapsed_ms;
};

/* Exactly once per accepted read, from the loop, never before stripe_client_get returns. */
typedef void stripe_answer_fn(const struct stripe_answer *answer, void *arg);

struct stripe_client_options {
    const char *base_url;     /* "https://api.stripe.com"; copied */
    const char *api_key;      /* copied, wiped at the end */
    const char *api_version;  /* copied */
    unsigned connections_max; /* default 16 */
    unsigned timeout_ms;      /* of one read. Default 15,000 */
    size_t answer_bytes_max;  /* default 16 MiB */
};
struct stripe_client_options stripe_client_options_default(void);

/* ERR_CONFIG: the base is not http:// or https://, or the key holds characters a header cannot. */
enum err stripe_client_create(struct event_base *base, const struct stripe_client_options *options,
                              struct stripe_client **ret_client, struct failure *fail);
/* Open reads end with STRIPE_TROUBLE before this returns. NULL is fine. */
void stripe_client_free(struct stripe_client *client);

/*
 * path is "/v1/..." with its query, already encoded (struct stripe_path). account "self" or "acct_..."; context, if
 * not "", the way to it as an event told it ("org_1/acct_1"), which is then sent in its place. timeout_ms bounds this read, at most the client's own. ERR_LIMIT, ERR_NOMEM, ERR_INVALID: nothing was started.
 */
enum err stripe_client_get(struct stripe_client *client, const char *path, const char *account,
                           const char *context, unsigned timeout_ms, stripe_answer_fn *done, void *arg,
                           struct stripe_call **ret_call, struct failure *fail);
void stripe_call_cancel(struct stripe_call *call); /* its callback never runs; only before it has */

/* A path with a query, percent-encoded. */
#define STRIPE_PATH_BYTES_MAX 2048
struct stripe_path {
    char text[STRIPE_PATH_BYTES_MAX];
    size_t len;
    bool overflow; /* something did not fit: do not use it */
};
void stripe_path_start(struct stripe_path *path, const char *fixed); /* "/v1/invoices" */
void stripe_path_segment(struct stripe_path *path, const char *id);  /* "/" and the id, encoded */
void stripe_path_param(struct stripe_path *path, const char *name,
                       const char *value); /* name may hold [ and ] */

/* Pure: what an HTTP answer means. ret->body is owned by the caller (NULL unless FOUND). For the client and tests. */
void stripe_answer_read(const struct http_answer *http,
                        const char *(*header)(const struct http_answer *, const char *),
                        struct stripe_answer *ret);

#define STRIPE_JSON_DEPTH_MAX 64
/*
 * Parse one JSON object: duplicate keys and nesting beyond STRIPE_JSON_DEPTH_MAX are refused, U+0000 inside
 * strings becomes U+FFFD (Postgres cannot hold it). *ret_root is owned by the caller.
 */
enum err stripe_json_parse(const char *text, size_t len, json_t **ret_root, struct failure *fail);

#endif
