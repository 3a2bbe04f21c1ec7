/* instep status: what waits, what was done, what is stuck. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/db.h"
#include "cli/services.h"

static json_t *depth_json(const struct queue_depth *depth)
{
    return json_pack("{s:{s:I, s:I, s:I}, s:I, s:I, s:I, s:I, s:I, s:I}", "ready",
                     queue_lane_name(QUEUE_INTERACTIVE), (json_int_t)depth->ready[QUEUE_INTERACTIVE],
                     queue_lane_name(QUEUE_WEBHOOK), (json_int_t)depth->ready[QUEUE_WEBHOOK],
                     queue_lane_name(QUEUE_SWEEP), (json_int_t)depth->ready[QUEUE_SWEEP], "delayed",
                     (json_int_t)depth->delayed, "leased", (json_int_t)depth->leased, "resting",
                     (json_int_t)depth->resting, "oldest_due_age_ms", (json_int_t)depth->oldest_due_age_ms,
                     "oldest_waiting_ms", (json_int_t)depth->oldest_waiting_ms, "buried_total",
                     (json_int_t)depth->buried_total);
}

static json_int_t number_at(const json_t *root, const char *group, const char *key)
{
    return json_integer_value(json_object_get(group ? json_object_get(root, group) : root, key));
}

/* "3.2 s", "450 ms", "2 h": for people. */
static const char *age_text(int64_t age_ms, char text[32])
{
    if (age_ms < 1000)
        (void)snprintf(text, 32, "%" PRId64 " ms", age_ms);
    else if (age_ms < 120000)
        (void)snprintf(text, 32, "%" PRId64 ".%" PRId64 " s", age_ms / 1000, age_ms % 1000 / 100);
    else if (age_ms < 7200000)
        (void)snprintf(text, 32, "%" PRId64 " min", age_ms / 60000);
    else
        (void)snprintf(text, 32, "%" PRId64 " h", age_ms / 3600000);
    return text;
}

static void queue_print(const struct queue_depth *depth)
{
    char waiting[32];
    char due[32];

    printf("queue      customers ready: interactive %" PRId64 ", webhook %" PRId64 ", sweep %" PRId64
           "; delayed %" PRId64 "; in a turn %" PRId64 "; resting after one %" PRId64 "\n",
           depth->ready[QUEUE_INTERACTIVE], depth->ready[QUEUE_WEBHOOK], depth->ready[QUEUE_SWEEP],
           depth->delayed, depth->leased, depth->resting);
    printf("           oldest waiting %s; most overdue %s\n", age_text(depth->oldest_waiting_ms, waiting),
           age_text(depth->oldest_due_age_ms, due));
}

/* "applied 812, ignored 20", or the word for an empty object. */
static void counts_print(const char *title, const json_t *counts, const char *none)
{
    const char *key;
    json_t *value;
    const char *comma = "";

    printf("%-10s", title);
    json_object_foreach((json_t *)(uintptr_t)counts, key, value)
    {
        printf("%s %s %" JSON_INTEGER_FORMAT, comma, key, json_integer_value(value));
        comma = ",";
    }
    puts(*comma ? "" : none);
}

static void sales_print(const json_t *sales)
{
    const char *currency;
    json_t *sum;

    json_object_foreach((json_t *)(uintptr_t)sales, currency, sum)
    {
        printf("sales      %s: %" JSON_INTEGER_FORMAT " minor units in %" JSON_INTEGER_FORMAT " sales\n",
               currency, number_at(sum, NULL, "sales"), number_at(sum, NULL, "count"));
    }
}

/* What needs a person has a line of its own, with what shows it. */
static void concern_print(json_int_t count, const char *what)
{
    if (count)
        printf("           %s: %" JSON_INTEGER_FORMAT "\n", what, count);
}

static void credits_print(const json_t *root)
{
    const json_t *credits = json_object_get(root, "credits");

    counts_print("trials", json_object_get(root, "trials"), " none");
    concern_print(number_at(root, NULL, "stuck_trials"), "stuck, dashboard.stuck_trials says why");
    printf("credits    holders %" JSON_INTEGER_FORMAT "; credits that wait for a user %" JSON_INTEGER_FORMAT
           "\n",
           number_at(credits, NULL, "holders"), number_at(credits, NULL, "orphaned"));
    concern_print(number_at(credits, NULL, "late"), "due for more than ten minutes (does a worker lead?)");
    concern_print(number_at(credits, NULL, "failing"),
                  "fail and are tried every hour; why: credits_error of ledger.subscription, settle_error of "
                  "ledger.credit_holder");
    concern_print(number_at(root, NULL, "plan_errors"),
                  "products whose plan is not taken (instep plans list)");
}

static void database_print(const json_t *root)
{
    const json_t *turns = json_object_get(root, "turns");
    const char *mode = json_string_value(json_object_get(root, "mode"));
    json_int_t reads = number_at(turns, NULL, "stripe_reads");
    json_int_t tenths = reads ? number_at(turns, NULL, "events") * 10 / reads : 0;

    printf("ledger     mode %s; customers %" JSON_INTEGER_FORMAT " (%" JSON_INTEGER_FORMAT
           " without a user); entitled users %" JSON_INTEGER_FORMAT "; entries %" JSON_INTEGER_FORMAT "\n",
           mode ? mode : "not pinned yet", number_at(root, NULL, "customers"),
           number_at(root, NULL, "orphans"), number_at(root, NULL, "entitled_users"),
           number_at(root, NULL, "entries"));
    sales_print(json_object_get(root, "sales"));
    if (number_at(root, NULL, "flagged_sales"))
        printf("           %" JSON_INTEGER_FORMAT " sales are flagged for a person to look at\n",
               number_at(root, NULL, "flagged_sales"));
    counts_print("subs", json_object_get(root, "subscriptions"), " none");
    credits_print(root);
    counts_print("events", json_object_get(root, "events"), " none");
    printf("turns      applied %" JSON_INTEGER_FORMAT ", failed %" JSON_INTEGER_FORMAT
           "; Stripe reads %" JSON_INTEGER_FORMAT "; events absorbed per read %" JSON_INTEGER_FORMAT
           ".%" JSON_INTEGER_FORMAT "\n",
           number_at(turns, NULL, "applied"), number_at(turns, NULL, "failed"), reads, tenths / 10,
           tenths % 10);
    printf("lag        half within %" JSON_INTEGER_FORMAT " ms, all within %" JSON_INTEGER_FORMAT
           " ms (webhook to ledger, last 100 events)\n",
           number_at(root, "lag_ms", "p50"), number_at(root, "lag_ms", "max"));
    counts_print("dead", json_object_get(json_object_get(root, "dead_letters"), "by_class"), " none");
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
    enum err err = db_open(config, DB_OPERATE, &conn, &fail);
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
        } else {
            queue_print(&depth);
            database_print(database);
        }
        json_decref(root);
        exit_status = number_at(database, "dead_letters", "open") || number_at(database, NULL, "stuck_trials")
                          ? CLI_FOUND
                          : CLI_DONE;
    }
    json_decref(database);
    cli_queue_close(queue);
    PQfinish(conn);
    return exit_status;
}
