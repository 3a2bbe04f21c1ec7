/* Billing by hand and by plan: pauses, trials, invoices that are sent, items, cancellation, schedules. */
// rooms: sim
#include "tests/unit/sim_fixture.h"
#include "tests/unit/tap.h"

struct shop {
    struct world w;
    const char *small, *big, *yearly; /* 1000 and 3000 a month, 12000 a year */
    const char *customer, *sub;
};

static void ok(bool passed, const char *what)
{
    (void)tap_ok(passed, "%s", what);
}

static void is(const char *got, const char *wanted, const char *what)
{
    if (!tap_ok(got && strcmp(got, wanted) == 0, "%s", what))
        tap_note("got: %s, wanted: %s", got ? got : "nothing", wanted);
}

static void is_int(int64_t got, int64_t wanted, const char *what)
{
    if (!tap_ok(got == wanted, "%s", what))
        tap_note("got: %lld, wanted: %lld", (long long)got, (long long)wanted);
}

static const char *price(struct shop *s, int amount, const char *interval)
{
    (void)ask(&s->w,
              "POST /v1/prices product_data[name]=P&currency=usd&unit_amount=%d&recurring[interval]=%s",
              amount, interval);
    return answer_id(&s->w);
}

static void shop_open(struct shop *s)
{
    *s = (struct shop){0};
    world_open(&s->w, 1);
    s->small = price(s, 1000, "month");
    s->big = price(s, 3000, "month");
    s->yearly = price(s, 12000, "year");
    (void)ask(&s->w, "POST /v1/customers email=p%%40example.com&payment_method=pm_card_visa");
    s->customer = answer_id(&s->w);
}

static void poor_customer(struct shop *s)
{
    (void)ask(&s->w, "POST /v1/customers email=q%%40example.com");
    s->customer = answer_id(&s->w);
}

static void forget_events(struct shop *s)
{
    s->w.mark = s->w.sim->events_total;
}

static void subscribe(struct shop *s, const char *more)
{
    (void)ask(&s->w, "POST /v1/subscriptions customer=%s&items[0][price]=%s%s", s->customer, s->small, more);
    s->sub = answer_id(&s->w);
    forget_events(s);
}

static void update(struct shop *s, const char *form)
{
    (void)ask(&s->w, "POST /v1/subscriptions/%s %s", s->sub, form);
}

static struct subscription *subscription(struct shop *s)
{
    return sim_find_type(s->w.sim, s->sub, TYPE_SUBSCRIPTION);
}

static const char *status(struct shop *s)
{
    return subscription_status_name(subscription(s)->status);
}

static void pass(struct shop *s, int64_t seconds)
{
    sim_advance(s->w.sim, s->w.sim->now + seconds);
}

static void card(struct shop *s, int declines)
{
    struct customer *c = sim_find_type(s->w.sim, s->customer, TYPE_CUSTOMER);

    for (size_t i = 0; i < c->of[TYPE_PAYMENT_METHOD].count; i++)
        ((struct payment_method *)c->of[TYPE_PAYMENT_METHOD].at[i])->declines = declines;
}

/* "1000 paid, 0 void": total and status of the subscription's invoices, oldest first. */
static const char *invoices(struct shop *s)
{
    static char text[512];
    const struct subscription *sub = subscription(s);

    *text = '\0';
    for (size_t i = 0; sub && i < sub->invoices.count; i++) {
        const struct invoice *inv = (const struct invoice *)sub->invoices.at[i];
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof text - used, "%s%lld %s", i ? ", " : "", (long long)inv->total,
                       invoice_status_name(inv->status));
    }
    return text;
}

static int64_t balance(struct shop *s)
{
    (void)ask(&s->w, "GET /v1/customers/%s", s->customer);
    int64_t amount = INT64_MIN;
    (void)form_integer(s->w.answer, "balance", &amount);
    return amount;
}

static void events_are(struct shop *s, const char *wanted, const char *what)
{
    char *events = new_events(&s->w);

    is(events, wanted, what);
    free(events);
}

static bool happened(struct shop *s, const char *type)
{
    char *events = new_events(&s->w);
    bool found = strstr(events, type) != NULL;

    free(events);
    return found;
}

/* --- collection paused --- */

