#include "sim/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/form.h"
#include "sim/history.h"
#include "sim/render.h"
#include "sim/versions.h"

static char *copy(const char *text)
{
    char *made = text ? strdup(text) : NULL;

    if (text && !made)
        sim_die("out of memory");
    return made;
}

void sim_event_free(struct sim_event *event)
{
    for (struct event_shape *shape = event->shapes, *next; shape; shape = next) {
        next = shape->next;
        free(shape->data);
        free(shape);
    }
    free(event->type);
    free(event->data);
    free(event->request_id);
    free(event->idempotency_key);
    free(event->subject_id);
    free(event->customer_id);
    free(event->subscription_id);
    free(event);
}

/* Events are kept for 30 days; one still being delivered stays until that is over. */
static void forget_old(struct sim *sim)
{
    struct list *events = &sim->all[TYPE_EVENT];
    size_t gone = 0;

    while (gone < events->count) {
        struct sim_event *event = (struct sim_event *)events->at[gone];
        if (event->o.created > sim->now - SIM_EVENTS_DAYS * DAY || event->pending_webhooks)
            break;
        if (sim->on_event_gone)
            sim->on_event_gone(event, sim->on_event_arg);
        sim_object_forget(sim, &event->o);
        sim_event_free(event);
        gone++;
    }
    if (!gone)
        return;
    events->count -= gone;
    memmove(events->at, events->at + gone, events->count * sizeof(void *));
}

static const char *object_name_static(const char *name)
{
    for (enum object_type type = 0; type < TYPE_COUNT; type++)
        if (strcmp(object_name(type), name) == 0)
            return object_name(type);
    return strcmp(name, "plan") == 0      ? "plan"
           : strncmp(name, "v2.", 3) == 0 ? "v2.core.event_destination"
                                          : "unknown";
}

