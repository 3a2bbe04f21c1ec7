/*
 * Coupons, promotion codes and discounts. A discount is a coupon put to use: by a subscription (then it stands on each of
 * its invoices while it lasts), by one invoice or invoice item, or by a Checkout session.
 *
 * Amounts: the discounts of an invoice are taken one after the other, each from what the ones before it have left. A
 * percentage is taken from the sum of the lines it applies to and rounded half away from zero (to tens for three-decimal
 * currencies); an amount is never more than that sum. Each is then shared among the lines in proportion to what is left of
 * them: every line gets its whole part, and the units that are missing go to the largest remainders, the earlier line first.
 * Lines that are negative, prorated, or of a product the coupon does not apply to get nothing.
 */
#ifndef INSTEP_SIM_DISCOUNT_H
#define INSTEP_SIM_DISCOUNT_H

#include "sim/billing.h"

/* --- coupons and codes --- */

/* A copy of `like` with the id given, or a random one (NULL). coupon.created. id is not in use. */
struct coupon *coupon_create(struct sim *sim, const struct coupon *like, const char *id);
void coupon_delete(struct sim *sim, struct coupon *coupon);
bool coupon_is_valid(const struct sim *sim, const struct coupon *coupon); /* it can be redeemed now */

/* A copy of `like`; a code of NULL is made up. Refused while another one with this code is active. */
bool promotion_code_create(struct sim *sim, const struct promotion_code *like,
                           struct promotion_code **ret_code, struct refusal *why);
bool promotion_code_is_active(const struct sim *sim, const struct promotion_code *code);
/* The active one that a person means who types text; NULL: none. */
struct promotion_code *promotion_code_typed(const struct sim *sim, const char *text);

/* --- putting them to use --- */

/* May they all be redeemed for this? customer NULL: not known yet. subtotal: before discounts. */
bool discounts_are_redeemable(const struct sim *sim, const struct discount_wishes *wishes,
                              const struct customer *customer, const char *currency, int64_t subtotal,
                              struct refusal *why);
/* One more redemption of coupon and code. The caller sets the owner. */
struct discount *discount_redeem(struct sim *sim, const struct discount_wish *wish,
                                 struct customer *customer);

/*
 * The subscription's discounts from now on; those that it had and that are not kept end. customer.discount.created,
 * .deleted, or .updated when one takes the place of another. customer.subscription.updated is left to the caller.
 */
void subscription_set_discounts(struct sim *sim, struct subscription *sub,
                                const struct discount_wishes *wishes);
/* --- amounts --- */

/* What of an amount of a product is left, and what a discount took of it. */
struct discountable {
    const struct product *product; /* NULL: none, so that coupons for products do not apply */
    int64_t left;                  /* in: before, out: after this discount */
    bool applies;                  /* false: leave it alone */
    int64_t taken;                 /* out */
};
/* Take the coupon from the lines; returns the sum taken. */
int64_t coupon_take(const struct coupon *coupon, const char *currency, struct discountable *lines,
                    size_t count);

/* The discounts of a new draft: its subscription's. One that is `once` is used up if it took anything. */
void invoice_take_discounts(struct sim *sim, struct invoice *inv);
/* Discounts of this invoice alone; the caller has asked discounts_are_redeemable. */
void invoice_add_discounts(struct sim *sim, struct invoice *inv, const struct discount_wishes *wishes);
/* The same for an invoice item, before it is told of. */
void invoiceitem_set_discounts(struct sim *sim, struct invoiceitem *ii, const struct discount_wishes *wishes);
/* Work out the lines' discounts anew; returns their sum. */
int64_t invoice_discount(struct invoice *inv);
/* The sum that the discount with this index takes from the invoice. */
int64_t invoice_discounted_by(const struct invoice *inv, size_t index);

/* Subtotal, discount and total of a session from its lines and discounts. */
void session_total_up(struct session *cs);

due_fn due_discount_end;

#endif
