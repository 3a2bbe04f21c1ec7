#include "cli/truth.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES  512
#define VALUE_BYTES 128
#define NAME_BYTES  256

struct compare {
    truth_difference_fn *report;
    void *arg;
    struct truth_summary summary;
    char path[PATH_BYTES];
    size_t path_len;
};

/* Append to the path; returns the length to go back to. A path that grows too long is cut. */
static size_t path_push(struct compare *compare, const char *left, const char *name, const char *right)
{
    size_t before = compare->path_len;
    size_t room = sizeof compare->path - before;
    int len = snprintf(compare->path + before, room, "%s%s%s", left, name, right);

    if (len > 0)
        compare->path_len += (size_t)len < room ? (size_t)len : room - 1;
    return before;
}

static void path_pop(struct compare *compare, size_t before)
{
    compare->path_len = before;
    compare->path[before] = '\0';
}

static void value_text(const json_t *value, char text[VALUE_BYTES])
{
    char *dump = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS) : NULL;

    (void)snprintf(text, VALUE_BYTES, "%s", dump ? dump : "absent");
    if (dump && strlen(dump) >= VALUE_BYTES)
        (void)memcpy(text + VALUE_BYTES - 4, "...", 4);
    free(dump);
}

static void differ(struct compare *compare, const json_t *truth, const json_t *ledger)
{
    char truth_text[VALUE_BYTES];
    char ledger_text[VALUE_BYTES];

    compare->summary.differences++;
    value_text(truth, truth_text);
    value_text(ledger, ledger_text);
    compare->report(compare->path, truth_text, ledger_text, compare->arg);
}

static const char *text_of(const json_t *element, const char *key)
{
    const char *text = json_string_value(json_object_get(element, key));
    return text ? text : "?";
}

/* A grant has no id of its own: what makes it the only one of its kind. */
static void grant_name(const json_t *grant, char name[NAME_BYTES])
{
    (void)snprintf(name, NAME_BYTES, "%s %lld %s %s/%lld", text_of(grant, "item"),
                   (long long)json_integer_value(json_object_get(grant, "period_start")),
                   text_of(grant, "kind"), text_of(grant, "plan_key"),
                   (long long)json_integer_value(json_object_get(grant, "version")));
}

/* What an element of a list is known by, in `name` or borrowed from it; NULL if by nothing. */
static const char *name_of(const json_t *element, char name[NAME_BYTES])
{
    const char *id = json_string_value(json_object_get(element, "id"));

    if (!id)
        id = json_string_value(json_object_get(element, "source"));
    if (!id && json_object_get(element, "trial_start")) /* a conversion: one of each subscription */
        id = json_string_value(json_object_get(element, "subscription"));
    if (!id && json_object_get(element, "period_start")) {
        grant_name(element, name);
        id = name;
    }
    return id;
}

/* One that is not there at all, or could as well not be: no user, and every list and every sum is empty. */
static bool blank_customer(const json_t *element)
{
    const char *key;
    json_t *value;

    if (!element)
        return true;
    if (!json_is_array(json_object_get(element, "subscriptions")))
        return false;
    json_object_foreach((json_t *)(uintptr_t)element, key, value)
    {
        bool empty = !json_is_array(value) || !json_array_size(value);
        if (!empty || (json_is_object(value) && json_object_size(value)) ||
            (!strcmp(key, "user_id") && !json_is_null(value)))
            return false;
    }
    return true;
}

/* An index by name, so that a hundred thousand customers do not cost their square. */
static json_t *index_of(const json_t *list)
{
    json_t *index = json_object();
    char text[NAME_BYTES];
    size_t i;
    json_t *element;

    json_array_foreach(list, i, element)
    {
        const char *name = name_of(element, text);
        /* A name twice: the first counts, compare_surplus reports the others. */
        if (name && !json_object_get(index, name))
            (void)json_object_set(index, name, element);
    }
    return index;
}

