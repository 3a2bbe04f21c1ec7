/* What was read leads to what must be read besides, carried out; and what becomes of it when that cannot be had. */
// rooms: worker
#include "tests/unit/fetch_fixture.h"

/* A charge with a refund and a dispute, an invoice with a payment and a credit note. */
static void serve_money(struct http_request *req)
{
    static const struct {
        const char *path, *body;
    } bodies[] = {
        {"/v1/charges/ch_1", "{\"object\": \"charge\", \"id\": \"ch_1\", \"disputed\": true, \"refunds\": "
                             "{\"has_more\": true, \"data\": [{\"id\": \"re_1\"}]}}"},
        {"/v1/refunds/re_2", "{\"object\": \"refund\", \"id\": \"re_2\", \"charge\": \"ch_1\"}"},
        {"/v1/refunds", LIST("false", "{\"object\": \"refund\", \"id\": \"re_2\"}")},
        {"/v1/disputes/dp_1", "{\"object\": \"dispute\", \"id\": \"dp_1\", \"charge\": \"ch_1\"}"},
        {"/v1/disputes", LIST("false", "{\"object\": \"dispute\", \"id\": \"dp_1\", \"charge\": \"ch_1\"}")},
        {"/v1/invoices/in_1",
         "{\"object\": \"invoice\", \"id\": \"in_1\", \"post_payment_credit_notes_amount\": "
         "5, \"payments\": {\"has_more\": false, \"data\": [{\"id\": \"inpay_1\"}]}}"},
        {"/v1/credit_notes",
         LIST("false", "{\"object\": \"credit_note\", \"id\": \"cn_1\", \"invoice\": \"in_1\"}")},
        {"/v1/invoices", LIST("false", INV("in_2"))},
        {"/v1/invoices/in_3",
         "{\"object\": \"invoice\", \"id\": \"in_3\", \"payments\": {\"has_more\": true, "
         "\"data\": [{\"id\": \"inpay_3\"}]}}"},
        {"/v1/invoice_payments", LIST("false", "{\"object\": \"invoice_payment\", \"id\": \"inpay_4\"}")},
        {"/v1/credit_notes/cn_2", "{\"object\": \"credit_note\", \"id\": \"cn_2\", \"invoice\": \"in_2\"}"},
        {"/v1/credit_notes/cn_1", "{\"object\": \"credit_note\", \"id\": \"cn_1\", \"invoice\": \"in_1\"}"},
        {"/v1/invoice_payments/inpay_1",
         "{\"object\": \"invoice_payment\", \"id\": \"inpay_1\", \"invoice\": \"in_1\"}"},
    };

    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        if (!strcmp(http_request_path(req), bodies[i].path)) {
            answer(req, 200, 0, bodies[i].body);
            return;
        }
    }
    answer(req, 404, 0, "{\"error\": {\"code\": \"resource_missing\"}}");
}

/* A guest's session whose payment was tried twice; the one that failed was given to a customer. */
static void serve_guest(struct http_request *req)
{
    const char *path = http_request_path(req);

    if (!strcmp(path, "/v1/checkout/sessions/cs_1"))
        answer(req, 200, 0,
               "{\"object\": \"checkout.session\", \"id\": \"cs_1\", \"customer\": null, \"payment_intent\": "
               "\"pi_1\"}");
    else if (!strcmp(path, "/v1/charges"))
        answer(req, 200, 0,
               LIST("false", "{\"object\": \"charge\", \"id\": \"ch_2\", \"customer\": null, "
                             "\"payment_intent\": \"pi_1\"}, {\"object\": \"charge\", \"id\": \"ch_1\", "
                             "\"customer\": \"cus_1\", \"payment_intent\": \"pi_1\", \"disputed\": true}"));
    else if (!strcmp(path, "/v1/charges/ch_1"))
        answer(req, 200, 0, "{\"object\": \"charge\", \"id\": \"ch_1\", \"customer\": {\"id\": \"cus_1\"}}");
    else
        answer(req, 404, 0, MISSING);
}

/* What a charge leads to cannot be had: "broken PATH STATUS". */
static void serve_broken(struct http_request *req)
{
    char path[64];
    int status;

    if (sscanf(behaviour, "broken %63s %d", path, &status) != 2)
        exit(1);
    if (!strcmp(path, http_request_path(req)))
        answer(req, status, 0, status == 404 ? MISSING : "{}");
    else
        serve_money(req);
}

static void serve(struct http_request *req, void *arg)
{
    (void)arg;
    served++;
    if (!strcmp(behaviour, "guest"))
        serve_guest(req);
    else if (!strncmp(behaviour, "broken", 6))
        serve_broken(req);
    else
        serve_money(req);
}

