/*
 * The head of an HTTP/1.x request, parsed strictly, in place, without allocating.
 *
 * Strict because two readers of one request must not disagree about where it ends: CRLF only, no bare CR or LF,
 * no folded lines, no space before a colon, one Content-Length of digits, no Transfer-Encoding, one Host at most,
 * origin-form targets only. What RFC 9112 lets a server forgive is not forgiven here.
 *
 * Pure: no clock, no input or output, no state but *head. Bytes may arrive in any pieces; every byte is looked at
 * once while the head is incomplete, and once more when it is complete.
 */
#ifndef INSTEP_COMMON_HTTP_PARSER_H
#define INSTEP_COMMON_HTTP_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEADERS_MAX      64        /* further ones: 431 */
#define HTTP_HEAD_BYTES_LIMIT (1 << 20) /* the most that head_bytes_max may be */

/* A piece of the request: offset from its first byte, so that the buffer may move between calls. */
struct http_span {
    uint32_t at, len;
};

struct http_header {
    struct http_span name;
    struct http_span value; /* without the white space around it; may be empty */
};

enum http_parse {
    HTTP_PARSE_MORE, /* so far it may become a request */
    HTTP_PARSE_DONE, /* the head is complete: head_bytes and everything below are set */
    HTTP_PARSE_BAD   /* it never will; answer status and close */
};

struct http_head {
    size_t scanned;    /* bytes already checked; private */
    size_t line_start; /* of the line being scanned; private */

    int status;         /* BAD: 400, 413, 417, 431, 501 or 505 */
    const char *reason; /* BAD: why, static text for a log, nothing from the request in it */

    size_t head_bytes; /* up to and with the blank line; the body starts here */
    struct http_span method;
    struct http_span path;  /* starts with '/', up to '?' */
    struct http_span query; /* after '?', empty if there is none */
    unsigned version_minor; /* HTTP/1.0 or HTTP/1.1 */
    struct http_header headers[HTTP_HEADERS_MAX];
    unsigned headers_count;

    bool has_length;         /* a Content-Length was there */
    uint64_t content_length; /* bytes; 0 without one; below 10^18 */
    bool keep_alive;         /* by version and Connection */
    bool expect_continue;    /* Expect: 100-continue, HTTP/1.1 only */
};

/* Before the first byte of a request. */
void http_head_init(struct http_head *head);

/*
 * Look at a request so far: bytes[0..len) from its first byte on, of which earlier calls saw a prefix.
 * head_bytes_max is 1..HTTP_HEAD_BYTES_LIMIT. Reads nothing beyond len and writes nothing to bytes. After DONE or
 * BAD call http_head_init() before the next request.
 */
enum http_parse http_head_parse(struct http_head *head, const char *bytes, size_t len, size_t head_bytes_max);

#endif
