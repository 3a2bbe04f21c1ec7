#include "tests/replay/chores.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/replay/world.h"

#define HOUR_S      3600
#define DAY_S       86400
#define BATCHES_MAX 1000 /* of ten: more work than any of our worlds has is a loop without end */

void chores_open(struct chores *chores, struct ledger *ledger, struct sim *sim, uint64_t seed)
{
    *chores = (struct chores){.ledger = ledger, .sim = sim};
    random_init(&chores->random, seed, "replay chores");
}

int64_t chores_next(struct chores *chores, int64_t now)
{
    bool long_pause = random_chance(&chores->random, 0.2);

    if (chores->next <= now)
        chores->next =
            now + 1 + random_between(&chores->random, 0, long_pause ? 70 * DAY_S : 15 * 24 * HOUR_S);
    return chores->next;
}

/* How many were due and are done. */
static unsigned batch(struct chores *chores, unsigned limit)
{
    char sql[60];
    char *answer;
    unsigned done;

    (void)snprintf(sql, sizeof sql, "SELECT ops.credits_due(%u)", limit);
    ledger_set_clock(chores->ledger, chores->sim->now);
    answer = ledger_ask(chores->ledger, sql, 0, NULL);
    if (!answer)
        give_up("%s: %s", sql, chores->ledger->error);
    done = (unsigned)strtoul(answer, NULL, 10);
    free(answer);
    chores->runs++;
    return done;
}

void chores_some(struct chores *chores)
{
    unsigned limit = 1 + (unsigned)random_below(&chores->random, 4);

    if (random_chance(&chores->random, 0.1)) {
        ledger_run(chores->ledger, "BEGIN");
        (void)batch(chores, limit);
        ledger_run(chores->ledger, "ROLLBACK");
        chores->ledger->clock = 0;
        return;
    }
    (void)batch(chores, limit);
}

void chores_all(struct chores *chores)
{
    for (unsigned batches = 0; batch(chores, 10); batches++)
        if (batches == BATCHES_MAX)
            give_up("ops.credits_due never comes to an end");
}
