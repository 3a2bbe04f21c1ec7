/*
 * replay: the ledger against the simulated Stripe in one process, one turn at a time. No Redis, no sockets, no waiting:
 * what takes a torture run minutes takes seconds here, in orders that a test chooses. DATABASE_URL names the owner of
 * a migrated database.
 */
// rooms: sim worker
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/stripe_version.h"
#include "tests/replay/modes.h"
#include "tests/replay/world.h"
#include "tests/replay/report.h"

static void usage(void)
{
    (void)fprintf(stderr, "usage: replay truth [--seed N] [--customers C] [--months M]\n"
                          "       replay credits [--seed N] [--customers C] [--months M]\n"
                          "       replay stories [STORY...]\n"
                          "       replay permute [--events N] STORY...\n"
                          "all of them: [--version V], the API version of the reads\n");
    exit(2);
}

static unsigned long long number(const char *text, unsigned long long high)
{
    char *end;
    unsigned long long value = text ? strtoull(text, &end, 10) : 0;

    if (!text || !*text || *end || value > high)
        usage();
    return value;
}

static void read_options(char **args, struct options *options)
{
    for (; *args && !strncmp(*args, "--", 2); args += 2) {
        if (!strcmp(*args, "--seed"))
            options->seed = number(args[1], UINT32_MAX);
        else if (!strcmp(*args, "--customers"))
            options->customers = (unsigned)number(args[1], 100000);
        else if (!strcmp(*args, "--months"))
            options->months = (unsigned)number(args[1], 24);
        else if (!strcmp(*args, "--events"))
            options->events_max = (unsigned)number(args[1], 7);
        else if (!strcmp(*args, "--version") && args[1])
            options->version = args[1];
        else
            usage();
    }
    options->names = args;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*mode)(struct ledger *ledger, struct env *env, const struct options *options);
    } modes[] = {{"truth", truth_of_lives},
                 {"credits", credits_of_lives},
                 {"stories", truth_of_stories},
                 {"permute", permutations}};
    char version[100];
    char mode[] = "INSTEP_MODE=test";
    char *environment[] = {mode, version, NULL};
    struct options options = {
        .seed = 1, .customers = 30, .months = 3, .events_max = 7, .version = SIM_API_VERSION};
    struct config config;
    struct env env = {.config = &config, .name = "replay"};
    struct ledger ledger;
    struct failure why;

    if (argc < 2 || !getenv("DATABASE_URL"))
        usage();
    read_options(argv + 2, &options);
    (void)snprintf(version, sizeof version, "STRIPE_API_VERSION=%s", options.version);
    if (config_load(environment, 0, &config, &why) != ERR_OK)
        give_up("%s", why.text);
    if (stripe_version_parse(options.version, &env.api_version, &why) != ERR_OK)
        give_up("%s", why.text);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(argv[1], modes[i].name) != 0)
            continue;
        ledger_open(&ledger, getenv("DATABASE_URL"));
        modes[i].mode(&ledger, &env, &options);
        ledger_close(&ledger);
        config_release(&config);
        return report_done();
    }
    usage();
}
