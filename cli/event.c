/* instep event: all that is known of one event. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/db.h"

int cmd_event(const struct cli_command *command, const struct config *config, int argc, char **argv)
{
    const struct cli_option options[] = {{0}};
    struct failure fail = {0};
    PGconn *conn = NULL;
    json_t *event = NULL;
    int words = 0;
    int exit_status = cli_parse(command, options, argc, argv, &words);

    if (!exit_status && (words != 1 || !cli_is_id(argv[1], "")))
        exit_status = cli_usage(command, "name an event (evt_…)");
    if (exit_status)
        return exit_status;
    const char *const params[] = {argv[1]};
    enum err err = db_open(config, DB_OPERATE, &conn, &fail);
    if (!err)
        err = db_json(conn, "SELECT ops.event_show($1)", 1, params, &event, &fail);
    if (!err && !json_is_object(event))
        err =
            failf(&fail, ERR_NOT_FOUND,
                  "%s is not recorded: it never came, still waits (`instep status`), or was pruned", argv[1]);
    if (err) {
        exit_status = cli_fail(&fail);
    } else { /* it has no fixed columns, and a person reads indented JSON well enough */
        (void)json_dumpf(event, stdout, JSON_INDENT(2));
        (void)putchar('\n');
    }
    json_decref(event);
    PQfinish(conn);
    return exit_status;
}
