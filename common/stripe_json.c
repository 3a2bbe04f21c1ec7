#include "common/stripe_client.h"

#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* A copy of the string with each NUL replaced; NULL without memory. */
static json_t *string_without_nul(const char *text, size_t len)
{
    size_t nuls = 0, at = 0;
    char *clean;
    json_t *string;

    for (size_t i = 0; i < len; i++)
        nuls += !text[i];
    clean = malloc(len + nuls * 2 + 1);
    if (!clean)
        return 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i]) {
            clean[at++] = text[i];
        } else {
            for (const char *c = REPLACEMENT; *c; c++)
                clean[at++] = *c;
        }
    }
    string = json_stringn(clean, at);
    free(clean);
    return string;
}

static bool has_nul(const json_t *value)
{
    return json_is_string(value) && memchr(json_string_value(value), 0, json_string_length(value));
}

/* Check the depth and clean the strings below value. The recursion is bounded by depth. */
static enum err clean(json_t *value, unsigned depth, struct failure *fail)
{
    enum err err = ERR_OK;
    const char *key;
    json_t *child;
    size_t i;

    if (depth > STRIPE_JSON_DEPTH_MAX)
        return failf(fail, ERR_INVALID, "JSON is nested deeper than %d", STRIPE_JSON_DEPTH_MAX);
    if (json_is_object(value)) {
        json_object_foreach(value, key, child)
        {
            if (has_nul(child)) {
                json_t *string = string_without_nul(json_string_value(child), json_string_length(child));
                if (!string || json_object_set_new(value, key, string) != 0)
                    return failf(fail, ERR_NOMEM, "JSON string");
            } else if ((err = clean(child, depth + 1, fail)) != ERR_OK) {
                return err;
            }
        }
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, child)
        {
            if (has_nul(child)) {
                json_t *string = string_without_nul(json_string_value(child), json_string_length(child));
                if (!string || json_array_set_new(value, i, string) != 0)
                    return failf(fail, ERR_NOMEM, "JSON string");
            } else if ((err = clean(child, depth + 1, fail)) != ERR_OK) {
                return err;
            }
        }
    }
    return ERR_OK;
}

enum err stripe_json_parse(const char *text, size_t len, json_t **ret_root, struct failure *fail)
{
    json_error_t why;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    enum err err;

    if (!root)
        return failf(fail, json_error_code(&why) == json_error_out_of_memory ? ERR_NOMEM : ERR_INVALID,
                     "not JSON at byte %d", why.position); /* why.text quotes the payload */
    err = json_is_object(root) ? clean(root, 1, fail) : failf(fail, ERR_INVALID, "JSON is not an object");
    if (err == ERR_OK) {
        *ret_root = root;
        root = 0;
    }
    json_decref(root);
    return err;
}
