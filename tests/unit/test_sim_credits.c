/* What credits are computed from: products with a past, test clocks, backdated and long periods, the lines of invoices. */
// rooms: sim
#include "sim/product.h"
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

static int64_t number(json_t *json, const char *path)
{
    int64_t value = -1;

    (void)form_integer(json, path, &value);
    return value;
}

/* Of the subscription that was answered. */
static json_t *first_item(struct world *w)
{
    return json_array_get(form_at(w->answer, "items.data"), 0);
}

static const char *price(struct world *w, int amount, const char *more)
{
    (void)ask(w, "POST /v1/prices currency=usd&unit_amount=%d%s", amount, more);
    return answer_id(w);
}

static const char *customer(struct world *w, const char *more)
{
    (void)ask(w, "POST /v1/customers email=p%%40example.com%s", more);
    return answer_id(w);
}

/* "10-20 1000, 20-51 3000": days from `from` on that the lines of an invoice are for, and their amounts; free(). */
static char *lines_of(json_t *invoice, int64_t from)
{
    json_t *data = form_at(invoice, "lines.data"), *line;
    char *text = calloc(1, json_array_size(data) * 64 + 1);
    size_t index;

    json_array_foreach(data, index, line)(void)
        sprintf(text + strlen(text), "%s%lld-%lld %lld", index ? ", " : "",
                (long long)(number(line, "period.start") - from) / DAY,
                (long long)(number(line, "period.end") - from) / DAY, (long long)number(line, "amount"));
    return text;
}

static void lines_are(struct world *w, const char *subscription, int64_t from, const char *wanted,
                      const char *what)
{
    (void)ask(w, "GET /v1/invoices?subscription=%s&limit=1", subscription);
    char *got = lines_of(json_array_get(form_at(w->answer, "data"), 0), from);
    is(got, wanted, what);
    free(got);
}

static void products_remember(struct world *w)
{
    (void)ask(w,
              "POST /v1/products name=Team&metadata[instep_plan]=team&metadata[instep_monthly_credits]=200");
    const char *id = answer_id(w);
    struct product *p = sim_find_type(w->sim, id, TYPE_PRODUCT);
    int64_t made = w->sim->now;

    is_int(number(w->answer, "updated"), made, "a new product was updated when it was made");
    sim_advance(w->sim, made + DAY);
    w->mark = w->sim->events_total;
    (void)ask(w, "POST /v1/products/%s metadata[instep_monthly_credits]=250", id);
    is_int(number(w->answer, "updated"), made + DAY, "changed, it is updated");
    is(form_text(w->answer, "metadata.instep_plan"), "team", "what was not named stays");
    char *events = new_events(w);
    is(events, "product.updated", "the change is told");
    free(events);
    (void)ask(w, "POST /v1/products/%s metadata[instep_monthly_credits]=250", id);
    (void)ask(w, "POST /v1/products/%s active=false", id);
    (void)ask(w, "POST /v1/products/%s metadata[instep_monthly_credits]=300", id);
    ok(p->versions->later == p->newest && !p->newest->later,
       "a version for each moment at which it said something else");
    is(json_string_value(
           json_object_get(product_version_at(p, made + DAY - 1)->metadata, "instep_monthly_credits")),
       "200", "what it said before");
    is(json_string_value(
           json_object_get(product_version_at(p, made + DAY)->metadata, "instep_monthly_credits")),
       "300", "and from the change on");
    ok(product_version_at(p, made - 1) == p->versions, "before it was made it says the first");
    (void)ask(w,
              "POST /v1/prices currency=usd&unit_amount=5&product_data[name]=X&product_data[metadata][a]=b");
    (void)ask(w, "GET /v1/products/%s", sim_text(w->sim, form_text(w->answer, "product")));
    is(form_text(w->answer, "metadata.a"), "b", "a product made with its price has metadata too");
}

