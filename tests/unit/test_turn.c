/* The state table of a turn, the failure classes, the backoff and the circuit: everything that decides. */
// rooms: worker
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "tests/unit/tap.h"
#include "worker/circuit.h"
#include "worker/lock.h"
#include "worker/outcome.h"
#include "worker/text.h"
#include "worker/turn_json.h"
#include "worker/turn_private.h"
#include "worker/turn_table.h"

static const struct {
    const char *name;
    enum turn_state from;
    enum outcome outcome;
    enum turn_state to;
} edges[] = {
    {"a taken customer is locked", TURN_TAKE, OUTCOME_OK, TURN_LOCK},
    {"one that was taken too often is recorded without being run", TURN_TAKE, OUTCOME_CRASH_LOOP,
     TURN_RECORD},
    {"a busy lock puts the customer back", TURN_LOCK, OUTCOME_LOCK_BUSY, TURN_PUTBACK},
    {"events that were applied before are acked without a read", TURN_CLAIM, OUTCOME_SKIP, TURN_ACK},
    {"a claimed customer goes on to be read", TURN_CLAIM, OUTCOME_OK, TURN_ROUTE},
    {"an object whose customer is known moves", TURN_ROUTE, OUTCOME_SKIP, TURN_MOVE},
    {"what moved is acked here", TURN_MOVE, OUTCOME_OK, TURN_ACK},
    {"what could not move is not acked", TURN_MOVE, OUTCOME_OUTAGE, TURN_PUTBACK},
    {"a read that failed is recorded", TURN_FETCH, OUTCOME_STRIPE_TRANSIENT, TURN_RECORD},
    {"a refused key costs no attempt", TURN_FETCH, OUTCOME_DENIED, TURN_PUTBACK},
    {"an applied turn is acked", TURN_APPLY, OUTCOME_OK, TURN_ACK},
    {"a fenced turn is never acked", TURN_APPLY, OUTCOME_FENCED, TURN_PUTBACK},
    {"an apply nobody heard the end of is not acked", TURN_APPLY, OUTCOME_UNKNOWN_RESULT, TURN_PUTBACK},
    {"a lost lease touches nothing of the customer", TURN_APPLY, OUTCOME_LEASE_LOST, TURN_UNLOCK},
    {"a recorded end is buried", TURN_RECORD, OUTCOME_OK, TURN_BURY},
    {"what could not be recorded is not buried", TURN_RECORD, OUTCOME_SKIP, TURN_PUTBACK},
    {"after ack the lock goes", TURN_ACK, OUTCOME_OK, TURN_UNLOCK},
    {"after unlock it is over", TURN_UNLOCK, OUTCOME_OK, TURN_DONE},
};

/* From TURN_APPLY's success on, and nowhere before, may events be acked; the exceptions are listed. */
static void test_acks(void)
{
    bool only_after_apply = true;

    for (int state = 0; state < TURN_DONE; state++)
        for (int outcome = 0; outcome < OUTCOMES; outcome++)
            if (turn_next((enum turn_state)state, (enum outcome)outcome) == TURN_ACK)
                only_after_apply = only_after_apply && ((state == TURN_APPLY && outcome == OUTCOME_OK) ||
                                                        (state == TURN_MOVE && outcome == OUTCOME_OK) ||
                                                        (state == TURN_CLAIM && outcome == OUTCOME_SKIP));
    tap_ok(only_after_apply, "nothing is acked that was not applied, moved, or applied before");
}

static void test_edges(void)
{
    bool forward = true, unlocked = true;

    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        tap_ok(turn_next(edges[i].from, edges[i].outcome) == edges[i].to, "%s", edges[i].name);
    for (int state = 0; state < TURN_DONE; state++) {
        for (int outcome = 0; outcome < OUTCOMES; outcome++) {
            enum turn_state to = turn_next((enum turn_state)state, (enum outcome)outcome);
            forward = forward && (int)to > state && to < TURN_STATES;
            unlocked = unlocked && (to != TURN_DONE || state == TURN_UNLOCK);
        }
    }
    tap_ok(forward, "every state and every outcome lead to a later state, so every turn ends");
    tap_ok(unlocked, "the only way to the end leads through unlock");
}

