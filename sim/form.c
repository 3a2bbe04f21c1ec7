#include "sim/form.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Unescape [text, text+len) into out (len + 1 bytes). False: a bad escape or a NUL. */
static bool unescape(const char *text, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            if (i + 2 >= len)
                return false;
            int high = hex_digit(text[i + 1]);
            int low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0')
            return false;
        *out++ = c;
    }
    *out = '\0';
    return true;
}

bool form_unescape(char *text)
{
    size_t len = strlen(text);
    char *out = malloc(len + 1);
    json_t *probe = out && unescape(text, len, out) ? json_string(out) : NULL; /* NULL too: not UTF-8 */

    if (probe)
        memcpy(text, out, strlen(out) + 1);
    free(out);
    json_decref(probe);
    return probe;
}

/* The object under key of parent, made if absent. NULL: something else is there. */
static json_t *descend(json_t *parent, const char *key)
{
    json_t *child = json_object_get(parent, key);

    if (!child) {
        child = json_object();
        if (!child || json_object_set_new(parent, key, child))
            return NULL;
    }
    return json_is_object(child) ? child : NULL;
}

/* Put value at name, which looks like a[b][c]; name is cut up on the way. */
static bool put(json_t *root, char *name, const char *value)
{
    json_t *parent = root;
    char *key = name;
    char *rest = strchr(name, '[');
    char number[24];

    if (rest)
        *rest++ = '\0';
    if (!*key)
        return false;
    for (unsigned depth = 0; rest; depth++) {
        char *end = strchr(rest, ']');
        if (!end || depth == FORM_DEPTH_MAX || (end[1] && end[1] != '['))
            return false;
        *end = '\0';
        parent = descend(parent, key);
        if (!parent)
            return false;
        key = rest;
        if (!*key) { /* a[]=x: the next free index */
            (void)snprintf(number, sizeof number, "%zu", json_object_size(parent));
            key = number;
        }
        rest = end[1] ? end + 2 : NULL;
    }
    return json_object_set_new(parent, key, json_string(value)) == 0;
}

json_t *form_decode(const char *text, size_t len)
{
    json_t *root = json_object();
    char *name = malloc(len + 1);
    char *value = malloc(len + 1);
    bool ok = root && name && value;
    unsigned pairs = 0;

    for (size_t at = 0; ok && at < len;) {
        const char *pair = text + at;
        const char *amp = memchr(pair, '&', len - at);
        size_t pair_len = amp ? (size_t)(amp - pair) : len - at;
        const char *eq = memchr(pair, '=', pair_len);
        size_t name_len = eq ? (size_t)(eq - pair) : pair_len;

        at += pair_len + 1;
        if (pair_len == 0)
            continue;
        ok = ++pairs <= FORM_PAIRS_MAX && unescape(pair, name_len, name) &&
             unescape(eq ? eq + 1 : "", eq ? pair_len - name_len - 1 : 0, value) && put(root, name, value);
    }
    free(name);
    free(value);
    if (!ok) {
        json_decref(root);
        return NULL;
    }
    return root;
}

json_t *form_at(json_t *params, const char *path)
{
    char part[64];

    while (params && *path) {
        size_t len = strcspn(path, ".");
        if (len >= sizeof part)
            return NULL;
        memcpy(part, path, len);
        part[len] = '\0';
        params = json_object_get(params, part);
        path += len + (path[len] == '.');
    }
    return params;
}

const char *form_text(json_t *params, const char *path)
{
    return json_string_value(form_at(params, path));
}

bool form_integer(json_t *params, const char *path, int64_t *ret_value)
{
    json_t *value = form_at(params, path);
    const char *text = json_string_value(value);
    char *end;

    if (json_is_integer(value)) {
        *ret_value = json_integer_value(value);
        return true;
    }
    if (!text || !*text)
        return false;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || *end)
        return false;
    *ret_value = number;
    return true;
}

bool form_flag(json_t *params, const char *path, bool otherwise)
{
    json_t *value = form_at(params, path);

    if (json_is_boolean(value))
        return json_is_true(value);
    return json_is_string(value) ? strcmp(json_string_value(value), "true") == 0 : otherwise;
}
