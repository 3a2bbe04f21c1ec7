/* What is true of credits: what was granted, what is left of it, and what became of trials. */
#include <string.h>

#include "sim/render.h"
#include "sim/truth_parts.h"

/* The first invoice that really was paid since the trial began; NULL: none. */
static const struct invoice *first_paid(const struct subscription *sub)
{
    const struct invoice *first = NULL;

    for (size_t i = 0; i < sub->invoices.count; i++) {
        const struct invoice *inv = (const struct invoice *)sub->invoices.at[i];
        if (inv->status != INVOICE_PAID || inv->amount_paid <= 0 || inv->paid_at < sub->trial_start)
            continue;
        if (!first || inv->paid_at < first->paid_at ||
            (inv->paid_at == first->paid_at && strcmp(inv->o.id, first->o.id) < 0))
            first = inv;
    }
    return first;
}

static const char *conversion_state(const struct subscription *sub, const struct invoice *paid)
{
    if (paid)
        return "converted";
    switch (sub->status) {
    case SUB_TRIALING: return "trial";
    case SUB_CANCELED:
    case SUB_INCOMPLETE_EXPIRED:
    case SUB_UNPAID:
    case SUB_PAUSED: return "ended_unpaid";
    default: return "awaiting_payment";
    }
}

static json_t *conversion(const struct subscription *sub)
{
    const struct invoice *paid = first_paid(sub);
    json_t *json = sim_json(json_object());

    put_text(json, "subscription", sub->o.id);
    put_text(json, "state", conversion_state(sub, paid));
    put_int(json, "trial_start", sub->trial_start);
    put_int(json, "trial_end", sub->trial_end);
    put_int(json, "amount", paid ? paid->amount_paid : 0);
    put_text(json, "currency", paid ? paid->currency : NULL);
    put_time(json, "converted_at", paid ? paid->paid_at : 0);
    put_text(json, "invoice", paid ? paid->o.id : NULL);
    return json;
}

void truth_customer_credits(const struct customer *c, json_t *customer)
{
    json_t *conversions = sim_json(json_array());
    const struct list *subs = &c->of[TYPE_SUBSCRIPTION];

    for (size_t i = 0; i < subs->count; i++)
        if (((const struct subscription *)subs->at[i])->trial_start)
            truth_append(conversions, conversion((const struct subscription *)subs->at[i]));
    truth_order(conversions, "subscription");
    put(customer, "grants", json_array());
    put(customer, "conversions", conversions);
}
