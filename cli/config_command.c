/* instep config: what is set, and to what. */
#include <stdio.h>

#include "cli/cli.h"
#include "common/config.h"

static const char markdown_head[] =
    "# Configuration\n\n"
    "Everything is set in the environment. This page is written by `instep config --markdown`; `make lint` "
    "fails when\n"
    "it is out of date. `instep config` shows the values in force, secrets masked.\n\n"
    "A secret `NAME` may instead be in a file that `NAME_FILE` names. An `INSTEP_` variable that is not in "
    "this list is\n"
    "an error, so that a typing mistake cannot pass for a setting. A program that misses a setting it needs, "
    "or finds\n"
    "one out of bounds, stops at start with a sentence that says which.\n\n";

int cmd_config(const struct cli_command *command, const struct config *config, int argc, char **argv)
{
    bool json = false;
    bool markdown = false;
    const struct cli_option options[] = {{"--json", &json, NULL}, {"--markdown", &markdown, NULL}, {0}};
    int words = 0;
    int exit_status = cli_parse(command, options, argc, argv, &words);

    if (!exit_status && (words || (json && markdown)))
        exit_status = cli_usage(command, words ? "takes no arguments" : "--json or --markdown, not both");
    if (exit_status)
        return exit_status;
    if (markdown)
        (void)fputs(markdown_head, stdout);
    config_print(stdout, config,
                 json       ? CONFIG_FORMAT_JSON
                 : markdown ? CONFIG_FORMAT_MARKDOWN
                            : CONFIG_FORMAT_TABLE);
    return CLI_DONE;
}
