/*
 * The events of a story in every order. They are walked as a tree: what was done for a beginning is done once for all
 * orders that begin so, and undone by a savepoint. Two beginnings of the same events that left the same ledger, in all that
 * a later turn could see (replay.whole), go on alike: the rest is walked for the first of them only, and counted for both.
 *   late    everything arrives after the end: Stripe shows the last state in every read. The journal is the same.
 *   live    Stripe shows the state as of the latest event delivered so far. Balances and state are the same; how many
 *           entries it took is not.
 *   twice   in their order, and each once more at every later place, live.
 *   prefix  only the first few, live, and then a sync.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/replay/modes.h"
#include "tests/replay/pass.h"
#include "tests/replay/report.h"
#include "tests/replay/telling.h"
#include "worker/plan.h"

#define LATER_S    86400
#define EVENTS_MAX 7
#define DIFFER_MAX 3 /* orders that are shown */
#define SUBJECTS   64
#define MOVES_MAX  3

/* An event that is delivered, and those that come in the same turn because nobody chose them. */
struct unit {
    size_t first, last; /* of telling.told; last is the event */
    unsigned step;
};

struct permute {
    struct ledger *ledger;
    struct env *env;
    struct telling telling;
    struct unit units[EVENTS_MAX];
    size_t count;
    bool live;                      /* riders come along, and Stripe's state is as of the latest event */
    const char *lines_sql;          /* what must be equal at the end */
    char *reference;                /* owned; md5 of those lines in the first order */
    json_t *reference_lines;        /* owned */
    unsigned order[2 * EVENTS_MAX]; /* units delivered so far */
    size_t depth;
    json_t *seen; /* owned; a set of "events delivered:digest of the ledger" */
    unsigned long leaves, turns, differ, failed;
    char *subjects[SUBJECTS]; /* owned: streams that events ended in */
    size_t subjects_count;
};

static bool rules_read(const struct told *told)
{
    return plan_needs(told->hint->envelope.type) != PLAN_NOTHING;
}

static bool is_catalogue(const char *type)
{
    return plan_needs(type) & PLAN_CATALOGUE;
}

/* ---- which events ---- */

/* How much we want this event among the chosen: more of another kind, the last of a step before others. */
static bool same_kind_chosen(const struct telling *telling, const bool *chosen, size_t i)
{
    for (size_t j = 0; j < telling->told_count; j++)
        if (chosen[j] && !strcmp(telling->told[j].hint->envelope.type, telling->told[i].hint->envelope.type))
            return true;
    return false;
}

static bool last_of_step(const struct telling *telling, size_t i)
{
    for (size_t j = i + 1; j < telling->told_count; j++)
        if (rules_read(&telling->told[j]))
            return telling->told[j].step != telling->told[i].step;
    return true;
}

/* First the last event of every step, from the end; then kinds that are not there yet, from the end; then any. */
static void choose(struct permute *permute, size_t max)
{
    struct telling *telling = &permute->telling;
    bool *chosen = calloc(telling->told_count + 1, sizeof *chosen);
    size_t count = 0, from = 0;

    if (!chosen)
        give_up("out of memory");
    for (int round = 0; round < 3; round++) {
        for (size_t i = telling->told_count; i-- > 0 && count < max;) {
            if (chosen[i] || !rules_read(&telling->told[i]) || (round == 0 && !last_of_step(telling, i)) ||
                (round == 1 && same_kind_chosen(telling, chosen, i)))
                continue;
            chosen[i] = true;
            count++;
        }
    }
    permute->count = 0;
    for (size_t i = 0; i < telling->told_count; i++) {
        if (!chosen[i])
            continue;
        permute->units[permute->count++] =
            (struct unit){.first = from, .last = i, .step = telling->told[i].step};
        from = i + 1;
    }
    free(chosen);
}

/* ---- a turn ---- */

