/* What credits are reckoned from is read whole: all lines of an invoice, and the products and prices behind it, each once. */
// rooms: worker
#include "tests/unit/fetch_fixture.h"

#define LINE(id) "{\"id\": \"" id "\", \"object\": \"line_item\"}"
#define ITEM(price, product)                                                                                 \
    "{\"id\": \"si_" price "\", \"price\": {\"id\": \"" price                                                \
    "\", \"object\": \"price\", \"product\": \"" product "\"}}"
#define ITEMS(more, data) "\"items\": {\"has_more\": " more ", \"data\": [" data "]}"
#define SUB(id, items)    "{\"object\": \"subscription\", \"id\": \"" id "\", " items "}"
#define BILLED(price, product, of)                                                                           \
    "{\"id\": \"il_" price "\", \"object\": \"line_item\", \"parent\": {\"type\": \"" of "_details\", \"" of \
    "_details\": {\"subscription\": \"sub_1\"}}, \"pricing\": {\"type\": \"price_details\", "                \
    "\"price_details\": "                                                                                    \
    "{\"price\": \"" price "\", \"product\": \"" product "\"}}}"
#define LINES(id, data)                                                                                      \
    "{\"object\": \"invoice\", \"id\": \"" id "\", \"lines\": {\"has_more\": false, \"data\": [" data "]}}"

static const struct {
    const char *path, *body;
} bodies[] = {
    {"/v1/subscriptions?customer=cus_two",
     LIST("false", SUB("sub_1", ITEMS("false", ITEM("price_1", "prod_1") ", " ITEM("price_2", "prod_2"))))},
    {"/v1/subscriptions?customer=cus_many",
     LIST("false", SUB("sub_1", ITEMS("true", ITEM("price_1", "prod_1"))))},
    {"/v1/subscription_items?subscription=sub_1", LIST("false", ITEM("price_2", "prod_2"))},
    {"/v1/subscriptions?customer=cus_gone",
     LIST("false", SUB("sub_1", ITEMS("false", ITEM("price_9", "prod_9"))))},
    {"/v1/invoices/in_sub", LINES("in_sub", BILLED("price_1", "prod_1", "subscription_item"))},
    {"/v1/invoices/in_up", LINES("in_up", BILLED("price_2", "prod_2", "invoice_item"))},
    {"/v1/invoices/in_shop",
     LINES("in_shop",
           "{\"id\": \"il_1\", \"object\": \"line_item\", \"parent\": {\"type\": \"invoice_item_details\", "
           "\"invoice_item_details\": {\"subscription\": null}}, \"pricing\": {\"type\": \"price_details\", "
           "\"price_details\": {\"price\": \"price_3\", \"product\": \"prod_3\"}}}")},
    {"/v1/invoices/in_old",
     LINES("in_old",
           "{\"id\": \"il_1\", \"object\": \"line_item\", \"subscription\": \"sub_1\", \"price\": {\"id\": "
           "\"price_2\", \"object\": \"price\", \"product\": \"prod_2\"}}")},
    {"/v1/invoices/in_free",
     LINES("in_free", "{\"id\": \"il_1\", \"object\": \"line_item\", \"parent\": null, "
                      "\"pricing\": null}")},
    {"/v1/products/prod_1", "{\"object\": \"product\", \"id\": \"prod_1\"}"},
    {"/v1/products/prod_2", "{\"object\": \"product\", \"id\": \"prod_2\"}"},
    {"/v1/prices/price_1", "{\"object\": \"price\", \"id\": \"price_1\", \"product\": \"prod_1\"}"},
    {"/v1/prices/price_2", "{\"object\": \"price\", \"id\": \"price_2\", \"product\": \"prod_2\"}"},
    /* Lines in three pages, payments in two. */
    {"/v1/invoices/in_long",
     "{\"object\": \"invoice\", \"id\": \"in_long\", \"lines\": {\"has_more\": true, \"data\": [" LINE(
         "il_1") "]}, \"payments\": {\"has_more\": true, \"data\": [{\"id\": \"inpay_1\"}]}}"},
    {"/v1/invoices/in_long/lines?limit=100&starting_after=il_1",
     LIST("true", LINE("il_2") ", " LINE("il_3"))},
    {"/v1/invoices/in_long/lines?limit=100&starting_after=il_3", LIST("false", LINE("il_4"))},
    {"/v1/invoice_payments?invoice=in_long", LIST("false", "{\"id\": \"inpay_2\"}")},
    {"/v1/invoices?customer=cus_long",
     LIST("false",
          "{\"object\": \"invoice\", \"id\": \"in_long\", \"lines\": {\"has_more\": true, \"data\": [" LINE(
              "il_1") "]}}")},
};