static void test_reachable(void)
{
    bool seen[TURN_STATES] = {[TURN_TAKE] = true};
    int missing = 0;

    for (int state = 0; state < TURN_DONE; state++)
        for (int outcome = 0; seen[state] && outcome < OUTCOMES; outcome++)
            seen[turn_next((enum turn_state)state, (enum outcome)outcome)] = true;
    for (int state = 0; state < TURN_STATES; state++)
        missing += !seen[state] || !turn_state_name((enum turn_state)state);
    tap_ok(!missing, "every state can be reached and has a name");
}

/* docs/turn.md tells the truth: the table row by row, and every class. */
static void test_page(void)
{
    static char page[65536];
    FILE *file = fopen("docs/turn.md", "r");
    size_t len = file ? fread(page, 1, sizeof page - 1, file) : 0;
    /* One outcome of each fate. */
    static const enum outcome of_fate[FATES] = {OUTCOME_OK, OUTCOME_SKIP, OUTCOME_BUG, OUTCOME_OUTAGE,
                                                OUTCOME_LEASE_LOST};
    char row[160];

    page[len] = 0;
    if (file)
        (void)fclose(file);
    for (int state = 0; state < TURN_DONE; state++) {
        int at = snprintf(row, sizeof row, "| `%s` |", turn_state_name((enum turn_state)state));
        for (int fate = 0; fate < FATES; fate++)
            at += snprintf(row + at, sizeof row - (size_t)at, " `%s` |",
                           turn_state_name(turn_next((enum turn_state)state, of_fate[fate])));
        tap_ok(strstr(page, row) != 0, "docs/turn.md has the row %s", row);
    }
    for (int outcome = 0; outcome < OUTCOMES; outcome++) {
        if (outcome_fate((enum outcome)outcome) <= FATE_SKIP)
            continue;
        (void)snprintf(row, sizeof row, "| `%s` |", outcome_name((enum outcome)outcome));
        tap_ok(strstr(page, row) != 0, "docs/turn.md explains the class %s",
               outcome_name((enum outcome)outcome));
    }
}

static void test_burial(void)
{
    tap_ok(!outcome_buries(OUTCOME_STRIPE_TRANSIENT, 19, 20), "attempt 19 of 20 is put back");
    tap_ok(outcome_buries(OUTCOME_STRIPE_TRANSIENT, 20, 20), "attempt 20 of 20 is buried");
    tap_ok(outcome_buries(OUTCOME_UNKNOWN_SHAPE, 5, 20), "a shape nobody knows is buried sooner");
    tap_ok(outcome_buries(OUTCOME_UNKNOWN_SHAPE, 3, 3), "but never later than the setting says");
    tap_ok(outcome_buries(OUTCOME_CRASH_LOOP, 21, 20), "a crash loop is buried at once");
}

static void test_backoff(void)
{
    unsigned seen_low = 0, seen_high = 0;
    bool bounded = true;

    for (unsigned attempt = 1; attempt <= 40; attempt++) {
        uint64_t cap = attempt < 20 ? (uint64_t)1000 << (attempt - 1) : 3600000;
        if (cap > 3600000)
            cap = 3600000;
        for (uint64_t random = 0; random < 5000; random += 7) {
            unsigned delay = outcome_delay_ms(OUTCOME_BUG, attempt, 1000, 3600000, random * 2654435761u);
            bounded = bounded && delay >= 1 && delay <= cap;
            if (attempt == 4) {
                seen_low += delay < 2000;
                seen_high += delay > 6000;
            }
        }
    }
    tap_ok(bounded, "backoff doubles per attempt up to its bound, and is never zero");
    tap_ok(seen_low > 100 && seen_high > 100, "its jitter covers the whole span");
    tap_ok(outcome_delay_ms(OUTCOME_BUG, 1, 1, 1, 12345) == 1, "the smallest settings work");
    tap_ok(outcome_delay_ms(OUTCOME_LOCK_BUSY, 30, 1000, 3600000, 999999) <= 200,
           "a busy lock is tried again shortly, whatever the attempt");
    tap_ok(outcome_delay_ms(OUTCOME_OUTAGE, 30, 1000, 3600000, 7) <= 5000, "an outage does not add up");
    tap_ok(outcome_delay_ms(OUTCOME_OUTAGE, 1, 1000, 500, 7) == 500, "no delay is longer than the longest");
    tap_ok(outcome_delay_ms(OUTCOME_DRAINING, 1, 1000, 500, 7) == 0, "a draining worker gives back at once");
}

