#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/embed.h"
#include "common/redis_client.h"
#include "common/redis_wire.h"

static const struct embedded_file *script_file(const char *room, const char *verb)
{
    char name[128];

    (void)snprintf(name, sizeof name, "common/%s/%s.lua", room, verb);
    return embedded_file_find(name);
}

enum err redis_script_load(const char *room, const char *verb, struct redis_script **ret_script,
                           struct failure *fail)
{
    const struct embedded_file *file = script_file(room, verb), *shared = script_file(room, "shared");
    const char *rest;
    char *source, *end;
    enum err err;

    if (!file || !shared)
        return failf(fail, ERR_NOT_FOUND, "this program carries no script common/%s/%s.lua", room, verb);
    rest = strchr(file->data, '\n');
    rest = rest ? rest + 1 : file->data + file->len;
    source = malloc(file->len + shared->len);
    if (!source)
        return failf(fail, ERR_NOMEM, "script %s", verb);
    end = mempcpy(source, file->data, (size_t)(rest - file->data));
    end = mempcpy(end, shared->data, shared->len);
    end = mempcpy(end, rest, file->len - (size_t)(rest - file->data));
    err = redis_script_create(source, (size_t)(end - source), ret_script);
    free(source);
    return err ? failf(fail, err, "script %s: %s", verb, err_text(err)) : ERR_OK;
}

enum err redis_script_create(const char *source, size_t len, struct redis_script **ret_script)
{
    struct redis_script *script = malloc(sizeof *script + len + 1);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;

    if (!script)
        return ERR_NOMEM;
    if (!EVP_Digest(source, len, digest, &digest_len, EVP_sha1(), NULL) || digest_len * 2 != REDIS_SHA_HEX) {
        free(script);
        return ERR_SYSTEM;
    }
    script->holders = 1;
    script->len = len;
    memcpy(script->source, source, len);
    script->source[len] = '\0';
    for (unsigned i = 0; i < digest_len; i++)
        (void)snprintf(script->sha + 2 * i, 3, "%02x", digest[i]);
    *ret_script = script;
    return ERR_OK;
}

void redis_script_free(struct redis_script *script)
{
    if (script && !--script->holders)
        free(script);
}
