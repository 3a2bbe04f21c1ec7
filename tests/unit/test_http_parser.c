/* The HTTP head parser: what it takes, what it refuses and with which status, and that it never reads too far. */
#include "common/http_parser.h"

#include <string.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/tap.h"

#define HEAD_MAX 16384

#define GET "GET / HTTP/1.1\r\n"

static const struct {
    const char *name;
    const char *bytes;
    const char *method, *path, *query;
    unsigned minor, headers;
    long long length; /* -1: none */
    bool keep_alive, expect;
} good[] = {
    {"a request line alone is a request", GET "\r\n", "GET", "/", "", 1, 0, -1, true, false},
    {"a webhook", "POST /webhooks/stripe HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n", "POST",
     "/webhooks/stripe", "", 1, 2, 12, true, false},
    {"a body after the head is not looked at", "POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\n\n\0\r", "POST",
     "/x", "", 1, 1, 3, true, false},
    {"HTTP/1.0 closes", "GET / HTTP/1.0\r\n\r\n", "GET", "/", "", 0, 0, -1, false, false},
    {"HTTP/1.0 with keep-alive stays", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET", "/", "", 0,
     1, -1, true, false},
    {"Connection: close closes", GET "Connection: close\r\n\r\n", "GET", "/", "", 1, 1, -1, false, false},
    {"close is found in a list", GET "Connection: te ,\tClose , x\r\n\r\n", "GET", "/", "", 1, 1, -1, false,
     false},
    {"close wins over keep-alive", GET "Connection: keep-alive\r\nConnection: close\r\n\r\n", "GET", "/", "",
     1, 2, -1, false, false},
    {"closed is not close", GET "Connection: closed\r\n\r\n", "GET", "/", "", 1, 1, -1, true, false},
    {"a query is split off", "GET /a/b?c=d?e HTTP/1.1\r\n\r\n", "GET", "/a/b", "c=d?e", 1, 0, -1, true,
     false},
    {"an empty query is empty", "GET /a? HTTP/1.1\r\n\r\n", "GET", "/a", "", 1, 0, -1, true, false},
    {"header names in any case", "POST / HTTP/1.1\r\ncOnTeNt-LeNgTh:0\r\n\r\n", "POST", "/", "", 1, 1, 0,
     true, false},
    {"white space around a value goes", "POST / HTTP/1.1\r\nContent-Length: \t 7 \t\r\n\r\n", "POST", "/", "",
     1, 1, 7, true, false},
    {"leading zeros are digits", "POST / HTTP/1.1\r\nContent-Length: 007\r\n\r\n", "POST", "/", "", 1, 1, 7,
     true, false},
    {"eighteen digits of length", "POST / HTTP/1.1\r\nContent-Length: 999999999999999999\r\n\r\n", "POST",
     "/", "", 1, 1, 999999999999999999, true, false},
    {"Expect: 100-continue", "POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\n", "POST",
     "/", "", 1, 2, 1, true, true},
    {"HTTP/1.0 knows no 100-continue", "POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
     "POST", "/", "", 0, 2, 1, false, false},
    {"an empty value", GET "X-Empty:\r\n\r\n", "GET", "/", "", 1, 1, -1, true, false},
    {"bytes above 127 in a value", GET "X: \xc3\xa9\r\n\r\n", "GET", "/", "", 1, 1, -1, true, false},
    {"any token is a method", "M-SEARCH / HTTP/1.1\r\n\r\n", "M-SEARCH", "/", "", 1, 0, -1, true, false},
};

#define POST "POST / HTTP/1.1\r\n"

