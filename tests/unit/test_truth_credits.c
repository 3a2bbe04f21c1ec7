/* The truth about credits, against examples that were worked out by hand from docs/credits.md. */
// rooms: sim
#include <time.h>

#include "sim/app_credits.h"
#include "sim/money.h"
#include "tests/unit/sim_fixture.h"
#include "tests/unit/tap.h"

/* A shop with one customer, user u1, whose card works. */
struct shop {
    struct world w;
    const char *customer, *subscription, *item;
};

static void open_shop(struct shop *s, int64_t start, const char *plans)
{
    *s = (struct shop){.w = {.sim = sim_create(1, start)}};
    s->w.api = api_create(s->w.sim);
    (void)ask(&s->w, "POST /v1/customers payment_method=pm_card_visa&metadata[user_id]=u1"
                     "&invoice_settings[default_payment_method]=pm_card_visa");
    s->customer = answer_id(&s->w);
    json_t *json = json_loads(plans, 0, NULL);
    app_load_plans(s->w.sim, json);
    json_decref(json);
}

static void close_shop(struct shop *s)
{
    world_close(&s->w);
}

/* A price whose lookup key is its plan. */
static const char *price(struct shop *s, const char *plan, int amount, const char *interval)
{
    (void)ask(&s->w,
              "POST /v1/prices currency=usd&unit_amount=%d&lookup_key=%s&recurring[interval]=%s&product_data["
              "name]=P",
              amount, plan, interval);
    return answer_id(&s->w);
}

static void subscribe(struct shop *s, const char *which, const char *more)
{
    (void)ask(&s->w, "POST /v1/subscriptions customer=%s&items[0][price]=%s%s", s->customer, which, more);
    s->subscription = answer_id(&s->w);
    s->item = sim_text(s->w.sim, form_text(json_array_get(form_at(s->w.answer, "items.data"), 0), "id"));
}

static void change(struct shop *s, const char *how)
{
    (void)ask(&s->w, "POST /v1/subscriptions/%s items[0][id]=%s&%s", s->subscription, s->item, how);
    if (s->w.status != 200)
        abort();
}

static void go_to(struct shop *s, int64_t at)
{
    sim_advance(s->w.sim, at);
}

static int64_t moment(const char *text)
{
    struct tm tm = {0};

    if (!strptime(text, "%Y-%m-%dT%H", &tm))
        abort();
    return (int64_t)timegm(&tm);
}

static void date(char *out, int64_t at)
{
    time_t seconds = (time_t)at;
    struct tm tm;

    (void)gmtime_r(&seconds, &tm);
    if (!at)
        (void)sprintf(out, "ever");
    else
        (void)snprintf(out, 32, "%02d%02d%02dT%02d", tm.tm_year % 100, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour);
    if (at && at % DAY == 0)
        out[6] = '\0';
}

/* "trial solo 32 260101-260215, …": what lots give, shortfalls after a minus, then the balances; free(). */
static char *summary(struct sim *sim)
{
    json_t *truth = truth_export(sim), *c, *g, *balance;
    char *text = calloc(1, 8192);
    char from[32], to[32];
    const char *holder;
    size_t i, n;

    json_array_foreach(json_object_get(truth, "customers"), i, c)
    {
        json_array_foreach(json_object_get(c, "grants"), n, g)
        {
            json_int_t lacks = json_integer_value(form_at(g, "shortfall"));
            date(from, json_integer_value(form_at(g, "effective_at")));
            date(to, json_integer_value(form_at(g, "expires_at")));
            (void)sprintf(text + strlen(text), "%s%s %s", *text ? ", " : "", form_text(g, "kind"),
                          form_text(g, "plan_key"));
            if (json_integer_value(form_at(g, "version")) > 1)
                (void)sprintf(text + strlen(text), "/%lld", json_integer_value(form_at(g, "version")));
            (void)sprintf(text + strlen(text), " %lld", json_integer_value(form_at(g, "credits")));
            if (lacks)
                (void)sprintf(text + strlen(text), "-%lld", lacks);
            (void)sprintf(text + strlen(text), " %s-%s", from, to);
        }
    }
    json_object_foreach(json_object_get(truth, "credit_balances"), holder, balance)(void)
        sprintf(text + strlen(text), "; %s %lld", strncmp(holder, "user:", 5) ? "orphan" : holder + 5,
                json_integer_value(balance));
    json_decref(truth);
    return text;
}

