/* API: coupons, promotion codes, and the discounts[] of other requests. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/call.h"
#include "sim/discount.h"
#include "sim/events.h"
#include "sim/money.h"
#include "sim/render.h"

#define COUPON_ID_MAX 200
#define MONTHS_MAX    1200

/* A whole number from lowest on; absent leaves *ret_number as it is. */
static bool number_param(struct call *call, const char *path, const char *shown, int64_t lowest,
                         int64_t *ret_number)
{
    if (!form_at(call->params, path))
        return true;
    if (form_integer(call->params, path, ret_number) && *ret_number >= lowest)
        return true;
    return refuse(&call->why, 400, "parameter_invalid_integer", shown, "Invalid integer for %s.", shown);
}

/* --- coupons --- */

/* "12.5" as 1250: at most two decimals, from 0.01 to 100. */
static bool percent_of(const char *text, int64_t *ret_bp)
{
    char *end;
    long long whole = strtoll(text, &end, 10);
    int64_t decimals = 0;

    if (end == text || whole < 0 || whole > 100)
        return false;
    if (*end == '.') {
        size_t digits = strspn(end + 1, "0123456789");
        if (digits < 1 || digits > 2 || end[1 + digits])
            return false;
        decimals = strtoll(end + 1, NULL, 10) * (digits == 1 ? 10 : 1);
    } else if (*end) {
        return false;
    }
    *ret_bp = whole * 100 + decimals;
    return *ret_bp > 0 && *ret_bp <= 10000;
}

static bool duration_param(struct call *call, struct coupon *coupon)
{
    static const char *const names[] = {"once", "repeating", "forever"};
    const char *duration = form_text(call->params, "duration");
    bool known = !duration;

    for (unsigned i = 0; duration && i < 3; i++) {
        if (strcmp(duration, names[i]) == 0) {
            coupon->duration = (enum coupon_duration)i;
            known = true;
        }
    }
    if (!known)
        return refuse(&call->why, 400, NULL, "duration",
                      "Invalid duration: must be one of forever, once, or repeating");
    if (!number_param(call, "duration_in_months", "duration_in_months", 1, &coupon->duration_in_months))
        return false;
    if (coupon->duration_in_months > MONTHS_MAX)
        return refuse(&call->why, 400, "parameter_invalid_integer", "duration_in_months",
                      "Invalid integer for duration_in_months.");
    if ((coupon->duration == DURATION_REPEATING) != (coupon->duration_in_months > 0))
        return refuse(&call->why, 400, NULL, "duration_in_months",
                      "duration_in_months goes with a duration of repeating, and with no other.");
    return true;
}

static bool worth_param(struct call *call, struct coupon *coupon)
{
    const char *percent = form_text(call->params, "percent_off");
    const char *currency = form_text(call->params, "currency");

    if (!percent == !form_at(call->params, "amount_off"))
        return refuse(&call->why, 400, NULL, NULL,
                      "You must pass either `percent_off` or `amount_off`, and not both.");
    if (percent)
        return percent_of(percent, &coupon->percent_bp) ||
               refuse(&call->why, 400, NULL, "percent_off", "Invalid percent_off: %.40s", percent);
    if (!number_param(call, "amount_off", "amount_off", 1, &coupon->amount_off))
        return false;
    if (!currency)
        return refuse(&call->why, 400, "parameter_missing", "currency",
                      "You must pass a `currency` when passing `amount_off`.");
    if (!money_is_valid(coupon->amount_off, currency, &call->why))
        return false;
    coupon->currency = currency;
    return true;
}

static bool products_param(struct call *call, struct coupon *coupon)
{
    const char *key;
    json_t *id;

    json_object_foreach(form_at(call->params, "applies_to.products"), key, id)
    {
        struct product *product = sim_find_type(call->sim, json_string_value(id), TYPE_PRODUCT);
        if (!product)
            return refuse(&call->why, 400, "resource_missing", "applies_to[products]",
                          "No such product: '%.80s'", json_string_value(id) ? json_string_value(id) : "");
        if (coupon->products_count == COUPON_PRODUCTS_MAX)
            return refuse(&call->why, 400, NULL, "applies_to[products]", "At most %d products.",
                          COUPON_PRODUCTS_MAX);
        coupon->products[coupon->products_count++] = product;
    }
    return true;
}