static const char *text_of(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Old values of what differs at the top of two objects; inside metadata per key, a new key shows null. */
static json_t *difference(json_t *before, json_t *after, bool deeper)
{
    json_t *changed = sim_json(json_object());
    const char *key;
    json_t *value;

    json_object_foreach(before, key, value)
    {
        json_t *now = json_object_get(after, key);
        if (now && json_equal(value, now))
            continue;
        if (deeper && now && strcmp(key, "metadata") == 0)
            put(changed, key, difference(value, now, false));
        else
            put(changed, key, json_incref(value));
    }
    json_object_foreach(after, key, value) if (!json_object_get(before, key)) put(changed, key, json_null());
    return changed;
}

/* The text of "data". before is the object before the change, or NULL; both are borrowed. */
static char *data_text(json_t *object, json_t *before)
{
    json_t *data = sim_json(json_pack("{s:O}", "object", object));
    char *text;

    if (before)
        put(data, "previous_attributes", difference(before, object, true));
    text = json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(data);
    if (!text)
        sim_die("out of memory");
    return text;
}

/* Make the shape of a version once. object and before as above. */
static void add_shape(const struct sim *sim, struct sim_event *event, const char *version, json_t *object,
                      json_t *before)
{
    struct event_shape *shape = event->shapes;

    while (shape && strcmp(shape->version, version) != 0)
        shape = shape->next;
    if (shape || strcmp(version, SIM_API_VERSION) == 0)
        return;
    json_t *now = json_deep_copy(object);
    json_t *then = before ? json_deep_copy(before) : NULL;
    shape = calloc(1, sizeof *shape);
    if (!shape || !now || (before && !then))
        sim_die("out of memory");
    version_shape(sim, version, now);
    if (then)
        version_shape(sim, version, then);
    shape->version = version;
    shape->data = data_text(now, then);
    shape->next = event->shapes;
    event->shapes = shape;
    json_decref(now);
    json_decref(then);
}

static void add_shapes_for(const struct sim *sim, struct sim_event *event, const struct list *endpoints,
                           json_t *object, json_t *before)
{
    for (size_t i = 0; i < endpoints->count; i++) {
        const struct endpoint *we = (const struct endpoint *)endpoints->at[i];
        if (we->api_version && !we->disabled)
            add_shape(sim, event, we->api_version, object, before);
    }
}

/* Every shape somebody will be told in: the account's, and those of the endpoints there are. */
static void add_shapes(const struct sim *sim, struct sim_event *event, json_t *object, json_t *before)
{
    add_shape(sim, event, sim->api_version, object, before);
    for (const struct sim *of = sim; of; of = of->platform)
        add_shapes_for(sim, event, &of->all[TYPE_ENDPOINT], object, before);
}

/* An event of which only its data is missing. object is borrowed. */
static struct sim_event *begin(struct sim *sim, const char *type, json_t *object)
{
    struct sim_event *event = calloc(1, sizeof *event);
    bool is_customer = strcmp(text_of(object, "object"), "customer") == 0;

    if (!event)
        sim_die("out of memory");
    if (sim->all[TYPE_EVENT].count % 64 == 0 || sim->all[TYPE_EVENT].count > 100000)
        forget_old(sim);
    event->type = copy(type);
    event->subject_type = object_name_static(text_of(object, "object"));
    event->subject_id = copy(text_of(object, "id"));
    event->customer_id = copy(is_customer ? text_of(object, "id") : text_of(object, "customer"));
    event->subscription_id = copy(form_text(object, "subscription")
                                      ? form_text(object, "subscription")
                                      : form_text(object, "parent.subscription_details.subscription"));
    event->sim = sim;
    event->request_id = copy(sim->request_id);
    event->idempotency_key = copy(sim->idempotency_key);
    event->number = ++sim->events_total;
    event->api_version = sim->api_version;
    return event;
}

static void finish(struct sim *sim, struct sim_event *event)
{
    sim_object_init(sim, &event->o, TYPE_EVENT);
    if (sim->on_event)
        sim->on_event(event, sim->on_event_arg);
}

/* The one place where events are made. Steals object and before (which may be NULL). */
static void make(struct sim *sim, const char *type, json_t *object, json_t *before)
{
    struct sim_event *event = begin(sim, type, object);

    event->data = data_text(object, before);
    add_shapes(sim, event, object, before);
    finish(sim, event);
    if (before)
        emit_thin_changes(sim, type, before, object);
    json_decref(object);
    json_decref(before);
}

/* Ids are of another stream: snapshots have the same ones, whatever is thin besides. */
void emit_thin(struct sim *sim, const char *type, json_t *object, struct endpoint *only_for)
{
    struct sim_event *event = begin(sim, type, object);

    event->thin_only = true;
    sim->thin_total++;
    event->only_for = only_for;
    event->o.id = sim_new_id(sim, &sim->thin_ids, "evt_6", 23);
    finish(sim, event);
}

void emit(struct sim *sim, const char *type, const struct object *subject)
{
    history_note(sim, subject);
    make(sim, type, render_object(sim, subject), NULL);
}

void emit_json(struct sim *sim, const char *type, json_t *object)
{
    make(sim, type, object, NULL);
}

void emit_updated(struct sim *sim, const char *type, const struct object *subject, json_t *before)
{
    json_t *after = render_object(sim, subject);

    history_note(sim, subject);
    if (json_equal(before, after)) {
        json_decref(before);
        json_decref(after);
        return;
    }
    make(sim, type, after, before);
}

/* "data" in the shape of a version: the one made with the event, else made of the newest shape now. */
static json_t *data_of(const struct sim *sim, const struct sim_event *event, const char *version)
{
    for (const struct event_shape *shape = event->shapes; shape; shape = shape->next)
        if (strcmp(shape->version, version) == 0)
            return json_loads(shape->data, 0, NULL);
    json_t *data = json_loads(event->data, 0, NULL);
    version_shape(sim, version, json_object_get(data, "object"));
    return data;
}

static json_t *render_in(const struct sim_event *event, const char *version, bool connect)
{
    json_t *json = sim_json(json_object());

    put_text(json, "id", event->o.id);
    put_text(json, "object", "event");
    if (connect)
        put_text(json, "account", event->sim->account);
    put_text(json, "api_version", version);
    put_int(json, "created", event->o.created);
    put(json, "data", data_of(event->sim, event, version));
    put_flag(json, "livemode", false);
    put_int(json, "pending_webhooks", event->pending_webhooks + event->failed_webhooks);
    put(json, "request",
        json_pack("{s:s?, s:s?}", "id", event->request_id, "idempotency_key", event->idempotency_key));
    put_text(json, "type", event->type);
    return json;
}

json_t *event_render(const struct sim *sim, const struct sim_event *event)
{
    (void)sim;
    return render_in(event, event->api_version, false);
}

char *event_body(const struct sim_event *event, const char *version, bool connect)
{
    json_t *json = render_in(event, version ? version : event->api_version, connect);
    char *body =
        json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(15)); /* Stripe's bodies are indented too */

    json_decref(json);
    if (!body)
        sim_die("out of memory");
    return body;
}

bool event_type_matches(const char *pattern, const char *type)
{
    size_t len = strlen(pattern);

    if (len && pattern[len - 1] == '*')
        return strncmp(pattern, type, len - 1) == 0;
    return strcmp(pattern, type) == 0;
}
