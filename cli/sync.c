/* instep sync: look at a customer now. */
#include "cli/sync.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/db.h"
#include "cli/text.h"
#include "common/clock.h"

#define SYNCS_MAX          100
#define SYNC_POLL_US       100000
#define SYNC_TIMEOUT_S     30
#define SYNC_TIMEOUT_S_MAX 3600
#define VALUE_BYTES        512

static const struct {
    const char *prefix;
    const char *object;
} kinds[] = {{"cus_", "customer"},        {"sub_", "subscription"},    {"in_", "invoice"},
             {"cs_", "checkout.session"}, {"ch_", "charge"},           {"py_", "charge"},
             {"re_", "refund"},           {"pyr_", "refund"},          {"dp_", "dispute"},
             {"du_", "dispute"},          {"cn_", "credit_note"},      {"prod_", "product"},
             {"price_", "price"},         {"promo_", "promotion_code"}};

static const char *object_of(const char *id)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (cli_is_id(id, kinds[i].prefix))
            return kinds[i].object;
    return NULL;
}

enum err sync_enqueue(struct cli_queue *queue, const struct config *config, const char *account,
                      const char *id, struct sync_result *ret_result, struct failure *fail)
{
    char key[QUEUE_KEY_BYTES_MAX + 1];
    struct sync_result result = {.account = account, .subject = id};
    const char *object = object_of(id);
    int len = snprintf(key, sizeof key, "%s:%s", account, id);

    if (!object || len < 0 || (size_t)len >= sizeof key)
        return failf(
            fail, ERR_INVALID,
            "%s cannot be synced: name a customer, subscription, invoice, session, charge, refund, dispute, "
            "credit note, product, price or promotion code by its id",
            id);
    cli_sync_id(result.event_id);
    struct envelope envelope = {.event_id = result.event_id,
                                .type = "instep.sync",
                                .object_id = id,
                                .object_type = object,
                                .customer = !strncmp(id, "cus_", 4) ? id : "",
                                .account = strcmp(account, "self") != 0 ? account : "",
                                .api_version = "",
                                .created = (int64_t)time(NULL),
                                .received_ms = clock_wall_ms(),
                                .livemode = strcmp(config->mode, "live") == 0,
                                .lane = QUEUE_INTERACTIVE};
    enum err err = cli_queue_enqueue(queue, key, &envelope, fail);
    if (!err)
        *ret_result = result;
    return err;
}

const char *sync_word(const struct sync_result *result)
{
    const char *word = json_string_value(json_object_get(result->outcome, "outcome"));
    return word ? word : "pending";
}

enum err sync_wait(PGconn *conn, struct sync_result *result, int64_t deadline_mono_ms, struct failure *fail)
{
    const char *const params[] = {result->account, result->event_id};

    for (;;) {
        json_t *outcome = NULL;
        enum err err = db_json(conn, "SELECT ops.event_outcome($1, $2)", 2, params, &outcome, fail);
        if (err)
            return err;
        if (outcome && !json_is_null(outcome)) {
            json_decref(result->outcome);
            result->outcome = outcome;
            outcome = NULL;
        }
        json_decref(outcome);
        const char *word = sync_word(result);
        if (strcmp(word, "pending") != 0 && strcmp(word, "retrying") != 0)
            return ERR_OK;
        if (clock_mono_ms() >= deadline_mono_ms)
            return ERR_OK;
        (void)usleep(SYNC_POLL_US);
    }
}

static const char *value_text(const json_t *value, char buffer[VALUE_BYTES])
{
    if (!value || json_is_null(value))
        return "nothing";
    if (json_is_string(value))
        return text_plain(json_string_value(value), buffer, VALUE_BYTES);
    (void)snprintf(buffer, VALUE_BYTES, "%s",
                   json_is_true(value)    ? "true"
                   : json_is_false(value) ? "false"
                                          : "...");
    if (json_is_integer(value))
        (void)snprintf(buffer, VALUE_BYTES, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return buffer;
}

void sync_print_changes(const json_t *changes)
{
    char before[VALUE_BYTES];
    char after[VALUE_BYTES];
    char what[VALUE_BYTES];
    size_t i;
    json_t *change;

    json_array_foreach(changes, i, change)
    {
        printf("  %s: %s -> %s\n", value_text(json_object_get(change, "what"), what),
               value_text(json_object_get(change, "before"), before),
               value_text(json_object_get(change, "after"), after));
    }
}

void sync_print(const struct sync_result *result)
{
    const json_t *changes = json_object_get(result->outcome, "changes");
    const char *error = json_string_value(json_object_get(result->outcome, "error"));
    const char *word = sync_word(result);
    char text[1024];

    printf("%s  %s", result->subject, word);
    if (!strcmp(word, "pending"))
        printf(": no worker has finished with it yet (%s)", result->event_id);
    if (error)
        printf(": %s", text_plain(error, text, sizeof text));
    (void)putchar('\n');
    sync_print_changes(changes);
    if (!strcmp(word, "applied") && !json_array_size(changes))
        puts("  the ledger was in step already");
}

json_t *sync_json(const struct sync_result *result)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:O?}", "account", result->account, "subject", result->subject,
                     "event", result->event_id, "outcome", sync_word(result), "recorded", result->outcome);
}

