#include "sim/lives.h"

#include <stdio.h>
#include <string.h>

#include "sim/billing.h"
#include "sim/events.h"
#include "sim/lives_parts.h"
#include "sim/product.h"
#include "sim/render.h"

#define PLANS      LIVES_PLANS
#define CURRENCIES 4
#define YEARLY     LIVES_YEARLY /* index of the yearly price */
#define ADD_ON     LIVES_ADD_ON /* a second item */
#define ONE_TIME   LIVES_PACK
#define PRICES     (PLANS + 3)

/* Amounts fit the currency: yen has no decimals, the dinar three (last digit 0). */
static const struct lives_currency currencies[CURRENCIES] = {
    {"usd", 100}, {"eur", 100}, {"jpy", 150}, {"kwd", 1000}};

static const struct {
    const char *key, *name;
    int64_t price; /* dollars or so */
    enum interval interval;
} catalogue[PRICES] = {
    {"starter", "Starter", 9, INTERVAL_MONTH},    {"team", "Team", 29, INTERVAL_MONTH},
    {"business", "Business", 99, INTERVAL_MONTH}, {"team_yearly", "Team, yearly", 290, INTERVAL_YEAR},
    {"seats", "Extra seats", 5, INTERVAL_MONTH},  {"pack", "Credit pack", 25, INTERVAL_NONE},
};

/* The catalogue is found again by its nicknames, so that a second run buys from the same. */
struct price *lives_price(struct sim *sim, const char *currency, unsigned which)
{
    char nickname[64];

    (void)snprintf(nickname, sizeof nickname, "%s_%s", catalogue[which].key, currency);
    for (size_t i = 0; i < sim->all[TYPE_PRICE].count; i++) {
        struct price *price = (struct price *)sim->all[TYPE_PRICE].at[i];
        if (price->nickname && strcmp(price->nickname, nickname) == 0)
            return price;
    }
    return NULL;
}

static void make_price(struct sim *sim, struct product *product, unsigned which, unsigned currency)
{
    struct price *price = sim_object(sim, TYPE_PRICE, sizeof *price);

    price->product = product;
    price->currency = currencies[currency].code;
    price->unit_amount = catalogue[which].price * currencies[currency].unit;
    price->interval = catalogue[which].interval;
    price->interval_count = price->interval ? 1 : 0;
    price->active = true;
    price->nickname = sim_format(sim, "%s_%s", catalogue[which].key, currencies[currency].code);
    /* A price's own plan key goes before its product's, and a lookup key after it. */
    if (currency != 2 && price->interval)
        price->lookup_key = price->nickname;
    if (currency == 0 && price->interval) {
        json_t *metadata = sim_json(json_pack("{s:s}", "plan_key", catalogue[which].key));
        metadata_merge(&price->o, metadata);
        json_decref(metadata);
    }
    emit(sim, "price.created", &price->o);
}

static void make_catalogue(struct sim *sim)
{
    if (lives_price(sim, "usd", 0))
        return;
    for (unsigned which = 0; which < PRICES; which++) {
        json_t *plan = lives_plan(which);
        struct product *product = product_create(sim, catalogue[which].name, plan, true);
        json_decref(plan);
        for (unsigned currency = 0; currency < CURRENCIES; currency++)
            make_price(sim, product, which, currency);
    }
}

/* --- small helpers --- */

/* Pretend the API call that a shop would make: events get a request id, from the life's own stream. */
static void acting(struct sim *sim, struct life *life)
{
    sim->request_id = sim_new_id(sim, &life->random, "req_", 14);
}

static json_t *user_metadata(const struct life *life, bool here)
{
    return here && life->user ? sim_json(json_pack("{s:s}", "user_id", life->user)) : sim_json(json_object());
}

static struct subscription *live_subscription(const struct life *life)
{
    const struct list *subs = &life->customer->of[TYPE_SUBSCRIPTION];

