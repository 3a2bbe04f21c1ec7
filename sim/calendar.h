/* Billing dates: UTC, months that keep the day of their anchor (31 January, 28 February, 31 March). */
#ifndef INSTEP_SIM_CALENDAR_H
#define INSTEP_SIM_CALENDAR_H

#include <stdint.h>

enum interval { INTERVAL_NONE, INTERVAL_DAY, INTERVAL_WEEK, INTERVAL_MONTH, INTERVAL_YEAR };

#define HOUR INT64_C(3600)
#define DAY  (24 * HOUR)

const char *interval_name(enum interval interval);                           /* "month"; "" for none */
enum interval interval_parse(const char *name);                              /* INTERVAL_NONE if unknown */
int64_t calendar_add(int64_t anchor, enum interval interval, int64_t count); /* unix seconds; count ≥ 0 */

/* The first boundary anchor + n × (count intervals), n ≥ 0, that lies after `after`. count ≥ 1. */
int64_t calendar_next(int64_t anchor, enum interval interval, int64_t count, int64_t after);

/* "2026-01-31T00:00:00.000Z"; out holds at least 32 bytes. */
void calendar_iso(int64_t at, char out[32]);

#endif
