#include "sim/stories.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/serve.h"
#include "sim/stories_list.h"

static const struct story_part *const parts[] = {
    &stories_subscriptions, &stories_coupons,      &stories_checkout, &stories_collection,
    &stories_payments,      &stories_refunds,      &stories_disputes, &stories_credit_notes,
    &stories_credits,       &stories_credits_money};
#define PARTS (sizeof parts / sizeof *parts)

size_t story_count(void)
{
    size_t count = 0;

    for (size_t i = 0; i < PARTS; i++)
        count += parts[i]->count;
    return count;
}

const struct story *story_at(size_t index)
{
    size_t part = 0;

    for (; index >= parts[part]->count; part++)
        index -= parts[part]->count;
    return &parts[part]->stories[index];
}

const struct story *story_find(const char *name)
{
    for (size_t i = 0; i < story_count(); i++)
        if (strcmp(story_at(i)->name, name) == 0)
            return story_at(i);
    return NULL;
}

struct story_play {
    const struct story *story;
    struct sim *sim; /* borrowed */
    struct api *api; /* borrowed */
    json_t *answers; /* name → what was answered */
    json_t *objects; /* id → true: what belongs to the story */
    json_t *events;  /* of the last step */
    uint64_t seen;   /* events up to this number were looked at */
    unsigned done;
    int64_t began;
    story_app_fn *app; /* NULL: the application does nothing */
};

struct story_play *story_play_create(const struct story *story, struct sim *sim, struct api *api)
{
    struct story_play *play = calloc(1, sizeof *play);

    if (!play)
        sim_die("out of memory");
    play->story = story;
    play->sim = sim;
    play->api = api;
    play->answers = sim_json(json_object());
    play->objects = sim_json(json_object());
    play->events = sim_json(json_array());
    return play;
}

void story_play_free(struct story_play *play)
{
    if (!play)
        return;
    json_decref(play->answers);
    json_decref(play->objects);
    json_decref(play->events);
    free(play);
}

const struct story *story_play_of(const struct story_play *play)
{
    return play->story;
}

unsigned story_play_done(const struct story_play *play)
{
    return play->done;
}

int64_t story_play_began(const struct story_play *play)
{
    return play->began;
}

void story_play_with_app(struct story_play *play, story_app_fn *app)
{
    play->app = app;
}

json_t *story_play_events(const struct story_play *play)
{
    return json_incref(play->events);
}

json_t *story_play_objects(const struct story_play *play)
{
    json_t *ids = sim_json(json_array());
    const char *id;
    json_t *value;

    json_object_foreach(play->objects, id, value)
    {
        (void)json_array_append_new(ids, json_string(id));
    }
    return ids;
}

/* --- whose events they are --- */

/* The catalogue, endpoints and events belong to no story: others may use them too. */
static bool is_own_kind(const struct object *o)
{
    return o && o->type != TYPE_PRODUCT && o->type != TYPE_PRICE && o->type != TYPE_COUPON &&
           o->type != TYPE_PROMOTION_CODE && o->type != TYPE_EVENT && o->type != TYPE_ENDPOINT;
}

/* Visit the ids of objects in a JSON value. take: they are the story's from now on. True if one was already. */
static bool look_for_ids(struct story_play *play, json_t *json, bool take)
{
    const char *key;
    size_t index;
    json_t *value;
    bool found = false;

    if (json_is_string(json)) {
        const char *id = json_string_value(json);
        if (!is_own_kind(sim_find(play->sim, id)))
            return false;
        found = json_object_get(play->objects, id) != NULL;
        if (take && json_object_set_new(play->objects, id, json_true()))
            sim_die("out of memory");
    } else if (json_is_object(json)) {
        json_object_foreach(json, key, value)
        {
            if (look_for_ids(play, value, take))
                found = true;
        }
    } else {
        json_array_foreach(json, index, value)
        {
            if (look_for_ids(play, value, take))
                found = true;
        }
    }
    return found;
}