    for (size_t i = subs->count; i-- > 0;) {
        struct subscription *sub = (struct subscription *)subs->at[i];
        if (!subscription_is_over(sub))
            return sub;
    }
    return NULL;
}

static unsigned any_plan(struct life *life)
{
    return random_chance(&life->random, 0.1) ? YEARLY : (unsigned)random_below(&life->random, PLANS);
}

static void again_in(struct sim *sim, struct life *life, int64_t seconds)
{
    sim_book(sim, sim->now + seconds, DUE_LIFE, life, 0);
}

static void again_some_day(struct sim *sim, struct life *life, int64_t low_days, int64_t high_days)
{
    again_in(sim, life, random_between(&life->random, low_days * DAY, high_days * DAY));
}

/* --- entrances --- */

static struct session *open_session(struct sim *sim, struct life *life, const char *mode, unsigned which,
                                    int64_t trial_days)
{
    bool here = life->where == ON_SESSION;
    struct session_order order = {
        .mode = mode, .customer = life->customer, .lines_count = 1, .trial_days = trial_days};
    struct refusal why;
    struct session *cs = NULL;

    order.lines[0].price = lives_price(sim, life->currency, which);
    order.lines[0].quantity = 1;
    if (strcmp(mode, "subscription") == 0 && which < PLANS && random_chance(&life->random, 0.15)) {
        order.lines[1].price = lives_price(sim, life->currency, ADD_ON);
        order.lines[1].quantity = random_between(&life->random, 1, 5);
        order.lines_count = 2;
    }
    order.customer_email = life->email;
    order.success_url = "https://app.example.com/welcome?session={CHECKOUT_SESSION_ID}";
    order.customer_always = !life->guest;
    order.invoice_creation =
        strcmp(mode, "payment") == 0 && !life->guest && random_chance(&life->random, 0.2);
    order.client_reference_id = here && life->by_reference ? life->user : NULL;
    order.metadata = user_metadata(life, here && !life->by_reference);
    order.subscription_metadata = user_metadata(life, life->where == ON_SUBSCRIPTION);
    if (sim->knobs.billing_acts)
        lives_session_billing(sim, &life->billing, &order);
    if (!session_create(sim, &order, &cs, &why))
        cs = NULL;
    json_decref(order.metadata);
    json_decref(order.subscription_metadata);
    return cs;
}

static bool finish_session(struct sim *sim, struct life *life, struct session *cs,
                           enum checkout_outcome outcome)
{
    struct checkout_person person = {.outcome = outcome, .email = life->email};
    struct refusal why;

    if (!cs)
        return false;
    if (sim->knobs.money_acts)
        money_presentment(life, cs, &person);
    if (cs->allow_promotion_codes)
        person.promotion_code = lives_typed_code(&life->billing);
    if (!session_complete(sim, cs, &person, &why)) {
        if (!person.promotion_code)
            return false;
        person.promotion_code = NULL; /* the code was no good: they do without */
        if (!session_complete(sim, cs, &person, &why))
            return false;
    }
    if (!cs->customer)
        life->guest_bought = cs;
    if (!life->guest && cs->customer && !life->customer)
        life->customer = cs->customer;
    return true;
}

static void become_customer(struct sim *sim, struct life *life, int declines)
{
    struct customer *c = sim_object(sim, TYPE_CUSTOMER, sizeof *c);
    json_t *metadata = user_metadata(life, life->where == ON_CUSTOMER);

    c->email = life->email;
    c->name = sim_format(sim, "Customer %u", life->number);
    metadata_merge(&c->o, metadata);
    json_decref(metadata);
    emit(sim, "customer.created", &c->o);
    c->payment_method = payment_method_create(sim, c, declines);
    life->customer = c;
}

/* A subscription made by the app through the API. */
static struct subscription *subscribe(struct sim *sim, struct life *life, unsigned which, int64_t trial_days)
{
    struct subscription_order order = {.customer = life->customer, .items_count = 1};
    struct subscription *sub = NULL;
    struct refusal why;

