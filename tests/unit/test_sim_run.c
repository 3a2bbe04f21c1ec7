/* Random lives: the same seed tells the same story, byte for byte; and the books of every world add up. */
// rooms: sim
#include "sim/lives.h"
#include "sim/signature.h"
#include "tests/unit/sim_fixture.h"
#include "tests/unit/tap.h"

/* Everything a client could see of a finished run: the events of its last 30 days and the truth. free(). */
static char *run(uint64_t seed, unsigned customers, unsigned months, bool reads_between)
{
    struct world w;
    int64_t end;
    json_t *all = json_array(), *dump;
    const char *after = "";

    world_open(&w, seed);
    lives_start(w.sim, customers, months, &end);
    while (sim_step(w.sim, end))
        if (reads_between && w.sim->due_number % 50 == 0)
            (void)ask(&w, "GET /v1/subscriptions?limit=3");
    sim_advance(w.sim, end);
    for (bool more = true; more;) {
        (void)ask(&w, "GET /v1/events?limit=100%s%s", *after ? "&starting_after=" : "", after);
        json_t *page = form_at(w.answer, "data");
        (void)json_array_extend(all, page);
        more = json_is_true(form_at(w.answer, "has_more"));
        if (more)
            after = sim_text(w.sim, form_text(json_array_get(page, json_array_size(page) - 1), "id"));
    }
    dump = json_pack("{s:o, s:o}", "events", all, "truth", truth_export(w.sim));
    char *text = json_dumps(dump, JSON_COMPACT);
    json_decref(dump);
    world_close(&w);
    return text;
}

static void test_determinism(void)
{
    char *once = run(11, 30, 3, false);
    char *again = run(11, 30, 3, false);
    char *read = run(11, 30, 3, true);
    char *other = run(12, 30, 3, false);

    tap_ok(strcmp(once, again) == 0, "the same seed gives the same events and truth (%zu bytes)",
           strlen(once));
    tap_ok(strcmp(once, read) == 0, "reading in between changes nothing");
    tap_ok(strcmp(once, other) != 0, "another seed gives another run");
    free(once);
    free(again);
    free(read);
    free(other);
}

/* What must hold in any world, counted over the records. */
static unsigned wrong_invoices(const struct sim *sim)
{
    unsigned wrong = 0;

    for (size_t i = 0; i < sim->all[TYPE_INVOICE].count; i++) {
        const struct invoice *inv = (const struct invoice *)sim->all[TYPE_INVOICE].at[i];
        int64_t lines = 0, due = inv->total + inv->starting_balance;
        for (size_t n = 0; n < inv->lines.count; n++)
            lines += ((const struct line *)inv->lines.at[n])->amount;
        wrong += lines != inv->subtotal || inv->total > inv->subtotal;
        wrong += inv->amount_due != (due > 0 ? due : 0);
        int64_t settles = inv->amount_due - inv->pre_payment_credit;
        wrong += inv->status == INVOICE_PAID
                     ? inv->amount_paid != settles + inv->amount_overpaid || !inv->paid_at
                     : (inv->amount_paid && inv->amount_paid >= settles) || inv->paid_at != 0;
        wrong += (inv->status == INVOICE_DRAFT) != (inv->finalized_at == 0);
        int64_t received = 0;
        for (size_t n = 0; n < inv->payments.count; n++) {
            const struct invoice_payment *p = (const struct invoice_payment *)inv->payments.at[n];
            received += p->amount_paid;
            wrong += p->paid_at && p->intent && p->amount_paid != p->intent->amount_received;
        }
        wrong += received != inv->amount_paid;
    }
    return wrong;
}

static unsigned wrong_subscriptions(const struct sim *sim)
{
    unsigned wrong = 0;

    for (size_t i = 0; i < sim->all[TYPE_SUBSCRIPTION].count; i++) {
        const struct subscription *sub = (const struct subscription *)sim->all[TYPE_SUBSCRIPTION].at[i];
        wrong += subscription_is_over(sub) != (sub->ended_at != 0);
        wrong += !subscription_is_over(sub) && sub->status != SUB_PAUSED &&
                 subscription_period_end(sub) <= sim->now;
        wrong += sub->status == SUB_TRIALING && sub->trial_end <= sim->now;
        wrong += sub->customer->deleted && !subscription_is_over(sub);
        wrong += sub->creating;
    }
    return wrong;
}

/* What invoices that are paid got outside Stripe, less what charges brought of others that are not (yet). */
static int64_t beside_charges(const struct sim *sim, const char *currency)
{
    int64_t sum = 0;

    for (size_t i = 0; i < sim->all[TYPE_INVOICE].count; i++) {
        const struct invoice *inv = (const struct invoice *)sim->all[TYPE_INVOICE].at[i];
        int64_t elsewhere = invoice_off_stripe(inv);
        if (strcmp(inv->currency, currency) == 0)
            sum += inv->status == INVOICE_PAID ? elsewhere : elsewhere - inv->amount_paid;
    }
    return sum;
}

