#include "worker/crashpoint.h"

#ifdef INSTEP_CRASHPOINTS
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether this passing is the one that wanted ("name" or "name:n") means; *passed counts those of the name. */
static bool is_it(const char *wanted, const char *name, long *passed)
{
    size_t len = strlen(name);
    long nth;

    if (!wanted || strncmp(wanted, name, len) != 0 || (wanted[len] && wanted[len] != ':'))
        return false;
    nth = wanted[len] ? strtol(wanted + len + 1, 0, 10) : 1;
    return ++*passed == (nth > 0 ? nth : 1);
}

void crashpoint(const char *name)
{
    static long passed_crash, passed_stop;

    if (is_it(getenv("CRASHPOINT"), name, &passed_crash))
        (void)kill(getpid(), SIGKILL);
    if (is_it(getenv("STOPPOINT"), name, &passed_stop))
        (void)raise(SIGSTOP);
}
#else
typedef int crashpoint_nothing; /* an empty file is not C */
#endif
