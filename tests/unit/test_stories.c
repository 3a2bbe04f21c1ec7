/* Stories: each can be played, alone and among all others, and the same world tells it in the same words. */
// rooms: sim
#include "sim/app_credits.h"
#include "sim/stories.h"
#include "tests/unit/sim_fixture.h"
#include "tests/unit/tap.h"

/* Play it through; what it made as text, free(). NULL, with a note: it does not go as written. */
static char *tell(const struct story *story, uint64_t seed, bool reads_between)
{
    struct world w;
    struct failure fail = {0};
    json_t *all = json_array();
    char *text = NULL;

    world_open(&w, seed);
    struct story_play *play = story_play_create(story, w.sim, w.api);
    while (!fail.code && story_play_done(play) < story->steps_count) {
        if (!story_play_next(play, &fail))
            (void)json_array_append_new(all, story_play_events(play));
        if (reads_between)
            (void)ask(&w, "GET /v1/customers");
    }
    (void)json_array_append_new(all, story_play_objects(play));
    (void)json_array_append_new(all, truth_export(w.sim));
    if (fail.code)
        tap_note("%s", fail.text);
    else
        text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    story_play_free(play);
    world_close(&w);
    return text;
}

static void test_each(void)
{
    for (size_t i = 0; i < story_count(); i++) {
        const struct story *story = story_at(i);
        char *once = tell(story, 7, false), *again = tell(story, 7, true), *other = tell(story, 8, false);
        bool in_order = story->steps_count > 0 && story->steps[0].at == 0;
        for (unsigned n = 1; n < story->steps_count; n++)
            in_order = in_order && story->steps[n].at >= story->steps[n - 1].at + HOUR;
        tap_ok(in_order, "%s: the steps are an hour apart or more", story->name);
        tap_ok(once && again && strcmp(once, again) == 0, "%s: told again, it is the same", story->name);
        tap_ok(once && other && strcmp(once, other) != 0, "%s: with another seed it has other ids",
               story->name);
        tap_ok(story_find(story->name) == story, "%s: it is found by its name", story->name);
        free(once);
        free(again);
        free(other);
    }
}

/* The moment of the earliest step that a round has not played yet; -1: there is none. */
static int64_t next_moment(const unsigned *played)
{
    int64_t next = -1;

    for (size_t i = 0; i < story_count(); i++) {
        const struct story *story = story_at(i);
        if (played[i] < story->steps_count && (next < 0 || story->steps[played[i]].at < next))
            next = story->steps[played[i]].at;
    }
    return next;
}

/* All of them side by side in one world, moment by moment. Returns how many steps were refused. */
static unsigned play_round(struct story_book *book, unsigned *ret_asked)
{
    unsigned *played = calloc(story_count(), sizeof *played), refused = 0;

    for (int64_t at; (at = next_moment(played)) >= 0;) {
        for (size_t i = 0; i < story_count(); i++) {
            const struct story *story = story_at(i);
            if (played[i] == story->steps_count || story->steps[played[i]].at != at)
                continue;
            json_t *body = json_pack("{s:s, s:i}", "name", story->name, "step", (int)++played[i]);
            json_t *answer = NULL;
            if (story_book_ask(book, body, &answer) != 200) {
                refused++;
                tap_note("%s", form_text(answer, "error.message"));
            }
            ++*ret_asked;
            json_decref(body);
            json_decref(answer);
        }
    }
    free(played);
    return refused;
}

static void test_together(void)
{
    struct story_book *book;
    struct world w;
    unsigned asked = 0;

    world_open(&w, 3);
    book = story_book_create(w.sim, w.api);
    unsigned refused = play_round(book, &asked);
    refused += play_round(book, &asked);
    tap_ok(!refused, "all stories side by side, and once more: %u steps, %u refused", asked, refused);
    story_book_free(book);
    world_close(&w);
}

static void test_refusals(void)
{
    static const struct {
        const char *name, *body;
        int status;
    } cases[] = {
        {"no name", "{}", 404},
        {"an unknown name", "{\"name\":\"nobody\"}", 404},
        {"a step that is not there", "{\"name\":\"renewal\",\"step\":99}", 409},
        {"step 0", "{\"name\":\"renewal\",\"step\":0}", 409},
        {"what the application does", "{\"name\":\"credits-renewal\",\"step\":2,\"app\":true}", 200},
        {"the first step", "{\"name\":\"renewal\",\"step\":1}", 200},
        {"the first step again", "{\"name\":\"renewal\",\"step\":1}", 409},
        {"the next one", "{\"name\":\"renewal\"}", 200},
        {"after the last: a new beginning", "{\"name\":\"renewal\",\"step\":2}", 200},
    };
    struct world w;
    struct story_book *book;

    world_open(&w, 3);
    book = story_book_create(w.sim, w.api);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *body = json_loads(cases[i].body, 0, NULL), *answer = NULL;
        int status = story_book_ask(book, body, &answer);
        tap_ok(status == cases[i].status, "POST /sim/story, %s: %d", cases[i].name, status);
        json_decref(body);
        json_decref(answer);
    }
    story_book_free(book);
    world_close(&w);
}

/* The application's acts count where they were asked for, and are passed over elsewhere. */
static void test_application(void)
{
    for (int asked = 0; asked < 2; asked++) {
        struct world w;
        world_open(&w, 3);
        struct story_book *book = story_book_create(w.sim, w.api);
        json_t *body = json_pack("{s:s, s:i, s:b}", "name", "credits-renewal", "step", 2, "app", asked);
        json_t *answer = NULL;
        (void)story_book_ask(book, body, &answer);
        tap_ok(app_balance(w.sim, "credits-renewal") == (asked ? 24 : 30),
               asked ? "ten are spent, four given back" : "nobody asked the application: all are there");
        json_decref(body);
        json_decref(answer);
        story_book_free(book);
        world_close(&w);
    }
}

/* Whose events are whose: nobody's events are in two stories, and a story has its own. */
static void test_belonging(void)
{
    struct world w;
    struct failure fail = {0};

    world_open(&w, 3);
    struct story_play *one = story_play_create(story_find("renewal"), w.sim, w.api);
    struct story_play *two = story_play_create(story_find("trial-converts"), w.sim, w.api);
    (void)story_play_next(one, &fail);
    (void)story_play_next(two, &fail);
    (void)story_play_next(two, &fail);
    (void)story_play_next(one, &fail);
    json_t *ids = story_play_objects(one), *others = story_play_objects(two), *id, *other;
    size_t i, n;
    unsigned shared = 0;
    json_array_foreach(ids, i, id) json_array_foreach(others, n, other) shared += json_equal(id, other);
    tap_ok(!fail.code && json_array_size(ids) > 5 && !shared, "two stories side by side share no objects");
    json_decref(ids);
    json_decref(others);
    story_play_free(one);
    story_play_free(two);
    world_close(&w);
}

int main(void)
{
    test_each();
    test_together();
    test_refusals();
    test_application();
    test_belonging();
    return tap_done();
}
