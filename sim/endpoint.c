#include "sim/endpoint.h"

#include <string.h>

#include "sim/events.h"
#include "sim/versions.h"

/* Patterns may say "v1.invoice.paid" for the thin form, or "*". */
static bool is_enabled(const struct endpoint *endpoint, const char *type)
{
    json_t *pattern;
    size_t i;

    json_array_foreach(endpoint->enabled_events, i, pattern)
    {
        const char *text = json_string_value(pattern);
        if (text && event_type_matches(strncmp(text, "v1.", 3) == 0 ? text + 3 : text, type))
            return true;
    }
    return false;
}

/* The platform hears of connected accounts at its connect endpoints, of itself at the others. */
static bool is_addressed(const struct endpoint *endpoint, const struct sim_event *event)
{
    bool of_other = event->sim->platform && sim_find(event->sim->platform, endpoint->o.id) == &endpoint->o;

    return event->only_for ? event->only_for == endpoint : endpoint->connect == of_other;
}

struct forms endpoint_wants(const struct endpoint *endpoint, const struct sim_event *event, enum payload knob)
{
    const char *version = endpoint->api_version ? endpoint->api_version : event->api_version;
    enum payload payload = knob == PAYLOAD_ENDPOINT ? endpoint->payload : knob;
    bool thin = payload == PAYLOAD_THIN || payload == PAYLOAD_BOTH || event->only_for;

    if (endpoint->disabled || !is_addressed(endpoint, event) ||
        (!event->only_for && !is_enabled(endpoint, event->type)))
        return (struct forms){false, false};
    return (struct forms){
        .snapshot = payload != PAYLOAD_THIN && !event->thin_only && version_has_event(version, event->type),
        .thin = thin,
    };
}

void endpoint_sign(const struct endpoint *endpoint, int64_t at, const char *body, size_t len,
                   char out[SIGNATURE_BYTES])
{
    const char *active[SECRETS_MAX];
    unsigned count = 0;

    for (unsigned i = 0; i < endpoint->secrets_count; i++)
        if (!endpoint->secrets_until[i] || endpoint->secrets_until[i] > at)
            active[count++] = endpoint->secrets[i];
    signature_make(at, body, len, active, count, out);
}

void endpoint_rotate(struct endpoint *endpoint, const char *secret, int64_t until)
{
    if (endpoint->secrets_count == SECRETS_MAX)
        endpoint->secrets_count--; /* the oldest is over at once */
    for (unsigned i = endpoint->secrets_count; i > 0; i--) {
        int64_t ends = endpoint->secrets_until[i - 1];
        endpoint->secrets[i] = endpoint->secrets[i - 1];
        endpoint->secrets_until[i] = ends && ends < until ? ends : until;
    }
    endpoint->secrets[0] = secret;
    endpoint->secrets_until[0] = 0;
    endpoint->secrets_count++;
}

bool endpoint_failed(struct endpoint *endpoint, unsigned limit)
{
    endpoint->failures_in_a_row++;
    if (!limit || endpoint->disabled || endpoint->failures_in_a_row < limit)
        return false;
    endpoint->disabled = true;
    return true;
}

void endpoint_enable(struct endpoint *endpoint, bool enabled)
{
    endpoint->disabled = !enabled;
    endpoint->failures_in_a_row = 0;
}

char *endpoint_body(const struct endpoint *endpoint, const struct sim_event *event, bool thin)
{
    return thin ? event_body_thin(event) : event_body(event, endpoint->api_version, endpoint->connect);
}
