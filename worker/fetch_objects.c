#include "worker/fetch_objects.h"

#include <string.h>

#include "worker/fetch.h"
#include "worker/resolve.h"

enum err fetch_objects_init(struct fetch_objects *found)
{
    *found = (struct fetch_objects){.objects = json_array(), .missing = json_array(), .ids = json_object()};
    if (found->objects && found->missing && found->ids)
        return ERR_OK;
    fetch_objects_release(found);
    return ERR_NOMEM;
}

void fetch_objects_release(struct fetch_objects *found)
{
    json_decref(found->objects);
    json_decref(found->missing);
    json_decref(found->ids);
    *found = (struct fetch_objects){.count = 0};
}

static const char *text_of(const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));

    return text ? text : "";
}

bool fetch_objects_have(const struct fetch_objects *found, const char *id)
{
    return json_object_get(found->ids, id) != 0;
}

/* Who has a charge with its refunds, or an invoice with its payments, needs none of them by itself. */
static enum err note_parts(struct fetch_objects *found, const json_t *parts)
{
    const json_t *part;
    size_t i;

    json_array_foreach(parts, i, part)
    {
        const char *id = text_of(part, "id");
        if (*id && json_object_set_new(found->ids, id, json_true()) != 0)
            return ERR_NOMEM;
    }
    return ERR_OK;
}

/* The first picture of an object stays: pages of a moving list may show one twice. */
enum err fetch_objects_add(struct fetch_objects *found, json_t *object, struct failure *fail)
{
    const char *id = text_of(object, "id");

    if (!*id || strlen(id) > STRIPE_ID_BYTES_MAX)
        return failf(fail, ERR_PROTOCOL, "an object without an id");
    if (fetch_objects_have(found, id))
        return ERR_OK;
    if (++found->count > FETCH_OBJECTS_MAX)
        return failf(fail, ERR_LIMIT, "more than %d objects in one turn", FETCH_OBJECTS_MAX);
    if (json_array_append(found->objects, object) != 0 ||
        json_object_set_new(found->ids, id, json_true()) != 0 ||
        note_parts(found, json_object_get(json_object_get(object, "refunds"), "data")) != ERR_OK ||
        note_parts(found, json_object_get(json_object_get(object, "payments"), "data")) != ERR_OK)
        return failf(fail, ERR_NOMEM, "objects");
    return ERR_OK;
}

/* A guest's charge may be given to a customer at any time, but never back. */
static bool is_given_away(const struct fetch_objects *found, const json_t *object)
{
    return found->guest && !strcmp(text_of(object, "object"), "charge") && *resolve_id_of(object, "customer");
}

enum err fetch_objects_take(struct fetch_objects *found, const struct read *read, json_t *body,
                            struct failure *fail)
{
    if (strcmp(text_of(body, "object"), read_object(read->kind)) != 0 ||
        strcmp(text_of(body, "id"), read->id) != 0)
        return failf(fail, ERR_PROTOCOL, "answered with another object");
    if (is_given_away(found, body))
        return ERR_OK;
    return fetch_objects_add(found, body, fail);
}

/* Lists inside objects, of which only the first page comes with them. */
static const struct {
    const char *object, *field;
    enum read_kind rest;
} embedded[] = {
    {"subscription", "items", READ_SUBSCRIPTION_ITEMS},
    {"invoice", "lines", READ_INVOICE_LINES},
    {"invoice", "payments", READ_INVOICE_PAYMENTS},
    {"charge", "refunds", READ_REFUNDS_OF_CHARGE},
};
#define EMBEDDED_COUNT (sizeof embedded / sizeof *embedded)

/* The embedded list that a page of this kind completes. */
static const char *embedded_in(enum read_kind kind)
{
    size_t i = 0;

    while (i + 1 < EMBEDDED_COUNT && embedded[i].rest != kind)
        i++;
    return embedded[i].field;
}

size_t fetch_objects_rest_of(const json_t *object, struct read ret_next[FETCH_EMBEDDED_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < EMBEDDED_COUNT && count < FETCH_EMBEDDED_MAX; i++) {
        const json_t *list = json_object_get(object, embedded[i].field);
        const json_t *data = json_object_get(list, "data");
        const char *last; /* an empty array gives "" */

        if (strcmp(text_of(object, "object"), embedded[i].object) != 0 ||
            !json_is_true(json_object_get(list, "has_more")))
            continue;
        last = text_of(json_array_get(data, json_array_size(data) - 1), "id");
        if (read_init(&ret_next[count], embedded[i].rest, text_of(object, "id")) &&
            stripe_id_copy(ret_next[count].after, last))
            count++;
    }
    return count;
}

