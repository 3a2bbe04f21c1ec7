/* Are the parameters of a request among those its route takes? */
#include <stdio.h>
#include <string.h>

#include "sim/routes.h"

#define NAME_BYTES 512
#define EXPAND     "expand[]"

#define METADATA_KEYS       50
#define METADATA_KEY_CHARS  40
#define METADATA_TEXT_CHARS 500

/* What a name is to a list of patterns; both may be true ("created" and "created[gt]"). */
struct place {
    bool value; /* a text may stand there */
    bool group; /* something below it is known */
};

/* Past one bracketed part of name, if it fits the "[]" or "[*]" that pattern begins with; else NULL. */
static const char *past_any(const char *pattern, const char *name)
{
    const char *end = *name == '[' ? strchr(name, ']') : NULL;
    size_t digits = end ? strspn(name + 1, "0123456789") : 0;

    if (!end || (pattern[1] == ']' && (!digits || name + 1 + digits != end)))
        return NULL;
    return end + 1;
}

static void compare(const char *pattern, size_t len, const char *name, struct place *place)
{
    const char *end = pattern + len;

    while (*name) {
        if (pattern == end)
            return;
        if (*pattern == '[' && (pattern[1] == ']' || pattern[1] == '*')) {
            name = past_any(pattern, name);
            if (!name)
                return;
            pattern = strchr(pattern, ']') + 1;
        } else if (*pattern++ != *name++) {
            return;
        }
    }
    place->value |= pattern == end;
    place->group |= pattern < end && *pattern == '[';
}

static struct place place_of(const struct route *route, const char *name)
{
    struct place place = {false, false};
    const char *at = route->params;

    while (*at) {
        size_t len = strcspn(at, " ");
        compare(at, len, name, &place);
        at += len + (at[len] == ' ');
    }
    if (route->gives)
        compare(EXPAND, sizeof EXPAND - 1, name, &place);
    return place;
}

/* At most 50 keys of 40 characters with texts of 500: bytes that continue a character do not count. */
static size_t characters(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

static bool metadata_fits(json_t *metadata, struct refusal *why)
{
    const char *key;
    json_t *value;

    if (json_object_size(metadata) > METADATA_KEYS)
        return refuse(why, 400, NULL, "metadata", "Metadata may have at most %d keys.", METADATA_KEYS);
    json_object_foreach(metadata, key, value)
    {
        if (characters(key) > METADATA_KEY_CHARS)
            return refuse(why, 400, NULL, "metadata", "Metadata keys can have up to %d characters.",
                          METADATA_KEY_CHARS);
        if (json_is_string(value) && characters(json_string_value(value)) > METADATA_TEXT_CHARS)
            return refuse(why, 400, NULL, "metadata", "Metadata values can have up to %d characters.",
                          METADATA_TEXT_CHARS);
    }
    return true;
}

static bool check(const struct route *route, const char *parent, json_t *params, struct refusal *why)
{
    char name[NAME_BYTES];
    const char *key;
    json_t *value;

    json_object_foreach(params, key, value)
    {
        int len = snprintf(name, sizeof name, *parent ? "%s[%s]" : "%s%s", parent, key);
        struct place place = {false, false};
        if (len >= 0 && (size_t)len < sizeof name)
            place = place_of(route, name);
        if (!place.value && !place.group)
            return refuse(why, 400, "parameter_unknown", name, "Received unknown parameter: %s", name);
        if (json_is_object(value) && !place.group)
            return refuse(why, 400, NULL, name, "Invalid string: %s takes one value.", name);
        if (json_is_object(value) && strcmp(key, "metadata") == 0 && !metadata_fits(value, why))
            return false;
        if (json_is_object(value) && !check(route, name, value, why))
            return false;
        if (!json_is_object(value) && !place.value && *json_string_value(value)) /* an empty one unsets */
            return refuse(why, 400, NULL, name, "Invalid array or hash: %s takes more than a text.", name);
    }
    return true;
}

bool params_are_known(const struct route *route, json_t *params, struct refusal *why)
{
    return check(route, "", params, why);
}
