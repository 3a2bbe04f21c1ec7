#include "tests/replay/drive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/replay/report.h"

#define FAILURES_SHOWN 20

void drive_open(struct drive *drive, uint64_t seed)
{
    *drive = (struct drive){.index = json_object()};
    if (!drive->index)
        give_up("out of memory");
    random_init(&drive->random, seed, "replay drive");
}

/* A worker that stands still between its reads and its apply. */
struct stalled {
    struct pass pass;
    struct hint **hints; /* owned: the stream's may be gone when it wakes up */
    size_t count;
};

static void stalled_free(struct stalled *stalled)
{
    if (!stalled)
        return;
    pass_release(&stalled->pass);
    for (size_t i = 0; i < stalled->count; i++)
        free(stalled->hints[i]);
    free(stalled->hints);
    free(stalled);
}

void drive_close(struct drive *drive)
{
    stalled_free(drive->stalled);
    for (size_t i = 0; i < drive->streams_count; i++) {
        for (size_t j = 0; j < drive->streams[i].count; j++)
            free(drive->streams[i].hints[j]);
        free(drive->streams[i].hints);
        free(drive->streams[i].key);
    }
    free(drive->streams);
    json_decref(drive->index);
}

static void *room_for(void *at, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return at;
    *room = *room ? *room * 2 : 16;
    at = realloc(at, *room * size);
    if (!at)
        give_up("out of memory");
    return at;
}

static struct stream *stream_of(struct drive *drive, const char *key)
{
    json_t *number = json_object_get(drive->index, key);
    struct stream *stream;

    if (number)
        return &drive->streams[json_integer_value(number)];
    drive->streams =
        room_for(drive->streams, drive->streams_count, &drive->streams_room, sizeof *drive->streams);
    if (json_object_set_new(drive->index, key, json_integer((json_int_t)drive->streams_count)) != 0)
        give_up("out of memory");
    stream = &drive->streams[drive->streams_count++];
    *stream = (struct stream){.key = strdup(key)};
    if (!stream->key)
        give_up("out of memory");
    return stream;
}

void drive_put(struct drive *drive, struct hint *hint)
{
    struct stream *stream = stream_of(drive, hint->key);

    stream->hints = room_for(stream->hints, stream->count, &stream->room, sizeof *stream->hints);
    stream->hints[stream->count++] = hint;
    drive->waiting++;
}

/* The first n of a stream are done with. */
static void stream_drop(struct drive *drive, struct stream *stream, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(stream->hints[i]);
    stream->count -= n;
    drive->waiting -= n;
    (void)memmove(stream->hints, stream->hints + n, stream->count * sizeof *stream->hints);
    stream->attempts = 0;
}

static void drive_say(struct drive *drive, const struct pass *pass, const char *what)
{
    if (++drive->failures > FAILURES_SHOWN)
        return;
    report_note("%s %s: %s", pass->turn.lease.key, what, pass->why);
    for (size_t i = 0; i < pass->turn.events_count; i++)
        report_note("    %s %s of %s", pass->turn.events[i]->event_id, pass->turn.events[i]->type,
                    pass->turn.events[i]->object_id);
}

/* The first n events of the stream: appended there before they are taken off here. */
static void move(struct drive *drive, const char *from, size_t n, const char *to)
{
    size_t at = (size_t)json_integer_value(json_object_get(drive->index, from));

    for (size_t i = 0; i < n; i++)
        drive_put(drive, hint_copy(drive->streams[at].hints[i], to)); /* may move the streams */
    stream_drop(drive, &drive->streams[at], n);
    (void)snprintf(drive->moved_to, sizeof drive->moved_to, "%s", to);
    drive->moved++;
}

/* After a turn of the first n events. */
static void settle_pass(struct drive *drive, struct stream *stream, size_t n, const struct pass *pass)
{
    char key[QUEUE_KEY_BYTES_MAX + 1];

    drive->entries += (unsigned)pass->entries;
    switch (pass->end) {
    case PASS_ALREADY: drive->already++; break;
    case PASS_APPLIED: stream->buried = false; break;
    case PASS_MOVED:
        (void)snprintf(key, sizeof key, "%s", stream->key);
        move(drive, key, n, pass->moved_to);
        return;
    case PASS_FENCED: drive_say(drive, pass, "was fenced, and nobody overtook it"); break;
    default: drive_say(drive, pass, "failed"); break;
    }
    stream_drop(drive, stream, n);
}

