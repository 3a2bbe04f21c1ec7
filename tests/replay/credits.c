/*
 * Credits: random lives over months of virtual time. In quiet moments, when everything that happened was delivered or
 * synced, the application spends, and grants, balances and conversions are compared with the oracle's; between them turns,
 * chores and deliveries go wrong in every way that the driver knows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/billing.h"
#include "sim/lives.h"
#include "tests/replay/app.h"
#include "tests/replay/chores.h"
#include "tests/replay/drive.h"
#include "tests/replay/modes.h"
#include "tests/replay/posts.h"
#include "tests/replay/report.h"
#include "tests/replay/shop.h"

#define LIVES_START INT64_C(1704067200) /* 2024-01-01: 24 months of lives end before the real clock */
#define DAY_S       86400
#define LATER_S     DAY_S /* reads in quiet moments: charges without a paper are old enough to be sales */
#define TOLD_MAX    16

struct credits {
    struct drive drive;
    struct world world;
    struct posts posts;
    struct chores chores;
    struct app app;
    struct random_stream random;
    const char *name;
    int64_t end;
    bool still;   /* the world does not move */
    bool open;    /* the application acts amid turns */
    bool samples; /* subscriptions change without a trace on invoices, and are told at once */
    bool equal;
    char told[TOLD_MAX][QUEUE_KEY_BYTES_MAX + 1]; /* streams that must have a turn before the world moves */
    unsigned told_count;
    unsigned events, quiet;
};

/* ---- deliveries ---- */

/*
 * What rules take from samples is told at once, because what nobody looked at in time was never seen: what a product says,
 * and, where no invoice tells of it later, what a subscription consists of.
 */
static bool is_told_at_once(const struct credits *credits, const struct hint *hint)
{
    if (!strcmp(hint->envelope.object_type, "product"))
        return true;
    return credits->samples && (!strncmp(hint->envelope.type, "customer.subscription.", 22) ||
                                !strncmp(hint->envelope.type, "v1.customer.subscription.", 25));
}

static void tell_at_once(struct credits *credits, struct hint *hint)
{
    bool known = false;

    for (unsigned i = 0; i < credits->told_count; i++)
        known = known || !strcmp(credits->told[i], hint->key);
    if (!known && credits->told_count == TOLD_MAX)
        give_up("more than %d streams to tell at once", TOLD_MAX);
    if (!known)
        (void)snprintf(credits->told[credits->told_count++], sizeof *credits->told, "%s", hint->key);
    drive_put(&credits->drive, hint);
}

static void on_hint(struct hint *hint, void *arg)
{
    struct credits *credits = arg;

    credits->events++;
    if (random_chance(&credits->random, 0.1))
        posts_put(&credits->posts, hint->at + posts_delay(&credits->random), hint_copy(hint, NULL));
    if (is_told_at_once(credits, hint))
        tell_at_once(credits, hint);
    else
        posts_put(&credits->posts, hint->at + posts_delay(&credits->random), hint);
}

/* What happens next changes nothing that rules take from samples: they would date it by an event that is older. */
static bool may_move_amid_turn(const struct sim *sim)
{
    static const enum due_kind kinds[] = {DUE_UPCOMING,      DUE_FINALIZE,      DUE_RETRY,
                                          DUE_CHARGE_SETTLE, DUE_PAYMENT_TOLD,  DUE_REFUND_DECIDE,
                                          DUE_INVOICE_DUE,   DUE_SESSION_EXPIRE};

    for (size_t i = 0; sim->due_count && i < sizeof kinds / sizeof *kinds; i++)
        if (sim->due[0].kind == kinds[i])
            return true;
    return false;
}

/* Now and then the world moves between two reads of a turn; or, in a quiet moment, the application acts. */
static void before_read(const struct read *read, void *arg)
{
    struct credits *credits = arg;

    (void)read;
    if (credits->open && random_chance(&credits->random, 0.1))
        app_act(&credits->app);
    if (!credits->still && !credits->told_count && may_move_amid_turn(credits->world.sim) &&
        random_chance(&credits->random, 0.1))
        (void)sim_step(credits->world.sim, credits->world.sim->now + DAY_S);
}

