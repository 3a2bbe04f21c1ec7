#include "common/http_parser.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#define LENGTH_DIGITS_MAX 18 /* 10^18 - 1 fits int64_t and uint64_t alike */

static enum http_parse bad(struct http_head *head, int status, const char *reason)
{
    head->status = status;
    head->reason = reason;
    return HTTP_PARSE_BAD;
}

/* RFC 9110, 5.6.2: token characters. */
static bool is_token_char(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_token_char((unsigned char)text[i]))
            return false;
    return len > 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool text_is(const char *text, size_t len, const char *lower)
{
    return len == strlen(lower) && !strncasecmp(text, lower, len);
}

static struct http_span span(size_t at, size_t end)
{
    return (struct http_span){.at = (uint32_t)at, .len = (uint32_t)(end - at)};
}

/* Look at the new bytes for a blank line, and refuse at once what no valid head contains. */
static enum http_parse scan(struct http_head *head, const char *bytes, size_t end)
{
    for (size_t i = head->scanned; i < end; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (i && bytes[i - 1] == '\r' && c != '\n')
            return bad(head, 400, "CR without LF");
        if (c == '\n') {
            if (!i || bytes[i - 1] != '\r')
                return bad(head, 400, "LF without CR");
            if (i == 1)
                return bad(head, 400, "empty request line");
            if (i - 1 == head->line_start) {
                head->scanned = head->head_bytes = i + 1;
                return HTTP_PARSE_DONE;
            }
            head->line_start = i + 1;
        } else if ((c < ' ' && c != '\t' && c != '\r') || c == 127) {
            return bad(head, 400, "control character in the head");
        }
    }
    head->scanned = end;
    return HTTP_PARSE_MORE;
}

/* method SP path[?query] SP HTTP/1.x, in bytes[0..end). */
static enum http_parse parse_request_line(struct http_head *head, const char *bytes, size_t end)
{
    const char *space = memchr(bytes, ' ', end);
    size_t method_end = space ? (size_t)(space - bytes) : 0;
    size_t at, target_end, query_at = 0;

    if (!is_token(bytes, method_end))
        return bad(head, 400, "malformed method");
    head->method = span(0, method_end);

    at = method_end + 1;
    for (target_end = at; target_end < end && bytes[target_end] != ' '; target_end++) {
        unsigned char c = (unsigned char)bytes[target_end];

        if (c < '!' || c > '~' || c == '#')
            return bad(head, 400, "malformed target");
        if (c == '?' && !query_at)
            query_at = target_end + 1;
    }
    if (target_end == end || bytes[at] != '/')
        return bad(head, 400, "malformed target");
    head->path = span(at, query_at ? query_at - 1 : target_end);
    head->query = query_at ? span(query_at, target_end) : span(target_end, target_end);

    at = target_end + 1;
    if (end - at != 8 || memcmp(bytes + at, "HTTP/", 5) != 0 || bytes[at + 6] != '.' || bytes[at + 5] < '0' ||
        bytes[at + 5] > '9' || bytes[at + 7] < '0' || bytes[at + 7] > '9')
        return bad(head, 400, "malformed version");
    if (bytes[at + 5] != '1' || bytes[at + 7] > '1')
        return bad(head, 505, "version other than HTTP/1.0 and HTTP/1.1");
    head->version_minor = (unsigned)(bytes[at + 7] - '0');
    return HTTP_PARSE_MORE;
}

/* One header line in bytes[at..end), without its CRLF. */
static enum http_parse parse_header(struct http_head *head, const char *bytes, size_t at, size_t end)
{
    const char *colon;
    size_t name_end, value_at, value_end = end;

    if (head->headers_count == HTTP_HEADERS_MAX)
        return bad(head, 431, "too many headers");
    if (is_blank(bytes[at]))
        return bad(head, 400, "folded header line");
    colon = memchr(bytes + at, ':', end - at);
    if (!colon)
        return bad(head, 400, "header line without a colon");
    name_end = (size_t)(colon - bytes);
    if (!is_token(bytes + at, name_end - at))
        return bad(head, 400, "malformed header name");
    for (value_at = name_end + 1; value_at < value_end && is_blank(bytes[value_at]); value_at++)
        continue;
    while (value_end > value_at && is_blank(bytes[value_end - 1]))
        value_end--;
    head->headers[head->headers_count++] =
        (struct http_header){.name = span(at, name_end), .value = span(value_at, value_end)};
    return HTTP_PARSE_MORE;
}

static enum http_parse apply_length(struct http_head *head, const char *text, size_t len)
{
    uint64_t length = 0;

