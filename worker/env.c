#include "worker/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/log.h"
#include "common/metrics.h"
#include "worker/stats.h"

void env_asked_redis(struct env *env, enum env_refusal what, enum err err, const struct failure *fail)
{
    unsigned before = env->refused;

    if (err == ERR_OK || err == ERR_CONFLICT)
        env->refused &= ~(unsigned)what;
    else if (err == ERR_PROTOCOL)
        env->refused |= (unsigned)what;
    if (env->refused & ~before)
        log_error("redis.refuses", LOG_INT("what", what), LOG_STR("why", fail ? fail->text : err_text(err)));
}

void env_hold(struct env *env, int64_t bytes)
{
    env->held_bytes += bytes;
    metric_set(env->stats->held_bytes, 0, env->held_bytes);
}

uint64_t env_random(void)
{
    uint64_t number;

    /* Up to 256 bytes are given whole once the kernel's pool is ready, which it is when we run. */
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        abort();
    return number;
}

void env_uuid(char ret_uuid[UUID_BYTES])
{
    uint64_t high = (env_random() & ~UINT64_C(0xf000)) | 0x4000;
    uint64_t low = (env_random() >> 2) | UINT64_C(0x8000000000000000);

    (void)snprintf(ret_uuid, UUID_BYTES, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32),
                   (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff), (unsigned)(low >> 48),
                   (unsigned long long)(low & UINT64_C(0xffffffffffff)));
}
