#include "worker/followup.h"

#include <stdbool.h>
#include <string.h>

#include "worker/resolve.h"

static const char *text_of(const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));

    return text ? text : "";
}

/* When the row of an object type applies. */
enum when {
    ALWAYS,     /* the field names an object */
    NO_CHARGE,  /* the same, and the object names no charge */
    IS_TRUE,    /* the field is true */
    IS_NOT_ZERO /* the field is an amount, and not 0 */
};

static const struct {
    const char *object;
    enum when when;
    const char *field;
    enum read_kind read;
} rows[] = {
    {"refund", ALWAYS, "charge", READ_CHARGE},
    {"refund", NO_CHARGE, "payment_intent", READ_CHARGES_OF_INTENT},
    {"dispute", ALWAYS, "charge", READ_CHARGE},
    {"dispute", NO_CHARGE, "payment_intent", READ_CHARGES_OF_INTENT},
    {"charge", IS_TRUE, "disputed", READ_DISPUTES_OF_CHARGE},
    {"credit_note", ALWAYS, "invoice", READ_INVOICE},
    {"invoice_payment", ALWAYS, "invoice", READ_INVOICE},
    {"invoice", IS_NOT_ZERO, "pre_payment_credit_notes_amount", READ_CREDIT_NOTES_OF_INVOICE},
    {"invoice", IS_NOT_ZERO, "post_payment_credit_notes_amount", READ_CREDIT_NOTES_OF_INVOICE},
};

/* Whether the turn has an object of this type that names parent in field. */
static bool have_child(const struct fetch_objects *found, const char *type, const char *field,
                       const char *parent)
{
    const json_t *object;
    size_t i;

    json_array_foreach(found->objects, i, object)
    {
        if (!strcmp(text_of(object, "object"), type) && !strcmp(resolve_id_of(object, field), parent))
            return true;
    }
    return false;
}

/* Whether what the read would bring was what led here. */
static bool is_known(const struct fetch_objects *found, const struct read *read)
{
    if (read->kind == READ_DISPUTES_OF_CHARGE)
        return have_child(found, "dispute", "charge", read->id);
    if (read->kind == READ_CREDIT_NOTES_OF_INVOICE)
        return have_child(found, "credit_note", "invoice", read->id);
    if (read->kind == READ_CHARGES_OF_INTENT)
        return have_child(found, "charge", "payment_intent", read->id);
    return fetch_objects_have(found, read->id);
}

/* The id to read by, "" if the row does not apply. */
static const char *row_id(size_t row, const json_t *object)
{
    const json_t *value = json_object_get(object, rows[row].field);

    switch (rows[row].when) {
    case NO_CHARGE:
        if (*resolve_id_of(object, "charge"))
            return "";
        return resolve_id_of(object, rows[row].field);
    case IS_TRUE: return json_is_true(value) ? text_of(object, "id") : "";
    case IS_NOT_ZERO:
        return json_is_integer(value) && json_integer_value(value) != 0 ? text_of(object, "id") : "";
    default: return resolve_id_of(object, rows[row].field);
    }
}

/* A guest's payment is found by what it was made with; a customer's is in its list of charges. */
static const char *guest_intent(const json_t *object)
{
    if (strcmp(text_of(object, "object"), "checkout.session") != 0 || *resolve_id_of(object, "customer"))
        return "";
    return resolve_id_of(object, "payment_intent");
}

static void add(struct read reads[FOLLOW_UPS_MAX], size_t *count, const struct fetch_objects *found,
                enum read_kind kind, const char *id)
{
    struct read read;

    if (!*id || *count == FOLLOW_UPS_MAX || !read_init(&read, kind, id) || is_known(found, &read))
        return;
    for (size_t i = 0; i < *count; i++)
        if (reads[i].kind == kind && !strcmp(reads[i].id, id))
            return;
    reads[(*count)++] = read;
}

size_t follow_ups(const json_t *object, const struct fetch_objects *found,
                  struct read ret_reads[FOLLOW_UPS_MAX])
{
    const char *type = text_of(object, "object");
    size_t count = 0;

    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
        if (!strcmp(rows[row].object, type))
            add(ret_reads, &count, found, rows[row].read, row_id(row, object));
    add(ret_reads, &count, found, READ_CHARGES_OF_INTENT, guest_intent(object));
    return count;
}