static void collection_paused(struct shop *s)
{
    subscribe(s, "");
    update(s, "pause_collection[behavior]=keep_as_draft");
    is(form_text(s->w.answer, "pause_collection.behavior"), "keep_as_draft", "collection is paused");
    events_are(s, "customer.subscription.updated", "which only the subscription tells");
    pass(s, 32 * DAY);
    is(invoices(s), "1000 paid, 1000 draft", "invoices stay drafts");
    is(status(s), "active", "and the subscription active");
    update(s, "pause_collection[behavior]=void");
    pass(s, 31 * DAY);
    is(invoices(s), "1000 paid, 1000 draft, 1000 void", "or become void");
    char form[128];
    (void)snprintf(form, sizeof form,
                   "pause_collection[behavior]=mark_uncollectible&pause_collection[resumes_at]=%lld",
                   (long long)s->w.sim->now + 40 * DAY);
    update(s, form);
    pass(s, 31 * DAY);
    is(invoices(s), "1000 paid, 1000 draft, 1000 void, 1000 uncollectible", "or uncollectible");
    pass(s, 31 * DAY);
    ok(!subscription(s)->pause_collection, "collection resumes by itself");
    is(invoices(s), "1000 paid, 1000 draft, 1000 void, 1000 uncollectible, 1000 paid",
       "and the next invoice is paid");
    update(s, "pause_collection[behavior]=void");
    update(s, "pause_collection=");
    ok(json_is_null(form_at(s->w.answer, "pause_collection")), "or when it is told to");
}

/* --- paused --- */

static void paused(struct shop *s)
{
    subscribe(s, "");
    (void)ask(&s->w, "POST /v1/subscriptions/%s/pause type=subscription", s->sub);
    is_int(s->w.status, 400, "a classic subscription cannot be paused");
    subscribe(s, "&billing_mode[type]=flexible");
    (void)ask(&s->w, "POST /v1/subscriptions/%s/pause type=subscription", s->sub);
    is(form_text(s->w.answer, "status"), "paused", "a flexible one can");
    is(form_text(s->w.answer, "status_details.paused.subscription.type"), "pause_requested", "and says why");
    events_are(s, "customer.subscription.paused customer.subscription.updated", "which is told");
    pass(s, 70 * DAY);
    is(invoices(s), "1000 paid", "nothing is billed meanwhile");
    forget_events(s);
    (void)ask(&s->w, "POST /v1/subscriptions/%s/resume", s->sub);
    is(form_text(s->w.answer, "status"), "active", "resumed, it is active once it has paid");
    ok(happened(s, "customer.subscription.resumed"), "which is told");
    is(invoices(s), "1000 paid, 1000 paid", "a new period");
    is_int(subscription(s)->anchor, s->w.sim->now, "begins now");

    (void)ask(&s->w, "POST /v1/subscriptions/%s/pause type=subscription", s->sub);
    card(s, -1);
    (void)ask(&s->w, "POST /v1/subscriptions/%s/resume", s->sub);
    is(form_text(s->w.answer, "status"), "paused", "not paid: it stays paused");
    pass(s, DAY);
    is(invoices(s), "1000 paid, 1000 paid, 1000 void", "and the invoice is void after 23 hours");
    card(s, 0);
    (void)ask(&s->w, "POST /v1/subscriptions/%s/resume billing_cycle_anchor=unchanged", s->sub);
    is(form_text(s->w.answer, "status"), "active", "the old cycle can go on");
    is(invoices(s), "1000 paid, 1000 paid, 1000 void", "whose period was paid already");
    pass(s, 31 * DAY);
    is(invoices(s), "1000 paid, 1000 paid, 1000 void, 1000 paid", "then it renews as ever");
}

static void trial_without_card(struct shop *s)
{
    poor_customer(s);
    subscribe(s, "&trial_period_days=5&trial_settings[end_behavior][missing_payment_method]=pause");
    pass(s, 5 * DAY + 2 * HOUR);
    is(status(s), "paused", "a trial that ends without a card pauses");
    ok(happened(s, "customer.subscription.paused"), "which is told");
    (void)ask(&s->w, "POST /v1/customers/%s invoice_settings[default_payment_method]=pm_card_visa",
              s->customer);
    (void)ask(&s->w, "POST /v1/subscriptions/%s/resume", s->sub);
    is(form_text(s->w.answer, "status"), "active", "until there is one");
    is(invoices(s), "0 paid, 1000 paid", "and it is paid");

    poor_customer(s);
    subscribe(s, "&trial_period_days=5&trial_settings[end_behavior][missing_payment_method]=cancel");
    pass(s, 5 * DAY + 2 * HOUR);
    is(status(s), "canceled", "or is canceled");
    subscribe(s, "&trial_period_days=5");
    pass(s, 5 * DAY + 2 * HOUR);
    is(status(s), "past_due", "or is billed all the same");
}

/* --- trials of running subscriptions --- */

static void trial_again(struct shop *s)
{
    char form[64];

    subscribe(s, "");
    pass(s, 15 * DAY + 12 * HOUR); /* half of January */
    (void)snprintf(form, sizeof form, "trial_end=%lld", (long long)s->w.sim->now + 10 * DAY);
    update(s, form);
    is(form_text(s->w.answer, "status"), "trialing", "a running subscription gets a trial");
    is(invoices(s), "1000 paid, -500 paid", "what was paid for the rest comes back");
    is_int(balance(s), -500, "as credit");
    is_int(subscription(s)->anchor, s->w.sim->now + 10 * DAY, "the cycle begins with its end");
    pass(s, 10 * DAY + 2 * HOUR);
    is(invoices(s), "1000 paid, -500 paid, 1000 paid", "then it is billed");
    is_int(((struct invoice *)subscription(s)->invoices.at[2])->amount_paid, 500, "less the credit");
}

