/* API: webhook endpoints of v1, event destinations of v2. Both are endpoints; each is seen where it was made. */
#include <string.h>

#include "sim/call.h"
#include "sim/endpoint.h"
#include "sim/events.h"
#include "sim/render.h"
#include "sim/versions.h"

/* --- webhook endpoints --- */

static bool endpoint_fields(struct call *call, struct endpoint *we)
{
    json_t *events = json_object_get(call->params, "enabled_events");
    const char *url = form_text(call->params, "url");
    const char *description = form_text(call->params, "description");
    const char *key;
    json_t *value;

    if (url)
        we->url = sim_text(call->sim, url);
    if (description)
        we->description = sim_text(call->sim, description);
    if (form_at(call->params, "disabled"))
        endpoint_enable(we, !form_flag(call->params, "disabled", false));
    if (events && !json_is_object(events))
        return refuse(&call->why, 400, NULL, "enabled_events", "Invalid array");
    if (events) {
        json_decref(we->enabled_events);
        we->enabled_events = sim_json(json_array());
        json_object_foreach(events, key, value) if (json_array_append(we->enabled_events, value))
            sim_die("out of memory");
    }
    return true;
}

void endpoints_create(struct call *call)
{
    const char *url = form_text(call->params, "url");
    const char *version = form_text(call->params, "api_version");

    if (!url || !json_is_object(json_object_get(call->params, "enabled_events"))) {
        (void)refuse(&call->why, 400, "parameter_missing", url ? "enabled_events" : "url",
                     "url and enabled_events are required.");
        return;
    }
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) {
        (void)refuse(&call->why, 400, "url_invalid", "url",
                     "Invalid URL: An explicit scheme must be provided.");
        return;
    }
    if (version && !version_known(version)) {
        (void)refuse(&call->why, 400, NULL, "api_version", "Invalid Stripe API version: %.40s", version);
        return;
    }
    struct endpoint *we = sim_object(call->sim, TYPE_ENDPOINT, sizeof *we);
    we->api_version = version_known(version);
    we->secrets[we->secrets_count++] = sim_new_id(call->sim, &call->sim->ids, "whsec_", 32);
    we->connect = form_flag(call->params, "connect", false);
    if (!endpoint_fields(call, we))
        return;
    call_answer_json(call, render_endpoint(we, true));
}

static struct endpoint *endpoint_of(struct call *call)
{
    struct endpoint *we = call_object(call, TYPE_ENDPOINT);

    if (we && (we->deleted || we->name)) {
        (void)refuse(&call->why, 404, "resource_missing", "id", "No such webhook endpoint: '%s'", we->o.id);
        return NULL;
    }
    return we;
}

void endpoints_get(struct call *call)
{
    struct endpoint *we = endpoint_of(call);

    if (we)
        call_answer(call, &we->o);
}

void endpoints_update(struct call *call)
{
    struct endpoint *we = endpoint_of(call);

    if (we && endpoint_fields(call, we))
        call_answer(call, &we->o);
}

void endpoints_delete(struct call *call)
{
    struct endpoint *we = endpoint_of(call);

    if (!we)
        return;
    we->deleted = we->disabled = true;
    call_answer_json(call, sim_json(json_pack("{s:s, s:s, s:b}", "id", we->o.id, "object", "webhook_endpoint",
                                              "deleted", 1)));
}

static bool endpoint_matches(struct call *call, const struct object *o)
{
    (void)call;
    return !((const struct endpoint *)o)->deleted && !((const struct endpoint *)o)->name;
}

void endpoints_list(struct call *call)
{
    call_list(call, &call->sim->all[TYPE_ENDPOINT], false, endpoint_matches);
}

/* --- event destinations --- */

static void put_iso(json_t *json, const char *key, int64_t at)
{
    char text[32];

    calendar_iso(at, text);
    put_text(json, key, text);
}

static json_t *render_destination(const struct endpoint *we, bool with_secret)
{
    json_t *json = sim_json(json_object());

    put_text(json, "id", we->o.id);
    put_text(json, "object", "v2.core.event_destination");
    put_iso(json, "created", we->o.created);
    put_iso(json, "updated", we->o.created);
    put_text(json, "description", we->description ? we->description : "");
    put(json, "enabled_events", json_deep_copy(we->enabled_events));
    put_text(json, "event_payload", we->payload == PAYLOAD_THIN ? "thin" : "snapshot");
    put(json, "events_from", json_pack("[s]", we->connect ? "@accounts" : "@self"));
    put_flag(json, "livemode", false);
    put(json, "metadata", json_object());
    put_text(json, "name", we->name);
    if (we->payload != PAYLOAD_THIN)
        put_text(json, "snapshot_api_version", we->api_version);
    put_text(json, "status", we->disabled ? "disabled" : "enabled");
    put(json, "status_details",
        we->disabled
            ? json_pack("{s:{s:s}}", "disabled", "reason", we->failures_in_a_row ? "failing" : "user")
            : json_null());
    put_text(json, "type", "webhook_endpoint");
    put(json, "webhook_endpoint", json_pack("{s:s}", "url", we->url));
    if (with_secret)
        put_text(json_object_get(json, "webhook_endpoint"), "signing_secret", we->secrets[0]);
    return json;
}

