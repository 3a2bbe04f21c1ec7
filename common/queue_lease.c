#include "common/queue_lease.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const lane_names[QUEUE_LANES] = {"interactive", "webhook", "sweep"};

const char *queue_lane_name(enum queue_lane lane)
{
    return (unsigned)lane < QUEUE_LANES ? lane_names[lane] : "unknown";
}

/*
 * Text members of an envelope and their fields in the stream, in the order in which they are written. Redis stores the
 * names once per node of 512 bytes: these are short enough for two entries in one.
 */
static const struct {
    const char *field;
    size_t offset;
} texts[] = {
    {"id", offsetof(struct envelope, event_id)},         {"type", offsetof(struct envelope, type)},
    {"object", offsetof(struct envelope, object_id)},    {"kind", offsetof(struct envelope, object_type)},
    {"cus", offsetof(struct envelope, customer)},        {"acct", offsetof(struct envelope, account)},
    {"v", offsetof(struct envelope, api_version)},       {"ctx", offsetof(struct envelope, context)},
    {"snap", offsetof(struct envelope, snapshot_event)},
};
#define TEXTS        (sizeof texts / sizeof *texts)
#define TEXTS_ALWAYS 7 /* the others are written only where they say something */

static const char **text_member(struct envelope *envelope, size_t i)
{
    return (const char **)((char *)envelope + texts[i].offset);
}

enum err envelope_words(const struct envelope *envelope, struct envelope_numbers *numbers,
                        const char *ret_words[ENVELOPE_WORDS_MAX], size_t *ret_count, struct failure *fail)
{
    struct envelope copy = *envelope;
    size_t bytes = 0, n = 0;

    if ((unsigned)envelope->lane >= QUEUE_LANES)
        return failf(fail, ERR_INVALID, "envelope: no such lane");
    for (size_t i = 0; i < TEXTS; i++) {
        const char *text = *text_member(&copy, i);

        if (i >= TEXTS_ALWAYS && (!text || !*text))
            continue;
        ret_words[n++] = texts[i].field;
        ret_words[n++] = text ? text : "";
        bytes += text ? strlen(text) : 0;
    }
    if (bytes > ENVELOPE_BYTES_MAX)
        return failf(fail, ERR_INVALID, "envelope: %zu bytes, at most %d are queued", bytes,
                     ENVELOPE_BYTES_MAX);
    (void)snprintf(numbers->created, sizeof numbers->created, "%" PRId64, envelope->created);
    (void)snprintf(numbers->received_ms, sizeof numbers->received_ms, "%" PRId64, envelope->received_ms);
    ret_words[n++] = "at";
    ret_words[n++] = numbers->created;
    ret_words[n++] = "in_ms";
    ret_words[n++] = numbers->received_ms;
    ret_words[n++] = "live";
    ret_words[n++] = envelope->livemode ? "1" : "0";
    ret_words[n++] = "lane";
    ret_words[n++] = queue_lane_name(envelope->lane);
    *ret_count = n;
    return ERR_OK;
}

static enum queue_lane lane_parse(const char *name)
{
    for (int lane = 0; lane < QUEUE_LANES; lane++)
        if (!strcmp(name, lane_names[lane]))
            return (enum queue_lane)lane;
    return QUEUE_WEBHOOK;
}

static void envelope_set(struct envelope *envelope, const char *field, const char *value)
{
    for (size_t i = 0; i < TEXTS; i++)
        if (!strcmp(field, texts[i].field))
            *text_member(envelope, i) = value;
    if (!strcmp(field, "at"))
        envelope->created = strtoll(value, NULL, 10);
    else if (!strcmp(field, "in_ms"))
        envelope->received_ms = strtoll(value, NULL, 10);
    else if (!strcmp(field, "live"))
        envelope->livemode = !strcmp(value, "1");
    else if (!strcmp(field, "lane"))
        envelope->lane = lane_parse(value);
}

static bool is_string(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING;
}

static bool is_array(const redisReply *reply, size_t elements)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == elements;
}

