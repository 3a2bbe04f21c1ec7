#include "worker/plan.h"

#include <stdlib.h>
#include <string.h>

unsigned plan_needs(const char *event_type)
{
    static const struct {
        const char *prefix; /* the first that matches wins */
        unsigned needs;
    } rules[] = {
        {"instep.sync", PLAN_STATE | PLAN_NAMED | PLAN_SESSIONS | PLAN_CUSTOMER},
        {"customer.subscription.", PLAN_STATE},
        {"customer.created", PLAN_STATE | PLAN_CUSTOMER},
        {"customer.updated", PLAN_STATE | PLAN_CUSTOMER},
        {"customer.deleted", PLAN_STATE | PLAN_CUSTOMER},
        {"invoice.upcoming", PLAN_NOTHING}, /* its invoice does not exist yet */
        {"invoice.", PLAN_STATE | PLAN_NAMED},
        {"invoice_payment.", PLAN_STATE},
        /* Always with the list: what is mirrored moves the moment from which the next list starts, so a session read
         * alone would hide older ones that were never seen. The list has the new one, `wants` the old ones. */
        {"checkout.session.", PLAN_STATE | PLAN_SESSIONS},
        {"payment_intent.succeeded", PLAN_STATE | PLAN_SESSIONS},
        {"charge.succeeded", PLAN_STATE | PLAN_SESSIONS},
        {"subscription_schedule.", PLAN_STATE},
        {"product.", PLAN_CATALOGUE},
        {"price.", PLAN_CATALOGUE},
    };
    const char *type = strncmp(event_type, "v1.", 3) == 0 ? event_type + 3 : event_type;

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!strncmp(type, rules[i].prefix, strlen(rules[i].prefix)))
            return rules[i].needs;
    return PLAN_NOTHING;
}

/* Room for what comes is reserved by plan_make. Each object once; ids no endpoint would accept are left out. */
static void plan_add(struct plan *plan, enum read_kind kind, const char *id, int64_t since)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->reads[i].kind == kind && !strcmp(plan->reads[i].id, id))
            return;
    if (*id && read_init(&plan->reads[plan->count], kind, id))
        plan->reads[plan->count++].since = since;
}

static void plan_add_named(struct plan *plan, const struct plan_input *input, const char *type,
                           const char *id)
{
    enum read_kind kind = read_kind_of(type, id);

    /* Subscriptions all come with their list, items with their subscription. */
    if (kind == READ_INVOICE || kind == READ_SESSION)
        plan_add(plan, kind, id, 0);
    if (kind == READ_CUSTOMER && !strcmp(id, input->subject))
        plan_add(plan, kind, id, 0);
}

static void plan_customer(const struct plan_input *input, unsigned needs, struct plan *plan)
{
    if (!needs)
        return;
    if (!input->known) /* the first look: there may be much that no waiting event names */
        needs |= PLAN_STATE | PLAN_SESSIONS | PLAN_CUSTOMER;
    plan_add(plan, READ_SUBSCRIPTIONS, input->subject, 0);
    plan_add(plan, READ_INVOICES, input->subject, input->invoices_since);
    if (needs & PLAN_SESSIONS)
        plan_add(plan, READ_SESSIONS, input->subject, input->sessions_since);
    if (needs & PLAN_CUSTOMER)
        plan_add(plan, READ_CUSTOMER, input->subject, 0);
    for (size_t i = 0; i < input->events_count; i++)
        if (plan_needs(input->events[i]->type) & PLAN_NAMED)
            plan_add_named(plan, input, input->events[i]->object_type, input->events[i]->object_id);
    for (size_t i = 0; i < input->wants_count; i++)
        plan_add_named(plan, input, input->wants[i].object, input->wants[i].id);
}

static void plan_object(const struct plan_input *input, struct plan *plan)
{
    for (size_t i = 0; i < input->events_count; i++) {
        const struct envelope *event = input->events[i];
        enum read_kind kind = read_kind_of(event->object_type, event->object_id);
        if (plan_needs(event->type) & PLAN_CATALOGUE && (kind == READ_PRODUCT || kind == READ_PRICE))
            plan_add(plan, kind, event->object_id, 0);
    }
}

enum err plan_make(const struct plan_input *input, struct plan *ret_plan)
{
    struct plan plan = {.count = 0};
    unsigned needs = PLAN_NOTHING;

    plan.reads = calloc(4 + input->events_count + input->wants_count, sizeof *plan.reads);
    if (!plan.reads)
        return ERR_NOMEM;
    for (size_t i = 0; i < input->events_count; i++)
        needs |= plan_needs(input->events[i]->type);
    if (input->is_customer)
        plan_customer(input, needs & ~(unsigned)PLAN_CATALOGUE, &plan);
    else
        plan_object(input, &plan);
    *ret_plan = plan;
    return ERR_OK;
}

void plan_release(struct plan *plan)
{
    free(plan->reads);
    *plan = (struct plan){.count = 0};
}
