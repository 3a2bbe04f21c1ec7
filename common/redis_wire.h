/* Between redis_client.c and redis_script.c: commands as bytes, errors as words, and scripts. */
#ifndef INSTEP_COMMON_REDIS_WIRE_H
#define INSTEP_COMMON_REDIS_WIRE_H

#include <stdbool.h>
#include <stddef.h>

struct redisReply;

#define REDIS_SHA_HEX 40

struct redis_script {
    unsigned holders; /* its creator, and each command that may still need it */
    size_t len;
    char sha[REDIS_SHA_HEX + 1];
    char source[]; /* NUL after the end */
};

/* A word of a command: "$<len>\r\n<bytes>\r\n". The first is an upper bound of what the second writes. */
size_t redis_bulk_bytes(size_t len);
char *redis_bulk_put(char *to, const char *data, size_t len); /* returns the end */

/* argv_len may be NULL: strings. */
size_t redis_word_len(const char *const *argv, const size_t *argv_len, int i);

/* Of error replies. */
bool redis_reply_says(const struct redisReply *reply, const char *word); /* it begins with word */
/* Not this server, not now: another connection may find a better one. */
bool redis_reply_is_wrong_server(const struct redisReply *reply);
/* How long the first word is, for "%.*s"; the rest may repeat what we sent. */
int redis_reply_first_word(const struct redisReply *reply);

#endif
