/* instep verify: is the ledger what it promises to be, and what Stripe says? */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/db.h"
#include "cli/services.h"
#include "cli/text.h"
#include "cli/truth.h"

#define DIFFERENCES_SHOWN 20
#define TEXT_BYTES        2048
#define STRIPE_ITSELF     "https://api.stripe.com"

struct verify {
    json_t *checks;      /* [{"check", "ok", "detail"}] */
    json_t *differences; /* the first ones: [{"where", "truth", "ledger"}] */
    size_t failed;
    struct truth_summary truth;
    bool truth_wanted; /* it is a failure when there is none to compare with */
    bool truth_compared;
    bool quiet; /* output is JSON, printed at the end */
};

static enum err invariants_check(PGconn *conn, struct verify *verify, struct failure *fail)
{
    PGresult *rows = NULL;
    char text[TEXT_BYTES];
    enum err err =
        db_query(conn, "SELECT check_name, ok, coalesce(detail, '') FROM ops.verify()", 0, NULL, &rows, fail);

    if (err)
        return err;
    for (int i = 0; i < PQntuples(rows); i++) {
        const char *name = PQgetvalue(rows, i, 0);
        const char *detail = PQgetvalue(rows, i, 2);
        bool good = PQgetvalue(rows, i, 1)[0] == 't';
        verify->failed += !good;
        if (!verify->quiet)
            printf("%-8s %s%s%s\n", good ? "ok" : "NOT OK", name, *detail ? ": " : "",
                   text_plain(detail, text, sizeof text));
        (void)json_array_append_new(
            verify->checks, json_pack("{s:s, s:b, s:s}", "check", name, "ok", (int)good, "detail", detail));
    }
    if (!PQntuples(rows))
        err = failf(fail, ERR_PROTOCOL, "ops.verify() checked nothing");
    PQclear(rows);
    return err;
}

static void on_difference(const char *where, const char *truth, const char *ledger, void *arg)
{
    struct verify *verify = arg;
    char text[TEXT_BYTES];

    if (json_array_size(verify->differences) >= DIFFERENCES_SHOWN)
        return;
    if (!verify->quiet) {
        printf("NOT OK   %s: ", text_plain(where, text, sizeof text));
        printf("the truth is %s, ", text_plain(truth, text, sizeof text));
        printf("the ledger has %s\n", text_plain(ledger, text, sizeof text));
    }
    (void)json_array_append_new(
        verify->differences, json_pack("{s:s, s:s, s:s}", "where", where, "truth", truth, "ledger", ledger));
}

/* Half a truth would compare half of the ledger, and say that all is well. */
static enum err shape_check(const json_t *export, const char *whose, struct failure *fail)
{
    if (json_is_array(json_object_get(export, "customers")) &&
        json_is_array(json_object_get(export, "guest_sales")) &&
        json_is_object(json_object_get(export, "totals")))
        return ERR_OK;
    return failf(fail, ERR_PROTOCOL, "%s is not whole: it lacks customers, guest_sales or totals", whose);
}

/* There is nothing to compare with: fine, unless somebody insists. */
static enum err truth_lacks(const struct verify *verify, const char *why, struct failure *fail)
{
    if (verify->truth_wanted)
        return failf(fail, ERR_UNAVAILABLE, "%s: nothing was compared", why);
    (void)fprintf(stderr, "%s, so there is no truth to compare with\n", why);
    return ERR_OK;
}

/* The simulator knows what a perfect ledger shows; Stripe itself has no such page. */
static enum err truth_check(PGconn *conn, const struct config *config, struct verify *verify,
                            struct failure *fail)
{
    char url[1200];
    char moment[24];
    json_t *truth = NULL;
    json_t *ledger = NULL;
    enum err err;

