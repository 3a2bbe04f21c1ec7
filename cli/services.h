/*
 * Redis and HTTP for commands: the event loop of the programs, run until one answer is there.
 */
#ifndef INSTEP_CLI_SERVICES_H
#define INSTEP_CLI_SERVICES_H

#include <jansson.h>

#include "common/config.h"
#include "common/err.h"
#include "common/queue.h"

struct cli_queue; /* one connection to Redis and the queue on it */

/* Waits until Redis answers; ERR_UNAVAILABLE when it does not within INSTEP_REDIS_TIMEOUT_MS, ERR_CONFIG. */
enum err cli_queue_open(const struct config *config, struct cli_queue **ret_queue, struct failure *fail);
void cli_queue_close(struct cli_queue *queue); /* NULL is fine */

/* As queue_enqueue() and queue_measure(), but they return when it is done. */
enum err cli_queue_enqueue(struct cli_queue *queue, const char *key, const struct envelope *envelope,
                           struct failure *fail);
enum err cli_queue_measure(struct cli_queue *queue, struct queue_depth *ret_depth, struct failure *fail);

/*
 * GET url. *ret_json is the caller's on success. ERR_NOT_FOUND: status 404, and nothing else; ERR_UNAVAILABLE: any
 * other status than 200, or no answer; ERR_TIMEOUT, ERR_LIMIT: no whole answer; ERR_PROTOCOL: not JSON.
 */
enum err cli_get_json(const char *url, const char *bearer, json_t **ret_json, struct failure *fail);

/* A fresh id of our own: "sync_" and a random uuid. */
#define CLI_SYNC_ID_BYTES 41
void cli_sync_id(char ret_id[CLI_SYNC_ID_BYTES + 1]);

#endif
