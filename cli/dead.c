/* instep dead: events that were given up, and another chance for them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/db.h"
#include "cli/services.h"
#include "cli/text.h"

#define LIST_LIMIT     100
#define LIST_LIMIT_MAX 100000

/* As the constraint dead_letter_class_known has them. */
static const char *const classes[] = {"stripe_transient", "stripe_permanent", "unknown_user",
                                      "unknown_shape",    "policy",           "bug"};

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
    char text[2048];
    size_t i;
    json_t *row;

    if (!json_array_size(rows)) {
        puts("no dead letters");
        return;
    }
    printf("%-17s %-30s %-24s %8s  %-20s %s\n", "CLASS", "EVENT", "SUBJECT", "ATTEMPTS", "BURIED", "ERROR");
    /* Ids and errors repeat what others sent. */
    json_array_foreach(rows, i, row)
    {
        printf("%-17s %-30s ", text_of(row, "class"),
               text_plain(text_of(row, "event_id"), text, sizeof text));
        printf("%-24s %8" JSON_INTEGER_FORMAT "  %-20.19s ",
               text_plain(text_of(row, "subject"), text, sizeof text),
               json_integer_value(json_object_get(row, "attempts")), text_of(row, "buried_at"));
        puts(text_plain(text_of(row, "error"), text, sizeof text));
    }
}

static int dead_list(PGconn *conn, const struct dead_options *options, struct failure *fail)
{
    char limit_text[24];
    const char *params[] = {options->class, limit_text};
    int64_t limit = LIST_LIMIT;
    json_t *rows = NULL;

    if (options->limit && cli_number("--limit", options->limit, 1, LIST_LIMIT_MAX, &limit))
        return CLI_USAGE;
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

static int dead_show(PGconn *conn, char **argv, struct failure *fail)
{
    json_t *letter = NULL;

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

/* What `dead retry` is asked for, as ops.dead_letter_take_for_retry wants it. */
static json_t *selector_of(const struct dead_options *options, char **argv)
{
    if (options->all)
        return json_pack("{s:b}", "all", 1);
    if (options->class)
        return json_pack("{s:s}", "class", options->class);
    bool event = !strncmp(argv[0], "evt_", 4) || !strncmp(argv[0], "sync_", 5);
    return json_pack("{s:s}", event ? "event" : "customer", argv[0]);
}

/* The letters that a selector means, unmarked: the function marks, so its transaction is undone. */
static enum err letters_find(PGconn *conn, const json_t *selector, json_t **ret_rows, struct failure *fail)
{
    char *text = json_dumps(selector, JSON_COMPACT);
    const char *const params[] = {text};
    enum err err = text ? db_exec(conn, "BEGIN", fail) : failf(fail, ERR_NOMEM, "out of memory");

    if (!err)
        err = rows_read(conn, "ops.dead_letter_take_for_retry($1::jsonb)", 1, params, ret_rows, fail);
    if (!err)
        err = db_exec(conn, "ROLLBACK", fail);
    free(text);
    return err;
}

/* Write down that it got another chance. It may be settled by now, which is as well. */
static enum err letter_mark(PGconn *conn, const json_t *row, struct failure *fail)
{
    const char *const params[] = {text_of(row, "event_id"), text_of(row, "subject")};
    PGresult *result = NULL;
    enum err err = db_query(conn,
                            "SELECT count(*) FROM ops.dead_letter_take_for_retry("
                            "jsonb_build_object('event', $1::text, 'customer', $2::text))",
                            2, params, &result, fail);

    PQclear(result);
    return err;
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

/*
 * One after the other, each first queued and then marked: whatever interrupts it, what is marked was queued. A letter
 * that cannot be queued does not stand in the way of the others. *ret_queued are those that were.
 */
static enum err letters_retry(PGconn *conn, struct cli_queue *queue, const json_t *rows, json_t *ret_queued,
                              size_t *ret_refused, struct failure *fail)
{
    size_t i;
    json_t *row;

    json_array_foreach(rows, i, row)
    {
        enum err err = letter_enqueue(queue, row, fail);
        if (err == ERR_INVALID || err == ERR_LIMIT) {
            (void)cli_fail(fail);
            ++*ret_refused;
            continue;
        }
        if (!err)
            (void)json_array_append(ret_queued, row);
        if (!err)
            err = letter_mark(conn, row, fail);
        if (err)
            return err;
    }
    return ERR_OK;
}

static int dead_retry(PGconn *conn, const struct config *config, const struct dead_options *options,
                      char **argv, struct failure *fail)
{
    struct cli_queue *queue = NULL;
    json_t *selector = selector_of(options, argv);
    json_t *queued = json_array();
    json_t *rows = NULL;
    size_t refused = 0;
    enum err err = cli_queue_open(config, &queue, fail);

    if (!err)
        err = letters_find(conn, selector, &rows, fail);
    if (!err)
        err = letters_retry(conn, queue, rows, queued, &refused, fail);
    cli_queue_close(queue);
    if (options->json && rows)
        json_print(queued);
    else if (rows)
        printf("%zu event%s put back into the queue\n", json_array_size(queued),
               json_array_size(queued) == 1 ? "" : "s");
    bool none = !err && !json_array_size(rows) && !options->all && !options->class;
    json_decref(selector);
    json_decref(queued);
    json_decref(rows);
    if (err)
        return cli_fail(fail);
    return none || refused ? CLI_FOUND : CLI_DONE;
}

static int class_check(const struct cli_command *command, const char *class)
{
    for (size_t i = 0; class && i < sizeof classes / sizeof classes[0]; i++)
        if (!strcmp(classes[i], class))
            return CLI_DONE;
    return class ? cli_usage(command,
                             "there is no class '%s': they are stripe_transient, stripe_permanent, "
                             "unknown_user, unknown_shape, policy, bug",
                             class)
                 : CLI_DONE;
}

/* Before anything is connected to: are the words after the verb what it takes? */
static int words_check(const struct cli_command *command, const struct dead_options *options,
                       const char *verb, int words, char **argv)
{
    int named = (words > 0) + (options->class != NULL) + options->all;

    if (!strcmp(verb, "list") && words)
        return cli_usage(command, "`dead list` takes no further words");
    if (!strcmp(verb, "show") && words != 1)
        return cli_usage(command, "`dead show` takes one event id");
    if (!strcmp(verb, "retry") && (named != 1 || words > 1))
        return cli_usage(command,
                         "`dead retry` takes one of: an event id, a customer id, --class NAME, --all");
    if (!strcmp(verb, "retry") && words && !cli_is_id(argv[0], ""))
        return cli_usage(command, "that is neither an event's id nor a customer's");
    return class_check(command, options->class);
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
    exit_status = words_check(command, &dead, verb, words - 1, argv + 2);
    if (exit_status)
        return exit_status;
    if (db_open(config, DB_OPERATE, &conn, &fail))
        return cli_fail(&fail);
    if (!strcmp(verb, "list"))
        exit_status = dead_list(conn, &dead, &fail);
    else if (!strcmp(verb, "show"))
        exit_status = dead_show(conn, argv + 2, &fail);
    else
        exit_status = dead_retry(conn, config, &dead, argv + 2, &fail);
    PQfinish(conn);
    return exit_status;
}
