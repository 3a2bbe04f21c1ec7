#include "ingest/event_envelope.h"

#include <assert.h>
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ingest/event_routing.h"

#define OWN_ACCOUNT    "self" /* the platform's own account, in keys */
#define TYPE_BYTES_MAX 128

/* ---- texts ---- */

bool event_id_is_plain(const char *id)
{
    size_t len = strnlen(id, EVENT_ID_BYTES_MAX + 1);

    if (!len || len > EVENT_ID_BYTES_MAX || id[0] == '_' || id[0] == '-' || id[0] == '.')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!((id[i] >= 'a' && id[i] <= 'z') || (id[i] >= 'A' && id[i] <= 'Z') ||
              (id[i] >= '0' && id[i] <= '9') || id[i] == '_' || id[i] == '-' || id[i] == '.'))
            return false;
    return true;
}

/* A string without a NUL in it, NULL for anything else. */
static const char *text_of(const json_t *value)
{
    const char *text = json_string_value(value);

    return text && strlen(text) == json_string_length(value) ? text : NULL;
}

/* invoice, checkout.session, customer.subscription.updated, v2.core.event */
static bool is_type(const char *text)
{
    size_t len = strnlen(text, TYPE_BYTES_MAX + 1);

    return len && len <= TYPE_BYTES_MAX && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_.") == len;
}

/* Only remembered, never used: what is not printable is left out. */
static const char *printable_or_empty(const json_t *value)
{
    const char *text = text_of(value);

    if (!text || strlen(text) > EVENT_ID_BYTES_MAX)
        return "";
    for (const char *p = text; *p; p++)
        if (*p < ' ' || *p > '~')
            return "";
    return text;
}

/* A value that is an id or an object with one: "cus_1", {"id": "cus_1", ...}. NULL for null and anything else. */
static const char *id_of(const json_t *value)
{
    return text_of(json_is_object(value) ? json_object_get(value, "id") : value);
}

/* "object.owner.customer" in data. */
static const json_t *at_path(const json_t *data, const char *path)
{
    while (data && path) {
        char name[64];
        size_t len = strcspn(path, ".");

        assert(len < sizeof name);
        memcpy(name, path, len);
        name[len] = '\0';
        data = json_object_get(data, name);
        path = path[len] ? path + len + 1 : NULL;
    }
    return data;
}

/* Brackets that are open at one time, before a recursive parser sees them. */
static bool depth_is_bounded(const char *bytes, size_t len)
{
    bool quoted = false;
    unsigned depth = 0;

    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];

        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > EVENT_DEPTH_MAX)
                return false;
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
        }
    }
    return true;
}

/* ---- the parts both forms have ---- */

static enum err read_common(struct event_envelope *event, struct failure *fail)
{
    const char *id = text_of(json_object_get(event->root, "id"));
    const char *type = text_of(json_object_get(event->root, "type"));
    const json_t *livemode = json_object_get(event->root, "livemode");

    if (!id || !event_id_is_plain(id))
        return failf(fail, ERR_INVALID, "the event has no usable id");
    if (!type || !is_type(type))
        return failf(fail, ERR_INVALID, "the event has no usable type");
    if (!json_is_boolean(livemode))
        return failf(fail, ERR_INVALID, "the event does not say whether it is live");
    event->envelope.event_id = id;
    event->envelope.type = type;
    event->envelope.livemode = json_is_true(livemode);
    return ERR_OK;
}

static enum err read_account(struct event_envelope *event, const json_t *value, struct failure *fail)
{
    const char *account = text_of(value);

    if (!value || json_is_null(value))
        return ERR_OK;
    if (!account || !event_id_is_plain(account))
        return failf(fail, ERR_INVALID, "the event's account is no id");
    event->envelope.account = account;
    return ERR_OK;
}

/* subject is the customer, else the object, "" if there is neither. */
static void set_key(struct event_envelope *event, const char *subject)
{
    const char *account = *event->envelope.account ? event->envelope.account : OWN_ACCOUNT;
    int len = snprintf(event->key, sizeof event->key, "%s:%s", account, *subject ? subject : "none");

    assert(len > 0 && (size_t)len < sizeof event->key); /* both are plain ids */
}

/* ---- snapshot events ---- */

