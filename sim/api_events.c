/* API: events, thin events, webhook endpoints. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/call.h"
#include "sim/events.h"
#include "sim/render.h"
#include "sim/versions.h"

#define THIN_LIMIT_DEFAULT 20

static bool is_kept(const struct call *call, const struct object *o)
{
    return o->created > call->sim->now - SIM_EVENTS_DAYS * DAY;
}

/* --- snapshot events --- */

void events_get(struct call *call)
{
    struct sim_event *event = call_object(call, TYPE_EVENT);

    if (event && is_kept(call, &event->o))
        call_answer(call, &event->o);
    else if (event)
        (void)refuse(&call->why, 404, "resource_missing", "id", "No such event: '%s'", event->o.id);
}

static bool one_of_types(json_t *types, const char *type)
{
    const char *key;
    json_t *value;

    json_object_foreach(types, key,
                        value) if (json_is_string(value) &&
                                   event_type_matches(json_string_value(value), type)) return true;
    return false;
}

static bool event_matches(struct call *call, const struct object *o)
{
    const struct sim_event *event = (const struct sim_event *)o;
    const char *type = form_text(call->params, "type");
    json_t *types = json_object_get(call->params, "types");
    const char *success = form_text(call->params, "delivery_success");
    bool delivered = event->pending_webhooks + event->failed_webhooks == 0;

    return is_kept(call, o) && (!type || event_type_matches(type, event->type)) &&
           (!types || one_of_types(types, event->type)) &&
           (!success || delivered == (strcmp(success, "true") == 0));
}

void events_list(struct call *call)
{
    json_t *types = json_object_get(call->params, "types");

    if (types && form_text(call->params, "type"))
        (void)refuse(&call->why, 400, NULL, "type", "You may pass either type or types, but not both.");
    else if (types && (!json_is_object(types) || json_object_size(types) > 20))
        (void)refuse(&call->why, 400, NULL, "types", "types is a list of at most 20 event types.");
    else
        call_list(call, &call->sim->all[TYPE_EVENT], false, event_matches);
}

/* --- thin events --- */

void thin_events_get(struct call *call)
{
    struct sim_event *event = event_find_thin(call->sim, call->id);

    if (event && is_kept(call, &event->o))
        call_answer_json(call, event_render_thin(call->sim, event));
    else
        (void)refuse(&call->why, 404, "not_found", NULL, "No such event: '%.80s'", call->id);
}

static bool thin_matches(struct call *call, const struct sim_event *event)
{
    json_t *types = json_object_get(call->params, "types");
    char type[128];

    (void)snprintf(type, sizeof type, "v1.%s", event->type);
    return is_kept(call, &event->o) && call_says(call, "object_id", event->subject_id) &&
           (!types || one_of_types(types, type)) && call_created_matches(call, event->o.created);
}

/* The query for the page that ends before, or starts after, the event with this number; null if there is none. */
static json_t *page_url(struct call *call, bool exists, uint64_t number, unsigned limit)
{
    const char *object_id = form_text(call->params, "object_id");

    if (!exists)
        return json_null();
    return json_sprintf("/v2/core/events?limit=%u&page=%llu%s%s", limit, (unsigned long long)number,
                        object_id ? "&object_id=" : "", object_id ? object_id : "");
}

void thin_events_list(struct call *call)
{
    const struct list *events = &call->sim->all[TYPE_EVENT];
    json_t *data = sim_json(json_array());
    int64_t page = INT64_MAX, wanted = THIN_LIMIT_DEFAULT;
    uint64_t last = 0;
    bool more = false;

    (void)form_integer(call->params, "limit", &wanted);
    (void)form_integer(call->params, "page", &page);
    unsigned limit = wanted < 1 ? 1 : wanted > 100 ? 100 : (unsigned)wanted;
    for (size_t i = events->count; i-- > 0;) {
        const struct sim_event *event = (const struct sim_event *)events->at[i];
        if ((int64_t)event->number >= page || !thin_matches(call, event))
            continue;
        if (json_array_size(data) == limit) {
            more = true;
            break;
        }
        if (json_array_append_new(data, event_render_thin(call->sim, event)))
            sim_die("out of memory");
        last = event->number;
    }
    call_answer_json(call,
                     sim_json(json_pack("{s:o, s:o, s:n}", "data", data, "next_page_url",
                                        sim_json(page_url(call, more, last, limit)), "previous_page_url")));
}

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
        we->disabled = form_flag(call->params, "disabled", false);
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
    if (!endpoint_fields(call, we))
        return;
    call_answer_json(call, render_endpoint(we, true));
}

static struct endpoint *endpoint_of(struct call *call)
{
    struct endpoint *we = call_object(call, TYPE_ENDPOINT);

    if (we && we->deleted) {
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
    return !((const struct endpoint *)o)->deleted;
}

void endpoints_list(struct call *call)
{
    call_list(call, &call->sim->all[TYPE_ENDPOINT], false, endpoint_matches);
}