static struct pass_about about(const struct drive *drive, const struct stream *stream, size_t n)
{
    return (struct pass_about){.ledger = drive->ledger,
                               .world = drive->world,
                               .env = drive->env,
                               .key = stream->key,
                               .hints = (const struct hint *const *)stream->hints,
                               .count = n,
                               .attempt = stream->attempts + 1,
                               .skew_s = drive->skew_s};
}

/* Somebody else has a whole turn of the same events between our reads and our apply. */
static void overtake(struct drive *drive, const struct stream *stream, size_t n, struct pass *pass)
{
    struct pass other;
    struct pass_about what = about(drive, stream, n);

    pass_claim(&other, &what);
    pass_read(&other);
    pass_apply(&other);
    drive->entries += (unsigned)other.entries;
    if (other.end == PASS_FAILED)
        drive_say(drive, &other, "failed, overtaking");
    pass_apply(pass);
    if (pass->end != PASS_FENCED && pass->end != PASS_FAILED)
        drive_say(drive, pass, "was overtaken and not fenced");
    else
        drive->fenced++;
    pass_release(pass);
    *pass = other; /* how it ended is what counts for the events */
}

/* The turn fails for no reason of its own. */
static void break_off(struct drive *drive, struct stream *stream, size_t n, struct pass *pass)
{
    bool bury = stream->attempts >= 2;

    drive->failed_on_purpose++;
    pass_fail(pass, "stripe_transient", bury);
    stream->attempts++;
    if (!bury)
        return;
    stream_drop(drive, stream, n);
    stream->buried = true;
}

/* ---- crashes: what is left of a worker is what the database has; the events are delivered again ---- */

/* Dies while the apply runs. */
static void die_in_apply(struct drive *drive, struct pass *pass)
{
    ledger_run(drive->ledger, "BEGIN");
    pass_apply(pass);
    ledger_run(drive->ledger, "ROLLBACK");
}

/* The reply is lost, and the same apply is sent once more: it must find its claim used. */
static void apply_twice(struct drive *drive, struct pass *pass)
{
    pass_apply(pass);
    drive->entries += (unsigned)pass->entries;
    if (pass->end != PASS_APPLIED) {
        drive_say(drive, pass, "failed");
        return;
    }
    pass->end = PASS_UNDER_WAY;
    pass_apply(pass);
    if (pass->end != PASS_FENCED)
        drive_say(drive, pass, "was applied twice");
}

/* Wakes up later. If nobody has claimed since, what it read is the newest, and counts. */
static void stall(struct drive *drive, const struct stream *stream, size_t n)
{
    struct stalled *stalled = calloc(1, sizeof *stalled);
    struct pass_about what = about(drive, stream, n);

    if (!stalled || !(stalled->hints = calloc(n, sizeof(struct hint *))))
        give_up("out of memory");
    for (; stalled->count < n; stalled->count++)
        stalled->hints[stalled->count] = hint_copy(stream->hints[stalled->count], NULL);
    what.hints = (const struct hint *const *)stalled->hints;
    pass_claim(&stalled->pass, &what);
    pass_read(&stalled->pass);
    drive->stalled = stalled;
}

static void wake_up(struct drive *drive)
{
    struct stalled *stalled = drive->stalled;

    drive->stalled = NULL;
    pass_apply(&stalled->pass);
    drive->entries += (unsigned)stalled->pass.entries;
    drive->fenced += stalled->pass.end == PASS_FENCED;
    if (stalled->pass.end == PASS_FAILED)
        drive_say(drive, &stalled->pass, "failed, waking up");
    stalled_free(stalled);
}

static void crash(struct drive *drive, struct stream *stream, size_t n)
{
    uint64_t where = random_below(&drive->random, 5);
    struct pass_about what = about(drive, stream, n);
    struct pass pass;

    drive->crashed++;
    if (where == 4 && !drive->stalled) {
        stall(drive, stream, n);
        return;
    }
    pass_claim(&pass, &what);
    if (where > 0)
        pass_read(&pass);
    if (where == 2)
        die_in_apply(drive, &pass);
    else if (where == 3 && pass.end == PASS_UNDER_WAY)
        apply_twice(drive, &pass);
    pass_release(&pass);
}

