/* Random lives, credits: plans with all kinds of rules, and what people do that credits depend on. */
#include <string.h>

#include "sim/credit_plans.h"
#include "sim/events.h"
#include "sim/lives_parts.h"
#include "sim/money.h"
#include "sim/render.h"

/* What the products of the catalogue say of credits; in its order, each list ends with NULL. */
static const char *const plans[][24] = {
    {"instep_plan", "starter", "instep_name", "Starter", "instep_rank", "1", "instep_monthly_credits", "30",
     "instep_trial_credits", "10", "instep_upgrade", "renewal", "instep_limit_exports", "100", NULL},
    {"instep_plan", "team", "instep_name", "Team", "instep_rank", "2", "instep_monthly_credits", "200",
     "instep_trial_credits", "50", "instep_grant", "active", "instep_rollover", "60", "instep_clawback",
     "negative", "instep_limit_exports", "1000 soft", NULL},
    {"instep_plan", "business", "instep_name", "Business", "instep_rank", "3", "instep_monthly_credits",
     "1000", "instep_trial_credits", "100", "instep_trial_carry", "false", "instep_rollover", "unlimited",
     "instep_expires_months", "3", "instep_downgrade", "now", NULL},
    {"instep_plan", "team_yearly", "instep_name", "Team, yearly", "instep_rank", "2",
     "instep_monthly_credits", "250", "instep_trial_credits", "20", "instep_per_unit", "false",
     "instep_rollover", "100", "instep_upgrade", "renewal", NULL},
    {"instep_plan", "seats", "instep_monthly_credits", "7", "instep_rollover", "unlimited", "instep_upgrade",
     "renewal", "instep_clawback", "none", "instep_limit_exports", "50 per unit", NULL},
};

json_t *lives_plan(unsigned which)
{
    json_t *metadata = sim_json(json_object());

    for (size_t i = 0; which < sizeof plans / sizeof *plans && plans[which][i]; i += 2)
        put_text(metadata, plans[which][i], plans[which][i + 1]);
    return metadata;
}

/* --- changes that a ledger can always find out about --- */

/* Whether a change to this price may do anything before the next renewal: by the rules of today, or of when the period began. */
static bool does_at_once(const struct sim *sim, const struct price *price)
{
    struct plans *all = plans_of(sim);
    bool does = price->interval == INTERVAL_YEAR || plan_acts_at_once(all, plan_of_price(all, price));

    plans_free(all);
    return does;
}

/* Whether an invoice, finalised and paid or failed at once, will say that the item was changed. */
static bool is_billed_at_once(const struct sim *sim, const struct subscription *sub, bool price_changes)
{
    return sub->status == SUB_ACTIVE && !sub->send_invoice && !sub->pause_collection &&
           subscription_period_end(sub) > sim->now + 2 * HOUR && (price_changes || !sub->discounts.count);
}

bool lives_may_change(const struct sim *sim, const struct subscription *sub,
                      struct subscription_change *change)
{
    if (sim->knobs.credit_acts > 1)
        return true;
    for (unsigned i = 0; i < change->items_count; i++) {
        const struct price *before = change->items[i].item ? change->items[i].item->price : NULL;
        const struct price *price = change->items[i].price ? change->items[i].price : before;
        if (change->items[i].remove || !price || !does_at_once(sim, price))
            continue;
        if (!is_billed_at_once(sim, sub, before && price != before))
            return false;
        change->proration = ALWAYS_INVOICE;
    }
    return true;
}

bool lives_may_plan(const struct sim *sim, const struct price *price)
{
    return sim->knobs.credit_acts > 1 || !does_at_once(sim, price);
}

bool lives_may_give_trial(const struct sim *sim, const struct subscription *sub)
{
    (void)sim;
    return !sub->trial_start;
}

/* --- acts --- */

/* Somebody to whom something happens. */
struct person {
    struct sim *sim;
    struct life *life;
    struct random_stream *random;
    struct subscription *sub; /* the newest that is not over; NULL: none */
};

static struct item *any_item(const struct person *p)
{
    struct item *item = (struct item *)p->sub->items.at[random_below(p->random, p->sub->items.count)];

    return item->deleted ? NULL : item;
}

static bool change(const struct person *p, struct subscription_change *c)
{
    struct refusal ignored;

    return lives_may_change(p->sim, p->sub, c) && subscription_change(p->sim, p->sub, c, &ignored);
}

/* Up or down, and perhaps another interval. */
static bool change_plan(const struct person *p)
{
    struct subscription_change c = subscription_change_none();
    struct item *item = any_item(p);
    unsigned which = (unsigned)random_below(p->random, LIVES_PLANS + 1);

    if (!item)
        return false;
    c.items_count = 1;
    c.items[0].item = item;
    c.items[0].price = lives_price(p->sim, p->sub->currency, which);
    c.items[0].quantity = random_chance(p->random, 0.3) ? random_between(p->random, 1, 4) : -1;
    c.proration = (enum proration)random_below(p->random, 3);
    return change(p, &c);
}

static bool change_quantity(const struct person *p)
{
    struct subscription_change c = subscription_change_none();
    struct item *item = any_item(p);

    if (!item)
        return false;
    c.items_count = 1;
    c.items[0].item = item;
    c.items[0].quantity = random_between(p->random, 1, 6);
    c.proration = (enum proration)random_below(p->random, 3);
    return change(p, &c);
}

static bool pay_before_trial_ends(const struct person *p)
{
    struct subscription_change c = subscription_change_none();

    c.end_trial_now = true;
    return p->sub->status == SUB_TRIALING && change(p, &c);
}