static bool metadata_param(struct call *call, struct object *o)
{
    json_t *metadata = json_object_get(call->params, "metadata");

    if (metadata && !json_is_object(metadata))
        return refuse(&call->why, 400, NULL, "metadata", "Invalid hash");
    o->metadata = metadata;
    return true;
}

void coupons_create(struct call *call)
{
    const char *id = form_text(call->params, "id");
    struct coupon like = {.name = form_text(call->params, "name")};

    if (id && !*id)
        id = NULL; /* one is made up */
    if (id && strlen(id) > COUPON_ID_MAX) {
        (void)refuse(&call->why, 400, NULL, "id", "A coupon's id has at most %d characters.", COUPON_ID_MAX);
        return;
    }
    if (id && sim_find(call->sim, id)) {
        (void)refuse(&call->why, 400, "resource_already_exists", "id",
                     "Coupon already exists."); /* also after it was deleted */
        return;
    }
    if (worth_param(call, &like) && duration_param(call, &like) && products_param(call, &like) &&
        metadata_param(call, &like.o) &&
        number_param(call, "max_redemptions", "max_redemptions", 1, &like.max_redemptions) &&
        number_param(call, "redeem_by", "redeem_by", call->sim->now + 1, &like.redeem_by))
        call_answer(call, &coupon_create(call->sim, &like, id)->o);
}

/* The coupon of the path, unless it was deleted. NULL after a 404. */
static struct coupon *coupon_here(struct call *call)
{
    struct coupon *coupon = call_object(call, TYPE_COUPON);

    if (!coupon || !coupon->deleted)
        return coupon;
    (void)refuse(&call->why, 404, "resource_missing", "id", "No such coupon: '%.100s'", call->id);
    return NULL;
}

void coupons_get(struct call *call)
{
    struct coupon *coupon = coupon_here(call);

    if (coupon)
        call_answer(call, &coupon->o);
}

void coupons_update(struct call *call)
{
    struct coupon *coupon = coupon_here(call);
    const char *name = form_text(call->params, "name");
    struct object given = {0};

    if (!coupon || !metadata_param(call, &given))
        return;
    json_t *before = render_object(call->sim, &coupon->o);
    if (name)
        coupon->name = *name ? sim_text(call->sim, name) : NULL;
    if (given.metadata)
        metadata_merge(&coupon->o, given.metadata);
    emit_updated(call->sim, "coupon.updated", &coupon->o, before);
    call_answer(call, &coupon->o);
}

void coupons_delete(struct call *call)
{
    struct coupon *coupon = coupon_here(call);

    if (!coupon)
        return;
    coupon_delete(call->sim, coupon);
    call->answer =
        sim_json(json_pack("{s:s, s:s, s:b}", "id", coupon->o.id, "object", "coupon", "deleted", 1));
}

static bool coupon_matches(struct call *call, const struct object *o)
{
    (void)call;
    return !((const struct coupon *)o)->deleted;
}

void coupons_list(struct call *call)
{
    call_list(call, &call->sim->all[TYPE_COUPON], false, coupon_matches);
}

/* --- promotion codes --- */

static bool code_restrictions(struct call *call, struct promotion_code *like)
{
    const char *currency = form_text(call->params, "restrictions.minimum_amount_currency");

    like->first_time_transaction = form_flag(call->params, "restrictions.first_time_transaction", false);
    like->minimum_amount_currency = currency;
    if (!number_param(call, "restrictions.minimum_amount", "restrictions[minimum_amount]", 1,
                      &like->minimum_amount))
        return false;
    if (!currency != !like->minimum_amount)
        return refuse(&call->why, 400, "parameter_missing", "restrictions[minimum_amount_currency]",
                      "minimum_amount and minimum_amount_currency go together.");
    return true;
}

void promotion_codes_create(struct call *call)
{
    struct promotion_code like = {.customer = call_param(call, "customer", TYPE_CUSTOMER),
                                  .code = form_text(call->params, "code"),
                                  .active = form_flag(call->params, "active", true)};
    struct promotion_code *code;
    const char *id = form_text(call->params, "promotion.coupon");

    if (!id)
        id = form_text(call->params, "coupon"); /* where it stood before 2025-09-30.clover */
    like.coupon = sim_find_type(call->sim, id, TYPE_COUPON);
    if (call->why.status)
        return;
    if (!like.coupon || like.coupon->deleted)
        (void)refuse(&call->why, 400, "resource_missing", "promotion[coupon]", "No such coupon: '%.80s'",
                     id ? id : "");
    else if (code_restrictions(call, &like) && metadata_param(call, &like.o) &&
             number_param(call, "max_redemptions", "max_redemptions", 1, &like.max_redemptions) &&
             number_param(call, "expires_at", "expires_at", call->sim->now + 1, &like.expires_at) &&
             promotion_code_create(call->sim, &like, &code, &call->why))
        call_answer(call, &code->o);
}

