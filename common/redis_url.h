/*
 * Where Redis is: redis://[[user]:password@]host[:port][/db] or unix://[[user]:password@]/path[?db=n].
 *
 * User and password are percent-decoded. An IPv6 address stands in brackets. Nothing here looks a name up.
 */
#ifndef INSTEP_COMMON_REDIS_URL_H
#define INSTEP_COMMON_REDIS_URL_H

#include <stdint.h>

#include "common/err.h"

#define REDIS_URL_BYTES_MAX 4096

struct redis_url {  /* strings are owned, never NULL */
    char *host;     /* without brackets; "" for a socket */
    char *path;     /* of a socket; "" for TCP */
    char *user;     /* "" for the default user */
    char *password; /* "" for none */
    uint16_t port;  /* default 6379 */
    unsigned db;
};

/* ERR_CONFIG: the sentence says what is wrong and repeats no part of the URL. ERR_NOMEM. *ret_url only on ERR_OK. */
enum err redis_url_parse(const char *text, struct redis_url *ret_url, struct failure *fail);
void redis_url_release(struct redis_url *url); /* wipes the password, frees, zeroes */

#endif