    order.items[0].price = lives_price(sim, life->currency, which);
    order.items[0].quantity = random_chance(&life->random, 0.2) ? random_between(&life->random, 2, 6) : 1;
    if (which != YEARLY && random_chance(&life->random, 0.2)) {
        order.items[1].price = lives_price(sim, life->currency, ADD_ON);
        order.items[1].quantity = random_between(&life->random, 1, 8);
        order.items_count = 2;
    }
    order.trial_end = trial_days ? sim->now + trial_days * DAY : 0;
    order.metadata = user_metadata(life, life->where == ON_SUBSCRIPTION);
    if (sim->knobs.billing_acts)
        lives_order_billing(sim, &life->billing, &order);
    if (!subscription_create(sim, &order, &sub, &why))
        sub = NULL;
    else
        sub->dunning_end = (enum dunning_end)random_below(&life->random, 3);
    json_decref(order.metadata);
    return sub;
}

static int64_t trial_length(struct life *life)
{
    static const int64_t days[] = {3, 7, 14, 30};

    return days[random_below(&life->random, 4)];
}

static void enter_by_checkout(struct sim *sim, struct life *life, bool trial)
{
    struct session *cs;

    if (life->where == ON_CUSTOMER) /* the app made the customer before it sent them to checkout */
        become_customer(sim, life, 0);
    cs = open_session(sim, life, "subscription", any_plan(life), trial ? trial_length(life) : 0);
    if (random_chance(&life->random, 0.15))
        (void)finish_session(sim, life, cs, CHECKOUT_DECLINED); /* the first card did not work */
    if (finish_session(sim, life, cs, CHECKOUT_PAID) && cs->subscription)
        cs->subscription->dunning_end = (enum dunning_end)random_below(&life->random, 3);
    again_some_day(sim, life, 1, 25);
}

static void enter_by_api(struct sim *sim, struct life *life, bool trial, int declines)
{
    if (life->where == ON_SESSION) /* there is no session to carry it */
        life->where = ON_SUBSCRIPTION;
    become_customer(sim, life, declines);
    (void)subscribe(sim, life, any_plan(life), trial ? trial_length(life) : 0);
    if (declines)
        again_in(sim, life, random_between(&life->random, HOUR, 40 * HOUR));
    else
        again_some_day(sim, life, 1, 25);
}

static void buy_once(struct sim *sim, struct life *life, bool delayed)
{
    const char *own = life->currency;

    if (random_chance(&life->random, 0.15)) /* a traveller pays in another currency */
        life->currency = currencies[random_below(&life->random, CURRENCIES)].code;
    struct session *cs = open_session(sim, life, "payment", ONE_TIME, 0);
    life->currency = own;
    if (!finish_session(sim, life, cs, delayed ? CHECKOUT_UNPAID : CHECKOUT_PAID)) {
        again_some_day(sim, life, 5, 20);
        return;
    }
    if (delayed) {
        life->waiting = cs;
        life->async_success = random_chance(&life->random, 0.6);
    }
    again_some_day(sim, life, 1, delayed ? 5 : 30);
}

static void enter_by_purchase(struct sim *sim, struct life *life, bool delayed)
{
    life->guest = random_chance(&life->random, 0.4);
    if (life->where == ON_SUBSCRIPTION) /* there may never be one */
        life->where = ON_SESSION;
    if (life->where == ON_CUSTOMER) {
        life->guest = false;
        become_customer(sim, life, 0);
    }
    buy_once(sim, life, delayed);
}

