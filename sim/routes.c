#include "sim/routes.h"

#include <string.h>

#include "sim/form.h"

#define PAGE     "limit starting_after ending_before "
#define CREATED  "created created[gt] created[gte] created[lt] created[lte] "
#define DISCOUNT "discounts[][coupon] discounts[][promotion_code] "
#define CODE                                                                                                 \
    "active code coupon customer expires_at max_redemptions metadata[*] promotion[coupon] promotion[type] "  \
    "restrictions[first_time_transaction] restrictions[minimum_amount] "                                     \
    "restrictions[minimum_amount_currency] "
#define ITEM "items[][price] items[][quantity] "
#define SUBSCRIPTION                                                                                         \
    ITEM DISCOUNT "billing_cycle_anchor cancel_at cancel_at_period_end collection_method "                   \
                  "days_until_due default_payment_method metadata[*] proration_behavior trial_end "          \
                  "trial_settings[end_behavior][missing_payment_method] "
#define PHASE                                                                                                \
    "phases[][discounts][][coupon] phases[][discounts][][promotion_code] phases[][duration][interval] "      \
    "phases[][duration][interval_count] phases[][end_date] phases[][items][][price] "                        \
    "phases[][items][][quantity] phases[][iterations] phases[][proration_behavior] phases[][start_date] "    \
    "phases[][trial_end] end_behavior metadata[*] "
#define CUSTOMER  "description email invoice_settings[default_payment_method] metadata[*] name "
#define PRODUCT   "active metadata[*] name "
#define PRICE     "active lookup_key metadata[*] nickname "
#define RECURRING "recurring[interval] recurring[interval_count] "
#define CREDIT_NOTE                                                                                          \
    "amount credit_amount invoice memo metadata[*] out_of_band_amount reason refund_amount "                 \
    "refunds[][amount_refunded] refunds[][payment_record_refund][payment_record] "                           \
    "refunds[][payment_record_refund][refund_group] refunds[][refund] refunds[][type] "
#define ENDPOINT "description enabled_events[] url "
#define SESSION_LINE                                                                                         \
    "line_items[][price] line_items[][quantity] line_items[][price_data][currency] "                         \
    "line_items[][price_data][product] line_items[][price_data][product_data][name] "                        \
    "line_items[][price_data][product_data][metadata][*] "                                                   \
    "line_items[][price_data][recurring][interval] line_items[][price_data][unit_amount] "
#define SESSION                                                                                              \
    SESSION_LINE DISCOUNT "allow_promotion_codes cancel_url client_reference_id customer customer_creation " \
                          "customer_email expires_at "                                                       \
                          "invoice_creation[enabled] metadata[*] mode subscription_data[metadata][*] "       \
                          "subscription_data[trial_end] subscription_data[trial_period_days] success_url "

