/* One API call while it is handled: what handlers get, and how they answer. Private to the API's files. */
#ifndef INSTEP_SIM_CALL_H
#define INSTEP_SIM_CALL_H

#include "sim/billing.h"
#include "sim/form.h"
#include "sim/sim.h"

struct call {
    struct sim *sim;
    const char *path;    /* as requested, without query */
    const char *id;      /* the {id} of the path, "" if none */
    const char *version; /* of the request: the shape of the answer; static */
    json_t *params;      /* query and body, decoded */
    struct refusal why;  /* status 0 until the call is refused */
    json_t *answer;      /* set by the handler unless it refused */
};
typedef void call_fn(struct call *call);

/* Answer with an object, expanded as asked: objects in place of ids, what is hidden otherwise added (expand.c). */
void call_answer(struct call *call, const struct object *o);
void call_answer_json(struct call *call, json_t *json); /* steals; expanded too */

/* The object of the path, or NULL after a 404. */
void *call_object(struct call *call, enum object_type type);
/* The object a parameter names: NULL if the parameter is absent; refused (check call->why.status) if it is unknown. */
void *call_param(struct call *call, const char *param, enum object_type type);

/* list.c: a page of a list. match NULL takes everything. */
typedef bool match_fn(struct call *call, const struct object *o);
void call_list(struct call *call, const struct list *list, bool oldest_first, match_fn *match);
/* The list to look through: the customer's if the call names one. NULL after a refusal. */
const struct list *call_scope(struct call *call, enum object_type type);
/* True if parameter `name` is absent or says text. */
bool call_says(struct call *call, const char *name, const char *text);
bool call_created_matches(struct call *call, int64_t created);
unsigned call_limit(struct call *call); /* 1..100; 0 after a refusal */

struct discount_wishes;
/*
 * api_coupons.c: what a request's discounts (borrowed; NULL: none) ask for. owned: the discounts that may be kept, NULL:
 * none. False after a refusal.
 */
bool discount_params(struct call *call, json_t *entries, const struct list *owned,
                     struct discount_wishes *ret_wishes);

/* Handlers, by file. */
call_fn customers_create, customers_get, customers_update, customers_delete, customers_list;
call_fn payment_methods_attach, payment_methods_get, payment_methods_list;
call_fn products_create, products_get, products_update, products_list;
call_fn prices_create, prices_get, prices_update, prices_list;
call_fn coupons_create, coupons_get, coupons_update, coupons_delete, coupons_list;
call_fn promotion_codes_create, promotion_codes_get, promotion_codes_update, promotion_codes_list;
call_fn subscriptions_create, subscriptions_get, subscriptions_update, subscriptions_cancel,
    subscriptions_list, subscriptions_pause, subscriptions_resume;
call_fn schedules_create, schedules_get, schedules_update, schedules_release, schedules_cancel,
    schedules_list;
call_fn items_create, items_get, items_update, items_delete, items_list;
call_fn invoices_create, invoices_get, invoices_list, invoices_lines, invoices_pay, invoices_finalize,
    invoices_void, invoices_mark_uncollectible, invoices_attach_payment;
call_fn invoiceitems_create, invoiceitems_get, invoiceitems_list;
call_fn invoice_payments_get, invoice_payments_list;
call_fn intents_create, intents_get, intents_list, intents_confirm, intents_capture, intents_cancel;
call_fn setup_intents_get, setup_intents_list, charges_get, charges_list, charges_refunds;
call_fn refunds_create, refunds_get, refunds_update, refunds_cancel, refunds_list;
call_fn disputes_get, disputes_list, disputes_update, disputes_close;
call_fn balance_txns_get, balance_txns_list;
call_fn credit_notes_create, credit_notes_get, credit_notes_list, credit_notes_void, customer_txns_list;
call_fn sessions_create, sessions_get, sessions_list, sessions_expire, sessions_lines;
call_fn events_get, events_list, thin_events_get, thin_events_list;
call_fn endpoints_create, endpoints_get, endpoints_update, endpoints_delete, endpoints_list;
call_fn destinations_create, destinations_get, destinations_delete, destinations_enable, destinations_disable,
    destinations_ping, destinations_list;
call_fn test_clocks_create, test_clocks_get, test_clocks_advance, test_clocks_list;
call_fn account_get, accounts_create, accounts_get, accounts_list;

#endif
