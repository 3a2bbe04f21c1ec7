/* instep migrate: bring a database to the schema of this program. */
#include "cli/cli.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/db.h"
#include "cli/migration.h"
#include "common/clock.h"

/* Any two runs, of any versions, exclude each other with this session lock. */
#define MIGRATE_LOCK "5710953321642803534"

/* A migration that waits for a lock makes everybody behind it wait, so it gives up instead. */
#define MIGRATE_LOCK_TIMEOUT "SET lock_timeout TO '15s'"

/* Run in the transaction of each migration; the first one creates the role. */
static const char record_tables[] = "CREATE SCHEMA IF NOT EXISTS ops;"
                                    "CREATE TABLE IF NOT EXISTS ops.schema_migration ("
                                    "  name text PRIMARY KEY,"
                                    "  sha256 text NOT NULL,"
                                    "  applied_at timestamptz NOT NULL DEFAULT now(),"
                                    "  applied_by text NOT NULL DEFAULT session_user,"
                                    "  took_ms bigint NOT NULL);"
                                    "CREATE TABLE IF NOT EXISTS ops.schema_routines ("
                                    "  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),"
                                    "  sha256 text NOT NULL,"
                                    "  applied_at timestamptz NOT NULL DEFAULT now());"
                                    "ALTER TABLE ops.schema_migration OWNER TO instep_owner;"
                                    "ALTER TABLE ops.schema_routines OWNER TO instep_owner;";

struct migrate {
    PGconn *conn;
    struct migration_plan plan;
    PGresult *applied_rows; /* owns the texts of applied */
    struct migration applied[MIGRATIONS_MAX];
    size_t applied_count;
    bool routines_current;
};

static enum err lock_take(struct migrate *migrate, struct failure *fail)
{
    PGresult *result = NULL;
    enum err err =
        db_query(migrate->conn, "SELECT pg_try_advisory_lock(" MIGRATE_LOCK ")", 0, NULL, &result, fail);

    if (err)
        return err;
    bool ours = PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    if (ours)
        return ERR_OK;
    (void)fputs("another migration runs, waiting for it\n", stderr);
    return db_exec(migrate->conn, "SELECT pg_advisory_lock(" MIGRATE_LOCK ")", fail);
}

/* *ret_there: does this table exist? */
static enum err table_there(struct migrate *migrate, const char *table, bool *ret_there, struct failure *fail)
{
    PGresult *result = NULL;
    enum err err = db_query(migrate->conn, "SELECT to_regclass($1) IS NOT NULL", 1, &table, &result, fail);

    if (err)
        return err;
    *ret_there = PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    return ERR_OK;
}

static enum err applied_read(struct migrate *migrate, struct failure *fail)
{
    bool there = false;
    enum err err = table_there(migrate, "ops.schema_migration", &there, fail);

    if (err || !there)
        return err;
    err = db_query(migrate->conn,
                   "SELECT name, sha256, to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS\"Z\"')"
                   " FROM ops.schema_migration ORDER BY name COLLATE \"C\"",
                   0, NULL, &migrate->applied_rows, fail);
    if (err)
        return err;
    if (PQntuples(migrate->applied_rows) > MIGRATIONS_MAX)
        return failf(fail, ERR_LIMIT, "the database has more than %d migrations", MIGRATIONS_MAX);
    for (int i = 0; i < PQntuples(migrate->applied_rows); i++) {
        struct migration *one = &migrate->applied[migrate->applied_count++];
        one->name = PQgetvalue(migrate->applied_rows, i, 0);
        (void)snprintf(one->sha256, sizeof one->sha256, "%s", PQgetvalue(migrate->applied_rows, i, 1));
        one->applied_at = PQgetvalue(migrate->applied_rows, i, 2);
    }
    return ERR_OK;
}

static enum err routines_read(struct migrate *migrate, struct failure *fail)
{
    PGresult *result = NULL;
    bool there = false;
    enum err err = table_there(migrate, "ops.schema_routines", &there, fail);