    if (head->has_length)
        return bad(head, 400, "two Content-Length headers");
    if (!len)
        return bad(head, 400, "malformed Content-Length");
    for (size_t i = 0; i < len; i++)
        if (text[i] < '0' || text[i] > '9')
            return bad(head, 400, "malformed Content-Length");
    if (len > LENGTH_DIGITS_MAX)
        return bad(head, 413, "Content-Length beyond any bound");
    for (size_t i = 0; i < len; i++)
        length = length * 10 + (uint64_t)(text[i] - '0');
    head->has_length = true;
    head->content_length = length;
    return HTTP_PARSE_MORE;
}

/* Members of a Connection header; only the two that HTTP/1.x knows matter here. close wins. */
static void apply_connection(const char *text, size_t len, bool *close, bool *keep_alive)
{
    size_t at = 0;

    while (at < len) {
        size_t end = at, member_end;

        while (end < len && text[end] != ',')
            end++;
        member_end = end;
        while (at < member_end && is_blank(text[at]))
            at++;
        while (member_end > at && is_blank(text[member_end - 1]))
            member_end--;
        *close |= text_is(text + at, member_end - at, "close");
        *keep_alive |= text_is(text + at, member_end - at, "keep-alive");
        at = end + 1;
    }
}

/* What the headers mean for the framing of the request. */
static enum http_parse apply_headers(struct http_head *head, const char *bytes)
{
    bool close = false, keep_alive = false, transfer_encoding = false, expect = false;
    unsigned hosts = 0;

    for (unsigned i = 0; i < head->headers_count; i++) {
        const char *name = bytes + head->headers[i].name.at;
        const char *value = bytes + head->headers[i].value.at;
        size_t name_len = head->headers[i].name.len, value_len = head->headers[i].value.len;

        if (text_is(name, name_len, "content-length")) {
            if (apply_length(head, value, value_len) == HTTP_PARSE_BAD)
                return HTTP_PARSE_BAD;
        } else if (text_is(name, name_len, "transfer-encoding")) {
            transfer_encoding = true;
        } else if (text_is(name, name_len, "connection")) {
            apply_connection(value, value_len, &close, &keep_alive);
        } else if (text_is(name, name_len, "host")) {
            hosts++;
        } else if (text_is(name, name_len, "expect")) {
            if (!text_is(value, value_len, "100-continue"))
                return bad(head, 417, "Expect other than 100-continue");
            expect = true;
        }
    }
    if (transfer_encoding && head->has_length)
        return bad(head, 400, "both Transfer-Encoding and Content-Length");
    if (transfer_encoding)
        return bad(head, 501, "Transfer-Encoding");
    if (hosts > 1)
        return bad(head, 400, "two Host headers");
    head->keep_alive = !close && (head->version_minor == 1 || keep_alive);
    head->expect_continue = expect && head->version_minor == 1;
    return HTTP_PARSE_DONE;
}

static enum http_parse parse_complete(struct http_head *head, const char *bytes)
{
    size_t lines_end = head->head_bytes - 2; /* the blank line's CR */

    for (size_t at = 0; at < lines_end;) {
        const char *newline = memchr(bytes + at, '\n', lines_end - at); /* there is one: scan() saw it */
        size_t line_end = (size_t)(newline - bytes) - 1;
        enum http_parse parse =
            at ? parse_header(head, bytes, at, line_end) : parse_request_line(head, bytes, line_end);

        if (parse == HTTP_PARSE_BAD)
            return parse;
        at = line_end + 2;
    }
    return apply_headers(head, bytes);
}

void http_head_init(struct http_head *head)
{
    /* Not the header table: a kilobyte that headers_count says is empty. */
    memset(head, 0, offsetof(struct http_head, headers));
    head->headers_count = 0;
    head->has_length = false;
    head->content_length = 0;
    head->keep_alive = false;
    head->expect_continue = false;
}

enum http_parse http_head_parse(struct http_head *head, const char *bytes, size_t len, size_t head_bytes_max)
{
    size_t end = len < head_bytes_max ? len : head_bytes_max;
    enum http_parse parse;

    assert(head_bytes_max && head_bytes_max <= HTTP_HEAD_BYTES_LIMIT);
    assert(head->scanned <= len);
    parse = scan(head, bytes, end);
    if (parse == HTTP_PARSE_DONE)
        return parse_complete(head, bytes);
    if (parse == HTTP_PARSE_MORE && len >= head_bytes_max)
        return bad(head, 431, "head too long");
    return parse;
}
