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
        /* The list, for older sessions that were never seen; and the session itself, which may be older than the list. */
        {"checkout.session.", PLAN_STATE | PLAN_SESSIONS | PLAN_NAMED},
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

/* One of the events that wait, then one of those that failed before. */
struct hint {
    const char *type, *object_type, *object_id;
};

static struct hint hint_at(const struct plan_input *input, size_t i)
{
    const struct envelope *event;
    const struct plan_owed *owed;

    if (i < input->events_count) {
        event = input->events[i];
        return (struct hint){event->type, event->object_type, event->object_id};
    }
    owed = &input->owed[i - input->events_count];
    return (struct hint){owed->type, owed->object_type, owed->object_id};
}

static bool is_sync(const char *type)
{
    return !strcmp(type, "instep.sync");
}

static void plan_customer(const struct plan_input *input, struct plan *plan)
{
    size_t hints = input->events_count + input->owed_count;
    unsigned needs = PLAN_NOTHING;
    bool sync = false, whole;

    for (size_t i = 0; i < hints; i++) {
        needs |= plan_needs(hint_at(input, i).type) & ~(unsigned)PLAN_CATALOGUE;
        sync = sync || is_sync(hint_at(input, i).type);
    }
    if (!needs)
        return;
    if (!input->known) /* the first look: there may be much that no waiting event names */
        needs |= PLAN_STATE | PLAN_SESSIONS | PLAN_CUSTOMER;
    if (!input->has_user)
        needs |= PLAN_SESSIONS;
    whole = sync || input->owed_count > 0;
    plan_add(plan, READ_SUBSCRIPTIONS, input->subject, 0);
    plan_add(plan, READ_INVOICES, input->subject, whole ? 0 : input->invoices_since);
    if (needs & PLAN_SESSIONS)
        plan_add(plan, READ_SESSIONS, input->subject, whole ? 0 : input->sessions_since);
    if (needs & PLAN_CUSTOMER)
        plan_add(plan, READ_CUSTOMER, input->subject, 0);
    for (size_t i = 0; i < hints; i++) {
        struct hint hint = hint_at(input, i);
        if (plan_needs(hint.type) & PLAN_NAMED)
            plan_add_named(plan, input, hint.object_type, hint.object_id);
    }
    for (size_t i = 0; i < input->wants_count; i++)
        if (sync || input->wants[i].due)
            plan_add_named(plan, input, input->wants[i].object, input->wants[i].id);
}

static void plan_object(const struct plan_input *input, struct plan *plan)
{
    for (size_t i = 0; i < input->events_count + input->owed_count; i++) {
        struct hint hint = hint_at(input, i);
        enum read_kind kind = read_kind_of(hint.object_type, hint.object_id);
        if (plan_needs(hint.type) & PLAN_CATALOGUE && (kind == READ_PRODUCT || kind == READ_PRICE))
            plan_add(plan, kind, hint.object_id, 0);
    }
}

enum err plan_make(const struct plan_input *input, struct plan *ret_plan)
{
    struct plan plan = {.count = 0};

    plan.reads = calloc(4 + input->events_count + input->owed_count + input->wants_count, sizeof *plan.reads);
    if (!plan.reads)
        return ERR_NOMEM;
    if (input->is_customer)
        plan_customer(input, &plan);
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
