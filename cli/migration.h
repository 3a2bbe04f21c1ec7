/*
 * Migrations, functions and views that this program carries, against what a database has.
 *
 * sql/migrations/NNNN_verb_object.sql run once each, in order of their names, each in its own transaction together
 * with its row in ops.schema_migration. Functions and views are replaced, all in one transaction, whenever the
 * checksum over all of them differs; theirs is in ops.schema_routines.
 */
#ifndef INSTEP_CLI_MIGRATION_H
#define INSTEP_CLI_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>

#include "common/embed.h"
#include "common/err.h"

#define MIGRATIONS_MAX     1000
#define SHA256_HEX_BYTES   64
#define MIGRATION_NAME_MAX 200

enum migration_state { MIGRATION_PENDING, MIGRATION_APPLIED };

/* One file of ours, or one row of the database's. */
struct migration {
    const char *name; /* without folder: 0001_create_roles.sql; borrowed */
    char sha256[SHA256_HEX_BYTES + 1];
    const struct embedded_file *file; /* NULL for a row of the database */
    enum migration_state state;
    const char *applied_at; /* text, borrowed; NULL while pending */
};

/* What we carry. Lists are sorted by name. */
struct migration_plan {
    struct migration migrations[MIGRATIONS_MAX];
    size_t migrations_count;
    char routines_sha256[SHA256_HEX_BYTES + 1]; /* over the names and contents of all functions and views */
    size_t routines_count;
};

/* Read what is embedded. files as in embedded_files; borrowed for the life of the plan. */
enum err migration_plan_read(const struct embedded_file *files, struct migration_plan *ret_plan,
                             struct failure *fail);

/*
 * Compare with what the database has applied, and mark ours. ERR_CONFLICT with the name: a migration was edited
 * after it was applied, or the database has one that we lack (it is newer than this program), or one of ours that
 * is not applied comes before one that is.
 */
enum err migration_plan_compare(struct migration_plan *plan, const struct migration *applied,
                                size_t applied_count, struct failure *fail);

/* Functions first, then views: the files in the order in which they are to be run; i counts from 0, NULL ends. */
const struct embedded_file *migration_routine(const struct embedded_file *files, size_t i);

void sha256_hex(const void *data, size_t len, char ret_hex[SHA256_HEX_BYTES + 1]);

#endif
