/* The simulated API refuses what Stripe refuses: unknown parameters, properties, versions and accounts. */
// rooms: sim
#include "tests/unit/sim_fixture.h"
#include "tests/unit/tap.h"

/* One of everything, so that a request is refused for the reason under test and for no other. */
struct shop {
    struct world w;
    const char *price, *customer, *sub, *session, *invoice, *item;
};

static void shop_open(struct shop *s)
{
    world_open(&s->w, 21);
    (void)ask(&s->w,
              "POST /v1/prices product_data[name]=P&currency=usd&unit_amount=500&recurring[interval]=month");
    s->price = answer_id(&s->w);
    (void)ask(&s->w, "POST /v1/customers email=e&payment_method=pm_card_visa");
    s->customer = answer_id(&s->w);
    (void)ask(&s->w, "POST /v1/subscriptions customer=%s&items[0][price]=%s", s->customer, s->price);
    s->sub = answer_id(&s->w);
    s->invoice = sim_text(s->w.sim, form_text(s->w.answer, "latest_invoice"));
    s->item = sim_text(s->w.sim, form_text(json_array_get(form_at(s->w.answer, "items.data"), 0), "id"));
    (void)ask(&s->w, "POST /v1/checkout/sessions mode=subscription&line_items[0][price]=%s", s->price);
    s->session = answer_id(&s->w);
}

static bool is_text(const char *text, const char *wanted)
{
    return wanted ? text && strcmp(text, wanted) == 0 : !text;
}

/* --- parameters --- */

/* In a request, %S %P %C %K %V and %I stand for the shop's subscription, price, customer, Checkout session, invoice and item. */
static const char *fill_in(const struct shop *s, const char *request)
{
    static char text[1024];
    size_t len = 0;

    for (; *request && len < sizeof text - 100; request++) {
        const char *id = NULL;
        if (*request == '%')
            id = request[1] == 'S'   ? s->sub
                 : request[1] == 'P' ? s->price
                 : request[1] == 'C' ? s->customer
                 : request[1] == 'K' ? s->session
                 : request[1] == 'V' ? s->invoice
                 : request[1] == 'I' ? s->item
                                     : NULL;
        if (id)
            len += (size_t)sprintf(text + len, "%s", id);
        else
            text[len++] = *request;
        request += id != NULL;
    }
    text[len] = '\0';
    return text;
}

