#include "sim/product.h"

#include <string.h>

#include "sim/billing.h"
#include "sim/events.h"
#include "sim/render.h"

static void remember(struct sim *sim, struct product *p)
{
    struct product_version *version = p->newest;
    json_t *metadata = sim_json(p->o.metadata ? json_deep_copy(p->o.metadata) : json_object());

    if (version && strcmp(version->name, p->name) == 0 && json_equal(version->metadata, metadata)) {
        json_decref(metadata);
        return;
    }
    if (version && version->since == sim->now) {
        json_decref(version->metadata);
    } else {
        version = sim_alloc(sim, sizeof *version);
        version->since = sim->now;
        if (p->newest)
            p->newest->later = version;
        else
            p->versions = version;
        p->newest = version;
    }
    version->name = p->name;
    version->metadata = metadata;
}

struct product *product_create(struct sim *sim, const char *name, json_t *metadata, bool active)
{
    struct product *p = sim_object(sim, TYPE_PRODUCT, sizeof *p);

    p->name = sim_text(sim, name);
    p->active = active;
    p->updated = p->o.created;
    if (metadata)
        metadata_merge(&p->o, metadata);
    remember(sim, p);
    emit(sim, "product.created", &p->o);
    return p;
}

void product_changed(struct sim *sim, struct product *p, json_t *before)
{
    json_t *after = render_object(sim, &p->o);

    if (!json_equal(before, after)) {
        p->updated = sim->now;
        remember(sim, p);
    }
    json_decref(after);
    emit_updated(sim, "product.updated", &p->o, before);
}

const struct product_version *product_version_at(const struct product *p, int64_t at)
{
    const struct product_version *version = p->versions;

    while (version->later && version->later->since <= at)
        version = version->later;
    return version;
}

void product_release(struct product *p)
{
    for (struct product_version *version = p->versions; version; version = version->later)
        json_decref(version->metadata);
}
