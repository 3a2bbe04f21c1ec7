/* Answers and events in the shapes of older versions: every field that moved, was removed or came, one row each. */
// rooms: sim
#include "sim/events.h"
#include "sim/render.h"
#include "sim/versions.h"
#include "tests/unit/sim_fixture.h"
#include "tests/unit/tap.h"

#define ACACIA "2024-10-28.acacia"
#define OLDEST "2024-06-20"
#define BASIL  "2025-03-31.basil"
#define CLOVER "2025-09-30.clover"
#define DAHLIA "2026-03-25.dahlia"
#define ENDIVE "2026-10-28.endive"

/* Follow "a.0.b": a number is an index. Borrowed; NULL: absent. */
static json_t *at(json_t *json, const char *path)
{
    char key[64];

    while (json && *path) {
        size_t len = strcspn(path, ".");
        (void)snprintf(key, sizeof key, "%.*s", (int)len, path);
        json =
            json_is_array(json) ? json_array_get(json, strtoul(key, NULL, 10)) : json_object_get(json, key);
        path += len + (path[len] == '.');
    }
    return json;
}

/* What stands there as a short text: "absent", "null", "object", "[2]", a text, a number. */
static const char *said(json_t *value)
{
    static char text[256];

    if (!value)
        return "absent";
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_array(value))
        (void)snprintf(text, sizeof text, "[%zu]", json_array_size(value));
    else if (json_is_object(value))
        (void)snprintf(text, sizeof text, "{%s}",
                       json_is_string(json_object_get(value, "object")) ? form_text(value, "object") : "");
    else if (json_is_integer(value))
        (void)snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    else
        (void)snprintf(text, sizeof text, "%s",
                       json_is_null(value)   ? "null"
                       : json_is_true(value) ? "true"
                                             : "false");
    return text;
}

struct shop {
    struct world w;
    const char *price, *customer, *sub, *invoice, *intent, *charge, *item;
};

/* Ask in a version. */
static json_t *ask_in(struct world *w, const char *version, const char *method, const char *target,
                      const char *form)
{
    char path[256];
    const char *query = strchr(target, '?');
    struct api_request request = {.method = method,
                                  .path = path,
                                  .query = query ? query + 1 : "",
                                  .body = form,
                                  .body_len = form ? strlen(form) : 0,
                                  .authorization = "Bearer sk_test_unit",
                                  .version = version};
    struct api_answer answer;

    (void)snprintf(path, sizeof path, "%.*s", query ? (int)(query - target) : (int)strlen(target), target);
    api_handle(w->api, &request, &answer);
    json_decref(w->answer);
    w->status = answer.status;
    w->answer = json_loads(answer.body, 0, NULL);
    api_answer_release(&answer);
    return w->answer;
}

static void shop_open(struct shop *s)
{
    struct world *w = &s->w;

    world_open(w, 33);
    (void)ask(w,
              "POST /v1/prices product_data[name]=P&currency=usd&unit_amount=500&recurring[interval]=month");
    s->price = answer_id(w);
    (void)ask(w, "POST /v1/customers email=e&payment_method=pm_card_visa");
    s->customer = answer_id(w);
    (void)ask(w, "POST /v1/subscriptions customer=%s&items[0][price]=%s&items[0][quantity]=2&metadata[k]=v",
              s->customer, s->price);
    s->sub = answer_id(w);
    s->invoice = sim_text(w->sim, form_text(w->answer, "latest_invoice"));
    (void)ask(w, "GET /v1/invoices/%s?expand[]=payments.data.payment.payment_intent", s->invoice);
    s->intent = sim_text(w->sim, form_text(at(w->answer, "payments.data.0.payment.payment_intent"), "id"));
    s->charge =
        sim_text(w->sim, form_text(at(w->answer, "payments.data.0.payment.payment_intent"), "latest_charge"));
    (void)ask(w, "POST /v1/invoiceitems customer=%s&currency=usd&amount=70&description=extra", s->customer);
    s->item = answer_id(w);
}

/* In targets and expectations, %S %I %C %N %H %X stand for subscription, invoice, customer, intent, charge, item. */
static const char *fill_in(const struct shop *s, const char *text)
{
    static char out[2][256];
    static unsigned turn;
    char *to = out[turn ^= 1];
    size_t len = 0;

    for (; *text && len < 180; text++) {
        const char *id = NULL;
        if (*text == '%') {
            switch (text[1]) {
            case 'S': id = s->sub; break;
            case 'I': id = s->invoice; break;
            case 'C': id = s->customer; break;
            case 'N': id = s->intent; break;
            case 'H': id = s->charge; break;
            case 'X': id = s->item; break;
            case 'P': id = s->price; break;
            default: break;
            }
        }
        if (id)
            len += (size_t)snprintf(to + len, sizeof out[0] - len, "%s", id);
        else
            to[len++] = *text;
        text += id != NULL;
    }
    to[len] = '\0';
    return to;
}

