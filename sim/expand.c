#include <string.h>

#include "sim/call.h"
#include "sim/render.h"

#define EXPAND_LEVELS_MAX 4

static bool expand_path(struct call *call, json_t *node, const char *path, const char *whole);

static bool cannot(struct call *call, const char *whole)
{
    return refuse(
        &call->why, 400, NULL, "expand",
        "This property cannot be expanded (%.100s). You may want to try expanding another property.", whole);
}

/* Replace what stands at field of node by the object it names, if it does name one. Gives what stands there now. */
static json_t *expand_field(struct call *call, json_t *node, const char *field)
{
    json_t *value = json_object_get(node, field);
    const char *id = form_text(node, "id");
    const struct object *owner = id ? sim_find(call->sim, id) : NULL;
    const struct object *named = json_is_string(value) ? sim_find(call->sim, json_string_value(value)) : NULL;
    json_t *replacement = NULL;

    if (named && strcmp(field, "id") != 0)
        replacement = render_object(call->sim, named);
    else if (!value && owner)
        replacement = render_expand_only(call->sim, owner, field);
    if (!replacement)
        return json_is_string(value) ? NULL : value;
    if (json_object_set_new(node, field, replacement))
        sim_die("out of memory");
    return replacement;
}

static bool expand_each(struct call *call, json_t *array, const char *path, const char *whole)
{
    json_t *element;
    size_t i;

    json_array_foreach(array, i, element) if (!expand_path(call, element, path, whole)) return false;
    return true;
}

static bool expand_path(struct call *call, json_t *node, const char *path, const char *whole)
{
    char field[64];
    size_t len = strcspn(path, ".");
    const char *rest = path[len] ? path + len + 1 : "";

    if (!*path)
        return true;
    if (!len || len >= sizeof field)
        return cannot(call, whole);
    memcpy(field, path, len);
    field[len] = '\0';
    json_t *value = expand_field(call, node, field);
    if (!value)
        return cannot(call, whole);
    if (json_is_array(value))
        return expand_each(call, value, rest, whole);
    if (json_is_null(value))
        return true; /* nothing there to expand */
    return json_is_object(value) ? expand_path(call, value, rest, whole) : cannot(call, whole);
}

bool call_expand(struct call *call, json_t *json)
{
    json_t *wanted = json_object_get(call->params, "expand");
    const char *key;
    json_t *value;

    if (wanted && !json_is_object(wanted))
        return refuse(&call->why, 400, NULL, "expand", "Invalid array");
    json_object_foreach(wanted, key, value)
    {
        const char *path = json_string_value(value);
        unsigned levels = 1;
        for (const char *c = path; c && *c; c++)
            levels += *c == '.';
        if (!path || levels > EXPAND_LEVELS_MAX)
            return refuse(&call->why, 400, NULL, "expand",
                          "You cannot expand more than %d levels of a property.", EXPAND_LEVELS_MAX);
        if (!expand_path(call, json, path, path))
            return false;
    }
    return true;
}

void call_answer_json(struct call *call, json_t *json)
{
    if (call_expand(call, json)) {
        call->answer = json;
        return;
    }
    json_decref(json);
}

void call_answer(struct call *call, const struct object *o)
{
    call_answer_json(call, render_object(call->sim, o));
}

void *call_object(struct call *call, enum object_type type)
{
    struct object *o = sim_find_type(call->sim, call->id, type);

    if (!o)
        (void)refuse(&call->why, 404, "resource_missing", "id", "No such %s: '%.100s'", object_name(type),
                     call->id);
    return o;
}

void *call_param(struct call *call, const char *param, enum object_type type)
{
    const char *id = form_text(call->params, param);
    struct object *o = id && *id ? sim_find_type(call->sim, id, type) : NULL;

    if (id && *id && !o)
        (void)refuse(&call->why, 400, "resource_missing", object_name(type), "No such %s: '%.100s'",
                     object_name(type), id);
    return o;
}
