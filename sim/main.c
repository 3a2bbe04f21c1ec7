/* stripe-sim: a stateful Stripe that misbehaves on demand. See docs/simulator.md. */
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/version.h"
#include "sim/replay.h"
#include "sim/serve.h"
#include "sim/stories.h"
#include "sim/versions.h"

#define DEFAULT_SECRET "whsec_test_sim_secret"
#define WEBHOOKS_MAX   16

struct options {
    const char *listen;
    uint64_t seed;
    int64_t start;
    json_t *knobs; /* owned; NULL: none */
    const char *state;
    const char *api_version; /* the account's */
    struct {
        const char *url;
        const char *api_version; /* NULL: the account's */
        int64_t payload;         /* enum payload */
        bool connect;
        const char *secrets[4];
        unsigned secrets_count;
    } webhooks[WEBHOOKS_MAX];
    unsigned webhooks_count;
};

static void help(void)
{
    char knobs[8192];

    knobs_help(knobs, sizeof knobs);
    printf(
        "Usage: stripe-sim [--listen ADDRESS:PORT] [--seed N] [--webhook URL [--secret whsec_…]…]…\n"
        "                  [--api-version VERSION] [--knobs JSON] [--start UNIX] [--state FILE]\n"
        "       stripe-sim story --list | NAME [--seed N] [--json]\n"
        "\n"
        "A stateful Stripe for tests: the API under /v1 and /v2/core with any sk_test_ key, in the shape of "
        "any\n"
        "version since 2024-06-20, signed webhooks, a virtual clock, random lives of customers, connected\n"
        "accounts, faults on demand, and what a perfect ledger must show. docs/simulator.md explains it "
        "all.\n"
        "\n"
        "  stripe-sim --webhook http://127.0.0.1:8080/hooks --secret whsec_mine &\n"
        "  curl -u sk_test_x: http://127.0.0.1:12111/v1/customers -d email=ada@example.com\n"
        "  curl http://127.0.0.1:12111/sim/run -d '{\"customers\": 100, \"months\": 3}'\n"
        "  curl http://127.0.0.1:12111/sim/knobs -d '{\"drop_rate\": 0.1, \"payload\": \"both\"}'\n"
        "  curl http://127.0.0.1:12111/sim/truth\n"
        "\n"
        "  --listen ADDRESS:PORT  where to serve [127.0.0.1:12111]; :0 takes a free port on loopback\n"
        "  --seed N               all randomness: same seed, same run [1]\n"
        "  --webhook URL          deliver every event there; may be repeated\n"
        "  --secret SECRET        signs for the --webhook before it; repeat for a rotation, at most 4\n"
        "                         [" DEFAULT_SECRET "]\n"
        "  --webhook-version V    the version of the --webhook before it [the account's]\n"
        "  --webhook-payload P    what the --webhook before it gets: snapshot, thin or both [snapshot]\n"
        "  --webhook-connect      the --webhook before it gets the events of connected accounts, and only "
        "those\n"
        "  --api-version V        the account's version, 2024-06-20 to " SIM_API_VERSION " [" SIM_API_VERSION
        "]\n"
        "  --knobs JSON           as POST /sim/knobs\n"
        "  --start UNIX           where the virtual clock begins [1767225600, 2026-01-01T00:00:00Z]\n"
        "  --state FILE           a journal: killed and started again with the same options, it goes on from "
        "there\n"
        "  --help, --version\n"
        "\n"
        "Control, JSON in and out, without a key:\n"
        "  POST /sim/clock {\"advance_s\": n} or {\"to\": unix}\n"
        "  POST /sim/run {\"customers\": 100, \"months\": 3, \"ms_per_day\": 0}, POST /sim/stop\n"
        "  POST /sim/checkout/ID/complete {\"outcome\": \"paid|unpaid-async|declined\", \"email\": …,\n"
        "       \"customer\": \"create|guest\", \"card_declines\": n}\n"
        "  POST /sim/checkout/ID/async {\"outcome\": \"succeeded|failed\"}\n"
        "  POST /sim/customers/ID/card {\"declines\": n}\n"
        "  POST /sim/charges/ID/dispute {\"amount\": n, \"reason\": …, \"status\": …, \"withdraw\": false}\n"
        "  POST /sim/disputes/ID {\"status\": …, \"reinstate\": true}, POST /sim/refunds/ID {\"status\": …}\n"
        "  POST /sim/invoices/ID/payment {\"amount\": n, \"elsewhere\": false}\n"
        "  POST /sim/payment_intents/ID {\"outcome\": \"succeeded|failed\"}\n"
        "  POST /sim/webhook_endpoints/ID/rotate {\"expires_in_s\": n}, POST /sim/events/ID/resend\n"
        "  POST /sim/faults {\"fault\": "
        "\"429|lock_timeout|500|html|503|stalled|truncated|garbled|disconnect\",\n"
        "                    \"times\": n, \"endpoint\": \"GET /v1/customers/{id}\", \"reason\": …}\n"
        "  POST /sim/account {\"api_version\": …}, GET and POST /sim/accounts, /sim/accounts/ID/… for one of "
        "them\n"
        "  POST /sim/story {\"name\": …, \"step\": n} plays the next step of a story (until step n); see "
        "story --list\n"
        "  GET /sim/status, GET /sim/truth, GET and POST /sim/knobs:\n"
        "%s",
        knobs);
}

