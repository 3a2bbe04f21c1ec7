/*
 * What a user may do, kept up to date by NOTIFY instead of by asking again and again.
 *
 *   cc -I"$(pg_config --includedir)" -o listen docs/examples/listen.c -lpq
 *   ./listen postgresql://instep_app_login@localhost/instep user_1
 *
 * Prints one line of JSON when it starts, and one whenever something of the user's changes. The login needs instep_app.
 *
 * Three things make it right:
 * - it listens first and asks then, so that nothing happens unseen in between;
 * - what a notification says is only a reason to ask: several that come together cost one question;
 * - after a lost connection it asks again, since what was announced meanwhile was announced to nobody.
 */
#include <libpq-fe.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_SECONDS 2 /* before connecting again */

/* Is it about the user? A payload is one line of JSON, its user first by no rule: so it is looked for as written. */
static bool concerns(const PGnotify *note, const char *user_json)
{
    return strstr(note->extra, user_json) != NULL;
}

/* "user": "user_1", quoted by Postgres as it quotes it in a notification; the caller's to free(). */
static char *user_as_json(PGconn *conn, const char *user)
{
    const char *const params[] = {user};
    PGresult *result =
        PQexecParams(conn, "SELECT '\"user\": ' || to_jsonb($1::text)::text", 1, NULL, params, NULL, NULL, 0);
    char *text = PQresultStatus(result) == PGRES_TUPLES_OK ? strdup(PQgetvalue(result, 0, 0)) : NULL;

    PQclear(result);
    return text;
}

/* Ask what the user may do, and print it. */
static bool show(PGconn *conn, const char *user)
{
    const char *const params[] = {user};
    PGresult *result = PQexecParams(
        conn,
        "SELECT jsonb_build_object('user', e.user_id, 'entitled', e.entitled, 'plan', e.plan_key, "
        "'reason', e.reason, 'credits', e.credits, 'limits', e.limits) "
        "FROM ledger.entitlement($1) AS e",
        1, NULL, params, NULL, NULL, 0);
    bool shown = PQresultStatus(result) == PGRES_TUPLES_OK;

    if (shown)
        puts(PQgetvalue(result, 0, 0));
    PQclear(result);
    return shown && !fflush(stdout);
}

static bool listen_to(PGconn *conn)
{
    PGresult *result = PQexec(conn, "LISTEN instep_entitlement; LISTEN instep_credits");
    bool listens = PQresultStatus(result) == PGRES_COMMAND_OK;

    PQclear(result);
    return listens;
}

/* Until the connection is lost. */
static void follow(PGconn *conn, const char *user)
{
    char *user_json = user_as_json(conn, user);
    bool good = user_json && listen_to(conn) && show(conn, user);

    while (good) {
        struct pollfd wait = {.fd = PQsocket(conn), .events = POLLIN};
        bool changed = false;
        good = poll(&wait, 1, -1) >= 0 && PQconsumeInput(conn);
        for (PGnotify *note; good && (note = PQnotifies(conn)); PQfreemem(note))
            changed |= concerns(note, user_json);
        if (changed)
            good = show(conn, user);
    }
    free(user_json);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fputs("usage: listen URL USER\n", stderr);
        return 2;
    }
    for (;;) {
        PGconn *conn = PQconnectdb(argv[1]);
        if (PQstatus(conn) == CONNECTION_OK)
            follow(conn, argv[2]);
        (void)fprintf(stderr, "listen: %s", PQerrorMessage(conn));
        PQfinish(conn);
        (void)sleep(PAUSE_SECONDS);
    }
}
