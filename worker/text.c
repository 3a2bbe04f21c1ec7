#include "worker/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the character that starts at text; 0: none does. *ret_cut: one would, but the text ends within it. */
static size_t character(const unsigned char *text, bool *ret_cut)
{
    size_t len = text[0] < 0x80 ? 1 : text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    unsigned low = text[0] == 0xe0 ? 0xa0 : text[0] == 0xf0 ? 0x90 : 0x80;
    unsigned high = text[0] == 0xed   ? 0x9f
                    : text[0] == 0xf4 ? 0x8f
                                      : 0xbf; /* no surrogates, nothing beyond Unicode */

    *ret_cut = false;
    if (text[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < len; i++, low = 0x80, high = 0xbf) {
        if (!text[i])
            *ret_cut = true;
        if (text[i] < low || text[i] > high)
            return 0;
    }
    return len;
}

void text_tidy(char *text)
{
    bool cut;

    while (*text) {
        size_t len = character((const unsigned char *)text, &cut);
        if (cut)
            *text = 0;
        else if (len)
            text += len;
        else
            *text++ = '?';
    }
}

json_t *text_json(const char *text)
{
    json_t *string = json_string(text);
    char *copy;

    if (string)
        return string;
    copy = strdup(text);
    if (copy) {
        text_tidy(copy);
        string = json_string(copy);
    }
    free(copy);
    return string;
}

json_t *text_json_or_null(const char *text)
{
    return *text ? text_json(text) : json_null();
}
