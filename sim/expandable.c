/* Which properties `expand` may name. */
#include <stdio.h>
#include <string.h>

#include "sim/routes.h"
#include "sim/versions.h"

#define LEVELS_MAX 4

/*
 * From what, by which property, to what. "[invoice]" is a list of invoices; "invoice.parent" is a hash inside one, to be
 * passed through; a leaf is expandable and never there in this world, so nothing below it is known. An object that is
 * whole already may be named, which changes nothing.
 */
enum hop_kind { EXPANDABLE, WHOLE, HASH };
// clang-format off: a table
static const struct hop {
    const char *from, *property;
    enum hop_kind kind;
    const char *to; /* NULL: a leaf */
} hops[] = {
    {"customer", "default_source", EXPANDABLE, NULL},
    {"customer", "invoice_settings", HASH, "customer.invoice_settings"},
    {"customer.invoice_settings", "default_payment_method", EXPANDABLE, "payment_method"},
    {"customer", "subscriptions", EXPANDABLE, "[subscription]"},
    {"customer", "test_clock", EXPANDABLE, "test_helpers.test_clock"},
    {"product", "default_price", EXPANDABLE, "price"},
    {"product", "tax_code", EXPANDABLE, NULL},
    {"price", "product", EXPANDABLE, "product"},
    {"plan", "product", EXPANDABLE, "product"},
    {"coupon", "applies_to", EXPANDABLE, NULL},
    {"promotion_code", "customer", EXPANDABLE, "customer"},
    {"promotion_code", "promotion", HASH, "promotion_code.promotion"},
    {"promotion_code.promotion", "coupon", EXPANDABLE, "coupon"},
    {"discount", "customer", EXPANDABLE, "customer"},
    {"discount", "promotion_code", EXPANDABLE, "promotion_code"},
    {"discount", "source", HASH, "discount.source"},
    {"discount.source", "coupon", EXPANDABLE, "coupon"},
    {"discount_amount", "discount", EXPANDABLE, "discount"},
    {"payment_method", "customer", EXPANDABLE, "customer"},

    {"subscription", "application", EXPANDABLE, NULL},
    {"subscription", "customer", EXPANDABLE, "customer"},
    {"subscription", "default_payment_method", EXPANDABLE, "payment_method"},
    {"subscription", "default_source", EXPANDABLE, NULL},
    {"subscription", "discounts", EXPANDABLE, "discount"},
    {"subscription", "items", WHOLE, "[subscription_item]"},
    {"subscription", "latest_invoice", EXPANDABLE, "invoice"},
    {"subscription", "on_behalf_of", EXPANDABLE, NULL},
    {"subscription", "pending_setup_intent", EXPANDABLE, "setup_intent"},
    {"subscription", "schedule", EXPANDABLE, "subscription_schedule"},
    {"subscription", "test_clock", EXPANDABLE, "test_helpers.test_clock"},
    {"subscription_schedule", "customer", EXPANDABLE, "customer"},
    {"subscription_schedule", "released_subscription", EXPANDABLE, "subscription"},
    {"subscription_schedule", "subscription", EXPANDABLE, "subscription"},
    {"subscription_item", "discounts", EXPANDABLE, "discount"},
    {"subscription_item", "plan", WHOLE, "plan"},
    {"subscription_item", "price", WHOLE, "price"},

    {"invoice", "application", EXPANDABLE, NULL},
    {"invoice", "customer", EXPANDABLE, "customer"},
    {"invoice", "default_payment_method", EXPANDABLE, "payment_method"},
    {"invoice", "default_source", EXPANDABLE, NULL},
    {"invoice", "discounts", EXPANDABLE, "discount"},
    {"invoice", "total_discount_amounts", HASH, "discount_amount"},
    {"invoice", "latest_revision", EXPANDABLE, "invoice"},
    {"invoice", "lines", WHOLE, "[line_item]"},
    {"invoice", "on_behalf_of", EXPANDABLE, NULL},
    {"invoice", "parent", HASH, "invoice.parent"},
    {"invoice.parent", "subscription_details", HASH, "invoice.parent.subscription_details"},
    {"invoice.parent.subscription_details", "subscription", EXPANDABLE, "subscription"},
    {"invoice", "payments", EXPANDABLE, "[invoice_payment]"},
    {"invoice", "test_clock", EXPANDABLE, "test_helpers.test_clock"},
    {"line_item", "discounts", EXPANDABLE, "discount"},
    {"line_item", "discount_amounts", HASH, "discount_amount"},
    {"line_item", "pricing", HASH, "pricing"},
    {"line_item", "subscription", EXPANDABLE, "subscription"},
    {"pricing", "price_details", HASH, "pricing.price_details"},
    {"pricing.price_details", "price", EXPANDABLE, "price"},
    {"invoiceitem", "customer", EXPANDABLE, "customer"},
    {"invoiceitem", "discounts", EXPANDABLE, "discount"},
    {"invoiceitem", "invoice", EXPANDABLE, "invoice"},
    {"invoiceitem", "pricing", HASH, "pricing"},
    {"invoiceitem", "test_clock", EXPANDABLE, "test_helpers.test_clock"},
    {"invoice_payment", "invoice", EXPANDABLE, "invoice"},
    {"invoice_payment", "payment", HASH, "invoice_payment.payment"},
    {"invoice_payment.payment", "payment_intent", EXPANDABLE, "payment_intent"},

    {"checkout.session", "customer", EXPANDABLE, "customer"},
    {"checkout.session", "discounts", HASH, "checkout.session.discounts"},
    {"checkout.session.discounts", "coupon", EXPANDABLE, "coupon"},
    {"checkout.session.discounts", "promotion_code", EXPANDABLE, "promotion_code"},
    {"checkout.session", "invoice", EXPANDABLE, "invoice"},
    {"checkout.session", "line_items", EXPANDABLE, "[item]"},
    {"checkout.session", "payment_intent", EXPANDABLE, "payment_intent"},
    {"checkout.session", "payment_link", EXPANDABLE, NULL},
    {"checkout.session", "setup_intent", EXPANDABLE, "setup_intent"},
    {"checkout.session", "subscription", EXPANDABLE, "subscription"},
    {"item", "price", WHOLE, "price"},

    {"payment_intent", "application", EXPANDABLE, NULL},
    {"payment_intent", "customer", EXPANDABLE, "customer"},
    {"payment_intent", "latest_charge", EXPANDABLE, "charge"},
    {"payment_intent", "on_behalf_of", EXPANDABLE, NULL},
    {"payment_intent", "payment_method", EXPANDABLE, "payment_method"},
    {"payment_intent", "review", EXPANDABLE, NULL},
    {"setup_intent", "application", EXPANDABLE, NULL},
    {"setup_intent", "customer", EXPANDABLE, "customer"},
    {"setup_intent", "latest_attempt", EXPANDABLE, NULL},
    {"setup_intent", "mandate", EXPANDABLE, NULL},
    {"setup_intent", "on_behalf_of", EXPANDABLE, NULL},
    {"setup_intent", "payment_method", EXPANDABLE, "payment_method"},
    {"charge", "application", EXPANDABLE, NULL},
    {"charge", "application_fee", EXPANDABLE, NULL},
    {"charge", "balance_transaction", EXPANDABLE, "balance_transaction"},
    {"charge", "customer", EXPANDABLE, "customer"},
    {"charge", "failure_balance_transaction", EXPANDABLE, NULL},
    {"charge", "on_behalf_of", EXPANDABLE, NULL},
    {"charge", "payment_intent", EXPANDABLE, "payment_intent"},
    {"charge", "review", EXPANDABLE, NULL},
    {"charge", "refunds", EXPANDABLE, "[refund]"},
    {"charge", "source_transfer", EXPANDABLE, NULL},
    {"balance_transaction", "source", EXPANDABLE, NULL},
    {"refund", "balance_transaction", EXPANDABLE, "balance_transaction"},
    {"refund", "charge", EXPANDABLE, "charge"},
    {"refund", "customer", EXPANDABLE, "customer"},
    {"refund", "failure_balance_transaction", EXPANDABLE, "balance_transaction"},
    {"refund", "payment_intent", EXPANDABLE, "payment_intent"},
    {"refund", "payment_method", EXPANDABLE, "payment_method"},
    {"refund", "source_transfer_reversal", EXPANDABLE, NULL},
    {"refund", "transfer_reversal", EXPANDABLE, NULL},
    {"dispute", "charge", EXPANDABLE, "charge"},
    {"dispute", "payment_intent", EXPANDABLE, "payment_intent"},
    {"credit_note", "customer", EXPANDABLE, "customer"},
    {"credit_note", "customer_balance_transaction", EXPANDABLE, "customer_balance_transaction"},
    {"credit_note", "invoice", EXPANDABLE, "invoice"},
    {"credit_note", "refunds", HASH, "credit_note.refund"},
    {"credit_note.refund", "refund", EXPANDABLE, "refund"},
    {"customer_balance_transaction", "credit_note", EXPANDABLE, "credit_note"},
    {"customer_balance_transaction", "customer", EXPANDABLE, "customer"},
    {"customer_balance_transaction", "invoice", EXPANDABLE, "invoice"},
};
// clang-format on

