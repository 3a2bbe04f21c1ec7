/* Coupons, promotion codes and discounts: who gets how much off what, and when it ends. */
// rooms: sim
#include "sim/discount.h"
#include "tests/unit/sim_fixture.h"
#include "tests/unit/tap.h"

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

struct shop {
    struct world w;
    const char *product, *price, *other; /* 1000 a month, 3330 a month of another product */
    const char *customer, *sub;
};

static void shop_open(struct shop *s)
{
    *s = (struct shop){0};
    world_open(&s->w, 1);
    (void)ask(&s->w, "POST /v1/products name=Plan");
    s->product = answer_id(&s->w);
    (void)ask(&s->w, "POST /v1/prices product=%s&currency=usd&unit_amount=1000&recurring[interval]=month",
              s->product);
    s->price = answer_id(&s->w);
    (void)ask(&s->w, "POST /v1/prices product_data[name]=Other&currency=usd&unit_amount=3330"
                     "&recurring[interval]=month");
    s->other = answer_id(&s->w);
    (void)ask(&s->w, "POST /v1/customers email=p%%40example.com&payment_method=pm_card_visa");
    s->customer = answer_id(&s->w);
}

static void coupon(struct shop *s, const char *id, const char *form)
{
    (void)ask(&s->w, "POST /v1/coupons id=%s&%s", id, form);
}

static void subscribe(struct shop *s, const char *more)
{
    (void)ask(&s->w, "POST /v1/subscriptions customer=%s&items[0][price]=%s%s", s->customer, s->price, more);
    s->sub = answer_id(&s->w);
    s->w.mark = s->w.sim->events_total;
}

static void pass(struct shop *s, int64_t seconds)
{
    sim_advance(s->w.sim, s->w.sim->now + seconds);
}

static int64_t number(json_t *json, const char *path)
{
    int64_t value = INT64_MIN;

    (void)form_integer(json, path, &value);
    return value;
}

/* Totals of the subscription's invoices, oldest first: "1000 500 " */
static const char *totals(struct shop *s)
{
    static char text[256];
    struct subscription *sub = sim_find_type(s->w.sim, s->sub, TYPE_SUBSCRIPTION);

    *text = '\0';
    for (size_t i = 0; sub && i < sub->invoices.count; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof text - used, "%s%lld", i ? " " : "",
                       (long long)((struct invoice *)sub->invoices.at[i])->total);
    }
    return text;
}

static size_t discounts_left(struct shop *s)
{
    (void)ask(&s->w, "GET /v1/subscriptions/%s", s->sub);
    return json_array_size(form_at(s->w.answer, "discounts"));
}

static bool happened(struct shop *s, const char *type)
{
    char *events = new_events(&s->w);
    bool found = strstr(events, type) != NULL;

    free(events);
    return found;
}

/* --- amounts --- */

