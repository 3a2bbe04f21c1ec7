// rooms: ingest
/* Our JSON reader beside jansson: they agree on what is JSON, and on what a picked string says. */
#include "ingest/json_pick.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { F_A, F_B, F_AB, F_COUNT };
static const struct pick_want wants[F_COUNT] = {{PICK_ROOT, "a"}, {PICK_ROOT, "b"}, {F_A, "b"}};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void compare(const json_t *value, const struct picked *picked)
{
    require((value == NULL) == (picked->kind == PICK_ABSENT));
    if (!value)
        return;
    require(json_is_string(value) == (picked->kind == PICK_STRING));
    require(json_is_object(value) == (picked->kind == PICK_OBJECT));
    require(json_is_array(value) == (picked->kind == PICK_ARRAY));
    require(json_is_number(value) == (picked->kind == PICK_NUMBER));
    if (picked->text)
        require(json_string_length(value) == strlen(picked->text) &&
                !strcmp(json_string_value(value), picked->text));
    if (picked->integer >= 0)
        require(json_is_integer(value) && json_integer_value(value) == picked->integer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct picked picked[F_COUNT];
    char storage[F_COUNT * PICK_STORAGE_BYTES_EACH];
    struct failure fail = {.text = ""};
    json_error_t why;
    char *text = malloc(size ? size : 1);
    json_t *root = NULL;
    enum err err;

    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    err = json_pick(text, size, wants, F_COUNT, picked, storage, &fail);
    /* jansson overlooks some NUL bytes between tokens; we refuse them all. */
    if (size && memchr(text, '\0', size)) {
        require(err != ERR_OK);
        goto out;
    }
    root = json_loadb(text, size, JSON_ALLOW_NUL, &why);
    if (root && json_is_object(root)) {
        /* Only what it says it refuses beyond the grammar may be refused. */
        if (err != ERR_OK)
            require(strstr(fail.text, "comes twice") || strstr(fail.text, "too deep"));
        else
            for (int i = 0; i < F_COUNT; i++)
                compare(json_object_get(wants[i].parent == PICK_ROOT ? root : json_object_get(root, "a"),
                                        wants[i].key),
                        &picked[i]);
    } else if (err == ERR_OK) {
        /* jansson also refuses numbers it cannot hold, and lone surrogates. */
        require(json_error_code(&why) == json_error_numeric_overflow || memmem(text, size, "\\u", 2));
    }
out:
    json_decref(root);
    free(text);
    return 0;
}
