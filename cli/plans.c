/* instep plans: what plans there are, and loading them from a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/db.h"
#include "cli/plans_file.h"
#include "cli/text.h"

#define SOURCE_BYTES_MAX 280 /* ledger.load_plans takes 300 characters */

struct plans_options {
    bool json;
    bool dry_run;
    const char *from;
};

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

static void json_print(const json_t *json)
{
    (void)json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    (void)putchar('\n');
}

/* A value as a person reads it: a word without quotes, "" for null; into buffer, made harmless. */
static const char *value_text(const json_t *value, char *buffer, size_t len)
{
    if (json_is_string(value))
        return text_plain(json_string_value(value), buffer, len);
    char *dump = value && !json_is_null(value) ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    (void)text_plain(dump, buffer, len);
    free(dump);
    return buffer;
}

/* --- list --- */

static const struct {
    const char *title;
    const char *key;
    int width; /* at least; negative: to the left */
} columns[] = {
    {"PLAN", "plan_key", -20},          {"VERSION", "version", 7},
    {"SINCE", "valid_from", -20},       {"RANK", "rank", 5},
    {"MONTHLY", "monthly_credits", 10}, {"TRIAL", "trial_credits", 10},
    {"ROLLOVER", "rollover", -14},      {"PRICES", "prices", 6},
    {"SUBS", "subscriptions", 6},       {"SOURCE", "source", 1},
};
#define COLUMNS_COUNT (sizeof columns / sizeof columns[0])

static void list_print(const json_t *list)
{
    char text[1024];
    size_t i;
    json_t *row;

    if (!json_array_size(json_object_get(list, "plans")))
        puts("no plans");
    else
        for (size_t c = 0; c < COLUMNS_COUNT; c++)
            printf("%*s%s", columns[c].width, columns[c].title, c + 1 < COLUMNS_COUNT ? "  " : "\n");
    json_array_foreach(json_object_get(list, "plans"), i, row)
    {
        for (size_t c = 0; c < COLUMNS_COUNT; c++) {
            const char *shown = value_text(json_object_get(row, columns[c].key), text, sizeof text);
            printf("%*s%s", columns[c].width, *shown ? shown : "-", c + 1 < COLUMNS_COUNT ? "  " : "\n");
        }
    }
    json_array_foreach(json_object_get(list, "products"), i, row)
    {
        printf("%s: ", text_plain(text_of(row, "product"), text, sizeof text));
        puts(text_plain(text_of(row, "error"), text, sizeof text));
    }
}

static int plans_list(PGconn *conn, const struct plans_options *options, struct failure *fail)
{
    json_t *list = NULL;

    if (db_json(conn, "SELECT ops.plan_list()", 0, NULL, &list, fail))
        return cli_fail(fail);
    if (options->json)
        json_print(list);
    else
        list_print(list);
    int exit_status = json_array_size(json_object_get(list, "products")) ? CLI_FOUND : CLI_DONE;
    json_decref(list);
    return exit_status;
}

/* --- show, export: no fixed columns, and a person reads indented JSON well enough --- */

static int plans_show(PGconn *conn, const char *plan_key, struct failure *fail)
{
    const char *const params[] = {plan_key};
    json_t *plan = NULL;

    if (db_json(conn, "SELECT ops.plan_show($1)", 1, params, &plan, fail))
        return cli_fail(fail);
    if (!plan || json_is_null(plan)) {
        json_decref(plan);
        (void)failf(fail, ERR_NOT_FOUND, "there is no plan %s; `instep plans list` shows them", plan_key);
        return cli_fail(fail);
    }
    json_print(plan);
    json_decref(plan);
    return CLI_DONE;
}

static int plans_export(PGconn *conn, struct failure *fail)
{
    json_t *plans = NULL;

    if (db_json(conn, "SELECT ops.plan_export()", 0, NULL, &plans, fail))
        return cli_fail(fail);
    json_print(plans);
    json_decref(plans);
    return CLI_DONE;
}

/* --- load --- */

