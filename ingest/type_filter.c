#include "ingest/type_filter.h"

#include <stdlib.h>
#include <string.h>

struct type_filter {
    char *text;      /* owned; patterns, each ended by NUL */
    size_t text_len; /* with the last NUL */
};

enum err type_filter_create(const char *list, struct type_filter **ret_filter, struct failure *fail)
{
    static const char legal[] = "abcdefghijklmnopqrstuvwxyz0123456789_.*";
    struct type_filter *filter = calloc(1, sizeof *filter);
    char *out = filter ? malloc(strlen(list) + 1) : NULL;
    enum err err = ERR_OK;

    if (!out) {
        free(filter);
        return failf(fail, ERR_NOMEM, "no memory for the event types");
    }
    filter->text = out;
    for (const char *at = list; at && err == ERR_OK;) {
        size_t len = strcspn(at, ","), used;
        const char *next = at[len] ? at + len + 1 : NULL;

        while (len && (*at == ' ' || *at == '\t')) {
            at++;
            len--;
        }
        while (len && (at[len - 1] == ' ' || at[len - 1] == '\t'))
            len--;
        used = strspn(at, legal);
        if (!len || used < len) {
            err = failf(
                fail, ERR_CONFIG,
                "INSTEP_EVENT_TYPES: \"%.*s\" is no event type; write invoice.*,customer.subscription.*",
                (int)(len < 64 ? len : 64), at);
            break;
        }
        memcpy(out, at, len);
        out[len] = '\0';
        out += len + 1;
        at = next;
    }
    filter->text_len = (size_t)(out - filter->text);
    if (err != ERR_OK) {
        type_filter_free(filter);
        return err;
    }
    *ret_filter = filter;
    return ERR_OK;
}

void type_filter_free(struct type_filter *filter)
{
    if (!filter)
        return;
    free(filter->text);
    free(filter);
}

/* Goes back to the last `*` only, so that no pattern takes more than length times length. */
static bool matches(const char *pattern, const char *text)
{
    const char *star = NULL, *resume = NULL;

    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

bool type_filter_wants(const struct type_filter *filter, const char *type)
{
    const char *snapshot_type = strncmp(type, "v1.", 3) != 0 ? type : type + 3;

    for (const char *pattern = filter->text; pattern < filter->text + filter->text_len;
         pattern += strlen(pattern) + 1)
        if (matches(pattern, type) || matches(pattern, snapshot_type))
            return true;
    return false;
}
