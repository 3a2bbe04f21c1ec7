/*
 * One breaker for all of a worker's Stripe reads. Pure: the caller brings the time.
 *
 * Our key refused (401, 403) opens it at once; Stripe away (nothing but failures, CIRCUIT_FAILURES_MAX in a row)
 * opens it too. While it is open no turn is taken and customers' attempts are not counted. After a while one turn
 * may try; its first good answer closes the circuit, another failure opens it again.
 */
#ifndef INSTEP_WORKER_CIRCUIT_H
#define INSTEP_WORKER_CIRCUIT_H

#include <stdbool.h>
#include <stdint.h>

#define CIRCUIT_FAILURES_MAX 20
#define CIRCUIT_DENIED_MS    30000 /* between two tries after 401 or 403 */
#define CIRCUIT_AWAY_MS      2000  /* between two tries while Stripe is away */

struct circuit {
    int64_t closed_again_mono_ms; /* when the next try may be made; 0: closed */
    unsigned failures;            /* in a row */
};

enum circuit_state { CIRCUIT_CLOSED, CIRCUIT_OPEN, CIRCUIT_TRYING };
enum circuit_state circuit_state(const struct circuit *circuit, int64_t now_mono_ms);

/* Each says whether the circuit changed between closed and open by it. */
bool circuit_worked(struct circuit *circuit);
bool circuit_failed(struct circuit *circuit, int64_t now_mono_ms);
bool circuit_denied(struct circuit *circuit, int64_t now_mono_ms);

#endif
