/* Lives in which all kinds of money move: every sum fits, and the same seed gives the same. */
// rooms: sim
#include "sim/lives.h"
#include "sim/money.h"
#include "tests/unit/sim_fixture.h"
#include "tests/unit/tap.h"

static const char *const wanted_types[] = {"invoice.overpaid",       "refund.failed",
                                           "charge.expired",         "charge.captured",
                                           "credit_note.voided",     "charge.dispute.funds_reinstated",
                                           "charge.dispute.closed",  "invoice.marked_uncollectible",
                                           "payment_intent.canceled"};
#define WANTED_TYPES (sizeof wanted_types / sizeof *wanted_types)
static unsigned seen_types[WANTED_TYPES];

static void see(struct sim_event *event, void *arg)
{
    (void)arg;
    for (size_t t = 0; t < WANTED_TYPES; t++)
        seen_types[t] += strcmp(event->type, wanted_types[t]) == 0;
}

static json_t *live(uint64_t seed, struct sim **ret_sim)
{
    struct sim *sim = sim_create(seed, SIM_START);
    int64_t end;

    sim->knobs.money_acts = 1;
    sim->knobs.refund_pending_rate = 0.2;
    sim->knobs.dispute_cancels = 1;
    sim->on_event = see;
    lives_start(sim, 250, 8, &end);
    sim_advance(sim, end);
    *ret_sim = sim;
    return truth_export(sim);
}

/* What all accounts hold in a currency is nothing; what customers have as credit is what is owed to them. */
static void test_balanced(json_t *truth, uint64_t seed)
{
    json_t *sums = json_object(), *amounts, *amount, *customer;
    const char *code, *currency;
    bool zero = true;
    size_t i;

    json_object_foreach(json_object_get(truth, "accounts"), code, amounts)
        json_object_foreach(amounts, currency, amount)(void) json_object_set_new(
            sums, currency,
            json_integer(json_integer_value(json_object_get(sums, currency)) + json_integer_value(amount)));
    json_object_foreach(sums, currency, amount) zero = zero && json_integer_value(amount) == 0;
    tap_ok(zero && json_object_size(sums) >= 4, "seed %llu: every currency balances",
           (unsigned long long)seed);
    (void)json_object_clear(sums);
    json_array_foreach(json_object_get(truth, "customers"), i, customer)
        json_object_foreach(json_object_get(customer, "credit"), currency, amount)(void) json_object_set_new(
            sums, currency,
            json_integer(json_integer_value(json_object_get(sums, currency)) - json_integer_value(amount)));
    json_object_foreach(sums, currency, amount) zero =
        zero && json_integer_value(amount) ==
                    json_integer_value(json_object_get(
                        json_object_get(json_object_get(truth, "accounts"), "customer_credit"), currency));
    tap_ok(zero, "seed %llu: credit is what the balances say", (unsigned long long)seed);
    json_decref(sums);
}

static void test_charges_add_up(struct sim *sim, uint64_t seed)
{
    bool fit = true;

    for (size_t i = 0; i < sim->all[TYPE_CHARGE].count; i++) {
        const struct charge *ch = (const struct charge *)sim->all[TYPE_CHARGE].at[i];
        int64_t sum = 0;
        for (size_t k = 0; k < ch->refunds.count; k++) {
            const struct refund *r = (const struct refund *)ch->refunds.at[k];
            if (strcmp(r->status, "failed") != 0 && strcmp(r->status, "canceled") != 0)
                sum += r->amount;
        }
        fit = fit && sum == ch->amount_refunded && sum <= ch->amount_captured;
    }
    tap_ok(fit, "seed %llu: charges know what was refunded", (unsigned long long)seed);
    fit = true;
    for (size_t i = 0; i < sim->all[TYPE_INVOICE].count; i++) {
        const struct invoice *inv = (const struct invoice *)sim->all[TYPE_INVOICE].at[i];
        int64_t sum = 0;
        for (size_t k = 0; k < inv->payments.count; k++)
            sum += ((const struct invoice_payment *)inv->payments.at[k])->amount_paid;
        fit = fit && sum == inv->amount_paid && invoice_off_stripe(inv) <= inv->amount_paid;
        fit = fit && (inv->status != INVOICE_PAID || !invoice_remaining(inv));
    }
    tap_ok(fit, "seed %llu: payments add up to what was paid", (unsigned long long)seed);
}

static void test_variety(struct sim *sim)
{
    static const struct {
        enum object_type type;
        size_t least;
    } wanted[] = {{TYPE_REFUND, 20}, {TYPE_DISPUTE, 10}, {TYPE_CREDIT_NOTE, 20}, {TYPE_CUSTOMER_TXN, 20}};

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        tap_ok(sim->all[wanted[i].type].count >= wanted[i].least, "lives make %zu of %s",
               sim->all[wanted[i].type].count, object_name(wanted[i].type));
    for (size_t t = 0; t < WANTED_TYPES; t++)
        tap_ok(seen_types[t] > 0, "lives show %s", wanted_types[t]);
}

static void test_lives(void)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct sim *sim, *again;
        json_t *truth = live(seed, &sim), *same = live(seed, &again);
        tap_ok(json_equal(truth, same), "seed %llu: the same lives twice", (unsigned long long)seed);
        test_balanced(truth, seed);
        test_charges_add_up(sim, seed);
        if (seed == 1)
            test_variety(sim);
        json_decref(truth);
        json_decref(same);
        sim_free(sim);
        sim_free(again);
    }
}

int main(void)
{
    test_lives();
    return tap_done();
}
