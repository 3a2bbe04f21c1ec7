#include "ingest/event_envelope.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/stripe_id.h"
#include "ingest/event_routing.h"

#define TYPE_BYTES_MAX 128

/* ---- texts ---- */

/* invoice, checkout.session, customer.subscription.updated, v2.core.event */
static bool is_type(const char *text)
{
    size_t len = strnlen(text, TYPE_BYTES_MAX + 1);

    return len && len <= TYPE_BYTES_MAX && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_.") == len;
}

/* Only remembered, never used: what is not printable is left out. */
static const char *printable_or_empty(const char *text)
{
    for (const char *p = text; p && *p; p++)
        if (*p < ' ' || *p > '~')
            return "";
    return text ? text : "";
}

/* A value that is an id or an expanded object with one. NULL for anything else. */
static const char *id_of(const struct picked *values, enum event_value value)
{
    return values[value].kind == PICK_OBJECT ? values[value + 1].text : values[value].text;
}

static bool is_there(const struct picked *values, enum event_value value)
{
    return values[value].kind != PICK_ABSENT && values[value].kind != PICK_NULL;
}

/* ---- the parts both forms have ---- */

static enum err read_common(struct event_envelope *event, const struct picked *values, struct failure *fail)
{
    const char *id = values[EV_ID].text;
    const char *type = values[EV_TYPE].text;
    enum pick_kind livemode = values[EV_LIVEMODE].kind;

    if (!id || !stripe_id_is_plain(id))
        return failf(fail, ERR_INVALID, "the event has no usable id");
    if (!type || !is_type(type))
        return failf(fail, ERR_INVALID, "the event has no usable type");
    if (livemode != PICK_TRUE && livemode != PICK_FALSE)
        return failf(fail, ERR_INVALID, "the event does not say whether it is live");
    event->envelope.event_id = id;
    event->envelope.type = type;
    event->envelope.livemode = livemode == PICK_TRUE;
    return ERR_OK;
}

/* text may be NULL: no text. The platform's own account is "", by whatever name it comes. */
static enum err set_account(struct event_envelope *event, const char *text, const char *own_account,
                            struct failure *fail)
{
    if (!text || !stripe_id_is_plain(text))
        return failf(fail, ERR_INVALID, "the event's account is no id");
    if (strcmp(stripe_account_name(text, own_account), STRIPE_OWN_ACCOUNT) != 0)
        event->envelope.account = text;
    return ERR_OK;
}

/* The object's id. One that people chose and no key could hold is left out; any other odd one is an error. */
static enum err read_object_id(struct event_envelope *event, const struct picked *values,
                               enum event_value value, struct failure *fail)
{
    const char *id = values[value].text;

    if (!is_there(values, value)) /* invoice.upcoming, balance */
        return ERR_OK;
    if (id && stripe_id_is_plain(id))
        event->envelope.object_id = id;
    else if (values[value].kind != PICK_STRING || !event_route_find(event->envelope.object_type)->own_ids)
        return failf(fail, ERR_INVALID, "the event's object has no usable id");
    return ERR_OK;
}

/* subject is the customer, else the object, "" if there is neither. */
static void set_key(struct event_envelope *event, const char *subject)
{
    const char *account = stripe_account_name(event->envelope.account, "");
    int len = snprintf(event->key, sizeof event->key, "%s:%s", account, *subject ? subject : "none");

    assert(len > 0 && (size_t)len < sizeof event->key); /* both are plain ids */
}

/* ---- snapshot events ---- */

/* The customer, or the account that pays in its place, "" if the payload names neither. */
static enum err find_payer(const struct picked *values, const struct event_route *route,
                           const char **ret_payer, struct failure *fail)
{
    *ret_payer = "";
    for (size_t i = 0; i < EVENT_ROUTE_PATHS_MAX && route->customer[i] != EV_ID; i++) {
        const char *payer = id_of(values, route->customer[i]);

        if (!is_there(values, route->customer[i]))
            continue;
        if (!payer || !stripe_id_is_plain(payer))
            return failf(fail, ERR_INVALID, "the event's customer is no id");
        *ret_payer = payer;
        break;
    }
    return ERR_OK;
}

