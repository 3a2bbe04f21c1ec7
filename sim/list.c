#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/call.h"
#include "sim/render.h"

#define LIMIT_DEFAULT 10
#define LIMIT_MAX     100

bool call_says(struct call *call, const char *name, const char *text)
{
    const char *wanted = form_text(call->params, name);

    return !wanted || (text && strcmp(wanted, text) == 0);
}

/* A moment as v1 says it (unix seconds) or as v2 does (2026-01-01T00:00:00.000Z). False: none, or unreadable. */
static bool moment(json_t *params, const char *path, int64_t *ret_at)
{
    const char *text = form_text(params, path);
    struct tm tm = {0};

    if (form_integer(params, path, ret_at))
        return true;
    if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
        return false;
    *ret_at = (int64_t)timegm(&tm);
    return true;
}

bool call_created_matches(struct call *call, int64_t created)
{
    int64_t bound;

    if (moment(call->params, "created", &bound) && created != bound)
        return false;
    if (moment(call->params, "created.gt", &bound) && created <= bound)
        return false;
    if (moment(call->params, "created.gte", &bound) && created < bound)
        return false;
    if (moment(call->params, "created.lt", &bound) && created >= bound)
        return false;
    return !(moment(call->params, "created.lte", &bound) && created > bound);
}

/* A bound that says nothing would show everything. */
static bool created_is_readable(struct call *call)
{
    static const char *const paths[] = {"created", "created.gt", "created.gte", "created.lt", "created.lte"};
    int64_t bound;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (form_text(call->params, paths[i]) && !moment(call->params, paths[i], &bound))
            return refuse(&call->why, 400, "parameter_invalid_integer", "created", "Invalid timestamp: %.40s",
                          form_text(call->params, paths[i]));
    return true;
}

unsigned call_limit(struct call *call)
{
    int64_t limit = LIMIT_DEFAULT;

    if (form_at(call->params, "limit") && !form_integer(call->params, "limit", &limit)) {
        (void)refuse(&call->why, 400, "parameter_invalid_integer", "limit", "Invalid integer: %.40s",
                     form_text(call->params, "limit") ? form_text(call->params, "limit") : "");
        return 0;
    }
    return limit < 1 ? 1 : limit > LIMIT_MAX ? LIMIT_MAX : (unsigned)limit;
}

const struct list *call_scope(struct call *call, enum object_type type)
{
    const struct customer *customer = call_param(call, "customer", TYPE_CUSTOMER);

    if (call->why.status)
        return NULL;
    return customer ? &customer->of[type] : &call->sim->all[type];
}

/* Where the cursor stands, counted in the order of the answer. False after a refusal. */
static bool cursor_position(struct call *call, const struct list *list, bool oldest_first, const char *param,
                            size_t *ret_at)
{
    const char *id = form_text(call->params, param);

    for (size_t k = 0; k < list->count; k++) {
        const struct object *o = list->at[oldest_first ? k : list->count - 1 - k];
        if (strcmp(o->id, id) == 0) {
            *ret_at = k;
            return true;
        }
    }
    return refuse(&call->why, 400, "resource_missing", param, "No such object: '%.80s'", id);
}

/* The page itself: from `at` onward, or backward from it. */
struct walk {
    const struct list *list;
    bool oldest_first;
    match_fn *match;
    unsigned limit;
};

static json_t *collect(struct call *call, const struct walk *walk, size_t from, bool backward, bool *ret_more)
{
    json_t *data = sim_json(json_array());
    size_t n = walk->list->count;

    *ret_more = false;
    for (size_t i = from; backward ? i > 0 : i < n; i += backward ? (size_t)-1 : 1) {
        size_t k = backward ? i - 1 : i;
        const struct object *o = walk->list->at[walk->oldest_first ? k : n - 1 - k];
        if (!call_created_matches(call, o->created) || (walk->match && !walk->match(call, o)))
            continue;
        if (json_array_size(data) == walk->limit) {
            *ret_more = true;
            break;
        }
        json_t *rendered = render_object(call->sim, o);
        if (backward ? json_array_insert_new(data, 0, rendered) : json_array_append_new(data, rendered))
            sim_die("out of memory");
    }
    return data;
}

void call_list(struct call *call, const struct list *list, bool oldest_first, match_fn *match)
{
    const char *after = form_text(call->params, "starting_after");
    const char *before = form_text(call->params, "ending_before");
    struct walk walk = {
        .list = list, .oldest_first = oldest_first, .match = match, .limit = call_limit(call)};
    size_t at = 0;
    bool more;

    if (!walk.limit || !created_is_readable(call))
        return;
    if (after && before) {
        (void)refuse(&call->why, 400, NULL, NULL,
                     "You cannot parameterize both starting_after and ending_before.");
        return;
    }
    if (after && !cursor_position(call, list, oldest_first, "starting_after", &at))
        return;
    if (before && !cursor_position(call, list, oldest_first, "ending_before", &at))
        return;
    json_t *data = collect(call, &walk, after ? at + 1 : at, before != NULL, &more);
    call_answer_json(call, render_list(data, call->path, more));
}
