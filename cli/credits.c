/* instep credits: what a user has, lot by lot, and how it came about. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/db.h"
#include "cli/text.h"

#define ENTRIES_SHOWN 10
#define ENTRIES_MAX   100000
#define CELL_BYTES    256

static json_int_t number_of(const json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

/* Ids, keys and notes are what others wrote. Each call has a buffer of its own. */
static const char *plain(const json_t *row, const char *key, char buffer[CELL_BYTES])
{
    return text_plain(text_of(row, key), buffer, CELL_BYTES);
}

/* "2026-03-15 10:00:00" of "2026-03-15T10:00:00.123+00:00"; the connection speaks UTC. */
static const char *moment_text(const json_t *row, const char *key, const char *none, char buffer[CELL_BYTES])
{
    const char *moment = text_of(row, key);

    if (strlen(moment) < 19)
        return none;
    (void)snprintf(buffer, CELL_BYTES, "%.10s %.8s", moment, moment + 11);
    return buffer;
}

static void lots_print(const json_t *lots)
{
    char kind[CELL_BYTES];
    char plan[CELL_BYTES];
    char until[CELL_BYTES];
    char of[CELL_BYTES];
    size_t i;
    json_t *lot;

    if (!json_array_size(lots))
        return;
    printf("\n%8s %-9s %-18s %10s %10s %8s %8s  %-19s  %s\n", "LOT", "KIND", "PLAN", "LEFT", "OF", "SPENT",
           "TAKEN", "EXPIRES", "FOR");
    json_array_foreach(lots, i, lot)
    {
        const char *what = *text_of(lot, "subscription") ? "subscription" : "key";
        if (*text_of(lot, "plan_key")) {
            char key[CELL_BYTES];
            (void)snprintf(plan, sizeof plan, "%.200s %" JSON_INTEGER_FORMAT, plain(lot, "plan_key", key),
                           number_of(lot, "plan_version"));
        } else {
            (void)snprintf(plan, sizeof plan, "-");
        }
        printf("%8" JSON_INTEGER_FORMAT " %-9s %-18s %10" JSON_INTEGER_FORMAT " %10" JSON_INTEGER_FORMAT
               " %8" JSON_INTEGER_FORMAT " %8" JSON_INTEGER_FORMAT "  %-19s  %s\n",
               number_of(lot, "lot"), plain(lot, "kind", kind), plan, number_of(lot, "remaining"),
               number_of(lot, "granted"), number_of(lot, "spent"), number_of(lot, "clawed_back"),
               moment_text(lot, "expires_at", "never", until), plain(lot, what, of));
    }
}

static void entries_print(const json_t *root)
{
    const json_t *entries = json_object_get(root, "entries");
    json_int_t more = number_of(root, "entries_total") - (json_int_t)json_array_size(entries);
    char kind[CELL_BYTES];
    char at[CELL_BYTES];
    char transition[CELL_BYTES];
    char cause[CELL_BYTES];
    char event[CELL_BYTES];
    char note[CELL_BYTES];
    size_t i;
    json_t *entry;

    if (!json_array_size(entries))
        return;
    printf("\n%8s  %-19s %-17s %10s %10s  %-18s %s\n", "ENTRY", "EFFECTIVE", "WHAT", "AMOUNT", "BALANCE",
           "TRANSITION", "CAUSE");
    json_array_foreach(entries, i, entry)
    {
        const char *what = *text_of(entry, "key") ? "key" : "source";
        printf("%8" JSON_INTEGER_FORMAT "  %-19s %-17s %+10" JSON_INTEGER_FORMAT " %10" JSON_INTEGER_FORMAT
               "  %-18s %s",
               number_of(entry, "n"), moment_text(entry, "effective_at", "", at), plain(entry, "kind", kind),
               number_of(entry, "amount"), number_of(entry, "balance_after"),
               *text_of(entry, "transition") ? plain(entry, "transition", transition) : "-",
               plain(entry, what, cause));
        if (*text_of(entry, "event"))
            printf(" %s", plain(entry, "event", event));
        if (*text_of(entry, "note"))
            printf(" (%s)", plain(entry, "note", note));
        (void)putchar('\n');
    }
    if (more > 0)
        printf("          and %" JSON_INTEGER_FORMAT " earlier ones; --entries N shows more\n", more);
}

