#include "tests/replay/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/stripe_client.h"
#include "common/stripe_version.h"
#include "ingest/event_envelope.h"
#include "sim/events.h"

void give_up(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)fprintf(stderr, "replay: ");
    (void)vfprintf(stderr, fmt, args);
    (void)fprintf(stderr, "\n");
    va_end(args);
    exit(3);
}

#define HINT_STRINGS 10

/* The strings of the envelope and the key, in the order they are kept. */
static void hint_strings(struct hint *hint, const char **ret_strings[HINT_STRINGS])
{
    struct envelope *e = &hint->envelope;
    const char **all[HINT_STRINGS] = {&e->event_id,       &e->type,    &e->object_id,   &e->object_type,
                                      &e->customer,       &e->account, &e->api_version, &e->context,
                                      &e->snapshot_event, &hint->key};

    (void)memcpy(ret_strings, all, sizeof all);
}

struct hint *hint_copy(const struct hint *from, const char *key)
{
    struct hint first = *from, *hint;
    const char **strings[HINT_STRINGS];
    size_t len = sizeof *hint;
    char *at;

    if (key) {
        const char *subject = strchr(key, ':') + 1;
        first.key = key;
        if (!strncmp(subject, "cus_", 4))
            first.envelope.customer = subject;
    }
    hint_strings(&first, strings);
    for (size_t i = 0; i < HINT_STRINGS; i++)
        len += strlen(*strings[i]) + 1;
    hint = malloc(len);
    if (!hint)
        give_up("out of memory");
    *hint = first;
    at = (char *)(hint + 1);
    hint_strings(hint, strings);
    for (size_t i = 0; i < HINT_STRINGS; i++) {
        size_t size = strlen(*strings[i]) + 1;
        (void)memcpy(at, *strings[i], size);
        *strings[i] = at;
        at += size;
    }
    return hint;
}

struct hint *hint_make(const char *key, const char *type, const char *object_type, const char *object_id)
{
    static unsigned made;
    char id[40];
    struct hint hint = {.envelope = {.event_id = id,
                                     .type = type,
                                     .object_id = object_id,
                                     .object_type = object_type,
                                     .customer = "",
                                     .account = "",
                                     .api_version = "",
                                     .context = "",
                                     .snapshot_event = "",
                                     .lane = QUEUE_SWEEP}};

    (void)snprintf(id, sizeof id, "%.4s_replay%u", strchr(type, '.') + 1, ++made);
    return hint_copy(&hint, key);
}

/* What would be posted, read as the ingest reads it. */
static void on_event(struct sim_event *event, void *arg)
{
    static struct event_envelope parsed;
    struct world *world = arg;
    struct hint hint;
    struct failure why;
    bool thin =
        event->thin_only || random_decide(world->sim->seed, "replay thin", event->number) < world->thin_rate;
    char *body;

    if (!world->on_hint || event->only_for)
        return;
    body = thin ? event_body_thin(event) : event_body(event, world->version, false);
    if (!body)
        give_up("out of memory");
    if (event_envelope_parse(body, strlen(body), "", &parsed, &why) != ERR_OK)
        give_up("event %s %s: %s", event->o.id, event->type, why.text);
    free(body);
    hint = (struct hint){
        .envelope = parsed.envelope, .key = parsed.key, .number = event->number, .at = world->sim->now};
    hint.envelope.lane = QUEUE_WEBHOOK;
    hint.envelope.received_ms = world->sim->now * 1000;
    world->on_hint(hint_copy(&hint, NULL), world->arg);
}

void world_open(struct world *world, uint64_t seed, int64_t start, const char *version)
{
    *world = (struct world){.sim = sim_create(seed, start), .version = version};
    world->sim->knobs.money_acts = world->sim->knobs.billing_acts = true;
    world->api = api_create(world->sim);
    world->sim->on_event = on_event;
    world->sim->on_event_arg = world;
}

void world_close(struct world *world)
{
    if (!world->sim)
        return;
    api_free(world->api);
    sim_free(world->sim);
    *world = (struct world){.sim = NULL};
}

int world_read(struct world *world, const struct read *read, const char *account, json_t **ret_body)
{
    struct stripe_path path;
    struct api_request request = {.method = "GET", .authorization = "Bearer sk_test_replay"};
    struct api_answer answer;
    struct failure why;
    char *query;
    int status, version = 0;

    *ret_body = NULL;
    if (stripe_version_parse(world->version, &version, &why) != ERR_OK)
        give_up("%s", why.text);
    if (world->before_read)
        world->before_read(read, world->arg);
    read_path(read, version, &path);
    if (path.overflow)
        give_up("the path of %s is too long", read->id);
    query = strchr(path.text, '?');
    if (query)
        *query++ = '\0';
    request.path = path.text;
    request.query = query ? query : "";
    request.version = world->version;
    request.account = strcmp(account, "self") ? account : NULL;
    api_handle(world->api, &request, &answer);
    world->reads++;
    status = answer.status;
    if (status == 200 && stripe_json_parse(answer.body, strlen(answer.body), ret_body, &why) != ERR_OK)
        give_up("GET %s: %s", path.text, why.text);
    if (status != 200 && status != 404)
        give_up("GET %s?%s: %d %s", path.text, request.query, status, answer.body);
    api_answer_release(&answer);
    return status;
}
