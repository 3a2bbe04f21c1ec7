/* Postgres for commands: libpq, blocking, with errors that say what to do. */
#ifndef INSTEP_CLI_DB_H
#define INSTEP_CLI_DB_H

#include <jansson.h>
#include <libpq-fe.h>

#include "common/config.h"
#include "common/err.h"

/* What a command is at: decides what a refusal advises. */
enum db_purpose { DB_OPERATE, DB_MIGRATE };

/*
 * Connect to DATABASE_URL, once per program. The purpose is remembered for the sentences of later failures. *ret_conn is the caller's, PQfinish() it.
 * ERR_CONFIG: unset or no URL; ERR_UNAVAILABLE: nobody answers; ERR_DENIED: refused.
 */
enum err db_open(const struct config *config, enum db_purpose purpose, PGconn **ret_conn,
                 struct failure *fail);

/* Run one or more statements without parameters; results are dropped. Errors as db_query. */
enum err db_exec(PGconn *conn, const char *sql, struct failure *fail);

/*
 * One statement with text parameters, a NULL pointer being SQL's NULL. *ret_result is the caller's, PQclear() it.
 * ERR_UNAVAILABLE: connection lost; ERR_DENIED: the role may not; ERR_INVALID: the function refused its arguments;
 * ERR_PROTOCOL: anything else, a database that is not migrated among it.
 */
enum err db_query(PGconn *conn, const char *sql, int params_count, const char *const *params,
                  PGresult **ret_result, struct failure *fail);

/* As db_query, for a statement whose first column is json; *ret_json is NULL for SQL's NULL or no row. */
enum err db_json(PGconn *conn, const char *sql, int params_count, const char *const *params,
                 json_t **ret_json, struct failure *fail);

/* A field as text, NULL for SQL's NULL; borrowed from result. */
const char *db_text(const PGresult *result, int row, int column);

/* The last message of the server in one line, without trailing newline. */
void db_message(const PGconn *conn, const PGresult *result, char *text, size_t len);

#endif