static void compare_value(struct compare *compare, const char *key, const json_t *truth,
                          const json_t *ledger);

static void count_element(struct compare *compare, const char *key)
{
    compare->summary.customers += !strcmp(key, "customers");
    compare->summary.subscriptions += !strcmp(key, "subscriptions");
    compare->summary.sales += !strcmp(key, "sales") || !strcmp(key, "guest_sales");
}

static bool list_has_names(const json_t *list)
{
    char text[NAME_BYTES];
    size_t i;
    json_t *element;

    json_array_foreach(list, i, element)
    {
        if (!name_of(element, text))
            return false;
    }
    return true;
}

/* What only the ledger has, or has more than once. */
static void compare_surplus(struct compare *compare, const json_t *truth_index, const json_t *ledger_index,
                            const json_t *ledger)
{
    json_t *once = json_string("once");
    char text[NAME_BYTES];
    size_t i;
    json_t *element;

    json_array_foreach(ledger, i, element)
    {
        const char *name = name_of(element, text);
        size_t before = path_push(compare, "[", name, "]");
        if (json_object_get(ledger_index, name) != element)
            differ(compare, once, element);
        else if (!json_object_get(truth_index, name) && !blank_customer(element))
            differ(compare, NULL, element);
        path_pop(compare, before);
    }
    json_decref(once);
}

static void compare_list(struct compare *compare, const char *key, const json_t *truth, const json_t *ledger)
{
    if (!list_has_names(truth) || !list_has_names(ledger)) {
        if (!json_equal(truth, ledger))
            differ(compare, truth, ledger);
        return;
    }
    json_t *ledger_index = index_of(ledger);
    json_t *truth_index = index_of(truth);
    char text[NAME_BYTES];
    size_t i;
    json_t *element;

    json_array_foreach(truth, i, element)
    {
        const char *name = name_of(element, text);
        const json_t *other = json_object_get(ledger_index, name);
        if (!other && blank_customer(element))
            continue;
        size_t before = path_push(compare, "[", name, "]");
        count_element(compare, key);
        if (other)
            compare_value(compare, "", element, other);
        else
            differ(compare, element, NULL);
        path_pop(compare, before);
    }
    compare_surplus(compare, truth_index, ledger_index, ledger);
    json_decref(ledger_index);
    json_decref(truth_index);
}

static void compare_object(struct compare *compare, const json_t *truth, const json_t *ledger)
{
    const char *kind = json_string_value(json_object_get(truth, "kind"));
    bool one_time = kind && !strcmp(kind, "one_time");
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)truth, key, value)
    {
        if (one_time && !strcmp(key, "paid_at"))
            continue;
        size_t before = path_push(compare, compare->path_len ? "." : "", key, "");
        compare_value(compare, key, value, json_object_get(ledger, key));
        path_pop(compare, before);
    }
    json_object_foreach((json_t *)(uintptr_t)ledger, key, value)
    {
        if (json_object_get(truth, key) || (one_time && !strcmp(key, "paid_at")))
            continue;
        size_t before = path_push(compare, compare->path_len ? "." : "", key, "");
        differ(compare, NULL, value);
        path_pop(compare, before);
    }
}

static void compare_value(struct compare *compare, const char *key, const json_t *truth, const json_t *ledger)
{
    if (json_is_object(truth) && json_is_object(ledger))
        compare_object(compare, truth, ledger);
    else if (json_is_array(truth) && json_is_array(ledger))
        compare_list(compare, key, truth, ledger);
    else if (!ledger || !json_equal(truth, ledger))
        differ(compare, truth, ledger);
}

struct truth_summary truth_compare(const json_t *truth, const json_t *ledger, truth_difference_fn *report,
                                   void *arg)
{
    struct compare compare = {.report = report, .arg = arg};

    compare_value(&compare, "", truth, ledger);
    return compare.summary;
}