static void cycle_restarted(struct shop *s)
{
    subscribe(s, "");
    pass(s, 15 * DAY + 12 * HOUR);
    update(s, "billing_cycle_anchor[type]=now");
    is(invoices(s), "1000 paid, 500 paid", "a cycle that begins anew is billed less the rest of the old");
    is_int(subscription(s)->anchor, s->w.sim->now, "from now on");
    update(s, "billing_cycle_anchor=now&proration_behavior=none");
    is(invoices(s), "1000 paid, 500 paid, 1000 paid", "or whole");
}

static void anchored(struct shop *s)
{
    char form[96];

    (void)snprintf(form, sizeof form, "&billing_cycle_anchor=%lld", (long long)s->w.sim->now + 14 * DAY);
    subscribe(s, form);
    is(invoices(s), "452 paid", "a first period that ends early costs its part of a whole one");
    pass(s, 14 * DAY + 2 * HOUR);
    is(invoices(s), "452 paid, 1000 paid", "then come whole ones");
}

/* --- invoices that are sent --- */

static void sent(struct shop *s)
{
    poor_customer(s);
    subscribe(s, "&collection_method=send_invoice&days_until_due=7");
    is(status(s), "active", "a subscription by invoice is active at once");
    is(invoices(s), "1000 draft", "with a draft");
    pass(s, 2 * HOUR);
    is(invoices(s), "1000 open", "which is open after an hour");
    is_int(subscription_latest_invoice(subscription(s))->due_date, s->w.sim->now - HOUR + 7 * DAY,
           "and due in a week");
    pass(s, 8 * DAY);
    is(status(s), "past_due", "not paid in time, the subscription is past due");
    ok(happened(s, "invoice.overdue"), "and the invoice overdue");
    (void)ask(&s->w, "POST /v1/invoices/%s/pay payment_method=pm_card_visa",
              subscription_latest_invoice(subscription(s))->o.id);
    is(status(s), "active", "until somebody pays");
    (void)ask(&s->w, "GET /v1/invoices?collection_method=send_invoice");
    is_int((int64_t)json_array_size(form_at(s->w.answer, "data")), 1, "such invoices are listed");
}

/* --- items --- */

static void items(struct shop *s)
{
    subscribe(s, "");
    (void)ask(&s->w,
              "POST /v1/subscription_items subscription=%s&price=%s&quantity=2&proration_behavior=none",
              s->sub, s->big);
    const char *item = answer_id(&s->w);
    is_int(s->w.status, 200, "an item is added");
    pass(s, 31 * DAY + 2 * HOUR);
    is(invoices(s), "1000 paid, 7000 paid", "and billed with the next period");
    (void)ask(&s->w, "POST /v1/subscription_items/%s quantity=1&proration_behavior=always_invoice", item);
    ok(subscription_latest_invoice(subscription(s))->total < 0, "less of it gives credit at once");
    (void)ask(&s->w, "DELETE /v1/subscription_items/%s", item);
    ok(form_flag(s->w.answer, "deleted", false), "an item is removed");
    (void)ask(&s->w, "GET /v1/subscription_items/%s", item);
    is_int(s->w.status, 404, "and gone");
    (void)ask(&s->w, "GET /v1/subscription_items?subscription=%s", s->sub);
    (void)ask(&s->w, "DELETE /v1/subscription_items/%s",
              form_text(json_array_get(form_at(s->w.answer, "data"), 0), "id"));
    is_int(s->w.status, 400, "but not the last one");
}

static void canceled_with_credit(struct shop *s)
{
    subscribe(s, "");
    pass(s, 15 * DAY + 12 * HOUR);
    (void)ask(&s->w,
              "DELETE /v1/subscriptions/%s?prorate=true&invoice_now=true"
              "&cancellation_details[comment]=bye",
              s->sub);
    is(form_text(s->w.answer, "status"), "canceled", "canceled");
    is(form_text(s->w.answer, "cancellation_details.comment"), "bye", "with a word");
    is(invoices(s), "1000 paid, -500 paid", "the rest is billed backwards");
    is_int(balance(s), -500, "into the balance");
}

/* --- schedules --- */