static void is(struct shop *s, const char *wanted, const char *what)
{
    char *got = summary(s->w.sim);

    if (!tap_ok(strcmp(got, wanted) == 0, "%s", what))
        tap_note("got: %s, wanted: %s", got, wanted);
    free(got);
}

static void ok(bool passed, const char *what)
{
    (void)tap_ok(passed, "%s", what);
}

#define SOLO        "\"solo\":{\"monthly_credits\":30,\"trial_credits\":32}"
#define TEAM        "\"team\":{\"monthly_credits\":200,\"trial_credits\":50,\"grant\":\"active\"}"
#define PLANS(text) "{\"plans\":{" text "}}"

/* --- trials --- */

static void trial_that_converts(struct shop *s)
{
    open_shop(s, SIM_START, PLANS(SOLO));
    subscribe(s, price(s, "solo", 1999, "month"), "&trial_period_days=14");
    is(s, "trial solo 32 260101-260215; u1 32",
       "a trial's credits last as long as the month that would follow");
    go_to(s, moment("2026-01-15T00"));
    is(s, "trial solo 32 260101-260215; u1 32", "the trial is over, and not paid yet");
    go_to(s, moment("2026-01-15T01"));
    is(s, "trial solo 32 260101-260215, period solo 30 260115T01-260215; u1 62", "paid an hour later");
    go_to(s, moment("2026-02-15T00"));
    is(s, "trial solo 32 260101-260215, period solo 30 260115T01-260215",
       "at the end of the first month both are over, and the second is not paid yet");
    go_to(s, moment("2026-02-15T01"));
    is(s,
       "trial solo 32 260101-260215, period solo 30 260115T01-260215, period solo 30 260215T01-260315; u1 30",
       "then it is");
    close_shop(s);
}

static void trial_that_is_cut_short(struct shop *s)
{
    open_shop(s, SIM_START,
              PLANS("\"solo\":{\"monthly_credits\":30,\"trial_credits\":32,\"trial_carry\":false}"));
    subscribe(s, price(s, "solo", 1999, "month"), "&trial_period_days=14");
    go_to(s, moment("2026-01-03T00"));
    (void)ask(&s->w, "POST /v1/subscriptions/%s trial_end=now", s->subscription);
    is(s, "trial solo 32 260101-260103, period solo 30 260103-260203; u1 30",
       "without carrying over a trial's credits end with it, also when it is ended");
    close_shop(s);
}

static void trial_that_nobody_pays(struct shop *s)
{
    open_shop(s, SIM_START, PLANS(SOLO));
    (void)ask(&s->w, "POST /v1/customers/%s invoice_settings[default_payment_method]=pm_card_chargeDeclined",
              s->customer);
    subscribe(s, price(s, "solo", 1999, "month"), "&trial_period_days=14");
    go_to(s, moment("2026-01-16T00"));
    is(s, "trial solo 32 260101-260215; u1 32", "past due it is not decided");
    go_to(s, moment("2026-02-10T00"));
    is(s, "trial solo 32 260101-260115", "canceled it never was more than a trial");
    close_shop(s);
}

static void trial_that_pauses(struct shop *s)
{
    open_shop(s, SIM_START, PLANS(SOLO));
    (void)ask(&s->w, "POST /v1/customers metadata[user_id]=u1");
    s->customer = answer_id(&s->w);
    subscribe(s, price(s, "solo", 1999, "month"),
              "&trial_period_days=14&trial_settings[end_behavior][missing_payment_method]=pause");
    go_to(s, moment("2026-01-20T00"));
    is(s, "trial solo 32 260101-260115", "paused");
    (void)ask(&s->w, "POST /v1/payment_methods/pm_card_visa/attach customer=%s", s->customer);
    const char *card = answer_id(&s->w);
    (void)ask(&s->w, "POST /v1/customers/%s invoice_settings[default_payment_method]=%s", s->customer, card);
    (void)ask(&s->w, "POST /v1/subscriptions/%s/resume billing_cycle_anchor=now", s->subscription);
    is(s, "trial solo 32 260101-260215, period solo 30 260120-260220; u1 62",
       "resumed and paid: the trial's end was not decided after all");
    close_shop(s);
}

