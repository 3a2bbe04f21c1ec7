#include "tests/replay/report.h"

#include "tests/unit/tap.h"

#define LINE_BYTES 4000

bool report_ok(bool passed, const char *fmt, ...)
{
    char line[LINE_BYTES];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    return tap_ok(passed, "%s", line);
}

void report_note(const char *fmt, ...)
{
    char line[LINE_BYTES];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    tap_note("%s", line);
}

int report_done(void)
{
    return tap_done();
}