static enum err parse_snapshot(struct event_envelope *event, const struct picked *values,
                               const char *own_account, struct failure *fail)
{
    const struct event_route *route;
    const char *type = values[EV_OBJECT_TYPE].text, *payer;
    enum err err = ERR_OK;

    if (values[EV_OBJECT].kind != PICK_OBJECT)
        return failf(fail, ERR_INVALID, "the event has no data.object");
    if (values[EV_CREATED].integer < 0)
        return failf(fail, ERR_INVALID, "the event has no usable time of creation");
    if (!type || !is_type(type))
        return failf(fail, ERR_INVALID, "the event's object has no usable type");
    event->envelope.created = values[EV_CREATED].integer;
    event->envelope.api_version = printable_or_empty(values[EV_API_VERSION].text);
    event->envelope.object_type = type;
    route = event_route_find(type);
    if (is_there(values, EV_ACCOUNT))
        err = set_account(event, values[EV_ACCOUNT].text, own_account, fail);
    if (err == ERR_OK)
        err = read_object_id(event, values, EV_OBJECT_ID, fail);
    if (err == ERR_OK)
        err = find_payer(values, route, &payer, fail);
    if (err != ERR_OK)
        return err;
    if (*payer) {
        if (strncmp(payer, "acct_", 5) != 0)
            event->envelope.customer = payer;
        set_key(event, payer);
        return ERR_OK;
    }
    if (route->instead != EV_ID) {
        const char *other = id_of(values, route->instead);

        if (other && stripe_id_is_plain(other)) {
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

/* "Z", "+02:00": how far the time before it is ahead of UTC. */
static bool read_offset(const char *text, int *ret_s)
{
    int hours, minutes;

    *ret_s = 0;
    if (!strcmp(text, "Z") || !strcmp(text, "z"))
        return true;
    if (strlen(text) != 6 || (*text != '+' && *text != '-') || text[3] != ':' ||
        !two_digits(text + 1, 0, 23, &hours) || !two_digits(text + 4, 0, 59, &minutes))
        return false;
    *ret_s = (hours * 60 + minutes) * (*text == '+' ? 60 : -60);
    return true;
}

/* RFC 3339: "2026-10-01T12:00:00.000Z", with or without a fraction, with any offset. */
static bool read_time(const char *text, int64_t *ret_s)
{
    struct tm utc = {0};
    int century, year, offset_s;
    const char *rest;

    if (!text || strnlen(text, 20) < 20 || text[4] != '-' || text[7] != '-' ||
        (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':' ||
        !two_digits(text, 19, 99, &century) || !two_digits(text + 2, 0, 99, &year) ||
        !two_digits(text + 5, 1, 12, &utc.tm_mon) || !two_digits(text + 8, 1, 31, &utc.tm_mday) ||
        !two_digits(text + 11, 0, 23, &utc.tm_hour) || !two_digits(text + 14, 0, 59, &utc.tm_min) ||
        !two_digits(text + 17, 0, 60, &utc.tm_sec))
        return false;
    rest = text + 19;
    if (*rest == '.') {
        size_t digits = strspn(rest + 1, "0123456789");

        if (!digits)
            return false;
        rest += 1 + digits;
    }
    if (!read_offset(rest, &offset_s))
        return false;
    utc.tm_mon--;
    utc.tm_year = century * 100 + year - 1900;
    *ret_s = (int64_t)timegm(&utc) - offset_s;
    return *ret_s >= 0;
}

/*
 * A singleton has a URL and no id: /v1/customers/cus_1/discount. Its owner is the next best thing, as it is for what
 * can only be read through its owner. url is cut there.
 */
static void read_owner(struct event_envelope *event, char *url)
{
    static const struct {
        const char *prefix, *type;
    } owners[] = {{"/v1/customers/", "customer"},
                  {"/v1/subscriptions/", "subscription"},
                  {"/v1/application_fees/", "application_fee"}};

    for (size_t i = 0; url && i < sizeof owners / sizeof owners[0]; i++) {
        char *id = url + strlen(owners[i].prefix);

        if (strncmp(url, owners[i].prefix, strlen(owners[i].prefix)) != 0)
            continue;
        id[strcspn(id, "/?")] = '\0';
        if (!stripe_id_is_plain(id))
            return;
        event->envelope.object_type = owners[i].type;
        event->envelope.object_id = id;
        return;
    }
}

/*
 * Where it happened, as a path from the outside in: "acct_1", "org_1/acct_1", "acct_1/acct_2"; an organization alone is
 * no account. The path is kept, for it is how Stripe wants to be asked about the account.
 */
static enum err read_context(struct event_envelope *event, const char *text, const char *own_account,
                             struct failure *fail)
{
    if (!text)
        return failf(fail, ERR_INVALID, "the event's context is no path of ids");
    for (const char *part = text; *part;) {
        size_t len = strcspn(part, "/");

        if (!strncmp(part, "acct_", 5)) {
            if (len >= sizeof event->account)
                return failf(fail, ERR_INVALID, "the event's account is no id");
            memcpy(event->account, part, len);
            event->account[len] = '\0';
        }
        part += len + (part[len] == '/');
    }
    if (!*event->account)
        return ERR_OK;
    if (strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./") == strlen(text))
        event->envelope.context = text;
    return set_account(event, event->account, own_account, fail);
}

/*
 * The event names no object. Who it is about stands in the event when it is read in full, if anywhere: it is keyed by
 * itself where a rule would want to know, and by nobody else.
 */
static void set_no_object(struct event_envelope *event, const struct picked *values)
{
    const char *customer = id_of(values, EV_DATA_CUSTOMER);

    if (customer && stripe_id_is_plain(customer)) {
        event->envelope.customer = customer;
    } else if (!strncmp(event->envelope.type, "v1.customer.", strlen("v1.customer."))) {
        event->envelope.object_type = "v2.core.event";
        event->envelope.object_id = event->envelope.event_id;
    }
}

static enum err read_related(struct event_envelope *event, const struct picked *values, struct failure *fail)
{
    const char *type = values[EV_RELATED_TYPE].text;
    enum err err = ERR_OK;

    if (!type || !is_type(type))
        return failf(fail, ERR_INVALID, "the event's related object has no usable type");
    event->envelope.object_type = type;
    if (is_there(values, EV_RELATED_ID))
        err = read_object_id(event, values, EV_RELATED_ID, fail);
    if (err == ERR_OK && (!is_there(values, EV_RELATED_ID) || !strcmp(type, "fee_refund")))
        read_owner(event, (char *)values[EV_RELATED_URL].text); /* it lies in our own storage */
    return err;
}

static enum err parse_thin(struct event_envelope *event, const struct picked *values, const char *own_account,
                           struct failure *fail)
{
    const char *snapshot = values[EV_SNAPSHOT].text;
    enum err err = ERR_OK;

    event->thin = true;
    if (!read_time(values[EV_CREATED].text, &event->envelope.created))
        return failf(fail, ERR_INVALID, "the event has no usable time of creation");
    if (snapshot && stripe_id_is_plain(snapshot))
        event->envelope.snapshot_event = snapshot;
    if (is_there(values, EV_CONTEXT))
        err = read_context(event, values[EV_CONTEXT].text, own_account, fail);
    if (err == ERR_OK && is_there(values, EV_RELATED))
        err = read_related(event, values, fail);
    else if (err == ERR_OK)
        set_no_object(event, values);
    if (err != ERR_OK)
        return err;
    if (!strcmp(event->envelope.object_type, "customer"))
        event->envelope.customer = event->envelope.object_id;
    set_key(event, *event->envelope.customer ? event->envelope.customer : event->envelope.object_id);
    return ERR_OK;
}

/* ---- both ---- */

static const struct pick_want wants[EV_COUNT] = {
#define X(name, parent, key) {(parent), (key)},
    EVENT_VALUE_LIST(X)
#undef X
};
_Static_assert(EV_COUNT <= EVENT_VALUES, "the storage of an event is too small");
_Static_assert((int)EV_ROOT == PICK_ROOT, "the root has one name");

enum err event_envelope_parse(const void *body, size_t len, const char *own_account,
                              struct event_envelope *ret_event, struct failure *fail)
{
    struct picked values[EV_COUNT];
    const char *form;
    enum err err;

    ret_event->envelope = (struct envelope){.event_id = "",
                                            .type = "",
                                            .object_id = "",
                                            .object_type = "",
                                            .customer = "",
                                            .account = "",
                                            .api_version = "",
                                            .context = "",
                                            .snapshot_event = "",
                                            .lane = QUEUE_WEBHOOK};
    ret_event->thin = false;
    *ret_event->account = '\0';
    err = json_pick(body, len, wants, EV_COUNT, values, ret_event->storage, fail);
    if (err != ERR_OK)
        return err;
    form = values[EV_FORM].text;
    if (!form || (strcmp(form, "event") != 0 && strcmp(form, "v2.core.event") != 0))
        return failf(fail, ERR_INVALID, "neither a snapshot event nor a thin one");
    err = read_common(ret_event, values, fail);
    if (err != ERR_OK)
        return err;
    return *form == 'e' ? parse_snapshot(ret_event, values, own_account, fail)
                        : parse_thin(ret_event, values, own_account, fail);
}