static const struct {
    const char *name, *request, *code, *param; /* code NULL: accepted; "": refused without one */
} params[] = {
    {"an unknown parameter of a list", "GET /v1/subscriptions?limit=101&nonsense=1", "parameter_unknown",
     "nonsense"},
    {"a limit beyond the maximum is clamped", "GET /v1/subscriptions?limit=101", NULL, NULL},
    {"a limit of 0 is clamped", "GET /v1/subscriptions?limit=0", NULL, NULL},
    {"every filter of subscriptions",
     "GET /v1/subscriptions?customer=%C&status=all&price=%P&collection_method=charge_automatically"
     "&created[gt]=1&created[gte]=1&created[lt]=9999999999&created[lte]=9999999999&expand[]=data.customer",
     NULL, NULL},
    {"created as no moment", "GET /v1/invoices?created[gte]=yesterday", "parameter_invalid_integer",
     "created"},
    {"a key of metadata that is too long",
     "POST /v1/customers metadata[kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk]=v", "", "metadata"},
    {"and one that is not", "POST /v1/customers metadata[kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk]=v", NULL,
     NULL},
    {"created as a moment", "GET /v1/invoices?created=1767225600", NULL, NULL},
    {"a bound that created does not have", "GET /v1/invoices?created[after]=1", "parameter_unknown",
     "created[after]"},
    {"subscription items have no created filter", "GET /v1/subscription_items?subscription=%S&created[gt]=1",
     "parameter_unknown", "created"},
    {"a filter of another list", "GET /v1/payment_intents?status=succeeded", "parameter_unknown", "status"},
    {"nothing but expand on a get", "GET /v1/subscriptions/%S?limit=1", "parameter_unknown", "limit"},
    {"expand on a get", "GET /v1/subscriptions/%S?expand[]=customer&expand[1]=latest_invoice", NULL, NULL},
    {"expand as a text", "GET /v1/subscriptions/%S?expand=customer", "", "expand"},
    {"a nested name on create", "POST /v1/subscriptions customer=%C&items[0][price]=%P&items[0][plan]=x",
     "parameter_unknown", "items[0][plan]"},
    {"a list indexed by a word", "POST /v1/subscriptions customer=%C&items[first][price]=%P",
     "parameter_unknown", "items[first]"},
    {"a list as a text", "POST /v1/subscriptions customer=%C&items=%P", "", "items"},
    {"a text as a hash", "POST /v1/customers email[home]=a", "", "email"},
    {"any key of metadata", "POST /v1/customers/%C metadata[anything]=1", NULL, NULL},
    {"but not two levels of it", "POST /v1/customers/%C metadata[a][b]=1", "", "metadata[a]"},
    {"an action without parameters", "POST /v1/checkout/sessions/%K/expire force=true", "parameter_unknown",
     "force"},
    {"a deletion", "DELETE /v1/customers/%C?really=1", "parameter_unknown", "really"},
    {"an unknown parameter comes before an unknown object", "GET /v1/subscriptions/sub_none?nonsense=1",
     "parameter_unknown", "nonsense"},
    {"a page of a session's lines", "GET /v1/checkout/sessions/%K/line_items?limit=100", NULL, NULL},
    {"thin events by object", "GET /v2/core/events?object_id=%C&limit=3&types[0]=v1.customer.created", NULL,
     NULL},
    {"thin events know no cursor by id", "GET /v2/core/events?starting_after=evt_1", "parameter_unknown",
     "starting_after"},
    {"nor expand", "GET /v2/core/events?expand[]=data", "parameter_unknown", "expand"},
    {"the account", "GET /v1/account?nonsense=1", "parameter_unknown", "nonsense"},
    {"a price of nine digits", "POST /v1/prices product_data[name]=P&currency=usd&unit_amount=100000000",
     "amount_too_large", "amount"},
    {"a price of a thousandth dinar", "POST /v1/prices product_data[name]=P&currency=kwd&unit_amount=1001",
     "parameter_invalid_integer", "amount"},
    {"a price in no currency", "POST /v1/prices product_data[name]=P&currency=xxx&unit_amount=100", "",
     "currency"},
    {"a price with metadata that is a text, and no product is made on the way",
     "POST /v1/prices product_data[name]=P&currency=usd&unit_amount=100&metadata=x", "", "metadata"},
    {"more of a price than a payment can be",
     "POST /v1/subscriptions customer=%C&items[0][price]=%P&items[0][quantity]=200000", "amount_too_large",
     "items"},
    {"the same of one that runs", "POST /v1/subscription_items/%I quantity=200000", "amount_too_large",
     "items"},
    {"a negative trial", "POST /v1/subscriptions customer=%C&items[0][price]=%P&trial_period_days=-3",
     "parameter_invalid_integer", "trial_period_days"},
    {"a trial of three years", "POST /v1/subscriptions customer=%C&items[0][price]=%P&trial_period_days=1095",
     "parameter_invalid_integer", "trial_period_days"},
    {"a trial without end",
     "POST /v1/subscriptions customer=%C&items[0][price]=%P&trial_end=9223372036854775807", "", "trial_end"},
    {"a trial that ended at the epoch", "POST /v1/subscriptions/%S trial_end=0", "", "trial_end"},
    {"cancellation in the past", "POST /v1/subscriptions/%S cancel_at=1", "", "cancel_at"},
    {"cancellation some day", "POST /v1/subscriptions customer=%C&items[0][price]=%P&cancel_at=soon",
     "parameter_invalid_integer", "cancel_at"},
    {"days until due below zero", "POST /v1/subscriptions/%S days_until_due=-1", "parameter_invalid_integer",
     "days_until_due"},
    {"a coupon of nine digits", "POST /v1/coupons amount_off=9223372036854775807&currency=usd",
     "amount_too_large", "amount"},
    {"a coupon for ever and a day",
     "POST /v1/coupons percent_off=5&duration=repeating&duration_in_months=9223372036854775807",
     "parameter_invalid_integer", "duration_in_months"},
    {"an empty id of a coupon is none", "POST /v1/coupons percent_off=5&id=", NULL, NULL},
    {"the smallest number as an invoice item",
     "POST /v1/invoiceitems customer=%C&currency=usd&amount=-9223372036854775808", "amount_too_large",
     "amount"},
    {"the largest number to the balance",
     "POST /v1/credit_notes invoice=%V&amount=200&credit_amount=9223372036854775807"
     "&refund_amount=9223372036854775807",
     "amount_too_large", "credit_amount"},
    {"a phase without end",
     "POST /v1/subscription_schedules customer=%C&phases[0][items][0][price]=%P"
     "&phases[0][end_date]=9223372036854775807",
     "", "phases[0][end_date]"},
    {"a phase prorated somehow",
     "POST /v1/subscription_schedules customer=%C&phases[0][items][0][price]=%P&phases[0][iterations]=1"
     "&phases[0][proration_behavior]=somehow",
     "", "phases[0][proration_behavior]"},
    {"a session of countless things",
     "POST /v1/checkout/sessions mode=payment&line_items[0][price]=%P"
     "&line_items[0][quantity]=9223372036854775807",
     "parameter_invalid_integer", "line_items[0][quantity]"},
    {"a session for a week",
     "POST /v1/checkout/sessions mode=subscription&line_items[0][price]=%P&expires_at=1767830400", "",
     "expires_at"},
};

