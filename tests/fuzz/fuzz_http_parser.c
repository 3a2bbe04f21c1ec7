/* The HTTP head parser: whatever the bytes, however they are cut, one verdict, and spans that lie inside. */
#include "common/http_parser.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD_MAX 4096

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_span(const struct http_head *head, struct http_span span)
{
    require((size_t)span.at + span.len <= head->head_bytes);
}

static void check_done(const struct http_head *head, const char *bytes, size_t size)
{
    require(head->head_bytes >= 4 && head->head_bytes <= size && head->head_bytes <= HEAD_MAX);
    require(!memcmp(bytes + head->head_bytes - 4, "\r\n\r\n", 4));
    require(head->method.len && head->path.len && bytes[head->path.at] == '/');
    require(head->version_minor <= 1 && head->headers_count <= HTTP_HEADERS_MAX);
    check_span(head, head->method);
    check_span(head, head->path);
    check_span(head, head->query);
    for (unsigned i = 0; i < head->headers_count; i++) {
        struct http_span name = head->headers[i].name, value = head->headers[i].value;

        check_span(head, name);
        check_span(head, value);
        require(name.len > 0);
        require(!memchr(bytes + value.at, '\r', value.len) && !memchr(bytes + value.at, '\n', value.len));
        require(!memchr(bytes + value.at, '\0', value.len) && !memchr(bytes + name.at, ' ', name.len));
    }
    require(head->has_length || !head->content_length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_head at_once, pieces;
    enum http_parse whole, part = HTTP_PARSE_MORE;
    size_t step = size ? (size_t)data[size - 1] % 7 + 1 : 1;
    char *bytes = malloc(size ? size : 1); /* of the exact size, so that one byte too far is seen */

    if (!bytes)
        return 0;
    if (size)
        memcpy(bytes, data, size);
    http_head_init(&at_once);
    http_head_init(&pieces);
    whole = http_head_parse(&at_once, bytes, size, HEAD_MAX);
    for (size_t len = 0; part == HTTP_PARSE_MORE && len < size;) {
        len = len + step < size ? len + step : size;
        part = http_head_parse(&pieces, bytes, len, HEAD_MAX);
    }
    if (!size)
        part = http_head_parse(&pieces, bytes, 0, HEAD_MAX);
    require(whole == part);
    if (whole == HTTP_PARSE_DONE) {
        check_done(&at_once, bytes, size);
        require(at_once.head_bytes == pieces.head_bytes && at_once.content_length == pieces.content_length);
    } else if (whole == HTTP_PARSE_BAD) {
        require(at_once.reason && at_once.status == pieces.status && at_once.status >= 400 &&
                at_once.status < 600);
    }
    free(bytes);
    return 0;
}