static const struct {
    const char *name;
    const char *bytes;
    int status;
} refused[] = {
    {"an empty line first", "\r\nGET / HTTP/1.1\r\n\r\n", 400},
    {"bare LF after the request line", "GET / HTTP/1.1\n", 400},
    {"bare LF as the very first byte", "\n", 400},
    {"bare LF after a header", GET "A: b\n", 400},
    {"CR without LF", GET "A: b\rC", 400},
    {"CR CR LF", GET "A: b\r\r\n", 400},
    {"a TLS hello", "\x16\x03\x01", 400},
    {"an escape character", GET "A: \x1b[0m", 400},
    {"DEL", GET "A: \x7f", 400},
    {"no target", "GET HTTP/1.1\r\n\r\n", 400},
    {"no version", "GET /\r\n\r\n", 400},
    {"HTTP/0.9", "GET / HTTP/0.9\r\n\r\n", 505},
    {"HTTP/1.2", "GET / HTTP/1.2\r\n\r\n", 505},
    {"HTTP/2.0", "PRI / HTTP/2.0\r\n\r\n", 505},
    {"HTTP/1.11", "GET / HTTP/1.11\r\n\r\n", 400},
    {"HTTP/11", "GET / HTTP/11\r\n\r\n", 400},
    {"http in lower case", "GET / http/1.1\r\n\r\n", 400},
    {"two spaces before the target", "GET  / HTTP/1.1\r\n\r\n", 400},
    {"two spaces after the target", "GET /  HTTP/1.1\r\n\r\n", 400},
    {"a space after the version", "GET / HTTP/1.1 \r\n\r\n", 400},
    {"a space first", " GET / HTTP/1.1\r\n\r\n", 400},
    {"a tab for a space", "GET\t/\tHTTP/1.1\r\n\r\n", 400},
    {"a target that is an address", "GET http://a/ HTTP/1.1\r\n\r\n", 400},
    {"a target of another kind", "OPTIONS * HTTP/1.1\r\n\r\n", 400},
    {"a fragment", "GET /a#b HTTP/1.1\r\n\r\n", 400},
    {"a target beyond ASCII", "GET /\xc3\xa9 HTTP/1.1\r\n\r\n", 400},
    {"a method that is no token", "GE(T / HTTP/1.1\r\n\r\n", 400},
    {"a method with a colon", "GET: / HTTP/1.1\r\n\r\n", 400},
    {"a folded header", GET "A: b\r\n c\r\n\r\n", 400},
    {"a folded header, with a tab", GET "A: b\r\n\tc\r\n\r\n", 400},
    {"white space before the first header", GET " A: b\r\n\r\n", 400},
    {"white space before the colon", GET "A : b\r\n\r\n", 400},
    {"a tab before the colon", GET "A\t: b\r\n\r\n", 400},
    {"a header without a name", GET ": b\r\n\r\n", 400},
    {"a header without a colon", GET "abc\r\n\r\n", 400},
    {"a name that is no token", GET "A(b): c\r\n\r\n", 400},
    {"a name beyond ASCII", GET "\xc3\xa9: c\r\n\r\n", 400},
    {"two lengths that differ", POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
    {"two lengths that agree", POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
    {"a list of lengths", POST "Content-Length: 1, 1\r\n\r\n", 400},
    {"an empty length", POST "Content-Length:\r\n\r\n", 400},
    {"a positive length", POST "Content-Length: +1\r\n\r\n", 400},
    {"a negative length", POST "Content-Length: -1\r\n\r\n", 400},
    {"a hexadecimal length", POST "Content-Length: 0x10\r\n\r\n", 400},
    {"a length with a point", POST "Content-Length: 1.0\r\n\r\n", 400},
    {"a length of nineteen digits", POST "Content-Length: 9999999999999999999\r\n\r\n", 413},
    {"chunked", POST "Transfer-Encoding: chunked\r\n\r\n", 501},
    {"identity", POST "Transfer-Encoding: identity\r\n\r\n", 501},
    {"chunked then a length", POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
    {"a length then chunked", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"an encoding nobody knows, and a length",
     POST "Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n\r\n", 400},
    {"two Hosts", GET "Host: a\r\nHost: a\r\n\r\n", 400},
    {"an expectation nobody knows", POST "Content-Length: 1\r\nExpect: 200-ok\r\n\r\n", 417},
};

static bool span_is(const char *bytes, struct http_span span, const char *text)
{
    return span.len == strlen(text) && !memcmp(bytes + span.at, text, span.len);
}

static void test_good(void)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct http_head head;
        const char *bytes = good[i].bytes;
        enum http_parse parse;
        bool ok;

        http_head_init(&head);
        parse = http_head_parse(&head, bytes, strlen(bytes), HEAD_MAX);
        ok = parse == HTTP_PARSE_DONE && span_is(bytes, head.method, good[i].method) &&
             span_is(bytes, head.path, good[i].path) && span_is(bytes, head.query, good[i].query) &&
             head.version_minor == good[i].minor && head.headers_count == good[i].headers &&
             head.has_length == (good[i].length >= 0) &&
             head.content_length == (uint64_t)(good[i].length < 0 ? 0 : good[i].length) &&
             head.keep_alive == good[i].keep_alive && head.expect_continue == good[i].expect &&
             !memcmp(bytes + head.head_bytes - 4, "\r\n\r\n", 4);
        tap_ok(ok, "taken: %s", good[i].name);
    }
}

static void test_refused(void)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct http_head head;
        enum http_parse parse;

        http_head_init(&head);
        parse = http_head_parse(&head, refused[i].bytes, strlen(refused[i].bytes), HEAD_MAX);
        tap_ok(parse == HTTP_PARSE_BAD && head.status == refused[i].status && head.reason, "%d: %s",
               refused[i].status, refused[i].name);
    }
}

