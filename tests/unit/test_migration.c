// rooms: cli
/* Which migrations run, in which order, and which databases are refused. */
#include "cli/migration.h"

#include <string.h>

#include "tests/unit/tap.h"

static const struct embedded_file files[] = {
    {"common/queue/take.lua", "x", 1},       {"sql/functions/a.sql", "A", 1},
    {"sql/functions/b.sql", "B", 1},         {"sql/migrations/0001_one.sql", "1", 1},
    {"sql/migrations/0002_two.sql", "2", 1}, {"sql/migrations/README", "no", 2},
    {"sql/views/a_view.sql", "V", 1},        {NULL, NULL, 0}};

/* As files, with one letter of a view changed. */
static const struct embedded_file changed_view[] = {{"sql/functions/a.sql", "A", 1},
                                                    {"sql/functions/b.sql", "B", 1},
                                                    {"sql/views/a_view.sql", "W", 1},
                                                    {NULL, NULL, 0}};

/* SHA-256 of "1" and of "2". */
#define SHA_ONE "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
#define SHA_TWO "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35"

static const struct {
    const char *name;
    struct migration applied[2];
    size_t applied_count;
    enum err expected;
    const char *named; /* in the sentence; of an error */
    enum migration_state first, second;
} cases[] = {
    {"an empty database gets everything", {{0}}, 0, ERR_OK, NULL, MIGRATION_PENDING, MIGRATION_PENDING},
    {"what is applied is not run again",
     {{.name = "0001_one.sql", .sha256 = SHA_ONE}},
     1,
     ERR_OK,
     NULL,
     MIGRATION_APPLIED,
     MIGRATION_PENDING},
    {"a whole database gets nothing",
     {{.name = "0001_one.sql", .sha256 = SHA_ONE}, {.name = "0002_two.sql", .sha256 = SHA_TWO}},
     2,
     ERR_OK,
     NULL,
     MIGRATION_APPLIED,
     MIGRATION_APPLIED},
    {"an edited migration is refused by name",
     {{.name = "0001_one.sql", .sha256 = SHA_TWO, .applied_at = "then"}},
     1,
     ERR_CONFLICT,
     "0001_one.sql was edited",
     0,
     0},
    {"a newer database is refused",
     {{.name = "0003_three.sql", .sha256 = SHA_ONE}},
     1,
     ERR_CONFLICT,
     "0003_three.sql",
     0,
     0},
    {"a migration squeezed in before an applied one is refused",
     {{.name = "0002_two.sql", .sha256 = SHA_TWO}},
     1,
     ERR_CONFLICT,
     "0001_one.sql is not applied",
     0,
     0},
};

static struct migration_plan plan, other;

int main(void)
{
    static const char *const order[] = {"sql/functions/a.sql", "sql/functions/b.sql", "sql/views/a_view.sql"};
    char hex[SHA256_HEX_BYTES + 1];
    struct failure fail;

    sha256_hex("1", 1, hex);
    tap_ok(!strcmp(hex, SHA_ONE), "checksums are SHA-256 in hexadecimal");
    for (size_t i = 0; i < 3; i++)
        tap_ok(!strcmp(migration_routine(files, i)->name, order[i]), "routine %zu is %s", i, order[i]);
    tap_ok(!migration_routine(files, 3), "and that is all of them");

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fail = (struct failure){0};
        (void)migration_plan_read(files, &plan, &fail);
        enum err err = migration_plan_compare(&plan, cases[i].applied, cases[i].applied_count, &fail);
        bool good = err == cases[i].expected && plan.migrations_count == 2;
        if (good && err)
            good = strstr(fail.text, cases[i].named) != NULL;
        else if (good)
            good = plan.migrations[0].state == cases[i].first && plan.migrations[1].state == cases[i].second;
        if (!tap_ok(good, "%s", cases[i].name))
            tap_note("%s: %s", err_text(err), fail.text);
    }
    (void)migration_plan_read(changed_view, &other, &fail);
    tap_ok(strcmp(plan.routines_sha256, other.routines_sha256) != 0,
           "one letter in a view changes their checksum");
    return tap_done();
}