static void note_subject(struct permute *permute, const char *key)
{
    for (size_t i = 0; i < permute->subjects_count; i++)
        if (!strcmp(permute->subjects[i], key))
            return;
    if (permute->subjects_count == SUBJECTS)
        give_up("%s: more than %d streams", permute->telling.story->name, SUBJECTS);
    permute->subjects[permute->subjects_count++] = strdup(key);
}

/* Hints of one stream; where they belong elsewhere they go there. */
static void deliver_to(struct permute *permute, struct world *world, const char *to,
                       const struct hint *const *hints, size_t count)
{
    char key[QUEUE_KEY_BYTES_MAX + 1];
    struct pass pass;
    bool moved = true;

    (void)snprintf(key, sizeof key, "%s", to);
    for (unsigned moves = 0; moved && moves <= MOVES_MAX; moves++) {
        struct pass_about about = {.ledger = permute->ledger,
                                   .world = world,
                                   .env = permute->env,
                                   .key = key,
                                   .hints = hints,
                                   .count = count,
                                   .attempt = 1,
                                   .skew_s = LATER_S};
        permute->turns++;
        pass_claim(&pass, &about);
        pass_read(&pass);
        pass_apply(&pass);
        moved = pass.end == PASS_MOVED;
        if (moved)
            (void)snprintf(key, sizeof key, "%s", pass.moved_to);
        if ((pass.end == PASS_FAILED || pass.end == PASS_FENCED) && permute->failed++ < DIFFER_MAX)
            report_note("%s: turn of %s: %s", permute->telling.story->name, key,
                        pass.end == PASS_FENCED ? "fenced" : pass.why);
        pass_release(&pass);
    }
    if (!is_catalogue(hints[0]->envelope.type))
        note_subject(permute, key);
}

/* The world that reads see when this is among what was delivered. */
static struct world *world_at(struct permute *permute, size_t depth)
{
    unsigned step = 0;

    if (!permute->live)
        return telling_end(&permute->telling);
    for (size_t i = 0; i < depth; i++)
        if (permute->units[permute->order[i]].step > step)
            step = permute->units[permute->order[i]].step;
    /* What nobody chose after the last event is no reason to see less than the end. */
    return step == permute->units[permute->count - 1].step ? telling_end(&permute->telling)
                                                           : &permute->telling.worlds[step];
}

static void deliver(struct permute *permute, unsigned unit)
{
    struct telling *telling = &permute->telling;
    const struct unit *what = &permute->units[unit];
    const struct hint *hints[QUEUE_ENTRIES_PER_TURN];
    size_t first = permute->live ? what->first : what->last, i = first;
    bool *taken = calloc(telling->told_count + 1, sizeof *taken);

    permute->order[permute->depth++] = unit;
    for (; taken && i <= what->last; i++) { /* by stream, in the order that the first of each came */
        size_t count = 0;
        for (size_t j = i; j <= what->last && count < QUEUE_ENTRIES_PER_TURN; j++) {
            if (taken[j] || strcmp(telling->told[j].hint->key, telling->told[i].hint->key) != 0)
                continue;
            taken[j] = true;
            hints[count++] = telling->told[j].hint;
        }
        if (count)
            deliver_to(permute, world_at(permute, permute->depth), hints[0]->key, hints, count);
    }
    free(taken);
}

/* ---- what it comes to ---- */

static json_t *lines(struct permute *permute)
{
    char sql[400];

    (void)snprintf(sql, sizeof sql, "SELECT coalesce(json_agg(l), '[]') FROM (%s) AS x (l)",
                   permute->lines_sql);
    return ledger_ask_json(permute->ledger, sql);
}

static bool has_line(const json_t *list, const json_t *line)
{
    json_t *other;
    size_t i;

    json_array_foreach(list, i, other)
    {
        if (json_equal(other, line))
            return true;
    }
    return false;
}

