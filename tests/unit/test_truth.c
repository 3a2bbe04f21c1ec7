// rooms: cli
/* Comparing a ledger with the truth: what counts as a difference, where it is said to be, and what does not count. */
#include "cli/truth.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/tap.h"

#define CUSTOMER(id, status, quantity)                                                                       \
    "{\"id\":\"" id                                                                                          \
    "\",\"deleted\":false,\"user_id\":\"u\",\"subscriptions\":[{\"id\":\"sub_1\",\"status\":\"" status       \
    "\",\"items\":[{\"id\":\"si_1\",\"quantity\":" quantity "}]}],\"sales\":[]}"
#define NEARLY(deleted, user, subscriptions)                                                                 \
    "{\"id\":\"cus_9\",\"deleted\":" deleted ",\"user_id\":" user ",\"subscriptions\":[" subscriptions       \
    "],\"sales\":[]}"
#define GRANT(kind, version, credits)                                                                        \
    "{\"credits\":" credits ",\"item\":\"si_1\",\"kind\":\"" kind                                            \
    "\",\"period_start\":5,\"plan_key\":\"solo\",\"version\":" version "}"
#define TRIAL(id, state) "{\"state\":\"" state "\",\"subscription\":\"" id "\",\"trial_start\":5}"
#define BLANK            NEARLY("false", "null", "")

