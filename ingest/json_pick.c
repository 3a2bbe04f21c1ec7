#include "ingest/json_pick.h"

#include <stdbool.h>
#include <string.h>

#define NOT_WANTED (-2)

struct reader {
    const char *at, *end, *begin;
    const char *why; /* set once, by whoever fails first */
    unsigned depth;
    const struct pick_want *wants;
    size_t count;
    struct picked *picked;
    char *storage; /* the next free byte */
};

static bool fail_with(struct reader *r, const char *why)
{
    if (!r->why)
        r->why = why;
    return false;
}

static void skip_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

/* Skip white space, then take c if it is next. */
static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* ---- strings ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Four hexadecimal digits, or -1. */
static int code_unit(const char *at, const char *end)
{
    int unit = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);

        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. The length, 0 if it is wrong. */
static size_t utf8_length(const unsigned char *at, const unsigned char *end)
{
    size_t left = (size_t)(end - at);
    unsigned char low = 0x80, high = 0xbf;
    size_t len;

    if (at[0] >= 0xc2 && at[0] <= 0xdf)
        len = 2;
    else if ((at[0] & 0xf0) == 0xe0)
        len = 3;
    else if (at[0] >= 0xf0 && at[0] <= 0xf4)
        len = 4;
    else
        return 0;
    if (at[0] == 0xe0)
        low = 0xa0;
    else if (at[0] == 0xed)
        high = 0x9f;
    else if (at[0] == 0xf0)
        low = 0x90;
    else if (at[0] == 0xf4)
        high = 0x8f;
    if (left < len || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

/* From after the opening quote to after the closing one; the raw text between them. */
static bool read_string(struct reader *r, const char **ret_text, size_t *ret_len, bool *ret_escaped)
{
    const char *begin = r->at;

    *ret_escaped = false;
    while (r->at < r->end) {
        unsigned char c = (unsigned char)*r->at;

        if (c == '"') {
            *ret_text = begin;
            *ret_len = (size_t)(r->at++ - begin);
            return true;
        }
        if (c == '\\') {
            *ret_escaped = true;
            if (++r->at == r->end)
                break;
            if (*r->at == 'u' ? code_unit(r->at + 1, r->end) < 0 : !*r->at || !strchr("\"\\/bfnrt", *r->at))
                return fail_with(r, "a wrong escape");
            r->at += *r->at == 'u' ? 5 : 1;
        } else if (c < ' ') {
            return fail_with(r, "a control character in a string");
        } else if (c < 0x80) {
            r->at++;
        } else {
            size_t len = utf8_length((const unsigned char *)r->at, (const unsigned char *)r->end);

            if (!len)
                return fail_with(r, "invalid UTF-8");
            r->at += len;
        }
    }
    return fail_with(r, "a string without an end");
}

static size_t put_utf8(char out[4], unsigned code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* One escape, from after its backslash, of a text that read_string() has passed. Its length; 0: NUL, half a pair. */
static size_t read_escape(const char *at, const char *end, unsigned *ret_code)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    unsigned unit;

    if (*at != 'u') {
        *ret_code = (unsigned char)values[strchr(names, *at) - names];
        return 1;
    }
    unit = (unsigned)code_unit(at + 1, end);
    if (unit >= 0xd800 && unit <= 0xdbff && end - at >= 11 && at[5] == '\\' && at[6] == 'u') {
        unsigned low = (unsigned)code_unit(at + 7, end);

        if (low < 0xdc00 || low > 0xdfff)
            return 0;
        *ret_code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        return 11;
    }
    *ret_code = unit;
    return !unit || (unit >= 0xd800 && unit <= 0xdfff) ? 0 : 5;
}

/* Into out, with a NUL. False if it does not fit, or cannot be a C string. */
static bool decode(const char *text, size_t len, char out[PICK_STORAGE_BYTES_EACH], size_t *ret_len)
{
    const char *end = text + len;
    size_t used = 0;

    while (text < end) {
        char bytes[4] = {*text};
        size_t bytes_len = 1;

        if (*text++ == '\\') {
            unsigned code;
            size_t taken = read_escape(text, end, &code);

            if (!taken)
                return false;
            text += taken;
            bytes_len = put_utf8(bytes, code);
        }
        if (used + bytes_len > PICK_TEXT_BYTES_MAX)
            return false;
        memcpy(out + used, bytes, bytes_len);
        used += bytes_len;
    }
    out[used] = '\0';
    *ret_len = used;
    return true;
}

/* ---- numbers and words ---- */

static bool digits(struct reader *r)
{
    const char *begin = r->at;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return r->at > begin;
}

static int64_t integer_of(const char *text, const char *end)
{
    int64_t value = 0;

    for (; text < end; text++)
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_add_overflow(value, (int64_t)(*text - '0'), &value))
            return -1;
    return value;
}

static bool read_number(struct reader *r, struct picked *picked)
{
    const char *begin = r->at;
    bool zero;

    r->at += *r->at == '-';
    zero = r->at < r->end && *r->at == '0';
    if (zero)
        r->at++;
    if (!zero && !digits(r))
        return fail_with(r, "no value");
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        if (!digits(r))
            return fail_with(r, "a wrong number");
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
            r->at++;
        if (!digits(r))
            return fail_with(r, "a wrong number");
    }
    if (picked)
        *picked = (struct picked){.kind = PICK_NUMBER, .integer = integer_of(begin, r->at)};
    return true;
}