/* Take over the events that are new. mine: the story's own requests made them; else those that name what it knows. */
static void look_at_events(struct story_play *play, bool mine)
{
    const struct list *events = &play->sim->all[TYPE_EVENT];
    size_t i = events->count;

    while (i && ((const struct sim_event *)events->at[i - 1])->number > play->seen)
        i--;
    for (; i < events->count; i++) {
        const struct sim_event *event = (const struct sim_event *)events->at[i];
        if (event->thin_only) /* the finer notification of a change that has its snapshot beside it */
            continue;
        if (!mine && event->customer_id && !json_object_get(play->objects, event->customer_id))
            continue; /* somebody else's: its data need not be read */
        json_t *data = sim_json(json_loads(event->data, 0, NULL));
        if (mine || look_for_ids(play, data, false)) {
            (void)look_for_ids(play, data, true);
            (void)json_array_append_new(play->events,
                                        sim_json(json_pack("{s:s, s:s, s:s?}", "id", event->o.id, "type",
                                                           event->type, "subject", event->subject_id)));
        }
        json_decref(data);
    }
    play->seen = play->sim->events_total;
}

/* --- one request --- */

/* What stands at a path of the answers. Borrowed; NULL: nothing. */
static json_t *answer_at(const struct story_play *play, char *path)
{
    char *rest, *key = strtok_r(path, ".", &rest);
    json_t *json = key ? json_object_get(play->answers, key) : NULL;

    while (json && (key = strtok_r(NULL, ".", &rest))) {
        if (json_is_object(json) && key[strspn(key, "0123456789")] == '\0')
            json = json_object_get(json, "data");
        json =
            json_is_array(json) ? json_array_get(json, strtoul(key, NULL, 10)) : json_object_get(json, key);
    }
    if (json_is_array(json_object_get(json, "data")))
        json = json_array_get(json_object_get(json, "data"), 0);
    return json_is_object(json) ? json_object_get(json, "id") : json;
}

/* {now}, {now+15d}, {now-40d}: false if it is something else. */
static bool is_moment(const struct story_play *play, const char *word, int64_t *ret_at)
{
    char sign = '+', unit = 'd', more;
    long long days = 0;

    if (strcmp(word, "now") != 0 && (sscanf(word, "now%c%lld%c%c", &sign, &days, &unit, &more) != 3 ||
                                     unit != 'd' || (sign != '+' && sign != '-')))
        return false;
    *ret_at = play->sim->now + (sign == '-' ? -days : days) * DAY;
    return true;
}

/* The line with its placeholders filled in: free(). NULL: one of them names nothing. */
static char *fill_in(const struct story_play *play, const char *line, size_t len, struct failure *fail)
{
    char *text = NULL, path[200];
    size_t text_size = 0;
    FILE *out = open_memstream(&text, &text_size);

    if (!out)
        sim_die("out of memory");
    while (len) {
        size_t inside = *line == '{' ? strcspn(line, "}") - 1 : 0;
        if (!inside) {
            (void)fputc(*line++, out);
            len--;
            continue;
        }
        (void)snprintf(path, sizeof path, "%.*s", (int)inside, line + 1);
        int64_t at;
        bool moment = is_moment(play, path, &at);
        json_t *value = moment || strcmp(path, "story") == 0 ? NULL : answer_at(play, path);
        if (moment)
            (void)fprintf(out, "%lld", (long long)at);
        else if (json_is_string(value))
            (void)fputs(json_string_value(value), out);
        else if (json_is_integer(value))
            (void)fprintf(out, "%lld", (long long)json_integer_value(value));
        else if (strcmp(path, "story") == 0)
            (void)fputs(play->story->name, out);
        else
            (void)failf(fail, ERR_INVALID, "{%.*s} names nothing", (int)inside, line + 1);
        line += inside + 2;
        len -= inside + 2;
    }
    if (fclose(out))
        sim_die("out of memory");
    if (!fail->code)
        return text;
    free(text);
    return NULL;
}

/* "a=b c=d" as a form, in place. */
static void to_form(char *params)
{
    for (char *c = params; *c; c++)
        if (*c == ' ')
            *c = '&';
}

/* "a=5 b=true c=x" as a JSON object; new reference. */
static json_t *to_json(char *params)
{
    json_t *json = sim_json(json_object());
    char *rest, *end;

    for (char *pair = strtok_r(params, " ", &rest); pair; pair = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(pair, '=');
        if (!value)
            continue;
        *value++ = '\0';
        long long number = strtoll(value, &end, 10);
        if (*value && !*end)
            (void)json_object_set_new(json, pair, json_integer(number));
        else if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
            (void)json_object_set_new(json, pair, json_boolean(*value == 't'));
        else
            (void)json_object_set_new(json, pair, json_string(value));
    }
    return json;
}

