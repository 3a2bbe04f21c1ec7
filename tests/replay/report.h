/* Test results of the whole program in TAP; tests/unit/tap.h counts per file. */
#ifndef INSTEP_TESTS_REPLAY_REPORT_H
#define INSTEP_TESTS_REPLAY_REPORT_H

#include <stdbool.h>

bool report_ok(bool passed, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* returns passed */
void report_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int report_done(void); /* prints the plan; the exit status */

#endif
