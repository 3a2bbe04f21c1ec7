/* The simulated API: pages, filters, expansion, errors, idempotency, events. */
// rooms: sim
#include "sim/events.h"
#include "tests/unit/sim_fixture.h"
#include "tests/unit/tap.h"

static json_t *data(struct world *w)
{
    return form_at(w->answer, "data");
}

/* The e-mail addresses of a page, blank-separated, and "+" if there is more. */
static const char *page(struct world *w, const char *query)
{
    static char text[512];
    json_t *c;
    size_t i;

    (void)ask(w, "GET /v1/customers?%s", query);
    text[0] = '\0';
    json_array_foreach(data(w), i, c)
        sprintf(text + strlen(text), "%s%s", i ? " " : "", form_text(c, "email"));
    if (json_is_true(form_at(w->answer, "has_more")))
        strcat(text, " +");
    return text;
}

static void test_pages(void)
{
    struct world w;
    const char *ids[8];
    char query[200];

    world_open(&w, 3);
    for (int i = 1; i <= 7; i++) {
        sim_advance(w.sim, SIM_START + i);
        (void)ask(&w, "POST /v1/customers email=%d", i);
        ids[i] = answer_id(&w);
    }
    tap_ok(strcmp(page(&w, "limit=3"), "7 6 5 +") == 0, "a list is newest first and says that there is more");
    (void)snprintf(query, sizeof query, "limit=3&starting_after=%s", ids[5]);
    tap_ok(strcmp(page(&w, query), "4 3 2 +") == 0, "starting_after goes on, exclusively");
    (void)snprintf(query, sizeof query, "limit=3&starting_after=%s", ids[2]);
    tap_ok(strcmp(page(&w, query), "1") == 0, "the last page has no more");
    (void)snprintf(query, sizeof query, "limit=2&ending_before=%s", ids[3]);
    tap_ok(strcmp(page(&w, query), "5 4 +") == 0,
           "ending_before gives what lies next to the cursor, newest first");
    (void)snprintf(query, sizeof query, "limit=9&ending_before=%s", ids[5]);
    tap_ok(strcmp(page(&w, query), "7 6") == 0, "and nothing more before the first");
    tap_ok(strcmp(page(&w, "limit=0"), "7 +") == 0, "limit 0 is 1");
    tap_ok(strcmp(page(&w, "limit=101"), "7 6 5 4 3 2 1") == 0, "limit 101 is 100");
    tap_ok(strcmp(page(&w, "email=4"), "4") == 0, "a filter filters");
    (void)snprintf(query, sizeof query, "created[gte]=%lld&created[lt]=%lld", (long long)SIM_START + 3,
                   (long long)SIM_START + 5);
    tap_ok(strcmp(page(&w, query), "4 3") == 0, "created takes bounds");
    (void)page(&w, "starting_after=cus_none");
    tap_ok(w.status == 400, "an unknown cursor is an error");
    (void)page(&w, "limit=many");
    tap_ok(w.status == 400, "a limit that is no number is an error");
    (void)ask(&w, "DELETE /v1/customers/%s", ids[7]);
    tap_ok(strcmp(page(&w, "limit=1"), "6 +") == 0, "deleted customers are not listed");
    (void)ask(&w, "GET /v1/customers/%s", ids[7]);
    tap_ok(w.status == 200 && json_is_true(form_at(w.answer, "deleted")) && !form_text(w.answer, "email"),
           "but fetched as a stub");
    world_close(&w);
}

static void test_expand(void)
{
    struct world w;

    world_open(&w, 4);
    (void)ask(&w,
              "POST /v1/prices product_data[name]=P&currency=USD&unit_amount=500&recurring[interval]=month");
    const char *price = answer_id(&w);
    (void)ask(&w, "POST /v1/customers email=e&payment_method=pm_card_visa");
    const char *customer = answer_id(&w);
    (void)ask(&w, "POST /v1/subscriptions customer=%s&items[0][price]=%s&expand[]=latest_invoice.payments",
              customer, price);
    const char *sub = answer_id(&w);
    tap_ok(form_text(json_array_get(form_at(w.answer, "latest_invoice.payments.data"), 0),
                     "payment.payment_intent") != NULL,
           "a field that exists only expanded appears, below one that was an id");
    (void)ask(&w, "GET /v1/subscriptions/%s", sub);
    tap_ok(form_text(w.answer, "latest_invoice") && form_text(w.answer, "customer"),
           "without it there are ids");
    tap_ok(strcmp(form_text(json_array_get(form_at(w.answer, "items.data"), 0), "price.currency"), "usd") ==
               0,
           "an item's price is a whole object, its currency lower case");
    (void)ask(
        &w, "GET /v1/subscriptions?customer=%s&expand[]=data.customer&expand[]=data.items.data.price.product",
        customer);
    tap_ok(w.status == 400, "five levels are too many");
    (void)ask(&w, "GET /v1/subscriptions?customer=%s&expand[]=data.customer", customer);
    tap_ok(strcmp(form_text(json_array_get(data(&w), 0), "customer.email"), "e") == 0,
           "lists expand through data");
    (void)ask(&w, "GET /v1/invoices?subscription=%s&expand[]=data.lines", sub);
    tap_ok(w.status == 200, "expanding an object that is there already is fine");
    (void)ask(&w, "GET /v1/customers/%s?expand[]=nonsense", customer);
    tap_ok(w.status == 400 && strstr(form_text(w.answer, "error.message"), "cannot be expanded"),
           "an unknown property cannot be expanded");
    (void)ask(&w, "GET /v1/customers/%s?expand[]=default_source", customer);
    tap_ok(w.status == 200, "null stays null");
    world_close(&w);
}

