/* What random lives do about billing: discounts, pauses, trials, invoices that are sent, schedules. */
#include <string.h>

#include "sim/discount.h"
#include "sim/events.h"
#include "sim/lives_parts.h"
#include "sim/product.h"
#include "sim/render.h"
#include "sim/schedule.h"

/* --- coupons and codes --- */

static const struct {
    const char *id;
    int64_t percent_bp;
    int64_t dollars; /* amount_off, one coupon for each currency */
    enum coupon_duration duration;
    int64_t months;
    const char *code; /* NULL: the coupon has none */
    bool first_time;
} offers[] = {
    {"lives_half", 5000, 0, DURATION_ONCE, 0, "WELCOME50", true},
    {"lives_quarter", 2500, 0, DURATION_REPEATING, 3, "SPRING25", false},
    {"lives_eighth", 1250, 0, DURATION_FOREVER, 0, "FRIEND", false},
    {"lives_free", 10000, 0, DURATION_ONCE, 0, "FREEMONTH", false},
    {"lives_two_free", 10000, 0, DURATION_REPEATING, 2, NULL, false},
    {"lives_off", 0, 3, DURATION_ONCE, 0, NULL, false},
    {"lives_off_long", 0, 2, DURATION_FOREVER, 0, NULL, false},
};
#define OFFERS (sizeof offers / sizeof *offers)

static struct coupon *offer(struct sim *sim, size_t which, const char *currency)
{
    const char *id =
        offers[which].dollars ? sim_format(sim, "%s_%s", offers[which].id, currency) : offers[which].id;

    return sim_find_type(sim, id, TYPE_COUPON);
}

static void make_offer(struct sim *sim, size_t which, const char *id, const struct lives_currency *currency)
{
    struct coupon like = {.name = offers[which].id,
                          .percent_bp = offers[which].percent_bp,
                          .duration = offers[which].duration,
                          .duration_in_months = offers[which].months};
    struct promotion_code code = {
        .code = offers[which].code, .active = true, .first_time_transaction = offers[which].first_time};
    struct refusal ignored;
    struct promotion_code *made;

    if (currency) {
        like.currency = currency->code;
        like.amount_off = offers[which].dollars * currency->unit;
    }
    code.coupon = coupon_create(sim, &like, id);
    if (code.code)
        (void)promotion_code_create(sim, &code, &made, &ignored);
}

void lives_make_coupons(struct sim *sim, const struct lives_currency *currencies, size_t count)
{
    if (sim_find_type(sim, offers[0].id, TYPE_COUPON))
        return;
    for (size_t which = 0; which < OFFERS; which++) {
        if (!offers[which].dollars)
            make_offer(sim, which, offers[which].id, NULL);
        for (size_t i = 0; offers[which].dollars && i < count; i++)
            make_offer(sim, which, sim_format(sim, "%s_%s", offers[which].id, currencies[i].code),
                       &currencies[i]);
    }
}

/* A coupon of the shop, or its code, that this customer may redeem. Leaves *wishes alone if the choice was a bad one. */
static void wish(struct sim *sim, struct random_stream *random, struct customer *c, const char *currency,
                 int64_t subtotal, struct discount_wishes *wishes)
{
    size_t which = (size_t)random_below(random, OFFERS);
    bool by_code = random_chance(random, 0.5);
    struct discount_wishes tried = *wishes;
    struct refusal ignored;

    if (tried.count == DISCOUNTS_MAX)
        return;
    struct discount_wish *one = &tried.at[tried.count++];
    *one = (struct discount_wish){.coupon = offer(sim, which, currency)};
    if (by_code && offers[which].code)
        one->promotion_code = promotion_code_typed(sim, offers[which].code);
    if (!one->coupon)
        return;
    if (discounts_are_redeemable(sim, &tried, c, currency, subtotal, &ignored))
        *wishes = tried;
}

/* --- beginnings --- */

void lives_order_billing(struct sim *sim, struct random_stream *random, struct subscription_order *order)
{
    const char *currency = order->items[0].price->currency;
    bool richer = order->customer->payment_method && !order->customer->payment_method->declines;

    if (random_chance(random, 0.3))
        wish(sim, random, order->customer, currency, INT64_MAX, &order->discounts);
    if (random_chance(random, 0.12)) {
        order->send_invoice = true;
        order->days_until_due = random_between(random, 1, 20);
    }
    order->flexible = random_chance(random, 0.3);
    order->missing_payment_method = (enum missing_payment_method)random_below(random, 3);
    if (richer && !order->trial_end && order->items[0].price->interval == INTERVAL_MONTH &&
        random_chance(random, 0.08)) {
        order->billing_cycle_anchor = sim->now + random_between(random, 1, 27) * DAY;
        order->prorate_first = random_chance(random, 0.6);
    }
}

void lives_session_billing(struct sim *sim, struct random_stream *random, struct session_order *order)
{
    uint64_t dice = random_below(random, 100);

    if (strcmp(order->mode, "setup") == 0)
        return;
    if (dice < 25)
        wish(sim, random, order->customer, order->lines[0].price->currency, INT64_MAX, &order->discounts);
    else if (dice < 60)
        order->allow_promotion_codes = true;
}

