// rooms: ingest
/* The JSON reader that keeps nothing: what it takes, what it refuses, what it hands out. */
#include "ingest/json_pick.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/tap.h"

enum { W_A, W_B, W_AB, W_ABC, W_COUNT };
static const struct pick_want wants[W_COUNT] = {
    [W_A] = {PICK_ROOT, "a"},
    [W_B] = {PICK_ROOT, "b"},
    [W_AB] = {W_A, "b"},
    [W_ABC] = {W_AB, "c"},
};

static enum err pick(const char *text, size_t len, struct picked *picked)
{
    static char storage[W_COUNT * PICK_STORAGE_BYTES_EACH];
    struct failure fail;

    return json_pick(text, len, wants, W_COUNT, picked, storage, &fail);
}

static const struct {
    const char *name, *text;
    int want;
    enum pick_kind kind;
    const char *value; /* of a string; NULL: not handed out */
    int64_t integer;
} good[] = {
    {"an absent key", "{}", W_A, PICK_ABSENT, NULL, -1},
    {"a string", "{\"a\":\"x\"}", W_A, PICK_STRING, "x", -1},
    {"an empty string", "{\"a\":\"\"}", W_A, PICK_STRING, "", -1},
    {"white space everywhere", " \t\r\n{ \"a\" :\n[ 1 , 2 ] , \"b\" : \"y\" } \n", W_B, PICK_STRING, "y", -1},
    {"null", "{\"a\":null}", W_A, PICK_NULL, NULL, -1},
    {"true", "{\"a\":true}", W_A, PICK_TRUE, NULL, -1},
    {"false", "{\"a\":false}", W_A, PICK_FALSE, NULL, -1},
    {"an array", "{\"a\":[{\"b\":1},[],{}]}", W_AB, PICK_ABSENT, NULL, -1},
    {"an integer", "{\"a\":1792000000}", W_A, PICK_NUMBER, NULL, 1792000000},
    {"zero", "{\"a\":0}", W_A, PICK_NUMBER, NULL, 0},
    {"the largest integer", "{\"a\":9223372036854775807}", W_A, PICK_NUMBER, NULL, INT64_MAX},
    {"one more is no integer", "{\"a\":9223372036854775808}", W_A, PICK_NUMBER, NULL, -1},
    {"a negative number is none either", "{\"a\":-1}", W_A, PICK_NUMBER, NULL, -1},
    {"nor one with a fraction", "{\"a\":1.0}", W_A, PICK_NUMBER, NULL, -1},
    {"nor one with an exponent", "{\"a\":1e3}", W_A, PICK_NUMBER, NULL, -1},
    {"a number beyond a double", "{\"x\":1e999,\"a\":1}", W_A, PICK_NUMBER, NULL, 1},
    {"a value inside an object", "{\"a\":{\"x\":1,\"b\":\"in\"},\"b\":\"out\"}", W_AB, PICK_STRING, "in", -1},
    {"beside one outside", "{\"a\":{\"x\":1,\"b\":\"in\"},\"b\":\"out\"}", W_B, PICK_STRING, "out", -1},
    {"three deep", "{\"a\":{\"b\":{\"c\":\"deep\"}}}", W_ABC, PICK_STRING, "deep", -1},
    {"the same key elsewhere is another", "{\"x\":{\"a\":\"no\"},\"a\":\"yes\"}", W_A, PICK_STRING, "yes",
     -1},
    {"a key that begins like it", "{\"ab\":1,\"\":2,\"a\":\"x\"}", W_A, PICK_STRING, "x", -1},
    {"a key written with escapes", "{\"\\u0061\":\"x\"}", W_A, PICK_STRING, "x", -1},
    {"every escape", "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", W_A, PICK_STRING, "\"\\/\b\f\n\r\t", -1},
    {"an escaped letter", "{\"a\":\"\\u00e9\\u20ac\"}", W_A, PICK_STRING, "\xc3\xa9\xe2\x82\xac", -1},
    {"a surrogate pair", "{\"a\":\"\\ud83d\\ude00\"}", W_A, PICK_STRING, "\xf0\x9f\x98\x80", -1},
    {"UTF-8 as it is", "{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}", W_A, PICK_STRING,
     "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", -1},
    {"a NUL is legal and not handed out", "{\"a\":\"x\\u0000y\"}", W_A, PICK_STRING, NULL, -1},
    {"half a pair neither", "{\"a\":\"\\ud83d\"}", W_A, PICK_STRING, NULL, -1},
    {"half a pair and a letter", "{\"a\":\"\\ud83d\\u0061\"}", W_A, PICK_STRING, NULL, -1},
    {"the wrong half", "{\"a\":\"\\ude00\"}", W_A, PICK_STRING, NULL, -1},
    {"other keys may repeat", "{\"x\":1,\"x\":2,\"a\":\"x\"}", W_A, PICK_STRING, "x", -1},
};