static void amounts(void)
{
    static const struct {
        const char *name, *currency;
        int64_t percent_bp, amount_off; /* one of them */
        int64_t lines[4];
        int64_t taken[4];
    } cases[] = {
        {"half of everything", "usd", 5000, 0, {1000, 200}, {500, 100}},
        {"the missing cent goes to the largest remainder", "usd", 1000, 0, {333, 333, 334}, {33, 33, 34}},
        {"equal remainders: the earlier line gets it", "usd", 0, 100, {10, 10, 10, 170}, {5, 5, 5, 85}},
        {"thirds of a dollar", "usd", 0, 100, {500, 500, 500}, {34, 33, 33}},
        {"an amount is never more than there is", "usd", 0, 5000, {1000, 200}, {1000, 200}},
        {"everything", "usd", 10000, 0, {999, 1}, {999, 1}},
        {"negative lines get nothing", "usd", 5000, 0, {1000, -400}, {500, 0}},
        {"half a cent is rounded up", "usd", 5000, 0, {5}, {3}},
        {"dinars end in 0", "kwd", 3333, 0, {10000, 2000}, {3330, 670}},
        {"yen have no decimals", "jpy", 1250, 0, {1350, 99}, {169, 12}},
        {"nothing of nothing", "usd", 5000, 0, {0, 0}, {0, 0}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coupon c = {.percent_bp = cases[i].percent_bp, .amount_off = cases[i].amount_off};
        struct discountable lines[4] = {0};
        int64_t sum = 0;
        bool same = true;
        c.currency = c.amount_off ? cases[i].currency : NULL;
        for (unsigned n = 0; n < 4; n++)
            lines[n] = (struct discountable){.left = cases[i].lines[n], .applies = true};
        int64_t taken = coupon_take(&c, cases[i].currency, lines, 4);
        for (unsigned n = 0; n < 4; n++) {
            same = same && lines[n].taken == cases[i].taken[n] &&
                   lines[n].left == cases[i].lines[n] - cases[i].taken[n];
            sum += lines[n].taken;
        }
        ok(same && sum == taken, cases[i].name);
    }
}

/* Whatever the lines, the parts make the whole, and no line gives more than it has. */
static void shares_add_up(void)
{
    struct random_stream random;
    bool good = true;

    random_init(&random, 7, "shares");
    for (unsigned round = 0; round < 2000 && good; round++) {
        struct coupon c = {.percent_bp = random_between(&random, 1, 10000)};
        struct discountable lines[7] = {0};
        int64_t sum = 0, parts = 0;
        for (unsigned n = 0; n < 7; n++) {
            lines[n] = (struct discountable){.left = random_between(&random, 0, 999), .applies = true};
            sum += lines[n].left;
        }
        int64_t taken = coupon_take(&c, "usd", lines, 7);
        for (unsigned n = 0; n < 7; n++) {
            parts += lines[n].taken;
            good = good && lines[n].left >= 0 && lines[n].taken >= 0;
        }
        good = good && parts == taken && taken == prorate(sum, c.percent_bp, 10000, "usd");
    }
    ok(good, "the parts make the whole, 2,000 times");
}

/* --- how long they last --- */

static void once(struct shop *s)
{
    coupon(s, "FIRST", "percent_off=50&duration=once");
    subscribe(s, "&discounts[0][coupon]=FIRST");
    pass(s, 62 * DAY);
    is(totals(s), "500 1000 1000", "once: the first invoice");
    is_int((int64_t)discounts_left(s), 0, "then the subscription has none");
}

static void once_on_a_trial(struct shop *s)
{
    coupon(s, "FIRST", "amount_off=300&currency=usd&duration=once");
    subscribe(s, "&discounts[0][coupon]=FIRST&trial_period_days=14");
    is_int((int64_t)discounts_left(s), 1, "once waits through the trial's invoice of 0");
    s->w.mark = s->w.sim->events_total;
    pass(s, 14 * DAY + 2 * HOUR);
    ok(happened(s, "customer.discount.deleted"), "and is used up by the first one that is not");
    is(totals(s), "0 700", "which it makes cheaper");
    is_int((int64_t)discounts_left(s), 0, "then the subscription has none");
    pass(s, 31 * DAY);
    is(totals(s), "0 700 1000", "the next one is whole");
}

static void repeating(struct shop *s)
{
    coupon(s, "QUARTER", "percent_off=25&duration=repeating&duration_in_months=3");
    subscribe(s, "&discounts[0][coupon]=QUARTER");
    pass(s, 85 * DAY);
    is_int((int64_t)discounts_left(s), 1, "repeating: still there in the third month");
    s->w.mark = s->w.sim->events_total;
    pass(s, 10 * DAY);
    ok(happened(s, "customer.discount.deleted"), "it ends with its months");
    pass(s, 31 * DAY);
    is(totals(s), "750 750 750 1000 1000", "three invoices, and no more");
}

static void forever(struct shop *s)
{
    coupon(s, "FRIEND", "percent_off=100&duration=forever");
    subscribe(s, "&discounts[0][coupon]=FRIEND");
    (void)ask(&s->w, "DELETE /v1/coupons/FRIEND");
    pass(s, 62 * DAY);
    is(totals(s), "0 0 0", "100 % off forever: zero invoices, though the coupon was deleted");
    (void)ask(&s->w, "GET /v1/subscriptions/%s?expand[]=discounts.source.coupon", s->sub);
    json_t *discount = json_array_get(form_at(s->w.answer, "discounts"), 0);
    is(form_text(discount, "source.coupon.id"), "FRIEND", "the discount still says which");
    ok(!form_flag(discount, "source.coupon.valid", true), "and that it is not valid any more");
    (void)ask(&s->w, "GET /v1/coupons/FRIEND");
    is_int(s->w.status, 404, "a deleted coupon is not found");
    coupon(s, "FRIEND", "percent_off=10&duration=once");
    is_int(s->w.status, 400, "its id stays reserved");
}

/* --- shapes --- */

static void shapes(struct shop *s)
{
    coupon(s, "TEN", "percent_off=10.5&duration=forever&name=Ten");
    is(form_text(s->w.answer, "id"), "TEN", "a coupon has the id that was asked for");
    ok(json_real_value(form_at(s->w.answer, "percent_off")) == 10.5, "and half a percent");
    (void)ask(&s->w, "POST /v1/promotion_codes promotion[type]=coupon&promotion[coupon]=TEN&code=Hello");
    const char *code = answer_id(&s->w);
    is(form_text(s->w.answer, "promotion.coupon"), "TEN", "a code names its coupon");
    (void)ask(&s->w,
              "POST /v1/subscriptions customer=%s&items[0][price]=%s&items[1][price]=%s"
              "&discounts[0][promotion_code]=%s&expand[]=latest_invoice",
              s->customer, s->price, s->other, code);
    json_t *inv = form_at(s->w.answer, "latest_invoice");
    is_int((int64_t)number(inv, "subtotal"), 4330, "the subtotal is before discounts");
    is_int((int64_t)number(inv, "total"), 4330 - 455, "the total after");
    json_t *sum = json_array_get(form_at(inv, "total_discount_amounts"), 0);
    is_int((int64_t)number(sum, "amount"), 455, "and their sum is told by discount");
    json_t *lines = form_at(inv, "lines.data");
    is_int(
        (int64_t)(number(json_array_get(form_at(json_array_get(lines, 0), "discount_amounts"), 0), "amount") +
                  number(json_array_get(form_at(json_array_get(lines, 1), "discount_amounts"), 0), "amount")),
        455, "and shared among the lines");
    (void)ask(&s->w, "GET /v1/subscriptions?customer=%s&expand[]=data.discounts.source.coupon", s->customer);
    json_t *discount =
        json_array_get(form_at(json_array_get(form_at(s->w.answer, "data"), 0), "discounts"), 0);
    is(form_text(discount, "source.coupon.name"), "Ten", "a list expands discounts down to the coupon");
    is(form_text(discount, "promotion_code"), code, "and a discount names its code");
    (void)ask(&s->w, "GET /v1/invoices?customer=%s&expand[]=data.discounts&expand[]=data.payments",
              s->customer);
    discount = json_array_get(form_at(json_array_get(form_at(s->w.answer, "data"), 0), "discounts"), 0);
    is(form_text(discount, "object"), "discount", "so do invoices");
    (void)ask(&s->w, "GET /v1/promotion_codes?code=hELLO");
    is_int((int64_t)json_array_size(form_at(s->w.answer, "data")), 1,
           "codes are found without regard to case");
    is_int((int64_t)number(json_array_get(form_at(s->w.answer, "data"), 0), "times_redeemed"), 1,
           "and count their use");
    (void)ask(&s->w, "POST /v1/promotion_codes/%s active=false", code);
    (void)ask(&s->w, "GET /v1/promotion_codes?active=true&coupon=TEN");
    is_int((int64_t)json_array_size(form_at(s->w.answer, "data")), 0, "a code can be switched off");
    ok(happened(s, "promotion_code.updated"), "which is told");
    (void)ask(&s->w, "GET /v1/coupons");
    is_int((int64_t)json_array_size(form_at(s->w.answer, "data")), 1, "coupons are listed");
}

/* --- restrictions --- */

static int try_code(struct shop *s, const char *form)
{
    (void)ask(&s->w, "POST /v1/promotion_codes promotion[type]=coupon&promotion[coupon]=C&%s", form);
    const char *code = answer_id(&s->w);
    (void)ask(&s->w, "POST /v1/subscriptions customer=%s&items[0][price]=%s&discounts[0][promotion_code]=%s",
              s->customer, s->price, code);
    return s->w.status;
}

static void restrictions(struct shop *s)
{
    coupon(s, "C", "percent_off=10&duration=once");
    is_int(try_code(s, "restrictions[first_time_transaction]=true"), 200, "a first purchase");
    is_int(try_code(s, "restrictions[first_time_transaction]=true"), 400, "is not made twice");
    is_int(try_code(s, "restrictions[minimum_amount]=1000&restrictions[minimum_amount_currency]=usd"), 200,
           "enough");
    is_int(try_code(s, "restrictions[minimum_amount]=1001&restrictions[minimum_amount_currency]=usd"), 400,
           "not enough");
    is_int(try_code(s, "restrictions[minimum_amount]=1&restrictions[minimum_amount_currency]=eur"), 400,
           "another currency");
    char form[128];
    (void)snprintf(form, sizeof form, "customer=%s", s->customer);
    is_int(try_code(s, form), 200, "a code of one's own");
    (void)ask(&s->w, "POST /v1/customers name=Else");
    (void)snprintf(form, sizeof form, "customer=%s", answer_id(&s->w));
    is_int(try_code(s, form), 400, "a code of somebody else");
    is_int(try_code(s, "max_redemptions=1&code=ONE"), 200, "the only redemption");
    (void)ask(&s->w, "GET /v1/promotion_codes?code=ONE&active=true");
    is_int((int64_t)json_array_size(form_at(s->w.answer, "data")), 0, "uses the code up");
    (void)snprintf(form, sizeof form, "expires_at=%lld&code=SOON", (long long)s->w.sim->now + DAY);
    is_int(try_code(s, form), 200, "before it expires");
    pass(s, 2 * DAY);
    (void)ask(&s->w, "GET /v1/promotion_codes?code=SOON&active=true");
    is_int((int64_t)json_array_size(form_at(s->w.answer, "data")), 0, "an expired code is not active");
    coupon(s, "LAST", "percent_off=10&duration=once&max_redemptions=1");
    subscribe(s, "&discounts[0][coupon]=LAST");
    is_int(s->w.status, 200, "a coupon's only redemption");
    subscribe(s, "&discounts[0][coupon]=LAST");
    is_int(s->w.status, 400, "uses the coupon up");
}

static void applies_to(struct shop *s)
{
    char form[256];

    (void)snprintf(form, sizeof form, "percent_off=50&duration=forever&applies_to[products][0]=%s",
                   s->product);
    coupon(s, "PLAN", form);
    (void)ask(&s->w,
              "POST /v1/subscriptions customer=%s&items[0][price]=%s&items[1][price]=%s"
              "&discounts[0][coupon]=PLAN&expand[]=latest_invoice",
              s->customer, s->price, s->other);
    is_int((int64_t)number(s->w.answer, "latest_invoice.total"), 500 + 3330,
           "only what the coupon is for gets cheaper");
    (void)ask(&s->w, "GET /v1/coupons/PLAN?expand[]=applies_to");
    is(json_string_value(json_array_get(form_at(s->w.answer, "applies_to.products"), 0)), s->product,
       "which is told when asked");
}

/* --- changes --- */

static void changes(struct shop *s)
{
    coupon(s, "A", "percent_off=10&duration=forever");
    coupon(s, "B", "amount_off=100&currency=usd&duration=forever");
    subscribe(s, "");
    (void)ask(&s->w, "POST /v1/subscriptions/%s discounts[0][coupon]=A", s->sub);
    char *events = new_events(&s->w);
    is(events, "customer.discount.created customer.subscription.updated", "a discount is added");
    free(events);
    const char *a =
        sim_text(s->w.sim, json_string_value(json_array_get(form_at(s->w.answer, "discounts"), 0)));
    (void)ask(&s->w, "POST /v1/subscriptions/%s discounts[0][discount]=%s&discounts[1][coupon]=B", s->sub, a);
    pass(s, 31 * DAY + 2 * HOUR);
    is(totals(s), "1000 800", "two discounts, the second from what the first leaves");
    s->w.mark = s->w.sim->events_total;
    (void)ask(&s->w, "POST /v1/subscriptions/%s discounts=", s->sub);
    ok(happened(s, "customer.discount.deleted"), "all are taken away");
    is_int((int64_t)discounts_left(s), 0, "and gone");
    (void)ask(&s->w, "POST /v1/subscriptions/%s discounts[0][coupon]=A", s->sub);
    s->w.mark = s->w.sim->events_total;
    (void)ask(&s->w, "POST /v1/subscriptions/%s discounts[0][coupon]=B", s->sub);
    ok(happened(s, "customer.discount.updated"), "one takes the place of another");
}

/* --- Checkout --- */

static struct session *open_session(struct shop *s, const char *mode, const char *price, const char *more)
{
    (void)ask(&s->w, "POST /v1/checkout/sessions mode=%s&line_items[0][price]=%s%s", mode, price, more);
    return sim_find_type(s->w.sim, answer_id(&s->w), TYPE_SESSION);
}

static void checkout(struct shop *s)
{
    struct checkout_person person = {.email = "a@example.com", .promotion_code = "welcome"};
    struct refusal why;

    coupon(s, "HALF", "percent_off=50&duration=once");
    coupon(s, "ALL", "percent_off=100&duration=once");
    (void)ask(&s->w, "POST /v1/promotion_codes promotion[type]=coupon&promotion[coupon]=HALF&code=WELCOME"
                     "&restrictions[first_time_transaction]=true");
    struct session *cs = open_session(s, "subscription", s->price, "&allow_promotion_codes=true");
    ok(session_complete(s->w.sim, cs, &person, &why), "a typed code is taken");
    is_int((int64_t)cs->amount_total, 500, "and makes the session cheaper");
    is_int((int64_t)cs->invoice->amount_paid, 500, "as the invoice, which is paid");
    (void)ask(&s->w, "GET /v1/checkout/sessions/%s?expand[]=discounts.promotion_code", cs->o.id);
    is(form_text(json_array_get(form_at(s->w.answer, "discounts"), 0), "promotion_code.code"), "WELCOME",
       "the session says which");
    is_int((int64_t)number(s->w.answer, "total_details.amount_discount"), 500, "and how much");

    cs = open_session(s, "subscription", s->price, "");
    ok(!session_complete(s->w.sim, cs, &person, &why), "a page without the field takes no code");

    (void)ask(&s->w, "POST /v1/prices product=%s&currency=usd&unit_amount=2500", s->product);
    const char *pack = answer_id(&s->w);
    person.promotion_code = NULL;
    cs = open_session(s, "payment", pack,
                      "&discounts[0][coupon]=HALF&invoice_creation[enabled]=true&customer_creation=always");
    ok(session_complete(s->w.sim, cs, &person, &why), "a purchase with a coupon");
    is_int((int64_t)cs->intent->amount, 1250, "costs half");
    is_int((int64_t)cs->invoice->amount_paid, 1250, "and its invoice says the same");
    cs = open_session(s, "payment", pack, "&discounts[0][coupon]=ALL");
    ok(session_complete(s->w.sim, cs, &person, &why), "a purchase for nothing");
    ok(!cs->intent, "needs no payment");
    is(cs->payment_status, "no_payment_required", "and says so");
    cs = open_session(s, "subscription", s->price, "&discounts[0][coupon]=ALL");
    ok(session_complete(s->w.sim, cs, &person, &why), "a subscription whose first month is free");
    is_int((int64_t)cs->subscription->status, SUB_ACTIVE, "is active");
    pass(s, 31 * DAY + 2 * HOUR);
    is_int((int64_t)subscription_latest_invoice(cs->subscription)->amount_paid, 1000, "and then costs");
}

static void by_hand(struct shop *s)
{
    coupon(s, "HALF", "percent_off=50&duration=once");
    coupon(s, "OFF", "amount_off=7&currency=usd&duration=once");
    (void)ask(&s->w, "POST /v1/invoiceitems customer=%s&currency=usd&amount=200&discounts[0][coupon]=HALF",
              s->customer);
    (void)ask(&s->w, "POST /v1/invoiceitems customer=%s&currency=usd&amount=100", s->customer);
    (void)ask(&s->w, "POST /v1/invoices customer=%s&discounts[0][coupon]=OFF", s->customer);
    is_int((int64_t)number(s->w.answer, "total"), 100 + 100 - 7, "an item's discount is for its line alone");
    is_int((int64_t)json_array_size(form_at(s->w.answer, "discounts")), 1, "the invoice shows its own");
    is_int((int64_t)json_array_size(form_at(s->w.answer, "total_discount_amounts")), 2, "and counts both");
}

int main(void)
{
    static void (*const stories[])(struct shop *) = {once,     once_on_a_trial, repeating,  forever,
                                                     shapes,   restrictions,    applies_to, changes,
                                                     checkout, by_hand};

    amounts();
    shares_add_up();
    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
        struct shop s;
        shop_open(&s);
        stories[i](&s);
        world_close(&s.w);
    }
    return tap_done();
}