const char *lives_typed_code(struct random_stream *random)
{
    static const char *const codes[] = {"welcome50", "SPRING25", "Friend", "FREEMONTH", "NOSUCHCODE"};

    return random_chance(random, 0.6) ? codes[random_below(random, 5)] : NULL;
}

/* --- acts --- */

static void change(struct sim *sim, struct subscription *sub, const struct subscription_change *change)
{
    struct refusal ignored;

    (void)subscription_change(sim, sub, change, &ignored);
}

static void discount(struct sim *sim, struct random_stream *random, struct subscription *sub)
{
    struct subscription_change c = subscription_change_none();
    struct discount_wishes wishes = {.count = 0};
    bool keep = random_chance(random, 0.4);

    for (size_t i = 0; keep && i < sub->discounts.count && i < DISCOUNTS_MAX; i++) {
        struct discount *d = (struct discount *)sub->discounts.at[i];
        wishes.at[wishes.count++] = (struct discount_wish){.coupon = d->coupon, .keep = d};
    }
    if (!sub->discounts.count || random_chance(random, 0.7))
        wish(sim, random, sub->customer, sub->currency, INT64_MAX, &wishes);
    c.discounts = &wishes;
    change(sim, sub, &c);
}

/* A coupon made for one person, given by a code only they may use, and perhaps deleted at once. */
static void personal_discount(struct sim *sim, struct random_stream *random, struct subscription *sub)
{
    struct subscription_change c = subscription_change_none();
    struct coupon like = {.percent_bp = random_between(random, 1, 100) * 100, .duration = DURATION_REPEATING};
    struct promotion_code code = {.customer = sub->customer, .active = true, .max_redemptions = 1};
    struct promotion_code *made;
    struct refusal ignored;

    like.duration_in_months = random_between(random, 1, 4);
    code.coupon = coupon_create(sim, &like, NULL);
    if (!promotion_code_create(sim, &code, &made, &ignored))
        return;
    struct discount_wishes wishes = {.at[0] = {.coupon = made->coupon, .promotion_code = made}, .count = 1};
    c.discounts = &wishes;
    change(sim, sub, &c);
    if (random_chance(random, 0.5))
        coupon_delete(sim, made->coupon);
}

static void pause_collection(struct sim *sim, struct random_stream *random, struct subscription *sub)
{
    struct subscription_change c = subscription_change_none();

    c.pause_collection = sub->pause_collection && random_chance(random, 0.7)
                             ? (int)NOT_PAUSED
                             : (int)random_between(random, KEEP_AS_DRAFT, VOID_INVOICES);
    if (c.pause_collection && random_chance(random, 0.6))
        c.resumes_at = sim->now + random_between(random, 5, 50) * DAY;
    change(sim, sub, &c);
}

static void give_trial(struct sim *sim, struct random_stream *random, struct subscription *sub)
{
    struct subscription_change c = subscription_change_none();

    c.trial_end = sim->now + random_between(random, 2, 20) * DAY;
    c.proration = random_chance(random, 0.7) ? CREATE_PRORATIONS : NO_PRORATION;
    if (lives_may_give_trial(sim, sub))
        change(sim, sub, &c);
}

static void restart_cycle(struct sim *sim, struct random_stream *random, struct subscription *sub)
{
    struct subscription_change c = subscription_change_none();

    c.restart_cycle = true;
    c.proration = (enum proration)random_below(random, 3);
    change(sim, sub, &c);
}

static void remove_item(struct sim *sim, struct random_stream *random, struct subscription *sub)
{
    struct subscription_change c = subscription_change_none();

    c.items_count = 1;
    c.items[0].item = (struct item *)sub->items.at[random_below(random, sub->items.count)];
    c.items[0].quantity = -1;
    c.items[0].remove = true;
    c.proration = (enum proration)random_below(random, 3);
    if (!c.items[0].item->deleted)
        change(sim, sub, &c);
}

static void change_collection(struct sim *sim, struct random_stream *random, struct subscription *sub)
{
    struct subscription_change c = subscription_change_none();

    c.collection = !sub->send_invoice;
    c.days_until_due = random_between(random, 1, 20);
    change(sim, sub, &c);
}

static void pause(struct sim *sim, struct random_stream *random, struct subscription *sub)
{
    struct refusal ignored;

    (void)random;
    (void)subscription_pause(sim, sub, &ignored); /* most are not of the kind that can be */
}

static void cancel(struct sim *sim, struct random_stream *random, struct subscription *sub)
{
    bool prorated = random_chance(random, 0.8), invoiced = random_chance(random, 0.7);

    subscription_cancel_now(sim, sub, prorated, invoiced);
}

