/* instep dead: events that were given up, and another chance for them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/db.h"
#include "cli/services.h"

#define LIST_LIMIT     100
#define LIST_LIMIT_MAX 100000

struct dead_options {
    bool json;
    bool all;
    const char *class;
    const char *limit;
};

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

/* All rows of a query whose only column is json. */
static enum err rows_read(PGconn *conn, const char *sql, int params_count, const char *const *params,
                          json_t **ret_rows, struct failure *fail)
{
    char whole[400];

    (void)snprintf(whole, sizeof whole, "SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]') FROM %s AS r", sql);
    return db_json(conn, whole, params_count, params, ret_rows, fail);
}

static void json_print(const json_t *json)
{
    (void)json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    (void)putchar('\n');
}

static void list_print(const json_t *rows)
{
    size_t i;
    json_t *row;

    if (!json_array_size(rows)) {
        puts("no dead letters");
        return;
    }
    printf("%-17s %-30s %-24s %8s  %-20s %s\n", "CLASS", "EVENT", "SUBJECT", "ATTEMPTS", "BURIED", "ERROR");
    json_array_foreach(rows, i, row)
    {
        printf("%-17s %-30s %-24s %8" JSON_INTEGER_FORMAT "  %-20.19s %s\n", text_of(row, "class"),
               text_of(row, "event_id"), text_of(row, "subject"),
               json_integer_value(json_object_get(row, "attempts")), text_of(row, "buried_at"),
               text_of(row, "error"));
    }
}

static int dead_list(const struct cli_command *command, PGconn *conn, const struct dead_options *options,
                     int words, struct failure *fail)
{
    char limit_text[24];
    const char *params[] = {options->class, limit_text};
    int64_t limit = LIST_LIMIT;
    json_t *rows = NULL;

    if (words)
        return cli_usage(command, "`dead list` takes no further words");
    if (options->limit) {
        int exit_status = cli_number("--limit", options->limit, 1, LIST_LIMIT_MAX, &limit);
        if (exit_status)
            return exit_status;
    }
    (void)snprintf(limit_text, sizeof limit_text, "%" PRId64, limit);
    if (rows_read(conn, "ops.dead_letter_list($1, $2::integer)", 2, params, &rows, fail))
        return cli_fail(fail);
    if (options->json)
        json_print(rows);
    else
        list_print(rows);
    int exit_status = json_array_size(rows) ? CLI_FOUND : CLI_DONE;
    json_decref(rows);
    return exit_status;
}

static int dead_show(const struct cli_command *command, PGconn *conn, int words, char **argv,
                     struct failure *fail)
{
    json_t *letter = NULL;

    if (words != 1)
        return cli_usage(command, "`dead show` takes one event id");
    const char *const params[] = {argv[0]};
    if (db_json(conn, "SELECT ops.dead_letter_show($1)", 1, params, &letter, fail))
        return cli_fail(fail);
    if (!letter || json_is_null(letter)) {
        (void)failf(fail, ERR_NOT_FOUND, "%s is no dead letter; `instep dead list` shows them", argv[0]);
        json_decref(letter);
        return cli_fail(fail);
    }
    json_print(letter); /* it has no fixed columns, and a person reads indented JSON well enough */
    json_decref(letter);
    return CLI_DONE;
}

/* What `dead retry` is asked for, as ops.dead_letter_take_for_retry wants it. NULL: said why. */
static json_t *selector_of(const struct cli_command *command, const struct dead_options *options, int words,
                           char **argv)
{
    int named = (words > 0) + (options->class != NULL) + options->all;

    if (named != 1 || words > 1) {
        (void)cli_usage(command,
                        "`dead retry` takes one of: an event id, a customer id, --class NAME, --all");
        return NULL;
    }
    if (options->all)
        return json_pack("{s:b}", "all", 1);
    if (options->class)
        return json_pack("{s:s}", "class", options->class);
    bool event = !strncmp(argv[0], "evt_", 4) || !strncmp(argv[0], "sync_", 5);
    return json_pack("{s:s}", event ? "event" : "customer", argv[0]);
}

