/* instep-ingest: takes Stripe's webhooks, and says 200 only when they are safe. */
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/version.h"
#include "ingest/ingest.h"

#define DESCRIPTORS_BESIDE 64 /* Redis, admin, epoll, logs */

enum { EXIT_DONE = 0, EXIT_CANNOT_RUN = 1, EXIT_USAGE = 2 };

struct program {
    struct event_base *base;
    struct ingest *ingest;
    struct event *sigterm, *sigint, *deadline;
    int64_t drain_timeout_ms;
    bool draining;
};

static void usage(FILE *out)
{
    (void)fputs(
        "usage: instep-ingest [--help | --version]\n"
        "\n"
        "Takes Stripe's webhooks at POST " WEBHOOK_PATH
        ", verifies them, appends them to the queue in Redis\n"
        "and answers. Settings come from the environment; these are needed:\n"
        "\n"
        "  INSTEP_MODE             live or test\n"
        "  STRIPE_WEBHOOK_SECRETS  signing secrets, comma-separated (or STRIPE_WEBHOOK_SECRETS_FILE)\n"
        "\n"
        "and these are likely to be wanted:\n"
        "\n"
        "  INSTEP_LISTEN           where webhooks arrive, 127.0.0.1:8080; put TLS in front of it\n"
        "  INSTEP_ADMIN_LISTEN     health and metrics, " INGEST_ADMIN_DEFAULT "\n"
        "  REDIS_URL               redis://127.0.0.1:6379/0\n"
        "\n"
        "`instep config` shows all of them. Several ingests may listen on one port. SIGTERM and SIGINT "
        "drain:\n"
        "what is in flight is answered, then it exits with status 0.\n",
        out);
}

static void on_drained(void *arg)
{
    struct program *program = arg;

    (void)event_base_loopexit(program->base, NULL);
}

static void on_drain_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct program *program = arg;

    (void)fd;
    (void)what;
    log_warn("ingest.drain_cut_short", LOG_INT("after_ms", program->drain_timeout_ms));
    (void)event_base_loopexit(program->base, NULL);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct program *program = arg;
    struct timeval limit = clock_timeval(program->drain_timeout_ms);

    (void)what;
    if (program->draining) { /* asked twice: now */
        (void)event_base_loopexit(program->base, NULL);
        return;
    }
    program->draining = true;
    log_info("ingest.draining", LOG_INT("signal", number));
    (void)event_add(program->deadline, &limit);
    ingest_drain(program->ingest, on_drained, program);
}

/* Every connection is a descriptor; ask for as many as the connection cap needs, if we may have them. */
static void raise_descriptor_limit(int64_t connections_max)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections_max + DESCRIPTORS_BESIDE;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_warn("ingest.few_descriptors", LOG_INT("limit", limit.rlim_cur), LOG_INT("wanted", wanted));
}

static void on_libevent_log(int severity, const char *text)
{
    if (severity >= EVENT_LOG_WARN)
        log_warn("libevent.warning", LOG_STR("text", text));
}

static enum err program_create(struct program *program, const struct config *config, struct failure *fail)
{
    program->drain_timeout_ms = config->drain_timeout_ms;
    program->base = event_base_new();
    if (!program->base)
        return failf(fail, ERR_SYSTEM, "no event loop");
    program->sigterm = evsignal_new(program->base, SIGTERM, on_signal, program);
    program->sigint = evsignal_new(program->base, SIGINT, on_signal, program);
    program->deadline = evtimer_new(program->base, on_drain_deadline, program);
    if (!program->sigterm || !program->sigint || !program->deadline ||
        event_add(program->sigterm, NULL) != 0 || event_add(program->sigint, NULL) != 0)
        return failf(fail, ERR_SYSTEM, "cannot watch signals");
    return ingest_create(program->base, config, &program->ingest, fail);
}

static void program_release(struct program *program)
{
    ingest_free(program->ingest);
    if (program->sigterm)
        event_free(program->sigterm);
    if (program->sigint)
        event_free(program->sigint);
    if (program->deadline)
        event_free(program->deadline);
    if (program->base)
        event_base_free(program->base);
    libevent_global_shutdown();
}

static int run(const struct config *config)
{
    struct program program = {.base = NULL};
    struct failure fail = {.text = ""};
    int status = EXIT_CANNOT_RUN;

    raise_descriptor_limit(config->connections_max);
    if (program_create(&program, config, &fail) != ERR_OK) {
        log_error("ingest.cannot_start", LOG_STR("error", fail.text));
    } else if (event_base_dispatch(program.base) < 0) {
        log_error("ingest.loop_failed");
    } else {
        log_info("ingest.stopped");
        status = EXIT_DONE;
    }
    program_release(&program);
    return status;
}

int main(int argc, char **argv)
{
    struct config config;
    struct failure fail = {.text = ""};
    enum log_level level = LOG_INFO;
    int status;

    if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        usage(stdout);
        return EXIT_DONE;
    }
    if (argc == 2 && !strcmp(argv[1], "--version")) {
        puts("instep-ingest " INSTEP_VERSION);
        return EXIT_DONE;
    }
    if (argc > 1) {
        usage(stderr);
        return EXIT_USAGE;
    }
    log_init("ingest", LOG_INFO);
    event_set_log_callback(on_libevent_log);
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return EXIT_CANNOT_RUN;
    if (config_load(environ, CONFIG_INGEST, &config, &fail) != ERR_OK) {
        log_error("config.invalid", LOG_STR("error", fail.text));
        return EXIT_CANNOT_RUN;
    }
    if (!log_level_parse(config.log_level, &level))
        log_warn("config.log_level", LOG_STR("error", "INSTEP_LOG_LEVEL is debug, info, warn or error"));
    log_init("ingest", level);
    status = run(&config);
    config_release(&config);
    return status;
}
