#include "cli/text.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define CUT "..."

/* Bytes of the UTF-8 character that begins here; 1 for what is none. */
static size_t character_len(const unsigned char *text)
{
    size_t len = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : text[0] >= 0xc2 ? 2 : 1;

    for (size_t i = 1; i < len; i++)
        if ((text[i] & 0xc0U) != 0x80)
            return 1;
    return len;
}

/* How one character is shown; returns how many bytes of it that takes. */
static size_t character_show(const unsigned char *text, size_t len, char shown[8])
{
    unsigned code = len == 2 && text[0] == 0xc2 ? text[1] : text[0];
    bool control = len == 1 ? code < 0x20 || code >= 0x7f : text[0] == 0xc2 && code < 0xa0;
    const char *named = strchr("\nn\rr\tt", (int)code);

    if (!control) {
        memcpy(shown, text, len);
        shown[len] = '\0';
    } else if (code < 0x20 && code && named) {
        (void)snprintf(shown, 8, "\\%c", named[1]);
    } else {
        (void)snprintf(shown, 8, "\\x%02x", code);
    }
    return strlen(shown);
}

const char *text_plain(const char *text, char *buffer, size_t len)
{
    const unsigned char *from = (const unsigned char *)(text ? text : "");
    size_t used = 0;
    size_t whole = 0; /* up to here there is room for CUT behind it */
    char shown[8];

    assert(buffer && len >= sizeof shown);
    while (*from) {
        size_t bytes = character_len(from);
        size_t room = character_show(from, bytes, shown);
        if (used + room + 1 > len) {
            memcpy(buffer + whole, CUT, sizeof CUT);
            return buffer;
        }
        memcpy(buffer + used, shown, room);
        used += room;
        if (used + sizeof CUT <= len)
            whole = used;
        from += bytes;
    }
    buffer[used] = '\0';
    return buffer;
}