static enum err take_rest(struct fetch_objects *found, json_t *parent, const struct read *read,
                          const json_t *data, bool more, struct failure *fail)
{
    json_t *list = json_object_get(parent, embedded_in(read->kind));
    json_t *all = json_object_get(list, "data");
    json_t *item;
    size_t i;

    json_array_foreach(data, i, item)
    {
        if (json_array_size(all) >= FETCH_OBJECTS_MAX)
            return failf(fail, ERR_LIMIT, "more than %d items in one object", FETCH_OBJECTS_MAX);
        if (json_array_append(all, item) != 0)
            return failf(fail, ERR_NOMEM, "items");
    }
    if (json_object_set_new(list, "has_more", json_boolean(more)) != 0 || note_parts(found, data) != ERR_OK)
        return failf(fail, ERR_NOMEM, "items");
    return ERR_OK;
}

static enum err take_objects(struct fetch_objects *found, const struct read *read, const json_t *data,
                             json_t *taken, struct failure *fail)
{
    json_t *object;
    size_t i;
    enum err err;

    json_array_foreach(data, i, object)
    {
        if (strcmp(text_of(object, "object"), read_object(read->kind)) != 0)
            return failf(fail, ERR_PROTOCOL, "the list holds other objects");
        if (fetch_objects_have(found, text_of(object, "id")) || is_given_away(found, object))
            continue;
        if ((err = fetch_objects_add(found, object, fail)) != ERR_OK)
            return err;
        if (json_array_append(taken, object) != 0)
            return failf(fail, ERR_NOMEM, "objects");
    }
    return ERR_OK;
}

static unsigned completes(enum read_kind kind)
{
    switch (kind) {
    case READ_SUBSCRIPTIONS: return FETCH_SUBSCRIPTIONS_COMPLETE;
    case READ_INVOICES: return FETCH_INVOICES_COMPLETE;
    case READ_SESSIONS: return FETCH_SESSIONS_COMPLETE;
    case READ_CHARGES: return FETCH_CHARGES_COMPLETE;
    default: return 0;
    }
}

enum err fetch_objects_take_page(struct fetch_objects *found, const struct read *read, json_t *parent,
                                 const json_t *body, struct fetch_page *ret_page, struct failure *fail)
{
    const json_t *data = json_object_get(body, "data");
    const json_t *has_more = json_object_get(body, "has_more");
    const char *last;
    enum err err;

    *ret_page = (struct fetch_page){.taken = json_array()};
    if (!ret_page->taken)
        return failf(fail, ERR_NOMEM, "page");
    if (strcmp(text_of(body, "object"), "list") != 0 || !json_is_array(data) || !json_is_boolean(has_more))
        return failf(fail, ERR_PROTOCOL, "answered without a list");
    err = parent ? take_rest(found, parent, read, data, json_is_true(has_more), fail)
                 : take_objects(found, read, data, ret_page->taken, fail);
    if (err != ERR_OK)
        return err;
    if (json_is_true(has_more)) {
        last = text_of(json_array_get(data, json_array_size(data) - 1), "id");
        ret_page->next = *read;
        if (!*last || !stripe_id_copy(ret_page->next.after, last))
            return failf(fail, ERR_PROTOCOL, "an empty page that says there is more");
        ret_page->more = true;
    } else {
        found->complete |= completes(read->kind);
    }
    return ERR_OK;
}

enum err fetch_objects_miss(struct fetch_objects *found, const struct read *read)
{
    json_t *entry;
    size_t i;

    json_array_foreach(found->missing, i, entry) if (!strcmp(text_of(entry, "id"), read->id)) return ERR_OK;
    entry = json_pack("{s:s, s:s}", "object", read_object(read->kind), "id", read->id);
    return entry && json_array_append_new(found->missing, entry) == 0 ? ERR_OK : ERR_NOMEM;
}

bool fetch_objects_deleted(const struct fetch_objects *found, const char *customer)
{
    json_t *object;
    size_t i;

    json_array_foreach(found->objects, i, object)
    {
        if (!strcmp(text_of(object, "object"), "customer") && !strcmp(text_of(object, "id"), customer))
            return json_is_true(json_object_get(object, "deleted"));
    }
    return false;
}
