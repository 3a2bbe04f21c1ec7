/* Private to the render files: one function per object type, and what they share. */
#ifndef INSTEP_SIM_RENDER_PARTS_H
#define INSTEP_SIM_RENDER_PARTS_H

#include "sim/render.h"

json_t *render_head(const struct object *o); /* id, object, created, metadata, livemode */
json_t *render_embedded(const struct sim *sim, const struct list *list, const char *url); /* first page */
void put_id(json_t *json, const char *key, const struct object *o); /* NULL gives null */
#define PUT_ID(json, key, record) put_id(json, key, (record) ? &(record)->o : NULL)

json_t *render_coupon(const struct sim *sim, const struct coupon *coupon);
json_t *render_coupon_products(const struct coupon *coupon); /* applies_to */
json_t *render_promotion_code(const struct sim *sim, const struct promotion_code *code);
json_t *render_discount(const struct discount *d);
/* The field "discounts" of their owner: ids, of all or of those that `shown` says. */
void put_discounts(json_t *json, const struct list *discounts, bool (*shown)(const struct discount *d));
json_t *render_invoice_discounts(const struct invoice *inv); /* total_discount_amounts */
json_t *render_line_discounts(const struct line *line);      /* discount_amounts */
json_t *render_session_discounts(const struct session *cs);
json_t *render_price(const struct price *price);
json_t *render_plan(const struct price *price);
json_t *render_subscription(const struct sim *sim, const struct subscription *sub);
json_t *render_schedule(const struct schedule *schedule);
json_t *render_item(const struct item *item);
json_t *render_invoice(const struct sim *sim, const struct invoice *inv);
json_t *render_line(const struct line *line);
json_t *render_invoiceitem(const struct invoiceitem *ii);
json_t *render_invoice_payment(const struct invoice_payment *payment);
json_t *render_intent(const struct intent *pi);
json_t *render_setup_intent(const struct setup_intent *si);
json_t *render_charge(const struct charge *ch);
json_t *render_refund(const struct refund *refund);
json_t *render_refunds(const struct charge *ch); /* the embedded list */
json_t *render_dispute(const struct sim *sim, const struct dispute *d);
json_t *render_credit_note(const struct credit_note *note);
json_t *render_balance_txn(const struct sim *sim, const struct balance_txn *txn);
json_t *render_test_clock(const struct sim *sim, const struct test_clock *clock);
json_t *render_customer_txn(const struct customer_txn *txn);
json_t *render_session(const struct session *cs);
json_t *render_session_lines(const struct session *cs);

#endif
