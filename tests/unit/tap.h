/* Test results in TAP, so that prove(1) can count them. Include once per test program. */
#ifndef INSTEP_TESTS_TAP_H
#define INSTEP_TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_run, tap_failed;

/* One result; the sentence may be formatted. Returns what it was given, so that a caller can stop early. */
__attribute__((format(printf, 2, 3), unused)) static bool tap_ok(bool passed, const char *fmt, ...)
{
    va_list args;

    printf("%sok %d - ", passed ? "" : "not ", ++tap_run);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
    tap_failed += !passed;
    return passed;
}

/* A remark beside the results. */
__attribute__((format(printf, 1, 2), unused)) static void tap_note(const char *fmt, ...)
{
    va_list args;

    printf("# ");
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
}

/* `return tap_done();` at the end of main: prints the plan, gives the exit status. */
__attribute__((unused)) static int tap_done(void)
{
    printf("1..%d\n", tap_run);
    (void)fflush(stdout);
    return tap_failed || !tap_run;
}

#endif
