/* instep-worker: reads customers' live state from Stripe and converges the ledger to it. */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/log.h"
#include "worker/worker.h"

static int usage(FILE *out, int status)
{
    (void)fputs(
        "usage: instep-worker\n"
        "\n"
        "Takes customers from the queue, reads their live state from Stripe and converges the ledger to it.\n"
        "Configured by the environment; `instep config` prints every setting. SIGTERM drains and ends it.\n"
        "Run as many as you like, on as many hosts as you like.\n",
        out);
    return status;
}

int main(int argc, char **argv)
{
    struct config config;
    struct failure fail = {.text = ""};
    struct event_base *base = 0;
    struct worker *worker = 0;
    enum log_level level = LOG_INFO;
    int status = 2;

    if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
        return usage(stdout, 0);
    if (argc > 1)
        return usage(stderr, 2);
    log_init("worker", LOG_INFO);
    if (config_load(environ, CONFIG_WORKER, &config, &fail) != ERR_OK) {
        log_error("worker.config", LOG_STR("why", fail.text));
        return 2;
    }
    if (log_level_parse(config.log_level, &level))
        log_init("worker", level);
    (void)signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    if (!base) {
        log_error("worker.start", LOG_STR("why", "no event loop"));
    } else if (worker_create(base, &config, &worker, &fail) != ERR_OK) {
        log_error("worker.start", LOG_STR("why", fail.text));
    } else {
        status = worker_run(worker);
        worker_free(worker);
    }
    if (base)
        event_base_free(base);
    config_release(&config);
    return status;
}
