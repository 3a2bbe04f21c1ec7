/*
 * The ingest: the HTTP edge, the webhook behind it, its Redis connection, and its admin listener.
 *
 * Talks to Redis and to nothing else.
 */
#ifndef INSTEP_INGEST_INGEST_H
#define INSTEP_INGEST_INGEST_H

#include "common/err.h"

struct config;
struct event_base;
struct ingest;

#define WEBHOOK_PATH         "/webhooks/stripe"
#define INGEST_ADMIN_DEFAULT "127.0.0.1:9080"

/*
 * Listens at once; answers 503 until Redis is there. base and config are borrowed; config is not needed after the
 * return. ERR_CONFIG, ERR_SYSTEM, ERR_NOMEM.
 */
enum err ingest_create(struct event_base *base, const struct config *config, struct ingest **ret_ingest,
                       struct failure *fail);

/* Stop accepting, answer what is in flight, then call drained(arg) once, from the loop. */
void ingest_drain(struct ingest *ingest, void (*drained)(void *arg), void *arg);

/* Not from inside one of its callbacks other than drained. NULL is fine. */
void ingest_free(struct ingest *ingest);

#endif
