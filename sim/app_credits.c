#include "sim/app_parts.h"

#include <string.h>

#include "sim/truth_parts.h"

/* What a spend took of one lot. */
struct portion {
    struct portion *before; /* NULL: the first */
    struct lot lot;         /* as it was; its texts live as long as the sim */
    char key[LOT_KEY_BYTES];
    int64_t amount; /* less what was given back */
};

struct spend {
    struct spend *next;
    const char *user, *key;
    int64_t at, amount, returned;
    struct portion *last;
};

struct giving_back {
    struct giving_back *next;
    const char *user, *key;
};

struct by_hand {
    struct by_hand *next;
    const char *user;
    struct lot lot;
};

struct app {
    struct plan_load *loads, *last_load;
    struct spend *spends;
    struct giving_back *returns;
    struct by_hand *grants;
};

static struct app *app_of(struct sim *sim)
{
    if (!sim->app)
        sim->app = sim_alloc(sim, sizeof *sim->app);
    return sim->app;
}

void app_free(struct sim *sim)
{
    for (struct plan_load *load = sim->app ? sim->app->loads : NULL; load; load = load->next)
        json_decref(load->plans);
}

const struct plan_load *app_plan_loads(const struct sim *sim)
{
    return sim->app ? sim->app->loads : NULL;
}

void app_load_plans(struct sim *sim, const json_t *plans)
{
    struct app *app = app_of(sim);
    struct plan_load *load = sim_alloc(sim, sizeof *load);

    load->at = sim->now;
    load->plans = sim_json(json_deep_copy(json_object_get(plans, "plans")));
    if (app->last_load)
        app->last_load->next = load;
    else
        app->loads = load;
    app->last_load = load;
}

/* --- what the records say of lots --- */

int64_t app_spent(const struct lot *lot, void *arg)
{
    const struct sim *sim = arg;
    char key[LOT_KEY_BYTES];
    int64_t sum = 0;

    if (!sim->app)
        return 0;
    lot_key(lot, key);
    for (const struct spend *spend = sim->app->spends; spend; spend = spend->next)
        for (const struct portion *portion = spend->last; portion; portion = portion->before)
            sum += strcmp(portion->key, key) == 0 ? portion->amount : 0;
    return sum;
}

static bool has(const struct lots *lots, const char *key)
{
    char other[LOT_KEY_BYTES];

    for (size_t i = 0; i < lots->count; i++) {
        lot_key(&lots->at[i], other);
        if (strcmp(other, key) == 0)
            return true;
    }
    return false;
}

/* Lots that were spent from and that no rule gives any more: nothing of them is due. */
static void add_forgotten(const struct sim *sim, const char *user, struct lots *lots)
{
    for (const struct spend *spend = sim->app->spends; spend; spend = spend->next)
        for (const struct portion *portion = spend->last; portion; portion = portion->before) {
            const struct customer *c = portion->lot.subscription ? portion->lot.subscription->customer : NULL;
            const char *whose = c ? truth_user_of(c) : NULL;
            if (!whose || strcmp(whose, user) != 0 || has(lots, portion->key))
                continue;
            struct lot lot = portion->lot;
            lot.over = true;
            lot.claw = lot.granted;
            lot.claw_at =
                lot.effective_at > lot.subscription->ended_at ? lot.effective_at : lot.subscription->ended_at;
            (void)lots_add(lots, &lot);
        }
}

void app_lots(const struct sim *sim, const char *user, struct lots *lots)
{
    if (!sim->app)
        return;
    for (const struct by_hand *grant = sim->app->grants; grant; grant = grant->next)
        if (strcmp(grant->user, user) == 0)
            (void)lots_add(lots, &grant->lot);
    add_forgotten(sim, user, lots);
}

/* --- what the application does --- */

static bool is_live(const struct lot *lot, int64_t now)
{
    return lot->left > 0 && (!lot->expires_at || lot->expires_at > now);
}

