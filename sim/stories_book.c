/* Stories on a running simulator: POST /sim/story. */
#include <stdlib.h>
#include <string.h>

#include "sim/app_credits.h"
#include "sim/form.h"
#include "sim/stories.h"

struct story_book {
    struct sim *sim;           /* borrowed */
    struct api *api;           /* borrowed */
    struct story_play **plays; /* one for each story: its last; NULL: never begun */
};

struct story_book *story_book_create(struct sim *sim, struct api *api)
{
    struct story_book *book = calloc(1, sizeof *book);

    if (!book)
        sim_die("out of memory");
    book->sim = sim;
    book->api = api;
    book->plays = calloc(story_count(), sizeof(void *));
    if (!book->plays)
        sim_die("out of memory");
    return book;
}

void story_book_free(struct story_book *book)
{
    if (!book)
        return;
    for (size_t i = 0; i < story_count(); i++)
        story_play_free(book->plays[i]);
    free(book->plays);
    free(book);
}

static int refuse_story(int status, const char *message, json_t **ret_answer)
{
    *ret_answer = sim_json(json_pack("{s:{s:s}}", "error", "message", message));
    return status;
}

static int show(const struct story_play *play, json_t *events, const struct sim *sim, json_t **ret_answer)
{
    const struct story *story = story_play_of(play);
    unsigned done = story_play_done(play);

    *ret_answer =
        sim_json(json_pack("{s:s, s:s, s:i, s:i, s:s, s:I, s:I, s:o, s:o}", "name", story->name, "title",
                           story->title, "step", (int)done, "steps", (int)story->steps_count, "step_title",
                           story->steps[done - 1].title, "began", (json_int_t)story_play_began(play), "now",
                           (json_int_t)sim->now, "events", events, "objects", story_play_objects(play)));
    return 200;
}

/* The application's part is judged by the truth, which remembers it. */
static bool app_acts(struct sim *sim, const char *user, const char *act, json_t *params)
{
    const char *key = form_text(params, "key"), *spend = form_text(params, "spend");
    int64_t amount = 0;

    (void)form_integer(params, "amount", &amount);
    if (strcmp(act, "spend") == 0)
        return app_spend(sim, user, amount, key);
    if (strcmp(act, "refund_spend") == 0)
        return app_refund_spend(sim, user, spend, amount, key);
    return strcmp(act, "grant") == 0 && app_grant(sim, user, amount, key, 0);
}

int story_book_ask(struct story_book *book, json_t *body, json_t **ret_answer)
{
    const char *name = form_text(body, "name");
    const struct story *story = name ? story_find(name) : NULL;
    struct failure fail = {0};
    int64_t until = 0;
    size_t index = 0;

    if (!story)
        return refuse_story(404, "say {\"name\": …}: stripe-sim story --list has them", ret_answer);
    while (story_at(index) != story)
        index++;
    struct story_play **play = &book->plays[index];
    if (!*play || story_play_done(*play) == story->steps_count) { /* from the beginning, with new people */
        story_play_free(*play);
        *play = story_play_create(story, book->sim, book->api);
    }
    story_play_with_app(*play, json_is_true(json_object_get(body, "app")) ? app_acts : NULL);
    if (!form_integer(body, "step", &until))
        until = story_play_done(*play) + 1;
    if (until <= story_play_done(*play) || until > story->steps_count)
        return refuse_story(409, "that step was played already, or there are not so many", ret_answer);
    json_t *events = sim_json(json_array());
    while (!fail.code && story_play_done(*play) < until) {
        (void)story_play_next(*play, &fail);
        json_t *made = story_play_events(*play);
        if (json_array_extend(events, made))
            sim_die("out of memory");
        json_decref(made);
    }
    if (!fail.code)
        return show(*play, events, book->sim, ret_answer);
    json_decref(events);
    story_play_free(*play);
    *play = NULL;
    return refuse_story(409, fail.text, ret_answer);
}