static void test_errors(void)
{
    struct world w;
    struct api_request request = {.method = "GET", .path = "/v1/customers", .query = ""};
    struct api_answer answer;

    world_open(&w, 5);
    api_handle(w.api, &request, &answer);
    tap_ok(answer.status == 401, "no key, no answer");
    api_answer_release(&answer);
    request.authorization = "Bearer sk_live_1";
    api_handle(w.api, &request, &answer);
    tap_ok(answer.status == 401, "a live key is refused");
    api_answer_release(&answer);
    (void)ask(&w, "GET /v1/customers/cus_none");
    tap_ok(w.status == 404 && strcmp(form_text(w.answer, "error.code"), "resource_missing") == 0 &&
               strcmp(form_text(w.answer, "error.type"), "invalid_request_error") == 0,
           "what is not there is resource_missing");
    tap_ok(strstr(w.headers, "Request-Id: req_") && strstr(w.headers, "Stripe-Version: 2026-10-28.endive"),
           "answers carry Request-Id and Stripe-Version");
    (void)ask(&w, "GET /v1/nothing");
    tap_ok(w.status == 404 && strstr(form_text(w.answer, "error.message"), "Unrecognized request URL"),
           "an unknown path says so");
    (void)ask(&w, "POST /v1/subscriptions customer=cus_none");
    tap_ok(w.status == 400 && strcmp(form_text(w.answer, "error.code"), "resource_missing") == 0,
           "a parameter that names nothing is resource_missing too, as 400");
    (void)ask(&w, "POST /v1/customers a[b=1");
    tap_ok(w.status == 400, "a malformed form is refused");
    (void)ask(&w, "POST /v1/customers a=\xff");
    tap_ok(w.status == 400, "bytes that are no UTF-8 are refused");
    (void)ask(&w, "GET /v1/customers/%s", "\xc3\xa9\xff");
    tap_ok(w.status == 404, "and survived in a path");
    (void)ask_with_key(&w, "\xff", "POST", "/v1/customers", "");
    tap_ok(w.status == 400, "and refused in a key");
    (void)ask(&w,
              "POST /v1/prices product_data[name]=P&currency=usd&unit_amount=5&recurring[interval]=month");
    const char *price = answer_id(&w);
    (void)ask(&w, "POST /v1/customers");
    const char *customer = answer_id(&w);
    (void)ask(&w, "POST /v1/subscriptions customer=%s&items[0][price]=%s", customer, price);
    tap_ok(w.status == 400, "no payment method, no subscription");
    (void)ask(&w,
              "POST /v1/subscriptions customer=%s&items[0][price]=%s&payment_behavior=error_if_incomplete"
              "&default_payment_method=pm_card_chargeDeclined",
              customer, price);
    tap_ok(w.status == 402 && strcmp(form_text(w.answer, "error.type"), "card_error") == 0,
           "error_if_incomplete answers 402");
    (void)ask(&w, "GET /v1/subscriptions?customer=%s&status=all", customer);
    tap_ok(json_array_size(data(&w)) == 0, "and creates nothing");
    world_close(&w);
}

static void test_idempotency(void)
{
    struct world w;

    world_open(&w, 6);
    (void)ask_with_key(&w, "key-1", "POST", "/v1/customers", "email=a");
    const char *first = answer_id(&w);
    (void)ask_with_key(&w, "key-1", "POST", "/v1/customers", "email=a");
    tap_ok(strcmp(first, answer_id(&w)) == 0 && strstr(w.headers, "Idempotent-Replayed: true"),
           "the same key gets the same answer again");
    tap_ok(w.sim->all[TYPE_CUSTOMER].count == 1, "and nothing is made twice");
    (void)ask_with_key(&w, "key-1", "POST", "/v1/customers", "email=b");
    tap_ok(w.status == 400 && strcmp(form_text(w.answer, "error.type"), "idempotency_error") == 0,
           "with other parameters it is refused");
    (void)ask_with_key(&w, "key-2", "POST", "/v1/prices", "currency=usd");
    (void)ask_with_key(&w, "key-2", "POST", "/v1/prices", "currency=usd&unit_amount=1&product_data[name]=x");
    tap_ok(w.status == 200, "a request that failed validation does not use up its key");
    (void)ask(&w, "GET /v1/events?type=customer.*");
    tap_ok(strcmp(form_text(json_array_get(data(&w), 0), "request.idempotency_key"), "key-1") == 0,
           "an event names the key that caused it");
    world_close(&w);
}

