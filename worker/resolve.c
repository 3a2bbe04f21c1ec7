#include "worker/resolve.h"

#include <stddef.h>
#include <string.h>

const char *resolve_id_of(const json_t *object, const char *field)
{
    const json_t *value = json_object_get(object, field);
    const char *id = json_string_value(json_is_object(value) ? json_object_get(value, "id") : value);

    return id ? id : "";
}

/* Catalogue objects are their own subjects, whoever may use them. */
static bool leads_nowhere(enum read_kind kind)
{
    return kind == READ_KINDS || kind == READ_PRODUCT || kind == READ_PRICE || kind == READ_COUPON ||
           kind == READ_PROMOTION_CODE || kind == READ_CUSTOMER;
}

enum resolve_answer resolve_start(struct resolve *walk, int version, const char *object_type,
                                  const char *object_id)
{
    enum read_kind kind = read_kind_of(object_type, object_id);

    walk->version = version;
    *walk->charge = '\0';
    if (leads_nowhere(kind) || !read_exists(kind, version) || !read_init(&walk->next, kind, object_id))
        return RESOLVE_NOBODY;
    return RESOLVE_READ;
}

static enum resolve_answer found(const char *id, enum resolve_answer answer, char *ret_id)
{
    return *id && stripe_id_copy(ret_id, id) ? answer : RESOLVE_NOBODY;
}

static enum resolve_answer go_on(struct resolve *walk, enum read_kind kind, const char *id)
{
    return read_init(&walk->next, kind, id) ? RESOLVE_READ : RESOLVE_NOBODY;
}

/* The charge that took the money, else the newest one. */
static const char *charge_of(const json_t *charges)
{
    const json_t *charge;
    size_t i;

    json_array_foreach(charges, i, charge)
    {
        const char *status = json_string_value(json_object_get(charge, "status"));
        if (status && !strcmp(status, "succeeded"))
            return resolve_id_of(charge, "id");
    }
    return resolve_id_of(json_array_get(charges, 0), "id");
}

/* A payment of nobody's: the session that made it, if one did. */
static enum resolve_answer step_sessions(struct resolve *walk, const json_t *sessions, char *ret_id)
{
    const json_t *session = json_array_get(sessions, 0);

    if (*resolve_id_of(session, "customer"))
        return found(resolve_id_of(session, "customer"), RESOLVE_FOUND, ret_id);
    if (*resolve_id_of(session, "id"))
        return found(resolve_id_of(session, "id"), RESOLVE_FOUND, ret_id);
    if (*walk->charge)
        return found(walk->charge, RESOLVE_BARE, ret_id);
    return go_on(walk, READ_CHARGES_OF_INTENT, walk->next.id);
}

/* A thin event without an object, read in full. */
static enum resolve_answer step_event(struct resolve *walk, const json_t *body, char *ret_id)
{
    const json_t *related = json_object_get(body, "related_object");
    const char *type = json_string_value(json_object_get(related, "type"));
    const char *customer = resolve_id_of(json_object_get(body, "data"), "customer");

    if (*customer)
        return found(customer, RESOLVE_FOUND, ret_id);
    return resolve_start(walk, walk->version, type ? type : "", resolve_id_of(related, "id"));
}

enum resolve_answer resolve_step(struct resolve *walk, const json_t *body, char *ret_id)
{
    /* From an object without a customer of its own to one that may have it; the first field that is set wins. */
    static const struct {
        enum read_kind from;
        const char *field;
        enum read_kind to;
    } ways[] = {
        {READ_DISPUTE, "charge", READ_CHARGE},
        {READ_DISPUTE, "payment_intent", READ_PAYMENT_INTENT},
        {READ_REFUND, "charge", READ_CHARGE},
        {READ_REFUND, "payment_intent", READ_PAYMENT_INTENT},
        {READ_REVIEW, "charge", READ_CHARGE},
        {READ_REVIEW, "payment_intent", READ_PAYMENT_INTENT},
        {READ_FRAUD_WARNING, "charge", READ_CHARGE},
        {READ_FRAUD_WARNING, "payment_intent", READ_PAYMENT_INTENT},
        {READ_APPLICATION_FEE, "charge", READ_CHARGE},
        {READ_RESERVE_HOLD, "source_charge", READ_CHARGE},
        {READ_INVOICE_PAYMENT, "invoice", READ_INVOICE},
        {READ_SUBSCRIPTION_ITEM, "subscription", READ_SUBSCRIPTION},
        {READ_MANDATE, "payment_method", READ_PAYMENT_METHOD},
        {READ_AUTHENTICATION, "payment_method", READ_PAYMENT_METHOD},
        {READ_CREDIT_TRANSACTION, "credit_grant", READ_CREDIT_GRANT},
        {READ_CHARGE, "payment_intent", READ_SESSIONS_OF_INTENT},
        {READ_PAYMENT_INTENT, "id", READ_SESSIONS_OF_INTENT},
    };
    enum read_kind kind = walk->next.kind;
    const json_t *data = json_object_get(body, "data");

    if (kind == READ_CORE_EVENT)
        return step_event(walk, body, ret_id);
    if (kind == READ_SESSIONS_OF_INTENT)
        return step_sessions(walk, data, ret_id);
    if (kind == READ_CHARGES_OF_INTENT)
        return found(charge_of(data), RESOLVE_BARE, ret_id);
    if (*resolve_id_of(body, "customer"))
        return found(resolve_id_of(body, "customer"), RESOLVE_FOUND, ret_id);
    if (kind == READ_SESSION) /* a guest: the session itself is the subject */
        return found(walk->next.id, RESOLVE_FOUND, ret_id);
    if (kind == READ_CHARGE)
        (void)stripe_id_copy(walk->charge, walk->next.id);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (ways[i].from == kind && *resolve_id_of(body, ways[i].field))
            return go_on(walk, ways[i].to, resolve_id_of(body, ways[i].field));
    return found(walk->charge, RESOLVE_BARE, ret_id);
}
