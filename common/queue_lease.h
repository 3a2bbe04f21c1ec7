/* Between queue.c and queue_lease.c: envelopes as Redis holds them. */
#ifndef INSTEP_COMMON_QUEUE_LEASE_H
#define INSTEP_COMMON_QUEUE_LEASE_H

#include <stddef.h>

#include "common/err.h"
#include "common/queue.h"

struct redisReply;

#define ENVELOPE_WORDS_MAX 26   /* a name and a value for each member */
#define ENVELOPE_BYTES_MAX 4096 /* of all values */

struct envelope_numbers { /* where envelope_words() puts what was not text */
    char created[24], received_ms[24];
};

/*
 * The envelope as field, value, ..., *ret_count words; they are borrowed from the envelope and from numbers. NULL members count as
 * "". ERR_INVALID: longer than ENVELOPE_BYTES_MAX, or a lane that does not exist.
 */
enum err envelope_words(const struct envelope *envelope, struct envelope_numbers *numbers,
                        const char *ret_words[ENVELOPE_WORDS_MAX], size_t *ret_count, struct failure *fail);

/*
 * What take.lua returned. *ret_leases is the caller's: release each, then free the array; NULL when there are none.
 * ERR_PROTOCOL, ERR_NOMEM. A field that is missing in an entry is "" or 0, one that is unknown is passed over: the two
 * programs may be of different versions.
 */
enum err queue_leases_parse(const struct redisReply *reply, struct queue_lease **ret_leases,
                            size_t *ret_count, struct failure *fail);

#endif
