#include "worker/resolve.h"

#include <stddef.h>
#include <string.h>

const char *resolve_id_of(const json_t *object, const char *field)
{
    const json_t *value = json_object_get(object, field);
    const char *id = json_string_value(json_is_object(value) ? json_object_get(value, "id") : value);

    return id ? id : "";
}

enum resolve_answer resolve_start(const char *object_type, const char *object_id, struct read *ret_next)
{
    enum read_kind kind = read_kind_of(object_type, object_id);

    if (kind == READ_KINDS || kind == READ_PRODUCT || kind == READ_PRICE || kind == READ_CUSTOMER)
        return RESOLVE_NOBODY;
    return read_init(ret_next, kind, object_id) ? RESOLVE_READ : RESOLVE_NOBODY;
}

static enum resolve_answer found(const char *id, char *ret_id)
{
    return *id && stripe_id_copy(ret_id, id) ? RESOLVE_FOUND : RESOLVE_NOBODY;
}

enum resolve_answer resolve_step(const struct read *read, const json_t *body, struct read *ret_next,
                                 char *ret_id)
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
        {READ_INVOICE_PAYMENT, "invoice", READ_INVOICE},
        {READ_SUBSCRIPTION_ITEM, "subscription", READ_SUBSCRIPTION},
        {READ_CHARGE, "payment_intent", READ_SESSIONS_OF_INTENT},
    };
    const json_t *session;

    if (read->kind == READ_SESSIONS_OF_INTENT) {
        session = json_array_get(json_object_get(body, "data"), 0);
        if (*resolve_id_of(session, "customer"))
            return found(resolve_id_of(session, "customer"), ret_id);
        return found(resolve_id_of(session, "id"), ret_id);
    }
    if (*resolve_id_of(body, "customer"))
        return found(resolve_id_of(body, "customer"), ret_id);
    if (read->kind == READ_SESSION) /* a guest: the session itself is the subject */
        return found(read->id, ret_id);
    if (read->kind == READ_PAYMENT_INTENT && read_init(ret_next, READ_SESSIONS_OF_INTENT, read->id))
        return RESOLVE_READ;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (ways[i].from == read->kind && *resolve_id_of(body, ways[i].field) &&
            read_init(ret_next, ways[i].to, resolve_id_of(body, ways[i].field)))
            return RESOLVE_READ;
    return RESOLVE_NOBODY;
}