static void enter(struct sim *sim, struct life *life)
{
    uint64_t dice = random_below(&life->random, 100);

    life->guest = false;
    if (dice < 28) {
        enter_by_checkout(sim, life, false);
    } else if (dice < 45) {
        enter_by_checkout(sim, life, true);
    } else if (dice < 60) {
        enter_by_api(sim, life, false, 0);
    } else if (dice < 70) {
        enter_by_api(sim, life, true, 0);
    } else if (dice < 79) {
        enter_by_api(sim, life, false, -1);
    } else if (dice < 88) {
        enter_by_purchase(sim, life, false);
    } else if (dice < 96) {
        enter_by_purchase(sim, life, true);
    } else {
        (void)open_session(sim, life, "subscription", any_plan(life), 0); /* walks away; perhaps comes back */
        again_some_day(sim, life, 1, 20);
    }
}

/* --- what happens later --- */

static void change_card(struct sim *sim, struct life *life, int declines)
{
    struct subscription *sub = live_subscription(life);
    struct payment_method *pm = payment_method_create(sim, life->customer, declines);
    struct subscription_change change = subscription_change_none();
    struct refusal why;

    json_t *before = render_object(sim, &life->customer->o);
    life->customer->payment_method = pm;
    emit_updated(sim, "customer.updated", &life->customer->o, before);
    change.payment_method = pm;
    if (sub && sub->payment_method)
        (void)subscription_change(sim, sub, &change, &why);
}

/* Pay what is open with a good card: ends incomplete, past_due and unpaid. */
static void settle_debts(struct sim *sim, struct life *life)
{
    struct subscription *sub = live_subscription(life);
    struct invoice *inv = sub ? subscription_latest_invoice(sub) : NULL;

    change_card(sim, life, 0);
    if (!inv)
        return;
    if (inv->status == INVOICE_DRAFT)
        invoice_finalize(sim, inv);
    if (inv->status == INVOICE_OPEN)
        (void)invoice_collect(sim, inv, NULL, false);
}

static void move_plan(struct sim *sim, struct life *life, struct subscription *sub)
{
    struct subscription_change change = subscription_change_none();
    struct refusal why;
    unsigned which = any_plan(life);

    for (size_t i = 0; i < sub->items.count && !change.items_count; i++) {
        struct item *item = (struct item *)sub->items.at[i];
        if (item->deleted)
            continue;
        change.items[0].item = item;
        change.items[0].price = lives_price(sim, sub->currency, which);
        change.items[0].quantity = -1;
        change.items_count = 1;
    }
    change.proration = (enum proration)random_below(&life->random, 3);
    if (lives_may_change(sim, sub, &change)) /* may be refused: several items of another interval */
        (void)subscription_change(sim, sub, &change, &why);
}

static void change_quantity(struct sim *sim, struct life *life, struct subscription *sub)
{
    struct subscription_change change = subscription_change_none();
    struct item *last = (struct item *)sub->items.at[sub->items.count - 1];
    struct refusal why;

    change.items_count = 1;
    change.proration = (enum proration)random_below(&life->random, 3);
    change.items[0].quantity = random_between(&life->random, 1, 9);
    if (last->price->interval == INTERVAL_MONTH && random_chance(&life->random, 0.3) && sub->items.count < 12)
        change.items[0].price = lives_price(sim, sub->currency, ADD_ON); /* one item more */
    else
        change.items[0].item = last;
    if (!last->deleted && change.items[0].item && sub->items.count > 1 && random_chance(&life->random, 0.3))
        change.items[0].remove = true;
    if (lives_may_change(sim, sub, &change))
        (void)subscription_change(sim, sub, &change, &why);
}

static void plan_to_leave(struct sim *sim, struct life *life, struct subscription *sub)
{
    struct subscription_change change = subscription_change_none();
    struct refusal why;

    if (sub->cancel_at)
        change.cancel_at_period_end = 0; /* changed their mind */
    else if (random_chance(&life->random, 0.2))
        change.cancel_at = sim->now + random_between(&life->random, 1, 40) * DAY;
    else
        change.cancel_at_period_end = 1;
    (void)subscription_change(sim, sub, &change, &why);
}

