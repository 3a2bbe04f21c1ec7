/*
 * A file of everything that moved the world, one JSON object per line, so that a killed simulator comes back as it was.
 * The world is deterministic: the same requests and steps of the clock in the same order make the same objects, ids and
 * events. A record is written (to the system, not to the disk) before the event loop goes on, hence before anybody can
 * have seen what it is about. replay.h reads it.
 */
#ifndef INSTEP_SIM_JOURNAL_H
#define INSTEP_SIM_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>

#include "common/err.h"

struct journal;

/*
 * header describes the world before its first record (borrowed); a new file begins with it. A last line that was cut off
 * is dropped. ERR_INVALID: the file is no journal, or one of another world; ERR_CONFLICT: another simulator has it;
 * ERR_SYSTEM: it cannot be opened, read or written.
 */
enum err journal_open(const char *path, json_t *header, struct journal **ret_journal, struct failure *fail);
void journal_close(struct journal *journal); /* NULL is fine */

/*
 * The next record to replay, a new reference; false when there is none left, and from then on records are added.
 * Until then journal_add does nothing, so that what a replay causes is not written twice.
 */
bool journal_next(struct journal *journal, json_t **ret_record);

/* Steals record. A journal of NULL keeps nothing. Ends the program if it cannot be written. */
void journal_add(struct journal *journal, json_t *record);

#endif
