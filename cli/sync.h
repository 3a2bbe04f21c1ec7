/* Put customers before a worker, first in the queue, and wait for what comes of it. */
#ifndef INSTEP_CLI_SYNC_H
#define INSTEP_CLI_SYNC_H

#include <jansson.h>
#include <libpq-fe.h>

#include "cli/services.h"
#include "common/config.h"

/* What became of one sync; texts are owned by outcome. */
struct sync_result {
    const char *account;
    const char *subject; /* cus_... or another object's id */
    char event_id[CLI_SYNC_ID_BYTES + 1];
    json_t *outcome; /* as ops.event_outcome says; NULL while nothing is recorded */
};

/* "self" or "acct_..."; id as Stripe writes it. Appends one sync of it to the interactive lane; fills *ret_result. */
enum err sync_enqueue(struct cli_queue *queue, const struct config *config, const char *account,
                      const char *id, struct sync_result *ret_result, struct failure *fail);

/* Poll until a final outcome is recorded or deadline_mono_ms is past (then outcome is the last one seen, or NULL). */
enum err sync_wait(PGconn *conn, struct sync_result *result, int64_t deadline_mono_ms, struct failure *fail);

/* "applied", "ignored", "retrying", "dead", or "pending" while nothing is recorded. */
const char *sync_word(const struct sync_result *result);
/* One result for a person. */
void sync_print(const struct sync_result *result);
/* [{"what", "before", "after"}], one line each. */
void sync_print_changes(const json_t *changes);
json_t *sync_json(const struct sync_result *result);

#endif