static const struct {
    const char *name;
    struct {
        enum read_kind kind;
        const char *id;
    } plan[4];
    unsigned reads, objects;
} money[] = {
    {"a charge brings all its refunds and its disputes", {{READ_CHARGE, "ch_1"}}, 3, 2},
    {"what comes with the charge is not read by itself",
     {{READ_REFUND, "re_1"}, {READ_REFUND, "re_2"}, {READ_DISPUTE, "dp_1"}, {READ_CHARGE, "ch_1"}},
     3,
     2},
    {"a refund brings its charge, and that the others", {{READ_REFUND, "re_2"}}, 4, 3},
    {"a dispute brings its charge, which needs not list it", {{READ_DISPUTE, "dp_1"}}, 3, 2},
    {"a credit note brings its invoice", {{READ_CREDIT_NOTE, "cn_1"}}, 2, 2},
    {"an invoice brings its payments and credit notes",
     {{READ_CREDIT_NOTE, "cn_1"}, {READ_INVOICE_PAYMENT, "inpay_1"}, {READ_INVOICE, "in_1"}},
     2,
     2},
    {"a credit note is read although all that it waited for came with a list",
     {{READ_INVOICES, "cus_1"}, {READ_CREDIT_NOTE, "cn_2"}, {READ_INVOICE, "in_2"}},
     2,
     2},
    {"an invoice brings all its payments, and one of them is not read by itself",
     {{READ_INVOICE_PAYMENT, "inpay_4"}, {READ_INVOICE, "in_3"}},
     2,
     1},
    {"an invoice's payment brings the invoice", {{READ_INVOICE_PAYMENT, "inpay_1"}}, 3, 3},
};

/* Each object once, however many ways lead to it. */
static void test_follow_ups(void)
{
    for (size_t i = 0; i < sizeof money / sizeof *money; i++) {
        struct read reads[4];
        struct result result;
        size_t count = 0;

        for (; count < 4 && money[i].plan[count].id; count++)
            reads[count] = reading(money[i].plan[count].kind, money[i].plan[count].id);
        result = run("money", reads, count, 10000);
        if (!tap_ok(result.outcome == OUTCOME_OK && result.reads == money[i].reads &&
                        json_array_size(result.objects) == money[i].objects,
                    "%s", money[i].name))
            tap_note("%u reads, %zu objects", result.reads, json_array_size(result.objects));
        forget(&result);
    }
}

static const struct {
    const char *behaviour;
    enum read_kind kind;
    const char *id;
    enum outcome outcome;
    unsigned missing;
} broken[] = {
    {"broken /v1/disputes 403", READ_CHARGE, "ch_1", OUTCOME_STRIPE_PERMANENT, 0},
    {"broken /v1/disputes 404", READ_CHARGE, "ch_1", OUTCOME_STRIPE_PERMANENT, 0},
    {"broken /v1/disputes 500", READ_CHARGE, "ch_1", OUTCOME_STRIPE_TRANSIENT, 0},
    {"broken /v1/refunds 404", READ_CHARGE, "ch_1", OUTCOME_STRIPE_TRANSIENT, 0},
    {"broken /v1/refunds 400", READ_CHARGE, "ch_1", OUTCOME_STRIPE_TRANSIENT, 0},
    {"broken /v1/credit_notes 500", READ_INVOICE, "in_1", OUTCOME_STRIPE_TRANSIENT, 0},
    {"broken /v1/charges/ch_1 404", READ_REFUND, "re_2", OUTCOME_OK, 1},
};

/* A follow-up that fails fails the turn: what was read without it is never applied. */
static void test_broken_follow_ups(void)
{
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct read read = reading(broken[i].kind, broken[i].id);
        struct result result = run(broken[i].behaviour, &read, 1, 20000);

        if (!tap_ok(result.outcome == broken[i].outcome && result.calls == 1 &&
                        json_array_size(result.missing) == broken[i].missing,
                    "%s: %s", broken[i].behaviour, outcome_name(broken[i].outcome)))
            tap_note("%s: %s", outcome_name(result.outcome), result.text);
        forget(&result);
    }
}

static void test_given_away(void)
{
    struct read reads[] = {reading(READ_SESSION, "cs_1"), reading(READ_CHARGE, "ch_1")};
    struct result result;

    options.guest = true;
    result = run("guest", reads, 2, 10000);
    options.guest = false;
    if (!tap_ok(result.outcome == OUTCOME_OK && json_array_size(result.objects) == 2 &&
                    json_array_size(result.missing) == 0,
                "a guest's charge that was given to a customer is left to that one's turn"))
        tap_note("%s %zu %s", outcome_name(result.outcome), json_array_size(result.objects), result.text);
    forget(&result);
}

/* What the way to a guest led over is not read again, and is followed from there. */
static void test_seeds(void)
{
    struct read read = reading(READ_CHARGE, "ch_1");
    struct result result;

    options.seeds = json_pack("[{s:s, s:s, s:b}]", "object", "charge", "id", "ch_1", "disputed", 1);
    result = run("money", &read, 1, 10000);
    tap_ok(result.outcome == OUTCOME_OK && result.reads == 1 && json_array_size(result.objects) == 2,
           "what the turn has read before is taken over, and what it leads to is read");
    json_decref(options.seeds);
    options.seeds = 0;
    forget(&result);
}

int main(void)
{
    struct http_server *server = 0;

    if (fixture_start(&server, serve)) {
        test_follow_ups();
        test_broken_follow_ups();
        test_given_away();
        test_seeds();
    }
    fixture_stop(server);
    return tap_done();
}