/* Which customers a selector means: those the ledger knows, else the object itself, which a worker will look up. */
static enum err selector_resolve(PGconn *conn, const char *account, const char *selector, PGresult **ret_rows,
                                 struct failure *fail)
{
    enum err err;

    if (!strncmp(selector, "cus_", 4)) {
        const char *const direct[] = {account, selector};
        return db_query(conn, "SELECT $1::text, $2::text", 2, direct, ret_rows, fail);
    }
    const char *const params[] = {selector, account};
    err = db_query(conn, "SELECT account, customer FROM ops.customer_of($1) WHERE account = $2", 2, params,
                   ret_rows, fail);
    if (err || PQntuples(*ret_rows))
        return err;
    PQclear(*ret_rows);
    *ret_rows = NULL;
    if (!strncmp(selector, "user:", 5))
        return failf(fail, ERR_NOT_FOUND,
                     "no customer is known for %s; if you know its customer: instep link cus_… %s", selector,
                     selector + 5);
    const char *const direct[] = {account, selector};
    return db_query(conn, "SELECT $1::text, $2::text", 2, direct, ret_rows, fail);
}

/* Prints everything at the end when json is asked for, each one as it is done otherwise. */
static int results_report(struct sync_result *results, size_t count, bool json)
{
    json_t *list = json_array();
    int exit_status = CLI_DONE;

    for (size_t i = 0; i < count; i++) {
        const char *word = sync_word(&results[i]);
        if (strcmp(word, "applied") != 0 && strcmp(word, "ignored") != 0)
            exit_status = CLI_FOUND;
        if (json)
            (void)json_array_append_new(list, sync_json(&results[i]));
        else
            sync_print(&results[i]);
    }
    if (json) {
        (void)json_dumpf(list, stdout, JSON_INDENT(2));
        (void)putchar('\n');
    }
    json_decref(list);
    return exit_status;
}

static enum err rows_sync(PGconn *conn, struct cli_queue *queue, const struct config *config,
                          const PGresult *rows, int64_t timeout_s, struct sync_result *results,
                          size_t *ret_count, struct failure *fail)
{
    int64_t deadline = clock_mono_ms() + timeout_s * 1000;
    enum err err = ERR_OK;

    if (PQntuples(rows) > SYNCS_MAX)
        return failf(fail, ERR_LIMIT, "that names %d customers, more than %d", PQntuples(rows), SYNCS_MAX);
    for (int i = 0; !err && i < PQntuples(rows); i++) {
        err = sync_enqueue(queue, config, PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1),
                           &results[*ret_count], fail);
        if (!err)
            (*ret_count)++;
    }
    for (size_t i = 0; !err && i < *ret_count && timeout_s > 0; i++)
        err = sync_wait(conn, &results[i], deadline, fail);
    return err;
}

int cmd_sync(const struct cli_command *command, const struct config *config, int argc, char **argv)
{
    bool json = false;
    const char *timeout = NULL;
    const char *account = "self";
    const struct cli_option options[] = {
        {"--json", &json, NULL}, {"--timeout", NULL, &timeout}, {"--account", NULL, &account}, {0}};
    struct sync_result results[SYNCS_MAX] = {0};
    struct cli_queue *queue = NULL;
    struct failure fail = {0};
    PGresult *rows = NULL;
    PGconn *conn = NULL;
    int64_t timeout_s = SYNC_TIMEOUT_S;
    size_t count = 0;
    int words = 0;
    int exit_status = cli_parse(command, options, argc, argv, &words);

    if (!exit_status && words != 1)
        exit_status =
            cli_usage(command, "name one customer, subscription, invoice, checkout session or user");
    if (!exit_status && !object_of(argv[1]) && (strncmp(argv[1], "user:", 5) != 0 || !argv[1][5]))
        exit_status = cli_usage(command, "that is none of cus_…, sub_…, in_…, cs_…, user:…");
    if (!exit_status)
        exit_status = cli_account(command, config, account, &account);
    if (!exit_status && timeout)
        exit_status = cli_number("--timeout", timeout, 0, SYNC_TIMEOUT_S_MAX, &timeout_s);
    if (exit_status)
        return exit_status;
    enum err err = config_require(config, "INSTEP_MODE", &fail);
    if (!err)
        err = db_open(config, DB_OPERATE, &conn, &fail);
    if (!err)
        err = selector_resolve(conn, account, argv[1], &rows, &fail);
    if (!err)
        err = cli_queue_open(config, &queue, &fail);
    if (!err)
        err = rows_sync(conn, queue, config, rows, timeout_s, results, &count, &fail);
    if (!err)
        exit_status = results_report(results, count, json);
    else
        exit_status = cli_fail(&fail);
    for (size_t i = 0; i < count; i++)
        json_decref(results[i].outcome);
    cli_queue_close(queue);
    PQclear(rows);
    PQfinish(conn);
    return exit_status;
}