static bool number(const char *text, int64_t *ret_value)
{
    char *end;
    long long value = strtoll(text, &end, 10);

    if (!*text || *end || value < 0)
        return false;
    *ret_value = value;
    return true;
}

static bool add_secret(struct options *options, const char *secret)
{
    unsigned last = options->webhooks_count - 1;

    if (!options->webhooks_count || !*secret || options->webhooks[last].secrets_count == 4)
        return false;
    options->webhooks[last].secrets[options->webhooks[last].secrets_count++] = secret;
    return true;
}

/* One option taken over; false: it makes no sense. */
static bool take(struct options *options, int option, const char *value)
{
    int64_t parsed;

    if (option == 'c') {
        if (options->webhooks_count)
            options->webhooks[options->webhooks_count - 1].connect = true;
        return options->webhooks_count > 0;
    }
    if (!value)
        return false;
    switch (option) {
    case 'p':
        if (!options->webhooks_count)
            return false;
        parsed = knob_choice("endpoint snapshot thin both", value);
        options->webhooks[options->webhooks_count - 1].payload = parsed;
        return parsed > 0;
    case 'l': options->listen = value; return true;
    case 's':
        if (!number(value, &parsed))
            return false;
        options->seed = (uint64_t)parsed;
        return true;
    case 't': return number(value, &options->start);
    case 'w':
        if (options->webhooks_count == WEBHOOKS_MAX)
            return false;
        options->webhooks[options->webhooks_count++].url = value;
        return true;
    case 'j': options->state = value; return true;
    case 'a': options->api_version = version_known(value); return options->api_version != NULL;
    case 'e':
        if (!options->webhooks_count)
            return false;
        options->webhooks[options->webhooks_count - 1].api_version = version_known(value);
        return version_known(value) != NULL;
    case 'k': return add_secret(options, value);
    case 'n':
        json_decref(options->knobs);
        options->knobs = json_loads(value, JSON_REJECT_DUPLICATES, NULL);
        return options->knobs != NULL;
    default: return false;
    }
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"listen", required_argument, NULL, 'l'},
        {"seed", required_argument, NULL, 's'},
        {"start", required_argument, NULL, 't'},
        {"webhook", required_argument, NULL, 'w'},
        {"secret", required_argument, NULL, 'k'},
        {"webhook-version", required_argument, NULL, 'e'},
        {"webhook-payload", required_argument, NULL, 'p'},
        {"webhook-connect", no_argument, NULL, 'c'},
        {"api-version", required_argument, NULL, 'a'},
        {"knobs", required_argument, NULL, 'n'},
        {"state", required_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    int option, index = 0;

    while ((option = getopt_long(argc, argv, "h", names, &index)) != -1) {
        if (option == 'h') {
            help();
            return 0;
        }
        if (option == 'v') {
            puts("stripe-sim " INSTEP_VERSION ", Stripe API " SIM_API_VERSION);
            return 0;
        }
        if (option == '?')
            return 2;
        if (!take(options, option, optarg)) {
            (void)fprintf(stderr, "stripe-sim: --%s %s makes no sense here; see --help\n", names[index].name,
                          optarg ? optarg : "");
            return 2;
        }
    }
    if (optind == argc)
        return -1;
    (void)fprintf(stderr, "stripe-sim: what is %s? see --help\n", argv[optind]);
    return 2;
}

static void add_endpoints(struct sim *sim, const struct options *options)
{
    for (unsigned i = 0; i < options->webhooks_count; i++) {
        struct endpoint *we = sim_object(sim, TYPE_ENDPOINT, sizeof *we);
        we->url = sim_text(sim, options->webhooks[i].url);
        we->api_version = options->webhooks[i].api_version;
        we->payload = (enum payload)options->webhooks[i].payload;
        we->connect = options->webhooks[i].connect;
        we->enabled_events = sim_json(json_pack("[s]", "*"));
        for (unsigned n = 0; n < options->webhooks[i].secrets_count; n++)
            we->secrets[we->secrets_count++] = sim_text(sim, options->webhooks[i].secrets[n]);
        if (!we->secrets_count)
            we->secrets[we->secrets_count++] = DEFAULT_SECRET;
    }
}

