#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/text.h"
#include "common/stripe_id.h"

int cli_usage(const struct cli_command *command, const char *fmt, ...)
{
    va_list args;

    (void)fprintf(stderr, "instep %s: ", command->name);
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fprintf(stderr, "\nusage: instep %s %s\n`instep %s --help` says more\n", command->name,
                  command->arguments, command->name);
    return CLI_USAGE;
}

int cli_fail(const struct failure *fail)
{
    char text[1024];

    (void)fprintf(stderr, "instep: %s\n", text_plain(fail->text, text, sizeof text));
    switch (fail->code) {
    case ERR_CONFIG:
    case ERR_INVALID: return CLI_USAGE;
    case ERR_NOT_FOUND:
    case ERR_CONFLICT: return CLI_FOUND;
    default: return CLI_UNREACHABLE;
    }
}

int cli_number(const char *option, const char *text, int64_t low, int64_t high, int64_t *ret_number)
{
    char *end = NULL;
    intmax_t number;

    errno = 0;
    number = strtoimax(text, &end, 10);
    if (errno || end == text || *end || number < low || number > high) {
        (void)fprintf(stderr, "instep: %s takes a whole number from %" PRId64 " to %" PRId64 ", not '%s'\n",
                      option, low, high, text);
        return CLI_USAGE;
    }
    *ret_number = number;
    return CLI_DONE;
}

bool cli_is_id(const char *id, const char *prefix)
{
    size_t len = strlen(prefix);

    return !strncmp(id, prefix, len) && id[len] && stripe_id_is_plain(id);
}

int cli_account(const struct cli_command *command, const struct config *config, const char *text,
                const char **ret_account)
{
    const char *account = *text ? stripe_account_name(text, config->account) : "";

    if (strcmp(account, STRIPE_OWN_ACCOUNT) != 0 && !cli_is_id(account, "acct_"))
        return cli_usage(command, "--account takes an account (acct_…), or self for the platform's own");
    *ret_account = account;
    return CLI_DONE;
}

void cli_operator_name(char *name, size_t len)
{
    const struct passwd *entry = getpwuid(getuid());

    if (entry)
        (void)snprintf(name, len, "%s", entry->pw_name);
    else
        (void)snprintf(name, len, "uid %u", (unsigned)getuid());
}

static const struct cli_option *option_find(const struct cli_option *options, const char *word, size_t len)
{
    for (; options->name; options++)
        if (strlen(options->name) == len && !memcmp(options->name, word, len))
            return options;
    return NULL;
}

int cli_parse(const struct cli_command *command, const struct cli_option *options, int argc, char **argv,
              int *ret_words)
{
    bool options_over = false;
    int words = 0;

    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (options_over || word[0] != '-' || !word[1]) {
            argv[++words] = word;
            continue;
        }
        if (!strcmp(word, "--")) {
            options_over = true;
            continue;
        }
        size_t len = strcspn(word, "=");
        const struct cli_option *option = option_find(options, word, len);
        if (!option)
            return cli_usage(command, "unknown option %s", word);
        if (option->flag) {
            if (word[len])
                return cli_usage(command, "%s takes no value", option->name);
            *option->flag = true;
        } else if (word[len]) {
            *option->value = word + len + 1;
        } else if (i + 1 < argc) {
            *option->value = argv[++i];
        } else {
            return cli_usage(command, "%s needs a value", option->name);
        }
    }
    *ret_words = words;
    return CLI_DONE;
}
