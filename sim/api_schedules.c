/* API: subscription schedules. */
#include <string.h>

#include "sim/call.h"
#include "sim/events.h"
#include "sim/render.h"
#include "sim/schedule.h"
#include "sim/values.h"

#define QUANTITY       "phases[0][items][0][quantity]"
#define ITERATIONS_MAX 1200 /* no end of a phase is so far away that dates end */
#define INTERVALS_MAX  1095

static bool phase_items(struct call *call, json_t *items, struct schedule_phase *phase)
{
    const char *key;
    json_t *entry;

    json_object_foreach(items, key, entry)
    {
        const char *id = form_text(entry, "price");
        struct price *price = sim_find_type(call->sim, id, TYPE_PRICE);
        int64_t quantity = 1;
        if (phase->items_count == SCHEDULE_PHASE_ITEMS_MAX)
            return refuse(&call->why, 400, NULL, "phases[0][items]", "At most %d items.",
                          SCHEDULE_PHASE_ITEMS_MAX);
        if (!price)
            return refuse(&call->why, 400, "resource_missing", "phases[0][items][0][price]",
                          "No such price: '%.80s'", id ? id : "");
        if (!quantity_param(call, entry, QUANTITY, 0, &quantity) ||
            !quantity_is_payable(call, price, quantity, QUANTITY))
            return false;
        phase->items[phase->items_count].price = price;
        phase->items[phase->items_count++].quantity = quantity;
    }
    return true;
}

static bool phase_length(struct call *call, json_t *entry, struct phase_order *phase)
{
    const char *interval = form_text(entry, "duration.interval");

    if (!time_param(call, entry, "end_date", "phases[0][end_date]", NULL, YEARS(100), &phase->phase.end) ||
        !time_param(call, entry, "trial_end", "phases[0][trial_end]", NULL, YEARS(100),
                    &phase->phase.trial_end))
        return false;
    if (form_at(entry, "iterations") && (!form_integer(entry, "iterations", &phase->iterations) ||
                                         phase->iterations < 1 || phase->iterations > ITERATIONS_MAX))
        return refuse(&call->why, 400, "parameter_invalid_integer", "phases[0][iterations]",
                      "Invalid iterations.");
    if (!interval)
        return true;
    phase->interval = interval_parse(interval);
    phase->interval_count = 1;
    (void)form_integer(entry, "duration.interval_count", &phase->interval_count);
    return (phase->interval && phase->interval_count >= 1 && phase->interval_count <= INTERVALS_MAX) ||
           refuse(&call->why, 400, NULL, "phases[0][duration]", "Invalid duration.");
}

static bool phase_of(struct call *call, json_t *entry, struct phase_order *phase)
{
    static const char *const prorations[] = {"create_prorations", "always_invoice", "none"};
    const char *proration = form_text(entry, "proration_behavior");
    json_t *discounts = json_object_get(entry, "discounts");
    bool known = !proration;

    for (unsigned i = 0; proration && i < 3; i++) {
        if (strcmp(proration, prorations[i]) == 0) {
            phase->phase.proration = i;
            known = true;
        }
    }
    if (!known)
        return refuse(&call->why, 400, NULL, "phases[0][proration_behavior]",
                      "Invalid proration_behavior: %.40s", proration);
    phase->phase.has_discounts = discounts;
    return phase_items(call, json_object_get(entry, "items"), &phase->phase) &&
           phase_length(call, entry, phase) &&
           discount_params(call, discounts, NULL, &phase->phase.discounts);
}

static bool order_of(struct call *call, struct schedule_order *order)
{
    const char *end = form_text(call->params, "end_behavior");
    const char *key;
    json_t *entry, *metadata = json_object_get(call->params, "metadata");

    json_object_foreach(json_object_get(call->params, "phases"), key, entry)
    {
        if (order->phases_count == SCHEDULE_PHASES_MAX)
            return refuse(&call->why, 400, NULL, "phases", "At most %d phases.", SCHEDULE_PHASES_MAX);
        if (!phase_of(call, entry, &order->phases[order->phases_count]))
            return false;
        order->phases_count++;
    }
    if (end && strcmp(end, "release") != 0 && strcmp(end, "cancel") != 0)
        return refuse(&call->why, 400, NULL, "end_behavior", "end_behavior must be release or cancel.");
    if (end)
        order->end_cancels = strcmp(end, "cancel") == 0;
    order->metadata = json_is_object(metadata) ? metadata : NULL;
    return true;
}

void schedules_create(struct call *call)
{
    struct schedule_order order = {.customer = call_param(call, "customer", TYPE_CUSTOMER)};
    struct subscription *from = call_param(call, "from_subscription", TYPE_SUBSCRIPTION);
    struct schedule *schedule;

    if (call->why.status)
        return;
    if (from && (json_object_size(call->params) > 1 + (json_object_get(call->params, "expand") != NULL))) {
        (void)refuse(&call->why, 400, NULL, "from_subscription",
                     "You cannot set other parameters if from_subscription is set.");
        return;
    }
    if (!from && !order.customer) {
        (void)refuse(&call->why, 400, "parameter_missing", "customer", "Missing required param: customer.");
        return;
    }
    if (!order_of(call, &order))
        return;
    (void)form_integer(call->params, "start_date", &order.start); /* or "now" */
    if (order.start > call->sim->now + YEARS(5)) {
        (void)refuse(&call->why, 400, NULL, "start_date",
                     "Invalid timestamp: can be no more than 5 years in the future");
        return;
    }
    if (from ? schedule_from(call->sim, from, &schedule, &call->why)
             : schedule_create(call->sim, &order, &schedule, &call->why))
        call_answer(call, &schedule->o);
}

void schedules_get(struct call *call)
{
    struct schedule *schedule = call_object(call, TYPE_SCHEDULE);

    if (schedule)
        call_answer(call, &schedule->o);
}

void schedules_update(struct call *call)
{
    struct schedule *schedule = call_object(call, TYPE_SCHEDULE);
    struct schedule_order order = {0};

    if (!schedule)
        return;
    order.end_cancels = schedule->end_cancels;
    if (order_of(call, &order) && schedule_update(call->sim, schedule, &order, &call->why))
        call_answer(call, &schedule->o);
}

void schedules_release(struct call *call)
{
    struct schedule *schedule = call_object(call, TYPE_SCHEDULE);

    if (schedule && schedule_release(call->sim, schedule, &call->why))
        call_answer(call, &schedule->o);
}

void schedules_cancel(struct call *call)
{
    struct schedule *schedule = call_object(call, TYPE_SCHEDULE);

    if (schedule && schedule_cancel(call->sim, schedule, &call->why))
        call_answer(call, &schedule->o);
}

static bool schedule_matches(struct call *call, const struct object *o)
{
    return call_says(call, "scheduled",
                     ((const struct schedule *)o)->status == SCHEDULE_NOT_STARTED ? "true" : "false");
}

void schedules_list(struct call *call)
{
    const struct list *scope = call_scope(call, TYPE_SCHEDULE);

    if (scope)
        call_list(call, scope, false, schedule_matches);
}
