#include "common/redis_url.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PORT_DEFAULT 6379
#define DB_MAX       1023

static const char tcp_scheme[] = "redis://";
static const char unix_scheme[] = "unix://";

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decode text[0..len) into a new string. A stray '%' and an encoded NUL are refused. */
static enum err decode(const char *text, size_t len, char **ret, const char *what, struct failure *fail)
{
    char *out = malloc(len + 1);
    size_t n = 0;

    if (!out)
        return failf(fail, ERR_NOMEM, "Redis URL");
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
            int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;

            if (high < 0 || low < 0 || (!high && !low)) {
                free(out);
                return failf(fail, ERR_CONFIG, "Redis URL: the %s has a '%%' without two hexadecimal digits",
                             what);
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        out[n++] = c;
    }
    out[n] = '\0';
    *ret = out;
    return ERR_OK;
}

/* A decimal number within low..high, all of text[0..len). */
static enum err number(const char *text, size_t len, unsigned low, unsigned high, unsigned *ret,
                       const char *what, struct failure *fail)
{
    unsigned value = 0;

    if (!len || len > 6)
        return failf(fail, ERR_CONFIG, "Redis URL: the %s must be a number from %u to %u", what, low, high);
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return failf(fail, ERR_CONFIG, "Redis URL: the %s must be a number from %u to %u", what, low,
                         high);
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    if (value < low || value > high)
        return failf(fail, ERR_CONFIG, "Redis URL: the %s must be a number from %u to %u", what, low, high);
    *ret = value;
    return ERR_OK;
}

/* "user:password" or ":password". */
static enum err credentials(const char *text, size_t len, struct redis_url *url, struct failure *fail)
{
    const char *colon = memchr(text, ':', len);
    enum err err;

    if (!colon)
        return failf(fail, ERR_CONFIG, "Redis URL: write the password as :password@ or user:password@");
    if (colon > text && colon + 1 == text + len)
        return failf(fail, ERR_CONFIG, "Redis URL: a user needs a password");
    err = decode(text, (size_t)(colon - text), &url->user, "user", fail);
    if (!err)
        err = decode(colon + 1, len - (size_t)(colon + 1 - text), &url->password, "password", fail);
    return err;
}

static enum err copy(const char *text, size_t len, char **ret, struct failure *fail)
{
    *ret = strndup(text, len);
    return *ret ? ERR_OK : failf(fail, ERR_NOMEM, "Redis URL");
}

/* "host[:port][/db]", the host perhaps in brackets. */
static enum err tcp_part(const char *text, struct redis_url *url, struct failure *fail)
{
    const char *host = text, *rest;
    size_t host_len, port_len;
    enum err err;

    if (*text == '[') {
        host++;
        rest = strchr(host, ']');
        if (!rest)
            return failf(fail, ERR_CONFIG, "Redis URL: the bracket of the IPv6 address is not closed");
        host_len = (size_t)(rest - host);
        rest++;
    } else {
        host_len = strcspn(host, ":/?#");
        rest = host + host_len;
    }
    if (!host_len || host_len > 255)
        return failf(fail, ERR_CONFIG, "Redis URL: the host is missing or longer than 255 bytes");
    err = copy(host, host_len, &url->host, fail);
    if (err)
        return err;
    if (*rest == ':') {
        unsigned port = 0;

        port_len = strcspn(++rest, "/?#");
        err = number(rest, port_len, 1, 65535, &port, "port", fail);
        if (err)
            return err;
        url->port = (uint16_t)port;
        rest += port_len;
    }
    if (!*rest || !strcmp(rest, "/"))
        return ERR_OK;
    if (*rest != '/')
        return failf(fail, ERR_CONFIG, "Redis URL: only /db may follow host and port");
    return number(rest + 1, strlen(rest + 1), 0, DB_MAX, &url->db, "database after the slash", fail);
}

/* "/path[?db=n]". */
static enum err unix_part(const char *text, struct redis_url *url, struct failure *fail)
{
    size_t len = strcspn(text, "?");
    enum err err;

    /* 107 is what sun_path holds, without its NUL. */
    if (*text != '/' || len < 2 || len > 107)
        return failf(fail, ERR_CONFIG, "Redis URL: unix:// needs an absolute path of 2 to 107 bytes");
    err = copy(text, len, &url->path, fail);
    if (err || !text[len])
        return err;
    if (strncmp(text + len, "?db=", 4) != 0)
        return failf(fail, ERR_CONFIG, "Redis URL: only ?db= may follow the socket's path");
    return number(text + len + 4, strlen(text + len + 4), 0, DB_MAX, &url->db, "database after ?db=", fail);
}

static bool printable(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text == 127)
            return false;
    return true;
}

enum err redis_url_parse(const char *text, struct redis_url *ret_url, struct failure *fail)
{
    struct redis_url url = {.port = PORT_DEFAULT};
    bool tcp = !strncmp(text, tcp_scheme, strlen(tcp_scheme));
    const char *rest, *at;
    enum err err = ERR_OK;

    if (strlen(text) > REDIS_URL_BYTES_MAX)
        return failf(fail, ERR_CONFIG, "Redis URL: longer than %d bytes", REDIS_URL_BYTES_MAX);
    if (!printable(text))
        return failf(fail, ERR_CONFIG, "Redis URL: holds a space or a control character; percent-encode it");
    if (!strncmp(text, "rediss://", 9))
        return failf(fail, ERR_CONFIG,
                     "Redis URL: rediss:// (TLS) is not supported; use a private link or a tunnel");
    if (!tcp && strncmp(text, unix_scheme, strlen(unix_scheme)) != 0)
        return failf(fail, ERR_CONFIG, "Redis URL: must begin with redis:// or unix://");
    rest = text + strlen(tcp ? tcp_scheme : unix_scheme);
    at = strrchr(rest, '@');
    if (at) {
        err = credentials(rest, (size_t)(at - rest), &url, fail);
        rest = at + 1;
    }
    if (!err)
        err = tcp ? tcp_part(rest, &url, fail) : unix_part(rest, &url, fail);
    if (!err && !url.host)
        err = copy("", 0, &url.host, fail);
    if (!err && !url.path)
        err = copy("", 0, &url.path, fail);
    if (!err && !url.user)
        err = copy("", 0, &url.user, fail);
    if (!err && !url.password)
        err = copy("", 0, &url.password, fail);
    if (err) {
        redis_url_release(&url);
        return err;
    }
    *ret_url = url;
    return ERR_OK;
}

void redis_url_release(struct redis_url *url)
{
    if (url->password)
        explicit_bzero(url->password, strlen(url->password));
    free(url->host);
    free(url->path);
    free(url->user);
    free(url->password);
    *url = (struct redis_url){0};
}