/* "well", or "broken PATH STATUS". */
static void serve(struct http_request *req, void *arg)
{
    char asked[512], path[128] = "";
    int status = 404;

    (void)arg;
    served++;
    (void)snprintf(asked, sizeof asked, "%s%s%s", http_request_path(req), *http_request_query(req) ? "?" : "",
                   http_request_query(req));
    if (sscanf(behaviour, "broken %127s %d", path, &status) == 2 && !strncmp(asked, path, strlen(path))) {
        answer(req, status, 0, status == 404 ? MISSING : "{}");
        return;
    }
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        size_t len = strlen(bodies[i].path);
        if (!strncmp(asked, bodies[i].path, len) && (!asked[len] || asked[len] == '&' || asked[len] == '?')) {
            answer(req, 200, 0, bodies[i].body);
            return;
        }
    }
    answer(req, 404, 0, MISSING);
}

static const json_t *object_of(const struct result *result, const char *id)
{
    json_t *object;
    size_t i;

    json_array_foreach(
        result->objects, i,
        object) if (!strcmp(json_string_value(json_object_get(object, "id")), id)) return object;
    return 0;
}

static size_t members(const json_t *object, const char *list)
{
    return json_array_size(json_object_get(json_object_get(object, list), "data"));
}

static void test_lines(void)
{
    static const struct {
        const char *name;
        enum read_kind kind;
        const char *id;
        unsigned reads;
        size_t payments;
    } ways[] = {
        {"an invoice that was read by its id brings all its lines and payments", READ_INVOICE, "in_long", 4,
         2},
        {"an invoice of a list brings all its lines", READ_INVOICES, "cus_long", 3, 0},
    };

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct read read = reading(ways[i].kind, ways[i].id);
        struct result result = run("well", &read, 1, 10000);
        const json_t *invoice = object_of(&result, "in_long");
        const json_t *lines = json_object_get(json_object_get(invoice, "lines"), "data");
        char ids[64] = "";
        for (size_t j = 0; j < json_array_size(lines); j++)
            (void)snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%s ",
                           json_string_value(json_object_get(json_array_get(lines, j), "id")));
        if (!tap_ok(result.outcome == OUTCOME_OK && result.reads == ways[i].reads &&
                        json_array_size(result.objects) == 1 && !strcmp(ids, "il_1 il_2 il_3 il_4 ") &&
                        json_is_false(json_object_get(json_object_get(invoice, "lines"), "has_more")) &&
                        members(invoice, "payments") == ways[i].payments,
                    "%s", ways[i].name))
            tap_note("%s: %u reads, %s%s", outcome_name(result.outcome), result.reads, ids, result.text);
        forget(&result);
    }
}

static void test_lines_broken(void)
{
    static const struct {
        const char *behaviour;
        enum outcome outcome;
    } cases[] = {
        {"broken /v1/invoices/in_long/lines?limit=100&starting_after=il_3 404", OUTCOME_STRIPE_TRANSIENT},
        {"broken /v1/invoices/in_long/lines?limit=100&starting_after=il_1 400", OUTCOME_STRIPE_TRANSIENT},
        {"broken /v1/invoices/in_long/lines 403", OUTCOME_STRIPE_PERMANENT},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct read read = reading(READ_INVOICE, "in_long");
        struct result result = run(cases[i].behaviour, &read, 1, 10000);
        tap_ok(result.outcome == cases[i].outcome, "%s: %s, not half of the lines", cases[i].behaviour,
               outcome_name(cases[i].outcome));
        forget(&result);
    }
}

/* What is read first, and what once a turn with that was applied. */
static const struct {
    const char *name;
    enum read_kind kind;
    const char *id;
    unsigned first, later;
    size_t missing;
} steady[] = {
    {"the products of a subscription's items", READ_SUBSCRIPTIONS, "cus_two", 3, 1, 0},
    {"the products of items on later pages", READ_SUBSCRIPTIONS, "cus_many", 4, 2, 0},
    {"a product that is not there", READ_SUBSCRIPTIONS, "cus_gone", 2, 1, 1},
    {"price and product of a line of an item", READ_INVOICE, "in_sub", 3, 1, 0},
    {"price and product of a line that changed an item", READ_INVOICE, "in_up", 3, 1, 0},
    {"price and product of a line as it was before basil", READ_INVOICE, "in_old", 3, 1, 0},
    {"of a line of no subscription nothing", READ_INVOICE, "in_shop", 1, 1, 0},
    {"of a line without a price nothing", READ_INVOICE, "in_free", 1, 1, 0},
    {"the product of a price", READ_PRICE, "price_1", 2, 1, 0},
};

static void test_steady(void)
{
    for (size_t i = 0; i < sizeof steady / sizeof *steady; i++) {
        struct read read = reading(steady[i].kind, steady[i].id);
        struct result first = run("well", &read, 1, 10000), again = run("well", &read, 1, 10000), later;

        catalogue_learn(&env.catalogue, "self", again.objects, again.missing);
        later = run("well", &read, 1, 10000);
        if (!tap_ok(first.outcome == OUTCOME_OK && first.reads == steady[i].first &&
                        json_array_size(first.missing) == steady[i].missing &&
                        again.reads == steady[i].first && later.reads == steady[i].later,
                    "%s: read until a turn was applied, never again", steady[i].name))
            tap_note("%s %s: %u, %u, %u reads, %zu missing", outcome_name(first.outcome), first.text,
                     first.reads, again.reads, later.reads, json_array_size(first.missing));
        catalogue_release(&env.catalogue);
        forget(&first);
        forget(&again);
        forget(&later);
    }
}

