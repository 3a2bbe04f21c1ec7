/* Every story, step by step: after each the ledger equals the truth, in whatever order its events came. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/replay/chores.h"
#include "tests/replay/drive.h"
#include "tests/replay/modes.h"
#include "tests/replay/report.h"
#include "tests/replay/telling.h"

#define LATER_S                                                                                              \
    86400        /* reads happen so long after a step: charges without a paper are old enough to be sales */
#define ROUNDS 3 /* told in order, shuffled within a step, and over all steps */

/*
 * Deliver what happened in this step, in the order of the round. True: all of it must be read before more happens, as a plan's
 * new version holds from when it is read.
 */
static bool deliver(struct drive *drive, struct telling *telling, unsigned step, unsigned round)
{
    bool at_once = false;
    size_t count = 0;
    struct hint **hints = calloc(telling->told_count * 2 + 1, sizeof(struct hint *));

    if (!hints)
        give_up("out of memory");
    for (size_t i = 0; i < telling->told_count; i++) {
        if (telling->told[i].step != step)
            continue;
        at_once = at_once || !strcmp(telling->told[i].hint->envelope.object_type, "product");
        hints[count++] = hint_copy(telling->told[i].hint, NULL);
        if (round && random_chance(&drive->random, 0.2))
            hints[count++] = hint_copy(telling->told[i].hint, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        size_t other = round ? i + random_below(&drive->random, count - i) : i;
        struct hint *hint = hints[other];
        hints[other] = hints[i];
        hints[i] = hint;
        drive_put(drive, hint);
        while (round < 2 && drive->waiting && random_chance(&drive->random, 0.5))
            (void)drive_turn(drive);
    }
    free(hints);
    return at_once;
}

static bool play_round(struct ledger *ledger, struct env *env, struct telling *telling, unsigned round)
{
    struct drive drive;
    struct chores chores;
    char name[120];
    bool equal = true;

    ledger_begin(ledger);
    drive_open(&drive, round + 1);
    drive.ledger = ledger;
    drive.env = env;
    drive.skew_s = LATER_S;
    for (unsigned step = 1; equal && step <= telling->steps; step++) {
        drive.world = &telling->worlds[step];
        bool at_once = deliver(&drive, telling, step, round);
        if (round == 2 && step < telling->steps && !at_once) { /* some of it waits until more has happened */
            while (drive.waiting && random_chance(&drive.random, 0.5))
                (void)drive_turn(&drive);
            continue;
        }
        drive_all(&drive);
        drive_look(&drive);
        chores_open(&chores, ledger, drive.world->sim, step);
        chores_all(&chores);
        (void)snprintf(name, sizeof name, "%s, step %u, round %u", telling->story->name, step, round);
        equal = truth_equal(ledger, drive.world, name) && truth_verified(ledger, name) && !drive.failures;
    }
    drive_close(&drive);
    ledger_end(ledger);
    return equal;
}

static void tell(struct ledger *ledger, struct env *env, const struct story *story,
                 const struct options *options)
{
    struct telling telling;
    bool equal = telling_open(&telling, story, options->seed, options->version);
    bool told = equal;

    for (unsigned round = 0; equal && round < ROUNDS; round++)
        equal = play_round(ledger, env, &telling, round);
    report_ok(equal, "story %s: the ledger equals the truth after every step", story->name);
    if (told)
        telling_close(&telling);
}

void truth_of_stories(struct ledger *ledger, struct env *env, const struct options *options)
{
    for (size_t i = 0; !*options->names && i < story_count(); i++)
        tell(ledger, env, story_at(i), options);
    for (char **name = options->names; *name; name++) {
        const struct story *story = story_find(*name);
        if (!story)
            give_up("there is no story %s", *name);
        tell(ledger, env, story, options);
    }
}
