#include "sim/discount.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/currency.h"
#include "sim/events.h"
#include "sim/render.h"

/* --- coupons and codes --- */

struct coupon *coupon_create(struct sim *sim, const struct coupon *like, const char *id)
{
    struct coupon *coupon = sim_alloc(sim, sizeof *coupon);
    json_t *metadata = like->o.metadata;

    *coupon = *like;
    coupon->o = (struct object){.id = sim_text(sim, id)};
    coupon->name = sim_text(sim, like->name);
    coupon->currency = sim_text(sim, like->currency);
    sim_object_init(sim, &coupon->o, TYPE_COUPON);
    if (metadata)
        metadata_merge(&coupon->o, metadata);
    emit(sim, "coupon.created", &coupon->o);
    return coupon;
}

void coupon_delete(struct sim *sim, struct coupon *coupon)
{
    coupon->deleted = true;
    emit(sim, "coupon.deleted", &coupon->o);
}

bool coupon_is_valid(const struct sim *sim, const struct coupon *coupon)
{
    return !coupon->deleted &&
           (!coupon->max_redemptions || coupon->times_redeemed < coupon->max_redemptions) &&
           (!coupon->redeem_by || sim->now <= coupon->redeem_by);
}

bool promotion_code_is_active(const struct sim *sim, const struct promotion_code *code)
{
    return code->active && coupon_is_valid(sim, code->coupon) &&
           (!code->max_redemptions || code->times_redeemed < code->max_redemptions) &&
           (!code->expires_at || sim->now <= code->expires_at);
}

struct promotion_code *promotion_code_typed(const struct sim *sim, const char *text)
{
    const struct list *codes = &sim->all[TYPE_PROMOTION_CODE];

    for (size_t i = 0; i < codes->count; i++) {
        struct promotion_code *code = (struct promotion_code *)codes->at[i];
        if (strcasecmp(code->code, text) == 0 && promotion_code_is_active(sim, code))
            return code;
    }
    return NULL;
}

