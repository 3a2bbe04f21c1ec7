/*
 * Compare the ledger with the truth, both in the shape of `GET /sim/truth` (docs/simulator.md): pure, so that a
 * difference is found by a test and not by trust.
 *
 * Things are matched by their id (or source), whatever order they come in. Both must have the same fields with equal
 * values. A customer that only one side has is no difference if it has neither subscription nor sale nor user; one that
 * both have is compared. paid_at of a one-time sale is not compared.
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
    size_t customers; /* compared: of the truth, but for blank ones that the ledger has not */
    size_t subscriptions;
    size_t sales;
    size_t differences;
};

/* Both are borrowed. report is called once per difference, in an order that is the same every time. */
struct truth_summary truth_compare(const json_t *truth, const json_t *ledger, truth_difference_fn *report,
                                   void *arg);

#endif