static const struct {
    const char *name;
    const char *truth;
    const char *ledger;
    const char *expected; /* "where truth ledger;" for each difference */
} cases[] = {
    {"equal ledgers have no difference", "{\"customers\":[" CUSTOMER("cus_1", "active", "1") "]}",
     "{\"customers\":[" CUSTOMER("cus_1", "active", "1") "]}", ""},
    {"another status is named by its path", "{\"customers\":[" CUSTOMER("cus_1", "active", "1") "]}",
     "{\"customers\":[" CUSTOMER("cus_1", "canceled", "1") "]}",
     "customers[cus_1].subscriptions[sub_1].status \"active\" \"canceled\";"},
    {"so is a value deep inside", "{\"customers\":[" CUSTOMER("cus_1", "active", "2") "]}",
     "{\"customers\":[" CUSTOMER("cus_1", "active", "1") "]}",
     "customers[cus_1].subscriptions[sub_1].items[si_1].quantity 2 1;"},
    {"the order of lists does not matter",
     "{\"customers\":[" CUSTOMER("cus_1", "active", "1") "," CUSTOMER("cus_2", "active", "1") "]}",
     "{\"customers\":[" CUSTOMER("cus_2", "active", "1") "," CUSTOMER("cus_1", "active", "1") "]}", ""},
    {"a missing sale is absent", "{\"guest_sales\":[{\"source\":\"cs_1\",\"amount\":5}]}",
     "{\"guest_sales\":[]}", "guest_sales[cs_1] {\"amount\":5,\"source\":\"cs_1\"} absent;"},
    {"a sale too many is absent from the truth", "{\"guest_sales\":[]}",
     "{\"guest_sales\":[{\"source\":\"cs_1\",\"amount\":5}]}",
     "guest_sales[cs_1] absent {\"amount\":5,\"source\":\"cs_1\"};"},
    {"a sale booked twice is a difference", "{\"guest_sales\":[{\"source\":\"cs_1\"}]}",
     "{\"guest_sales\":[{\"source\":\"cs_1\"},{\"source\":\"cs_1\"}]}",
     "guest_sales[cs_1] \"once\" {\"source\":\"cs_1\"};"},
    {"a missing list is a difference", "{\"guest_sales\":[]}", "{}", "guest_sales [] absent;"},
    {"a customer with nothing counts as absent", "{\"customers\":[" BLANK "]}", "{\"customers\":[]}", ""},
    {"on the other side too", "{\"customers\":[]}", "{\"customers\":[" BLANK "]}", ""},
    {"a customer that Stripe does not have is one too many", "{\"customers\":[]}",
     "{\"customers\":[{\"id\":\"cus_1\",\"subscriptions\":[{\"id\":\"s\"}]}]}",
     "customers[cus_1] absent {\"id\":\"cus_1\",\"subscriptions\":[{\"id\":\"s\"}]};"},
    {"the payment time of a one-time sale is not compared",
     "{\"guest_sales\":[{\"source\":\"cs_1\",\"kind\":\"one_time\",\"paid_at\":null}]}",
     "{\"guest_sales\":[{\"source\":\"cs_1\",\"kind\":\"one_time\",\"paid_at\":5}]}", ""},
    {"that of a subscription's sale is",
     "{\"guest_sales\":[{\"source\":\"in_1\",\"kind\":\"subscription\",\"paid_at\":4}]}",
     "{\"guest_sales\":[{\"source\":\"in_1\",\"kind\":\"subscription\",\"paid_at\":5}]}",
     "guest_sales[in_1].paid_at 4 5;"},
    {"null is not absent", "{\"totals\":{\"a\":null}}", "{\"totals\":{}}", "totals.a null absent;"},
    {"what only the ledger knows of a thing is a difference", "{\"totals\":{}}", "{\"totals\":{\"usd\":1}}",
     "totals.usd absent 1;"},
    {"so is a whole list of it", "{}", "{\"guest_sales\":[]}", "guest_sales absent [];"},
    {"a user where Stripe knows none is a difference", "{\"customers\":[" BLANK "]}",
     "{\"customers\":[" NEARLY("false", "\"u\"", "") "]}", "customers[cus_9].user_id null \"u\";"},
    {"so is a deletion that did not happen", "{\"customers\":[" BLANK "]}",
     "{\"customers\":[" NEARLY("true", "null", "") "]}", "customers[cus_9].deleted false true;"},
    {"and one that was missed", "{\"customers\":[" NEARLY("true", "null", "") "]}",
     "{\"customers\":[" BLANK "]}", "customers[cus_9].deleted true false;"},
    {"and a subscription of a customer that has none", "{\"customers\":[" BLANK "]}",
     "{\"customers\":[" NEARLY("false", "null", "{\"id\":\"sub_1\"}") "]}",
     "customers[cus_9].subscriptions[sub_1] absent {\"id\":\"sub_1\"};"},
    {"a user that the ledger lacks is one", "{\"customers\":[" NEARLY("false", "\"u\"", "") "]}",
     "{\"customers\":[" BLANK "]}", "customers[cus_9].user_id \"u\" null;"},
    {"a blank customer twice is one", "{\"customers\":[" BLANK "]}", "{\"customers\":[" BLANK "," BLANK "]}",
     "customers[cus_9] \"once\" {\"deleted\":false,\"id\":\"cus_9\",\"sales\":[],\"subscriptions\":[],"
     "\"user_id\":null};"},
    {"a grant is known by item, period, kind and version of its plan",
     "{\"grants\":[" GRANT("trial", "1", "30") "," GRANT("period", "1", "30") "]}",
     "{\"grants\":[" GRANT("period", "1", "29") "," GRANT("period", "2", "30") "]}",
     "grants[si_1 5 trial solo/1] " GRANT("trial", "1", "30") " absent;"
                                                              "grants[si_1 5 period solo/1].credits 30 29;"
                                                              "grants[si_1 5 period solo/2] absent " GRANT(
                                                                  "period", "2", "30") ";"},
    {"a conversion is known by its subscription", "{\"conversions\":[" TRIAL("sub_1", "trial") "]}",
     "{\"conversions\":[" TRIAL("sub_1", "converted") "]}",
     "conversions[sub_1].state \"trial\" \"converted\";"},
    {"what was true when is compared", "{\"as_of\":5}", "{\"as_of\":6}", "as_of 5 6;"},
    {"text is not a number", "{\"totals\":{\"a\":\"1\"}}", "{\"totals\":{\"a\":1}}", "totals.a \"1\" 1;"},
};

static void on_difference(const char *where, const char *truth, const char *ledger, void *arg)
{
    char *got = arg;
    size_t len = strlen(got);

    (void)snprintf(got + len, 2048 - len, "%s %s %s;", where, truth, ledger);
}

int main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char got[2048] = "";
        json_t *truth = json_loads(cases[i].truth, 0, NULL);
        json_t *ledger = json_loads(cases[i].ledger, 0, NULL);
        if (!truth || !ledger)
            abort();
        (void)truth_compare(truth, ledger, on_difference, got);
        if (!tap_ok(!strcmp(got, cases[i].expected), "%s", cases[i].name))
            tap_note("got %s", got);
        json_decref(truth);
        json_decref(ledger);
    }
    return tap_done();
}
