#include "tests/replay/app.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/app_credits.h"
#include "tests/replay/report.h"
#include "tests/replay/world.h"

#define KEY_BYTES         24
#define NUMBER_BYTES      24
#define USER_BYTES        80
#define DIFFERENCES_SHOWN 10
#define DAY_S             86400

enum call_kind { CALL_SPEND, CALL_REFUND, CALL_GRANT };

/* One that was accepted. */
struct app_call {
    enum call_kind kind;
    char user[USER_BYTES], key[KEY_BYTES], of[KEY_BYTES]; /* of: the spend that is given back */
    int64_t amount;                                       /* 0: given back, all that was left */
    int64_t expires_at;
};

void app_open(struct app *app, struct ledger *ledger, struct sim *sim, uint64_t seed, const char *name)
{
    *app = (struct app){
        .ledger = ledger, .sim = sim, .name = name, .users = json_array(), .usage = json_object()};
    if (!app->users || !app->usage)
        give_up("out of memory");
    random_init(&app->random, seed, "replay app");
}

void app_close(struct app *app)
{
    json_decref(app->users);
    json_decref(app->usage);
    free(app->calls);
}

static void differ(struct app *app, const char *what, const char *must, const char *is)
{
    if (++app->differences <= DIFFERENCES_SHOWN)
        report_note("%s at %" PRId64 ": %s: must be %s, is %s", app->name, app->sim->now, what, must, is);
}

static void differ_number(struct app *app, const char *what, int64_t must, int64_t is)
{
    char a[NUMBER_BYTES], b[NUMBER_BYTES];

    (void)snprintf(a, sizeof a, "%" PRId64, must);
    (void)snprintf(b, sizeof b, "%" PRId64, is);
    differ(app, what, a, b);
}

/* ---- calls ---- */

/* The row that a function returned; NULL: refused with an error, app->ledger->error. */
static json_t *ask(struct app *app, const char *sql, int count, const char *const *params)
{
    char *text;
    json_t *row;

    ledger_set_clock(app->ledger, app->sim->now);
    text = ledger_ask(app->ledger, sql, count, params);
    if (!text)
        return NULL;
    row = json_loads(text, JSON_DECODE_ANY, NULL);
    free(text);
    if (!row)
        give_up("%s: no JSON", sql);
    return row;
}

static json_t *ask_call(struct app *app, const struct app_call *call)
{
    char amount[NUMBER_BYTES], expires[NUMBER_BYTES];
    const char *spend[] = {call->user, amount, call->key, "the test's"};
    const char *refund[] = {call->user, call->of, call->amount ? amount : NULL, call->key};
    const char *grant[] = {call->user, amount, call->key, call->expires_at ? expires : NULL};

    (void)snprintf(amount, sizeof amount, "%" PRId64, call->amount);
    (void)snprintf(expires, sizeof expires, "%" PRId64, call->expires_at);
    switch (call->kind) {
    case CALL_SPEND:
        return ask(app, "SELECT to_jsonb(r) FROM ledger.spend_credits($1, $2::numeric, $3, $4) AS r", 4,
                   spend);
    case CALL_REFUND:
        return ask(app, "SELECT to_jsonb(r) FROM ledger.refund_spend($1, $2, $3::numeric, $4) AS r", 4,
                   refund);
    default:
        return ask(app,
                   "SELECT to_jsonb(r) FROM ledger.grant_credits($1, $2::numeric, $3, 'by hand', "
                   "to_timestamp($4::bigint)) AS r",
                   4, grant);
    }
}

static bool oracle(struct app *app, const struct app_call *call)
{
    switch (call->kind) {
    case CALL_SPEND: return app_spend(app->sim, call->user, call->amount, call->key);
    case CALL_REFUND: return app_refund_spend(app->sim, call->user, call->of, call->amount, call->key);
    default: return app_grant(app->sim, call->user, call->amount, call->key, call->expires_at);
    }
}