static void end_trial(struct sim *sim, struct subscription *sub)
{
    struct subscription_change change = subscription_change_none();
    struct refusal why;

    change.end_trial_now = true;
    (void)subscription_change(sim, sub, &change, &why);
}

static void bill_by_hand(struct sim *sim, struct life *life)
{
    int64_t amount = random_between(&life->random, 1, 40) * 10;
    struct invoiceitem *ii = invoiceitem_create(sim, life->customer, life->currency, amount, "Consulting");
    struct invoice *inv;
    struct refusal why;

    emit(sim, "invoiceitem.created", &ii->o);
    inv = invoice_create(sim, life->customer, NULL, "manual", life->currency);
    inv->auto_advance = false;
    invoice_take_pending(sim, inv);
    invoice_announce(sim, inv);
    invoice_finalize(sim, inv);
    if (inv->status == INVOICE_OPEN && random_chance(&life->random, 0.3))
        (void)invoice_void(sim, inv, &why);
    else if (inv->status == INVOICE_OPEN && random_chance(&life->random, 0.2))
        (void)invoice_mark_uncollectible(sim, inv, &why);
    else if (inv->status == INVOICE_OPEN)
        (void)invoice_collect(sim, inv, NULL, false);
}

static void leave_for_good(struct sim *sim, struct life *life)
{
    /*
     * Only people whose user is not written on the customer: its metadata disappears with it, and no reader that
     * comes later could know.
     */
    if (life->where == ON_CUSTOMER)
        return;
    customer_delete(sim, life->customer);
    life->over = true;
}

static void without_subscription(struct sim *sim, struct life *life)
{
    uint64_t dice = random_below(&life->random, 100);

    if (dice < 40) {
        if (life->customer->payment_method && life->customer->payment_method->declines)
            change_card(sim, life, 0);
        if (life->where == ON_SESSION || random_chance(&life->random, 0.5))
            (void)finish_session(sim, life, open_session(sim, life, "subscription", any_plan(life), 0),
                                 CHECKOUT_PAID);
        else
            (void)subscribe(sim, life, any_plan(life), 0);
    } else if (dice < 70) {
        buy_once(sim, life, random_chance(&life->random, 0.4));
        return; /* it has booked what comes next */
    } else if (dice < 80 && life->customer->payment_method) {
        bill_by_hand(sim, life);
    } else if (dice < 85) {
        leave_for_good(sim, life);
    } else {
        (void)open_session(sim, life, "payment", ONE_TIME, 0); /* walks away */
    }
    again_some_day(sim, life, 4, 30);
}

static void with_subscription(struct sim *sim, struct life *life, struct subscription *sub)
{
    uint64_t dice = random_below(&life->random, 100);

    if (sub->status == SUB_TRIALING && dice < 15) {
        end_trial(sim, sub);
    } else if (dice < 30) {
        move_plan(sim, life, sub);
    } else if (dice < 42) {
        change_quantity(sim, life, sub);
    } else if (dice < 52) {
        plan_to_leave(sim, life, sub);
    } else if (dice < 60) {
        subscription_cancel(sim, sub, "cancellation_requested");
    } else if (dice < 78) { /* the card will fail: a few times, or until it is changed */
        change_card(sim, life,
                    random_chance(&life->random, 0.5) ? -1 : (int)random_between(&life->random, 1, 3));
    } else if (dice < 86) {
        buy_once(sim, life, random_chance(&life->random, 0.3));
        return;
    } else if (dice < 91) {
        (void)subscribe(sim, life, any_plan(life), 0); /* a second one */
    } else if (dice < 93) {
        leave_for_good(sim, life);
    } else if (life->customer->payment_method) {
        bill_by_hand(sim, life);
    }
    again_some_day(sim, life, 3, 28);
}