static void tell(struct credits *credits)
{
    for (unsigned i = 0; i < credits->told_count; i++)
        drive_stream(&credits->drive, credits->told[i]);
    credits->told_count = 0;
}

static void deliver(struct credits *credits, int64_t until)
{
    for (struct hint *hint = posts_next(&credits->posts, until); hint;
         hint = posts_next(&credits->posts, until))
        drive_put(&credits->drive, hint);
}

/* ---- time goes on ---- */

static void go(struct credits *credits, int64_t until)
{
    struct sim *sim = credits->world.sim;

    while (sim->now <= until && sim_step(sim, until)) {
        tell(credits);
        deliver(credits, sim->now);
        while (credits->drive.waiting && random_chance(&credits->random, 0.25))
            (void)drive_turn(&credits->drive);
        tell(credits);
    }
    if (sim->now < until)
        sim_advance(sim, until);
    deliver(credits, sim->now);
}

/* What a sync of the customer reads anyhow. */
static bool is_covered_by_sync(const struct hint *hint)
{
    return !strncmp(hint->key, "self:cus_", 9) && strcmp(hint->envelope.object_type, "promotion_code") != 0;
}

static void sync_customer(struct credits *credits, const char *customer)
{
    char key[QUEUE_KEY_BYTES_MAX + 1];

    (void)snprintf(key, sizeof key, "self:%s", customer);
    drive_put(&credits->drive, hint_make(key, "instep.sync", "", ""));
}

/* All that has happened is known: delivered, or dropped and synced. */
static void become_quiet(struct credits *credits)
{
    bool drop = random_chance(&credits->random, 0.4);
    const struct list *all = &credits->world.sim->all[TYPE_CUSTOMER];

    credits->still = true;
    credits->drive.skew_s = LATER_S;
    for (struct hint *hint = posts_next(&credits->posts, INT64_MAX); hint;
         hint = posts_next(&credits->posts, INT64_MAX)) {
        if (drop && is_covered_by_sync(hint))
            free(hint);
        else
            drive_put(&credits->drive, hint);
    }
    drive_all(&credits->drive);
    for (size_t i = 0; drop && i < all->count; i++)
        sync_customer(credits, all->at[i]->id);
    drive_all(&credits->drive);
    drive_settle(&credits->drive);
    drive_look(&credits->drive);
}

static void compare(struct credits *credits, const char *when)
{
    char name[160];

    (void)snprintf(name, sizeof name, "%s at %lld%s", credits->name, (long long)credits->world.sim->now,
                   when);
    app_compare_balances(&credits->app);
    credits->equal = credits->equal && truth_equal(credits->drive.ledger, &credits->world, name) &&
                     !credits->drive.failures && !credits->app.differences;
    if (credits->equal && (random_chance(&credits->random, 0.15) || credits->world.sim->now >= credits->end))
        credits->equal = truth_verified(credits->drive.ledger, name);
}

/* The application acts, turns about what is known already go on, and chores are done or not. */
static void business(struct credits *credits)
{
    uint64_t acts = random_below(&credits->random, 8);
    const struct list *all = &credits->world.sim->all[TYPE_CUSTOMER];

    app_look(&credits->app);
    credits->open = true;
    for (uint64_t i = 0; i < acts; i++) {
        app_act(&credits->app);
        if (random_chance(&credits->random, 0.1))
            chores_some(&credits->chores);
        if (all->count && random_chance(&credits->random, 0.1))
            sync_customer(credits, all->at[random_below(&credits->random, all->count)]->id);
        drive_all(&credits->drive);
    }
    credits->open = false;
}

static void quiet_moment(struct credits *credits, const char *when)
{
    credits->quiet++;
    become_quiet(credits);
    business(credits);
    chores_all(&credits->chores);
    compare(credits, when);
    credits->drive.skew_s = 0;
    credits->still = false;
}