static void test_nul(void)
{
    static const char bytes[] = "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n";
    struct http_head head;

    http_head_init(&head);
    tap_ok(http_head_parse(&head, bytes, sizeof bytes - 1, HEAD_MAX) == HTTP_PARSE_BAD && head.status == 400,
           "400: NUL in a header");
}

static void test_bounds(void)
{
    char bytes[8192];
    size_t len = 0;
    struct http_head head;
    static const char request[] = "GET / HTTP/1.1\r\nA: b\r\n\r\n";

    http_head_init(&head);
    tap_ok(http_head_parse(&head, request, sizeof request - 1, sizeof request - 1) == HTTP_PARSE_DONE,
           "a head of exactly the bound is taken");
    http_head_init(&head);
    tap_ok(http_head_parse(&head, request, sizeof request - 1, sizeof request - 2) == HTTP_PARSE_BAD &&
               head.status == 431,
           "431: a head one byte over the bound");
    memset(bytes, 'A', sizeof bytes);
    http_head_init(&head);
    tap_ok(http_head_parse(&head, bytes, 4095, 4096) == HTTP_PARSE_MORE,
           "an endless method may go on for a while");
    tap_ok(http_head_parse(&head, bytes, 4096, 4096) == HTTP_PARSE_BAD && head.status == 431,
           "431: it is refused at the bound");

    for (unsigned count = HTTP_HEADERS_MAX; count <= HTTP_HEADERS_MAX + 1; count++) {
        enum http_parse parse;

        len = (size_t)sprintf(bytes, GET);
        for (unsigned i = 0; i < count; i++)
            len += (size_t)sprintf(bytes + len, "H%u: %u\r\n", i, i);
        len += (size_t)sprintf(bytes + len, "\r\n");
        http_head_init(&head);
        parse = http_head_parse(&head, bytes, len, HEAD_MAX);
        if (count == HTTP_HEADERS_MAX)
            tap_ok(parse == HTTP_PARSE_DONE && head.headers_count == count, "%u headers are taken", count);
        else
            tap_ok(parse == HTTP_PARSE_BAD && head.status == 431, "431: %u headers", count);
    }
}

/* Every prefix of every request, so that the byte after it cannot be read. */
static void test_page_guard(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned tried = 0;
    bool ok = true;

    if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) != 0) {
        tap_ok(false, "two pages for the guard");
        return;
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0] + sizeof refused / sizeof refused[0]; i++) {
        size_t goods = sizeof good / sizeof good[0];
        const char *bytes = i < goods ? good[i].bytes : refused[i - goods].bytes;
        const char *blank = strstr(bytes, "\r\n\r\n");
        size_t whole = i < goods ? (size_t)(blank - bytes) + 4 : strlen(bytes);

        for (size_t len = 0; len <= whole; len++) {
            char *at = pages + page - len;
            struct http_head head;
            enum http_parse parse;

            memcpy(at, bytes, len);
            http_head_init(&head);
            parse = http_head_parse(&head, at, len, HEAD_MAX);
            tried++;
            if (i < goods)
                ok &= parse == (len < whole ? HTTP_PARSE_MORE : HTTP_PARSE_DONE);
        }
    }
    tap_ok(ok, "%u prefixes end flush against an unreadable page", tried);
    (void)munmap(pages, 2 * page);
}

/* The same answer whether the bytes come one by one, with the buffer moving each time, or at once. */
static void test_pieces(void)
{
    bool ok = true;

    for (size_t i = 0; i < sizeof good / sizeof good[0] + sizeof refused / sizeof refused[0]; i++) {
        size_t goods = sizeof good / sizeof good[0];
        const char *bytes = i < goods ? good[i].bytes : refused[i - goods].bytes;
        size_t len = strlen(bytes);
        struct http_head at_once, piecemeal;
        enum http_parse whole, parse = HTTP_PARSE_MORE;

        http_head_init(&at_once);
        http_head_init(&piecemeal);
        whole = http_head_parse(&at_once, bytes, len, HEAD_MAX);
        for (size_t n = 1; n <= len && parse == HTTP_PARSE_MORE; n++) {
            char *copy = malloc(n);

            if (!copy)
                abort();
            memcpy(copy, bytes, n);
            parse = http_head_parse(&piecemeal, copy, n, HEAD_MAX);
            free(copy);
        }
        ok &= parse == whole;
        if (whole == HTTP_PARSE_BAD)
            ok &= at_once.status == piecemeal.status;
        else
            ok &= at_once.head_bytes == piecemeal.head_bytes &&
                  at_once.content_length == piecemeal.content_length &&
                  at_once.headers_count == piecemeal.headers_count && at_once.path.len == piecemeal.path.len;
    }
    tap_ok(ok, "byte by byte gives what all at once gives");
}

int main(void)
{
    test_good();
    test_refused();
    test_nul();
    test_bounds();
    test_page_guard();
    test_pieces();
    return tap_done();
}
