/* Subscription schedules as JSON. */
#include "sim/render_parts.h"

static json_t *phase_items(const struct schedule_phase *phase)
{
    json_t *items = sim_json(json_array());

    for (unsigned i = 0; i < phase->items_count; i++)
        if (json_array_append_new(items,
                                  json_pack("{s:s, s:s, s:I, s:n, s:[], s:{}, s:[]}", "price",
                                            phase->items[i].price->o.id, "plan", phase->items[i].price->o.id,
                                            "quantity", (json_int_t)phase->items[i].quantity,
                                            "billing_thresholds", "discounts", "metadata", "tax_rates")))
            sim_die("out of memory");
    return items;
}

static json_t *phase_discounts(const struct discount_wishes *wishes)
{
    json_t *discounts = sim_json(json_array());

    for (unsigned i = 0; i < wishes->count; i++)
        if (json_array_append_new(
                discounts,
                json_pack("{s:s, s:s?, s:n}", "coupon", wishes->at[i].coupon->o.id, "promotion_code",
                          wishes->at[i].promotion_code ? wishes->at[i].promotion_code->o.id : NULL,
                          "discount")))
            sim_die("out of memory");
    return discounts;
}

static json_t *phase(const struct schedule_phase *phase)
{
    static const char *const prorations[] = {"create_prorations", "always_invoice", "none"};
    json_t *json = sim_json(json_object());

    put_int(json, "start_date", phase->start);
    put_int(json, "end_date", phase->end);
    put_time(json, "trial_end", phase->trial_end);
    put(json, "items", phase_items(phase));
    put(json, "add_invoice_items", json_array());
    put(json, "discounts", phase_discounts(&phase->discounts));
    put_text(json, "currency", phase->items[0].price->currency);
    put_text(json, "proration_behavior", prorations[phase->proration]);
    put(json, "metadata", json_object());
    put_nulls(json, "application_fee_percent billing_cycle_anchor billing_thresholds collection_method "
                    "default_payment_method description invoice_settings on_behalf_of transfer_data");
    return json;
}

json_t *render_schedule(const struct schedule *schedule)
{
    json_t *json = render_head(&schedule->o);
    json_t *phases = sim_json(json_array());
    const struct schedule_phase *now = &schedule->phases[schedule->current];

    for (unsigned i = 0; i < schedule->phases_count; i++)
        if (json_array_append_new(phases, phase(&schedule->phases[i])))
            sim_die("out of memory");
    put_text(json, "customer", schedule->customer->o.id);
    put_text(json, "status", schedule_status_name(schedule->status));
    put_text(json, "end_behavior", schedule->end_cancels ? "cancel" : "release");
    put(json, "phases", phases);
    put(json, "current_phase",
        schedule->status == SCHEDULE_ACTIVE
            ? json_pack("{s:I, s:I}", "start_date", (json_int_t)now->start, "end_date", (json_int_t)now->end)
            : json_null());
    PUT_ID(json, "subscription", schedule->subscription);
    PUT_ID(json, "released_subscription", schedule->released_subscription);
    put_time(json, "canceled_at", schedule->canceled_at);
    put_time(json, "completed_at", schedule->completed_at);
    put_time(json, "released_at", schedule->released_at);
    put(json, "pause_schedules", json_array());
    put(json, "billing_mode", json_pack("{s:s}", "type", "classic"));
    put(json, "default_settings",
        json_pack("{s:s, s:s, s:n}", "billing_cycle_anchor", "automatic", "collection_method",
                  "charge_automatically", "default_payment_method"));
    put_nulls(json, "application customer_account test_clock");
    return json;
}