    if (err || !there)
        return err;
    err = db_query(migrate->conn, "SELECT sha256 FROM ops.schema_routines", 0, NULL, &result, fail);
    if (err)
        return err;
    migrate->routines_current =
        PQntuples(result) == 1 && !strcmp(PQgetvalue(result, 0, 0), migrate->plan.routines_sha256);
    PQclear(result);
    return ERR_OK;
}

/* Roll back and name the file in front of what Postgres said. */
static enum err file_failed(struct migrate *migrate, const char *name, struct failure *fail)
{
    struct failure why = *fail;

    PQclear(PQexec(migrate->conn, "ROLLBACK"));
    return failf(fail, why.code == ERR_UNAVAILABLE || why.code == ERR_DENIED ? why.code : ERR_PROTOCOL,
                 "%s: nothing of it was kept. %s", name, why.text);
}

static enum err file_run(struct migrate *migrate, const struct embedded_file *file, struct failure *fail)
{
    enum err err = db_exec(migrate->conn, file->data, fail);

    if (!err && PQtransactionStatus(migrate->conn) != PQTRANS_INTRANS)
        err = failf(fail, ERR_PROTOCOL, "it ends its own transaction; remove its COMMIT");
    return err ? file_failed(migrate, file->name, fail) : ERR_OK;
}

static enum err migration_run(struct migrate *migrate, const struct migration *one, struct failure *fail)
{
    char took[24];
    const char *const params[] = {one->name, one->sha256, took};
    int64_t start_ms = clock_mono_ms();
    PGresult *result = NULL;
    enum err err = db_exec(migrate->conn, "BEGIN", fail);

    if (!err)
        err = file_run(migrate, one->file, fail);
    if (err)
        return err;
    (void)snprintf(took, sizeof took, "%" PRId64, clock_mono_ms() - start_ms);
    err = db_exec(migrate->conn, record_tables, fail);
    if (!err)
        err = db_query(migrate->conn,
                       "INSERT INTO ops.schema_migration (name, sha256, took_ms) VALUES ($1, $2, $3)", 3,
                       params, &result, fail);
    PQclear(result);
    if (!err)
        err = db_exec(migrate->conn, "COMMIT", fail);
    if (err)
        return file_failed(migrate, one->name, fail);
    printf("applied   %s (%s ms)\n", one->name, took);
    return ERR_OK;
}

static enum err routines_run(struct migrate *migrate, struct failure *fail)
{
    const char *const params[] = {migrate->plan.routines_sha256};
    const struct embedded_file *file;
    PGresult *result = NULL;
    /* A function may name a table or view that a later file makes: bodies are checked when they are called. */
    enum err err = db_exec(migrate->conn, "BEGIN; SET LOCAL check_function_bodies TO off", fail);

    for (size_t i = 0; !err && (file = migration_routine(embedded_files, i)); i++) {
        err = file_run(migrate, file, fail);
        if (err)
            return err;
    }
    if (!err)
        err = db_exec(migrate->conn, record_tables, fail);
    if (!err)
        err = db_query(migrate->conn,
                       "INSERT INTO ops.schema_routines (sha256) VALUES ($1)"
                       " ON CONFLICT (only_row) DO UPDATE SET sha256 = EXCLUDED.sha256, applied_at = now()",
                       1, params, &result, fail);
    PQclear(result);
    if (!err)
        err = db_exec(migrate->conn, "COMMIT", fail);
    if (err)
        return file_failed(migrate, "functions and views", fail);
    printf("replaced  %zu functions and views\n", migrate->plan.routines_count);
    return ERR_OK;
}

static size_t pending_count(const struct migration_plan *plan)
{
    size_t pending = 0;

    for (size_t i = 0; i < plan->migrations_count; i++)
        pending += plan->migrations[i].state == MIGRATION_PENDING;
    return pending;
}

