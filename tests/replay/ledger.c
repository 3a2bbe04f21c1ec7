#include "tests/replay/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/replay/world.h"

/* Virtual time. Until it is set the real one counts. */
static const char clock_sql[] =
    "SET ROLE instep_owner; "
    "CREATE OR REPLACE FUNCTION ledger.clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ "
    "SELECT coalesce(to_timestamp(nullif(current_setting('replay.clock', true), '')::bigint), "
    "clock_timestamp()) $$; "
    "RESET ROLE";

void ledger_open(struct ledger *ledger, const char *url)
{
    *ledger = (struct ledger){.conn = PQconnectdb(url)};
    if (PQstatus(ledger->conn) != CONNECTION_OK)
        give_up("%s", PQerrorMessage(ledger->conn));
    /* Nothing here survives a crash of the machine, nor needs to. */
    ledger_run(ledger, "SET client_min_messages = warning; SET synchronous_commit = off");
    ledger_run(ledger, clock_sql);
}

void ledger_close(struct ledger *ledger)
{
    PQfinish(ledger->conn);
    *ledger = (struct ledger){.conn = NULL};
}

static bool worked(const PGresult *result)
{
    return PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK;
}

void ledger_run(struct ledger *ledger, const char *sql)
{
    PGresult *result = PQexec(ledger->conn, sql);

    if (!worked(result))
        give_up("%s: %s", sql, PQerrorMessage(ledger->conn));
    PQclear(result);
}

void ledger_set_clock(struct ledger *ledger, int64_t now)
{
    char sql[60];

    if (ledger->clock == now)
        return;
    (void)snprintf(sql, sizeof sql, "SET replay.clock = '%lld'", (long long)now);
    ledger_run(ledger, sql);
    ledger->clock = now;
}

static void note_error(struct ledger *ledger, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *where = PQresultErrorField(result, PG_DIAG_CONTEXT);

    if (!state)
        give_up("the connection is lost: %s", PQerrorMessage(ledger->conn));
    (void)snprintf(ledger->error, sizeof ledger->error, "%s %s (%.200s)", state, text ? text : "",
                   where ? where : "");
    for (char *c = ledger->error; *c; c++)
        if (*c == '\n')
            *c = ' ';
}

char *ledger_ask(struct ledger *ledger, const char *sql, int count, const char *const *params)
{
    PGresult *result;
    char *value = NULL;

    if (ledger->inside)
        ledger_run(ledger, "SAVEPOINT statement");
    result = PQexecParams(ledger->conn, sql, count, NULL, params, NULL, NULL, 0);
    if (worked(result)) {
        value = strdup(PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
        if (!value)
            give_up("out of memory");
        if (ledger->inside)
            ledger_run(ledger, "RELEASE statement");
    } else {
        note_error(ledger, result);
        if (ledger->inside)
            ledger_run(ledger, "ROLLBACK TO statement; RELEASE statement");
    }
    PQclear(result);
    return value;
}

json_t *ledger_ask_json(struct ledger *ledger, const char *sql)
{
    char *text = ledger_ask(ledger, sql, 0, NULL);
    json_t *root;

    if (!text)
        give_up("%s: %s", sql, ledger->error);
    root = json_loads(text, JSON_DECODE_ANY, NULL);
    if (!root)
        give_up("%s: no JSON", sql);
    free(text);
    return root;
}

void ledger_begin(struct ledger *ledger)
{
    ledger_run(ledger, "BEGIN");
    ledger->inside = true;
}

void ledger_end(struct ledger *ledger)
{
    ledger_run(ledger, "ROLLBACK");
    ledger->inside = false;
    ledger->depth = 0;
    ledger->clock = 0; /* what was set inside is undone too */
}

void ledger_mark(struct ledger *ledger)
{
    char sql[40];

    (void)snprintf(sql, sizeof sql, "SAVEPOINT mark%u", ++ledger->depth);
    ledger_run(ledger, sql);
}

void ledger_back(struct ledger *ledger)
{
    char sql[80];

    (void)snprintf(sql, sizeof sql, "ROLLBACK TO mark%u; RELEASE mark%u", ledger->depth, ledger->depth);
    ledger->depth--;
    ledger->clock = 0;
    ledger_run(ledger, sql);
    /* Going back restores what was set when the level first set it, which may be inside ledger_check(). */
    ledger_run(ledger, "SET CONSTRAINTS ALL DEFERRED");
}

bool ledger_check(struct ledger *ledger)
{
    char *answer = ledger_ask(ledger, "SET CONSTRAINTS ALL IMMEDIATE", 0, NULL);

    if (!answer)
        return false;
    free(answer);
    ledger_run(ledger, "SET CONSTRAINTS ALL DEFERRED");
    return true;
}