static struct subscription *subscribe(const struct person *p, struct customer *customer, unsigned which,
                                      int64_t trial_days, enum missing_payment_method missing)
{
    struct subscription_order order = {.customer = customer, .items_count = 1};
    struct subscription *sub = NULL;
    struct refusal ignored;

    order.items[0].price = lives_price(p->sim, p->life->currency, which);
    order.items[0].quantity = random_chance(p->random, 0.3) ? random_between(p->random, 2, 5) : 1;
    order.trial_end = trial_days ? p->sim->now + trial_days * DAY : 0;
    order.missing_payment_method = missing;
    return subscription_create(p->sim, &order, &sub, &ignored) ? sub : NULL;
}

/* Leave and come back the same moment, within a period that is paid for. */
static bool resubscribe(const struct person *p)
{
    subscription_cancel_now(p->sim, p->sub, random_chance(p->random, 0.5), random_chance(p->random, 0.5));
    return subscribe(p, p->life->customer, (unsigned)random_below(p->random, LIVES_PLANS + 1), 0,
                     MISSING_CREATE_INVOICE);
}

static bool second_subscription(const struct person *p)
{
    return subscribe(p, p->life->customer, (unsigned)random_below(p->random, LIVES_PLANS + 1),
                     random_chance(p->random, 0.3) ? random_between(p->random, 1, 20) : 0,
                     MISSING_CREATE_INVOICE);
}

static void name_user(struct sim *sim, struct customer *customer, const char *user)
{
    json_t *metadata = sim_json(json_pack("{s:s}", "user_id", user));
    json_t *before = render_object(sim, &customer->o);

    metadata_merge(&customer->o, metadata);
    json_decref(metadata);
    emit_updated(sim, "customer.updated", &customer->o, before);
}

static struct customer *another_customer(const struct person *p)
{
    struct customer *customer = sim_object(p->sim, TYPE_CUSTOMER, sizeof *customer);
    json_t *metadata = sim_json(json_pack("{s:s}", "user_id", p->life->user));

    customer->email = p->life->email;
    metadata_merge(&customer->o, metadata);
    json_decref(metadata);
    emit(p->sim, "customer.created", &customer->o);
    return customer;
}

/* The same user as another customer: the subscription moves over, or there are two. */
static bool second_customer(const struct person *p)
{
    if (!p->life->user)
        return false;
    struct customer *customer = another_customer(p);
    customer->payment_method = payment_method_create(p->sim, customer, 0);
    if (p->sub && random_chance(p->random, 0.6))
        subscription_cancel(p->sim, p->sub, "cancellation_requested");
    if (random_chance(p->random, 0.5))
        p->life->customer = customer;
    return subscribe(p, customer, (unsigned)random_below(p->random, LIVES_PLANS + 1), 0,
                     MISSING_CREATE_INVOICE);
}

/* A trial without a card: it ends paused, and goes on some day. */
static bool trial_without_card(const struct person *p)
{
    if (!p->life->user)
        return false;
    struct customer *customer = another_customer(p);
    if (!subscribe(p, customer, (unsigned)random_below(p->random, LIVES_PLANS),
                   random_between(p->random, 1, 14),
                   random_chance(p->random, 0.7) ? MISSING_PAUSE : MISSING_CANCEL))
        return false;
    p->life->customer = customer;
    return true;
}

static bool add_card_and_resume(const struct person *p)
{
    struct resume resume = {.keep_cycle = random_chance(p->random, 0.3),
                            .at_once = random_chance(p->random, 0.3)};
    struct refusal ignored;

    if (p->sub->status != SUB_PAUSED)
        return false;
    if (!p->life->customer->payment_method)
        p->life->customer->payment_method = payment_method_create(p->sim, p->life->customer, 0);
    return subscription_resume(p->sim, p->sub, &resume, &ignored);
}

/* The app finds out whose customer this is. */
static bool user_is_found(const struct person *p)
{
    if (p->life->user)
        return false;
    p->life->user = sim_format(p->sim, "user_%u", p->life->number);
    p->life->where = ON_CUSTOMER;
    name_user(p->sim, p->life->customer, p->life->user);
    return true;
}

/* The last invoice of the subscription is refunded, in part or whole. */
static bool refund_period(const struct person *p)
{
    const struct invoice *inv = subscription_latest_invoice(p->sub);
    struct refund_order order = {.charge = NULL};
    struct refund *refund;
    struct refusal ignored = {0};

    for (size_t i = 0; inv && i < inv->payments.count; i++) {
        const struct invoice_payment *payment = (const struct invoice_payment *)inv->payments.at[i];
        if (payment->intent && payment->intent->latest_charge)
            order.charge = payment->intent->latest_charge;
    }
    return order.charge && charge_refundable(order.charge) > 0 &&
           refund_create(p->sim, &order, &refund, &ignored);
}

bool lives_credit_act(struct sim *sim, struct life *life, struct subscription *sub)
{
    static const struct {
        unsigned weight;
        bool needs_subscription;
        bool (*act)(const struct person *p);
    } acts[] = {
        {22, true, change_plan},        {14, true, change_quantity},     {10, true, pay_before_trial_ends},
        {6, true, resubscribe},         {8, false, second_subscription}, {6, false, second_customer},
        {8, false, trial_without_card}, {12, true, add_card_and_resume}, {6, false, user_is_found},
        {8, true, refund_period},
    };
    struct person person = {.sim = sim, .life = life, .random = &life->credits, .sub = sub};
    uint64_t dice = random_below(&life->credits, 100);

    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (dice < acts[i].weight)
            return (sub || !acts[i].needs_subscription) && acts[i].act(&person);
        dice -= acts[i].weight;
    }
    return false;
}
