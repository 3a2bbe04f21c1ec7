#include "sim/history.h"

#include <string.h>

static struct subscription_state *state_of(struct sim *sim, const struct subscription *sub)
{
    struct subscription_state *state =
        sim_alloc(sim, sizeof *state + sub->items.count * sizeof state->items[0]);

    state->at = sim->now;
    state->status = sub->status;
    for (size_t i = 0; i < sub->items.count; i++) {
        const struct item *item = (const struct item *)sub->items.at[i];
        if (!item->deleted)
            state->items[state->items_count++] = (struct item_state){.item = item,
                                                                     .price = item->price,
                                                                     .quantity = item->quantity,
                                                                     .period_start = item->period_start,
                                                                     .period_end = item->period_end};
    }
    return state;
}

static bool is_same(const struct subscription_state *state, const struct subscription *sub)
{
    size_t n = 0;

    if (state->status != sub->status)
        return false;
    for (size_t i = 0; i < sub->items.count; i++) {
        const struct item *item = (const struct item *)sub->items.at[i];
        if (item->deleted)
            continue;
        const struct item_state *was = &state->items[n];
        if (n++ == state->items_count || was->item != item || was->price != item->price ||
            was->quantity != item->quantity || was->period_start != item->period_start ||
            was->period_end != item->period_end)
            return false;
    }
    return n == state->items_count;
}

void history_note(struct sim *sim, const struct object *o)
{
    struct subscription *sub = o->type == TYPE_SUBSCRIPTION ? (struct subscription *)(uintptr_t)o : NULL;

    if (!sub || (sub->history && is_same(sub->history, sub)))
        return;
    struct subscription_state *before = sub->history;
    if (before && before->at == sim->now)
        before = before->before;
    sub->history = state_of(sim, sub);
    sub->history->before = before;
}