/* A code for those who do not choose one: capitals and digits. */
static const char *make_up_code(struct sim *sim)
{
    char code[16];

    (void)snprintf(code, sizeof code, "%s", sim_new_id(sim, &sim->ids, "", 8));
    for (char *c = code; *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    return sim_text(sim, code);
}

bool promotion_code_create(struct sim *sim, const struct promotion_code *like,
                           struct promotion_code **ret_code, struct refusal *why)
{
    json_t *metadata = like->o.metadata;

    if (like->code && promotion_code_typed(sim, like->code))
        return refuse(why, 400, NULL, "code", "An active promotion code with `code: %.80s` already exists.",
                      like->code);
    if (!coupon_is_valid(sim, like->coupon))
        return refuse(why, 400, NULL, "promotion[coupon]", "Coupon expired: %.80s", like->coupon->o.id);
    struct promotion_code *code = sim_alloc(sim, sizeof *code);
    *code = *like;
    code->o = (struct object){0};
    code->code = like->code ? sim_text(sim, like->code) : make_up_code(sim);
    code->minimum_amount_currency = sim_text(sim, like->minimum_amount_currency);
    sim_object_init(sim, &code->o, TYPE_PROMOTION_CODE);
    if (metadata)
        metadata_merge(&code->o, metadata);
    emit(sim, "promotion_code.created", &code->o);
    *ret_code = code;
    return true;
}

/* --- putting them to use --- */

/* Has the customer paid, or been billed, before? */
static bool has_transacted(const struct customer *c)
{
    for (size_t i = 0; i < c->of[TYPE_INVOICE].count; i++)
        if (((const struct invoice *)c->of[TYPE_INVOICE].at[i])->status != INVOICE_VOID)
            return true;
    for (size_t i = 0; i < c->of[TYPE_CHARGE].count; i++)
        if (strcmp(((const struct charge *)c->of[TYPE_CHARGE].at[i])->status, "succeeded") == 0)
            return true;
    return false;
}

static bool code_is_redeemable(const struct sim *sim, const struct promotion_code *code,
                               const struct customer *customer, const char *currency, int64_t subtotal,
                               struct refusal *why)
{
    static const char param[] = "discounts[0][promotion_code]";

    if (!promotion_code_is_active(sim, code))
        return refuse(why, 400, "promotion_code_expired", param, "This promotion code is not active.");
    if (code->customer && code->customer != customer)
        return refuse(why, 400, NULL, param, "This promotion code belongs to another customer.");
    if (code->first_time_transaction && customer && has_transacted(customer))
        return refuse(why, 400, NULL, param,
                      "This promotion code cannot be redeemed because the associated customer has prior "
                      "transactions.");
    if (code->minimum_amount_currency &&
        (strcmp(code->minimum_amount_currency, currency) != 0 || subtotal < code->minimum_amount))
        return refuse(
            why, 400, NULL, param,
            "This promotion code cannot be redeemed because the amount does not reach its minimum.");
    return true;
}

bool discounts_are_redeemable(const struct sim *sim, const struct discount_wishes *wishes,
                              const struct customer *customer, const char *currency, int64_t subtotal,
                              struct refusal *why)
{
    for (unsigned i = 0; i < wishes->count; i++) {
        const struct discount_wish *wish = &wishes->at[i];
        if (wish->keep)
            continue;
        if (wish->promotion_code &&
            !code_is_redeemable(sim, wish->promotion_code, customer, currency, subtotal, why))
            return false;
        if (!coupon_is_valid(sim, wish->coupon))
            return refuse(why, 400, "coupon_expired", "discounts[0][coupon]", "Coupon expired: %.80s",
                          wish->coupon->o.id);
        if (wish->coupon->currency && strcmp(wish->coupon->currency, currency) != 0)
            return refuse(why, 400, NULL, "discounts[0][coupon]",
                          "The coupon's currency, %s, is not the one of this purchase, %s.",
                          wish->coupon->currency, currency);
        for (unsigned before = 0; before < i; before++)
            if (wishes->at[before].coupon == wish->coupon)
                return refuse(why, 400, NULL, "discounts", "A coupon can be applied only once.");
    }
    return true;
}

struct discount *discount_redeem(struct sim *sim, const struct discount_wish *wish, struct customer *customer)
{
    struct discount *d = sim_object(sim, TYPE_DISCOUNT, sizeof *d);

    d->coupon = wish->coupon;
    d->promotion_code = wish->promotion_code;
    d->customer = customer;
    d->start = sim->now;
    if (wish->coupon->duration == DURATION_REPEATING)
        d->end = calendar_add(sim->now, INTERVAL_MONTH, wish->coupon->duration_in_months);
    wish->coupon->times_redeemed++;
    if (wish->promotion_code)
        wish->promotion_code->times_redeemed++;
    return d;
}

static void list_remove(struct list *list, const struct object *o)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++)
        if (list->at[i] != o)
            list->at[kept++] = list->at[i];
    list->count = kept;
}

/* The subscription has it no longer. */
static void end_discount(struct sim *sim, struct discount *d)
{
    d->over = true;
    list_remove(&d->subscription->discounts, &d->o);
    emit(sim, "customer.discount.deleted", &d->o);
}

static bool is_kept(const struct discount *d, const struct discount_wishes *wishes)
{
    for (unsigned i = 0; i < wishes->count; i++)
        if (wishes->at[i].keep == d)
            return true;
    return false;
}

static struct discount *start_discount(struct sim *sim, struct subscription *sub,
                                       const struct discount_wish *wish)
{
    struct discount *d = discount_redeem(sim, wish, sub->customer);

    d->subscription = sub;
    list_push(sim, &sub->discounts, &d->o);
    if (d->end)
        sim_book(sim, d->end, DUE_DISCOUNT_END, d, 0);
    return d;
}

