/*
 * One connection to Redis on libevent, with a connect timeout, a deadline for the oldest command, a bound on
 * commands in flight, and reconnecting with backoff and jitter. Replies are parsed by hiredis; its own asynchronous
 * half is not used (0.14 has no timeouts, looks names up synchronously, and asserts on an unasked reply).
 *
 * After a loss the outcome of commands under way is unknown: their callbacks get ERR_UNAVAILABLE. Nothing is
 * resent here.
 */
#ifndef INSTEP_COMMON_REDIS_CLIENT_H
#define INSTEP_COMMON_REDIS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct event_base;
struct redisReply;
struct redis_client;

struct redis_client_options {
    const char *url;             /* as in common/redis_url.h; copied */
    unsigned connect_timeout_ms; /* default 3000 */
    unsigned command_timeout_ms; /* default 3000; 0: none (for a connection that blocks on purpose) */
    unsigned commands_max;       /* in flight; beyond: ERR_LIMIT. Default 4096 */
    void (*on_state)(bool ready,
                     void *arg); /* may be NULL; after connecting (and AUTH, SELECT), and on loss */
    void *arg;
};
struct redis_client_options redis_client_options_default(void);

/* Starts connecting; keeps trying for ever. ERR_CONFIG: bad URL (redis:// only: TLS needs hiredis 1.x). */
enum err redis_client_create(struct event_base *base, const struct redis_client_options *options,
                             struct redis_client **ret_client, struct failure *fail);
/* Open commands end with ERR_UNAVAILABLE before this returns. Not from inside a reply callback. NULL is fine. */
void redis_client_free(struct redis_client *client);

bool redis_client_ready(const struct redis_client *client);
unsigned redis_client_in_flight(const struct redis_client *client);
/* Why it is not ready, a sentence without secrets; "" while it is. Borrowed until the loop runs again. */
const char *redis_client_trouble(const struct redis_client *client);

/*
 * err ERR_OK: reply is what Redis said, never an error reply. ERR_UNAVAILABLE, ERR_TIMEOUT: unknown outcome, reply
 * NULL. ERR_PROTOCOL: Redis answered an error, its text in fail->text ("NOSCRIPT ...", "OOM ..."), reply NULL.
 * reply is borrowed for the call. Exactly once per accepted command, never before redis_client_command returns.
 */
typedef void redis_reply_fn(enum err err, const struct redisReply *reply, const struct failure *fail,
                            void *arg);

/*
 * argv_len NULL: all strings end with NUL. ERR_UNAVAILABLE: not connected; ERR_LIMIT: too many in flight or more than
 * 4096 words; ERR_NOMEM. Nothing was sent then, no callback.
 */
enum err redis_client_command(struct redis_client *client, redis_reply_fn *done, void *arg, int argc,
                              const char *const *argv, const size_t *argv_len, struct failure *fail);

/* A script known by its source: EVALSHA first, and on NOSCRIPT once more as EVAL, invisibly to the caller. */
struct redis_script;
enum err redis_script_create(const char *source, size_t len, struct redis_script **ret_script);
/*
 * The same from the embedded file common/<room>/<verb>.lua, with common/<room>/shared.lua put after its first line
 * (the shebang with its flags). ERR_NOT_FOUND.
 */
enum err redis_script_load(const char *room, const char *verb, struct redis_script **ret_script,
                           struct failure *fail);
void redis_script_free(struct redis_script *script); /* also while commands use it; NULL is fine */
/*
 * argv holds the keys, then the arguments, and is copied. Otherwise as redis_client_command().
 */
enum err redis_client_eval(struct redis_client *client, struct redis_script *script, redis_reply_fn *done,
                           void *arg, int keys, int argc, const char *const *argv, const size_t *argv_len,
                           struct failure *fail);

#endif