/* An id stands in a path as any text does. */
static void test_ids_in_paths(void)
{
    struct shop s;

    shop_open(&s);
    (void)ask(&s.w, "POST /v1/coupons percent_off=5&id=a+b%%2Fc%%25");
    (void)ask(&s.w, "GET /v1/coupons/a%%20b%%2Fc%%25");
    tap_ok(s.w.status == 200 && is_text(form_text(s.w.answer, "id"), "a b/c%"),
           "a coupon whose id has blanks and slashes is found");
    (void)ask(&s.w, "GET /v1/coupons/%%ff%%00%%zz");
    tap_ok(s.w.status == 404, "escapes that are no text are not taken apart");
    (void)ask(&s.w, "GET /v1/coupons/%%ff");
    tap_ok(s.w.status == 404, "nor are bytes that are not UTF-8");
    world_close(&s.w);
}

/* What a payment left on the account's balance can be paid out some days later. */
static void test_available(void)
{
    struct shop s;

    shop_open(&s);
    sim_advance(s.w.sim, s.w.sim->now + 10);
    (void)ask(&s.w, "GET /v1/balance_transactions");
    tap_ok(is_text(form_text(json_array_get(form_at(s.w.answer, "data"), 0), "status"), "pending"),
           "a balance transaction is pending");
    sim_advance(s.w.sim, s.w.sim->now + 8 * DAY);
    (void)ask(&s.w, "GET /v1/balance_transactions");
    tap_ok(is_text(form_text(json_array_get(form_at(s.w.answer, "data"), 0), "status"), "available"),
           "and then available");
    world_close(&s.w);
}

/* At most 50 keys, and texts of 500 characters, however many bytes they take. */
static void test_metadata_size(void)
{
    struct shop s;
    char text[8192] = "metadata[a]=";

    shop_open(&s);
    for (int i = 0; i < 500; i++)
        strcat(text, "\xC3\xA9");
    (void)ask(&s.w, "POST /v1/customers %s", text);
    tap_ok(s.w.status == 200, "500 characters of two bytes");
    strcat(text, "x");
    (void)ask(&s.w, "POST /v1/customers %s", text);
    tap_ok(s.w.status == 400, "501 are too many");
    *text = '\0';
    for (int i = 0; i <= 50; i++)
        sprintf(text + strlen(text), "metadata[k%d]=1&", i);
    (void)ask(&s.w, "POST /v1/customers %s", text);
    tap_ok(s.w.status == 400, "51 keys are too many");
    world_close(&s.w);
}

/* What is refused leaves nothing behind. */
static void test_refused_details(void)
{
    struct shop s;

    shop_open(&s);
    (void)ask(&s.w, "POST /v1/subscriptions/%s cancellation_details[comment]=x&trial_end=1", s.sub);
    tap_ok(s.w.status == 400, "a change that cannot be");
    (void)ask(&s.w, "POST /v1/subscriptions/%s cancellation_details[comment]=x&items[0][price]=none", s.sub);
    (void)ask(&s.w, "GET /v1/subscriptions/%s", s.sub);
    tap_ok(!form_text(s.w.answer, "cancellation_details.comment"), "leaves no comment behind");
    world_close(&s.w);
}

