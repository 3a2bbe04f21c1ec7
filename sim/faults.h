/*
 * How the API misbehaves: limits it keeps, shares of requests that meet a fault (knobs), and faults ordered beforehand. Pure
 * of sockets: serve.c asks what shall happen and does it.
 */
#ifndef INSTEP_SIM_FAULTS_H
#define INSTEP_SIM_FAULTS_H

#include <jansson.h>

#include "common/err.h"
#include "sim/sim.h"

/* X(enumerator, name in POST /sim/faults and in the count of answers) */
#define FAULTS(X)                                                                                            \
    X(FAULT_NONE, "none")                                                                                    \
    X(FAULT_429, "429")                                                                                      \
    X(FAULT_LOCK, "lock_timeout")                                                                            \
    X(FAULT_500, "500")                                                                                      \
    X(FAULT_HTML, "html")                                                                                    \
    X(FAULT_503, "503")                                                                                      \
    X(FAULT_STALLED, "stalled")                                                                              \
    X(FAULT_TRUNCATED, "truncated")                                                                          \
    X(FAULT_GARBLED, "garbled")                                                                              \
    X(FAULT_CUT_BEFORE, "disconnect")                                                                        \
    X(FAULT_CUT_AMID, "disconnect_amid")
enum fault_kind {
#define X(kind, name) kind,
    FAULTS(X)
#undef X
        FAULT_COUNT
};
enum should_retry { SHOULD_RETRY_UNSAID, SHOULD_RETRY_TRUE, SHOULD_RETRY_FALSE };

struct fault {
    enum fault_kind kind;
    enum reason_429 reason;         /* of FAULT_429 */
    enum should_retry should_retry; /* of FAULT_500 */
};

/* A request, as limits see it. All borrowed for the call. */
struct faults_request {
    const char *account, *endpoint; /* "GET /v1/customers/{id}" */
    const char *object;             /* id a write is about; NULL: none, or a read */
    unsigned at_once;               /* requests of the account under way, this one not counted */
    unsigned endpoint_at_once;      /* of them to the same endpoint */
    int64_t now_mono_ms;
};

struct faults;

struct faults *faults_create(struct sim *sim); /* knobs and chance are the platform's; borrowed */
void faults_free(struct faults *faults);       /* NULL is fine */

/* Is it over a limit of requests at once? Asked when the request comes, the rest when its latency is over. */
struct fault faults_on_entry(struct faults *faults, const struct faults_request *request);
struct fault faults_draw(struct faults *faults, const struct faults_request *request);

/*
 * Order faults: {"fault": "500", "times": 1, "endpoint": "GET /v1/customers/{id}", "reason": …, "should_retry": bool}.
 * They come first, in the order of ordering. {"fault": "none"} forgets what was ordered. ERR_INVALID: nothing is ordered.
 */
enum err faults_order(struct faults *faults, json_t *json, struct failure *fail);

const char *fault_name(enum fault_kind kind); /* "fault 429": static */

#endif