static void test_sqlstates(void)
{
    static const struct {
        const char *state;
        enum outcome outcome;
    } cases[] = {
        {"IS001", OUTCOME_UNKNOWN_SHAPE}, {"IS002", OUTCOME_BUG},        {"IS003", OUTCOME_POLICY},
        {"IS004", OUTCOME_POLICY},        {"40001", OUTCOME_CONTENTION}, {"40P01", OUTCOME_CONTENTION},
        {"55P03", OUTCOME_CONTENTION},    {"57014", OUTCOME_BUG},        {"57P01", OUTCOME_OUTAGE},
        {"53300", OUTCOME_OUTAGE},        {"08006", OUTCOME_OUTAGE},     {"25006", OUTCOME_OUTAGE},
        {"23514", OUTCOME_BUG},           {"42883", OUTCOME_OUTAGE},     {"", OUTCOME_BUG},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        tap_ok(outcome_of_sqlstate(cases[i].state, false) == cases[i].outcome, "SQLSTATE '%s' means %s",
               cases[i].state, outcome_name(cases[i].outcome));
}

static void test_sqlstates_from_within(void)
{
    static const char *const missing[] = {"42501", "42883", "3F000"};

    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        tap_ok(outcome_of_sqlstate(missing[i], false) == OUTCOME_OUTAGE &&
                   outcome_of_sqlstate(missing[i], true) == OUTCOME_BUG,
               "SQLSTATE '%s' is an outage of a claim and a bug after it", missing[i]);
    tap_ok(outcome_of_sqlstate("57P01", true) == OUTCOME_OUTAGE && outcome_is_outage("57P01") &&
               outcome_is_outage("08006") && outcome_is_outage("53300") && !outcome_is_outage("57014") &&
               !outcome_is_outage("22003") && !outcome_is_outage("IS001"),
           "a server that goes away is an outage at any time, a value it cannot store is none");
}

/* What may come back for ever must count, or nothing ends it. */
static void test_counting(void)
{
    static const enum outcome counted[] = {OUTCOME_UNKNOWN_RESULT, OUTCOME_FENCED, OUTCOME_CONTENTION};
    bool fails_count = true;

    for (int outcome = 0; outcome < OUTCOMES; outcome++)
        fails_count = fails_count && (outcome_fate((enum outcome)outcome) != FATE_FAIL ||
                                      outcome_counts((enum outcome)outcome));
    tap_ok(fails_count, "every failure counts");
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
        unsigned longest = 0;
        for (uint64_t random = 0; random < 100000; random += 13) {
            unsigned delay = outcome_delay_ms(counted[i], 10, 100, 3600000, random * 2654435761u);
            longest = delay > longest ? delay : longest;
        }
        tap_ok(outcome_counts(counted[i]) && longest > 25000, "%s counts and backs off",
               outcome_name(counted[i]));
    }
    tap_ok(!outcome_counts(OUTCOME_OUTAGE) && !outcome_counts(OUTCOME_LOCK_BUSY) &&
               !outcome_counts(OUTCOME_DRAINING),
           "an outage, a busy lock and a draining worker do not count");
}

