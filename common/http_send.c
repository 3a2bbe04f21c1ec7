/* The sending half of a connection: answers, and what the kernel has not taken of them yet. */
#include "common/http_connection.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/clock.h"

#define ANSWER_HEAD_BYTES 512 /* without the caller's headers */

static const struct {
    int status;
    const char *text;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {424, "Failed Dependency"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *http_status_text(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Unknown";
}

bool http_send(struct http_request *req, struct iovec *parts, int count)
{
    size_t total = 0, taken = 0;
    char *grown;

    for (int i = 0; i < count; i++)
        total += parts[i].iov_len;
    if (!req->out_len) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
        ssize_t sent;

        do
            sent = sendmsg(req->fd, &message, MSG_NOSIGNAL);
        while (sent < 0 && errno == EINTR);
        if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
            return false;
        taken = sent > 0 ? (size_t)sent : 0;
    }
    if (taken == total)
        return true;
    grown = realloc(req->out, req->out_at + req->out_len + total - taken);
    if (!grown)
        return false;
    req->out = grown;
    for (int i = 0; i < count; i++) {
        size_t skip = taken < parts[i].iov_len ? taken : parts[i].iov_len;

        taken -= skip;
        if (parts[i].iov_len > skip)
            memcpy(req->out + req->out_at + req->out_len, (char *)parts[i].iov_base + skip,
                   parts[i].iov_len - skip);
        req->out_len += parts[i].iov_len - skip;
    }
    return true;
}

bool http_flush(struct http_request *req)
{
    while (req->out_len) {
        ssize_t sent = send(req->fd, req->out + req->out_at, req->out_len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        req->out_at += (size_t)sent;
        req->out_len -= (size_t)sent;
    }
    free(req->out);
    req->out = NULL;
    req->out_at = 0;
    return true;
}

static const char *date_of(struct http_server *server)
{
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm utc;

    if (now != server->date_at || !server->date[0]) {
        (void)gmtime_r(&now, &utc);
        (void)strftime(server->date, sizeof server->date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
        server->date_at = now;
    }
    return server->date;
}

bool http_send_answer(struct http_request *req, int status, const char *content_type, const void *body,
                      size_t len, const char *headers)
{
    char head[ANSWER_HEAD_BYTES];
    bool bodiless = status == 204 || status == 304;
    bool head_only = req->head_done && req->head.method.len == 4 && !memcmp(req->in, "HEAD", 4);
    const char *connection = req->close_after               ? "Connection: close\r\n"
                             : req->head.version_minor == 0 ? "Connection: keep-alive\r\n"
                                                            : "";
    char length[48] = "";
    int n;
    struct iovec parts[4];
    int count = 0;

    if (!bodiless)
        (void)snprintf(length, sizeof length, "Content-Length: %zu\r\n", len);
    n = snprintf(head, sizeof head, "HTTP/1.1 %d %s\r\n%s%s%.200s%s%s%s", status, http_status_text(status),
                 date_of(req->server), content_type && !bodiless ? "Content-Type: " : "",
                 content_type && !bodiless ? content_type : "", content_type && !bodiless ? "\r\n" : "",
                 length, connection);
    assert(n > 0 && (size_t)n < sizeof head);
    parts[count++] = (struct iovec){.iov_base = head, .iov_len = (size_t)n};
    if (headers && *headers)
        parts[count++] = (struct iovec){.iov_base = (char *)headers, .iov_len = strlen(headers)};
    parts[count++] = (struct iovec){.iov_base = (char *)"\r\n", .iov_len = 2};
    if (len && !bodiless && !head_only)
        parts[count++] = (struct iovec){.iov_base = (void *)body, .iov_len = len};
    return http_send(req, parts, count);
}