// clang-format off: a table
static const struct {
    const char *target, *path;
    const char *day;          /* the first version with the new shape */
    const char *before, *now; /* what stands at path */
} moved[] = {
    {"/v1/subscriptions/%S", "current_period_start", BASIL, "1767225600", "absent"},
    {"/v1/subscriptions/%S", "current_period_end", BASIL, "1769904000", "absent"},
    {"/v1/subscriptions/%S", "items.data.0.current_period_end", BASIL, "absent", "1769904000"},
    {"/v1/subscriptions/%S", "items.total_count", BASIL, "1", "absent"},
    {"/v1/subscriptions/%S", "discount", BASIL, "null", "absent"},
    {"/v1/subscriptions/%S", "plan.id", BASIL, "%P", "absent"},
    {"/v1/subscriptions/%S", "quantity", BASIL, "2", "absent"},
    {"/v1/subscriptions/%S", "customer_account", "2025-12-15.clover", "absent", "null"},
    {"/v1/subscriptions/%S", "billing_mode", "2025-06-30.basil", "absent", "{}"},
    {"/v1/subscriptions/%S", "items.data.0.current_trial", "2026-09-30.endive", "absent", "null"},
    {"/v1/invoices/%I", "subscription", BASIL, "%S", "absent"},
    {"/v1/invoices/%I", "subscription_details.metadata.k", BASIL, "v", "absent"},
    {"/v1/invoices/%I", "parent.subscription_details.subscription", BASIL, "absent", "%S"},
    {"/v1/invoices/%I", "parent", BASIL, "absent", "{}"},
    {"/v1/invoices/%I", "quote", BASIL, "null", "absent"},
    {"/v1/invoices/%I", "charge", BASIL, "%H", "absent"},
    {"/v1/invoices/%I", "payment_intent", BASIL, "%N", "absent"},
    {"/v1/invoices/%I", "paid", BASIL, "true", "absent"},
    {"/v1/invoices/%I", "paid_out_of_band", BASIL, "false", "absent"},
    {"/v1/invoices/%I", "transfer_data", BASIL, "null", "absent"},
    {"/v1/invoices/%I", "application_fee_amount", BASIL, "null", "absent"},
    {"/v1/invoices/%I", "tax", BASIL, "null", "absent"},
    {"/v1/invoices/%I", "total_tax_amounts", BASIL, "[0]", "absent"},
    {"/v1/invoices/%I", "total_taxes", BASIL, "absent", "[0]"},
    {"/v1/invoices/%I", "discount", BASIL, "null", "absent"},
    {"/v1/invoices/%I", "amount_overpaid", BASIL, "absent", "0"},
    {"/v1/invoices/%I", "lines.data.0.price", BASIL, "{price}", "absent"},
    {"/v1/invoices/%I", "lines.data.0.plan", BASIL, "{plan}", "absent"},
    {"/v1/invoices/%I", "lines.data.0.type", BASIL, "subscription", "absent"},
    {"/v1/invoices/%I", "lines.data.0.proration", BASIL, "false", "absent"},
    {"/v1/invoices/%I", "lines.data.0.subscription_item", BASIL, "si_", "absent"},
    {"/v1/invoices/%I", "lines.data.0.tax_amounts", BASIL, "[0]", "absent"},
    {"/v1/invoices/%I", "lines.data.0.amount_excluding_tax", BASIL, "null", "absent"},
    {"/v1/invoices/%I", "lines.data.0.pricing.price_details.price", BASIL, "absent", "%P"},
    {"/v1/invoices/%I", "lines.data.0.parent.type", BASIL, "absent", "subscription_item_details"},
    {"/v1/invoices/%I", "lines.data.0.taxes", BASIL, "absent", "[0]"},
    {"/v1/invoices/%I", "lines.data.0.subtotal", "2025-12-15.clover", "absent", "1000"},
    {"/v1/invoices?limit=1", "data.0.subscription", BASIL, "%S", "absent"},
    {"/v1/invoices?limit=1", "total_count", BASIL, "absent", "absent"},
    {"/v1/invoiceitems/%X", "parent", BASIL, "absent", "null"},
    {"/v1/invoiceitems/%X", "price", BASIL, "null", "absent"},
    {"/v1/invoiceitems/%X", "subscription", BASIL, "null", "absent"},
    {"/v1/invoiceitems/%X", "unit_amount", BASIL, "null", "absent"},
    {"/v1/charges/%H", "invoice", BASIL, "%I", "absent"},
    {"/v1/payment_intents/%N", "invoice", BASIL, "%I", "absent"},
    {"/v1/payment_intents/%N", "payment_record", "2026-09-30.endive", "absent", "null"},
    {"/v1/customers/%C", "discount", BASIL, "null", "null"},
    {"/v1/customers/%C", "customer_account", "2025-12-15.clover", "absent", "null"},
    {"/v1/products?limit=1", "data.0.tax_details", "2026-09-30.endive", "absent", "null"},
};