/* --- months --- */

static void annual_by_month(struct shop *s)
{
    open_shop(s, moment("2028-01-31T00"),
              PLANS("\"year\":{\"monthly_credits\":10,\"rollover\":{\"cap\":4}}"));
    subscribe(s, price(s, "year", 9900, "year"), "");
    go_to(s, moment("2028-04-30T00"));
    is(s,
       "period year 10 280131-280229, period year 10 280229-280331, rollover year 4 280229-280331, "
       "period year 10 280331-280430, rollover year 4 280331-280430, period year 10 280430-280531, "
       "rollover year 4 280430-280531; u1 14",
       "months of a year from 31 January, and no more than 4 are carried over");
    go_to(s, moment("2028-04-30T01"));
    (void)ask(&s->w, "DELETE /v1/subscriptions/%s", s->subscription);
    go_to(s, moment("2028-05-31T00"));
    is(s,
       "period year 10 280131-280229, period year 10 280229-280331, rollover year 4 280229-280331, "
       "period year 10 280331-280430, rollover year 4 280331-280430, period year 10 280430-280531, "
       "rollover year 4 280430-280531",
       "after its end no month begins, and nothing is carried over");
    close_shop(s);
}

static void unlimited_by_months(struct shop *s)
{
    open_shop(s, SIM_START,
              PLANS("\"keep\":{\"monthly_credits\":10,\"rollover\":\"unlimited\",\"expires_months\":2}"));
    subscribe(s, price(s, "keep", 500, "month"), "&items[0][quantity]=3");
    go_to(s, moment("2026-02-28T00"));
    is(s, "period keep 30 260101-260301, period keep 30 260201T01-260401; u1 60",
       "two months each, times three");
    go_to(s, moment("2026-03-01T00"));
    is(s, "period keep 30 260101-260301, period keep 30 260201T01-260401; u1 30",
       "counted from the beginning of the month that they are of");
    close_shop(s);
}

/* --- changes --- */

static void up_and_down(struct shop *s)
{
    open_shop(s, SIM_START, PLANS(SOLO "," TEAM));
    subscribe(s, price(s, "solo", 1999, "month"), "");
    const char *team = price(s, "team", 9900, "month");
    go_to(s, moment("2026-01-11T00"));
    change(s, sim_format(s->w.sim, "items[0][price]=%s&proration_behavior=always_invoice", team));
    is(s, "period solo 30 260101-260201, upgrade team 170 260111-260201; u1 200", "the difference at once");
    go_to(s, moment("2026-01-12T00"));
    change(s, "items[0][quantity]=2&proration_behavior=none");
    is(s, "period solo 30 260101-260201, upgrade team 370 260111-260201; u1 400",
       "more of it, which nothing bills: the state says so");
    change(s, "items[0][quantity]=1&proration_behavior=none");
    is(s, "period solo 30 260101-260201, upgrade team 170 260111-260201; u1 200",
       "of what was in the same second only the end counts");
    go_to(s, moment("2026-02-01T00"));
    is(s,
       "period solo 30 260101-260201, upgrade team 170 260111-260201, period team 200 260201-260301; u1 200",
       "an active plan does not wait for the payment");
    close_shop(s);
}

static void down_at_once(struct shop *s)
{
    open_shop(s, SIM_START,
              PLANS(TEAM ",\"small\":{\"monthly_credits\":20,\"downgrade\":\"now\",\"clawback\":\"none\"}"));
    subscribe(s, price(s, "team", 9900, "month"), "");
    const char *small = price(s, "small", 900, "month");
    ok(app_spend(s->w.sim, "u1", 150, "k1"), "150 of 200 are there");
    go_to(s, moment("2026-01-11T00"));
    change(s, sim_format(s->w.sim, "items[0][price]=%s&proration_behavior=always_invoice", small));
    is(s, "period team 20-130 260101-260201", "180 are taken back, 130 of them are spent");
    close_shop(s);
}