static const struct hop *hop_find(const char *version, const char *from, const char *property, size_t len)
{
    if (from && !version_has_property(version, from, property, len))
        return NULL;
    for (size_t i = 0; from && i < sizeof hops / sizeof *hops; i++)
        if (strcmp(hops[i].from, from) == 0 && strlen(hops[i].property) == len &&
            strncmp(hops[i].property, property, len) == 0)
            return &hops[i];
    return NULL;
}

/* Follow path from a node. NULL if it may be expanded, else the property (within path) that stands in the way. */
static const char *obstacle(const char *version, const char *from, const char *path)
{
    char element[64];

    for (;;) {
        size_t len = strcspn(path, ".");
        bool last = path[len] == '\0';
        if (from && *from == '[') {
            if (last || len != 4 || strncmp(path, "data", 4) != 0)
                return path;
            (void)snprintf(element, sizeof element, "%.*s", (int)strcspn(from + 1, "]"), from + 1);
            from = element;
        } else {
            const struct hop *hop = hop_find(version, from, path, len);
            const char *old = hop || !from ? NULL : version_old_property(version, from, path, len);
            if ((!hop && !old) || (last && hop && hop->kind == HASH))
                return path;
            if (last)
                return NULL;
            from = hop ? hop->to : old;
        }
        path += len + 1;
    }
}