static const struct {
    const char *name, *text;
} bad[] = {
    {"nothing", ""},
    {"white space", " \n"},
    {"an array", "[]"},
    {"a string", "\"a\""},
    {"a brace", "{"},
    {"a key without a value", "{\"a\"}"},
    {"a colon without a value", "{\"a\":}"},
    {"a comma before the end", "{\"a\":1,}"},
    {"a comma first", "{,\"a\":1}"},
    {"no comma", "{\"a\":1 \"b\":2}"},
    {"a comma at the end of an array", "{\"a\":[1,]}"},
    {"an array that does not end", "{\"a\":[1"},
    {"brackets crossed", "{\"a\":[1}]"},
    {"text after it", "{} x"},
    {"two objects", "{}{}"},
    {"a key without quotes", "{a:1}"},
    {"single quotes", "{'a':1}"},
    {"a comment", "{/* */\"a\":1}"},
    {"a string that does not end", "{\"a\":\"x"},
    {"a string that ends in a backslash", "{\"a\":\"x\\"},
    {"an unknown escape", "{\"a\":\"\\x41\"}"},
    {"a short escape", "{\"a\":\"\\u00e\"}"},
    {"an escape that is not hexadecimal", "{\"a\":\"\\u00eg\"}"},
    {"a line feed in a string", "{\"a\":\"x\ny\"}"},
    {"a tab in a string", "{\"a\":\"x\ty\"}"},
    {"a leading zero", "{\"a\":01}"},
    {"a plus sign", "{\"a\":+1}"},
    {"a point without digits", "{\"a\":1.}"},
    {"a point first", "{\"a\":.5}"},
    {"an exponent without digits", "{\"a\":1e}"},
    {"a sign alone", "{\"a\":-}"},
    {"hexadecimal", "{\"a\":0x1}"},
    {"NaN", "{\"a\":NaN}"},
    {"Infinity", "{\"a\":-Infinity}"},
    {"True", "{\"a\":True}"},
    {"half a word", "{\"a\":nul}"},
    {"a word and a half", "{\"a\":nulll}"},
    {"a lone continuation byte", "{\"a\":\"\x80\"}"},
    {"a UTF-8 sequence cut short", "{\"a\":\"\xe2\x82\"}"},
    {"an overlong slash", "{\"a\":\"\xc0\xaf\"}"},
    {"an overlong NUL", "{\"a\":\"\xe0\x80\x80\"}"},
    {"a surrogate in UTF-8", "{\"a\":\"\xed\xa0\x80\"}"},
    {"beyond Unicode", "{\"a\":\"\xf4\x90\x80\x80\"}"},
    {"a byte that never occurs", "{\"a\":\"\xff\"}"},
    {"a byte order mark", "\xef\xbb\xbf{}"},
    {"a wanted key twice", "{\"a\":1,\"a\":2}"},
    {"twice, once with escapes", "{\"a\":1,\"\\u0061\":2}"},
    {"twice inside", "{\"a\":{\"b\":1,\"b\":1}}"},
};

static void test_tables(void)
{
    struct picked picked[W_COUNT];

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        enum err err = pick(good[i].text, strlen(good[i].text), picked);
        const struct picked *p = &picked[good[i].want];

        tap_ok(err == ERR_OK && p->kind == good[i].kind && p->integer == good[i].integer &&
                   (good[i].value ? p->text && !strcmp(p->text, good[i].value) : !p->text),
               "taken: %s", good[i].name);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        tap_ok(pick(bad[i].text, strlen(bad[i].text), picked) == ERR_INVALID, "refused: %s", bad[i].name);
    tap_ok(pick("{\"a\":\"x\0y\"}", 11, picked) == ERR_INVALID, "refused: a NUL byte in a string");
}

static void test_lengths(void)
{
    struct picked picked[W_COUNT];
    char text[400], value[300];

    for (size_t len = PICK_TEXT_BYTES_MAX; len <= PICK_TEXT_BYTES_MAX + 1; len++) {
        memset(value, 'v', len);
        value[len] = '\0';
        (void)snprintf(text, sizeof text, "{\"a\":\"%s\"}", value);
        tap_ok(pick(text, strlen(text), picked) == ERR_OK &&
                   (picked[W_A].text != NULL) == (len == PICK_TEXT_BYTES_MAX),
               "a string of %zu bytes is%s handed out", len, len == PICK_TEXT_BYTES_MAX ? "" : " not");
    }
}

/* Every prefix of every text, so that the byte after it cannot be read. */
static void test_page_guard(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct picked picked[W_COUNT];
    unsigned tried = 0;
    bool ok = true;

    if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) != 0) {
        tap_ok(false, "two pages for the guard");
        return;
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0] + sizeof bad / sizeof bad[0]; i++) {
        size_t goods = sizeof good / sizeof good[0];
        const char *text = i < goods ? good[i].text : bad[i - goods].text;
        const char *brace = strrchr(text, '}');

        for (size_t len = 0; len <= strlen(text); len++) {
            memcpy(pages + page - len, text, len);
            enum err err = pick(pages + page - len, len, picked);

            ok &= i >= goods || (err == ERR_OK) == (len > (size_t)(brace - text));
            tried++;
        }
    }
    tap_ok(ok, "%u prefixes end flush against an unreadable page", tried);
    (void)munmap(pages, 2 * page);
}

int main(void)
{
    test_tables();
    test_lengths();
    test_page_guard();
    return tap_done();
}
