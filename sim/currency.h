/*
 * Currencies as Stripe's amounts know them: which exist, which amounts they take, and what they settle in. Amounts are
 * in the smallest unit the API uses.
 */
#ifndef INSTEP_SIM_CURRENCY_H
#define INSTEP_SIM_CURRENCY_H

#include <stdbool.h>
#include <stdint.h>

#define AMOUNT_MAX INT64_C(99999999) /* of one payment: eight digits */

bool currency_is_known(const char *currency); /* lower case, "usd" */

/*
 * What an amount must be a multiple of: 10 for three-decimal currencies (their last digit is 0), 100 for isk and ugx (two
 * decimals that are always 00), else 1.
 */
int64_t currency_step(const char *currency);

/* The currency the account is paid in when it takes this one: usd and eur stay, all others become usd. Static. */
const char *currency_settlement(const char *currency);
/*
 * The amount in the settlement currency, rounded half away from zero. ret_rate: the rate as a decimal text, static; NULL if
 * nothing is converted.
 */
int64_t currency_settle(int64_t amount, const char *currency, const char **ret_rate);

#endif