static void remember(struct app *app, const struct app_call *call)
{
    if (app->calls_count == app->calls_room) {
        app->calls_room = app->calls_room ? app->calls_room * 2 : 64;
        app->calls = realloc(app->calls, app->calls_room * sizeof *app->calls);
        if (!app->calls)
            give_up("out of memory");
    }
    app->calls[app->calls_count++] = *call;
}

static void describe(const struct app_call *call, const char *what, char *text, size_t size)
{
    static const char *const names[] = {"spends", "gives back", "is granted"};

    (void)snprintf(text, size, "%s %s %" PRId64 " (key %s%s%s)%s", call->user, names[call->kind],
                   call->amount, call->key, *call->of ? " of " : "", call->of, what);
}

/* What came back says what the oracle says. */
static void check_row(struct app *app, const struct app_call *call, const json_t *row, bool must,
                      bool replayed)
{
    bool is = json_is_true(json_object_get(row, "accepted"));
    int64_t balance = json_integer_value(json_object_get(row, "balance"));
    char what[300];

    describe(call, "", what, sizeof what);
    if (is != must) {
        differ(app, what, must ? "accepted" : "refused", is ? "accepted" : "refused");
        return;
    }
    if (must && json_is_true(json_object_get(row, "replayed")) != replayed)
        differ(app, what, replayed ? "replayed" : "new", replayed ? "new" : "replayed");
    describe(call, ", and the balance", what, sizeof what);
    if (balance != app_balance(app->sim, call->user))
        differ_number(app, what, app_balance(app->sim, call->user), balance);
}

/* The first time, or again. */
static void do_call(struct app *app, const struct app_call *call, bool again)
{
    json_t *row;
    bool must;
    char what[300];

    if (random_chance(&app->random, 0.1)) { /* dies before the commit, and comes again with the same key */
        ledger_run(app->ledger, "BEGIN");
        json_decref(ask_call(app, call));
        ledger_run(app->ledger, "ROLLBACK");
        app->ledger->clock = 0;
    }
    row = ask_call(app, call);
    must = oracle(app, call);
    if (row) {
        check_row(app, call, row, must, again);
    } else if (must || call->kind != CALL_REFUND || strncmp(app->ledger->error, "IS014", 5) != 0) {
        describe(call, "", what, sizeof what);
        differ(app, what, must ? "accepted" : "refused", app->ledger->error);
    }
    json_decref(row);
    app->accepted += must && !again;
    app->refused += !must;
    app->repeated += again;
    if (must && !again)
        remember(app, call);
}

static struct app_call new_call(struct app *app, enum call_kind kind, const char *user)
{
    struct app_call call = {.kind = kind};

    (void)snprintf(call.user, sizeof call.user, "%s", user);
    (void)snprintf(call.key, sizeof call.key, "act-%u", ++app->keys);
    return call;
}

/* ---- acts ---- */

static void spend(struct app *app, const char *user)
{
    struct app_call call = new_call(app, CALL_SPEND, user);
    int64_t balance = app_balance(app->sim, user);
    uint64_t dice = random_below(&app->random, 10);

    call.amount = random_between(&app->random, 1, 12);
    if (balance > 0 && dice < 4)
        call.amount = random_between(&app->random, 1, balance);
    else if (balance > 0 && dice == 4)
        call.amount = balance;
    else if (balance >= 0 && dice == 5)
        call.amount = balance + 1;
    else if (dice == 6)
        call.amount = INT64_MAX;
    do_call(app, &call, false);
    if (random_chance(&app->random, 0.1)) /* the reply was lost */
        do_call(app, &call, app->calls_count && !strcmp(app->calls[app->calls_count - 1].key, call.key));
}

static const struct app_call *any_call(struct app *app, const char *user, bool spends_only)
{
    size_t start = app->calls_count ? random_below(&app->random, app->calls_count) : 0;

    for (size_t i = 0; i < app->calls_count; i++) {
        const struct app_call *call = &app->calls[(start + i) % app->calls_count];
        if (!strcmp(call->user, user) && (!spends_only || call->kind == CALL_SPEND))
            return call;
    }
    return NULL;
}

