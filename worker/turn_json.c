#include "worker/turn_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "worker/fetch_objects.h"
#include "worker/text.h"
#include "worker/turn_private.h"

/* Numbers that are not whole (percentages, exchange rates) keep what Stripe wrote: 15 digits come back unchanged. */
#define DUMP_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(15))

char *turn_json_event_ids(const struct turn *turn)
{
    json_t *ids = json_array();
    char *text = 0;

    for (size_t i = 0; ids && i < turn->events_count; i++) {
        if (json_array_append_new(ids, text_json(turn->events[i]->event_id)) != 0) {
            json_decref(ids);
            ids = 0;
        }
    }
    if (ids)
        text = json_dumps(ids, DUMP_FLAGS);
    json_decref(ids);
    return text;
}

#define SECONDS_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* Anybody can sign an event with a time that no calendar has: unknown, then. */
static json_t *moment_json(int64_t value, int64_t highest)
{
    return value >= 0 && value <= highest ? json_integer((json_int_t)value) : json_null();
}

/* The snapshot event that says the same as a thin one: as it said itself, or as it was read. */
static const char *snapshot_of(const struct turn *turn, const struct envelope *event)
{
    if (event->snapshot_event && *event->snapshot_event)
        return event->snapshot_event;
    return strcmp(turn->snapshot_of, event->event_id) == 0 ? turn->snapshot_event : "";
}

static json_t *event_json(const struct turn *turn, const struct envelope *event)
{
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:s, s:o, s:o}", "id", text_json(event->event_id), "type",
        text_json(event->type), "object_id", text_json_or_null(event->object_id), "object_type",
        text_json_or_null(event->object_type), "created", moment_json(event->created, SECONDS_MAX),
        "received_ms", moment_json(event->received_ms, SECONDS_MAX * 1000), "livemode", event->livemode,
        "api_version", text_json_or_null(event->api_version), "lane", queue_lane_name(event->lane),
        "customer", text_json_or_null(event->customer), "snapshot_event",
        text_json_or_null(snapshot_of(turn, event)));
}

/* What must be known of an event for a dead letter. */
static json_t *event_brief_json(const struct turn *turn, const struct envelope *event)
{
    (void)turn;
    return json_pack("{s:o, s:o, s:b}", "id", text_json(event->event_id), "type", text_json(event->type),
                     "livemode", event->livemode);
}

static json_t *events_json(const struct turn *turn,
                           json_t *(*one)(const struct turn *turn, const struct envelope *event))
{
    json_t *events = json_array();

    for (size_t i = 0; events && i < turn->events_count; i++) {
        if (json_array_append_new(events, one(turn, turn->events[i])) != 0) {
            json_decref(events);
            events = 0;
        }
    }
    return events;
}

/* "user_id, uid" as ["user_id", "uid"] */
static json_t *words_json(const char *list)
{
    json_t *keys = json_array();

    while (keys && *list) {
        size_t len;
        list += strspn(list, ", ");
        len = strcspn(list, ", ");
        if (len && json_array_append_new(keys, json_stringn(list, len)) != 0) {
            json_decref(keys);
            return 0;
        }
        list += len;
    }
    return keys;
}

/* The lists that were read to their end, by name. */
static json_t *complete_json(unsigned complete)
{
    static const struct {
        unsigned flag;
        const char *name;
    } lists[] = {
        {FETCH_SUBSCRIPTIONS_COMPLETE, "subscriptions"},
        {FETCH_INVOICES_COMPLETE, "invoices"},
        {FETCH_SESSIONS_COMPLETE, "sessions"},
        {FETCH_CHARGES_COMPLETE, "charges"},
    };
    json_t *names = json_array();

    for (size_t i = 0; names && i < sizeof lists / sizeof *lists; i++) {
        if (complete & lists[i].flag && json_array_append_new(names, json_string(lists[i].name)) != 0) {
            json_decref(names);
            names = 0;
        }
    }
    return names;
}

/* The ids of the events that failed before and were read for again. */
static json_t *covers_json(const struct turn *turn)
{
    json_t *ids = json_array();

    for (size_t i = 0; ids && i < turn->owed_count; i++) {
        if (json_array_append_new(ids, json_string(turn->owed[i].id)) != 0) {
            json_decref(ids);
            ids = 0;
        }
    }
    return ids;
}

static char *dump_and_free(json_t *root)
{
    char *text = root ? json_dumps(root, DUMP_FLAGS) : 0;

    json_decref(root);
    return text;
}

char *turn_json_apply(const struct turn *turn)
{
    const struct config *config = turn->env->config;

    /* Without the last one nothing is kept of what was read. */
    json_t *redact = strcmp(config->payloads, "redacted") ? json_null() : words_json(config->redact_fields);

    return dump_and_free(json_pack(
        "{s:i, s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:o, s:i, s:I, s:I, s:i, s:o, s:O, s:O, s:o, s:o, s:o}",
        "v", 1, "claim", turn->claim, "turn", turn->uuid, "account", text_json(turn->account), "subject",
        text_json(turn->subject), "worker", turn->env->name, "mode", config->mode, "api_version",
        config->stripe_api_version, "user_keys", words_json(config->user_metadata_keys), "attempt",
        (int)turn->lease.attempts, "started_ms", (json_int_t)turn->started_ms, "fetched_ms",
        (json_int_t)(turn->fetched_ms ? turn->fetched_ms : turn->started_ms), "stripe_reads",
        (int)turn->reads, "events", events_json(turn, event_json), "objects", turn->objects, "missing",
        turn->missing, "complete", complete_json(turn->complete), "covers", covers_json(turn), "redact",
        redact));
}

