#include "worker/crashpoint.h"

#ifdef INSTEP_CRASHPOINTS
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void crashpoint(const char *name)
{
    static long passed;
    const char *wanted = getenv("CRASHPOINT");
    size_t len = strlen(name);
    long nth;

    if (!wanted || strncmp(wanted, name, len) != 0 || (wanted[len] && wanted[len] != ':'))
        return;
    nth = wanted[len] ? strtol(wanted + len + 1, 0, 10) : 1;
    if (++passed == (nth > 0 ? nth : 1))
        (void)kill(getpid(), SIGKILL);
}
#else
typedef int crashpoint_nothing; /* an empty file is not C */
#endif