static void give_back(struct app *app, const char *user)
{
    const struct app_call *of = any_call(app, user, true);
    struct app_call call = new_call(app, CALL_REFUND, user);

    (void)snprintf(call.of, sizeof call.of, "%s", of ? of->key : "never-spent");
    if (random_chance(&app->random, 0.6))
        call.amount = random_between(&app->random, 1, of ? of->amount + 1 : 5);
    do_call(app, &call, false);
}

static void grant(struct app *app, const char *user)
{
    struct app_call call = new_call(app, CALL_GRANT, user);

    call.amount = random_between(&app->random, 1, 25);
    if (random_chance(&app->random, 0.5))
        call.expires_at = app->sim->now + random_between(&app->random, 1, 80 * DAY_S);
    do_call(app, &call, false);
}

static void repeat(struct app *app, const char *user)
{
    const struct app_call *call = any_call(app, user, false);

    if (call) {
        struct app_call again = *call; /* the list may move */
        do_call(app, &again, true);
    }
}

/* ---- wrong calls ---- */

static void must_fail(struct app *app, const char *sql, int count, const char *const *params,
                      const char *state)
{
    json_t *row = ask(app, sql, count, params);
    char what[200];

    (void)snprintf(what, sizeof what, "%s of %s with %s", sql, params[0], params[1] ? params[1] : "NULL");
    if (row || strncmp(app->ledger->error, state, 5) != 0)
        differ(app, what, state, row ? "done" : app->ledger->error);
    json_decref(row);
}

static void wrong_call(struct app *app, const char *user)
{
    static const char spend_sql[] = "SELECT to_jsonb(r) FROM ledger.spend_credits($1, $2::numeric, $3) AS r";
    static const char grant_sql[] =
        "SELECT to_jsonb(r) FROM ledger.grant_credits($1, $2::numeric, $3, 'wrong') AS r";
    static const struct {
        const char *user; /* NULL: this one */
        const char *amount, *key, *state;
    } cases[] = {
        {"nobody-knows", "1", "wrong", "IS010"},
        {NULL, "0", "wrong", "IS011"},
        {NULL, "-3", "wrong", "IS011"},
        {NULL, NULL, "wrong", "IS011"},
        {NULL, "1.5", "wrong", "IS012"},
        {NULL, "9223372036854775808", "wrong", "IS012"},
        {NULL, "99999999999999999999", "wrong", "IS012"},
        {NULL, "1", "", "IS013"},
        {NULL, "1", NULL, "IS013"},
    };
    size_t which = random_below(&app->random, sizeof cases / sizeof *cases + 1);
    const struct app_call *call = any_call(app, user, true);
    char amount[NUMBER_BYTES];

    if (which < sizeof cases / sizeof *cases) {
        const char *params[] = {cases[which].user ? cases[which].user : user, cases[which].amount,
                                cases[which].key};
        must_fail(app, random_chance(&app->random, 0.5) ? spend_sql : grant_sql, 3, params,
                  cases[which].state);
    } else if (call) { /* the key of another */
        const char *params[] = {call->user, amount, call->key};
        (void)snprintf(amount, sizeof amount, "%" PRId64, call->amount == 1 ? 2 : call->amount - 1);
        must_fail(app, spend_sql, 3, params, "IS002");
    }
}

/* ---- usage ---- */

