#include "sim/model.h"

static const struct {
    const char *name, *prefix;
    unsigned chars;
    const char *path;
} types[] = {
#define X(type, name, prefix, chars, path) [type] = {name, prefix, chars, path},
    OBJECT_TYPES(X)
#undef X
};

const char *object_name(enum object_type type)
{
    return types[type].name;
}

const char *object_prefix(enum object_type type)
{
    return types[type].prefix;
}

unsigned object_id_chars(enum object_type type)
{
    return types[type].chars;
}

const char *object_path(enum object_type type)
{
    return types[type].path;
}

const char *subscription_status_name(enum subscription_status status)
{
    static const char *const names[] = {"incomplete", "incomplete_expired", "trialing", "active", "past_due",
                                        "unpaid",     "canceled",           "paused"};
    return names[status];
}

const char *invoice_status_name(enum invoice_status status)
{
    static const char *const names[] = {"draft", "open", "paid", "uncollectible", "void"};
    return names[status];
}

const char *pause_collection_name(enum pause_collection behavior)
{
    static const char *const names[] = {"", "keep_as_draft", "mark_uncollectible", "void"};
    return names[behavior];
}

const char *missing_payment_method_name(enum missing_payment_method what)
{
    static const char *const names[] = {"create_invoice", "pause", "cancel"};
    return names[what];
}

const char *schedule_status_name(enum schedule_status status)
{
    static const char *const names[] = {"not_started", "active", "completed", "released", "canceled"};
    return names[status];
}

bool subscription_is_over(const struct subscription *sub)
{
    return sub->status == SUB_CANCELED || sub->status == SUB_INCOMPLETE_EXPIRED;
}
