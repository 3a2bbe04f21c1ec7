/* API: events and thin events. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/call.h"
#include "sim/events.h"
#include "sim/render.h"

#define THIN_LIMIT_DEFAULT 20

static bool is_kept(const struct call *call, const struct object *o)
{
    return o->created > call->sim->now - SIM_EVENTS_DAYS * DAY;
}

/* --- snapshot events --- */

void events_get(struct call *call)
{
    struct sim_event *event = call_object(call, TYPE_EVENT);

    if (event && !event->thin_only && is_kept(call, &event->o))
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

    return is_kept(call, o) && !event->thin_only && (!type || event_type_matches(type, event->type)) &&
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
        call_answer_json(call, event_render_thin(event, true));
    else
        (void)refuse(&call->why, 404, "not_found", NULL, "No such event: '%.80s'", call->id);
}

static bool thin_matches(struct call *call, const struct sim_event *event)
{
    json_t *types = json_object_get(call->params, "types");
    char type[128];

    thin_type(event, type, sizeof type);
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
        if (json_array_append_new(data, event_render_thin(event, true)))
            sim_die("out of memory");
        last = event->number;
    }
    call_answer_json(call,
                     sim_json(json_pack("{s:o, s:o, s:n}", "data", data, "next_page_url",
                                        sim_json(page_url(call, more, last, limit)), "previous_page_url")));
}
