#include "common/redis_wire.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

size_t redis_bulk_bytes(size_t len)
{
    return len + 32; /* "$<up to 20 digits>\r\n" and "\r\n" */
}

char *redis_bulk_put(char *to, const char *data, size_t len)
{
    to += sprintf(to, "$%zu\r\n", len);
    memcpy(to, data, len);
    to[len] = '\r';
    to[len + 1] = '\n';
    return to + len + 2;
}

size_t redis_word_len(const char *const *argv, const size_t *argv_len, int i)
{
    return argv_len ? argv_len[i] : strlen(argv[i]);
}

bool redis_reply_says(const redisReply *reply, const char *word)
{
    size_t len = strlen(word);

    return reply->len >= len && !memcmp(reply->str, word, len);
}

bool redis_reply_is_wrong_server(const redisReply *reply)
{
    return redis_reply_says(reply, "LOADING ") || redis_reply_says(reply, "READONLY ") ||
           redis_reply_says(reply, "MASTERDOWN ") || redis_reply_says(reply, "NOAUTH ");
}

int redis_reply_first_word(const redisReply *reply)
{
    size_t len = strcspn(reply->str, " ");

    return len > 40 ? 40 : (int)len;
}
