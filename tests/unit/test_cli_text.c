// rooms: cli
/* Texts of others on our terminal: what is shown as it is, what is not, where a long one ends. */
#include "cli/text.h"

#include <string.h>

#include "tests/unit/tap.h"

static const struct {
    const char *name;
    const char *text;
    size_t len;
    const char *expected;
} cases[] = {
    {"plain text stays", "subscription sub_1: no item", 64, "subscription sub_1: no item"},
    {"nothing stays nothing", "", 8, ""},
    {"NULL is nothing", NULL, 8, ""},
    {"what begins an escape sequence is shown", "\x1b[2Jgone\x07", 64, "\\x1b[2Jgone\\x07"},
    {"lines and tabs do not break a table", "a\nb\r\tc", 64, "a\\nb\\r\\tc"},
    {"nor does DEL", "a\x7f", 64, "a\\x7f"},
    {"the one-character form of an escape sequence is shown too",
     "a\xc2\x9b"
     "2J",
     64, "a\\x9b2J"},
    {"letters beyond ASCII stay", "M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x92\xb6", 64,
     "M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x92\xb6"},
    {"bytes that are no character are shown as bytes", "a\xff\xc3", 64, "a\\xff\\xc3"},
    {"what just fits is whole", "abcdefg", 8, "abcdefg"},
    {"what does not is cut, and says so", "abcdefgh", 8, "abcd..."},
    {"not inside an escape", "abc\x1b\x1b", 10, "abc..."},
    {"nor inside a character", "abc\xc3\xbc\xc3\xbc\xc3\xbc", 8, "abc..."},
};

int main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buffer[64];
        const char *got = text_plain(cases[i].text, buffer, cases[i].len);
        if (!tap_ok(!strcmp(got, cases[i].expected), "%s", cases[i].name))
            tap_note("got %s", got);
    }
    return tap_done();
}