/* What may not be missing, or is something else than what there is. */
static bool destination_is_clear(struct call *call)
{
    const char *payload = form_text(call->params, "event_payload");
    const char *version = form_text(call->params, "snapshot_api_version");
    const char *type = form_text(call->params, "type");
    const char *wrong = NULL;

    if (!form_text(call->params, "name"))
        wrong = "name";
    else if (!type || strcmp(type, "webhook_endpoint") != 0)
        wrong = "type";
    else if (!payload || (strcmp(payload, "thin") != 0 && strcmp(payload, "snapshot") != 0))
        wrong = "event_payload";
    else if (version && (!version_known(version) || strcmp(payload, "thin") == 0))
        wrong = "snapshot_api_version";
    else if (!json_is_object(json_object_get(call->params, "enabled_events")))
        wrong = "enabled_events";
    else if (!form_text(call->params, "webhook_endpoint.url"))
        wrong = "webhook_endpoint.url";
    return !wrong || refuse(&call->why, 400, "invalid_fields", wrong,
                            "%s is missing, or not what can be taken.", wrong);
}

void destinations_create(struct call *call)
{
    struct sim *sim = call->sim;
    const char *from = form_text(call->params, "events_from.0");
    const char *include = form_text(call->params, "include.0");

    if (!destination_is_clear(call))
        return;
    struct endpoint *we = sim_alloc(sim, sizeof *we);
    we->o.id = sim_new_id(sim, &sim->ids, "ed_test_61", 24);
    sim_object_init(sim, &we->o, TYPE_ENDPOINT);
    we->name = sim_text(sim, form_text(call->params, "name"));
    we->url = sim_text(sim, form_text(call->params, "webhook_endpoint.url"));
    we->payload =
        strcmp(form_text(call->params, "event_payload"), "thin") == 0 ? PAYLOAD_THIN : PAYLOAD_SNAPSHOT;
    we->api_version = version_known(form_text(call->params, "snapshot_api_version"));
    we->connect = from && strcmp(from, "@accounts") == 0;
    we->secrets[we->secrets_count++] = sim_new_id(sim, &sim->ids, "whsec_", 32);
    if (endpoint_fields(call, we))
        call_answer_json(
            call, render_destination(we, include && strcmp(include, "webhook_endpoint.signing_secret") == 0));
}

static struct endpoint *destination_of(struct call *call)
{
    struct endpoint *we = sim_find_type(call->sim, call->id, TYPE_ENDPOINT);

    if (we && we->name && !we->deleted)
        return we;
    (void)refuse(&call->why, 404, "not_found", NULL, "No such event destination: '%.80s'", call->id);
    return NULL;
}

void destinations_get(struct call *call)
{
    struct endpoint *we = destination_of(call);

    if (we)
        call_answer_json(call, render_destination(we, false));
}

void destinations_delete(struct call *call)
{
    struct endpoint *we = destination_of(call);

    if (!we)
        return;
    we->deleted = we->disabled = true;
    call_answer_json(call, sim_json(json_pack("{s:s, s:s, s:b}", "id", we->o.id, "object",
                                              "v2.core.event_destination", "deleted", 1)));
}

static void set_enabled(struct call *call, bool enabled)
{
    struct endpoint *we = destination_of(call);

    if (!we)
        return;
    endpoint_enable(we, enabled);
    call_answer_json(call, render_destination(we, false));
}

void destinations_enable(struct call *call)
{
    set_enabled(call, true);
}

void destinations_disable(struct call *call)
{
    set_enabled(call, false);
}

/* A test delivery, which every destination gets as a thin notification about itself. */
void destinations_ping(struct call *call)
{
    const struct list *events = &call->sim->all[TYPE_EVENT];
    struct endpoint *we = destination_of(call);

    if (!we)
        return;
    json_t *itself = render_destination(we, false);
    emit_thin(call->sim, "v2.core.event_destination.ping", itself, we);
    json_decref(itself);
    call_answer_json(call, event_render_thin((const struct sim_event *)events->at[events->count - 1], true));
}

/* All of them on one page, the newest first: nobody has many. */
void destinations_list(struct call *call)
{
    const struct list *all = &call->sim->all[TYPE_ENDPOINT];
    json_t *data = sim_json(json_array());

    for (size_t i = all->count; i-- > 0;) {
        const struct endpoint *we = (const struct endpoint *)all->at[i];
        if (we->name && !we->deleted && json_array_append_new(data, render_destination(we, false)))
            sim_die("out of memory");
    }
    call_answer_json(
        call, sim_json(json_pack("{s:o, s:n, s:n}", "data", data, "next_page_url", "previous_page_url")));
}