/* The plan is to move to another plan later, for a while or for good. */
static void plan_ahead(struct sim *sim, struct random_stream *random, struct subscription *sub)
{
    struct schedule_order order = {.phases_count = 2, .end_cancels = random_chance(random, 0.2)};
    const struct item *first = (const struct item *)sub->items.at[0];
    unsigned which = (unsigned)random_below(random, LIVES_PLANS + 1);
    int64_t quantity = random_between(random, 1, 3), iterations = random_between(random, 1, 3);
    struct schedule *schedule;
    struct refusal ignored;

    if (sub->schedule) {
        if (random_chance(random, 0.3))
            (void)schedule_cancel(sim, sub->schedule, &ignored);
        else
            (void)schedule_release(sim, sub->schedule, &ignored);
        return;
    }
    if (!schedule_from(sim, sub, &schedule, &ignored))
        return;
    order.phases[0].phase = schedule->phases[0];
    if (!lives_may_plan(sim, lives_price(sim, sub->currency, which)))
        which = 0; /* the phase may begin amid a period after all, when the cycle is restarted */
    if (random_chance(random, 0.3)) /* not at the end of the period, but amid it */
        order.phases[0].phase.end = sim->now + (first->period_end - sim->now) / 2 + 1;
    order.phases[1].phase.items[0].price = lives_price(sim, sub->currency, which);
    order.phases[1].phase.items[0].quantity = quantity;
    order.phases[1].phase.items_count = 1;
    order.phases[1].phase.proration = (unsigned)random_below(random, 3);
    order.phases[1].iterations = iterations;
    (void)schedule_update(sim, schedule, &order, &ignored);
}

/* A subscription for later, or one whose end is known. */
static void book_another(struct sim *sim, struct random_stream *random, struct subscription *sub)
{
    struct schedule_order order = {
        .customer = sub->customer, .phases_count = 1, .end_cancels = random_chance(random, 0.7)};
    struct schedule *schedule;
    struct refusal ignored;

    if (random_chance(random, 0.5))
        order.start = sim->now + random_between(random, 1, 30) * DAY;
    order.phases[0].phase.items[0].price =
        lives_price(sim, sub->currency, (unsigned)random_below(random, LIVES_PLANS));
    order.phases[0].phase.items[0].quantity = 1;
    order.phases[0].phase.items_count = 1;
    order.phases[0].iterations = random_between(random, 1, 2);
    if (random_chance(random, 0.3)) {
        order.phases[0].phase.has_discounts = true;
        wish(sim, random, sub->customer, sub->currency, INT64_MAX, &order.phases[0].phase.discounts);
    }
    (void)schedule_create(sim, &order, &schedule, &ignored);
}

/* The shop changes its catalogue: nobody who has bought notices. Products with plans stay as they are. */
static void tidy_catalogue(struct sim *sim, struct random_stream *random, struct subscription *sub)
{
    struct price *price = lives_price(sim, sub->currency, (unsigned)random_below(random, LIVES_PLANS));
    struct product *product = lives_price(sim, sub->currency, LIVES_PACK)->product;

    if (random_chance(random, 0.5)) {
        json_t *before = render_object(sim, &product->o);
        product->name =
            sim_format(sim, "%.80s %llu", price->nickname, (unsigned long long)random_below(random, 10));
        product_changed(sim, product, before);
    } else {
        json_t *before = render_object(sim, &price->o);
        price->active = !price->active;
        emit_updated(sim, "price.updated", &price->o, before);
    }
}

/* Pay what was sent, by a card of the moment. */
static bool pay_sent_invoice(struct sim *sim, struct random_stream *random, struct subscription *sub)
{
    for (size_t i = 0; i < sub->invoices.count; i++) {
        struct invoice *inv = (struct invoice *)sub->invoices.at[i];
        if (inv->status != INVOICE_OPEN || !inv->send_invoice || !random_chance(random, 0.8))
            continue;
        (void)invoice_collect(sim, inv, payment_method_create(sim, sub->customer, 0), false);
        return true;
    }
    return false;
}

static void leave_rest(struct sim *sim, struct random_stream *random, struct subscription *sub)
{
    struct resume resume = {.keep_cycle = random_chance(random, 0.4), .at_once = random_chance(random, 0.3)};
    struct refusal ignored;

    if (random_chance(random, 0.15)) {
        subscription_cancel(sim, sub, "cancellation_requested");
        return;
    }
    if (!sub->payment_method && !sub->customer->payment_method)
        sub->customer->payment_method = payment_method_create(sim, sub->customer, 0);
    (void)subscription_resume(sim, sub, &resume, &ignored);
}

bool lives_billing_act(struct sim *sim, struct random_stream *random, struct subscription *sub)
{
    static const struct {
        unsigned weight;
        void (*act)(struct sim *sim, struct random_stream *random, struct subscription *sub);
    } acts[] = {
        {14, discount},     {5, personal_discount}, {12, pause_collection}, {6, give_trial},
        {5, restart_cycle}, {6, remove_item},       {5, change_collection}, {8, pause},
        {4, cancel},        {10, plan_ahead},       {3, book_another},      {3, tidy_catalogue},
    };
    uint64_t dice = random_below(random, 100);

    if (sub->status == SUB_PAUSED) {
        if (dice < 60)
            leave_rest(sim, random, sub);
        return true;
    }
    if (pay_sent_invoice(sim, random, sub))
        return true;
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (dice < acts[i].weight) {
            acts[i].act(sim, random, sub);
            return true;
        }
        dice -= acts[i].weight;
    }
    return false;
}
