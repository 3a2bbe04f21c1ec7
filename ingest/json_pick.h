/*
 * Pick a few values out of a JSON text by their paths, without building a tree of the rest.
 *
 * The whole text is checked against RFC 8259: one object, UTF-8, nothing after it, bounded depth. Nothing is
 * allocated. Of keys that are asked for none may come twice in one object; others are not remembered. An ingest spends
 * two thirds of its time on a tree of 3 KB of which it needs ten words: hence this.
 */
#ifndef INSTEP_INGEST_JSON_PICK_H
#define INSTEP_INGEST_JSON_PICK_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define PICK_DEPTH_MAX      64
#define PICK_TEXT_BYTES_MAX 255 /* of a string that is handed out, decoded */

/* A value that is wanted: `key` within the object that `parent` names, an index in the same table, or PICK_ROOT. */
struct pick_want {
    int parent;
    const char *key;
};
#define PICK_ROOT (-1)

enum pick_kind {
    PICK_ABSENT,
    PICK_NULL,
    PICK_TRUE,
    PICK_FALSE,
    PICK_NUMBER,
    PICK_STRING,
    PICK_OBJECT,
    PICK_ARRAY
};

struct picked {
    enum pick_kind kind;
    const char
        *text; /* of a STRING: decoded, in storage. NULL if it is longer, or has a NUL or a lone surrogate */
    int64_t integer; /* of a NUMBER, if it is an integer from 0 to INT64_MAX; else -1 */
};

/* Enough storage for any text: this many bytes for each want. */
#define PICK_STORAGE_BYTES_EACH (PICK_TEXT_BYTES_MAX + 1)

/*
 * wants[0..count) is static; ret_picked[0..count) is set for each, also on failure. storage has count times
 * PICK_STORAGE_BYTES_EACH bytes and must live as long as the texts. ERR_INVALID: fail says what is wrong and at which
 * byte, without quoting the text.
 */
enum err json_pick(const char *bytes, size_t len, const struct pick_want *wants, size_t count,
                   struct picked *ret_picked, char *storage, struct failure *fail);

#endif