/* What was counted, by what the function itself says of period and limit; those are entitlement's and tested there. */
static void use(struct app *app, const char *user)
{
    static const char *const meters[] = {"api_calls", "exports"};
    static const char sql[] =
        "SELECT to_jsonb(r) || jsonb_build_object('inside', r.period_start <= ledger.clock() "
        "AND r.period_end > ledger.clock()) FROM ledger.record_usage($1, $2, $3, $4) AS r";
    const char *meter = meters[random_below(&app->random, 2)];
    int64_t n = random_between(&app->random, 1, 400);
    char key[KEY_BYTES], number[NUMBER_BYTES], period[300];
    const char *params[] = {user, meter, number, key};
    bool again = random_chance(&app->random, 0.2);

    (void)snprintf(key, sizeof key, "use-%u", ++app->keys);
    (void)snprintf(number, sizeof number, "%" PRId64, n);
    for (unsigned times = 0; times < 1U + again; times++) {
        json_t *row = ask(app, sql, 4, params);
        if (!row) {
            differ(app, "usage", "counted", app->ledger->error);
            return;
        }
        (void)snprintf(period, sizeof period, "%s %s from %s", user, meter,
                       json_string_value(json_object_get(row, "period_start")));
        bool accepted = json_is_true(json_object_get(row, "accepted"));
        bool replayed = json_is_true(json_object_get(row, "replayed"));
        json_t *limit = json_object_get(row, "usage_limit");
        int64_t used = json_integer_value(json_object_get(row, "used"));
        int64_t before = json_integer_value(json_object_get(app->usage, period));
        int64_t must = before + (accepted && !replayed ? n : 0);
        if (used != must)
            differ_number(app, period, must, used);
        if (!json_is_true(json_object_get(row, "inside")))
            differ(app, period, "around now", "elsewhere");
        if (!accepted && (!json_is_integer(limit) || before + n <= json_integer_value(limit)))
            differ(app, period, "accepted", "refused");
        if (replayed != (accepted && times))
            differ(app, period, times ? "replayed" : "new", times ? "new" : "replayed");
        if (json_object_set_new(app->usage, period, json_integer(used)) != 0)
            give_up("out of memory");
        json_decref(row);
    }
}

void app_look(struct app *app)
{
    json_decref(app->users);
    app->users = ledger_ask_json(
        app->ledger, "SELECT coalesce(jsonb_agg(u.id ORDER BY u.id), '[]') FROM ledger.app_user AS u");
}

void app_act(struct app *app)
{
    static const struct {
        unsigned weight;
        void (*act)(struct app *app, const char *user);
    } acts[] = {{50, spend}, {15, give_back}, {8, grant}, {10, repeat}, {7, wrong_call}, {10, use}};
    size_t count = json_array_size(app->users);
    uint64_t dice = random_below(&app->random, 100);

    if (!count)
        return;
    const char *user = json_string_value(json_array_get(app->users, random_below(&app->random, count)));
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (dice < acts[i].weight) {
            acts[i].act(app, user);
            return;
        }
        dice -= acts[i].weight;
    }
}

void app_compare_balances(struct app *app)
{
    json_t *user;
    size_t i;

    json_array_foreach(app->users, i, user)
    {
        char now[NUMBER_BYTES], what[300];
        const char *params[] = {json_string_value(user), now};
        int64_t must = app_balance(app->sim, params[0]);
        json_t *row;
        (void)snprintf(now, sizeof now, "%" PRId64, app->sim->now);
        row = ask(app,
                  "SELECT jsonb_build_object('now', ledger.credit_balance($1), 'then', "
                  "ledger.credit_balance($1, to_timestamp($2::bigint)), 'lots', (SELECT "
                  "coalesce(sum(l.remaining), 0) "
                  "FROM ledger.credit_lots($1) AS l WHERE l.remaining < 0 OR l.expires_at IS NULL "
                  "OR l.expires_at > ledger.clock()))",
                  2, params);
        if (!row)
            give_up("ledger.credit_balance: %s", app->ledger->error);
        const char *field;
        json_t *value;
        json_object_foreach(row, field, value)
        {
            (void)snprintf(what, sizeof what, "the balance of %s (%s)", params[0], field);
            if (json_integer_value(value) != must)
                differ_number(app, what, must, json_integer_value(value));
        }
        json_decref(row);
    }
}