/* The end of a period of a subscription that comes next; 0: none comes soon. */
static int64_t next_boundary(const struct credits *credits)
{
    const struct sim *sim = credits->world.sim;
    const struct list *all = &sim->all[TYPE_SUBSCRIPTION];
    int64_t next = 0;

    for (size_t i = 0; i < all->count; i++) {
        const struct subscription *sub = (const struct subscription *)all->at[i];
        int64_t end = subscription_is_over(sub) ? 0 : subscription_period_end(sub);
        if (end > sim->now + 1 && end < sim->now + 40 * DAY_S && (!next || end < next))
            next = end;
    }
    return next < credits->end ? next : 0;
}

/* One second before, at the instant before Stripe has moved, at the instant, and one second after. */
static void look_around(struct credits *credits, int64_t boundary)
{
    go(credits, boundary - 1);
    quiet_moment(credits, " (a second before the end of a period)");
    credits->still = true;
    sim_set_clock(credits->world.sim, boundary);
    business(credits);
    chores_all(&credits->chores);
    compare(credits, " (the end of a period, Stripe has not moved)");
    credits->still = false;
    go(credits, boundary);
    quiet_moment(credits, " (the end of a period)");
    go(credits, boundary + 1);
    quiet_moment(credits, " (a second after the end of a period)");
}

static void live(struct credits *credits)
{
    struct sim *sim = credits->world.sim;
    int64_t quiet_at = sim->now + random_between(&credits->random, 1, 60 * DAY_S);

    while (credits->equal && sim->now < credits->end) {
        int64_t chores_at = chores_next(&credits->chores, sim->now);
        int64_t until = quiet_at < credits->end ? quiet_at : credits->end;
        if (chores_at < until) {
            go(credits, chores_at);
            chores_some(&credits->chores);
            continue;
        }
        go(credits, until);
        if (random_chance(&credits->random, 0.3))
            shop_edits_product(sim, &credits->random);
        if (random_chance(&credits->random, 0.15))
            shop_names_user(sim, &credits->random);
        tell(credits);
        quiet_moment(credits, "");
        int64_t boundary = next_boundary(credits);
        if (credits->equal && boundary && random_chance(&credits->random, 0.3))
            look_around(credits, boundary);
        quiet_at = sim->now + random_between(&credits->random, 1, 90 * DAY_S);
    }
}

void credits_of_lives(struct ledger *ledger, struct env *env, const struct options *options)
{
    struct credits credits = {.equal = true};
    char name[80];

    (void)snprintf(name, sizeof name, "credits, seed %llu", (unsigned long long)options->seed);
    credits.name = name;
    random_init(&credits.random, options->seed, "replay credits");
    world_open(&credits.world, options->seed, LIVES_START, options->version);
    drive_open(&credits.drive, options->seed);
    credits.world.on_hint = on_hint;
    credits.world.before_read = before_read;
    credits.world.thin_rate = 0.2;
    credits.world.arg = &credits;
    credits.drive.ledger = ledger;
    credits.drive.world = &credits.world;
    credits.drive.env = env;
    credits.drive.trouble = 0.05;
    credits.drive.crashes = true;
    credits.samples = options->seed % 2 == 0;
    credits.world.sim->knobs.credit_acts = credits.samples ? 2 : 1;
    chores_open(&credits.chores, ledger, credits.world.sim, options->seed);
    app_open(&credits.app, ledger, credits.world.sim, options->seed, name);
    lives_start(credits.world.sim, options->customers, options->months, &credits.end);
    tell(&credits);
    live(&credits);
    report_ok(credits.equal, "%s: %u customers, %u months: credits are what the oracle says", name,
              options->customers, options->months);
    report_note(
        "%s: %u events, %u turns (%u repeated, %u moved, %u fenced, %u broken off, %u crashed), %u reads, "
        "%u quiet moments, %u chores, %u calls accepted, %u refused, %u repeated",
        name, credits.events, credits.drive.turns, credits.drive.already, credits.drive.moved,
        credits.drive.fenced, credits.drive.failed_on_purpose, credits.drive.crashed, credits.world.reads,
        credits.quiet, credits.chores.runs, credits.app.accepted, credits.app.refused, credits.app.repeated);
    posts_release(&credits.posts);
    app_close(&credits.app);
    drive_close(&credits.drive);
    world_close(&credits.world);
}