static void schedule_of_phases(struct shop *s)
{
    (void)ask(&s->w,
              "POST /v1/subscription_schedules customer=%s&start_date=now&end_behavior=cancel"
              "&phases[0][items][0][price]=%s&phases[0][iterations]=2"
              "&phases[1][items][0][price]=%s&phases[1][items][0][quantity]=2&phases[1][iterations]=1"
              "&expand[]=subscription",
              s->customer, s->small, s->big);
    const char *schedule = answer_id(&s->w);
    s->sub = sim_text(s->w.sim, form_text(s->w.answer, "subscription.id"));
    is(form_text(s->w.answer, "subscription.schedule"), schedule, "a schedule begins a subscription");
    pass(s, 32 * DAY);
    is(invoices(s), "1000 paid, 1000 paid", "its first phase lasts two months");
    forget_events(s);
    pass(s, 29 * DAY);
    is(invoices(s), "1000 paid, 1000 paid, 6000 paid", "then comes the second, without prorations");
    ok(happened(s, "subscription_schedule.updated"), "which is told");
    pass(s, 31 * DAY);
    is(status(s), "canceled", "and in the end the subscription");
    (void)ask(&s->w, "GET /v1/subscription_schedules/%s", schedule);
    is(form_text(s->w.answer, "status"), "completed", "is canceled");
}

static void schedule_of_a_subscription(struct shop *s)
{
    subscribe(s, "");
    (void)ask(&s->w, "POST /v1/subscription_schedules from_subscription=%s", s->sub);
    const char *schedule = answer_id(&s->w);
    is(form_text(s->w.answer, "status"), "active", "a schedule takes over a subscription");
    (void)ask(&s->w,
              "POST /v1/subscription_schedules/%s phases[0][items][0][price]=%s&phases[0][iterations]=1"
              "&phases[1][items][0][price]=%s&phases[1][iterations]=1",
              schedule, s->small, s->yearly);
    is_int(s->w.status, 200, "and gets phases");
    (void)ask(&s->w, "POST /v1/subscription_schedules from_subscription=%s", s->sub);
    is_int(s->w.status, 400, "there is one at a time");
    pass(s, 31 * DAY + 2 * HOUR);
    is(invoices(s), "1000 paid, 12000 paid", "the next period is a year");
    pass(s, 366 * DAY);
    (void)ask(&s->w, "GET /v1/subscription_schedules/%s", schedule);
    is(form_text(s->w.answer, "status"), "released", "then it lets go");
    is(form_text(s->w.answer, "released_subscription"), s->sub, "of the subscription");
    is(invoices(s), "1000 paid, 12000 paid, 12000 paid", "which goes on");
}

static void schedule_ends_early(struct shop *s)
{
    subscribe(s, "");
    (void)ask(&s->w, "POST /v1/subscription_schedules from_subscription=%s", s->sub);
    forget_events(s);
    (void)ask(&s->w, "POST /v1/subscription_schedules/%s/release", answer_id(&s->w));
    is(form_text(s->w.answer, "status"), "released", "released by hand");
    events_are(s, "customer.subscription.updated subscription_schedule.released", "which is told");
    (void)ask(&s->w, "POST /v1/subscription_schedules from_subscription=%s", s->sub);
    forget_events(s);
    (void)ask(&s->w, "POST /v1/subscription_schedules/%s/cancel", answer_id(&s->w));
    is(status(s), "canceled", "canceled by hand, the subscription too");
    events_are(s, "customer.subscription.deleted subscription_schedule.canceled", "which is told");
    subscribe(s, "");
    (void)ask(&s->w, "POST /v1/subscription_schedules from_subscription=%s", s->sub);
    const char *schedule = answer_id(&s->w);
    (void)ask(&s->w, "DELETE /v1/subscriptions/%s", s->sub);
    (void)ask(&s->w, "GET /v1/subscription_schedules/%s", schedule);
    is(form_text(s->w.answer, "status"), "canceled", "and the other way round");
    (void)ask(&s->w,
              "POST /v1/subscription_schedules customer=%s&start_date=%lld&phases[0][items][0][price]=%s",
              s->customer, (long long)s->w.sim->now + 5 * DAY, s->small);
    is(form_text(s->w.answer, "status"), "not_started", "one that begins later");
    pass(s, 6 * DAY);
    (void)ask(&s->w, "GET /v1/subscription_schedules?customer=%s&limit=1", s->customer);
    is(form_text(json_array_get(form_at(s->w.answer, "data"), 0), "status"), "active", "begins later");
}

int main(void)
{
    static void (*const stories[])(struct shop *) = {collection_paused,
                                                     paused,
                                                     trial_without_card,
                                                     trial_again,
                                                     cycle_restarted,
                                                     anchored,
                                                     sent,
                                                     items,
                                                     canceled_with_credit,
                                                     schedule_of_phases,
                                                     schedule_of_a_subscription,
                                                     schedule_ends_early};

    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
        struct shop s;
        shop_open(&s);
        stories[i](&s);
        world_close(&s.w);
    }
    return tap_done();
}
