/*
 * What one answer of Stripe's says to everybody: metrics and the log, the circuit breakers, the shared budget.
 *
 * What it says about its own turn is the fetch's business (worker/fetch.h).
 */
#ifndef INSTEP_WORKER_ANSWER_H
#define INSTEP_WORKER_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

struct env;
struct stripe_answer;

struct answer_about { /* strings borrowed for the call */
    struct env *env;
    const char *account;
    uint64_t subject;     /* names the customer to the circuits; not 0 */
    const char *endpoint; /* "GET /v1/invoices" */
    const char *id;       /* of what was read */
    unsigned tries;       /* of this read, this one included */
    bool misshapen;       /* a 200 that makes no sense: says nothing of anybody else's reads */
};

void answer_tell(const struct answer_about *about, const struct stripe_answer *answer);

#endif