/* The customer, or the account that pays in its place, "" if the payload names neither. */
static enum err find_payer(const json_t *data, const struct event_route *route, const char **ret_payer,
                           struct failure *fail)
{
    for (size_t i = 0; i < EVENT_ROUTE_PATHS_MAX && route->customer[i]; i++) {
        const json_t *value = at_path(data, route->customer[i]);
        const char *payer = id_of(value);

        if (!value || json_is_null(value))
            continue;
        if (!payer || !event_id_is_plain(payer))
            return failf(fail, ERR_INVALID, "the event's %s is no id", route->customer[i]);
        *ret_payer = payer;
        return ERR_OK;
    }
    *ret_payer = "";
    return ERR_OK;
}

static enum err read_object(struct event_envelope *event, const json_t *object, struct failure *fail)
{
    const struct event_route *route;
    const json_t *id = json_object_get(object, "id");
    const char *type = text_of(json_object_get(object, "object"));

    if (!type || !is_type(type))
        return failf(fail, ERR_INVALID, "the event's object has no usable type");
    event->envelope.object_type = type;
    route = event_route_find(type);
    if (!id || json_is_null(id)) /* invoice.upcoming, balance */
        return ERR_OK;
    if (text_of(id) && event_id_is_plain(text_of(id)))
        event->envelope.object_id = text_of(id);
    else if (!json_is_string(id) || !route->own_ids)
        return failf(fail, ERR_INVALID, "the event's object has no usable id");
    return ERR_OK;
}

static enum err parse_snapshot(struct event_envelope *event, struct failure *fail)
{
    const json_t *data = json_object_get(event->root, "data");
    const json_t *object = json_object_get(data, "object");
    const json_t *created = json_object_get(event->root, "created");
    const struct event_route *route;
    const char *payer;
    enum err err;

    if (!json_is_object(object))
        return failf(fail, ERR_INVALID, "the event has no data.object");
    if (!json_is_integer(created) || json_integer_value(created) < 0)
        return failf(fail, ERR_INVALID, "the event has no usable time of creation");
    event->envelope.created = json_integer_value(created);
    event->envelope.api_version = printable_or_empty(json_object_get(event->root, "api_version"));
    err = read_account(event, json_object_get(event->root, "account"), fail);
    if (err == ERR_OK)
        err = read_object(event, object, fail);
    if (err != ERR_OK)
        return err;
    route = event_route_find(event->envelope.object_type);
    err = find_payer(data, route, &payer, fail);
    if (err != ERR_OK)
        return err;
    if (*payer) {
        if (strncmp(payer, "acct_", 5) != 0)
            event->envelope.customer = payer;
        set_key(event, payer);
        return ERR_OK;
    }
    if (route->instead) {
        const char *other = id_of(json_object_get(object, route->instead));

        if (other && event_id_is_plain(other)) {
            event->envelope.object_id = other;
            event->envelope.object_type = route->instead_type;
        }
    }
    set_key(event, event->envelope.object_id);
    return ERR_OK;
}

/* ---- thin events ---- */

static bool two_digits(const char *text, int low, int high, int *ret)
{
    if (!isdigit((unsigned char)text[0]) || !isdigit((unsigned char)text[1]))
        return false;
    *ret = (text[0] - '0') * 10 + (text[1] - '0');
    return *ret >= low && *ret <= high;
}

/* "2026-10-01T12:00:00.000Z", with or without a fraction. */
static bool read_time(const char *text, int64_t *ret_s)
{
    struct tm utc = {0};
    int century, year;
    const char *rest;

    if (!text || strnlen(text, 20) < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
        text[13] != ':' || text[16] != ':' || !two_digits(text, 19, 99, &century) ||
        !two_digits(text + 2, 0, 99, &year) || !two_digits(text + 5, 1, 12, &utc.tm_mon) ||
        !two_digits(text + 8, 1, 31, &utc.tm_mday) || !two_digits(text + 11, 0, 23, &utc.tm_hour) ||
        !two_digits(text + 14, 0, 59, &utc.tm_min) || !two_digits(text + 17, 0, 60, &utc.tm_sec))
        return false;
    rest = text + 19;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (strcmp(rest, "Z") != 0)
        return false;
    utc.tm_mon--;
    utc.tm_year = century * 100 + year - 1900;
    *ret_s = (int64_t)timegm(&utc);
    return *ret_s >= 0;
}

