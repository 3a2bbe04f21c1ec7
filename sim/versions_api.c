/* Requests of an older version: paths, expandable properties and parameters that came or went. */
#include <string.h>

#include "sim/form.h"
#include "sim/sim.h"
#include "sim/versions.h"

#define BASIL        "2025-03-31"
#define CLOVER       "2025-09-30"
#define COUNT(array) (sizeof(array) / sizeof *(array))

bool version_has_path(const char *version, const char *path)
{
    static const struct {
        const char *path, *day;
    } since[] = {
        {"/v1/invoice_payments", BASIL}, {"/v2/core/event", "2024-09-30"}, /* events and event_destinations */
    };

    for (size_t i = 0; i < COUNT(since); i++)
        if (strncmp(path, since[i].path, strlen(since[i].path)) == 0)
            return !version_before(version, since[i].day);
    return true;
}

static bool is_word(const char *word, const char *text, size_t len)
{
    return strlen(word) == len && strncmp(word, text, len) == 0;
}

// clang-format off: tables
/* Not expandable, or not there, before the day. */
static const struct {
    const char *from, *property, *day;
} young[] = {
    {"invoice", "parent", BASIL},
    {"invoice", "payments", BASIL},
    {"line_item", "parent", BASIL},
    {"line_item", "pricing", BASIL},
    {"invoiceitem", "parent", BASIL},
    {"invoiceitem", "pricing", BASIL},
    {"pricing.price_details", "price", "2025-12-15"},
    {"credit_note", "refunds", BASIL},
    {"discount", "source", CLOVER},
    {"promotion_code", "promotion", CLOVER},
    {"refund", "customer", "2026-07-29"},
    {"refund", "payment_method", "2026-07-29"},
    {"charge.payment_method_details.card", "mandate", "2026-09-30"},
};

/* Expandable until the day. What is whole in the old shape may be named, as ever. */
static const struct {
    const char *from, *property, *to, *day;
} old[] = {
    {"invoice", "subscription", "subscription", BASIL},
    {"invoice", "charge", "charge", BASIL},
    {"invoice", "payment_intent", "payment_intent", BASIL},
    {"invoice", "quote", "", BASIL},
    {"invoice", "discount", "discount", BASIL},
    {"line_item", "price", "price", BASIL},
    {"line_item", "plan", "plan", BASIL},
    {"line_item", "invoice_item", "invoiceitem", BASIL},
    {"invoiceitem", "subscription", "subscription", BASIL},
    {"invoiceitem", "price", "price", BASIL},
    {"invoiceitem", "plan", "plan", BASIL},
    {"subscription", "discount", "discount", BASIL},
    {"subscription", "plan", "plan", BASIL},
    {"charge", "invoice", "invoice", BASIL},
    {"payment_intent", "invoice", "invoice", BASIL},
    {"credit_note", "refund", "refund", BASIL},
    {"discount", "coupon", "coupon", CLOVER},
    {"promotion_code", "coupon", "coupon", CLOVER},
};
// clang-format on

bool version_has_property(const char *version, const char *from, const char *property, size_t len)
{
    for (size_t i = 0; i < COUNT(young); i++)
        if (strcmp(young[i].from, from) == 0 && is_word(young[i].property, property, len))
            return !version_before(version, young[i].day);
    return true;
}

const char *version_old_property(const char *version, const char *from, const char *property, size_t len)
{
    for (size_t i = 0; i < COUNT(old); i++)
        if (strcmp(old[i].from, from) == 0 && is_word(old[i].property, property, len))
            return version_before(version, old[i].day) ? old[i].to : NULL;
    return NULL;
}

void version_params(const char *version, const char *route, json_t *params)
{
    static const char *const names[] = {"coupon", "promotion_code"};

    if (!version_before(version, BASIL) || strncmp(route, "POST /v1/subscriptions", 22) != 0 ||
        json_object_get(params, "discounts"))
        return;
    for (size_t i = 0; i < COUNT(names); i++) {
        json_t *given = json_object_get(params, names[i]);
        if (!given)
            continue;
        json_t *discounts = *form_text(params, names[i])
                                ? json_pack("{s:{s:O}}", "0", names[i], given)
                                : json_string(""); /* an empty text takes them away */
        if (json_object_set_new(params, "discounts", sim_json(discounts)) ||
            json_object_del(params, names[i]))
            sim_die("out of memory");
    }
}
