/* instep prune: forget what led to nothing and is old enough. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/db.h"

#define PORTION  "1000" /* rows looked at per transaction: short ones, so that turns are not held up */
#define DAYS_MIN 31     /* as ops.prune_limit has it */
#define DAYS_MAX 36500

/* What is walked, in this order: an event names its turn, a turn has its payloads. */
struct prune_walk {
    const char *what; /* key of the JSON answer */
    const char *sql;  /* one portion */
    int64_t seen, removed, letters;
};

struct prune_options {
    const char *before; /* an interval before now, as Postgres writes it */
    bool dry;
    bool json;
};

static int64_t count_at(const json_t *answer, const char *key)
{
    return json_integer_value(json_object_get(answer, key));
}

/* One line that is written over on a terminal; nothing in a log, where the end is enough. */
static void progress_print(const struct prune_walk *walk, bool end)
{
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r%-8s %10" PRId64 " looked at, %10" PRId64 " to go%s", walk->what, walk->seen,
                      walk->removed, end ? "\n" : "");
}

static enum err walk_all(PGconn *conn, struct prune_walk *walk, const struct prune_options *options,
                         struct failure *fail)
{
    char *after = NULL;
    bool more = true;
    enum err err = ERR_OK;

    while (!err && more) {
        const char *const params[] = {options->before, after, PORTION, options->dry ? "true" : "false"};
        json_t *answer = NULL;
        err = db_json(conn, walk->sql, 4, params, &answer, fail);
        free(after);
        after = NULL;
        if (err)
            break;
        walk->seen += count_at(answer, "seen");
        walk->removed += count_at(answer, "removed");
        walk->letters += count_at(answer, "letters");
        more = json_is_object(json_object_get(answer, "after"));
        if (more && !(after = json_dumps(json_object_get(answer, "after"), JSON_COMPACT)))
            err = failf(fail, ERR_NOMEM, "out of memory");
        json_decref(answer);
        progress_print(walk, err || !more);
    }
    free(after);
    return err;
}

static int result_print(const struct prune_walk *walks, size_t count, const struct prune_options *options)
{
    const char *verb = options->dry ? "would go" : "removed";

    if (options->json) {
        json_t *root = json_pack("{s:b}", "dry_run", options->dry);
        for (size_t i = 0; root && i < count; i++)
            if (json_object_set_new(root, walks[i].what,
                                    json_pack("{s:I, s:I}", "seen", (json_int_t)walks[i].seen, "removed",
                                              (json_int_t)walks[i].removed)))
                return CLI_UNREACHABLE;
        (void)json_dumpf(root, stdout, JSON_INDENT(2));
        (void)putchar('\n');
        json_decref(root);
        return CLI_DONE;
    }
    for (size_t i = 0; i < count; i++)
        printf("%-8s  %" PRId64 " %s, %" PRId64 " of the same age stay\n", walks[i].what, walks[i].removed,
               verb, walks[i].seen - walks[i].removed);
    if (walks[1].letters)
        printf("          with %" PRId64 " settled dead letters\n", walks[1].letters);
    return CLI_DONE;
}

int cmd_prune(const struct cli_command *command, const struct config *config, int argc, char **argv)
{
#define PORTION_OF(function)                                                                                 \
    "SELECT ops." function "(clock_timestamp() - $1::interval, $2::jsonb, $3::integer, $4::boolean)"
    struct prune_walk walks[] = {{.what = "payloads", .sql = PORTION_OF("prune_payloads")},
                                 {.what = "events", .sql = PORTION_OF("prune_events")},
                                 {.what = "turns", .sql = PORTION_OF("prune_turns")}};
    const size_t walks_count = sizeof walks / sizeof walks[0];
    const char *days_text = NULL;
    int64_t days = config->retention_days;
    struct prune_options how = {0};
    char before[40];
    const struct cli_option options[] = {
        {"--dry-run", &how.dry, NULL}, {"--json", &how.json, NULL}, {"--older-than", NULL, &days_text}, {0}};
    struct failure fail = {0};
    PGconn *conn = NULL;
    int words = 0;
    int exit_status = cli_parse(command, options, argc, argv, &words);

    if (!exit_status && words > 0)
        exit_status = cli_usage(command, "there is nothing to name");
    if (!exit_status && days_text)
        exit_status = cli_number("--older-than", days_text, DAYS_MIN, DAYS_MAX, &days);
    if (exit_status)
        return exit_status;
    (void)snprintf(before, sizeof before, "%" PRId64 " days", days);
    how.before = before;
    enum err err = db_open(config, DB_OPERATE, &conn, &fail);
    for (size_t i = 0; !err && i < walks_count; i++)
        err = walk_all(conn, &walks[i], &how, &fail);
    exit_status = err ? cli_fail(&fail) : result_print(walks, walks_count, &how);
    PQfinish(conn);
    return exit_status;
}