/* {entry id, {field, value, ...}} */
static enum err entry_parse(const redisReply *reply, struct queue_entry *ret_entry)
{
    struct queue_entry entry = {.envelope = {.lane = QUEUE_WEBHOOK}};
    const redisReply *words;
    size_t bytes = 0;
    char *end;

    if (!is_array(reply, 2) || !is_string(reply->element[0]) || reply->element[1]->type != REDIS_REPLY_ARRAY)
        return ERR_PROTOCOL;
    words = reply->element[1];
    for (size_t i = 0; i < words->elements; i++) {
        if (!is_string(words->element[i]))
            return ERR_PROTOCOL;
        bytes += words->element[i]->len + 1;
    }
    for (size_t i = 0; i < TEXTS; i++)
        *text_member(&entry.envelope, i) = "";
    entry.entry_id = strdup(reply->element[0]->str);
    entry.storage = end = malloc(bytes + 1);
    if (!entry.entry_id || !entry.storage) {
        free(entry.entry_id);
        free(entry.storage);
        return ERR_NOMEM;
    }
    for (size_t i = 0; i + 1 < words->elements; i += 2) {
        const redisReply *value = words->element[i + 1];

        memcpy(end, value->str, value->len + 1); /* hiredis ends every string with NUL */
        envelope_set(&entry.envelope, words->element[i]->str, end);
        end += value->len + 1;
    }
    *ret_entry = entry;
    return ERR_OK;
}

/* {key, token, attempts, lane, {entry, ...}} */
static enum err lease_parse(const redisReply *reply, struct queue_lease *ret_lease)
{
    struct queue_lease lease = {0};
    const redisReply *entries;
    enum err err = ERR_OK;

    if (!is_array(reply, 5) || !is_string(reply->element[0]) || !is_string(reply->element[1]) ||
        reply->element[2]->type != REDIS_REPLY_INTEGER || !is_string(reply->element[3]) ||
        reply->element[4]->type != REDIS_REPLY_ARRAY || reply->element[0]->len > QUEUE_KEY_BYTES_MAX ||
        reply->element[1]->len > QUEUE_TOKEN_BYTES)
        return ERR_PROTOCOL;
    memcpy(lease.key, reply->element[0]->str, reply->element[0]->len + 1);
    memcpy(lease.token, reply->element[1]->str, reply->element[1]->len + 1);
    lease.attempts = (unsigned)reply->element[2]->integer;
    lease.lane = lane_parse(reply->element[3]->str);
    entries = reply->element[4];
    lease.entries = calloc(entries->elements + 1, sizeof *lease.entries);
    if (!lease.entries)
        return ERR_NOMEM;
    for (size_t i = 0; !err && i < entries->elements; i++) {
        err = entry_parse(entries->element[i], &lease.entries[i]);
        lease.entries_count += !err;
    }
    if (err)
        queue_lease_release(&lease);
    else
        *ret_lease = lease;
    return err;
}

enum err queue_leases_parse(const struct redisReply *reply, struct queue_lease **ret_leases,
                            size_t *ret_count, struct failure *fail)
{
    struct queue_lease *leases;
    size_t count = 0;
    enum err err = ERR_OK;

    if (reply->type != REDIS_REPLY_ARRAY)
        return failf(fail, ERR_PROTOCOL, "take: Redis returned something else than a list");
    leases = calloc(reply->elements + 1, sizeof *leases);
    if (!leases)
        return failf(fail, ERR_NOMEM, "take: %zu customers", reply->elements);
    for (size_t i = 0; !err && i < reply->elements; i++) {
        err = lease_parse(reply->element[i], &leases[count]);
        count += !err;
    }
    if (err) { /* they come back when their leases are over */
        while (count)
            queue_lease_release(&leases[--count]);
        free(leases);
        return failf(fail, err, "take: customer %zu of the reply: %s", count + 1, err_text(err));
    }
    *ret_leases = leases;
    *ret_count = count;
    return ERR_OK;
}

void queue_lease_release(struct queue_lease *lease)
{
    for (size_t i = 0; i < lease->entries_count; i++) {
        free(lease->entries[i].entry_id);
        free(lease->entries[i].storage);
    }
    free(lease->entries);
    *lease = (struct queue_lease){0};
}
