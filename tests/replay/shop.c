#include "tests/replay/shop.h"

#include <string.h>

#include "sim/billing.h"
#include "sim/events.h"
#include "sim/product.h"
#include "sim/render.h"

/* What may be written there, each as good as the other. */
static const struct {
    const char *key;
    const char *values[6]; /* ends with NULL */
} edits[] = {
    {"instep_monthly_credits", {"10", "30", "75", "200", "0", NULL}},
    {"instep_trial_credits", {"5", "32", "0", NULL}},
    {"instep_per_unit", {"true", "false", NULL}},
    {"instep_grant", {"active", "paid", NULL}},
    {"instep_trial_carry", {"true", "false", NULL}},
    {"instep_rollover", {"none", "unlimited", "20", "1000", NULL}},
    {"instep_upgrade", {"difference", "renewal", NULL}},
    {"instep_downgrade", {"renewal", "now", NULL}},
    {"instep_clawback", {"none", "clamp", "negative", NULL}},
};

static struct product *any_plan(const struct sim *sim, struct random_stream *random)
{
    const struct list *all = &sim->all[TYPE_PRODUCT];
    size_t start = all->count ? random_below(random, all->count) : 0;

    for (size_t i = 0; i < all->count; i++) {
        struct object *product = all->at[(start + i) % all->count];
        if (metadata_get(product, "instep_plan"))
            return (struct product *)product;
    }
    return NULL;
}

void shop_edits_product(struct sim *sim, struct random_stream *random)
{
    struct product *product = any_plan(sim, random);
    size_t which = random_below(random, sizeof edits / sizeof *edits);
    size_t count = 0;
    json_t *before, *metadata;
    const char *value;

    if (!product)
        return;
    while (edits[which].values[count])
        count++;
    before = render_object(sim, &product->o);
    value = edits[which].values[random_below(random, count)];
    metadata = sim_json(json_pack("{s:s}", edits[which].key, value));
    /* Only what is carried over without a bound may have an end of its own. */
    if (!strcmp(edits[which].key, "instep_rollover") && strcmp(value, "unlimited") != 0)
        put_text(metadata, "instep_expires_months", "");
    metadata_merge(&product->o, metadata);
    json_decref(metadata);
    product_changed(sim, product, before);
}

static bool is_named(const struct customer *c)
{
    const struct list *subs = &c->of[TYPE_SUBSCRIPTION], *sessions = &c->of[TYPE_SESSION];
    bool named = metadata_get(&c->o, "user_id") != NULL;

    for (size_t i = 0; i < subs->count; i++)
        named = named || metadata_get(subs->at[i], "user_id");
    for (size_t i = 0; i < sessions->count; i++)
        named = named || metadata_get(sessions->at[i], "user_id") ||
                ((const struct session *)sessions->at[i])->client_reference_id;
    return named;
}

static const char *any_user(const struct sim *sim, struct random_stream *random)
{
    const struct list *all = &sim->all[TYPE_CUSTOMER];
    const char *user = NULL;

    for (size_t i = 0, start = random_below(random, all->count); i < all->count && !user; i++)
        user = metadata_get(all->at[(start + i) % all->count], "user_id");
    return user;
}

void shop_names_user(struct sim *sim, struct random_stream *random)
{
    const struct list *all = &sim->all[TYPE_CUSTOMER];
    bool shared = random_chance(random, 0.5);

    for (size_t i = 0; i < all->count; i++) {
        struct customer *c = (struct customer *)all->at[i];
        const char *user = shared ? any_user(sim, random) : NULL;
        json_t *before, *metadata;
        if (c->deleted || is_named(c))
            continue;
        if (!user)
            user = sim_format(sim, "late_%zu", i);
        before = render_object(sim, &c->o);
        metadata = sim_json(json_pack("{s:s}", "user_id", user));
        metadata_merge(&c->o, metadata);
        json_decref(metadata);
        emit_updated(sim, "customer.updated", &c->o, before);
        return;
    }
}