static void test_clocks(struct world *w)
{
    const char *monthly = price(w, 1000, "&recurring[interval]=month&product_data[name]=P");
    int64_t begin = w->sim->now;

    (void)ask(w, "POST /v1/test_helpers/test_clocks frozen_time=%lld&name=Renewal", (long long)begin);
    const char *clock = answer_id(w);
    is(form_text(w->answer, "object"), "test_helpers.test_clock", "a test clock");
    is_int(number(w->answer, "frozen_time"), begin, "begins now");
    (void)ask(w, "POST /v1/test_helpers/test_clocks frozen_time=%lld", (long long)begin + 1);
    is_int(w->status, 400, "one in the future does not");
    (void)ask(w, "POST /v1/customers test_clock=clock_none");
    is_int(w->status, 400, "nobody lives on a clock that is not there");
    const char *cus =
        customer(w, (const char *)sim_format(w->sim, "&payment_method=pm_card_visa&test_clock=%s", clock));
    is(form_text(w->answer, "test_clock"), clock, "a customer on it");
    (void)ask(w, "POST /v1/subscriptions customer=%s&items[0][price]=%s&expand[]=latest_invoice", cus,
              monthly);
    const char *sub = answer_id(w);
    is(form_text(w->answer, "test_clock"), clock, "whose subscription is on it");
    is(form_text(w->answer, "latest_invoice.test_clock"), clock, "and whose invoice");
    (void)ask(w, "GET /v1/customers");
    is_int((int64_t)json_array_size(form_at(w->answer, "data")), 0, "customers on a clock are not listed");
    (void)ask(w, "GET /v1/customers?test_clock=%s", clock);
    is_int((int64_t)json_array_size(form_at(w->answer, "data")), 1, "unless it is named");
    (void)ask(w, "GET /v1/subscriptions?status=all");
    is_int((int64_t)json_array_size(form_at(w->answer, "data")), 0, "nor are their subscriptions");
    (void)ask(w, "GET /v1/subscriptions?customer=%s", cus);
    is_int((int64_t)json_array_size(form_at(w->answer, "data")), 1, "unless their customer is");
    (void)ask(w, "POST /v1/test_helpers/test_clocks/%s/advance frozen_time=%lld", clock, (long long)begin);
    is_int(w->status, 400, "it goes forward only");
    (void)ask(w, "POST /v1/test_helpers/test_clocks/%s/advance frozen_time=%lld", clock,
              (long long)begin + 32 * DAY);
    is_int(number(w->answer, "frozen_time"), begin + 32 * DAY, "advanced by a month");
    lines_are(w, sub, begin, "31-59 1000", "it has done what was due");
    (void)ask(w, "GET /v1/events?type=invoice.paid&limit=1");
    ok(json_is_null(form_at(json_array_get(form_at(w->answer, "data"), 0), "request.id")),
       "which nobody asked for");
}

static void backdated(struct world *w)
{
    const char *monthly = price(w, 3100, "&recurring[interval]=month&product_data[name]=P");
    const char *cus = customer(w, "&payment_method=pm_card_visa");
    int64_t now = w->sim->now; /* 1 January */
    const char *order =
        sim_format(w->sim, "customer=%s&items[0][price]=%s&backdate_start_date", cus, monthly);

    (void)ask(w, "POST /v1/subscriptions %s=%lld", order, (long long)now);
    is_int(w->status, 400, "backdated to now is not backdated");
    (void)ask(w, "POST /v1/subscriptions %s=%lld", order, (long long)now - 41 * DAY);
    is_int(number(w->answer, "start_date"), now - 41 * DAY, "backdated to 21 November");
    is_int(number(w->answer, "billing_cycle_anchor"), now, "its cycle begins now");
    is_int(number(w->answer, "created"), now, "and so does it");
    is_int(number(first_item(w), "current_period_start"), now, "and its first period");
    lines_are(w, answer_id(w), now, "-41-0 4200, 0-31 3100",
              "billed for a month, 11 of 31 days, and the month to come");
    (void)ask(w, "POST /v1/subscriptions %s=%lld&billing_mode[type]=flexible", order,
              (long long)now - 41 * DAY);
    lines_are(w, answer_id(w), now, "-41--11 3100, -11-0 1100, 0-31 3100",
              "flexible: a line for each month that has gone");
    (void)ask(w, "POST /v1/subscriptions %s=%lld&proration_behavior=none", order, (long long)now - 41 * DAY);
    is_int(number(w->answer, "start_date"), now - 41 * DAY, "only in name");
    lines_are(w, answer_id(w), now, "0-31 3100", "nothing is billed for what has gone");
    (void)ask(w, "POST /v1/subscriptions %s=%lld&billing_cycle_anchor=%lld", order, (long long)now - 10 * DAY,
              (long long)now + 10 * DAY);
    is_int(number(first_item(w), "current_period_start"), now - 10 * DAY,
           "with an anchor to come, the first period began in the past");
    lines_are(w, answer_id(w), now, "-10-10 2000", "and is billed as one");
    sim_advance(w->sim, now + 10 * DAY + 2 * HOUR);
    lines_are(w, answer_id(w), now, "10-41 3100", "the next one is whole");
}