/* --from as Postgres shall have it. A day is its beginning in UTC. */
static int from_parse(const char *from, char text[32])
{
    static const char *const formats[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"};

    for (size_t i = 0; from && i < sizeof formats / sizeof formats[0]; i++) {
        struct tm moment = {0};
        const char *end = strptime(from, formats[i], &moment);
        int day = moment.tm_mday;
        time_t at = timegm(&moment);
        /* February 30 would become a day of March. */
        if (end && !*end && moment.tm_mday == day && at > 0 &&
            strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &moment))
            return CLI_DONE;
    }
    if (!from)
        return CLI_DONE;
    (void)fprintf(
        stderr,
        "instep: --from takes a day (2026-12-01) or a moment in UTC (2026-12-01T06:00:00Z), not '%s'\n",
        from);
    return CLI_USAGE;
}

/* Each fault on a line of its own: file:line: plans.pro.rank: what is wrong. */
static void faults_print(const struct plans_file *file, const json_t *faults)
{
    char text[1024];
    size_t i;
    size_t j;
    json_t *fault;
    json_t *part;

    json_array_foreach(faults, i, fault)
    {
        const json_t *path = json_object_get(fault, "path");
        (void)fprintf(stderr, "%s:%u: ", file->name, plans_file_line(file, path));
        json_array_foreach(path, j, part)
        {
            (void)fprintf(stderr, "%s%s", j ? "." : "",
                          text_plain(json_string_value(part), text, sizeof text));
        }
        (void)fprintf(stderr, ": %s\n", text_plain(text_of(fault, "problem"), text, sizeof text));
    }
}

static void change_print(const json_t *row)
{
    const char *change = text_of(row, "change");
    const char *field = text_of(row, "field");
    const json_t *before = json_object_get(row, "before");
    bool is_new = json_is_null(before);
    char was[400];
    char is[400];
    char name[400];

    (void)value_text(before, was, sizeof was);
    (void)value_text(json_object_get(row, "after"), is, sizeof is);
    if (!strcmp(change, "match")) {
        (void)text_plain(field, name, sizeof name);
        printf("%s: %s -> %s\n", name, *was ? was : "no plan", *is ? is : "no plan");
    } else if (!strcmp(field, "version")) {
        printf("plan %s: version %s%s", text_plain(text_of(row, "plan_key"), name, sizeof name), is,
               strcmp(change, "new") != 0 ? "" : ", new");
    } else if (!strcmp(field, "valid_from")) {
        printf(", for periods from %s on\n", is);
    } else if (is_new) {
        printf("  + %-18s %s\n", text_plain(field, name, sizeof name), is);
    } else if (!*is) {
        printf("  - %-18s %s\n", text_plain(field, name, sizeof name), was);
    } else {
        printf("  ~ %-18s %s -> %s\n", text_plain(field, name, sizeof name), was, is);
    }
}

static void changes_print(const json_t *rows, bool dry_run)
{
    size_t i;
    json_t *row;

    json_array_foreach(rows, i, row)
    {
        change_print(row);
    }
    if (!json_array_size(rows))
        puts("everything is as the file says already");
    else if (dry_run)
        puts("nothing was loaded (--dry-run)");
}

static enum err load(PGconn *conn, const struct plans_options *options, const struct plans_file *file,
                     json_t **ret_faults, json_t **ret_rows, struct failure *fail)
{
    const char *slash = strrchr(file->name, '/');
    char source[SOURCE_BYTES_MAX + 8];
    char by[80];
    char from[32] = "";
    char *plans = json_dumps(file->root, JSON_COMPACT);
    const char *const params[] = {plans, source, by, options->dry_run ? "true" : "false", NULL};
    const char *with_from[] = {plans, source, by, params[3], from};

    (void)snprintf(source, sizeof source, "file %.*s", SOURCE_BYTES_MAX, slash ? slash + 1 : file->name);
    cli_operator_name(by, sizeof by);
    (void)from_parse(options->from, from); /* which has passed already */
    enum err err = plans ? ERR_OK : failf(fail, ERR_NOMEM, "out of memory");
    if (!err)
        err = db_json(conn,
                      "SELECT coalesce(jsonb_agg(to_jsonb(e)), '[]') FROM ledger.plan_errors($1::jsonb) AS e",
                      1, params, ret_faults, fail);
    if (!err && !json_array_size(*ret_faults))
        err = db_json(conn,
                      "SELECT coalesce(jsonb_agg(to_jsonb(l)), '[]') FROM "
                      "ledger.load_plans($1::jsonb, $2, $3, $4::boolean, $5::timestamptz) AS l",
                      5, *from ? with_from : params, ret_rows, fail);
    free(plans);
    return err;
}