static void credits_print(const json_t *root)
{
    const char *user = text_of(root, "user");
    json_int_t balance = number_of(root, "balance");
    json_int_t limit = number_of(root, "credit_limit");
    json_int_t ended = number_of(root, "ended_lots");
    char who[CELL_BYTES];
    char at[CELL_BYTES];

    if (*user)
        printf("user %s: ", plain(root, "user", who));
    else
        printf("%s, of no user yet: ", plain(root, "customer", who));
    printf("%" JSON_INTEGER_FORMAT " credits", balance);
    if (balance < 0)
        printf(", a debt that the next ones make good");
    else
        printf(" of %" JSON_INTEGER_FORMAT, limit);
    printf(", at %s UTC\n", moment_text(root, "at", "?", at));
    if (number_of(root, "booked") != balance)
        printf("booked: %" JSON_INTEGER_FORMAT "; what has expired or not begun is not booked yet\n",
               number_of(root, "booked"));
    lots_print(json_object_get(root, "lots"));
    if (ended)
        printf("%8s %" JSON_INTEGER_FORMAT " used up or over\n", "and", ended);
    entries_print(root);
}

int cmd_credits(const struct cli_command *command, const struct config *config, int argc, char **argv)
{
    bool json = false;
    const char *at = NULL;
    const char *entries = NULL;
    const char *account = "self";
    const struct cli_option options[] = {{"--json", &json, NULL},
                                         {"--at", NULL, &at},
                                         {"--entries", NULL, &entries},
                                         {"--account", NULL, &account},
                                         {0}};
    struct failure fail = {0};
    PGconn *conn = NULL;
    json_t *credits = NULL;
    int64_t count = ENTRIES_SHOWN;
    char count_text[24];
    int words = 0;
    int exit_status = cli_parse(command, options, argc, argv, &words);

    if (!exit_status && (words != 1 || !*argv[1]))
        exit_status = cli_usage(command, "name one user, or a customer (cus_…)");
    if (!exit_status && !strncmp(argv[1], "cus_", 4) && !cli_is_id(argv[1], "cus_"))
        exit_status = cli_usage(command, "that is no customer's id");
    if (!exit_status && at && !*at)
        exit_status = cli_usage(command, "--at takes a time, like 2026-03-15 or 2026-03-15T10:00:00Z");
    if (!exit_status)
        exit_status = cli_account(command, config, account, &account);
    if (!exit_status && entries)
        exit_status = cli_number("--entries", entries, 0, ENTRIES_MAX, &count);
    if (exit_status)
        return exit_status;
    (void)snprintf(count_text, sizeof count_text, "%" PRId64, count);
    const char *const params[] = {argv[1], account, at, count_text};
    enum err err = db_open(config, DB_OPERATE, &conn, &fail);
    if (!err)
        err = db_exec(conn, "SET TimeZone TO 'UTC'; SET DateStyle TO 'ISO'", &fail);
    if (!err)
        err = db_json(conn, "SELECT ops.credits_show($1, $2, $3::timestamptz, $4::integer)", 4, params,
                      &credits, &fail);
    if (!err && !json_is_object(credits))
        err = failf(&fail, ERR_NOT_FOUND, "there is no %s: no subscription, link or grant has named it yet",
                    argv[1]);
    if (err) {
        exit_status = cli_fail(&fail);
    } else if (json) {
        (void)json_dumpf(credits, stdout, JSON_INDENT(2));
        (void)putchar('\n');
    } else {
        credits_print(credits);
    }
    json_decref(credits);
    PQfinish(conn);
    return exit_status;
}
