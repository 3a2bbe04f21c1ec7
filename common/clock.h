/* Time: wall clock for what people and Stripe read, monotonic for deadlines. */
#ifndef INSTEP_COMMON_CLOCK_H
#define INSTEP_COMMON_CLOCK_H

#include <stdint.h>
#include <sys/time.h>

int64_t clock_wall_ms(void); /* milliseconds since 1970-01-01 UTC; may jump */
int64_t clock_mono_ms(void); /* milliseconds since some fixed moment; never goes back */

/* A length in milliseconds as libevent wants it; negative lengths become 0. */
struct timeval clock_timeval(int64_t length_ms);

#endif