/* A price that an item has now came with it; the two need one product. */
static void test_together(void)
{
    struct read reads[] = {reading(READ_SUBSCRIPTIONS, "cus_two"), reading(READ_INVOICE, "in_sub"),
                           reading(READ_INVOICE, "in_up"), reading(READ_PRODUCT, "prod_1")};
    struct result result = run("well", reads, 4, 10000);

    if (!tap_ok(result.outcome == OUTCOME_OK && result.reads == 5 && json_array_size(result.objects) == 5,
                "subscription, invoices and a want share two products, and no price is read"))
        tap_note("%u reads, %zu objects", result.reads, json_array_size(result.objects));
    catalogue_learn(&env.catalogue, "acct_1", result.objects, result.missing);
    forget(&result);
    result = run("well", reads, 1, 10000);
    tap_ok(result.reads == 3, "what is known of one account is not of another");
    catalogue_release(&env.catalogue);
    forget(&result);
}

static void test_broken(void)
{
    static const struct {
        const char *behaviour;
        enum outcome outcome;
    } cases[] = {
        {"broken /v1/products/prod_2 500", OUTCOME_STRIPE_TRANSIENT},
        {"broken /v1/products/prod_2 403", OUTCOME_STRIPE_PERMANENT},
        {"broken /v1/products/prod_2 404", OUTCOME_OK},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct read read = reading(READ_SUBSCRIPTIONS, "cus_two");
        struct result result = run(cases[i].behaviour, &read, 1, 10000);
        tap_ok(result.outcome == cases[i].outcome, "%s: %s", cases[i].behaviour,
               outcome_name(cases[i].outcome));
        forget(&result);
    }
}

/* ---- the set, and the plan from it ---- */

static json_t *product(unsigned i)
{
    char id[32];

    (void)snprintf(id, sizeof id, "prod_%u", i);
    return json_pack("{s:s, s:s}", "object", "product", "id", id);
}

static void test_bounded(void)
{
    struct catalogue catalogue = {.known = 0};
    json_t *objects = json_array();

    for (unsigned i = 0; i < CATALOGUE_KNOWN_MAX; i++)
        (void)json_array_append_new(objects, product(i));
    catalogue_learn(&catalogue, "self", objects, 0);
    catalogue_learn(&catalogue, "self", objects, 0);
    json_array_clear(objects);
    (void)json_array_append_new(objects, product(CATALOGUE_KNOWN_MAX));
    catalogue_learn(&catalogue, "self", objects, 0);
    tap_ok(json_object_size(catalogue.known) == CATALOGUE_KNOWN_MAX &&
               !catalogue_knows(&catalogue, "self", "prod_0") &&
               catalogue_knows(&catalogue, "self", "prod_1") &&
               catalogue_knows(&catalogue, "self", "prod_16384"),
           "of %d the oldest is forgotten for a new one", CATALOGUE_KNOWN_MAX);
    tap_ok(!catalogue_knows(&catalogue, "self", "") && !catalogue_knows(&catalogue, "acct_1", "prod_1"),
           "nothing is not known, and an account knows its own only");
    catalogue_release(&catalogue);
    json_decref(objects);
}

static void test_capped(void)
{
    struct catalogue catalogue = {.known = 0};
    struct fetch_objects found;
    struct plan plan;
    json_t *items = json_array(), *subscription;

    for (unsigned i = 0; i < 2 * CATALOGUE_READS_MAX; i++) {
        char price[32], id[32];
        (void)snprintf(price, sizeof price, "price_%u", i);
        (void)snprintf(id, sizeof id, "prod_%u", i);
        (void)json_array_append_new(items, json_pack("{s:{s:s, s:s}}", "price", "id", price, "product", id));
    }
    subscription =
        json_pack("{s:s, s:s, s:{s:o}}", "object", "subscription", "id", "sub_1", "items", "data", items);
    if (fetch_objects_init(&found) != ERR_OK || fetch_objects_add(&found, subscription, 0) != ERR_OK ||
        catalogue_plan(&catalogue, "self", &found, CATALOGUE_READS_MAX, &plan) != ERR_OK)
        exit(1);
    tap_ok(plan.count == CATALOGUE_READS_MAX && !strcmp(plan.reads[0].id, "prod_0"),
           "one turn reads %d of them, the first ones", CATALOGUE_READS_MAX);
    plan_release(&plan);
    json_decref(subscription);
    fetch_objects_release(&found);
}

int main(void)
{
    struct http_server *server = 0;

    if (!fixture_start(&server, serve))
        return 1;
    test_lines();
    test_lines_broken();
    test_steady();
    test_together();
    test_broken();
    test_bounded();
    test_capped();
    fixture_stop(server);
    return tap_done();
}
