#include <string.h>

#include "sim/call.h"
#include "sim/render.h"
#include "sim/versions.h"

/* A list of ids (discounts) becomes a list of objects. */
static void expand_ids(struct call *call, json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *id = json_string_value(json_array_get(array, i));
        const struct object *named = id ? sim_find(call->sim, id) : NULL;
        if (named && json_array_set_new(array, i, render_object(call->sim, named)))
            sim_die("out of memory");
    }
}

/*
 * Replace what stands at property of node by the object it names, or add what is there only when asked for. Gives what
 * stands there now; NULL: nothing that could be gone into.
 */
static json_t *expand_property(struct call *call, json_t *node, const char *property)
{
    json_t *value = json_object_get(node, property);
    const char *id = form_text(node, "id");
    const struct object *owner = id ? sim_find(call->sim, id) : NULL;
    const struct object *named = json_is_string(value) ? sim_find(call->sim, json_string_value(value)) : NULL;
    json_t *replacement = NULL;

    if (json_is_array(value))
        expand_ids(call, value);
    if (named)
        replacement = render_object(call->sim, named);
    else if (!value && owner)
        replacement = render_expand_only(call->sim, owner, property);
    if (replacement)
        version_shape(call->sim, call->version, replacement);
    if (replacement && json_object_set_new(node, property, replacement))
        sim_die("out of memory");
    return replacement ? replacement : value;
}

/* The path is known to be expandable (expand_is_known); what is null, absent or a plain text on the way stays so. */
static void expand_path(struct call *call, json_t *node, const char *path)
{
    char property[64];
    size_t len = strcspn(path, ".");
    json_t *element;
    size_t i;

    if (!len || len >= sizeof property || !json_is_object(node))
        return;
    memcpy(property, path, len);
    property[len] = '\0';
    path += len + (path[len] == '.');
    json_t *value = expand_property(call, node, property);
    if (!json_is_array(value))
        expand_path(call, value, path);
    else
        json_array_foreach(value, i, element) expand_path(call, element, path);
}

void call_answer_json(struct call *call, json_t *json)
{
    const char *key;
    json_t *path;

    version_shape(call->sim, call->version, json);
    json_object_foreach(json_object_get(call->params, "expand"), key, path)
        expand_path(call, json, json_string_value(path));
    call->answer = json;
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