static void new_rules(struct shop *s)
{
    open_shop(s, SIM_START, PLANS(SOLO));
    subscribe(s, price(s, "solo", 1999, "month"), "");
    go_to(s, moment("2026-01-11T00"));
    json_t *json = json_loads(PLANS("\"solo\":{\"monthly_credits\":40}"), 0, NULL);
    app_load_plans(s->w.sim, json);
    app_load_plans(s->w.sim, json);
    json_decref(json);
    is(s, "period solo 30 260101-260201; u1 30", "a new version changes nothing that has begun");
    go_to(s, moment("2026-02-02T00"));
    is(s, "period solo 30 260101-260201, period solo/2 40 260201T01-260301; u1 40", "only what begins later");
    close_shop(s);
}

static void described_by_product(struct shop *s)
{
    open_shop(s, SIM_START, PLANS(""));
    (void)ask(&s->w, "POST /v1/products name=P&metadata[instep_plan]=seats&metadata[instep_monthly_credits]=7"
                     "&metadata[instep_per_unit]=false&metadata[instep_rollover]=3");
    const char *product = answer_id(&s->w);
    (void)ask(&s->w, "POST /v1/prices currency=usd&unit_amount=100&recurring[interval]=month&product=%s",
              product);
    subscribe(s, answer_id(&s->w), "&items[0][quantity]=5");
    go_to(s, moment("2026-01-10T00"));
    (void)ask(&s->w, "POST /v1/products/%s metadata[instep_monthly_credits]=9", product);
    go_to(s, moment("2026-02-02T00"));
    is(s,
       "period seats 7 260101-260201, period seats/2 9 260201T01-260301, rollover seats/2 3 260201-260301; "
       "u1 12",
       "the metadata of products are plans");
    close_shop(s);
}

/* --- money that goes back --- */

static struct refund *refund_half(struct shop *s, int64_t amount)
{
    struct charge *ch = (struct charge *)s->w.sim->all[TYPE_CHARGE].at[0];
    struct refund_order order = {.charge = ch, .amount = amount};
    struct refund *refund;
    struct refusal why;

    if (!refund_create(s->w.sim, &order, &refund, &why))
        abort();
    return refund;
}

static void clamped(struct shop *s)
{
    struct refusal why;

    open_shop(s, SIM_START, PLANS(SOLO));
    subscribe(s, price(s, "solo", 2000, "month"), "");
    go_to(s, moment("2026-01-05T00"));
    ok(app_spend(s->w.sim, "u1", 25, "k1"), "25 of 30 are there");
    ok(!app_spend(s->w.sim, "u1", 6, "k2"), "6 more are not");
    struct refund *refund = refund_half(s, 999);
    is(s, "period solo 16-9 260101-260201", "half of it refunded is 14 credits, of which 5 are left");
    (void)refund_decide(s->w.sim, refund, "failed", &why);
    is(s, "period solo 30 260101-260201; u1 5", "the refund fails");
    ok(app_refund_spend(s->w.sim, "u1", "k1", 10, "k3"), "10 are given back");
    ok(!app_refund_spend(s->w.sim, "u1", "k1", 16, "k4"), "16 more were not taken");
    ok(app_balance(s->w.sim, "u1") == 15, "15 are there then");
    close_shop(s);
}

static void in_debt(struct shop *s)
{
    open_shop(s, SIM_START, PLANS("\"solo\":{\"monthly_credits\":30,\"clawback\":\"negative\"}"));
    subscribe(s, price(s, "solo", 2000, "month"), "");
    go_to(s, moment("2026-01-05T00"));
    ok(app_spend(s->w.sim, "u1", 25, "k1"), "25 of 30 are there");
    (void)refund_half(s, 2000);
    is(s, "; u1 -25", "all of it is taken back: a debt");
    ok(!app_spend(s->w.sim, "u1", 1, "k2"), "nothing can be spent");
    ok(app_grant(s->w.sim, "u1", 5, "gift", 0), "a present");
    is(s, "; u1 -20", "goes into the debt");
    go_to(s, moment("2026-02-02T00"));
    is(s, "period solo 30 260201T01-260301; u1 10", "and so do the next month's");
    close_shop(s);
}

/* --- spending --- */

