#include "sim/credit_plans.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/app_parts.h"
#include "sim/billing.h"

struct plans {
    const struct plan_load *loads; /* borrowed */
    struct plan_version *at;       /* owned; of one plan in the order of their numbers */
    char **said; /* owned, each too: what the version was made of, to see whether the next differs */
    size_t count, room;
};

static const struct plan_rules defaults = {.per_unit = true,
                                           .when_paid = true,
                                           .trial_carry = true,
                                           .upgrade_now = true,
                                           .clawback = CLAWBACK_CLAMP};

/* --- what is said of a plan --- */

static bool is_word(const json_t *said, const char *key, const char *word)
{
    const char *text = json_string_value(json_object_get(said, key));

    return text && strcmp(text, word) == 0;
}

static int64_t number_of(const json_t *said, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(said, key);

    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static bool flag_of(const json_t *said, const char *key, bool otherwise)
{
    const json_t *value = json_object_get(said, key);

    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

static struct plan_rules rules_of(const json_t *said)
{
    const json_t *cap = json_object_get(json_object_get(said, "rollover"), "cap");
    struct plan_rules rules = defaults;

    rules.monthly = number_of(said, "monthly_credits", 0);
    rules.trial = number_of(said, "trial_credits", 0);
    rules.per_unit = flag_of(said, "per_unit", true);
    rules.when_paid = !is_word(said, "grant", "active");
    rules.trial_carry = flag_of(said, "trial_carry", true);
    rules.rollover = is_word(said, "rollover", "unlimited") ? ROLLOVER_UNLIMITED
                     : cap                                  ? ROLLOVER_CAPPED
                                                            : ROLLOVER_NONE;
    rules.cap = json_integer_value(cap);
    rules.expires_months = number_of(said, "expires_months", 0);
    rules.upgrade_now = !is_word(said, "upgrade", "renewal");
    rules.downgrade_now = is_word(said, "downgrade", "now");
    rules.clawback = is_word(said, "clawback", "none")       ? CLAWBACK_NONE
                     : is_word(said, "clawback", "negative") ? CLAWBACK_NEGATIVE
                                                             : CLAWBACK_CLAMP;
    return rules;
}

/* A value of metadata is a text: what it means under its key, without the instep_ before it. */
static json_t *meaning(const char *key, const char *text)
{
    static const char *const numbers[] = {"rank", "monthly_credits", "trial_credits", "expires_months"};
    static const char *const flags[] = {"per_unit", "trial_carry"};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(key, numbers[i]) == 0)
            return json_integer(strtoll(text, NULL, 10));
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcmp(key, flags[i]) == 0)
            return json_boolean(strcmp(text, "true") == 0);
    if (strcmp(key, "rollover") == 0 && *text >= '0' && *text <= '9')
        return json_pack("{s:I}", "cap", (json_int_t)strtoll(text, NULL, 10));
    return json_string(text);
}

/* "1000", "1000 soft", "1000 per unit" */
static json_t *limit_of(const char *text)
{
    return json_pack("{s:I, s:b, s:b}", "limit", (json_int_t)strtoll(text, NULL, 10), "hard",
                     !strstr(text, "soft"), "per_unit", strstr(text, "per unit") != NULL);
}

/* What a product's metadata says, as if it had been loaded; NULL: nothing of credits. */
static json_t *said_by(const json_t *metadata)
{
    json_t *said = sim_json(json_object()), *limits = sim_json(json_object());
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)metadata, key, value)
    {
        const char *text = json_string_value(value);
        if (strncmp(key, "instep_", 7) != 0 || !text || strcmp(key, "instep_plan") == 0)
            continue;
        bool limit = strncmp(key + 7, "limit_", 6) == 0;
        if (json_object_set_new(limit ? limits : said, key + (limit ? 13 : 7),
                                sim_json(limit ? limit_of(text) : meaning(key + 7, text))))
            sim_die("out of memory");
    }
    if (json_object_size(limits))
        (void)json_object_set(said, "limits", limits);
    json_decref(limits);
    if (json_object_size(said) || json_object_get(metadata, "instep_plan"))
        return said;
    json_decref(said);
    return NULL;
}

/* --- the list of versions --- */

static const struct plan_version *newest(const struct plans *plans, const char *plan_key, size_t *ret_index)
{
    for (size_t i = plans->count; i-- > 0;)
        if (strcmp(plans->at[i].plan_key, plan_key) == 0) {
            *ret_index = i;
            return &plans->at[i];
        }
    return NULL;
}

/* Everything that a description says, in one text: what makes it another version. */
static char *canonical(const json_t *said)
{
    struct plan_rules rules = rules_of(said);
    json_t *limits = json_object_get(said, "limits");
    const char *name = json_string_value(json_object_get(said, "name"));
    char head[256];
    char *tail = limits ? json_dumps(limits, JSON_SORT_KEYS | JSON_COMPACT) : strdup("{}"), *text;

    (void)snprintf(head, sizeof head, "%lld %lld %lld %d%d%d %d %lld %lld %d%d%d ",
                   (long long)number_of(said, "rank", 0), (long long)rules.monthly, (long long)rules.trial,
                   rules.per_unit, rules.when_paid, rules.trial_carry, rules.rollover, (long long)rules.cap,
                   (long long)rules.expires_months, rules.upgrade_now, rules.downgrade_now, rules.clawback);
    size_t size = strlen(head) + strlen(name ? name : "") + (tail ? strlen(tail) : 0) + 2;
    text = malloc(size);
    if (!tail || !text)
        sim_die("out of memory");
    (void)snprintf(text, size, "%s%s %s", head, name ? name : "", tail);
    free(tail);
    return text;
}

