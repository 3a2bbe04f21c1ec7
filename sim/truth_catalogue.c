/* What is true of the catalogue: what is on sale, and what it may cost less. */
#include <stdlib.h>

#include "sim/render.h"
#include "sim/truth_parts.h"

static json_t *products(const struct sim *sim)
{
    json_t *array = sim_json(json_array());
    struct object **all = truth_sorted(&sim->all[TYPE_PRODUCT]);

    for (size_t i = 0; i < sim->all[TYPE_PRODUCT].count; i++) {
        const struct product *p = (const struct product *)all[i];
        truth_append(array,
                     json_pack("{s:s, s:b, s:s}", "id", p->o.id, "active", p->active, "name", p->name));
    }
    free(all);
    return array;
}

static json_t *prices(const struct sim *sim)
{
    json_t *array = sim_json(json_array());
    struct object **all = truth_sorted(&sim->all[TYPE_PRICE]);

    for (size_t i = 0; i < sim->all[TYPE_PRICE].count; i++) {
        const struct price *p = (const struct price *)all[i];
        truth_append(array, json_pack("{s:s, s:s, s:b, s:s, s:I}", "id", p->o.id, "product", p->product->o.id,
                                      "active", p->active, "currency", p->currency, "unit_amount",
                                      (json_int_t)p->unit_amount));
    }
    free(all);
    return array;
}

static json_t *coupon(const struct coupon *c)
{
    static const char *const durations[] = {"once", "repeating", "forever"};
    json_t *json = sim_json(json_object());

    put_text(json, "id", c->o.id);
    put(json, "percent_bp", c->percent_bp ? json_integer(c->percent_bp) : json_null());
    put(json, "amount_off", c->percent_bp ? json_null() : json_integer(c->amount_off));
    put_text(json, "currency", c->currency);
    put_text(json, "duration", durations[c->duration]);
    put(json, "duration_in_months",
        c->duration_in_months ? json_integer(c->duration_in_months) : json_null());
    return json;
}

static json_t *coupons(const struct sim *sim)
{
    json_t *array = sim_json(json_array());
    struct object **all = truth_sorted(&sim->all[TYPE_COUPON]);

    for (size_t i = 0; i < sim->all[TYPE_COUPON].count; i++)
        if (!((const struct coupon *)all[i])->deleted)
            truth_append(array, coupon((const struct coupon *)all[i]));
    free(all);
    return array;
}

static json_t *promotion_codes(const struct sim *sim)
{
    json_t *array = sim_json(json_array());
    struct object **all = truth_sorted(&sim->all[TYPE_PROMOTION_CODE]);

    for (size_t i = 0; i < sim->all[TYPE_PROMOTION_CODE].count; i++) {
        const struct promotion_code *p = (const struct promotion_code *)all[i];
        truth_append(array, json_pack("{s:s, s:s, s:s, s:s?}", "id", p->o.id, "code", p->code, "coupon",
                                      p->coupon->o.id, "customer", p->customer ? p->customer->o.id : NULL));
    }
    free(all);
    return array;
}

json_t *truth_catalogue(const struct sim *sim)
{
    return sim_json(json_pack("{s:o, s:o, s:o, s:o}", "products", products(sim), "prices", prices(sim),
                              "coupons", coupons(sim), "promotion_codes", promotion_codes(sim)));
}
