#include "common/clock.h"

#include <time.h>

static int64_t clock_ms(clockid_t id)
{
    struct timespec now;

    /* Cannot fail: both clocks exist on every Linux and the address is valid. */
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

struct timeval clock_timeval(int64_t length_ms)
{
    struct timeval tv = {0, 0};

    if (length_ms > 0) {
        tv.tv_sec = (time_t)(length_ms / 1000);
        tv.tv_usec = (suseconds_t)((length_ms % 1000) * 1000);
    }
    return tv;
}
