#include "cli/db.h"

#include <stdio.h>
#include <string.h>

/* What to do about a refusal, by purpose. A command has one connection, so one word for all of the program. */
static const struct {
    const char *denied;
    const char *unmigrated;
} hints[] = {
    [DB_OPERATE] = {"DATABASE_URL of this command needs a member of instep_operator",
                    "is this database migrated? `instep migrate --status` shows it"},
    [DB_MIGRATE] =
        {"DATABASE_URL of this command needs a role that may create roles and schemas, and is a member of "
         "instep_owner once that is there",
         "was something of Instep's dropped by hand?"},
};
static enum db_purpose purpose_now = DB_OPERATE;

/* Cannot be a server's fault: these mean that objects are missing. */
static bool state_is_unmigrated(const char *state)
{
    static const char *const states[] = {"42883", "42P01", "3F000", "42703", "42704"};

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (!strcmp(state, states[i]))
            return true;
    return false;
}

static bool state_is_refusal(const char *state)
{
    return !strncmp(state, "22", 2) || !strncmp(state, "IS", 2) || !strcmp(state, "P0002") ||
           !strcmp(state, "P0001");
}

void db_message(const PGconn *conn, const PGresult *result, char *text, size_t len)
{
    const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;

    if (!message)
        message = conn ? PQerrorMessage(conn) : "";
    (void)snprintf(text, len, "%s", message);
    /* Messages may have several lines, indented by tabs. */
    for (char *c = text; *c; c++)
        if (*c == '\n' || *c == '\t')
            *c = ' ';
    for (char *end = text + strlen(text); end > text && end[-1] == ' ';)
        *--end = '\0';
}

enum err db_open(const struct config *config, enum db_purpose purpose, PGconn **ret_conn,
                 struct failure *fail)
{
    /* Later keywords win over earlier ones: what stands before dbname is a default, what stands after is not. */
    static const char *const keywords[] = {"connect_timeout", "dbname", "fallback_application_name", NULL};
    const char *const values[] = {"5", config->database_url, "instep", NULL};
    char text[200];
    enum err err = config_require(config, "DATABASE_URL", fail);

    purpose_now = purpose;
    if (err)
        return err;
    PQconninfoOption *parsed = PQconninfoParse(config->database_url, NULL);
    if (!parsed) /* libpq's message would show the text, and that may hold a password */
        return failf(fail, ERR_CONFIG,
                     "DATABASE_URL cannot be read: write it like postgresql://user@host:5432/instep");
    PQconninfoFree(parsed);
    PGconn *conn = PQconnectdbParams(keywords, values, 1);
    if (!conn)
        return failf(fail, ERR_NOMEM, "out of memory");
    if (PQstatus(conn) == CONNECTION_OK) {
        err = db_exec(conn, "SET client_min_messages TO warning", fail);
        if (err)
            PQfinish(conn);
        else
            *ret_conn = conn;
        return err;
    }
    db_message(conn, NULL, text, sizeof text);
    err = failf(fail,
                PQconnectionNeedsPassword(conn) || PQconnectionUsedPassword(conn) ? ERR_DENIED
                                                                                  : ERR_UNAVAILABLE,
                "Postgres (DATABASE_URL) does not take us: %s", text);
    PQfinish(conn);
    return err;
}

static enum err result_check(PGconn *conn, PGresult *result, struct failure *fail)
{
    ExecStatusType status = PQresultStatus(result);
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    char text[240];

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY)
        return ERR_OK;
    db_message(conn, result, text, sizeof text);
    if (PQstatus(conn) != CONNECTION_OK || !state)
        return failf(fail, ERR_UNAVAILABLE, "Postgres went away: %s", text);
    if (!strcmp(state, "42501"))
        return failf(fail, ERR_DENIED, "%s: role %s may not; %s", text, PQuser(conn),
                     hints[purpose_now].denied);
    if (state_is_unmigrated(state))
        return failf(fail, ERR_PROTOCOL, "%s: %s", text, hints[purpose_now].unmigrated);
    return failf(fail, state_is_refusal(state) ? ERR_INVALID : ERR_PROTOCOL, "Postgres refused (%s): %s",
                 state, text);
}

enum err db_exec(PGconn *conn, const char *sql, struct failure *fail)
{
    PGresult *result = PQexec(conn, sql);
    enum err err = result_check(conn, result, fail);

    PQclear(result);
    return err;
}

enum err db_query(PGconn *conn, const char *sql, int params_count, const char *const *params,
                  PGresult **ret_result, struct failure *fail)
{
    PGresult *result = PQexecParams(conn, sql, params_count, NULL, params, NULL, NULL, 0);
    enum err err = result_check(conn, result, fail);

    if (err) {
        PQclear(result);
        return err;
    }
    *ret_result = result;
    return ERR_OK;
}

enum err db_json(PGconn *conn, const char *sql, int params_count, const char *const *params,
                 json_t **ret_json, struct failure *fail)
{
    PGresult *result = NULL;
    json_t *json = NULL;
    json_error_t why;
    enum err err = db_query(conn, sql, params_count, params, &result, fail);

    if (err)
        return err;
    const char *text = PQntuples(result) ? db_text(result, 0, 0) : NULL;
    if (text && !(json = json_loads(text, JSON_DECODE_ANY, &why)))
        err = failf(fail, ERR_PROTOCOL, "Postgres answered what is not JSON: %s", why.text);
    else
        *ret_json = json;
    PQclear(result);
    return err;
}

const char *db_text(const PGresult *result, int row, int column)
{
    return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}