static const struct {
    const char *version, *target, *path, *expected; /* NULL path: the status */
} expansions[] = {
    {ACACIA, "/v1/invoices?expand[]=data.payments", NULL, "400"},
    {BASIL, "/v1/invoices?expand[]=data.payments", "data.0.payments.data.0.status", "paid"},
    {ENDIVE, "/v1/invoices?expand[]=data.charge", NULL, "400"},
    {ACACIA, "/v1/invoices?expand[]=data.charge", "data.0.charge.invoice", "%I"},
    {ACACIA, "/v1/invoices/%I?expand[]=payment_intent.latest_charge", "payment_intent.latest_charge.id",
     "%H"},
    {ACACIA, "/v1/invoices/%I?expand[]=subscription", "subscription.current_period_end", "1769904000"},
    {ACACIA, "/v1/invoices/%I?expand[]=parent.subscription_details.subscription", NULL, "400"},
    {ACACIA, "/v1/subscriptions/%S?expand[]=latest_invoice.charge", "latest_invoice.charge.id", "%H"},
    {ACACIA, "/v1/charges/%H?expand[]=invoice.subscription", "invoice.subscription.id", "%S"},
    {BASIL, "/v1/charges/%H?expand[]=invoice", NULL, "400"},
    {ACACIA, "/v1/invoices/%I?expand[]=lines.data.price.product", "lines.data.0.price.product.name", "P"},
    {BASIL, "/v1/invoices/%I?expand[]=lines.data.pricing.price_details.price", NULL, "400"},
    {ACACIA, "/v1/invoice_payments?invoice=%I", NULL, "404"},
    {BASIL, "/v1/invoice_payments?invoice=%I", NULL, "200"},
    {OLDEST, "/v1/subscriptions/%S", "current_period_end", "1769904000"},
    {"2025-03-30", "/v1/subscriptions/%S", NULL, "400"},
};
// clang-format on

/* A version just before the day of another. */
static const char *version_before_that(const char *version)
{
    return strcmp(version, BASIL) == 0                 ? "2025-02-24.acacia"
           : strcmp(version, "2025-06-30.basil") == 0  ? "2025-05-28.basil"
           : strcmp(version, "2025-12-15.clover") == 0 ? "2025-11-17.clover"
                                                       : "2026-08-26.dahlia";
}

static bool is_said(json_t *value, const char *expected)
{
    const char *text = said(value);

    return strcmp(expected, "si_") == 0 ? strncmp(text, expected, 3) == 0 : strcmp(text, expected) == 0;
}

static void test_moved(struct shop *s)
{
    for (size_t i = 0; i < sizeof moved / sizeof *moved; i++) {
        const char *target = fill_in(s, moved[i].target);
        json_t *old = json_incref(ask_in(&s->w, version_before_that(moved[i].day), "GET", target, NULL));
        bool ok = is_said(at(old, moved[i].path), fill_in(s, moved[i].before));
        json_t *now = ask_in(&s->w, moved[i].day, "GET", target, NULL);
        tap_ok(ok && is_said(at(now, moved[i].path), fill_in(s, moved[i].now)),
               "%s: %s is %s before %s, then %s", moved[i].target, moved[i].path, moved[i].before,
               moved[i].day, moved[i].now);
        json_decref(old);
    }
}

static void test_expansions(struct shop *s)
{
    char status[16];

    for (size_t i = 0; i < sizeof expansions / sizeof *expansions; i++) {
        const char *target = fill_in(s, expansions[i].target);
        json_t *answer = ask_in(&s->w, expansions[i].version, "GET", target, NULL);
        (void)snprintf(status, sizeof status, "%d", s->w.status);
        tap_ok(expansions[i].path
                   ? is_said(at(answer, expansions[i].path), fill_in(s, expansions[i].expected))
                   : strcmp(status, expansions[i].expected) == 0,
               "%s: %s gives %s", expansions[i].version, expansions[i].target, expansions[i].expected);
    }
}