static void show_difference(struct permute *permute, const char *what)
{
    json_t *now = lines(permute), *line;
    size_t i;

    report_note("%s: %s: differs after", permute->telling.story->name, what);
    for (i = 0; i < permute->depth; i++) {
        const struct told *told = &permute->telling.told[permute->units[permute->order[i]].last];
        report_note("    step %u %s of %s", told->step, told->hint->envelope.type,
                    told->hint->envelope.object_id);
    }
    json_array_foreach(permute->reference_lines, i, line)
    {
        if (!has_line(now, line))
            report_note("    - %.600s", json_string_value(line));
    }
    json_array_foreach(now, i, line)
    {
        if (!has_line(permute->reference_lines, line))
            report_note("    + %.600s", json_string_value(line));
    }
    json_decref(now);
}

/* Of what a query says, line by line; free(). */
static char *digest_of(struct permute *permute, const char *lines_sql)
{
    char sql[400];
    char *digest;

    (void)snprintf(sql, sizeof sql, "SELECT md5(string_agg(l, E'\\n')) FROM (%s) AS x (l)", lines_sql);
    digest = ledger_ask(permute->ledger, sql, 0, NULL);
    if (!digest)
        give_up("%s", permute->ledger->error);
    return digest;
}

static void leaf(struct permute *permute, const char *what)
{
    char *digest = digest_of(permute, permute->lines_sql);

    permute->leaves++;
    if (!permute->reference) {
        permute->reference = digest;
        permute->reference_lines = lines(permute);
        if (!truth_equal(permute->ledger, telling_end(&permute->telling), permute->telling.story->name) ||
            !truth_verified(permute->ledger, permute->telling.story->name))
            permute->differ++;
        return;
    }
    if (strcmp(digest, permute->reference) != 0 && permute->differ++ < DIFFER_MAX)
        show_difference(permute, what);
    free(digest);
}

/* ---- walks ---- */

/* Did another order of these events leave the same ledger? Then it also stands for all that can follow. */
static bool walked_before(struct permute *permute, unsigned used)
{
    char *digest = digest_of(permute, "SELECT * FROM replay.whole()");
    char key[80];

    (void)snprintf(key, sizeof key, "%x:%s", used, digest);
    free(digest);
    if (json_object_get(permute->seen, key))
        return true;
    if (json_object_set_new(permute->seen, key, json_true()))
        give_up("out of memory");
    return false;
}

static unsigned long orders_of(size_t count)
{
    return count < 2 ? 1 : count * orders_of(count - 1);
}

static void walk_orders(struct permute *permute, unsigned used)
{
    if (permute->depth == permute->count) {
        leaf(permute, permute->live ? "live" : "late");
        return;
    }
    for (unsigned i = 0; i < permute->count; i++) {
        if (used & 1U << i)
            continue;
        size_t depth = permute->depth;
        ledger_mark(permute->ledger);
        deliver(permute, i);
        if (permute->depth < permute->count && walked_before(permute, used | 1U << i))
            permute->leaves += orders_of(permute->count - permute->depth);
        else
            walk_orders(permute, used | 1U << i);
        ledger_back(permute->ledger);
        permute->depth = depth;
    }
}

/* What is left, in its order. */
static void deliver_rest(struct permute *permute, size_t from)
{
    for (size_t i = from; i < permute->count; i++)
        deliver(permute, (unsigned)i);
}

static void walk_twice(struct permute *permute)
{
    for (size_t place = 1; place <= permute->count; place++) {
        permute->depth = 0;
        ledger_mark(permute->ledger);
        for (size_t i = 0; i < place; i++)
            deliver(permute, (unsigned)i);
        size_t depth = permute->depth;
        for (unsigned again = 0; again < place; again++) {
            ledger_mark(permute->ledger);
            deliver(permute, again);
            deliver_rest(permute, place);
            leaf(permute, "twice");
            ledger_back(permute->ledger);
            permute->depth = depth;
        }
        ledger_back(permute->ledger);
    }
}

/* What belongs to nobody comes by its own events only. */
static void deliver_catalogue(struct permute *permute)
{
    const struct telling *telling = &permute->telling;

    for (size_t i = 0; i < telling->told_count; i++) {
        const struct hint *hints[] = {telling->told[i].hint};
        if (is_catalogue(hints[0]->envelope.type))
            deliver_to(permute, telling_end(&permute->telling), hints[0]->key, hints, 1);
    }
}