static void burnt_in_order(struct shop *s)
{
    open_shop(s, SIM_START, PLANS(SOLO));
    subscribe(s, price(s, "solo", 2000, "month"), "");
    ok(app_grant(s->w.sim, "u1", 10, "late", 0) &&
           app_grant(s->w.sim, "u1", 10, "soon", moment("2026-01-08T00")),
       "two presents");
    ok(app_spend(s->w.sim, "u1", 15, "k1"), "10 of what ends first, 5 of the month");
    go_to(s, moment("2026-01-08T00"));
    is(s, "period solo 30 260101-260201; u1 35", "25 of the month and the late present are left");
    ok(app_refund_spend(s->w.sim, "u1", "k1", 0, "k2"), "all of it back");
    is(s, "period solo 30 260101-260201; u1 40", "what goes back where it is too late is gone");
    ok(app_spend(s->w.sim, "u1", 40, "k3"), "all of them");
    ok(app_spend(s->w.sim, "u1", 40, "k3"), "the same key again is the same spend");
    is(s, "period solo 30 260101-260201", "nothing is left");
    close_shop(s);
}

static void carried_over_and_spent(struct shop *s)
{
    open_shop(s, SIM_START, PLANS("\"solo\":{\"monthly_credits\":30,\"rollover\":{\"cap\":20}}"));
    subscribe(s, price(s, "solo", 2000, "month"), "");
    ok(app_spend(s->w.sim, "u1", 18, "k1"), "12 are left");
    go_to(s, moment("2026-02-02T00"));
    is(s,
       "period solo 30 260101-260201, period solo 30 260201T01-260301, rollover solo 12 260201-260301; u1 42",
       "they are carried over");
    ok(app_spend(s->w.sim, "u1", 7, "k2"), "7 of them are spent");
    go_to(s, moment("2026-03-02T00"));
    is(s,
       "period solo 30 260101-260201, period solo 30 260201T01-260301, rollover solo 12 260201-260301, "
       "period solo 30 260301T01-260401, rollover solo 20 260301-260401; u1 50",
       "of 35 no more than 20");
    close_shop(s);
}

/* --- users --- */

static void found_later(struct shop *s)
{
    open_shop(s, SIM_START, PLANS(SOLO));
    (void)ask(&s->w, "POST /v1/customers payment_method=pm_card_visa"
                     "&invoice_settings[default_payment_method]=pm_card_visa");
    s->customer = answer_id(&s->w);
    subscribe(s, price(s, "solo", 2000, "month"), "");
    is(s, "period solo 30 260101-260201; orphan 30", "nobody's");
    (void)ask(&s->w, "POST /v1/customers/%s metadata[user_id]=u2", s->customer);
    is(s, "period solo 30 260101-260201; u2 30", "somebody's");
    close_shop(s);
}

static void conversions(struct shop *s)
{
    open_shop(s, SIM_START, PLANS(""));
    subscribe(s, price(s, "solo", 2000, "month"), "&trial_period_days=14");
    json_t *truth = truth_export(s->w.sim);
    const char *path = "conversions";
    json_t *one =
        json_array_get(json_object_get(json_array_get(json_object_get(truth, "customers"), 0), path), 0);
    ok(!strcmp(form_text(one, "state"), "trial") && json_is_null(form_at(one, "invoice")), "a trial");
    json_decref(truth);
    go_to(s, moment("2026-01-20T00"));
    truth = truth_export(s->w.sim);
    one = json_array_get(json_object_get(json_array_get(json_object_get(truth, "customers"), 0), path), 0);
    ok(!strcmp(form_text(one, "state"), "converted") && json_integer_value(form_at(one, "amount")) == 2000 &&
           json_integer_value(form_at(one, "converted_at")) == moment("2026-01-15T01"),
       "that converted, when it was paid");
    json_decref(truth);
    close_shop(s);
}

int main(void)
{
    static void (*const tests[])(struct shop * s) = {trial_that_converts,
                                                     trial_that_is_cut_short,
                                                     trial_that_nobody_pays,
                                                     trial_that_pauses,
                                                     annual_by_month,
                                                     unlimited_by_months,
                                                     up_and_down,
                                                     down_at_once,
                                                     new_rules,
                                                     described_by_product,
                                                     clamped,
                                                     in_debt,
                                                     burnt_in_order,
                                                     carried_over_and_spent,
                                                     found_later,
                                                     conversions};

    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        struct shop shop;
        tests[i](&shop);
    }
    return tap_done();
}