/* A singleton has a URL and no id: /v1/customers/cus_1/discount. Its owner is the next best thing. */
static const char *owner_in_url(struct event_envelope *event, const json_t *url)
{
    static const struct {
        const char *prefix, *type;
    } owners[] = {{"/v1/customers/", "customer"}, {"/v1/subscriptions/", "subscription"}};
    const char *text = text_of(url);

    for (size_t i = 0; text && i < sizeof owners / sizeof owners[0]; i++) {
        size_t prefix_len = strlen(owners[i].prefix), len;
        const char *id;
        json_t *kept;

        if (strncmp(text, owners[i].prefix, prefix_len) != 0)
            continue;
        len = strcspn(text + prefix_len, "/?");
        kept = json_stringn(text + prefix_len, len);
        /* The document keeps the copy alive, under a name that no document has. */
        if (!kept || json_object_set_new(event->root, "\x01owner", kept) != 0)
            return "";
        id = text_of(kept);
        if (!event_id_is_plain(id))
            return "";
        event->envelope.object_type = owners[i].type;
        return id;
    }
    return "";
}

static enum err parse_thin(struct event_envelope *event, struct failure *fail)
{
    const json_t *related = json_object_get(event->root, "related_object");
    const json_t *context = json_object_get(event->root, "context");
    const json_t *id = json_object_get(related, "id");
    const char *type = text_of(json_object_get(related, "type"));
    enum err err = ERR_OK;

    event->thin = true;
    if (!read_time(text_of(json_object_get(event->root, "created")), &event->envelope.created))
        return failf(fail, ERR_INVALID, "the event has no usable time of creation");
    if (text_of(context) && !strncmp(text_of(context), "acct_", 5)) /* else an organization's path, or none */
        err = read_account(event, context, fail);
    if (err != ERR_OK)
        return err;
    if (related && !json_is_null(related)) {
        if (!type || !is_type(type))
            return failf(fail, ERR_INVALID, "the event's related object has no usable type");
        event->envelope.object_type = type;
        if (!id || json_is_null(id))
            event->envelope.object_id = owner_in_url(event, json_object_get(related, "url"));
        else if (text_of(id) && event_id_is_plain(text_of(id)))
            event->envelope.object_id = text_of(id);
        else if (!json_is_string(id) || !event_route_find(type)->own_ids)
            return failf(fail, ERR_INVALID, "the event's related object has no usable id");
    }
    if (!strcmp(event->envelope.object_type, "customer"))
        event->envelope.customer = event->envelope.object_id;
    set_key(event, event->envelope.object_id);
    return ERR_OK;
}

/* ---- both ---- */

enum err event_envelope_parse(const void *body, size_t len, struct event_envelope *ret_event,
                              struct failure *fail)
{
    struct event_envelope event = {.envelope = {.event_id = "",
                                                .type = "",
                                                .object_id = "",
                                                .object_type = "",
                                                .customer = "",
                                                .account = "",
                                                .api_version = "",
                                                .lane = QUEUE_WEBHOOK}};
    json_error_t why;
    const char *form;
    enum err err;

    if (!depth_is_bounded(body, len))
        return failf(fail, ERR_INVALID, "JSON nested deeper than %d", EVENT_DEPTH_MAX);
    /* NUL in a string is legal JSON, and no reason to refuse what people may have typed; ids are checked. */
    event.root = json_loadb(body, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (!event.root)
        return json_error_code(&why) == json_error_out_of_memory
                   ? failf(fail, ERR_NOMEM, "no memory for an event of %zu bytes", len)
                   : failf(fail, ERR_INVALID, "not JSON, at byte %d",
                           why.position); /* its text quotes the body */
    form = text_of(json_object_get(event.root, "object"));
    err = form && (!strcmp(form, "event") || !strcmp(form, "v2.core.event"))
              ? read_common(&event, fail)
              : failf(fail, ERR_INVALID, "neither a snapshot event nor a thin one");
    if (err == ERR_OK)
        err = *form == 'e' ? parse_snapshot(&event, fail) : parse_thin(&event, fail);
    if (err != ERR_OK) {
        event_envelope_release(&event);
        return err;
    }
    *ret_event = event;
    return ERR_OK;
}

void event_envelope_release(struct event_envelope *event)
{
    json_decref(event->root);
    *event = (struct event_envelope){.root = NULL};
}