static bool check_path(const struct route *route, const char *version, const char *path, struct refusal *why)
{
    const char *wrong = obstacle(version, route->gives, path);
    char inside[200];
    unsigned levels = 1;

    for (const char *c = path; *c; c++)
        levels += *c == '.';
    if (levels > LEVELS_MAX)
        return refuse(why, 400, NULL, "expand",
                      "You cannot expand more than %d levels of a property. Property: %.100s", LEVELS_MAX,
                      path);
    if (!wrong)
        return true;
    int len = (int)strcspn(wrong, ".");
    if (*route->gives == '[' && snprintf(inside, sizeof inside, "data.%s", path) < (int)sizeof inside &&
        !obstacle(version, route->gives, inside))
        return refuse(
            why, 400, NULL, "expand",
            "This property cannot be expanded (%.*s). You may want to try expanding '%.100s' instead.",
            len < 80 ? len : 80, wrong, inside);
    return refuse(why, 400, NULL, "expand", "This property cannot be expanded (%.*s).", len < 80 ? len : 80,
                  wrong);
}

bool expand_is_known(const struct route *route, const char *version, json_t *params, struct refusal *why)
{
    const char *key;
    json_t *path;

    json_object_foreach(json_object_get(params, "expand"), key,
                        path) if (!check_path(route, version, json_string_value(path), why)) return false;
    return true;
}
