#include "cli/plans_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/toml.h"

#define KEY_BYTES_MAX 1024 /* of a path; lines of longer ones are not kept */
#define DEPTH_MAX     16   /* no plan is deeper */

/* Jansson does not say where in a valid text something stands, so the keys are looked for once more. */
struct scan {
    const char *at, *end; /* borrowed */
    unsigned line;
    json_t *lines; /* borrowed */
};

static void skip_blank(struct scan *scan)
{
    for (; scan->at < scan->end && strchr(" \t\r\n", *scan->at); scan->at++)
        scan->line += *scan->at == '\n';
}

/* Past a string; *ret_text is its text, the caller's to json_decref(), or NULL. */
static void skip_string(struct scan *scan, json_t **ret_text)
{
    const char *from = scan->at++;

    while (scan->at < scan->end && *scan->at != '"')
        scan->at += *scan->at == '\\' ? 2 : 1;
    scan->at++;
    if (ret_text)
        *ret_text = json_loadb(from, (size_t)(scan->at - from), JSON_DECODE_ANY, NULL);
}

static void scan_value(struct scan *scan, const char *path, int depth);

static void scan_member(struct scan *scan, const char *path, int depth)
{
    char inner[KEY_BYTES_MAX];
    json_t *key = NULL;
    unsigned line = scan->line;

    skip_string(scan, &key);
    int len = snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "\x1f" : "",
                       json_string_value(key) ? json_string_value(key) : "");
    if (len >= 0 && (size_t)len < sizeof inner)
        (void)json_object_set_new(scan->lines, inner, json_integer(line));
    json_decref(key);
    skip_blank(scan);
    scan->at++; /* the colon */
    skip_blank(scan);
    scan_value(scan, inner, depth + 1);
}

/* The text is known to be valid JSON. */
static void scan_value(struct scan *scan, const char *path, int depth)
{
    bool named = *scan->at == '{' && depth < DEPTH_MAX;
    int open = 0;

    if (!named) {
        /* A list, a word, or what is too deep: nothing in it is asked for. */
        do {
            if (*scan->at == '"') {
                skip_string(scan, NULL);
                continue;
            }
            open += strchr("[{", *scan->at) ? 1 : strchr("]}", *scan->at) ? -1 : 0;
            scan->line += *scan->at == '\n';
            scan->at++;
        } while (scan->at < scan->end && (open > 0 || !strchr(",]} \t\r\n", *scan->at)));
        return;
    }
    for (scan->at++, skip_blank(scan); scan->at < scan->end && *scan->at != '}'; skip_blank(scan)) {
        if (*scan->at == ',')
            scan->at++;
        else
            scan_member(scan, path, depth);
    }
    scan->at++;
}

static enum err json_read(const char *name, const char *text, size_t len, struct plans_file *file,
                          struct failure *fail)
{
    struct scan scan = {.at = text, .end = text + len, .line = 1, .lines = file->lines};
    json_error_t why;

    file->root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    if (!file->root)
        return failf(fail, ERR_INVALID, "%s:%d:%d: %s", name, why.line > 0 ? why.line : 1,
                     why.column > 0 ? why.column : 1, why.text);
    skip_blank(&scan);
    if (scan.at < scan.end)
        scan_value(&scan, "", 0);
    return ERR_OK;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && !strcmp(text + len - end_len, end);
}

static bool is_json(const char *name, const char *text, size_t len)
{
    if (ends_with(name, ".json") || ends_with(name, ".toml"))
        return ends_with(name, ".json");
    while (len && strchr(" \t\r\n", *text))
        text++, len--;
    return len && *text == '{';
}

enum err plans_file_parse(const char *name, const char *text, size_t len, struct plans_file *ret_file,
                          struct failure *fail)
{
    struct plans_file file = {.name = strdup(name), .lines = json_object()};
    struct toml_fault fault = {0};
    enum err err = ERR_OK;

    if (!file.name || !file.lines)
        err = failf(fail, ERR_NOMEM, "out of memory");
    else if (memchr(text, '\0', len))
        err = failf(fail, ERR_INVALID, "%s:1: there are zero bytes in it", name);
    else if (is_json(name, text, len))
        err = json_read(name, text, len, &file, fail);
    else if (toml_read(text, len, file.lines, &file.root, &fault))
        err = failf(fail, ERR_INVALID, "%s:%u:%u: %s", name, fault.line, fault.column, fault.text);
    if (err)
        plans_file_release(&file);
    else
        *ret_file = file;
    return err;
}

enum err plans_file_read(const char *path, struct plans_file *ret_file, struct failure *fail)
{
    bool is_input = !strcmp(path, "-");
    const char *name = is_input ? "standard input" : path;
    FILE *in = is_input ? stdin : fopen(path, "re");
    char *text = in ? malloc(PLANS_FILE_BYTES_MAX + 1) : NULL;
    enum err err = ERR_OK;

    if (!in)
        return failf(fail, ERR_INVALID, "%s: %s", name, strerror(errno));
    size_t len = text ? fread(text, 1, PLANS_FILE_BYTES_MAX + 1, in) : 0;
    if (!text)
        err = failf(fail, ERR_NOMEM, "out of memory");
    else if (ferror(in))
        err = failf(fail, ERR_INVALID, "%s cannot be read", name);
    else if (len > PLANS_FILE_BYTES_MAX)
        err = failf(fail, ERR_INVALID, "%s has more than %d bytes", name, PLANS_FILE_BYTES_MAX);
    else
        err = plans_file_parse(name, text, len, ret_file, fail);
    free(text);
    if (!is_input)
        (void)fclose(in);
    return err;
}

unsigned plans_file_line(const struct plans_file *file, const json_t *path)
{
    char key[KEY_BYTES_MAX] = "";
    size_t len = 0;
    json_int_t line = 1;
    size_t i;
    json_t *part;

    json_array_foreach(path, i, part)
    {
        const char *text = json_string_value(part);
        int more = snprintf(key + len, sizeof key - len, "%s%s", i ? "\x1f" : "", text ? text : "");
        if (more < 0 || (size_t)more >= sizeof key - len)
            break;
        len += (size_t)more;
        const json_t *found = json_object_get(file->lines, key);
        if (!found)
            break;
        line = json_integer_value(found);
    }
    return (unsigned)line;
}

void plans_file_release(struct plans_file *file)
{
    free(file->name);
    json_decref(file->root);
    json_decref(file->lines);
    *file = (struct plans_file){0};
}