/* A version more, if something differs. */
static void add(struct plans *plans, const char *plan_key, int64_t valid_from, const json_t *said)
{
    char *text = canonical(said);
    size_t before = 0;
    const struct plan_version *last = newest(plans, plan_key, &before);

    if (last && strcmp(plans->said[before], text) == 0) {
        free(text);
        return;
    }
    if (plans->count == plans->room) {
        int version = last ? last->version : 0;
        plans->room = plans->room ? plans->room * 2 : 16;
        plans->at = realloc(plans->at, plans->room * sizeof *plans->at);
        plans->said = realloc(plans->said, plans->room * sizeof *plans->said);
        if (!plans->at || !plans->said)
            sim_die("out of memory");
        last = version ? &plans->at[before] : NULL;
    }
    plans->said[plans->count] = text;
    plans->at[plans->count++] = (struct plan_version){.plan_key = plan_key,
                                                      .version = last ? last->version + 1 : 1,
                                                      .valid_from = valid_from,
                                                      .rules = rules_of(said)};
}

/* A plan that was loaded is not the product's any more. */
static bool was_loaded(const struct plans *plans, const char *plan_key, int64_t by)
{
    for (const struct plan_load *load = plans->loads; load; load = load->next)
        if (load->at <= by && json_object_get(load->plans, plan_key))
            return true;
    return false;
}

static void add_load(struct plans *plans, const struct plan_load *load)
{
    const char *key;
    json_t *said;

    json_object_foreach(load->plans, key, said) add(plans, key, load->at, said);
}

/* The plan that a product's metadata names; NULL: none. */
static const char *plan_named(const struct product *product, const json_t *metadata)
{
    const char *name = json_string_value(json_object_get(metadata, "instep_plan"));
    json_t *said = name ? NULL : said_by(metadata);

    json_decref(said);
    return name ? name : said ? product->o.id : NULL;
}

static void add_product(struct plans *plans, const struct product *product,
                        const struct product_version *version)
{
    const char *plan_key = plan_named(product, version->metadata);

    if (!plan_key || was_loaded(plans, plan_key, version->since))
        return;
    json_t *said = said_by(version->metadata);
    add(plans, plan_key, version->since, said);
    json_decref(said);
}

/* What described plans at a moment; gives the next moment when something did, INT64_MAX for none. */
static int64_t add_at(struct plans *plans, const struct sim *sim, int64_t at)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < sim->all[TYPE_PRODUCT].count; i++) {
        const struct product *product = (const struct product *)sim->all[TYPE_PRODUCT].at[i];
        for (const struct product_version *v = product->versions; v; v = v->later) {
            if (v->since == at)
                add_product(plans, product, v);
            else if (v->since > at && v->since < next)
                next = v->since;
        }
    }
    for (const struct plan_load *load = plans->loads; load; load = load->next) {
        if (load->at == at)
            add_load(plans, load);
        else if (load->at > at && load->at < next)
            next = load->at;
    }
    return next;
}

struct plans *plans_of(const struct sim *sim)
{
    struct plans *plans = calloc(1, sizeof *plans);

    if (!plans)
        sim_die("out of memory");
    plans->loads = app_plan_loads(sim);
    for (int64_t at = add_at(plans, sim, INT64_MIN); at != INT64_MAX;)
        at = add_at(plans, sim, at);
    return plans;
}

void plans_free(struct plans *plans)
{
    if (!plans)
        return;
    for (size_t i = 0; i < plans->count; i++)
        free(plans->said[i]);
    free(plans->said);
    free(plans->at);
    free(plans);
}

/* --- questions --- */

static bool lists(const json_t *said, const char *key, const char *ref)
{
    const json_t *name;
    size_t i;

    json_array_foreach(json_object_get(said, key), i, name)
    {
        if (ref && strcmp(json_string_value(name), ref) == 0)
            return true;
    }
    return false;
}

/* The plan of the newest load that lists it; NULL: none. */
static const char *matched(const struct plans *plans, const char *list, const char *ref)
{
    const char *found = NULL, *key;
    json_t *said;

    for (const struct plan_load *load = plans->loads; ref && load; load = load->next)
        json_object_foreach(load->plans, key, said) if (lists(said, list, ref)) found = key;
    return found;
}

const char *plan_of_price(const struct plans *plans, const struct price *price)
{
    const char *key = matched(plans, "prices", price->o.id);

    if (!key)
        key = matched(plans, "prices", price->lookup_key);
    if (!key)
        key = matched(plans, "products", price->product->o.id);
    if (!key)
        key = metadata_get(&price->o, "plan_key");
    if (!key)
        key = plan_named(price->product, price->product->o.metadata);
    if (!key)
        key = price->lookup_key;
    return key ? key : price->o.id;
}

const struct plan_version *plan_version_at(const struct plans *plans, const char *plan_key, int64_t start,
                                           int64_t end)
{
    const struct plan_version *found = NULL, *first = NULL;

    for (size_t i = 0; i < plans->count; i++) {
        const struct plan_version *v = &plans->at[i];
        if (strcmp(v->plan_key, plan_key) != 0)
            continue;
        if (!first)
            first = v;
        if (v->valid_from <= start && (!found || v->valid_from >= found->valid_from))
            found = v;
    }
    if (!found && first && first->valid_from < end)
        found = first;
    return found;
}

bool plan_acts_at_once(const struct plans *plans, const char *plan_key)
{
    for (size_t i = 0; i < plans->count; i++)
        if (strcmp(plans->at[i].plan_key, plan_key) == 0 &&
            (plans->at[i].rules.upgrade_now || plans->at[i].rules.downgrade_now))
            return true;
    return false;
}