static int ask_control(struct story_play *play, const char *path, char *params, json_t **ret_answer)
{
    struct control control = {.sim = play->sim}; /* what people do needs neither deliveries nor runs */
    json_t *json = to_json(params);
    char *body = json_dumps(json, JSON_COMPACT);

    json_decref(json);
    if (!body)
        sim_die("out of memory");
    int status = control_handle(&control, "POST", path, body, strlen(body), ret_answer);
    free(body);
    return status;
}

static int ask_api(struct story_play *play, const char *method, const char *path, char *params,
                   json_t **ret_answer)
{
    bool reads = strcmp(method, "GET") == 0;
    struct api_request request = {.method = method,
                                  .path = path,
                                  .query = reads ? params : "",
                                  .body = reads ? "" : params,
                                  .body_len = reads ? 0 : strlen(params),
                                  .authorization = "Bearer sk_test_story"};
    struct api_answer answer;

    to_form(params);
    api_handle(play->api, &request, &answer);
    *ret_answer = sim_json(json_loads(answer.body, 0, NULL));
    api_answer_release(&answer);
    return answer.status;
}

static enum err ask_app(struct story_play *play, const char *act, char *params, bool refused,
                        struct failure *fail)
{
    json_t *json = to_json(params);
    bool accepted = play->app(play->sim, play->story->name, act, json);

    json_decref(json);
    if (accepted == refused)
        return failf(fail, ERR_INVALID, "APP %s: %s", act, accepted ? "not refused" : "refused");
    return ERR_OK;
}

/* Do what the line says; line is taken apart. */
static enum err ask(struct story_play *play, char *line, struct failure *fail)
{
    char nothing[1] = "", *rest, *word = strtok_r(line, " ", &rest), *name = NULL, *path;
    json_t *answer = NULL;
    int status;

    if (word[strlen(word) - 1] == ':') {
        name = word;
        name[strlen(name) - 1] = '\0';
        word = strtok_r(NULL, " ", &rest);
    }
    path = strtok_r(NULL, " ", &rest);
    if (!word || !path)
        return failf(fail, ERR_INVALID, "a line without a request");
    if (!rest)
        rest = nothing;
    bool refused = name && strcmp(name, "refused") == 0;
    if (strcmp(word, "APP") == 0) /* the application's doing, of which Stripe knows nothing */
        return play->app ? ask_app(play, path, rest, refused, fail) : ERR_OK;
    if (strncmp(path, "/sim/", 5) == 0)
        status = ask_control(play, path, rest, &answer);
    else
        status = ask_api(play, word, path, rest, &answer);
    if ((status >= 400) != refused) {
        const char *why = json_string_value(json_object_get(json_object_get(answer, "error"), "message"));
        (void)failf(fail, ERR_INVALID, "%s %s: %d %s", word, path, status, why ? why : "and not refused");
    } else if (name && !refused && json_object_set(play->answers, name, answer)) {
        sim_die("out of memory");
    }
    json_decref(answer);
    return fail->code;
}

/* --- a step --- */

static enum err ask_all(struct story_play *play, const struct story_step *step, struct failure *fail)
{
    for (const char *line = step->script; *line;) {
        size_t len = strcspn(line, "\n");
        char *text = fill_in(play, line, len, fail);
        if (text)
            (void)ask(play, text, fail);
        free(text);
        if (fail->code)
            return fail->code;
        line += len + (line[len] == '\n');
    }
    return ERR_OK;
}

enum err story_play_next(struct story_play *play, struct failure *fail)
{
    struct sim *sim = play->sim;
    struct random_stream others = sim->request_ids;
    struct failure why = {0};
    char purpose[120];

    if (play->done == play->story->steps_count)
        return failf(fail, ERR_NOT_FOUND, "the story %s is over", play->story->name);
    const struct story_step *step = &play->story->steps[play->done];
    if (!play->done) {
        play->began = sim->now;
        play->seen = sim->events_total;
    }
    json_decref(play->events);
    play->events = sim_json(json_array());
    sim_advance(sim, play->began + step->at > sim->now ? play->began + step->at : sim->now);
    look_at_events(play, false);
    (void)snprintf(purpose, sizeof purpose, "story %s %u", play->story->name, play->done);
    random_init(&sim->request_ids, sim->seed, purpose);
    (void)ask_all(play, step, &why);
    sim->request_ids = others;
    look_at_events(play, true);
    sim_advance(sim, sim->now + STORY_SETTLE_S);
    look_at_events(play, false);
    play->done++;
    if (why.code)
        return failf(fail, why.code, "story %s, step %u: %s", play->story->name, play->done, why.text);
    return ERR_OK;
}
