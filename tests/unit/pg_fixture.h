/* A private Postgres for one test program, by deploy/local/stack. Run from the repository root. */
#ifndef INSTEP_TESTS_PG_FIXTURE_H
#define INSTEP_TESTS_PG_FIXTURE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64] = "/tmp/instep-test-pg.XXXXXX";
static char url[256]; /* as the owner */

static bool stack(const char *verb)
{
    char command[256];

    (void)snprintf(command, sizeof command, "deploy/local/stack %s %s >/dev/null", verb, dir);
    return system(command) == 0;
}

static bool postgres_start(void)
{
    char command[256];
    FILE *out;

    if (!mkdtemp(dir) || chmod(dir, 0755) != 0 || !stack("start"))
        return false;
    (void)snprintf(command, sizeof command, ". %s/env && echo \"$OWNER_DATABASE_URL\"", dir);
    out = popen(command, "r");
    if (!out || !fgets(url, sizeof url, out))
        return false;
    url[strcspn(url, "\n")] = 0;
    return pclose(out) == 0;
}

#endif
