/*
 * Stripe's API versions, "2026-10-28.endive": a date, and the train that it belongs to. Two trains a year may break
 * shapes; the versions of one train only add. Pure.
 */
#ifndef INSTEP_COMMON_STRIPE_VERSION_H
#define INSTEP_COMMON_STRIPE_VERSION_H

#include "common/err.h"

/* A version as a number that can be compared: its date, 20261028 for 2026-10-28.endive. */
#define STRIPE_VERSION_OLDEST 20241028 /* acacia: the oldest whose shapes are read */
#define STRIPE_VERSION_BASIL  20250331 /* an invoice's money moved to its payments */

/*
 * A version that Instep can pin its reads to: from 2024-10-28.acacia on, of the train that its date belongs to. One
 * newer than the newest known train may have any name. ERR_CONFIG, and fail says what is wrong with it.
 */
enum err stripe_version_parse(const char *text, int *ret_version, struct failure *fail);

#endif
