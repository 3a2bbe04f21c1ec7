/*
 * Compare the ledger with the truth, both in the shape of `GET /sim/truth` (docs/simulator.md): pure, so that a
 * difference is found by a test and not by trust.
 *
 * Things are matched by their id (or source), whatever order they come in. Every field of the truth must be in the
 * ledger and equal; fields that only the ledger has are left alone. Customers with neither subscription nor sale nor
 * user count as absent, on both sides. paid_at of a one-time sale is not compared.
 */
#ifndef INSTEP_CLI_TRUTH_H
#define INSTEP_CLI_TRUTH_H

#include <jansson.h>
#include <stddef.h>

/*
 * One difference: where ("customers[cus_1].subscriptions[sub_1].status"), and both values as short texts. All are
 * borrowed for the call.
 */
typedef void truth_difference_fn(const char *where, const char *truth, const char *ledger, void *arg);

struct truth_summary {
    size_t customers; /* compared, of the truth */
    size_t subscriptions;
    size_t sales;
    size_t differences;
};

/* Both are borrowed. report is called once per difference, in an order that is the same every time. */
struct truth_summary truth_compare(const json_t *truth, const json_t *ledger, truth_difference_fn *report,
                                   void *arg);

#endif
