/* instep: the operator's program. One table of commands; each is in its own file. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/log.h"
#include "common/version.h"

static const struct cli_command commands[] = {
    {"migrate", "[--status [--json] | --dry-run [--json]]", "bring the database to this program's schema",
     "Applies the migrations that are missing, each in its own transaction, and replaces functions and views "
     "when\n"
     "they differ. Any number of runs at the same time are safe. Refuses when a migration was edited after "
     "it was\n"
     "applied, and when the database is newer than this program. DATABASE_URL must be of a role that may "
     "create\n"
     "roles and schemas.\n\n"
     "  --status    show what is applied and what is not; exit status 1 if anything is pending\n"
     "  --dry-run   show it, change nothing\n"
     "  --json      with either: as JSON\n",
     cmd_migrate},
    {"status", "[--json]", "queue, turns, dead letters at a glance",
     "Shows what waits in Redis and what the ledger holds. Exit status 1 while dead letters are open or "
     "trials "
     "are\n"
     "stuck.\n"
     "Needs DATABASE_URL (a member of instep_operator) and REDIS_URL.\n\n"
     "  --json      as JSON\n",
     cmd_status},
    {"sync",
     "cus_…|sub_…|in_…|cs_…|ch_…|re_…|dp_…|cn_…|prod_…|price_…|promo_…|user:… [--timeout S] [--account "
     "acct_…] [--json]",
     "look at a customer in Stripe now",
     "Puts the customer before a worker, first in the queue, waits, and prints what changed in the ledger.\n"
     "A subscription, invoice, session or user stands for its customer. Repeating it is harmless.\n\n"
     "  --timeout S  wait that many seconds, 0 to leave at once; default 30\n"
     "  --account A  a connected account instead of the platform's own\n"
     "  --json       as JSON\n\n"
     "Exit status 0: done; 1: it failed, or was not done in time.\n",
     cmd_sync},
    {"verify", "[--truth | --no-truth] [--json]", "check every invariant of the ledger",
     "Runs the checks in the database. When STRIPE_API_BASE is a simulator, the ledger is also compared with "
     "what\n"
     "the simulator says a perfect ledger shows, field by field; wait until it is quiet and the queue is "
     "empty.\n\n"
     "  --truth     fail, with exit status 3, when there is no truth to compare with, or an empty one\n"
     "  --no-truth  only the checks in the database\n"
     "  --json      as JSON\n\n"
     "Exit status 0: all is well; 1: something is not; 3: Postgres or the simulator cannot be asked.\n",
     cmd_verify},
    {"config", "[--json | --markdown]", "every setting with value, default, unit and bounds",
     "Secrets are masked. --markdown writes docs/configuration.md, which shows no values.\n", cmd_config},
    {"link", "cus_… USER [--no-sync] [--account acct_…] [--json]", "say which user a customer belongs to",
     "For customers that carry no user id in their metadata. The link is recorded with your name, and the "
     "customer\n"
     "is synced after it, so that the user's entitlement is right when the command returns. Credits that the "
     "customer\n"
     "was given before go to the user, and are told of.\n\n"
     "  --no-sync    only record it\n"
     "  --account A  a connected account instead of the platform's own\n"
     "  --json       as JSON\n",
     cmd_link},
    {"credits", "USER|cus_… [--at TIME] [--entries N] [--account acct_…] [--json]",
     "a user's credits, lot by lot, now or at any time",
     "Shows what the user can spend, the lots that it comes from in the order in which they are burnt, and "
     "the "
     "entries\n"
     "that came last, each with its cause: the transition, what it follows from, the event. A customer "
     "stands "
     "for its\n"
     "user, or for what waits until it has one.\n\n"
     "  --at TIME    as of that time, UTC unless it says otherwise: 2026-03-15, '2026-03-15 10:00', "
     "yesterday\n"
     "  --entries N  at most so many entries, default 10\n"
     "  --account A  the account of a customer, instead of the platform's own\n"
     "  --json       as JSON\n\n"
     "Exit status 0: shown; 1: nobody knows that user.\n",
     cmd_credits},
    {"dead", "list [--class C] [--limit N] | show EVENT | retry EVENT|CUSTOMER|--class C|--all [--json]",
     "dead letters: list, show, retry",
     "Events that were given up, by class: stripe_transient, stripe_permanent, unknown_user, unknown_shape, "
     "policy,\n"
     "bug. A retried event goes to the front of the queue and stays on the shelf until a turn succeeds with "
     "it.\n\n"
     "  list         the open ones, oldest first; exit status 1 if there are any\n"
     "  show EVENT   everything known of one\n"
     "  retry ...    an event, all of a customer, all of a class, or all\n"
     "  --class C    only this class\n"
     "  --limit N    at most so many lines, default 100\n"
     "  --json       as JSON\n",
     cmd_dead},
    {"event", "evt_…", "what became of one event",
     "Prints, as JSON, the event's outcome, the turn that dealt with it, the entries which that turn booked, "
     "its dead\n"
     "letters, and what the turn read from Stripe if INSTEP_PAYLOADS=redacted keeps it. Exit status 1 if it "
     "is "
     "not\n"
     "recorded.\n",
     cmd_event},
    {"plans", "list | show PLAN | load FILE [--dry-run] [--from DAY] | export [--json]",
     "plans: list, show, load, export",
     "What a subscription is worth: credits, limits, policies. docs/credits.md has every field of a plan and "
     "every\n"
     "key of a product's metadata. A change makes a new version of the plan, for periods that begin then or "
     "later.\n\n"
     "  list         every plan, and products whose metadata are not taken; exit status 1 if there are such\n"
     "  show PLAN    all versions of one, its prices and products, as JSON\n"
     "  load FILE    TOML or JSON (- is standard input): checks all of it, shows what differs, loads it\n"
     "  export       the plans in force, as JSON that load takes\n"
     "  --dry-run    only show; exit status 1 if anything differs\n"
     "  --from DAY   new versions are for periods from then on (2026-12-01, or 2026-12-01T06:00:00Z), "
     "default now\n"
     "  --json       as JSON\n\n"
     "Exit status 2: something in the file is wrong; each fault is told with file, line and key. Nothing is "
     "loaded.\n",
     cmd_plans},
    {"prune", "[--older-than DAYS] [--dry-run] [--json]", "forget what led to nothing",
     "Removes events and turns that booked nothing and changed nothing, with their settled dead letters, and "
     "kept\n"
     "payloads, when they are older than INSTEP_RETENTION_DAYS. What explains an entry, a subscription's "
     "history or an\n"
     "open dead letter stays for ever. Safe at any time, beside running workers; run it daily.\n\n"
     "  --older-than D  instead of the setting; 31 at least, since Stripe resends events for up to 30 days\n"
     "  --dry-run       only count\n"
     "  --json          as JSON\n",
     cmd_prune},
};
#define COMMANDS_COUNT (sizeof commands / sizeof commands[0])

static void help_print(FILE *out)
{
    (void)fputs("instep keeps a ledger in step with Stripe.\n\nusage: instep COMMAND [ARGUMENTS]\n\n", out);
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        (void)fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
    (void)fputs("\n`instep COMMAND --help` says more. Settings come from the environment: `instep config`.\n"
                "Exit status: 0 done, 1 found something, 2 usage, 3 could not reach a dependency.\n",
                out);
}

static void manual_print(const struct cli_command *command)
{
    printf("instep %s: %s\n\nusage: instep %s %s\n\n%s", command->name, command->summary, command->name,
           command->arguments, command->manual);
}

static const struct cli_command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static bool asks_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return true;
    return false;
}

static int command_run(const struct cli_command *command, int argc, char **argv)
{
    struct config config = {0};
    struct failure fail = {0};

    if (asks_help(argc, argv)) {
        manual_print(command);
        return CLI_DONE;
    }
    if (config_load(environ, 0, &config, &fail))
        return cli_fail(&fail);
    int exit_status = command->run(command, &config, argc, argv);
    config_release(&config);
    if (fflush(stdout) || ferror(stdout)) {
        (void)fputs("instep: cannot write to standard output\n", stderr);
        return exit_status ? exit_status : CLI_UNREACHABLE;
    }
    return exit_status;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const struct cli_command *command = command_find(name);

    log_init("instep", LOG_WARN);
    if (command)
        return command_run(command, argc - 1, argv + 1);
    if (!strcmp(name, "--version")) {
        puts("instep " INSTEP_VERSION);
        return CLI_DONE;
    }
    if (!strcmp(name, "help") && argc == 3 && (command = command_find(argv[2]))) {
        manual_print(command);
        return CLI_DONE;
    }
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
        help_print(stdout);
        return CLI_DONE;
    }
    if (*name)
        (void)fprintf(stderr, "instep: there is no command '%s'\n\n", name);
    help_print(stderr);
    return CLI_USAGE;
}