void promotion_codes_get(struct call *call)
{
    struct promotion_code *code = call_object(call, TYPE_PROMOTION_CODE);

    if (code)
        call_answer(call, &code->o);
}

void promotion_codes_update(struct call *call)
{
    struct promotion_code *code = call_object(call, TYPE_PROMOTION_CODE);
    struct object given = {0};

    if (!code || !metadata_param(call, &given))
        return;
    if (form_flag(call->params, "active", false) && !coupon_is_valid(call->sim, code->coupon)) {
        (void)refuse(&call->why, 400, NULL, "active",
                     "This promotion code cannot be reactivated: its coupon is no longer valid.");
        return;
    }
    json_t *before = render_object(call->sim, &code->o);
    code->active = form_flag(call->params, "active", code->active && !form_at(call->params, "active"));
    if (given.metadata)
        metadata_merge(&code->o, given.metadata);
    emit_updated(call->sim, "promotion_code.updated", &code->o, before);
    call_answer(call, &code->o);
}

static bool promotion_code_matches(struct call *call, const struct object *o)
{
    const struct promotion_code *code = (const struct promotion_code *)o;
    const char *text = form_text(call->params, "code");

    return call_says(call, "active", promotion_code_is_active(call->sim, code) ? "true" : "false") &&
           call_says(call, "coupon", code->coupon->o.id) &&
           call_says(call, "customer", code->customer ? code->customer->o.id : NULL) &&
           (!text || strcasecmp(text, code->code) == 0);
}

void promotion_codes_list(struct call *call)
{
    call_list(call, &call->sim->all[TYPE_PROMOTION_CODE], false, promotion_code_matches);
}

/* --- the discounts[] of other requests --- */

static struct discount *discount_of(const struct list *owned, const char *id)
{
    for (size_t i = 0; owned && i < owned->count; i++)
        if (strcmp(owned->at[i]->id, id) == 0)
            return (struct discount *)owned->at[i];
    return NULL;
}

static bool wish_of(struct call *call, json_t *entry, const struct list *owned, struct discount_wish *wish)
{
    const char *coupon = form_text(entry, "coupon"), *code = form_text(entry, "promotion_code");
    const char *keep = form_text(entry, "discount");

    if (!coupon + !code + !keep != 2)
        return refuse(&call->why, 400, NULL, "discounts",
                      "Each discount names one of coupon, promotion_code and discount.");
    if (coupon)
        wish->coupon = sim_find_type(call->sim, coupon, TYPE_COUPON);
    if (coupon && (!wish->coupon || wish->coupon->deleted))
        return refuse(&call->why, 400, "resource_missing", "discounts[0][coupon]", "No such coupon: '%.80s'",
                      coupon);
    if (code && !(wish->promotion_code = sim_find_type(call->sim, code, TYPE_PROMOTION_CODE)))
        return refuse(&call->why, 400, "resource_missing", "discounts[0][promotion_code]",
                      "No such promotion code: '%.80s'", code);
    if (keep && !(wish->keep = discount_of(owned, keep)))
        return refuse(&call->why, 400, "resource_missing", "discounts[0][discount]",
                      "No such discount: '%.80s'", keep);
    if (wish->promotion_code)
        wish->coupon = wish->promotion_code->coupon;
    if (wish->keep)
        wish->coupon = wish->keep->coupon;
    return true;
}

bool discount_params(struct call *call, json_t *entries, const struct list *owned,
                     struct discount_wishes *ret_wishes)
{
    const char *key;
    json_t *entry;

    *ret_wishes = (struct discount_wishes){.count = 0};
    json_object_foreach(entries, key, entry)
    {
        if (ret_wishes->count == DISCOUNTS_MAX)
            return refuse(&call->why, 400, NULL, "discounts", "At most %d discounts here.", DISCOUNTS_MAX);
        if (!wish_of(call, entry, owned, &ret_wishes->at[ret_wishes->count]))
            return false;
        ret_wishes->count++;
    }
    return true;
}