static void turn_of(struct drive *drive, struct stream *stream)
{
    size_t n = stream->count < QUEUE_ENTRIES_PER_TURN ? stream->count : QUEUE_ENTRIES_PER_TURN;
    struct pass_about what;
    struct pass pass;

    /* A part of what waits, unless it is told in whole: a change is dated by the newest event of its turn. */
    if (random_chance(&drive->random, 0.3) && drive->trouble > 0)
        n = 1 + random_below(&drive->random, n);
    drive->turns++;
    if (drive->crashes && random_chance(&drive->random, drive->trouble)) {
        crash(drive, stream, n);
        return;
    }
    what = about(drive, stream, n);
    pass_claim(&pass, &what);
    pass_read(&pass);
    if (pass.end == PASS_UNDER_WAY && random_chance(&drive->random, drive->trouble)) {
        if (random_chance(&drive->random, 0.5)) {
            break_off(drive, stream, n, &pass);
            pass_release(&pass);
            return;
        }
        overtake(drive, stream, n, &pass);
    } else {
        pass_apply(&pass);
    }
    settle_pass(drive, stream, n, &pass);
    pass_release(&pass);
}

bool drive_turn(struct drive *drive)
{
    size_t start;

    if (drive->stalled && (!drive->waiting || random_chance(&drive->random, 0.2)))
        wake_up(drive);
    if (!drive->waiting)
        return false;
    start = random_below(&drive->random, drive->streams_count);
    for (size_t i = 0; i < drive->streams_count; i++) {
        struct stream *stream = &drive->streams[(start + i) % drive->streams_count];
        if (stream->count) {
            turn_of(drive, stream);
            return true;
        }
    }
    return false;
}

void drive_all(struct drive *drive)
{
    while (drive_turn(drive))
        ;
}

void drive_stream(struct drive *drive, const char *key)
{
    double trouble = drive->trouble;
    struct stream *stream = stream_of(drive, key);
    char to[QUEUE_KEY_BYTES_MAX + 1];

    drive->trouble = 0;
    *drive->moved_to = '\0';
    while (stream->count) {
        turn_of(drive, stream);
        stream = stream_of(drive, key); /* the streams may have moved */
    }
    drive->trouble = trouble;
    if (!*drive->moved_to)
        return;
    (void)snprintf(to, sizeof to, "%s",
                   drive->moved_to); /* thin events are keyed by their object, and are the customer's */
    drive_stream(drive, to);
}

void drive_settle(struct drive *drive)
{
    double trouble = drive->trouble;

    drive->trouble = 0;
    for (size_t i = 0; i < drive->streams_count; i++)
        if (drive->streams[i].buried)
            drive_put(drive, hint_make(drive->streams[i].key, "instep.sync", "", ""));
    drive_all(drive);
    drive->trouble = trouble;
}

void drive_look(struct drive *drive)
{
    json_t *known = ledger_ask_json(drive->ledger,
                                    "SELECT to_json(to_regprocedure('ops.looks_due(integer)') IS NOT NULL)");
    bool more = json_is_true(known);

    json_decref(known);
    while (more) {
        json_t *due = ledger_ask_json(
            drive->ledger, "SELECT coalesce(jsonb_agg(to_jsonb(l)), '[]') FROM ops.looks_due(1000) AS l");
        json_t *look;
        size_t i;
        json_array_foreach(due, i, look)
        {
            char key[QUEUE_KEY_BYTES_MAX + 1];
            (void)snprintf(key, sizeof key, "%s:%s", json_string_value(json_object_get(look, "account")),
                           json_string_value(json_object_get(look, "subject")));
            drive_put(drive,
                      hint_make(key, "instep.look", json_string_value(json_object_get(look, "object_type")),
                                json_string_value(json_object_get(look, "object_id"))));
        }
        more = json_array_size(due) > 0;
        json_decref(due);
        drive_all(drive);
    }
}