// clang-format off: a table
static const struct route routes[] = {
    {"GET /v1/account", account_get, "account", ""},
    {"GET /v1/accounts", accounts_list, "[account]", "limit"},
    {"POST /v1/accounts", accounts_create, "account", "business_type country email metadata[*] type"},
    {"GET /v1/accounts/{id}", accounts_get, "account", ""},
    {"GET /v1/balance_transactions", balance_txns_list, "[balance_transaction]",
     PAGE CREATED "currency source type"},
    {"GET /v1/balance_transactions/{id}", balance_txns_get, "balance_transaction", ""},
    {"GET /v1/charges", charges_list, "[charge]", PAGE CREATED "customer payment_intent"},
    {"GET /v1/charges/{id}", charges_get, "charge", ""},
    {"GET /v1/charges/{id}/refunds", charges_refunds, "[refund]", PAGE CREATED},
    {"GET /v1/checkout/sessions", sessions_list, "[checkout.session]",
     PAGE CREATED "customer customer_details[email] payment_intent status subscription"},
    {"POST /v1/checkout/sessions", sessions_create, "checkout.session", SESSION},
    {"GET /v1/checkout/sessions/{id}", sessions_get, "checkout.session", ""},
    {"POST /v1/checkout/sessions/{id}/expire", sessions_expire, "checkout.session", ""},
    {"GET /v1/checkout/sessions/{id}/line_items", sessions_lines, "[item]", "limit starting_after"},
    {"GET /v1/coupons", coupons_list, "[coupon]", PAGE CREATED},
    {"POST /v1/coupons", coupons_create, "coupon",
     "amount_off applies_to[products][] currency duration duration_in_months id max_redemptions metadata[*] "
     "name "
     "percent_off redeem_by"},
    {"GET /v1/coupons/{id}", coupons_get, "coupon", ""},
    {"POST /v1/coupons/{id}", coupons_update, "coupon", "metadata[*] name"},
    {"DELETE /v1/coupons/{id}", coupons_delete, "coupon", ""},
    {"GET /v1/credit_notes", credit_notes_list, "[credit_note]", PAGE CREATED "customer invoice"},
    {"POST /v1/credit_notes", credit_notes_create, "credit_note", CREDIT_NOTE},
    {"GET /v1/credit_notes/{id}", credit_notes_get, "credit_note", ""},
    {"POST /v1/credit_notes/{id}/void", credit_notes_void, "credit_note", ""},
    {"GET /v1/customers", customers_list, "[customer]", PAGE CREATED "email test_clock"},
    {"POST /v1/customers", customers_create, "customer", CUSTOMER "payment_method test_clock"},
    {"GET /v1/customers/{id}", customers_get, "customer", ""},
    {"POST /v1/customers/{id}", customers_update, "customer", CUSTOMER},
    {"DELETE /v1/customers/{id}", customers_delete, "customer", ""},
    {"GET /v1/customers/{id}/balance_transactions", customer_txns_list, "[customer_balance_transaction]",
     PAGE CREATED},
    {"GET /v1/disputes", disputes_list, "[dispute]", PAGE CREATED "charge payment_intent"},
    {"GET /v1/disputes/{id}", disputes_get, "dispute", ""},
    {"POST /v1/disputes/{id}", disputes_update, "dispute", "evidence[*] metadata[*] submit"},
    {"POST /v1/disputes/{id}/close", disputes_close, "dispute", ""},
    {"GET /v1/events", events_list, "[event]", PAGE CREATED "delivery_success type types[]"},
    {"GET /v1/events/{id}", events_get, "event", ""},
    {"GET /v1/invoice_payments", invoice_payments_list, "[invoice_payment]",
     PAGE CREATED "invoice payment[payment_intent] payment[payment_record] payment[type] status"},
    {"GET /v1/invoice_payments/{id}", invoice_payments_get, "invoice_payment", ""},
    {"GET /v1/invoiceitems", invoiceitems_list, "[invoiceitem]", PAGE CREATED "customer invoice pending"},
    {"POST /v1/invoiceitems", invoiceitems_create, "invoiceitem",
     DISCOUNT "amount currency customer description"},
    {"GET /v1/invoiceitems/{id}", invoiceitems_get, "invoiceitem", ""},
    {"GET /v1/invoices", invoices_list, "[invoice]",
     PAGE CREATED "collection_method customer status subscription"},
    {"POST /v1/invoices", invoices_create, "invoice", DISCOUNT "auto_advance currency customer metadata[*]"},
    {"GET /v1/invoices/{id}", invoices_get, "invoice", ""},
    {"GET /v1/invoices/{id}/lines", invoices_lines, "[line_item]", PAGE},
    {"POST /v1/invoices/{id}/attach_payment", invoices_attach_payment, "invoice", "payment_intent"},
    {"POST /v1/invoices/{id}/finalize", invoices_finalize, "invoice", ""},
    {"POST /v1/invoices/{id}/mark_uncollectible", invoices_mark_uncollectible, "invoice", ""},
    {"POST /v1/invoices/{id}/pay", invoices_pay, "invoice", "paid_out_of_band payment_method"},
    {"POST /v1/invoices/{id}/void", invoices_void, "invoice", ""},
    {"GET /v1/payment_intents", intents_list, "[payment_intent]", PAGE CREATED "customer"},
    {"POST /v1/payment_intents", intents_create, "payment_intent",
     "amount capture_method confirm currency customer description metadata[*] off_session payment_method"},
    {"GET /v1/payment_intents/{id}", intents_get, "payment_intent", ""},
    {"POST /v1/payment_intents/{id}/cancel", intents_cancel, "payment_intent", "cancellation_reason"},
    {"POST /v1/payment_intents/{id}/capture", intents_capture, "payment_intent", "amount_to_capture"},
    {"POST /v1/payment_intents/{id}/confirm", intents_confirm, "payment_intent", "payment_method"},
    {"GET /v1/payment_methods", payment_methods_list, "[payment_method]", PAGE "customer type"},
    {"GET /v1/payment_methods/{id}", payment_methods_get, "payment_method", ""},
    {"POST /v1/payment_methods/{id}/attach", payment_methods_attach, "payment_method", "customer"},
    {"GET /v1/prices", prices_list, "[price]", PAGE CREATED "active currency lookup_keys[] product type"},
    {"POST /v1/prices", prices_create, "price",
     PRICE RECURRING "currency product product_data[metadata][*] product_data[name] unit_amount"},
    {"GET /v1/prices/{id}", prices_get, "price", ""},
    {"POST /v1/prices/{id}", prices_update, "price", PRICE},
    {"GET /v1/products", products_list, "[product]", PAGE CREATED "active ids[]"},
    {"POST /v1/products", products_create, "product", PRODUCT},
    {"GET /v1/products/{id}", products_get, "product", ""},
    {"POST /v1/products/{id}", products_update, "product", PRODUCT},
    {"GET /v1/promotion_codes", promotion_codes_list, "[promotion_code]",
     PAGE CREATED "active code coupon customer"},
    {"POST /v1/promotion_codes", promotion_codes_create, "promotion_code", CODE},
    {"GET /v1/promotion_codes/{id}", promotion_codes_get, "promotion_code", ""},
    {"POST /v1/promotion_codes/{id}", promotion_codes_update, "promotion_code", "active metadata[*]"},
    {"GET /v1/refunds", refunds_list, "[refund]", PAGE CREATED "charge payment_intent"},
    {"POST /v1/refunds", refunds_create, "refund", "amount charge metadata[*] payment_intent reason"},
    {"GET /v1/refunds/{id}", refunds_get, "refund", ""},
    {"POST /v1/refunds/{id}", refunds_update, "refund", "metadata[*]"},
    {"POST /v1/refunds/{id}/cancel", refunds_cancel, "refund", ""},
    {"GET /v1/setup_intents", setup_intents_list, "[setup_intent]", PAGE CREATED "customer"},
    {"GET /v1/setup_intents/{id}", setup_intents_get, "setup_intent", ""},
    {"GET /v1/subscription_items", items_list, "[subscription_item]", PAGE "subscription"},
    {"GET /v1/subscription_items/{id}", items_get, "subscription_item", ""},
    {"POST /v1/subscription_items", items_create, "subscription_item",
     "metadata[*] price proration_behavior quantity subscription"},
    {"POST /v1/subscription_items/{id}", items_update, "subscription_item",
     "metadata[*] price proration_behavior quantity"},
    {"DELETE /v1/subscription_items/{id}", items_delete, "subscription_item", "proration_behavior"},
    {"GET /v1/subscription_schedules", schedules_list, "[subscription_schedule]",
     PAGE CREATED "customer scheduled"},
    {"POST /v1/subscription_schedules", schedules_create, "subscription_schedule",
     PHASE "customer from_subscription start_date"},
    {"GET /v1/subscription_schedules/{id}", schedules_get, "subscription_schedule", ""},
    {"POST /v1/subscription_schedules/{id}", schedules_update, "subscription_schedule", PHASE},
    {"POST /v1/subscription_schedules/{id}/cancel", schedules_cancel, "subscription_schedule", ""},
    {"POST /v1/subscription_schedules/{id}/release", schedules_release, "subscription_schedule", ""},
    {"GET /v1/subscriptions", subscriptions_list, "[subscription]",
     PAGE CREATED "collection_method customer price status test_clock"},
    {"POST /v1/subscriptions", subscriptions_create, "subscription",
     SUBSCRIPTION "backdate_start_date billing_mode[type] customer payment_behavior trial_period_days"},
    {"GET /v1/subscriptions/{id}", subscriptions_get, "subscription", ""},
    {"POST /v1/subscriptions/{id}", subscriptions_update, "subscription",
     SUBSCRIPTION "discounts[][discount] items[][deleted] items[][id] billing_cycle_anchor[type] "
                  "cancellation_details[comment] cancellation_details[feedback] pause_collection[behavior] "
                  "pause_collection[resumes_at]"},
    {"DELETE /v1/subscriptions/{id}", subscriptions_cancel, "subscription",
     "cancellation_details[comment] cancellation_details[feedback] invoice_now prorate"},
    {"POST /v1/subscriptions/{id}/pause", subscriptions_pause, "subscription", "type"},
    {"POST /v1/subscriptions/{id}/resume", subscriptions_resume, "subscription",
     "billing_cycle_anchor billing_cycle_anchor[type] payment_behavior"},
    {"GET /v1/test_helpers/test_clocks", test_clocks_list, "[test_helpers.test_clock]", PAGE},
    {"POST /v1/test_helpers/test_clocks", test_clocks_create, "test_helpers.test_clock", "frozen_time name"},
    {"GET /v1/test_helpers/test_clocks/{id}", test_clocks_get, "test_helpers.test_clock", ""},
    {"POST /v1/test_helpers/test_clocks/{id}/advance", test_clocks_advance, "test_helpers.test_clock",
     "frozen_time"},
    {"GET /v1/webhook_endpoints", endpoints_list, "[webhook_endpoint]", PAGE},
    {"POST /v1/webhook_endpoints", endpoints_create, "webhook_endpoint", ENDPOINT "api_version connect"},
    {"GET /v1/webhook_endpoints/{id}", endpoints_get, "webhook_endpoint", ""},
    {"POST /v1/webhook_endpoints/{id}", endpoints_update, "webhook_endpoint", ENDPOINT "disabled"},
    {"DELETE /v1/webhook_endpoints/{id}", endpoints_delete, "webhook_endpoint", ""},
    {"GET /v2/core/event_destinations", destinations_list, NULL, "limit"},
    {"POST /v2/core/event_destinations", destinations_create, NULL,
     "description enabled_events[] event_payload events_from[] include[] name snapshot_api_version type "
     "webhook_endpoint[url]"},
    {"GET /v2/core/event_destinations/{id}", destinations_get, NULL, "include[]"},
    {"DELETE /v2/core/event_destinations/{id}", destinations_delete, NULL, ""},
    {"POST /v2/core/event_destinations/{id}/disable", destinations_disable, NULL, ""},
    {"POST /v2/core/event_destinations/{id}/enable", destinations_enable, NULL, ""},
    {"POST /v2/core/event_destinations/{id}/ping", destinations_ping, NULL, ""},
    {"GET /v2/core/events", thin_events_list, NULL,
     "created[gt] created[gte] created[lt] created[lte] limit object_id page types[]"},
    {"GET /v2/core/events/{id}", thin_events_get, NULL, ""},
};
// clang-format on

/* Does the request fit the template? The {id} part is copied to id. */
static bool route_matches(const struct route *route, const char *method, const char *path, char *id,
                          size_t size)
{
    size_t method_len = strlen(method);
    const char *template = route->name + method_len + 1;

    if (strncmp(route->name, method, method_len) != 0 || route->name[method_len] != ' ')
        return false;
    const char *brace = strchr(template, '{');
    if (!brace)
        return strcmp(template, path) == 0;
    size_t head_len = (size_t)(brace - template);
    if (strncmp(template, path, head_len) != 0)
        return false;
    size_t id_len = strcspn(path + head_len, "/");
    if (!id_len || id_len >= size || strcmp(path + head_len + id_len, brace + 4) != 0)
        return false;
    memcpy(id, path + head_len, id_len);
    id[id_len] = '\0';
    if (strchr(id, '%')) /* a coupon may be called anything */
        (void)form_unescape(id);
    return true;
}

const struct route *route_find(const char *method, const char *path, char *id, size_t size)
{
    *id = '\0';
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (route_matches(&routes[i], method, path, id, size))
            return &routes[i];
    return NULL;
}
