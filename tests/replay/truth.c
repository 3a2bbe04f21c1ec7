#include "tests/replay/modes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/truth.h"
#include "sim/lives.h"
#include "sim/truth.h"
#include "tests/replay/chores.h"
#include "tests/replay/drive.h"
#include "tests/replay/posts.h"
#include "tests/replay/report.h"

#define DIFFERENCES_SHOWN 30
#define LIVES_START       INT64_C(1704067200) /* 2024-01-01: years of lives end before the real clock */
#define LATER_S           86400               /* the last reads happen so long after the last event */

struct shown {
    const char *name;
    unsigned count;
};

static void on_difference(const char *where, const char *truth, const char *ledger, void *arg)
{
    struct shown *shown = arg;

    if (shown->count++ < DIFFERENCES_SHOWN)
        report_note("%s: %s: the truth is %s, the ledger has %s", shown->name, where, truth, ledger);
}

/* What the ledger holds, credits as of the moment that the truth is of. */
static json_t *held_as_of(struct ledger *ledger, const json_t *as_of)
{
    char sql[80] = "SELECT ops.ledger_truth()";

    if (as_of)
        (void)snprintf(sql, sizeof sql, "SELECT ops.ledger_truth(to_timestamp(%lld))",
                       (long long)json_integer_value(as_of));
    return ledger_ask_json(ledger, sql);
}

bool truth_equal(struct ledger *ledger, const struct world *world, const char *name)
{
    json_t *truth = truth_export(world->sim);
    json_t *held = held_as_of(ledger, json_object_get(truth, "as_of"));
    struct shown shown = {.name = name};

    (void)truth_compare(truth, held, on_difference, &shown);
    json_decref(truth);
    json_decref(held);
    return !shown.count;
}

bool truth_verified(struct ledger *ledger, const char *name)
{
    json_t *broken = ledger_ask_json(ledger, "SELECT coalesce(jsonb_agg(check_name || ': ' || detail), '[]') "
                                             "FROM ops.verify() WHERE NOT ok");
    bool good = !json_array_size(broken);
    json_t *line;
    size_t i;

    json_array_foreach(broken, i, line) report_note("%s: verify: %s", name, json_string_value(line));
    json_decref(broken);
    return good;
}

struct lives {
    struct drive drive;
    struct world world;
    struct posts posts;
    struct chores chores;
    struct random_stream random;
    int64_t end;
    bool over; /* no step of the world any more */
    unsigned events;
};

static void on_hint(struct hint *hint, void *arg)
{
    struct lives *lives = arg;

    lives->events++;
    posts_put(&lives->posts, hint->at + posts_delay(&lives->random), hint);
    if (random_chance(&lives->random, 0.1))
        posts_put(&lives->posts, hint->at + posts_delay(&lives->random), hint_copy(hint, NULL));
}

/* Now and then the world moves between two reads of a turn. */
static void before_read(const struct read *read, void *arg)
{
    struct lives *lives = arg;

    (void)read;
    if (!lives->over && random_chance(&lives->random, 0.05))
        (void)sim_step(lives->world.sim, lives->end);
}

static void deliver_due(struct lives *lives, int64_t until)
{
    for (struct hint *hint = posts_next(&lives->posts, until); hint; hint = posts_next(&lives->posts, until))
        drive_put(&lives->drive, hint);
}

static void live(struct lives *lives)
{
    while (sim_step(lives->world.sim, lives->end)) {
        deliver_due(lives, lives->world.sim->now);
        while (lives->drive.waiting && random_chance(&lives->random, 0.7))
            (void)drive_turn(&lives->drive);
    }
    sim_advance(lives->world.sim, lives->end);
    lives->over = true;
    lives->drive.skew_s = LATER_S;
    for (struct hint *hint = posts_next(&lives->posts, INT64_MAX); hint;
         hint = posts_next(&lives->posts, INT64_MAX)) {
        drive_put(&lives->drive, hint);
        while (lives->drive.waiting && random_chance(&lives->random, 0.7))
            (void)drive_turn(&lives->drive);
    }
    drive_all(&lives->drive);
    drive_settle(&lives->drive);
    drive_look(&lives->drive);
    chores_all(&lives->chores);
}

void truth_of_lives(struct ledger *ledger, struct env *env, const struct options *options)
{
    struct lives lives = {.events = 0};
    char name[80];
    bool equal;

    (void)snprintf(name, sizeof name, "seed %llu", (unsigned long long)options->seed);
    random_init(&lives.random, options->seed, "replay deliveries");
    world_open(&lives.world, options->seed, LIVES_START, options->version);
    drive_open(&lives.drive, options->seed);
    lives.world.on_hint = on_hint;
    lives.world.before_read = before_read;
    lives.world.thin_rate = 0.2;
    lives.world.arg = &lives;
    lives.drive.ledger = ledger;
    lives.drive.world = &lives.world;
    lives.drive.env = env;
    lives.drive.trouble = 0.04;
    chores_open(&lives.chores, ledger, lives.world.sim, options->seed);
    lives_start(lives.world.sim, options->customers, options->months, &lives.end);
    live(&lives);
    equal = truth_equal(ledger, &lives.world, name);
    equal = truth_verified(ledger, name) && equal;
    report_ok(equal && !lives.drive.failures, "%s: %u customers, %u months: the ledger equals the truth",
              name, options->customers, options->months);
    report_note(
        "%s: %u events, %u turns (%u repeated, %u moved, %u fenced, %u broken off), %u reads, %u entries",
        name, lives.events, lives.drive.turns, lives.drive.already, lives.drive.moved, lives.drive.fenced,
        lives.drive.failed_on_purpose, lives.world.reads, lives.drive.entries);
    posts_release(&lives.posts);
    drive_close(&lives.drive);
    world_close(&lives.world);
}
