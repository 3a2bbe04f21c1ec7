#include "worker/plan.h"

#include <stdlib.h>
#include <string.h>

unsigned plan_needs(const char *event_type)
{
    static const struct {
        const char *prefix; /* the first that matches wins */
        unsigned needs;
    } rules[] = {
        {"instep.sync",
         PLAN_STATE | PLAN_NAMED | PLAN_SESSIONS | PLAN_CHARGES | PLAN_CUSTOMER | PLAN_CATALOGUE},
        {"instep.look", PLAN_STATE | PLAN_NAMED | PLAN_SESSIONS | PLAN_CHARGES},
        {"customer.subscription.", PLAN_STATE},
        {"customer.discount.", PLAN_SUBSCRIPTIONS},
        {"customer.created", PLAN_STATE | PLAN_CUSTOMER},
        {"customer.updated", PLAN_STATE | PLAN_CUSTOMER},
        {"customer.deleted", PLAN_STATE | PLAN_CUSTOMER},
        {"invoice.upcoming", PLAN_NOTHING}, /* its invoice does not exist yet */
        {"invoice.", PLAN_STATE | PLAN_NAMED},
        {"invoice_payment.", PLAN_STATE | PLAN_SESSIONS | PLAN_CHARGES | PLAN_NAMED},
        /* The list, for older sessions that were never seen; and the session itself, which may be older than the list. */
        {"checkout.session.", PLAN_STATE | PLAN_SESSIONS | PLAN_NAMED},
        {"payment_intent.succeeded", PLAN_STATE | PLAN_SESSIONS | PLAN_CHARGES},
        /* About money that is known: the charge and what became of it, no list. */
        {"charge.updated", PLAN_NAMED},
        {"charge.refund", PLAN_NAMED},
        {"charge.dispute.", PLAN_NAMED},
        {"refund.", PLAN_NAMED},
        {"credit_note.", PLAN_NAMED},
        {"charge.", PLAN_STATE | PLAN_SESSIONS | PLAN_CHARGES | PLAN_NAMED},
        {"subscription_schedule.", PLAN_STATE},
        {"product.", PLAN_CATALOGUE},
        {"price.", PLAN_CATALOGUE},
        {"plan.", PLAN_CATALOGUE},
        {"coupon.", PLAN_CATALOGUE},
        {"promotion_code.", PLAN_CATALOGUE | PLAN_SUBSCRIPTIONS},
        {"application_fee.", PLAN_OWNER},
        {"billing.credit_balance_transaction.", PLAN_OWNER},
        {"mandate.", PLAN_OWNER},
        {"radar.early_fraud_warning.", PLAN_OWNER},
        {"reserve.hold.", PLAN_OWNER},
        {"review.", PLAN_OWNER},
        {"source.mandate_notification", PLAN_OWNER},
        {"source.transaction.", PLAN_OWNER},
        {"three_d_secure.authentication.", PLAN_OWNER},
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

/* Subscriptions all come with their list, items with their subscription. */
static bool is_money(enum read_kind kind)
{
    return kind == READ_INVOICE || kind == READ_SESSION || kind == READ_CHARGE || kind == READ_REFUND ||
           kind == READ_DISPUTE || kind == READ_CREDIT_NOTE || kind == READ_INVOICE_PAYMENT;
}

static bool is_catalogue(enum read_kind kind)
{
    return kind == READ_PRODUCT || kind == READ_PRICE || kind == READ_COUPON || kind == READ_PROMOTION_CODE;
}

static void plan_add_named(struct plan *plan, const struct plan_input *input, const char *type,
                           const char *id)
{
    enum read_kind kind = read_kind_of(type, id);

    if (kind != READ_KINDS && !read_exists(kind, input->version))
        return;
    if (is_money(kind) || (kind == READ_CUSTOMER && !strcmp(id, input->subject)))
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

/* The object that this event is about, if its type is worth a look at it. */
static void plan_add_hinted(struct plan *plan, const struct plan_input *input, struct hint hint)
{
    unsigned needs = plan_needs(hint.type);
    enum read_kind kind = read_kind_of(hint.object_type, hint.object_id);

    if (needs & PLAN_CATALOGUE && is_catalogue(kind))
        plan_add(plan, kind, hint.object_id, 0);
    if (needs & PLAN_NAMED)
        plan_add_named(plan, input, hint.object_type, hint.object_id);
}

static void plan_lists(const struct plan_input *input, unsigned needs, bool whole, struct plan *plan)
{
    if (needs & PLAN_SUBSCRIPTIONS)
        plan_add(plan, READ_SUBSCRIPTIONS, input->subject, 0);
    if (needs & PLAN_INVOICES)
        plan_add(plan, READ_INVOICES, input->subject, whole ? 0 : input->invoices_since);
    if (needs & PLAN_SESSIONS)
        plan_add(plan, READ_SESSIONS, input->subject, whole ? 0 : input->sessions_since);
    if (needs & PLAN_CHARGES)
        plan_add(plan, READ_CHARGES, input->subject, whole ? 0 : input->charges_since);
    if (needs & PLAN_CUSTOMER)
        plan_add(plan, READ_CUSTOMER, input->subject, 0);
}

static unsigned needs_of_all(const struct plan_input *input, bool *ret_sync)
{
    unsigned needs = PLAN_NOTHING;

    *ret_sync = false;
    for (size_t i = 0; i < input->events_count + input->owed_count; i++) {
        needs |= plan_needs(hint_at(input, i).type) & ~(unsigned)PLAN_OWNER;
        *ret_sync = *ret_sync || is_sync(hint_at(input, i).type);
    }
    return needs;
}

static void plan_wants(const struct plan_input *input, bool all, struct plan *plan)
{
    for (size_t i = 0; i < input->wants_count; i++) {
        const struct plan_want *want = &input->wants[i];
        enum read_kind kind = read_kind_of(want->object, want->id);
        if (!all && !want->due)
            continue;
        if (is_catalogue(kind))
            plan_add(plan, kind, want->id, 0);
        else
            plan_add_named(plan, input, want->object, want->id);
    }
}

static void plan_customer(const struct plan_input *input, struct plan *plan)
{
    bool sync;
    unsigned needs = needs_of_all(input, &sync);

    if (!needs)
        return;
    if (!input->known) /* the first look: there may be much that no waiting event names */
        needs |= PLAN_STATE | PLAN_SESSIONS | PLAN_CHARGES | PLAN_CUSTOMER;
    if (needs & PLAN_INVOICES && !input->has_user)
        needs |= PLAN_SESSIONS;
    plan_lists(input, needs, sync || input->owed_count > 0, plan);
    for (size_t i = 0; i < input->events_count + input->owed_count; i++)
        plan_add_hinted(plan, input, hint_at(input, i));
    if (needs & PLAN_INVOICES) /* a look at the whole state, not at one thing */
        plan_wants(input, sync, plan);
}

/* A guest's session or charge with what is named of it; or something of the catalogue. */
static void plan_object(const struct plan_input *input, struct plan *plan)
{
    enum read_kind kind = read_kind_of("", input->subject);
    bool sync, guest = kind == READ_SESSION || kind == READ_CHARGE;

    if (!needs_of_all(input, &sync))
        return;
    if (guest && !input->is_missing)
        plan_add(plan, kind, input->subject, 0);
    for (size_t i = 0; i < input->events_count + input->owed_count; i++) {
        struct hint hint = hint_at(input, i);
        if (guest ? strcmp(hint.object_id, input->subject) != 0
                  : (plan_needs(hint.type) & PLAN_CATALOGUE) != 0)
            plan_add_hinted(plan, input, hint);
    }
    if (guest)
        plan_wants(input, sync, plan);
}

enum err plan_make(const struct plan_input *input, struct plan *ret_plan)
{
    struct plan plan = {.count = 0};

    plan.reads = calloc(6 + input->events_count + input->owed_count + input->wants_count, sizeof *plan.reads);
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
