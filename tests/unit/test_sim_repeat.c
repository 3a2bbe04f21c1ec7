/* The same seed and the same requests: the same events, bodies, signatures and truth, byte for byte. */
// rooms: sim
#include "sim/accounts.h"
#include "sim/endpoint.h"
#include "sim/events.h"
#include "sim/lives.h"
#include "tests/unit/sim_fixture.h"
#include "tests/unit/tap.h"

#define SIGNED_AT INT64_C(1800000000)

/* A hash of everything that was said: FNV-1a. */
struct said {
    uint64_t hash;
    size_t bytes;
};

static void say(struct said *said, const char *text)
{
    for (; *text; text++, said->bytes++)
        said->hash = (said->hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
}

/* What an endpoint would get at SIGNED_AT: body and signature. */
static void say_event(const struct endpoint *we, struct sim_event *event, struct said *said)
{
    char signature[SIGNATURE_BYTES];
    struct forms forms = endpoint_wants(we, event, PAYLOAD_BOTH);

    for (int thin = 0; thin < 2; thin++) {
        if (!(thin ? forms.thin : forms.snapshot))
            continue;
        char *body = endpoint_body(we, event, thin);
        endpoint_sign(we, SIGNED_AT, body, strlen(body), signature);
        say(said, body);
        say(said, signature);
        free(body);
    }
}

static struct sim *listening;
static struct said heard;

static void hear(struct sim_event *event, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < listening->all[TYPE_ENDPOINT].count; i++)
        say_event((const struct endpoint *)listening->all[TYPE_ENDPOINT].at[i], event, &heard);
}

/* A small world with everything: two versions, a connected account, lives that do all they can. */
static struct said tell(uint64_t seed, json_t **ret_truth)
{
    struct world w;
    int64_t end, other_end;

    world_open(&w, seed);
    listening = w.sim;
    heard = (struct said){UINT64_C(0xcbf29ce484222325), 0};
    w.sim->on_event = hear;
    json_t *knobs = json_pack("{s:i, s:f}", "money_acts", 1, "refund_pending_rate", 0.5);
    struct failure fail;
    if (knobs_set(&w.sim->knobs, knobs, &fail))
        puts(fail.text);
    json_decref(knobs);
    (void)ask(&w, "POST /v1/webhook_endpoints url=http://a/&enabled_events[]=*");
    (void)ask(&w,
              "POST /v1/webhook_endpoints url=http://b/&enabled_events[]=*&api_version=2024-10-28.acacia");
    (void)ask(&w, "POST /v1/webhook_endpoints url=http://c/&enabled_events[]=*&connect=true");
    struct sim *other = account_create(w.sim, NULL, 0, NULL);
    lives_start(w.sim, 30, 4, &end);
    lives_start(other, 5, 4, &other_end);
    sim_advance(w.sim, end);
    (void)ask(&w, "GET /v1/events?limit=100");
    char *events = json_dumps(w.answer, 0);
    say(&heard, events);
    free(events);
    *ret_truth = json_pack("[o, o]", truth_export(w.sim), truth_export(other));
    char *truth = json_dumps(*ret_truth, 0);
    say(&heard, truth);
    free(truth);
    world_close(&w);
    return heard;
}

int main(void)
{
    json_t *first, *second, *third;
    struct said a = tell(17, &first), b = tell(17, &second), c = tell(18, &third);

    tap_ok(a.bytes > 1000000, "much is said: %zu bytes", a.bytes);
    tap_ok(a.hash == b.hash && a.bytes == b.bytes, "one seed says the same twice");
    tap_ok(json_equal(first, second), "and has one truth");
    tap_ok(a.hash != c.hash && !json_equal(first, third), "another seed says something else");
    json_decref(first);
    json_decref(second);
    json_decref(third);
    return tap_done();
}