static void test_parameters(void)
{
    for (size_t i = 0; i < sizeof params / sizeof *params; i++) {
        struct shop s;
        shop_open(&s);
        size_t events = s.w.sim->events_total;
        (void)ask(&s.w, "%s", fill_in(&s, params[i].request));
        if (!params[i].code) {
            tap_ok(s.w.status == 200, "accepted: %s", params[i].name);
        } else {
            const char *code = *params[i].code ? params[i].code : NULL;
            tap_ok(s.w.status == 400 &&
                       is_text(form_text(s.w.answer, "error.type"), "invalid_request_error") &&
                       is_text(form_text(s.w.answer, "error.code"), code) &&
                       is_text(form_text(s.w.answer, "error.param"), params[i].param) &&
                       s.w.sim->events_total == events,
                   "refused, and nothing happens: %s", params[i].name);
        }
        world_close(&s.w);
    }
}

static void test_lines_page(void)
{
    struct shop s;

    shop_open(&s);
    (void)ask(&s.w,
              "POST /v1/checkout/sessions mode=subscription&line_items[0][price]=%s&line_items[1][price]=%s",
              s.price, s.price);
    const char *session = answer_id(&s.w);
    (void)ask(&s.w, "GET /v1/checkout/sessions/%s/line_items?limit=1", session);
    tap_ok(json_array_size(form_at(s.w.answer, "data")) == 1 && json_is_true(form_at(s.w.answer, "has_more")),
           "a session's lines come in pages");
    const char *first = sim_text(s.w.sim, form_text(json_array_get(form_at(s.w.answer, "data"), 0), "id"));
    (void)ask(&s.w, "GET /v1/checkout/sessions/%s/line_items?starting_after=%s", session, first);
    tap_ok(json_array_size(form_at(s.w.answer, "data")) == 1 &&
               json_is_false(form_at(s.w.answer, "has_more")) &&
               strcmp(form_text(json_array_get(form_at(s.w.answer, "data"), 0), "id"), first) != 0,
           "and the second follows the first");
    world_close(&s.w);
}

/* --- expansion --- */

static const struct {
    const char *name, *request, *says; /* says NULL: accepted; else a piece of the message */
} expansions[] = {
    {"of a list that is empty", "GET /v1/charges?customer=%C&created[gt]=9999999999&expand[]=data.nonsense",
     "This property cannot be expanded (nonsense)"},
    {"below something that is null", "GET /v1/checkout/sessions/%K?expand[]=payment_intent.nonsense",
     "This property cannot be expanded (nonsense)"},
    {"of a plain text", "GET /v1/subscriptions/%S?expand[]=status",
     "This property cannot be expanded (status)"},
    {"of a plain hash", "GET /v1/customers/%C?expand[]=invoice_settings",
     "This property cannot be expanded (invoice_settings)"},
    {"of a null that never is an object", "GET /v1/customers/%C?expand[]=address",
     "This property cannot be expanded (address)"},
    {"of an item's plain subscription id", "GET /v1/subscriptions/%S?expand[]=items.data.subscription",
     "This property cannot be expanded (subscription)"},
    {"of a list without data.", "GET /v1/subscriptions?expand[]=customer",
     "You may want to try expanding 'data.customer' instead."},
    {"of data itself", "GET /v1/subscriptions?expand[]=data", "This property cannot be expanded (data)"},
    {"of five levels", "GET /v1/invoices?expand[]=data.payments.data.payment.payment_intent",
     "cannot expand more than 4 levels"},
    {"that makes something first", "POST /v1/customers expand[]=nonsense",
     "This property cannot be expanded (nonsense)"},
    {"by a list of lists", "GET /v1/customers/%C?expand[0][0]=subscriptions", "Invalid string"},
    {"what the worker reads", "GET /v1/invoices?customer=%C&limit=100&expand[]=data.payments", NULL},
    {"four levels", "GET /v1/invoices?expand[]=data.parent.subscription_details.subscription", NULL},
    {"the payment of an invoice", "GET /v1/subscriptions/%S?expand[]=latest_invoice.payments", NULL},
    {"a product of an item", "GET /v1/subscriptions/%S?expand[]=items.data.price.product", NULL},
    {"what is whole already", "GET /v1/subscriptions/%S?expand[]=items.data.price", NULL},
    {"a null that may be an object", "GET /v1/checkout/sessions/%K?expand[]=payment_intent.latest_charge",
     NULL},
    {"the default of a customer", "GET /v1/customers/%C?expand[]=invoice_settings.default_payment_method",
     NULL},
};