static void test_text(void)
{
    static const struct {
        const char *name, *text, *expected;
    } cases[] = {
        {"plain text stays", "abc", "abc"},
        {"whole characters stay", "a\xC3\xA4\xF0\x9F\x8E\x89", "a\xC3\xA4\xF0\x9F\x8E\x89"},
        {"a character that was cut is dropped", "ab\xF0\x9F\x8E", "ab"},
        {"two bytes cut to one are dropped", "ab\xC3", "ab"},
        {"a byte that belongs nowhere becomes a question mark",
         "a\x80"
         "b\xFF",
         "a?b?"},
        {"a surrogate is no character", "\xED\xA0\x80", "???"},
        {"an overlong form is no character", "\xC0\xAF", "??"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        json_t *string = text_json(cases[i].text);
        (void)snprintf(text, sizeof text, "%s", cases[i].text);
        text_tidy(text);
        tap_ok(!strcmp(text, cases[i].expected) && string && !strcmp(json_string_value(string), text), "%s",
               cases[i].name);
        json_decref(string);
    }
}

/* An event with times that no calendar has, in the JSON of an apply and of both kinds of failure. */
static void test_moments(void)
{
    char mode[] = "test", version[] = "v", keys[] = "user_id", payloads[] = "off";
    struct config config = {
        .mode = mode, .stripe_api_version = version, .user_metadata_keys = keys, .payloads = payloads};
    struct env env = {.config = &config, .name = "w"};
    struct envelope event = {.event_id = "evt_1",
                             .type = "invoice.paid",
                             .object_id = "in_1",
                             .object_type = "invoice",
                             .customer = "cus_1",
                             .account = "",
                             .api_version = "v\xFF",
                             .created = INT64_MAX,
                             .received_ms = -5};
    const struct envelope *events[] = {&event};
    struct turn turn = {.env = &env,
                        .subject = "cus_1",
                        .account = "self",
                        .events = events,
                        .events_count = 1,
                        .objects = json_array(),
                        .missing = json_array(),
                        .text = "why"};
    char *apply = turn_json_apply(&turn), *failure = turn_json_failure(&turn, "bug", 5), *brief;

    turn.record_briefly = true;
    brief = turn_json_failure(&turn, "bug", 5);
    tap_ok(apply && strstr(apply, "\"created\":null,\"received_ms\":null") && strstr(apply, "\"v?\""),
           "a time that no calendar has is unknown, and a byte that is no text does not stop an apply");
    tap_ok(failure && strstr(failure, "\"created\":null") && strstr(failure, "\"error\":\"why\""),
           "nor a failure");
    tap_ok(brief && strstr(brief, "\"id\":\"evt_1\"") && strstr(brief, "\"class\":\"bug\"") &&
               !strstr(brief, "created") && !strstr(brief, "why"),
           "a brief failure holds ids and the class");
    event.created = 1700000000;
    free(apply);
    apply = turn_json_apply(&turn);
    tap_ok(apply && strstr(apply, "\"created\":1700000000"), "a real time stays");
    free(apply);
    free(failure);
    free(brief);
    json_decref(turn.objects);
    json_decref(turn.missing);
}

/* Failures of n customers in turn; returns whether the circuit opened. */
static bool fail_all(struct circuit *circuit, unsigned customers, int64_t now)
{
    for (unsigned i = 0; i < CIRCUIT_FAILURES_MAX * 3; i++)
        if (circuit_failed(circuit, i % customers + 1, now))
            return true;
    return false;
}

static void test_circuit(void)
{
    struct circuit circuit = {.failures = 0};

    tap_ok(circuit_state(&circuit, 1000) == CIRCUIT_CLOSED && circuit_let(&circuit, 1000),
           "a fresh circuit is closed");
    tap_ok(circuit_denied(&circuit, 7, 1000) && circuit_state(&circuit, 1001) == CIRCUIT_OPEN &&
               !circuit_let(&circuit, 1001),
           "one refusal of the key opens it");
    tap_ok(circuit_state(&circuit, 1000 + CIRCUIT_DENIED_MS) == CIRCUIT_TRYING, "after a while some may try");
    tap_ok(!circuit_denied(&circuit, 7, 1000 + CIRCUIT_DENIED_MS) &&
               circuit_state(&circuit, 1001 + CIRCUIT_DENIED_MS) == CIRCUIT_OPEN,
           "a refused try opens it for as long again");
    tap_ok(circuit_worked(&circuit) && circuit_state(&circuit, 2000) == CIRCUIT_CLOSED,
           "a good answer closes it");
    tap_ok(!circuit_denied(&circuit, 7, 3000) && circuit_disbelieves(&circuit, 7) &&
               circuit_state(&circuit, 3000) == CIRCUIT_CLOSED,
           "whose refusal was contradicted is not believed again");
    tap_ok(!circuit_disbelieves(&circuit, 8) && circuit_denied(&circuit, 8, 3000), "but another's is");
}

static void test_circuit_failures(void)
{
    struct circuit circuit = {.failures = 0};
    unsigned tries = 0;

    for (unsigned i = 1; i < CIRCUIT_FAILURES_MAX; i++)
        (void)circuit_failed(&circuit, i, 3000);
    tap_ok(circuit_state(&circuit, 3000) == CIRCUIT_CLOSED, "some failures in a row do not open it");
    (void)circuit_worked(&circuit);
    for (unsigned i = 1; i < CIRCUIT_FAILURES_MAX; i++)
        (void)circuit_failed(&circuit, i, 3000);
    tap_ok(circuit_state(&circuit, 3000) == CIRCUIT_CLOSED,
           "a good answer between them starts the count again");
    tap_ok(circuit_failed(&circuit, 1, 3000) && circuit_state(&circuit, 3000) == CIRCUIT_OPEN,
           "many do open it");
    (void)circuit_worked(&circuit);
    tap_ok(!fail_all(&circuit, CIRCUIT_SUBJECTS_MIN - 1, 3000) &&
               circuit_state(&circuit, 3000) == CIRCUIT_CLOSED,
           "those of one or two customers do not, however many");
    (void)circuit_worked(&circuit);
    tap_ok(fail_all(&circuit, CIRCUIT_SUBJECTS_MIN, 3000), "those of several do");
    while (tries <= CIRCUIT_TRIES_MAX && circuit_let(&circuit, 3000 + CIRCUIT_AWAY_MS))
        tries++;
    tap_ok(tries == CIRCUIT_TRIES_MAX && circuit_state(&circuit, 3000 + CIRCUIT_AWAY_MS) == CIRCUIT_OPEN,
           "when it is time, a few may try, not one alone and not all");
}

static void test_circuits(void)
{
    struct circuits circuits = {.away = {.failures = 0}};
    char account[32];

    (void)circuit_denied(circuits_add(&circuits, "self"), 1, 1000);
    tap_ok(circuits_state(&circuits, "self", 1000) == CIRCUIT_OPEN &&
               circuits_state(&circuits, "acct_1", 1000) == CIRCUIT_CLOSED &&
               circuits_until(&circuits, "self", 1000) == 1000 + CIRCUIT_DENIED_MS,
           "each account has a circuit of its own");
    for (int i = 0; i < CIRCUIT_ACCOUNTS_MAX * 2; i++) {
        (void)snprintf(account, sizeof account, "acct_%d", i);
        (void)circuit_denied(circuits_add(&circuits, account), 1, 1001 + i);
    }
    tap_ok(circuits_find(&circuits, "self") && circuits_find(&circuits, account) &&
               !circuits_find(&circuits, "acct_0"),
           "a full table forgets the oldest refusal, and never the platform's own");
    (void)fail_all(&circuits.away, 5, 1000);
    tap_ok(circuits_state(&circuits, "acct_unheard_of", 1000) == CIRCUIT_OPEN,
           "when Stripe is away it is so for every account");
}

static void test_refusals(void)
{
    struct env env = {.refused = 0};

    env_asked_redis(&env, ENV_REFUSED_TAKE, ERR_PROTOCOL, 0);
    env_asked_redis(&env, ENV_REFUSED_BUDGET, ERR_OK, 0);
    env_asked_redis(&env, ENV_REFUSED_TAKE, ERR_UNAVAILABLE, 0);
    tap_ok(env.refused == ENV_REFUSED_TAKE,
           "a script that Redis refuses is remembered, an absence is not the same");
    env_asked_redis(&env, ENV_REFUSED_TAKE, ERR_OK, 0);
    tap_ok(!env.refused, "until it works");
}

int main(void)
{
    test_edges();
    test_acks();
    test_reachable();
    test_page();
    test_burial();
    test_backoff();
    test_sqlstates();
    test_sqlstates_from_within();
    test_counting();
    test_text();
    test_moments();
    test_circuit();
    test_circuit_failures();
    test_circuits();
    test_refusals();
    /* Computed apart: printf 'instep/lock/1:self:cus_1' | sha256sum | cut -c1-16 */
    tap_ok(lock_key("self:cus_1") == (int64_t)UINT64_C(0x173207d6f18ac7bc),
           "the key of a lock is what it was in every version");
    return tap_done();
}