void subscription_set_discounts(struct sim *sim, struct subscription *sub,
                                const struct discount_wishes *wishes)
{
    struct list *discounts = &sub->discounts;
    bool swap = discounts->count == 1 && wishes->count == 1 && !wishes->at[0].keep;
    json_t *before = swap ? render_object(sim, discounts->at[0]) : NULL;

    for (size_t i = discounts->count; i-- > 0;) {
        struct discount *d = (struct discount *)discounts->at[i];
        if (is_kept(d, wishes))
            continue;
        if (!swap) {
            end_discount(sim, d);
            continue;
        }
        d->over = true;
        list_remove(discounts, &d->o);
    }
    for (unsigned i = 0; i < wishes->count; i++) {
        if (wishes->at[i].keep)
            continue;
        struct discount *d = start_discount(sim, sub, &wishes->at[i]);
        if (swap)
            emit_updated(sim, "customer.discount.updated", &d->o, before);
        else
            emit(sim, "customer.discount.created", &d->o);
    }
}

void due_discount_end(struct sim *sim, void *target, unsigned arg)
{
    struct discount *d = target;

    (void)arg;
    if (d->over || subscription_is_over(d->subscription))
        return;
    json_t *before = render_object(sim, &d->subscription->o);
    end_discount(sim, d);
    emit_updated(sim, "customer.subscription.updated", &d->subscription->o, before);
}

/* --- amounts --- */

static bool applies_to(const struct coupon *coupon, const struct product *product)
{
    for (unsigned i = 0; i < coupon->products_count; i++)
        if (coupon->products[i] == product)
            return true;
    return !coupon->products_count;
}

/* One more unit to the line with the largest remainder that has not had one (shares are marked by a remainder of -1). */
static void give_rest(struct discountable *lines, __int128 *remainders, size_t count, int64_t rest,
                      int64_t unit)
{
    while (rest > 0) {
        size_t best = count;
        for (size_t i = 0; i < count; i++)
            if (remainders[i] >= 0 && lines[i].taken + unit <= lines[i].left &&
                (best == count || remainders[i] > remainders[best]))
                best = i;
        if (best == count)
            return;
        lines[best].taken += unit;
        remainders[best] = -1;
        rest -= unit;
    }
}

int64_t coupon_take(const struct coupon *coupon, const char *currency, struct discountable *lines,
                    size_t count)
{
    int64_t sum = 0, wanted, shared = 0;
    int64_t unit = currency_step(currency);
    __int128 *remainders = calloc(count + 1, sizeof *remainders);

    if (!remainders)
        sim_die("out of memory");
    for (size_t i = 0; i < count; i++) {
        lines[i].taken = 0;
        remainders[i] = -1;
        if (lines[i].applies && lines[i].left > 0 && applies_to(coupon, lines[i].product))
            remainders[i] = 0;
        sum += remainders[i] == 0 ? lines[i].left : 0;
    }
    wanted = coupon->currency ? coupon->amount_off : prorate(sum, coupon->percent_bp, 10000, currency);
    if (wanted > sum)
        wanted = sum;
    for (size_t i = 0; i < count && wanted > 0; i++) {
        if (remainders[i] < 0)
            continue;
        __int128 whole = (__int128)wanted * lines[i].left;
        lines[i].taken = (int64_t)(whole / sum) / unit * unit;
        remainders[i] = whole - (__int128)lines[i].taken * sum;
        shared += lines[i].taken;
    }
    give_rest(lines, remainders, count, wanted - shared, unit);
    free(remainders);
    shared = 0;
    for (size_t i = 0; i < count; i++) {
        lines[i].left -= lines[i].taken;
        shared += lines[i].taken;
    }
    return shared;
}

/* A discount of an invoice item is for its line alone. */
static bool is_for(const struct discount *d, const struct line *line)
{
    bool proration = line->invoiceitem && line->invoiceitem->proration;

    return !proration && (!d->invoiceitem || d->invoiceitem == line->invoiceitem);
}