static int64_t spendable(const struct lots *lots, int64_t now)
{
    int64_t balance = lots_balance(lots), live = 0;

    for (size_t i = 0; i < lots->count; i++)
        live += is_live(&lots->at[i], now) ? lots->at[i].left : 0;
    return live < balance ? live : balance;
}

static struct spend *find_spend(struct app *app, const char *user, const char *key)
{
    struct spend *spend = app->spends;

    while (spend && (strcmp(spend->user, user) != 0 || strcmp(spend->key, key) != 0))
        spend = spend->next;
    return spend;
}

static void burn(struct sim *sim, struct spend *spend, const struct lots *lots)
{
    int64_t rest = spend->amount;

    for (size_t i = 0; i < lots->count && rest; i++) {
        const struct lot *lot = &lots->at[i];
        if (!is_live(lot, sim->now))
            continue;
        struct portion *portion = sim_alloc(sim, sizeof *portion);
        portion->lot = *lot;
        portion->lot.plan_key = sim_text(sim, lot->plan_key);
        lot_key(lot, portion->key);
        portion->amount = lot->left < rest ? lot->left : rest;
        portion->before = spend->last;
        spend->last = portion;
        rest -= portion->amount;
    }
}

bool app_spend(struct sim *sim, const char *user, int64_t amount, const char *key)
{
    struct app *app = app_of(sim);
    struct lots lots;

    if (find_spend(app, user, key))
        return true;
    truth_user_lots(sim, user, &lots);
    bool enough = spendable(&lots, sim->now) >= amount;
    if (enough) {
        struct spend *spend = sim_alloc(sim, sizeof *spend);
        spend->user = sim_text(sim, user);
        spend->key = sim_text(sim, key);
        spend->at = sim->now;
        spend->amount = amount;
        burn(sim, spend, &lots);
        spend->next = app->spends;
        app->spends = spend;
    }
    lots_release(&lots);
    return enough;
}

bool app_refund_spend(struct sim *sim, const char *user, const char *spend_key, int64_t amount,
                      const char *key)
{
    struct app *app = app_of(sim);
    struct spend *spend = find_spend(app, user, spend_key);

    for (const struct giving_back *known = app->returns; known; known = known->next)
        if (strcmp(known->user, user) == 0 && strcmp(known->key, key) == 0)
            return true;
    int64_t left = spend ? spend->amount - spend->returned : 0;
    if (!left || amount > left)
        return false;
    amount = amount ? amount : left;
    spend->returned += amount;
    for (struct portion *portion = spend->last; portion && amount; portion = portion->before) {
        int64_t part = portion->amount < amount ? portion->amount : amount;
        portion->amount -= part;
        amount -= part;
    }
    struct giving_back *known = sim_alloc(sim, sizeof *known);
    *known =
        (struct giving_back){.next = app->returns, .user = sim_text(sim, user), .key = sim_text(sim, key)};
    app->returns = known;
    return true;
}

bool app_grant(struct sim *sim, const char *user, int64_t amount, const char *key, int64_t expires_at)
{
    struct app *app = app_of(sim);

    for (const struct by_hand *known = app->grants; known; known = known->next)
        if (strcmp(known->user, user) == 0 && strcmp(known->lot.plan_key, key) == 0)
            return true;
    if (expires_at && expires_at <= sim->now)
        return false;
    struct by_hand *grant = sim_alloc(sim, sizeof *grant);
    grant->next = app->grants;
    grant->user = sim_text(sim, user);
    grant->lot = (struct lot){.kind = LOT_MANUAL,
                              .user = grant->user,
                              .plan_key = sim_text(sim, key),
                              .granted = amount,
                              .effective_at = sim->now,
                              .expires_at = expires_at};
    app->grants = grant;
    return true;
}

int64_t app_balance(const struct sim *sim, const char *user)
{
    struct lots lots;
    int64_t balance;

    truth_user_lots(sim, user, &lots);
    balance = lots_balance(&lots);
    lots_release(&lots);
    return balance;
}