char *turn_json_failure(const struct turn *turn, const char *shelf, long long next_at_ms)
{
    return dump_and_free(json_pack(
        "{s:o, s:o, s:s, s:s, s:s, s:o, s:i, s:b, s:o, s:o}", "account", text_json(turn->account), "subject",
        text_json(turn->subject), "worker", turn->env->name, "turn", turn->uuid, "class", shelf, "error",
        text_json(turn->record_briefly ? "" : turn->text), "attempt", (int)turn->lease.attempts, "bury",
        turn->bury, "next_at_ms", turn->bury ? json_null() : json_integer((json_int_t)next_at_ms), "events",
        events_json(turn, turn->record_briefly ? event_brief_json : event_json)));
}

/* ---- the claim's answer ---- */

static bool copy_id(char *to, size_t size, const json_t *value)
{
    const char *text = json_string_value(value);
    size_t len = text ? strlen(text) : size;

    if (len >= size)
        return false;
    (void)memcpy(to, text, len + 1);
    return true;
}

static enum err read_wants(struct turn *turn, const json_t *wants)
{
    json_t *want;
    size_t i;

    turn->wants = calloc(json_array_size(wants) + 1, sizeof *turn->wants);
    if (!turn->wants)
        return ERR_NOMEM;
    json_array_foreach(wants, i, want)
    {
        struct plan_want *to = &turn->wants[turn->wants_count];
        if (copy_id(to->object, sizeof to->object, json_object_get(want, "object")) &&
            copy_id(to->id, sizeof to->id, json_object_get(want, "id"))) {
            to->due = !json_is_false(json_object_get(want, "due"));
            turn->wants_count++;
        }
    }
    return ERR_OK;
}

/* What does not fit is not planned for, and so not covered either. */
static enum err read_owed(struct turn *turn, const json_t *owed)
{
    json_t *event;
    size_t i;

    turn->owed = calloc(json_array_size(owed) + 1, sizeof *turn->owed);
    if (!turn->owed)
        return ERR_NOMEM;
    json_array_foreach(owed, i, event)
    {
        struct plan_owed *to = &turn->owed[turn->owed_count];
        if (copy_id(to->id, sizeof to->id, json_object_get(event, "id")) &&
            copy_id(to->type, sizeof to->type, json_object_get(event, "type")) &&
            copy_id(to->object_type, sizeof to->object_type, json_object_get(event, "object_type")) &&
            copy_id(to->object_id, sizeof to->object_id, json_object_get(event, "object_id")))
            turn->owed_count++;
    }
    return ERR_OK;
}

static bool all_applied(const struct turn *turn, const json_t *applied)
{
    for (size_t i = 0; i < turn->events_count; i++) {
        bool found = false;
        json_t *id;
        size_t j;
        if (!strcmp(turn->events[i]->type, "instep.sync"))
            return false; /* asked for a look at Stripe, whatever is known */
        json_array_foreach(applied, j, id) found =
            found || (json_is_string(id) && !strcmp(json_string_value(id), turn->events[i]->event_id));
        if (!found)
            return false;
    }
    return true;
}

enum err turn_json_read_claim(struct turn *turn, const char *text, bool *ret_all_applied)
{
    json_t *root = json_loads(text, 0, 0);
    const char *kind = json_string_value(json_object_get(root, "subject_kind"));
    const json_t *routed = json_object_get(root, "routed_to");
    enum err err = ERR_PROTOCOL;

    if (!kind || !json_is_boolean(json_object_get(root, "known")) ||
        !json_is_array(json_object_get(root, "applied")))
        goto out;
    turn->is_customer = !strcmp(kind, "customer");
    turn->known = json_is_true(json_object_get(root, "known"));
    turn->invoices_since = json_integer_value(json_object_get(root, "invoices_since")); /* 0 if null */
    turn->sessions_since = json_integer_value(json_object_get(root, "sessions_since"));
    turn->charges_since = json_integer_value(json_object_get(root, "charges_since"));
    if (json_is_string(routed) && !copy_id(turn->routed_to, sizeof turn->routed_to, routed))
        goto out;
    turn->routed_before = *turn->routed_to != 0;
    turn->has_user = json_is_string(json_object_get(root, "user_id"));
    err = read_wants(turn, json_object_get(root, "wants"));
    /* What failed before must not fail what comes now: it is read for once, then left on its shelf. */
    if (err == ERR_OK && turn->lease.attempts <= 1)
        err = read_owed(turn, json_object_get(root, "owed"));
    *ret_all_applied = all_applied(turn, json_object_get(root, "applied"));
out:
    json_decref(root);
    return err;
}