/* Of the catalogue, and of every customer and guest. */
static void sync_all(struct permute *permute)
{
    size_t count = permute->subjects_count; /* a sync may only lead to subjects that are known */

    deliver_catalogue(permute);
    for (size_t i = 0; i < count; i++) {
        struct hint *hint = hint_make(permute->subjects[i], "instep.sync", "", "");
        const struct hint *hints[] = {hint};
        deliver_to(permute, telling_end(&permute->telling), permute->subjects[i], hints, 1);
        free(hint);
    }
}

static void walk_prefixes(struct permute *permute)
{
    for (size_t len = 0; len < permute->count; len++) {
        permute->depth = 0;
        ledger_mark(permute->ledger);
        for (size_t i = 0; i < len; i++)
            deliver(permute, (unsigned)i);
        sync_all(permute);
        leaf(permute, "prefix");
        ledger_back(permute->ledger);
    }
}

/* ---- a story ---- */

static void forget_reference(struct permute *permute)
{
    free(permute->reference);
    json_decref(permute->reference_lines);
    json_decref(permute->seen);
    permute->reference = NULL;
    permute->reference_lines = NULL;
    permute->seen = json_object();
    permute->leaves = permute->turns = permute->differ = permute->failed = 0;
    permute->depth = 0;
}

static void report(struct permute *permute, const char *what)
{
    report_ok(!permute->differ && !permute->failed && permute->leaves,
              "story %s, %s: %lu orders of %zu events end with the same ledger (%lu turns)",
              permute->telling.story->name, what, permute->leaves, permute->count, permute->turns);
    if (permute->differ || permute->failed)
        report_note("%lu orders differ, %lu turns failed", permute->differ, permute->failed);
}

#define JOURNAL  "SELECT * FROM replay.journal()"
#define STATE    "SELECT * FROM replay.state()"
#define BALANCES "SELECT * FROM replay.balances()"

static void permute_story(struct permute *permute)
{
    for (size_t i = 0; i < permute->count; i++)
        report_note("%s: step %u, %s", permute->telling.story->name, permute->units[i].step,
                    permute->telling.told[permute->units[i].last].hint->envelope.type);
    permute->live = false;
    permute->lines_sql = JOURNAL " UNION ALL " STATE;
    ledger_begin(permute->ledger);
    ledger_mark(permute->ledger);
    deliver_catalogue(permute);
    walk_orders(permute, 0);
    report(permute, "late");
    forget_reference(permute);
    ledger_back(permute->ledger);

    permute->live = true;
    permute->lines_sql = BALANCES " UNION ALL " STATE;
    walk_orders(permute, 0);
    report(permute, "live");
    permute->leaves = permute->turns = permute->differ = permute->failed = 0;
    walk_twice(permute);
    report(permute, "twice");
    permute->leaves = permute->turns = permute->differ = permute->failed = 0;
    walk_prefixes(permute);
    report(permute, "prefix and sync");
    ledger_end(permute->ledger);
    forget_reference(permute);
}

static void permute_named(struct ledger *ledger, struct env *env, const char *name,
                          const struct options *options)
{
    struct permute permute = {.ledger = ledger, .env = env, .seen = json_object()};
    const struct story *story = story_find(name);

    if (!story)
        give_up("there is no story %s", name);
    if (!telling_open(&permute.telling, story, options->seed, options->version)) {
        report_ok(false, "story %s can be told", name);
        return;
    }
    choose(&permute, options->events_max);
    permute_story(&permute);
    json_decref(permute.seen);
    for (size_t i = 0; i < permute.subjects_count; i++)
        free(permute.subjects[i]);
    telling_close(&permute.telling);
}

void permutations(struct ledger *ledger, struct env *env, const struct options *options)
{
    for (char **name = options->names; *name; name++)
        permute_named(ledger, env, *name, options);
}