static enum err letter_enqueue(struct cli_queue *queue, const json_t *row, struct failure *fail)
{
    char key[QUEUE_KEY_BYTES_MAX + 1];
    const char *account = text_of(row, "account");
    int len = snprintf(key, sizeof key, "%s:%s", account, text_of(row, "subject"));

    if (len < 0 || (size_t)len >= sizeof key)
        return failf(fail, ERR_LIMIT, "%s: its key is too long", text_of(row, "event_id"));
    struct envelope envelope = {.event_id = text_of(row, "event_id"),
                                .type = text_of(row, "type"),
                                .object_id = text_of(row, "object_id"),
                                .object_type = text_of(row, "object_type"),
                                .customer = text_of(row, "customer"),
                                .account = strcmp(account, "self") != 0 ? account : "",
                                .api_version = text_of(row, "api_version"),
                                .created = json_integer_value(json_object_get(row, "created")),
                                .received_ms = json_integer_value(json_object_get(row, "received_ms")),
                                .livemode = json_is_true(json_object_get(row, "livemode")),
                                .lane = QUEUE_INTERACTIVE};
    return cli_queue_enqueue(queue, key, &envelope, fail);
}

static int dead_retry(const struct cli_command *command, PGconn *conn, const struct config *config,
                      const struct dead_options *options, int words, char **argv, struct failure *fail)
{
    struct cli_queue *queue = NULL;
    json_t *selector = selector_of(command, options, words, argv);
    json_t *rows = NULL;
    json_t *row;
    size_t i;
    size_t queued = 0;

    if (!selector)
        return CLI_USAGE;
    char *text = json_dumps(selector, JSON_COMPACT);
    const char *const params[] = {text};
    json_decref(selector);
    /* The queue first: what is marked as retried should really have been. They stay open until a turn succeeds. */
    enum err err = cli_queue_open(config, &queue, fail);
    if (!err)
        err = rows_read(conn, "ops.dead_letter_take_for_retry($1::jsonb)", 1, params, &rows, fail);
    json_array_foreach(rows, i, row)
    {
        if (!err)
            err = letter_enqueue(queue, row, fail);
        queued += !err;
    }
    cli_queue_close(queue);
    free(text);
    if (options->json && rows)
        json_print(rows);
    else if (rows)
        printf("%zu event%s put back into the queue\n", queued, queued == 1 ? "" : "s");
    bool none = !err && !json_array_size(rows);
    json_decref(rows);
    if (err)
        return cli_fail(fail);
    return none && !options->all && !options->class ? CLI_FOUND : CLI_DONE;
}

int cmd_dead(const struct cli_command *command, const struct config *config, int argc, char **argv)
{
    struct dead_options dead = {0};
    const struct cli_option options[] = {{"--json", &dead.json, NULL},
                                         {"--all", &dead.all, NULL},
                                         {"--class", NULL, &dead.class},
                                         {"--limit", NULL, &dead.limit},
                                         {0}};
    struct failure fail = {0};
    PGconn *conn = NULL;
    int words = 0;
    int exit_status = cli_parse(command, options, argc, argv, &words);

    if (exit_status)
        return exit_status;
    const char *verb = words ? argv[1] : "";
    if (strcmp(verb, "list") != 0 && strcmp(verb, "show") != 0 && strcmp(verb, "retry") != 0)
        return cli_usage(command, "say what: list, show or retry");
    if (db_open(config, &conn, &fail))
        return cli_fail(&fail);
    if (!strcmp(verb, "list"))
        exit_status = dead_list(command, conn, &dead, words - 1, &fail);
    else if (!strcmp(verb, "show"))
        exit_status = dead_show(command, conn, words - 1, argv + 2, &fail);
    else
        exit_status = dead_retry(command, conn, config, &dead, words - 1, argv + 2, &fail);
    PQfinish(conn);
    return exit_status;
}