/* --- events --- */

static json_t *body_in(const struct sim_event *event, const char *version)
{
    char *text = event_body(event, version, false);
    json_t *body = json_loads(text, 0, NULL);

    free(text);
    return body;
}

static const struct sim_event *last_of(const struct sim *sim, const char *type)
{
    const struct list *events = &sim->all[TYPE_EVENT];
    size_t i = events->count;

    while (i-- > 0)
        if (strcmp(((const struct sim_event *)events->at[i])->type, type) == 0)
            return (const struct sim_event *)events->at[i];
    return NULL;
}

static void test_events(struct shop *s)
{
    struct world *w = &s->w;

    (void)ask(w, "POST /v1/webhook_endpoints url=http://x/&enabled_events[]=*&api_version=" ACACIA);
    (void)ask(w, "POST /v1/subscriptions/%s trial_end=%lld", s->sub, (long long)(w->sim->now + 10 * DAY));
    (void)sim_advance(w->sim, w->sim->now + 32 * DAY);
    const struct sim_event *event = last_of(w->sim, "customer.subscription.updated");
    json_t *old = body_in(event, ACACIA), *now = body_in(event, NULL);
    tap_ok(is_said(at(old, "api_version"), ACACIA) && is_said(at(now, "api_version"), ENDIVE),
           "an event says the version it is told in");
    tap_ok(json_is_integer(at(old, "data.object.current_period_end")) &&
               !at(now, "data.object.current_period_end"),
           "and has its shape");
    event = last_of(w->sim, "invoice.paid");
    json_decref(old);
    json_decref(now);
    old = body_in(event, ACACIA);
    now = body_in(event, NULL);
    tap_ok(is_said(at(old, "data.object.subscription"), s->sub) && !at(now, "data.object.subscription"),
           "one event, two shapes of an invoice");
    json_decref(old);
    json_decref(now);

    size_t changes = 0, periods = 0;
    for (size_t i = 0; i < w->sim->all[TYPE_EVENT].count; i++) {
        event = (const struct sim_event *)w->sim->all[TYPE_EVENT].at[i];
        if (strcmp(event->type, "customer.subscription.updated") != 0)
            continue;
        now = body_in(event, NULL);
        old = body_in(event, ACACIA);
        if (at(now, "data.previous_attributes.items")) {
            changes++;
            periods += at(old, "data.previous_attributes.current_period_end") != NULL;
        }
        json_decref(old);
        json_decref(now);
    }
    tap_ok(changes && periods == changes,
           "a new period shows among the old values of both shapes: %zu of %zu", periods, changes);

    w->sim->api_version = version_known(BASIL);
    (void)ask(w, "POST /v1/customers/%s name=N", s->customer);
    w->sim->api_version = version_known(ENDIVE);
    event = last_of(w->sim, "customer.updated");
    json_t *listed = ask_in(w, ACACIA, "GET", "/v1/events?type=customer.updated&limit=1", NULL);
    tap_ok(is_said(at(listed, "data.0.api_version"), BASIL),
           "the list of events says the account's version of then, whatever is asked for");
}

static void test_pure(struct shop *s)
{
    const struct list *events = &s->w.sim->all[TYPE_EVENT];
    bool same = true;

    for (size_t i = 0; i < events->count; i++) {
        const struct sim_event *event = (const struct sim_event *)events->at[i];
        if (event->thin_only)
            continue;
        json_t *data = json_loads(event->data, 0, NULL), *copy = json_deep_copy(data);
        version_shape(s->w.sim, ENDIVE, copy);
        same = same && json_equal(data, copy);
        json_decref(copy);
        json_decref(data);
    }
    tap_ok(same, "the newest version is left as it is");
    tap_ok(!version_has_event(ACACIA, "invoice_payment.paid") && version_has_event(BASIL, "refund.created") &&
               !version_has_event(OLDEST, "refund.created") && version_has_event(OLDEST, "invoice.paid"),
           "types of events have their first version");
    tap_ok(version_known("2026-10-28.endive") && !version_known("2026-10-28") && !version_known(NULL),
           "a version is known by its whole name");
}

int main(void)
{
    struct shop s;

    shop_open(&s);
    test_moved(&s);
    test_expansions(&s);
    test_events(&s);
    test_pure(&s);
    world_close(&s.w);
    return tap_done();
}
