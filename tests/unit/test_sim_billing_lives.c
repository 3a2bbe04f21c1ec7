/* Random lives with billing_acts: everything happens to somebody, and every invoice adds up. */
// rooms: sim
#include "sim/discount.h"
#include "sim/lives.h"
#include "tests/unit/sim_fixture.h"
#include "tests/unit/tap.h"

static const char *const wanted[] = {"coupon.created",
                                     "coupon.deleted",
                                     "promotion_code.created",
                                     "customer.discount.created",
                                     "customer.discount.deleted",
                                     "customer.discount.updated",
                                     "customer.subscription.paused",
                                     "customer.subscription.resumed",
                                     "invoice.overdue",
                                     "invoice.voided",
                                     "invoice.marked_uncollectible",
                                     "subscription_schedule.created",
                                     "subscription_schedule.updated",
                                     "subscription_schedule.released",
                                     "subscription_schedule.canceled",
                                     "subscription_schedule.completed",
                                     "product.updated",
                                     "price.updated"};
#define WANTED (sizeof wanted / sizeof *wanted)

struct seen {
    unsigned times[WANTED];
    uint64_t fingerprint;
};

static void look(struct sim_event *event, void *arg)
{
    struct seen *seen = arg;

    for (size_t i = 0; i < WANTED; i++)
        seen->times[i] += strcmp(event->type, wanted[i]) == 0;
    for (const char *c = event->data; c && *c; c++) /* what is only thin has none */
        seen->fingerprint = seen->fingerprint * 31 + (unsigned char)*c;
}

static struct sim *live(uint64_t seed, struct seen *seen)
{
    struct sim *sim = sim_create(seed, SIM_START);
    int64_t end;

    *seen = (struct seen){.fingerprint = seed};
    sim->knobs.billing_acts = 1;
    sim->on_event = look;
    sim->on_event_arg = seen;
    lives_start(sim, 150, 10, &end);
    sim_advance(sim, end + 3 * DAY);
    return sim;
}

/* The lines' discounts make the invoice's, and what is left is the total. */
static bool adds_up(const struct invoice *inv)
{
    int64_t lines = 0, discounts = 0;

    for (size_t i = 0; i < inv->lines.count; i++) {
        const struct line *line = (const struct line *)inv->lines.at[i];
        int64_t off = 0;
        for (size_t n = 0; n < DISCOUNTS_MAX; n++)
            off += line->discounted[n];
        if (off < 0 || (off && off > line->amount))
            return false;
        lines += line->amount;
        discounts += off;
    }
    return lines == inv->subtotal && inv->total == lines - discounts && inv->amount_paid >= 0;
}

/* A session and the first invoice of its subscription ask for the same money. */
static bool agrees(const struct session *cs)
{
    if (!cs->subscription || !cs->invoice || strcmp(cs->mode, "subscription") != 0)
        return true;
    return cs->invoice->total == cs->amount_total;
}

int main(void)
{
    struct seen seen, again;
    struct sim *sim = live(3, &seen);
    size_t wrong = 0, discounted = 0, zero = 0;

    for (size_t i = 0; i < WANTED; i++)
        if (!tap_ok(seen.times[i] > 0, "%s happens", wanted[i]))
            tap_note("it did not");
    for (size_t i = 0; i < sim->all[TYPE_INVOICE].count; i++) {
        const struct invoice *inv = (const struct invoice *)sim->all[TYPE_INVOICE].at[i];
        wrong += !adds_up(inv);
        discounted += inv->total < inv->subtotal;
        zero += inv->subtotal > 0 && inv->total == 0;
    }
    tap_ok(!wrong, "every invoice adds up");
    tap_ok(discounted > 20 && zero > 0, "%zu of %zu invoices are discounted, %zu of them to nothing",
           discounted, sim->all[TYPE_INVOICE].count, zero);
    wrong = 0;
    for (size_t i = 0; i < sim->all[TYPE_SESSION].count; i++)
        wrong += !agrees((const struct session *)sim->all[TYPE_SESSION].at[i]);
    tap_ok(!wrong, "sessions and their first invoices agree");
    wrong = 0;
    for (size_t i = 0; i < sim->all[TYPE_COUPON].count; i++) {
        const struct coupon *coupon = (const struct coupon *)sim->all[TYPE_COUPON].at[i];
        int64_t times = 0;
        for (size_t n = 0; n < sim->all[TYPE_DISCOUNT].count; n++)
            times += ((const struct discount *)sim->all[TYPE_DISCOUNT].at[n])->coupon == coupon;
        wrong += times != coupon->times_redeemed;
    }
    tap_ok(!wrong, "every redemption is a discount");
    struct sim *twin = live(3, &again);
    tap_ok(again.fingerprint == seen.fingerprint, "the same seed lives the same lives");
    sim_free(sim);
    sim_free(twin);
    return tap_done();
}
