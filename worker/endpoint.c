#include "worker/endpoint.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/stripe_version.h"

static const struct {
    const char *object, *path, *filter, *expansions, *prefixes, *endpoint_list, *endpoint_one,
        *endpoint_below;
} endpoints[READ_KINDS] = {
#define X(kind, object, path, filter, expansions, prefixes)                                                  \
    [kind] = {object,                                                                                        \
              path,                                                                                          \
              filter,                                                                                        \
              expansions,                                                                                    \
              prefixes,                                                                                      \
              "GET " path,                                                                                   \
              "GET " path "/{id}",                                                                           \
              "GET " path "/{id}" filter},
    ENDPOINT_LIST(X)
#undef X
};

bool stripe_id_copy(char to[STRIPE_ID_BYTES_MAX + 1], const char *id)
{
    size_t len = strlen(id);

    if (len > STRIPE_ID_BYTES_MAX)
        return false;
    (void)memcpy(to, id, len + 1);
    return true;
}

bool read_init(struct read *ret, enum read_kind kind, const char *id)
{
    struct read read = {.kind = kind};

    if (!stripe_id_copy(read.id, id))
        return false;
    *ret = read;
    return true;
}

const char *read_object(enum read_kind kind)
{
    return endpoints[kind].object;
}

bool read_is_list(enum read_kind kind)
{
    return *endpoints[kind].filter != 0;
}

/* The list below an object, not one filtered by it. */
static bool read_is_below(enum read_kind kind)
{
    return *endpoints[kind].filter == '/';
}

bool read_is_of_customer(enum read_kind kind)
{
    return !strcmp(endpoints[kind].filter, "customer");
}

int read_stage(enum read_kind kind)
{
    if (read_is_list(kind))
        return 0;
    return kind == READ_REFUND || kind == READ_DISPUTE || kind == READ_CREDIT_NOTE ||
                   kind == READ_INVOICE_PAYMENT
               ? 2
               : 1;
}

bool read_exists(enum read_kind kind, int version)
{
    return version >= STRIPE_VERSION_BASIL || strcmp(endpoints[kind].object, "invoice_payment") != 0;
}

const char *read_endpoint(enum read_kind kind)
{
    if (read_is_below(kind))
        return endpoints[kind].endpoint_below;
    return read_is_list(kind) ? endpoints[kind].endpoint_list : endpoints[kind].endpoint_one;
}

/* Length of the prefix of id that this endpoint reads; 0 if none. */
static size_t prefix_match(enum read_kind kind, const char *id)
{
    const char *at = endpoints[kind].prefixes;

    while (*at) {
        size_t len = strcspn(at, " ");
        if (!strncmp(id, at, len))
            return len;
        at += len + (at[len] == ' ');
    }
    return 0;
}

enum read_kind read_kind_of(const char *object_type, const char *id)
{
    enum read_kind best = READ_KINDS;
    size_t best_len = 0;

    if (!strcmp(object_type, "plan")) /* the same thing by its older name */
        object_type = "price";

    for (int kind = 0; kind < READ_KINDS; kind++) {
        size_t len = prefix_match((enum read_kind)kind, id);
        if (*object_type && !read_is_list((enum read_kind)kind) &&
            !strcmp(endpoints[kind].object, object_type))
            return (enum read_kind)kind;
        if (len > best_len) { /* sub_sched_ before sub_ */
            best = (enum read_kind)kind;
            best_len = len;
        }
    }
    return best;
}

/*
 * Whether this version has what an expansion names, or else the whole read would be refused; and needs it: a credit note says
 * itself how much was refunded since it may have several refunds.
 */
static bool version_expands(int version, const char *expansion)
{
    static const struct {
        const char *expansion;
        int since, until;
    } some[] = {
        {"payments", STRIPE_VERSION_BASIL, INT_MAX},
        {"data.payments", STRIPE_VERSION_BASIL, INT_MAX},
        {"customer_balance_transaction", 0, STRIPE_VERSION_BASIL},
        {"data.customer_balance_transaction", 0, STRIPE_VERSION_BASIL},
    };

    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        if (!strcmp(some[i].expansion, expansion))
            return version >= some[i].since && version < some[i].until;
    return true;
}

static void path_expand(struct stripe_path *path, const char *expansions, int version)
{
    char word[64];

    while (*expansions) {
        size_t len = strcspn(expansions, " ");
        (void)snprintf(word, sizeof word, "%.*s", (int)len, expansions);
        if (version_expands(version, word))
            stripe_path_param(path, "expand[]", word);
        expansions += len + (expansions[len] == ' ');
    }
}

void read_path(const struct read *read, int version, struct stripe_path *path)
{
    const char *filter = endpoints[read->kind].filter;
    char number[32];

    stripe_path_start(path, endpoints[read->kind].path);
    if (!*filter || read_is_below(read->kind))
        stripe_path_segment(path, read->id);
    if (*filter) {
        if (read_is_below(read->kind))
            stripe_path_segment(path, filter + 1);
        else
            stripe_path_param(path, filter, read->id);
        stripe_path_param(path, "limit", "100");
        if (read->kind == READ_SUBSCRIPTIONS)
            stripe_path_param(path, "status", "all");
        if (read->since > 0) {
            (void)snprintf(number, sizeof number, "%" PRId64, read->since);
            stripe_path_param(path, "created[gte]", number);
        }
        if (*read->after)
            stripe_path_param(path, "starting_after", read->after);
    }
    path_expand(path, endpoints[read->kind].expansions, version);
}