static bool read_word(struct reader *r, struct picked *picked, const char *word, enum pick_kind kind)
{
    size_t len = strlen(word);

    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
        return fail_with(r, "no value");
    r->at += len;
    if (picked)
        *picked = (struct picked){.kind = kind, .integer = -1};
    return true;
}

/* ---- values ---- */

static bool read_value(struct reader *r, int node);

/* Which want, if any, is this key of this object? */
static int find_want(struct reader *r, int parent, const char *key, size_t len, bool escaped)
{
    char decoded[PICK_STORAGE_BYTES_EACH];

    if (parent == NOT_WANTED)
        return NOT_WANTED;
    if (escaped) {
        if (!decode(key, len, decoded, &len))
            return NOT_WANTED;
        key = decoded;
    }
    for (size_t i = 0; i < r->count; i++)
        if (r->wants[i].parent == parent && !strncmp(r->wants[i].key, key, len) && !r->wants[i].key[len])
            return (int)i;
    return NOT_WANTED;
}

/* From after the opening brace. */
static bool read_object(struct reader *r, int node)
{
    if (take(r, '}'))
        return true;
    do {
        const char *key = NULL;
        size_t len = 0;
        bool escaped = false;
        int member;

        if (!take(r, '"'))
            return fail_with(r, "no key");
        if (!read_string(r, &key, &len, &escaped))
            return false;
        member = find_want(r, node, key, len, escaped);
        if (member >= 0 && r->picked[member].kind != PICK_ABSENT)
            return fail_with(r, "a key that comes twice");
        if (!take(r, ':'))
            return fail_with(r, "no colon");
        if (!read_value(r, member))
            return false;
    } while (take(r, ','));
    return take(r, '}') || fail_with(r, "an object without an end");
}

/* From after the opening bracket. */
static bool read_array(struct reader *r)
{
    if (take(r, ']'))
        return true;
    do {
        if (!read_value(r, NOT_WANTED))
            return false;
    } while (take(r, ','));
    return take(r, ']') || fail_with(r, "an array without an end");
}

static bool read_text(struct reader *r, struct picked *picked)
{
    const char *text = NULL;
    size_t len = 0;
    bool escaped = false;

    if (!read_string(r, &text, &len, &escaped))
        return false;
    if (!picked)
        return true;
    *picked = (struct picked){.kind = PICK_STRING, .integer = -1};
    if (decode(text, len, r->storage, &len)) {
        picked->text = r->storage;
        r->storage += len + 1;
    }
    return true;
}

/* node: the want that this value is, or NOT_WANTED. Recurses no deeper than PICK_DEPTH_MAX. */
static bool read_value(struct reader *r, int node)
{
    struct picked *picked = node >= 0 ? &r->picked[node] : NULL;
    bool ok;

    skip_space(r);
    if (r->at == r->end)
        return fail_with(r, "no value");
    switch (*r->at) {
    case '"': r->at++; return read_text(r, picked);
    case 't': return read_word(r, picked, "true", PICK_TRUE);
    case 'f': return read_word(r, picked, "false", PICK_FALSE);
    case 'n': return read_word(r, picked, "null", PICK_NULL);
    case '{':
    case '[':
        if (++r->depth > PICK_DEPTH_MAX)
            return fail_with(r, "nested too deep");
        if (picked)
            *picked = (struct picked){.kind = *r->at == '{' ? PICK_OBJECT : PICK_ARRAY, .integer = -1};
        ok = *r->at++ == '{' ? read_object(r, node) : read_array(r);
        r->depth--;
        return ok;
    default: return read_number(r, picked);
    }
}

enum err json_pick(const char *bytes, size_t len, const struct pick_want *wants, size_t count,
                   struct picked *ret_picked, char *storage, struct failure *fail)
{
    struct reader r = {.at = bytes,
                       .end = bytes + len,
                       .begin = bytes,
                       .depth = 1,
                       .wants = wants,
                       .count = count,
                       .picked = ret_picked,
                       .storage = storage};

    for (size_t i = 0; i < count; i++)
        ret_picked[i] = (struct picked){.kind = PICK_ABSENT, .integer = -1};
    if (!take(&r, '{'))
        (void)fail_with(&r, "no object");
    else if (read_object(&r, PICK_ROOT)) {
        skip_space(&r);
        if (r.at < r.end)
            (void)fail_with(&r, "text after the object");
    }
    if (!r.why)
        return ERR_OK;
    return failf(fail, ERR_INVALID, "not JSON that is understood: %s, at byte %zu", r.why,
                 (size_t)(r.at - r.begin));
}