/* The totals of the truth equal the money that customers' charges brought, and what was paid elsewhere. */
static bool totals_match(const struct sim *sim)
{
    json_t *truth = truth_export(sim), *total;
    const char *currency;
    bool match = true;

    json_object_foreach(json_object_get(truth, "totals"), currency, total)
    {
        int64_t received = beside_charges(sim, currency);
        for (size_t i = 0; i < sim->all[TYPE_CHARGE].count; i++) {
            const struct charge *ch = (const struct charge *)sim->all[TYPE_CHARGE].at[i];
            if (strcmp(ch->status, "succeeded") == 0 && strcmp(ch->currency, currency) == 0)
                received += ch->amount_captured;
        }
        match = match && received == json_integer_value(json_object_get(total, "sales"));
    }
    json_decref(truth);
    return match;
}

/* What random lives must show somewhere: a reader tested with them has then met it. */
static const char *const wanted[] = {"charge.failed",
                                     "charge.pending",
                                     "charge.succeeded",
                                     "charge.updated",
                                     "checkout.session.async_payment_failed",
                                     "checkout.session.async_payment_succeeded",
                                     "checkout.session.completed",
                                     "checkout.session.expired",
                                     "customer.created",
                                     "customer.deleted",
                                     "customer.subscription.created",
                                     "customer.subscription.deleted",
                                     "customer.subscription.trial_will_end",
                                     "customer.subscription.updated",
                                     "customer.updated",
                                     "invoice.created",
                                     "invoice.finalized",
                                     "invoice.marked_uncollectible",
                                     "invoice.paid",
                                     "invoice.payment_failed",
                                     "invoice.payment_succeeded",
                                     "invoice.upcoming",
                                     "invoice.updated",
                                     "invoice.voided",
                                     "invoice_payment.paid",
                                     "invoiceitem.created",
                                     "payment_intent.canceled",
                                     "payment_intent.created",
                                     "payment_intent.payment_failed",
                                     "payment_intent.processing",
                                     "payment_intent.succeeded",
                                     "payment_method.attached",
                                     "price.created",
                                     "product.created"};
#define WANTED (sizeof wanted / sizeof *wanted)
static unsigned times_seen[WANTED];

static void see(struct sim_event *event, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < WANTED; i++)
        times_seen[i] += strcmp(wanted[i], event->type) == 0;
}

static void test_coverage(void)
{
    for (size_t i = 0; i < WANTED; i++)
        tap_ok(times_seen[i] > 0, "lives show %s (%u)", wanted[i], times_seen[i]);
}

static void test_books(uint64_t seed)
{
    struct world w;
    int64_t end;
    unsigned seen[SUB_PAUSED + 1] = {0};

    world_open(&w, seed);
    w.sim->on_event = see;
    lives_start(w.sim, 150, 6, &end);
    sim_advance(w.sim, end);
    tap_ok(wrong_invoices(w.sim) == 0, "seed %d: invoices add up (%zu of them)", (int)seed,
           w.sim->all[TYPE_INVOICE].count);
    tap_ok(wrong_subscriptions(w.sim) == 0, "seed %d: subscriptions are where the clock is (%zu)", (int)seed,
           w.sim->all[TYPE_SUBSCRIPTION].count);
    tap_ok(totals_match(w.sim), "seed %d: the truth's totals are the money that was charged", (int)seed);
    for (size_t i = 0; i < w.sim->all[TYPE_SUBSCRIPTION].count; i++)
        seen[((const struct subscription *)w.sim->all[TYPE_SUBSCRIPTION].at[i])->status]++;
    tap_note("active %u, trialing %u, past_due %u, unpaid %u, canceled %u, incomplete_expired %u; %d events",
             seen[SUB_ACTIVE], seen[SUB_TRIALING], seen[SUB_PAST_DUE], seen[SUB_UNPAID], seen[SUB_CANCELED],
             seen[SUB_INCOMPLETE_EXPIRED], (int)w.sim->events_total);
    world_close(&w);
}

static void test_signature(void)
{
    /* Computed with: printf '%s' '1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec_one */
    static const char *const secrets[] = {"whsec_one", "whsec_two"};
    char header[SIGNATURE_BYTES];

    signature_make(1700000000, "{\"a\":1}", 7, secrets, 2, header);
    tap_ok(strncmp(header,
                   "t=1700000000,v1=3c2a43f6f69d57ddfe8e506b006b338393c7a8c400e77c5f191ba17e15763c74,v1=",
                   82) == 0,
           "a delivery is signed with the first secret");
    tap_ok(strstr(header, ",v1=a80e630a9bbb756763ae24b15708f6ef71b45a4c060b6ec64409d78544ed0f70,v0=") != NULL,
           "and with the second");
}

static void test_shares(void)
{
    unsigned taken = 0;

    for (unsigned i = 0; i < 10000; i++)
        taken += random_decide(1, "drop evt_1", i) < 0.2;
    tap_ok(taken > 1850 && taken < 2150, "a rate of 0.2 takes a fifth (%u of 10000)", taken);
    tap_ok(random_decide(1, "drop evt_1", 3) == random_decide(1, "drop evt_1", 3),
           "and always the same ones");
}

int main(void)
{
    test_signature();
    test_shares();
    test_determinism();
    for (uint64_t seed = 1; seed <= 5; seed++)
        test_books(seed);
    test_coverage();
    return tap_done();
}
