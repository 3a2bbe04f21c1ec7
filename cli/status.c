/* instep status: what waits, what was done, what is stuck. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/db.h"
#include "cli/services.h"

static json_t *depth_json(const struct queue_depth *depth)
{
    return json_pack("{s:{s:I, s:I, s:I}, s:I, s:I, s:I, s:I, s:I}", "ready",
                     queue_lane_name(QUEUE_INTERACTIVE), (json_int_t)depth->ready[QUEUE_INTERACTIVE],
                     queue_lane_name(QUEUE_WEBHOOK), (json_int_t)depth->ready[QUEUE_WEBHOOK],
                     queue_lane_name(QUEUE_SWEEP), (json_int_t)depth->ready[QUEUE_SWEEP], "delayed",
                     (json_int_t)depth->delayed, "leased", (json_int_t)depth->leased, "oldest_due_age_ms",
                     (json_int_t)depth->oldest_due_age_ms, "oldest_waiting_ms",
                     (json_int_t)depth->oldest_waiting_ms, "buried_total", (json_int_t)depth->buried_total);
}

/* "queue.ready.webhook   3", whatever the database has to tell. */
static void flat_print(const char *prefix, const json_t *value)
{
    char name[160];
    const char *key;
    json_t *member;
    size_t i;

    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
        {
            (void)snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", key);
            flat_print(name, member);
        }
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, member)
        {
            char *line = json_dumps(member, JSON_ENCODE_ANY | JSON_COMPACT);
            printf("%-36s %s\n", prefix, line ? line : "");
            free(line);
        }
    } else if (json_is_string(value)) {
        printf("%-36s %s\n", prefix, json_string_value(value));
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        printf("%-36s %s\n", prefix, text ? text : "");
        free(text);
    }
}

int cmd_status(const struct cli_command *command, const struct config *config, int argc, char **argv)
{
    bool json = false;
    const struct cli_option options[] = {{"--json", &json, NULL}, {0}};
    struct queue_depth depth = {0};
    struct cli_queue *queue = NULL;
    struct failure fail = {0};
    PGconn *conn = NULL;
    json_t *database = NULL;
    int words = 0;
    int exit_status = cli_parse(command, options, argc, argv, &words);

    if (!exit_status && words)
        exit_status = cli_usage(command, "takes no arguments");
    if (exit_status)
        return exit_status;
    enum err err = db_open(config, &conn, &fail);
    if (!err)
        err = db_json(conn, "SELECT ops.status()", 0, NULL, &database, &fail);
    if (!err)
        err = cli_queue_open(config, &queue, &fail);
    if (!err)
        err = cli_queue_measure(queue, &depth, &fail);
    if (err) {
        exit_status = cli_fail(&fail);
    } else {
        json_t *root = json_pack("{s:o, s:O?}", "queue", depth_json(&depth), "database", database);
        if (json) {
            (void)json_dumpf(root, stdout, JSON_INDENT(2));
            (void)putchar('\n');
        } else
            flat_print("", root);
        json_decref(root);
    }
    json_decref(database);
    cli_queue_close(queue);
    PQfinish(conn);
    return exit_status;
}