static int plans_load(PGconn *conn, const struct plans_options *options, const struct plans_file *file,
                      struct failure *fail)
{
    json_t *faults = NULL;
    json_t *rows = NULL;
    int exit_status = CLI_DONE;

    if (load(conn, options, file, &faults, &rows, fail)) {
        exit_status = cli_fail(fail);
    } else if (json_array_size(faults)) {
        faults_print(file, faults);
        (void)fputs("instep: nothing was loaded\n", stderr);
        exit_status = CLI_USAGE;
    } else {
        if (options->json)
            json_print(rows);
        else
            changes_print(rows, options->dry_run);
        if (options->dry_run && json_array_size(rows))
            exit_status = CLI_FOUND;
    }
    json_decref(faults);
    json_decref(rows);
    return exit_status;
}

/* --- the command --- */

enum act { ACT_LIST, ACT_SHOW, ACT_LOAD, ACT_EXPORT, ACT_COUNT };

static const struct {
    const char *name;
    int words; /* with itself */
    const char *wants;
} acts[ACT_COUNT] = {
    [ACT_LIST] = {"list", 1, "list takes no arguments"},
    [ACT_SHOW] = {"show", 2, "show takes the key of a plan"},
    [ACT_LOAD] = {"load", 2, "load takes a file, or - for standard input"},
    [ACT_EXPORT] = {"export", 1, "export takes no arguments"},
};

static enum act act_find(const char *name)
{
    for (int act = 0; act < ACT_COUNT; act++)
        if (!strcmp(acts[act].name, name))
            return (enum act)act;
    return ACT_COUNT;
}

static int options_check(const struct cli_command *command, const struct plans_options *options, enum act act,
                         int words)
{
    char from[32];

    if (act == ACT_COUNT)
        return cli_usage(command, "list, show, load or export?");
    if (words != acts[act].words)
        return cli_usage(command, "%s", acts[act].wants);
    if (act != ACT_LOAD && (options->dry_run || options->from))
        return cli_usage(command, "--dry-run and --from go with load");
    return from_parse(options->from, from);
}

static int act_run(PGconn *conn, enum act act, const struct plans_options *options, const char *word,
                   const struct plans_file *file, struct failure *fail)
{
    switch (act) {
    case ACT_LIST: return plans_list(conn, options, fail);
    case ACT_SHOW: return plans_show(conn, word, fail);
    case ACT_LOAD: return plans_load(conn, options, file, fail);
    default: return plans_export(conn, fail);
    }
}

int cmd_plans(const struct cli_command *command, const struct config *config, int argc, char **argv)
{
    struct plans_options options = {0};
    const struct cli_option known[] = {{"--json", &options.json, NULL},
                                       {"--dry-run", &options.dry_run, NULL},
                                       {"--from", NULL, &options.from},
                                       {0}};
    struct plans_file file = {0};
    struct failure fail = {0};
    PGconn *conn = NULL;
    int words = 0;
    int exit_status = cli_parse(command, known, argc, argv, &words);
    enum act act = !exit_status && words ? act_find(argv[1]) : ACT_COUNT;

    if (!exit_status)
        exit_status = options_check(command, &options, act, words);
    if (exit_status)
        return exit_status;
    const char *word = words > 1 ? argv[2] : "";
    enum err err = act == ACT_LOAD ? plans_file_read(word, &file, &fail) : ERR_OK;
    if (!err)
        err = db_open(config, DB_OPERATE, &conn, &fail);
    exit_status = err ? cli_fail(&fail) : act_run(conn, act, &options, word, &file, &fail);
    plans_file_release(&file);
    PQfinish(conn);
    return exit_status;
}
