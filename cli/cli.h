/*
 * instep: what its commands share. One file per command; the table that names them is in main.c.
 *
 * Commands may block. They print results to standard output, remarks and failures to standard error, and return
 * one of the exit statuses below.
 */
#ifndef INSTEP_CLI_CLI_H
#define INSTEP_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/err.h"

enum cli_exit {
    CLI_DONE = 0,
    CLI_FOUND = 1,      /* discrepancies, dead letters, a sync that did not succeed */
    CLI_USAGE = 2,      /* wrong arguments or settings */
    CLI_UNREACHABLE = 3 /* a dependency could not be reached, or did not answer as it should */
};

struct cli_command {
    const char *name;
    const char *arguments; /* as shown after the name */
    const char *summary;   /* one line */
    const char *manual;    /* shown by --help, ends with a newline */
    int (*run)(const struct cli_command *command, const struct config *config, int argc, char **argv);
};

/* argv[0] is the command's name in all of these. */
int cmd_migrate(const struct cli_command *command, const struct config *config, int argc, char **argv);
int cmd_status(const struct cli_command *command, const struct config *config, int argc, char **argv);
int cmd_sync(const struct cli_command *command, const struct config *config, int argc, char **argv);
int cmd_verify(const struct cli_command *command, const struct config *config, int argc, char **argv);
int cmd_config(const struct cli_command *command, const struct config *config, int argc, char **argv);
int cmd_link(const struct cli_command *command, const struct config *config, int argc, char **argv);
int cmd_credits(const struct cli_command *command, const struct config *config, int argc, char **argv);
int cmd_dead(const struct cli_command *command, const struct config *config, int argc, char **argv);
int cmd_event(const struct cli_command *command, const struct config *config, int argc, char **argv);
int cmd_plans(const struct cli_command *command, const struct config *config, int argc, char **argv);
int cmd_prune(const struct cli_command *command, const struct config *config, int argc, char **argv);

/* One option of a command: set exactly one of flag and value. */
struct cli_option {
    const char *name;   /* "--json" */
    bool *flag;         /* set to true */
    const char **value; /* set to the text after it ("--timeout 5" or "--timeout=5"), borrowed from argv */
};

/*
 * Split a command line. options ends with a NULL name. The words that are no options are moved to the front of
 * argv, after argv[0]; *ret_words counts them. "--" ends the options. CLI_DONE, or CLI_USAGE after a sentence.
 */
int cli_parse(const struct cli_command *command, const struct cli_option *options, int argc, char **argv,
              int *ret_words);

/* Whole number within low..high. CLI_DONE, or CLI_USAGE after a sentence that names option. */
int cli_number(const char *option, const char *text, int64_t low, int64_t high, int64_t *ret_number);

/*
 * --account as the ledger and keys have it: "self" for the platform's own, by whatever name. *ret_account is text
 * or static. CLI_DONE, or CLI_USAGE after a sentence.
 */
int cli_account(const struct cli_command *command, const struct config *config, const char *text,
                const char **ret_account);

/* Is it the id of a Stripe object that begins like this ("cus_", or "" for any), and fit to be part of a key? */
bool cli_is_id(const char *id, const char *prefix);

/* Who does it, for the record: the login name on this machine. */
void cli_operator_name(char *name, size_t len);

/* "instep sync: the sentence, and where --help is" on standard error; returns CLI_USAGE. */
int cli_usage(const struct cli_command *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "instep: the sentence" on standard error; returns the exit status that fits the failure. */
int cli_fail(const struct failure *fail);

#endif
