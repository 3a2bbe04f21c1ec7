/* instep link: say which user of the app a customer is. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/db.h"
#include "cli/sync.h"
#include "common/clock.h"

#define LINK_TIMEOUT_S 30

static enum err link_sync(PGconn *conn, const struct config *config, const char *account,
                          const char *customer, struct sync_result *result, struct failure *fail)
{
    struct cli_queue *queue = NULL;
    enum err err = cli_queue_open(config, &queue, fail);

    if (!err)
        err = sync_enqueue(queue, config, account, customer, result, fail);
    if (!err)
        err = sync_wait(conn, result, clock_mono_ms() + LINK_TIMEOUT_S * 1000, fail);
    cli_queue_close(queue);
    return err;
}

/* What the user has by now, and how much of it is the customer's: {"balance", "of_customer"}. */
static enum err link_credits(PGconn *conn, const char *user, const char *customer, json_t **ret_credits,
                             struct failure *fail)
{
    const char *const params[] = {user, customer};

    return db_json(conn,
                   "SELECT jsonb_build_object('balance', s -> 'balance', 'of_customer', (SELECT coalesce(sum("
                   "(l ->> 'remaining')::bigint), 0) FROM jsonb_array_elements(s -> 'lots') AS l WHERE l ->> "
                   "'customer' = $2)) FROM ops.credits_show('user:' || $1, 'self', NULL, 0) AS s",
                   2, params, ret_credits, fail);
}

static void link_credits_print(const char *user, const char *customer, const json_t *credits)
{
    json_int_t balance = json_integer_value(json_object_get(credits, "balance"));
    json_int_t of_customer = json_integer_value(json_object_get(credits, "of_customer"));

    if (balance || of_customer)
        printf("user %s has %" JSON_INTEGER_FORMAT " credits now, %" JSON_INTEGER_FORMAT " of them by %s\n",
               user, balance, of_customer, customer);
}

int cmd_link(const struct cli_command *command, const struct config *config, int argc, char **argv)
{
    bool json = false;
    bool no_sync = false;
    const char *account = "self";
    const struct cli_option options[] = {
        {"--json", &json, NULL}, {"--no-sync", &no_sync, NULL}, {"--account", NULL, &account}, {0}};
    struct sync_result result = {0};
    struct failure fail = {0};
    PGconn *conn = NULL;
    json_t *linked = NULL;
    json_t *credits = NULL;
    char by[80];
    int words = 0;
    int exit_status = cli_parse(command, options, argc, argv, &words);

    if (!exit_status && (words != 2 || !cli_is_id(argv[1], "cus_") || !*argv[2]))
        exit_status = cli_usage(command, "name a customer (cus_…) and a user");
    if (!exit_status)
        exit_status = cli_account(command, config, account, &account);
    if (exit_status)
        return exit_status;
    const char *user = !strncmp(argv[2], "user:", 5) ? argv[2] + 5 : argv[2];
    cli_operator_name(by, sizeof by);
    const char *const params[] = {account, argv[1], user, by};
    enum err err = no_sync ? ERR_OK : config_require(config, "INSTEP_MODE", &fail);
    if (!err)
        err = db_open(config, DB_OPERATE, &conn, &fail);
    if (!err)
        err = db_json(conn, "SELECT ops.link_user($1, $2, $3, $4)", 4, params, &linked, &fail);
    if (!err && !json)
        printf("%s belongs to user %s now\n", argv[1], user);
    if (!err && !json)
        sync_print_changes(json_object_get(linked, "changes"));
    if (!err && !no_sync) {
        err = link_sync(conn, config, account, argv[1], &result, &fail);
        if (err)
            (void)fputs("instep: the link is kept, only the sync after it failed:\n", stderr);
    }
    if (!err)
        err = link_credits(conn, user, argv[1], &credits, &fail);
    if (err)
        exit_status = cli_fail(&fail);
    else if (json) {
        json_t *root = json_pack("{s:O?, s:o?, s:O?}", "link", linked, "sync",
                                 result.subject ? sync_json(&result) : NULL, "credits", credits);
        (void)json_dumpf(root, stdout, JSON_INDENT(2));
        (void)putchar('\n');
        json_decref(root);
    } else {
        if (result.subject)
            sync_print(&result);
        link_credits_print(user, argv[1], credits);
    }
    if (!exit_status && result.subject && strcmp(sync_word(&result), "applied") != 0 &&
        strcmp(sync_word(&result), "ignored") != 0)
        exit_status = CLI_FOUND;
    json_decref(linked);
    json_decref(credits);
    json_decref(result.outcome);
    PQfinish(conn);
    return exit_status;
}