static void go_on(struct sim *sim, struct life *life)
{
    struct subscription *sub = live_subscription(life);
    bool owes =
        sub && (sub->status == SUB_INCOMPLETE || sub->status == SUB_PAST_DUE || sub->status == SUB_UNPAID);

    if (sub && sim->knobs.billing_acts && (!owes || sub->send_invoice) &&
        lives_billing_act(sim, &life->billing, sub)) {
        again_in(sim, life, random_between(&life->billing, 1, 25) * DAY);
    } else if (owes) {
        if (random_chance(&life->random, 0.4))
            settle_debts(sim, life);
        again_some_day(sim, life, 2, 20);
    } else if (sub) {
        with_subscription(sim, life, sub);
    } else {
        without_subscription(sim, life);
    }
}

static void decide_payment(struct sim *sim, struct life *life)
{
    struct session *cs = life->waiting;
    struct refusal why;

    life->waiting = NULL;
    (void)session_async(sim, cs, life->async_success, &why);
    again_some_day(sim, life, 2, 30);
}

void due_life(struct sim *sim, void *target, unsigned first)
{
    struct life *life = target;

    if (sim->now > life->until)
        life->over = true;
    if (life->over || (life->customer && life->customer->deleted)) {
        sim->life_count--;
        return;
    }
    acting(sim, life);
    bool credits = sim->knobs.credit_acts && life->customer && !first && !life->waiting &&
                   random_chance(&life->credits, 0.2);
    bool money = sim->knobs.money_acts && (life->customer || life->guest_bought) && !first &&
                 random_chance(&life->random, 0.4);
    if (credits && lives_credit_act(sim, life, live_subscription(life))) {
        again_in(sim, life, random_between(&life->credits, 1, 20) * DAY);
    } else if (life->waiting) {
        decide_payment(sim, life);
    } else if (money) {
        money_act(sim, life);
        again_some_day(sim, life, 1, 12);
    } else if (first || !life->customer)
        enter(sim, life);
    else
        go_on(sim, life);
    sim->request_id = NULL;
}

static struct life *life_create(struct sim *sim, int64_t until)
{
    struct life *life = sim_alloc(sim, sizeof *life);
    char purpose[32];
    uint64_t dice;

    life->number = ++sim->lives_total;
    (void)snprintf(purpose, sizeof purpose, "life %u", life->number);
    random_init(&life->random, sim->seed, purpose);
    (void)snprintf(purpose, sizeof purpose, "billing %u", life->number);
    random_init(&life->billing, sim->seed, purpose);
    (void)snprintf(purpose, sizeof purpose, "credits %u", life->number);
    random_init(&life->credits, sim->seed, purpose);
    life->until = until;
    dice = random_below(&life->random, 10);
    life->where = dice < 5 ? ON_CUSTOMER : dice < 7 ? ON_SUBSCRIPTION : dice < 9 ? ON_SESSION : NOWHERE;
    life->by_reference = random_chance(&life->random, 0.5);
    life->user = life->where == NOWHERE ? NULL : sim_format(sim, "user_%u", life->number);
    life->email = sim_format(sim, "person%u@example.com", life->number);
    dice = random_below(&life->random, 10);
    life->currency = currencies[dice < 6 ? 0 : dice < 8 ? 1 : dice - 6].code;
    sim->life_count++;
    return life;
}

void lives_start(struct sim *sim, unsigned customers, unsigned months, int64_t *ret_end)
{
    int64_t start = sim->now;
    int64_t end = calendar_add(start, INTERVAL_MONTH, months);

    make_catalogue(sim);
    if (sim->knobs.billing_acts)
        lives_make_coupons(sim, currencies, CURRENCIES);
    for (unsigned i = 0; i < customers; i++) {
        struct life *life = life_create(sim, end);
        /* Nobody arrives in the last two days: their story would be cut off in its first hour. */
        sim_book(sim, random_between(&life->random, start, end - 2 * DAY), DUE_LIFE, life, 1);
    }
    *ret_end = end;
}
