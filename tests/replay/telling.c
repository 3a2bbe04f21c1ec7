#include "tests/replay/telling.h"

#include <stdlib.h>

#include "tests/replay/report.h"

static void on_hint(struct hint *hint, void *arg)
{
    struct telling *telling = arg;

    if (telling->told_count == telling->told_room) {
        telling->told_room = telling->told_room ? telling->told_room * 2 : 64;
        telling->told = realloc(telling->told, telling->told_room * sizeof *telling->told);
        if (!telling->told)
            give_up("out of memory");
    }
    telling->told[telling->told_count++] =
        (struct told){.hint = hint, .step = story_play_done(telling->plays[telling->steps]) + 1};
}

/* The world after k steps; the last one is listened to. */
static bool play(struct telling *telling, unsigned k, uint64_t seed, const char *version)
{
    struct world *world = &telling->worlds[k];
    struct failure why;

    world_open(world, seed, STORY_START, version);
    telling->plays[k] = story_play_create(telling->story, world->sim, world->api);
    if (k == telling->steps) {
        world->on_hint = on_hint;
        world->arg = telling;
    }
    for (unsigned i = 0; i < k; i++) {
        if (story_play_next(telling->plays[k], &why) != ERR_OK) {
            report_note("%s: %s", telling->story->name, why.text);
            return false;
        }
    }
    world->on_hint = NULL;
    return true;
}

bool telling_open(struct telling *telling, const struct story *story, uint64_t seed, const char *version)
{
    *telling = (struct telling){.story = story, .steps = story->steps_count};
    if (telling->steps > TELLING_STEPS_MAX)
        give_up("%s has %u steps", story->name, telling->steps);
    for (unsigned k = 0; k <= telling->steps; k++) {
        if (!play(telling, k, seed, version)) {
            telling_close(telling);
            return false;
        }
    }
    return true;
}

void telling_close(struct telling *telling)
{
    for (unsigned k = 0; k <= telling->steps; k++) {
        story_play_free(telling->plays[k]);
        world_close(&telling->worlds[k]);
    }
    for (size_t i = 0; i < telling->told_count; i++)
        free(telling->told[i].hint);
    free(telling->told);
    *telling = (struct telling){.story = NULL};
}

struct world *telling_end(struct telling *telling)
{
    return &telling->worlds[telling->steps];
}