static void test_expansions(void)
{
    for (size_t i = 0; i < sizeof expansions / sizeof *expansions; i++) {
        struct shop s;
        shop_open(&s);
        size_t customers = s.w.sim->all[TYPE_CUSTOMER].count;
        (void)ask(&s.w, "%s", fill_in(&s, expansions[i].request));
        const char *message = form_text(s.w.answer, "error.message");
        if (!expansions[i].says)
            tap_ok(s.w.status == 200, "expands: %s", expansions[i].name);
        else
            tap_ok(s.w.status == 400 && message && strstr(message, expansions[i].says) &&
                       s.w.sim->all[TYPE_CUSTOMER].count == customers,
                   "refused, an expansion %s", expansions[i].name);
        world_close(&s.w);
    }
}

static void test_expanded_values(void)
{
    struct shop s;

    shop_open(&s);
    (void)ask(&s.w, "GET /v1/invoices?expand[]=data.parent.subscription_details.subscription");
    tap_ok(is_text(form_text(json_array_get(form_at(s.w.answer, "data"), 0),
                             "parent.subscription_details.subscription.id"),
                   s.sub),
           "an id below a hash becomes the object");
    (void)ask(&s.w, "GET /v1/customers/%s?expand[]=invoice_settings.default_payment_method", s.customer);
    tap_ok(is_text(form_text(s.w.answer, "invoice_settings.default_payment_method.object"), "payment_method"),
           "also the customer's payment method");
    world_close(&s.w);
}

/* --- headers --- */

static const struct {
    const char *name, *version, *account;
    int status;
    const char *code, *echo; /* echo: a line of the answer's head */
} headers[] = {
    {"a version that is none", "nonsense", NULL, 400, NULL, "Stripe-Version: 2026-10-28.endive\r\n"},
    {"a version without a name", "2026-10-28", NULL, 400, NULL, NULL},
    {"a version of the wrong train", "2026-10-28.clover", NULL, 400, NULL, NULL},
    {"a version that never was", "2026-10-27.endive", NULL, 400, NULL, NULL},
    {"an empty version", "", NULL, 400, NULL, NULL},
    {"the newest version", "2026-10-28.endive", NULL, 200, NULL, "Stripe-Version: 2026-10-28.endive\r\n"},
    {"an older version", "2025-03-31.basil", NULL, 200, NULL, "Stripe-Version: 2025-03-31.basil\r\n"},
    {"the last version without a name", "2024-06-20", NULL, 200, NULL, "Stripe-Version: 2024-06-20\r\n"},
    {"somebody else's account", NULL, "acct_x", 403, "account_invalid", NULL},
    {"an empty account", NULL, "", 403, "account_invalid", NULL},
    {"the account itself", NULL, "acct_1SimulatedInstep", 200, NULL,
     "Stripe-Account: acct_1SimulatedInstep\r\n"},
};

static void test_headers(void)
{
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct world w;
        struct api_request request = {.method = "GET",
                                      .path = "/v1/customers",
                                      .query = "",
                                      .authorization = "Bearer sk_test_unit",
                                      .version = headers[i].version,
                                      .account = headers[i].account};
        struct api_answer answer;
        world_open(&w, 22);
        api_handle(w.api, &request, &answer);
        json_t *json = json_loads(answer.body, 0, NULL);
        tap_ok(answer.status == headers[i].status &&
                   is_text(form_text(json, "error.type"),
                           headers[i].status == 200 ? NULL : "invalid_request_error") &&
                   is_text(form_text(json, "error.code"), headers[i].code) &&
                   (!headers[i].echo || strstr(answer.headers, headers[i].echo)),
               "%s: %d", headers[i].name, headers[i].status);
        json_decref(json);
        api_answer_release(&answer);
        world_close(&w);
    }
}

static void test_account_id(void)
{
    struct world w;

    world_open(&w, 23);
    (void)ask(&w, "GET /v1/account");
    tap_ok(is_text(form_text(w.answer, "id"), SIM_ACCOUNT), "the account names itself");
    (void)ask(&w, "POST /v1/webhook_endpoints url=http://h&enabled_events[]=*&api_version=nonsense");
    tap_ok(w.status == 400, "an endpoint's version must be one too");
    world_close(&w);
}

int main(void)
{
    test_parameters();
    test_ids_in_paths();
    test_refused_details();
    test_metadata_size();
    test_available();
    test_lines_page();
    test_expansions();
    test_expanded_values();
    test_headers();
    test_account_id();
    return tap_done();
}