static enum err plan_run(struct migrate *migrate, struct failure *fail)
{
    size_t pending = pending_count(&migrate->plan);
    /* Functions may be written for the new tables, and triggers of old migrations may call functions. */
    bool routines = pending || !migrate->routines_current;
    enum err err = db_exec(migrate->conn, MIGRATE_LOCK_TIMEOUT, fail);

    for (size_t i = 0; !err && i < migrate->plan.migrations_count; i++)
        if (migrate->plan.migrations[i].state == MIGRATION_PENDING)
            err = migration_run(migrate, &migrate->plan.migrations[i], fail);
    if (!err && routines)
        err = routines_run(migrate, fail);
    if (!err && !routines)
        puts("nothing to do");
    return err;
}

static void plan_print(const struct migrate *migrate)
{
    for (size_t i = 0; i < migrate->plan.migrations_count; i++) {
        const struct migration *one = &migrate->plan.migrations[i];
        printf("%-9s %s%s%s\n", one->state == MIGRATION_APPLIED ? "applied" : "pending", one->name,
               one->applied_at ? "  " : "", one->applied_at ? one->applied_at : "");
    }
    printf("%-9s %zu functions and views\n", migrate->routines_current ? "current" : "pending",
           migrate->plan.routines_count);
}

static int plan_print_json(const struct migrate *migrate)
{
    json_t *list = json_array();

    for (size_t i = 0; i < migrate->plan.migrations_count; i++) {
        const struct migration *one = &migrate->plan.migrations[i];
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s?}", "name", one->name, "sha256",
                                                    one->sha256, "applied", one->state == MIGRATION_APPLIED,
                                                    "applied_at", one->applied_at));
    }
    json_t *root = json_pack("{s:o, s:{s:I, s:s, s:b}}", "migrations", list, "routines", "count",
                             (json_int_t)migrate->plan.routines_count, "sha256",
                             migrate->plan.routines_sha256, "current", (int)migrate->routines_current);
    int status = root && !json_dumpf(root, stdout, JSON_INDENT(2)) ? CLI_DONE : CLI_UNREACHABLE;
    (void)putchar('\n');
    json_decref(root);
    return status;
}

int cmd_migrate(const struct cli_command *command, const struct config *config, int argc, char **argv)
{
    bool status_only = false;
    bool dry_run = false;
    bool json = false;
    const struct cli_option options[] = {
        {"--status", &status_only, NULL}, {"--dry-run", &dry_run, NULL}, {"--json", &json, NULL}, {0}};
    struct failure fail = {0};
    int words = 0;
    int exit_status = cli_parse(command, options, argc, argv, &words);

    if (exit_status)
        return exit_status;
    if (words)
        return cli_usage(command, "takes no arguments");
    if (json && !status_only && !dry_run)
        return cli_usage(command, "--json goes with --status or --dry-run");
    struct migrate *migrate = calloc(1, sizeof *migrate);
    if (!migrate) {
        (void)failf(&fail, ERR_NOMEM, "out of memory");
        return cli_fail(&fail);
    }
    enum err err = migration_plan_read(embedded_files, &migrate->plan, &fail);
    if (!err)
        err = db_open(config, DB_MIGRATE, &migrate->conn, &fail);
    if (!err && !status_only && !dry_run)
        err = lock_take(migrate, &fail);
    if (!err)
        err = applied_read(migrate, &fail);
    if (!err)
        err = migration_plan_compare(&migrate->plan, migrate->applied, migrate->applied_count, &fail);
    if (!err)
        err = routines_read(migrate, &fail);
    if (!err && (status_only || dry_run)) {
        if (json)
            exit_status = plan_print_json(migrate);
        else
            plan_print(migrate);
        if (!exit_status && status_only && (pending_count(&migrate->plan) || !migrate->routines_current))
            exit_status = CLI_FOUND;
    } else if (!err) {
        err = plan_run(migrate, &fail);
    }
    if (err)
        exit_status = cli_fail(&fail);
    PQclear(migrate->applied_rows);
    PQfinish(migrate->conn);
    free(migrate);
    return exit_status;
}