    if (!strncmp(config->stripe_api_base, STRIPE_ITSELF, strlen(STRIPE_ITSELF)))
        return verify->truth_wanted ? truth_lacks(verify, "STRIPE_API_BASE is Stripe itself", fail) : ERR_OK;
    (void)snprintf(url, sizeof url, "%s/sim/truth", config->stripe_api_base);
    err = cli_get_json(url, config->stripe_api_key, &truth, fail);
    if (err == ERR_NOT_FOUND)
        return truth_lacks(verify, "STRIPE_API_BASE is not a simulator (/sim/truth answered 404)", fail);
    if (!err)
        err = shape_check(truth, "the simulator's truth", fail);
    /* Credits are true as of a moment: the simulator's now. A truth without one is one without credits. */
    const json_t *as_of = json_object_get(truth, "as_of");
    (void)snprintf(moment, sizeof moment, "%" JSON_INTEGER_FORMAT, json_integer_value(as_of));
    const char *const params[] = {json_is_integer(as_of) ? moment : NULL};
    if (!err)
        err = db_json(conn, "SELECT ops.ledger_truth(to_timestamp($1::bigint))", 1, params, &ledger, fail);
    if (!err)
        err = shape_check(ledger, "what ops.ledger_truth() answers", fail);
    if (!err) {
        verify->truth = truth_compare(truth, ledger, on_difference, verify);
        verify->truth_compared = true;
        verify->failed += verify->truth.differences;
        if (!verify->quiet && verify->truth.differences > DIFFERENCES_SHOWN)
            printf("NOT OK   and %zu more differences\n", verify->truth.differences - DIFFERENCES_SHOWN);
        if (!verify->quiet && !verify->truth.differences)
            printf("ok       equal to the simulator's truth: %zu customers, %zu subscriptions, %zu sales\n",
                   verify->truth.customers, verify->truth.subscriptions, verify->truth.sales);
        if (!verify->truth.customers && !verify->truth.sales && !verify->truth.differences)
            err = truth_lacks(verify, "the simulator's truth is empty", fail);
    }
    json_decref(truth);
    json_decref(ledger);
    return err;
}

static void verify_print_json(const struct verify *verify)
{
    json_t *truth = NULL;

    if (verify->truth_compared)
        truth = json_pack("{s:I, s:I, s:I, s:I, s:O}", "customers", (json_int_t)verify->truth.customers,
                          "subscriptions", (json_int_t)verify->truth.subscriptions, "sales",
                          (json_int_t)verify->truth.sales, "differences",
                          (json_int_t)verify->truth.differences, "first", verify->differences);
    json_t *root =
        json_pack("{s:b, s:O, s:o?}", "ok", (int)!verify->failed, "checks", verify->checks, "truth", truth);
    (void)json_dumpf(root, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(root);
}

int cmd_verify(const struct cli_command *command, const struct config *config, int argc, char **argv)
{
    bool truth = false;
    bool no_truth = false;
    bool json = false;
    const struct cli_option options[] = {
        {"--json", &json, NULL}, {"--truth", &truth, NULL}, {"--no-truth", &no_truth, NULL}, {0}};
    struct failure fail = {0};
    PGconn *conn = NULL;
    int words = 0;
    int exit_status = cli_parse(command, options, argc, argv, &words);

    if (!exit_status && words)
        exit_status = cli_usage(command, "takes no arguments");
    if (!exit_status && truth && no_truth)
        exit_status = cli_usage(command, "--truth or --no-truth, not both");
    if (exit_status)
        return exit_status;
    struct verify verify = {
        .checks = json_array(), .differences = json_array(), .truth_wanted = truth, .quiet = json};
    enum err err = db_open(config, DB_OPERATE, &conn, &fail);
    if (!err)
        err = invariants_check(conn, &verify, &fail);
    if (!err && !no_truth)
        err = truth_check(conn, config, &verify, &fail);
    if (err)
        exit_status = cli_fail(&fail);
    else {
        if (json)
            verify_print_json(&verify);
        exit_status = verify.failed ? CLI_FOUND : CLI_DONE;
    }
    json_decref(verify.checks);
    json_decref(verify.differences);
    PQfinish(conn);
    return exit_status;
}