static void long_periods(struct world *w)
{
    const char *quarterly =
        price(w, 9000, "&recurring[interval]=month&recurring[interval_count]=3&product_data[name]=Q");
    const char *yearly = price(w, 30000, "&recurring[interval]=year&product_data[name]=Y");
    const char *cus = customer(w, "&payment_method=pm_card_visa");

    sim_advance(w->sim, w->sim->now + 30 * DAY); /* 31 January */
    int64_t begin = w->sim->now;
    (void)ask(w, "POST /v1/subscriptions customer=%s&items[0][price]=%s", cus, quarterly);
    const char *sub = answer_id(w);
    lines_are(w, sub, begin, "0-89 9000", "a quarter from 31 January ends on 30 April");
    sim_advance(w->sim, begin + 90 * DAY);
    lines_are(w, sub, begin, "89-181 9000", "the next one keeps the anchor's day");
    begin = w->sim->now;
    (void)ask(w, "POST /v1/subscriptions customer=%s&items[0][price]=%s", cus, yearly);
    lines_are(w, answer_id(w), begin, "0-365 30000", "a year");
}

static void incomplete_then_paid(struct world *w)
{
    const char *monthly = price(w, 1000, "&recurring[interval]=month&product_data[name]=P");
    const char *cus = customer(w, "&payment_method=pm_card_visa");

    (void)ask(w, "POST /v1/subscriptions customer=%s&items[0][price]=%s&payment_behavior=default_incomplete",
              cus, monthly);
    const char *sub = answer_id(w), *invoice = sim_text(w->sim, form_text(w->answer, "latest_invoice"));
    is(form_text(w->answer, "status"), "incomplete", "default_incomplete waits for a payment");
    int64_t end = number(first_item(w), "current_period_end");
    sim_advance(w->sim, w->sim->now + 5 * HOUR);
    (void)ask(w, "POST /v1/invoices/%s/pay", invoice);
    is(form_text(w->answer, "status"), "paid", "which comes");
    (void)ask(w, "GET /v1/subscriptions/%s", sub);
    is(form_text(w->answer, "status"), "active", "then it is active");
    is_int(number(first_item(w), "current_period_end"), end, "in the same period");
    sim_advance(w->sim, end + 2 * HOUR);
    (void)ask(w, "GET /v1/subscriptions/%s", sub);
    ok(number(first_item(w), "current_period_start") == end, "and renews");
}

/* Seven changes of the quantity amid a month: fourteen prorations besides the period on the next invoice. */
static void many_lines(struct world *w)
{
    const char *seats = price(w, 1000, "&recurring[interval]=month&product_data[name]=P");
    const char *cus = customer(w, "&payment_method=pm_card_visa");
    unsigned seen = 0, prorations = 0, pages = 0;
    int64_t sum = 0;
    char after[80] = "";

    (void)ask(w, "POST /v1/subscriptions customer=%s&items[0][price]=%s", cus, seats);
    const char *sub = answer_id(w);
    for (int i = 2; i <= 8; i++) {
        sim_advance(w->sim, w->sim->now + DAY);
        (void)ask(w, "GET /v1/subscriptions/%s", sub);
        const char *item = sim_text(w->sim, form_text(first_item(w), "id"));
        (void)ask(w, "POST /v1/subscriptions/%s items[0][id]=%s&items[0][quantity]=%d", sub, item, i);
    }
    sim_advance(w->sim, w->sim->now + 25 * DAY);
    (void)ask(w, "GET /v1/invoices?subscription=%s&limit=1", sub);
    json_t *invoice = json_array_get(form_at(w->answer, "data"), 0);
    const char *id = sim_text(w->sim, form_text(invoice, "id"));
    int64_t total = number(invoice, "total");
    is_int((int64_t)json_array_size(form_at(invoice, "lines.data")), 10, "an invoice holds ten of its lines");
    ok(json_is_true(form_at(invoice, "lines.has_more")), "and says that there are more");
    for (bool more = true; more && pages < 9; pages++) {
        json_t *line;
        size_t index;
        (void)ask(w, "GET /v1/invoices/%s/lines?limit=4%s", id, after);
        json_array_foreach(form_at(w->answer, "data"), index, line)
        {
            seen++;
            sum += number(line, "amount");
            prorations += json_is_true(form_at(line, "parent.invoice_item_details.proration"));
            (void)snprintf(after, sizeof after, "&starting_after=%s", form_text(line, "id"));
        }
        more = json_is_true(form_at(w->answer, "has_more"));
    }
    is_int(seen, 15, "page by page they are fifteen");
    is_int(pages, 4, "on four pages");
    is_int(prorations, 14, "a credit and a debit for each change");
    is_int(sum, total, "which add up to the total");
}

int main(void)
{
    static void (*const tests[])(struct world *) = {products_remember, test_clocks,          backdated,
                                                    long_periods,      incomplete_then_paid, many_lines};

    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        struct world w;
        world_open(&w, 1);
        tests[i](&w);
        world_close(&w);
    }
    return tap_done();
}
