/*
 * Stripe's identifiers, as far as we care what they look like: they become parts of queue keys, URLs and log lines.
 */
#ifndef INSTEP_COMMON_STRIPE_ID_H
#define INSTEP_COMMON_STRIPE_ID_H

#include <stdbool.h>

#define STRIPE_ID_BYTES_MAX 255
#define STRIPE_OWN_ACCOUNT  "self" /* the platform's own account, in keys and in the ledger */

/*
 * May it be part of a key and of a URL: 1..255 of A-Z a-z 0-9 _ - . with a letter or digit first. Everything that
 * Stripe makes up is; what people choose (coupons, products, plans) need not be.
 */
bool stripe_id_is_plain(const char *id);

/*
 * The name that keys and the ledger have for an account: "self" for the platform's own, which is "", "self" or
 * own_account; else account itself. own_account is INSTEP_ACCOUNT, "" if unset. Returns account or static text.
 */
const char *stripe_account_name(const char *account, const char *own_account);

#endif