/* What the journal is about: the world before its first request. */
static json_t *describe(const struct options *options)
{
    json_t *webhooks = sim_json(json_array());

    for (unsigned i = 0; i < options->webhooks_count; i++) {
        json_t *secrets = sim_json(json_array());
        for (unsigned n = 0; n < options->webhooks[i].secrets_count; n++)
            if (json_array_append_new(secrets, json_string(options->webhooks[i].secrets[n])))
                sim_die("a secret that is not UTF-8");
        if (json_array_append_new(webhooks,
                                  json_pack("{s:s, s:o, s:s?, s:I, s:b}", "url", options->webhooks[i].url,
                                            "secrets", secrets, "version", options->webhooks[i].api_version,
                                            "payload", (json_int_t)options->webhooks[i].payload, "connect",
                                            options->webhooks[i].connect)))
            sim_die("a URL that is not UTF-8");
    }
    return sim_json(json_pack("{s:s, s:I, s:I, s:o, s:O?, s:s}", "stripe-sim", INSTEP_VERSION, "seed",
                              (json_int_t)options->seed, "start", (json_int_t)options->start, "webhooks",
                              webhooks, "knobs", options->knobs, "version", options->api_version));
}

/* Bring back what the journal holds, and keep it from now on. */
static enum err restore(const struct options *options, struct api *api, struct serve *serve,
                        struct journal **ret_journal, struct failure *fail)
{
    struct control *control = serve_control(serve);
    json_t *header = describe(options);
    enum err err = journal_open(options->state, header, ret_journal, fail);

    json_decref(header);
    if (err)
        return err;
    serve_journal(serve, *ret_journal);
    deliver_journal(control->deliver, *ret_journal);
    runner_journal(control->runner, *ret_journal);
    return replay(*ret_journal, control->sim, api, control, fail);
}

static void stop(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)event_base_loopbreak(arg);
}

static void announce(const struct serve *serve, const char *listen)
{
    const char *colon = strrchr(listen, ':');
    int host_len = colon ? (int)(colon - listen) : 0;

    printf("stripe-sim listening on http://%.*s:%u\n", host_len ? host_len : 9,
           host_len ? listen : "127.0.0.1", serve_port(serve));
    (void)fflush(stdout);
}

static int run(const struct options *options)
{
    struct event_base *base = event_base_new();
    struct sim *sim = sim_create(options->seed, options->start);
    struct api *api = api_create(sim);
    struct deliver *deliver = NULL;
    struct runner *runner = NULL;
    struct serve *serve = NULL;
    struct journal *journal = NULL;
    struct event *term = NULL, *interrupt = NULL;
    struct failure fail = {0};
    int status = 3;

    if (!base)
        sim_die("no event loop");
    term = evsignal_new(base, SIGTERM, stop, base);
    interrupt = evsignal_new(base, SIGINT, stop, base);
    if (!term || !interrupt || evsignal_add(term, NULL) || evsignal_add(interrupt, NULL))
        sim_die("cannot catch signals");
    sim->api_version = options->api_version;
    add_endpoints(sim, options);
    if ((options->knobs && knobs_set(&sim->knobs, options->knobs, &fail)) ||
        deliver_create(base, sim, &deliver, &fail))
        goto out;
    runner = runner_create(base, sim, deliver);
    if (serve_create(base, sim, api, deliver, runner, options->listen, &serve, &fail) ||
        (options->state && restore(options, api, serve, &journal, &fail)))
        goto out;
    announce(serve, options->listen);
    status = event_base_dispatch(base) < 0 ? 3 : 0;
out:
    if (fail.code)
        (void)fprintf(stderr, "stripe-sim: %s\n", fail.text);
    serve_free(serve);
    runner_free(runner);
    deliver_free(deliver);
    journal_close(journal);
    api_free(api);
    sim_free(sim);
    if (term)
        event_free(term);
    if (interrupt)
        event_free(interrupt);
    event_base_free(base);
    return fail.code == ERR_INVALID ? 2 : status;
}

int main(int argc, char **argv)
{
    struct options options = {
        .listen = "127.0.0.1:12111", .seed = 1, .start = SIM_START, .api_version = SIM_API_VERSION};

    log_init("stripe-sim", LOG_INFO);
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        sim_die("cannot ignore SIGPIPE");
    if (argc > 1 && strcmp(argv[1], "story") == 0)
        return story_main(argc - 1, argv + 1);
    int status = parse(argc, argv, &options);
    if (status < 0)
        status = run(&options);
    json_decref(options.knobs);
    return status;
}
