/* What many requests take, refused as Stripe refuses it: times to come, quantities, prices. */
#ifndef INSTEP_SIM_VALUES_H
#define INSTEP_SIM_VALUES_H

#include "sim/call.h"

#define TRIAL_DAYS_MAX 730
#define YEARS(n)       ((n)*INT64_C(366) * DAY)

/*
 * The time to come that a parameter of `params` names, at most `ahead` seconds away. Absent, empty or equal to `word` (NULL:
 * none): *ret_at stays. `shown` is its name in a refusal.
 */
bool time_param(struct call *call, json_t *params, const char *path, const char *shown, const char *word,
                int64_t ahead, int64_t *ret_at);

/* `quantity` of an entry, at least `lowest`. Absent: *ret_quantity stays. */
bool quantity_param(struct call *call, json_t *entry, const char *shown, int64_t lowest,
                    int64_t *ret_quantity);

/* So many of a price are no more money than one payment can be. */
bool quantity_is_payable(struct call *call, const struct price *price, int64_t quantity, const char *shown);

/* `currency` in lower case and the `unit_amount` in it, of a price to be made. */
bool price_amount_param(struct call *call, json_t *params, char currency[4], int64_t *ret_amount);

/* Take over a text parameter; an empty one clears, an absent one leaves *field. */
void call_text(struct call *call, const char *param, const char **field);
/* Merge `metadata`, if it is there. False after a refusal. */
bool call_metadata(struct call *call, struct object *o);

/* Is it to be listed? Who lives on a test clock is only if `test_clock` names that, who does not only if nothing is named. */
bool call_on_clock(struct call *call, const struct customer *c);

#endif
