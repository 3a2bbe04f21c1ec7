#include "sim/calendar.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const names[] = {"", "day", "week", "month", "year"};

const char *interval_name(enum interval interval)
{
    return names[interval];
}

enum interval interval_parse(const char *name)
{
    for (enum interval i = INTERVAL_DAY; i <= INTERVAL_YEAR; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return INTERVAL_NONE;
}

static int days_in_month(int year, int month) /* month 0..11 */
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month] + (month == 1 && leap);
}

static int64_t add_months(int64_t anchor, int64_t months)
{
    time_t seconds = (time_t)anchor;
    struct tm tm;

    if (!gmtime_r(&seconds, &tm))
        return anchor;
    int64_t month = tm.tm_year * INT64_C(12) + tm.tm_mon + months;
    tm.tm_year = (int)(month / 12);
    tm.tm_mon = (int)(month % 12);
    int last = days_in_month(tm.tm_year + 1900, tm.tm_mon);
    if (tm.tm_mday > last)
        tm.tm_mday = last;
    return (int64_t)timegm(&tm);
}

int64_t calendar_add(int64_t anchor, enum interval interval, int64_t count)
{
    switch (interval) {
    case INTERVAL_DAY: return anchor + count * DAY;
    case INTERVAL_WEEK: return anchor + count * 7 * DAY;
    case INTERVAL_MONTH: return add_months(anchor, count);
    case INTERVAL_YEAR: return add_months(anchor, 12 * count);
    case INTERVAL_NONE: break;
    }
    return anchor;
}

int64_t calendar_next(int64_t anchor, enum interval interval, int64_t count, int64_t after)
{
    static const int64_t at_most[] = {1, DAY, 7 * DAY, 31 * DAY, 366 * DAY};

    assert(interval != INTERVAL_NONE && count >= 1);
    if (anchor > after)
        return anchor;
    /* Start from an estimate that is never too late, then walk: always from the anchor, so the day survives. */
    int64_t n = (after - anchor) / (at_most[interval] * count);
    int64_t boundary = calendar_add(anchor, interval, n * count);
    while (boundary <= after)
        boundary = calendar_add(anchor, interval, ++n * count);
    return boundary;
}

void calendar_iso(int64_t at, char out[32])
{
    time_t seconds = (time_t)at;
    struct tm tm;

    if (!gmtime_r(&seconds, &tm) || strftime(out, 32, "%Y-%m-%dT%H:%M:%S.000Z", &tm) == 0)
        (void)snprintf(out, 32, "1970-01-01T00:00:00.000Z");
}
