/*
 * Streams in memory, and turns over them: what Redis and the workers do, without either. Chance decides how many events
 * a turn takes and what goes wrong with it: turns that fail and come again, turns that are overtaken and must be
 * fenced, events that end among the dead letters until a sync covers them, workers that die at any step or stand still.
 */
#ifndef INSTEP_TESTS_REPLAY_DRIVE_H
#define INSTEP_TESTS_REPLAY_DRIVE_H

#include "sim/random.h"
#include "tests/replay/pass.h"

struct stream {
    char *key;           /* owned */
    struct hint **hints; /* owned, each of them too; oldest first */
    size_t count, room;
    unsigned attempts; /* that failed since the last success */
    bool buried;       /* events of it are dead: a sync is owed */
};

struct drive {
    struct ledger *ledger; /* borrowed */
    struct world *world;   /* borrowed */
    struct env *env;       /* borrowed */
    struct random_stream random;
    double trouble;          /* share of turns that something happens to, 0..1 */
    bool crashes;            /* workers die too, and replies are lost */
    struct stalled *stalled; /* owned; NULL: no worker stands still */
    int64_t skew_s;          /* reads happen so long after the world's clock */
    struct stream *streams;  /* owned */
    size_t streams_count, streams_room;
    json_t *index;                          /* owned: key to number of the stream */
    char moved_to[QUEUE_KEY_BYTES_MAX + 1]; /* where the last turn that moved its events moved them */
    size_t waiting;                         /* hints in all streams */
    unsigned turns, already, moved, fenced, failed_on_purpose, crashed, entries;
    unsigned failures; /* that nobody meant: each was said through drive_say */
};

void drive_open(struct drive *drive, uint64_t seed);
void drive_close(struct drive *drive);

void drive_put(struct drive *drive, struct hint *hint); /* takes the hint */
/* One turn of one of the waiting streams. False: nothing waits. */
bool drive_turn(struct drive *drive);
void drive_all(struct drive *drive); /* until nothing waits */
/* Turns of this stream until nothing waits there, or its events have moved on and are done there; nothing goes wrong. */
void drive_stream(struct drive *drive, const char *key);
/* A sync of every customer that has dead events; then until nothing waits. */
void drive_settle(struct drive *drive);
/* What ops.looks_due says is due, if the database knows it; then until nothing waits. */
void drive_look(struct drive *drive);

#endif