static void test_events(void)
{
    struct world w;
    char types[64];

    world_open(&w, 7);
    (void)ask(&w, "POST /v1/customers email=a&metadata[x]=1&metadata[y]=2");
    const char *customer = answer_id(&w);
    (void)ask(&w, "POST /v1/customers/%s email=b&metadata[x]=&metadata[z]=3", customer);
    (void)ask(&w, "POST /v1/customers/%s email=b", customer);
    (void)ask(&w, "GET /v1/events");
    tap_ok(json_array_size(data(&w)) == 2, "a change that changes nothing is no event");
    json_t *event = json_array_get(data(&w), 0);
    tap_ok(strcmp(form_text(event, "data.previous_attributes.email"), "a") == 0,
           "previous_attributes hold the old value");
    json_t *metadata = form_at(event, "data.previous_attributes.metadata");
    tap_ok(strcmp(form_text(metadata, "x"), "1") == 0 && json_is_null(form_at(metadata, "z")) &&
               !form_at(metadata, "y"),
           "metadata differs per key, a new one shows null");
    const char *id = sim_text(w.sim, form_text(event, "id"));
    (void)ask(&w, "GET /v1/events?ending_before=%s", id);
    tap_ok(json_array_size(data(&w)) == 0, "nothing is newer than the newest");
    (void)ask(&w, "GET /v1/events?types[0]=customer.created&types[1]=x");
    tap_ok(json_array_size(data(&w)) == 1, "types[] filters");
    (void)ask(&w, "GET /v2/core/events?object_id=%s", customer);
    json_t *thin = json_array_get(data(&w), 0);
    tap_ok(strcmp(form_text(thin, "type"), "v1.customer.updated") == 0 &&
               strcmp(form_text(thin, "related_object.id"), customer) == 0 &&
               strcmp(form_text(thin, "snapshot_event"), id) == 0 &&
               strcmp(form_text(thin, "created"), "2026-01-01T00:00:00.000Z") == 0,
           "the thin event names its object and its snapshot");
    (void)ask(&w, "GET /v2/core/events?created[gt]=2026-01-01T00:00:00.000Z");
    tap_ok(json_array_size(data(&w)) == 0, "v2 lists take moments in ISO 8601");
    (void)ask(&w, "GET /v2/core/events?object_id=%s", customer);
    thin = json_array_get(data(&w), 0);
    (void)snprintf(types, sizeof types, "%.60s", form_text(thin, "id"));
    (void)ask(&w, "GET /v2/core/events/%s", types);
    tap_ok(w.status == 200 && strcmp(form_text(w.answer, "object"), "v2.core.event") == 0,
           "and can be fetched");
    sim_advance(w.sim, w.sim->now + 31 * DAY);
    (void)ask(&w, "GET /v1/events/%s", id);
    tap_ok(w.status == 404, "after 30 days it is gone");
    (void)ask(&w, "GET /v1/events");
    tap_ok(json_array_size(data(&w)) == 0, "from the list too");
    world_close(&w);
}

static void test_items_page(void)
{
    struct world w;
    char form[2048] = "";

    world_open(&w, 8);
    (void)ask(&w,
              "POST /v1/prices product_data[name]=P&currency=usd&unit_amount=5&recurring[interval]=month");
    const char *price = answer_id(&w);
    (void)ask(&w, "POST /v1/customers payment_method=pm_card_visa");
    const char *customer = answer_id(&w);
    for (int i = 0; i < 12; i++)
        sprintf(form + strlen(form), "&items[%d][price]=%s", i, price);
    (void)ask(&w, "POST /v1/subscriptions customer=%s%s", customer, form);
    const char *sub = answer_id(&w);
    tap_ok(json_array_size(form_at(w.answer, "items.data")) == 10 &&
               json_is_true(form_at(w.answer, "items.has_more")),
           "an embedded list holds its first ten");
    (void)ask(&w, "GET /v1/subscription_items?subscription=%s&limit=100", sub);
    tap_ok(json_array_size(data(&w)) == 12, "the rest is found in its list");
    json_t *first = json_array_get(data(&w), 0);
    tap_ok(strcmp(form_text(first, "id"), ((struct subscription *)sim_find(w.sim, sub))->items.at[0]->id) ==
               0,
           "which is oldest first");
    world_close(&w);
}

int main(void)
{
    test_pages();
    test_expand();
    test_errors();
    test_idempotency();
    test_events();
    test_items_page();
    return tap_done();
}
