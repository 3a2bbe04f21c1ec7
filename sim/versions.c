#include "sim/versions.h"

#include <string.h>

#include "sim/render.h"
#include "sim/versions_shapes.h"

#define DAY_CHARS 10 /* "2025-03-31" */

/* By train; 2024-06-20 is the last of the versions without a name, the only one of them that is taken. */
static const char *const versions[] = {
    "2024-06-20",        "2024-09-30.acacia", "2024-10-28.acacia", "2024-11-20.acacia", "2024-12-18.acacia",
    "2025-01-27.acacia", "2025-02-24.acacia", "2025-03-31.basil",  "2025-04-30.basil",  "2025-05-28.basil",
    "2025-06-30.basil",  "2025-07-30.basil",  "2025-08-27.basil",  "2025-09-30.clover", "2025-10-29.clover",
    "2025-11-17.clover", "2025-12-15.clover", "2026-01-28.clover", "2026-02-25.clover", "2026-03-25.dahlia",
    "2026-04-22.dahlia", "2026-05-27.dahlia", "2026-06-24.dahlia", "2026-07-29.dahlia", "2026-08-26.dahlia",
    "2026-09-30.endive", "2026-10-28.endive"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

const char *version_known(const char *name)
{
    for (size_t i = 0; name && i < COUNT(versions); i++)
        if (strcmp(name, versions[i]) == 0)
            return versions[i];
    return NULL;
}

bool version_before(const char *version, const char *day)
{
    return strncmp(version, day, DAY_CHARS) < 0;
}

/*
 * What changed on a day, seen from the versions before it. ADDED: the field was not there. MOVED: what stands at the path
 * stood at the top, as `old`; what is left of the path is for an ADDED row. NULLS and LISTS: blank-separated fields that
 * were there and are always null, or an empty list, in this world. MADE: a function knows.
 */
enum change_kind { ADDED, MOVED, NULLS, LISTS, MADE };

#define ENDIVE_2 "2026-10-28"
#define ENDIVE   "2026-09-30"
#define BASIL    "2025-03-31"
#define CLOVER   "2025-09-30"

// clang-format off: a table, the newest first, since each row finds the shape the rows above it have left
static const struct change {
    const char *day, *object;
    enum change_kind kind;
    const char *path, *old;
    shape_fn *make;
} changes[] = {
    {ENDIVE_2, "v2.core.event", ADDED, "snapshot_event", NULL, NULL},

    {ENDIVE, "subscription", ADDED, "status_details", NULL, NULL},
    {ENDIVE, "subscription_item", ADDED, "current_trial", NULL, NULL},
    {ENDIVE, "invoice", ADDED, "status_details", NULL, NULL},
    {ENDIVE, "payment_intent", ADDED, "payment_record", NULL, NULL},
    {ENDIVE, "product", ADDED, "tax_details", NULL, NULL},
    {ENDIVE, "dispute", ADDED, "intended_submission_method", NULL, NULL},

    {"2026-07-29", "refund", ADDED, "customer", NULL, NULL},
    {"2026-07-29", "refund", ADDED, "customer_account", NULL, NULL},
    {"2026-07-29", "refund", ADDED, "payment_method", NULL, NULL},

    {"2026-05-27", "invoice", ADDED, "amount_paid_off_stripe", NULL, NULL},
    {"2026-05-27", "subscription_item", ADDED, "billed_until", NULL, NULL},

    {"2026-03-25", "line_item", ADDED, "quantity_decimal", NULL, NULL},
    {"2026-03-25", "invoiceitem", ADDED, "quantity_decimal", NULL, NULL},
    {"2026-03-25", "checkout.session", MADE, NULL, NULL, shape_session_ui},

    {"2025-12-15", "*", ADDED, "customer_account", NULL, NULL},
    {"2025-12-15", "line_item", ADDED, "subtotal", NULL, NULL},

    {CLOVER, "discount", MADE, NULL, NULL, shape_coupon_source},
    {CLOVER, "discount", ADDED, "source", NULL, NULL},
    {CLOVER, "promotion_code", MADE, NULL, NULL, shape_promotion},
    {CLOVER, "promotion_code", ADDED, "promotion", NULL, NULL},

    {"2025-06-30", "subscription", ADDED, "billing_mode", NULL, NULL},
    {"2025-05-28", "credit_note", MADE, NULL, NULL, shape_credit_note_type},

    {BASIL, "subscription", MADE, NULL, NULL, shape_subscription},
    {BASIL, "subscription", ADDED, "billing_schedules", NULL, NULL},
    {BASIL, "subscription_item", ADDED, "current_period_start", NULL, NULL},
    {BASIL, "subscription_item", ADDED, "current_period_end", NULL, NULL},
    {BASIL, "invoice", MADE, NULL, NULL, shape_invoice},
    {BASIL, "invoice", MOVED, "parent.subscription_details.subscription", "subscription", NULL},
    {BASIL, "invoice", MOVED, "parent.quote_details.quote", "quote", NULL},
    {BASIL, "invoice", NULLS, "application_fee_amount transfer_data", NULL, NULL},
    {BASIL, "invoice", ADDED, "parent", NULL, NULL},
    {BASIL, "invoice", ADDED, "total_taxes", NULL, NULL},
    {BASIL, "invoice", ADDED, "amount_overpaid", NULL, NULL},
    {BASIL, "line_item", MADE, NULL, NULL, shape_line},
    {BASIL, "line_item", NULLS, "amount_excluding_tax unit_amount_excluding_tax", NULL, NULL},
    {BASIL, "line_item", LISTS, "tax_amounts tax_rates", NULL, NULL},
    {BASIL, "line_item", ADDED, "parent", NULL, NULL},
    {BASIL, "line_item", ADDED, "pricing", NULL, NULL},
    {BASIL, "line_item", ADDED, "taxes", NULL, NULL},
    {BASIL, "invoiceitem", MADE, NULL, NULL, shape_invoiceitem},
    {BASIL, "invoiceitem", MOVED, "parent.subscription_details.subscription", "subscription", NULL},
    {BASIL, "invoiceitem", MOVED, "parent.subscription_details.subscription_item", "subscription_item", NULL},
    {BASIL, "invoiceitem", ADDED, "parent", NULL, NULL},
    {BASIL, "invoiceitem", ADDED, "pricing", NULL, NULL},
    {BASIL, "invoiceitem", ADDED, "net_amount", NULL, NULL},
    {BASIL, "charge", MADE, NULL, NULL, shape_charge},
    {BASIL, "payment_intent", MADE, NULL, NULL, shape_intent},
    {BASIL, "credit_note", MADE, NULL, NULL, shape_credit_note},
    {BASIL, "credit_note", LISTS, "tax_amounts", NULL, NULL},
    {BASIL, "credit_note", ADDED, "refunds", NULL, NULL},
    {BASIL, "credit_note", ADDED, "total_taxes", NULL, NULL},
    {BASIL, "checkout.session", MOVED, "collected_information.shipping_details", "shipping_details", NULL},
    {BASIL, "checkout.session", ADDED, "collected_information", NULL, NULL},

    {"2025-01-27", "checkout.session", ADDED, "discounts", NULL, NULL},
};
// clang-format on

static json_t *at_path(json_t *json, const char *path)
{
    char key[64];

    while (json && *path) {
        size_t len = strcspn(path, ".");
        if (len >= sizeof key)
            return NULL;
        memcpy(key, path, len);
        key[len] = '\0';
        json = json_object_get(json, key);
        path += len + (path[len] == '.');
    }
    return json;
}

static void set(json_t *json, const char *key, json_t *value)
{
    if (json_object_set_new(json, key, sim_json(value)))
        sim_die("out of memory");
}

static void set_each(json_t *json, const char *keys, bool lists)
{
    char key[64];

    while (*keys) {
        size_t len = strcspn(keys, " ");
        memcpy(key, keys, len < sizeof key ? len : 0);
        key[len] = '\0';
        if (!json_object_get(json, key))
            set(json, key, lists ? json_array() : json_null());
        keys += len + (keys[len] == ' ');
    }
}

static void undo(const struct sim *sim, const struct change *change, json_t *json)
{
    json_t *value;

    switch (change->kind) {
    case ADDED: (void)json_object_del(json, change->path); break;
    case MOVED:
        value = at_path(json, change->path);
        set(json, change->old, value ? json_incref(value) : json_null());
        break;
    case NULLS: set_each(json, change->path, false); break;
    case LISTS: set_each(json, change->path, true); break;
    case MADE: change->make(sim, json); break;
    }
}

/* An embedded list had its length with it. What is shown is all there is, or the length is not known here. */
static void count_list(json_t *json)
{
    if (json_is_false(json_object_get(json, "has_more")))
        set(json, "total_count", json_integer((json_int_t)json_array_size(json_object_get(json, "data"))));
}

static void shape_object(const struct sim *sim, const char *version, const char *name, json_t *json,
                         bool embedded)
{
    if (json_is_true(json_object_get(json, "deleted")))
        return; /* a stub is a stub */
    for (size_t i = 0; i < COUNT(changes); i++)
        if (version_before(version, changes[i].day) &&
            (strcmp(changes[i].object, name) == 0 || *changes[i].object == '*'))
            undo(sim, &changes[i], json);
    if (embedded && version_before(version, BASIL) && strcmp(name, "list") == 0)
        count_list(json);
}

static void shape_all(const struct sim *sim, const char *version, json_t *json, bool embedded)
{
    const char *name = json_string_value(json_object_get(json, "object"));
    const char *key;
    json_t *value;
    size_t i;

    if (name && strcmp(name, "event") == 0)
        return; /* has the version it was made for */
    if (name)
        shape_object(sim, version, name, json, embedded);
    json_object_foreach(json, key, value) shape_all(sim, version, value, true);
    json_array_foreach(json, i, value) shape_all(sim, version, value, true);
}

void version_shape(const struct sim *sim, const char *version, json_t *json)
{
    if (version_before(version, changes[0].day))
        shape_all(sim, version, json, false);
}

bool version_has_event(const char *version, const char *type)
{
    static const struct {
        const char *prefix, *day;
    } since[] = {
        {"refund.created", "2024-10-28"},   {"refund.updated", "2024-10-28"},
        {"refund.failed", "2024-10-28"},    {"invoice.overpaid", BASIL},
        {"invoice_payment.", "2025-05-28"}, {"invoice.payment_attempt_required", "2025-10-29"},
        {"three_d_secure.", ENDIVE_2},
    };

    for (size_t i = 0; i < COUNT(since); i++)
        if (strncmp(type, since[i].prefix, strlen(since[i].prefix)) == 0)
            return !version_before(version, since[i].day);
    return true;
}