int64_t invoice_discount(struct invoice *inv)
{
    size_t count = inv->lines.count;
    struct discountable *lines;
    int64_t sum = 0;

    if (!inv->discounts.count)
        return 0;
    lines = calloc(count + 1, sizeof *lines);
    if (!lines)
        sim_die("out of memory");
    for (size_t i = 0; i < count; i++) {
        const struct line *line = (const struct line *)inv->lines.at[i];
        lines[i].left = line->amount;
        lines[i].product = line->price ? line->price->product : NULL;
    }
    for (size_t n = 0; n < inv->discounts.count; n++) {
        const struct discount *d = (const struct discount *)inv->discounts.at[n];
        for (size_t i = 0; i < count; i++)
            lines[i].applies = is_for(d, (const struct line *)inv->lines.at[i]);
        sum += coupon_take(d->coupon, inv->currency, lines, count);
        for (size_t i = 0; i < count; i++)
            ((struct line *)inv->lines.at[i])->discounted[n] = lines[i].taken;
    }
    free(lines);
    return sum;
}

int64_t invoice_discounted_by(const struct invoice *inv, size_t index)
{
    int64_t sum = 0;

    for (size_t i = 0; i < inv->lines.count; i++)
        sum += ((const struct line *)inv->lines.at[i])->discounted[index];
    return sum;
}

static void push_discount(struct sim *sim, struct invoice *inv, struct object *discount)
{
    if (inv->discounts.count < DISCOUNTS_MAX)
        list_push(sim, &inv->discounts, discount);
}

void invoice_take_discounts(struct sim *sim, struct invoice *inv)
{
    for (size_t i = 0; i < inv->lines.count; i++) {
        const struct invoiceitem *ii = ((const struct line *)inv->lines.at[i])->invoiceitem;
        for (size_t n = 0; ii && n < ii->discounts.count; n++)
            push_discount(sim, inv, ii->discounts.at[n]);
    }
    for (size_t i = 0; inv->subscription && i < inv->subscription->discounts.count; i++) {
        const struct discount *d = (const struct discount *)inv->subscription->discounts.at[i];
        if (!d->end || d->end > sim->now)
            push_discount(sim, inv, inv->subscription->discounts.at[i]);
    }
    invoice_total_up(inv);
    for (size_t n = 0; n < inv->discounts.count; n++) {
        struct discount *d = (struct discount *)inv->discounts.at[n];
        if (d->subscription && d->coupon->duration == DURATION_ONCE && invoice_discounted_by(inv, n) > 0)
            end_discount(sim, d);
    }
}

void invoice_add_discounts(struct sim *sim, struct invoice *inv, const struct discount_wishes *wishes)
{
    for (unsigned i = 0; i < wishes->count && inv->discounts.count < DISCOUNTS_MAX; i++) {
        struct discount *d = discount_redeem(sim, &wishes->at[i], inv->customer);
        d->invoice = inv;
        d->end = 0;
        list_push(sim, &inv->discounts, &d->o);
    }
    invoice_total_up(inv);
}

void invoiceitem_set_discounts(struct sim *sim, struct invoiceitem *ii, const struct discount_wishes *wishes)
{
    for (unsigned i = 0; i < wishes->count; i++) {
        struct discount *d = discount_redeem(sim, &wishes->at[i], ii->customer);
        d->invoiceitem = ii;
        d->end = 0;
        list_push(sim, &ii->discounts, &d->o);
    }
}

void session_total_up(struct session *cs)
{
    struct discountable lines[SESSION_LINES_MAX] = {0};
    bool trial = strcmp(cs->mode, "subscription") == 0 && (cs->trial_days || cs->trial_end);

    cs->amount_subtotal = cs->amount_discount = 0;
    for (unsigned i = 0; i < cs->lines_count; i++) {
        lines[i].left = trial ? 0 : cs->lines[i].price->unit_amount * cs->lines[i].quantity;
        lines[i].product = cs->lines[i].price->product;
        lines[i].applies = true;
        cs->lines[i].discount = 0;
        cs->amount_subtotal += lines[i].left;
    }
    for (unsigned n = 0; n < cs->discounts.count; n++) {
        cs->amount_discount += coupon_take(cs->discounts.at[n].coupon, cs->currency, lines, cs->lines_count);
        for (unsigned i = 0; i < cs->lines_count; i++)
            cs->lines[i].discount += lines[i].taken;
    }
    cs->amount_total = cs->amount_subtotal - cs->amount_discount;
}
