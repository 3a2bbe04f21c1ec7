/* `stripe-sim story`: play a story without a network and print what happens. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/stories.h"
#include "sim/truth.h"

static void help(void)
{
    puts(
        "Usage: stripe-sim story --list [--json]\n"
        "       stripe-sim story NAME [--seed N] [--json]\n"
        "\n"
        "Play a story, without a network, and print its steps: the requests, the events "
        "that\n"
        "Stripe sends, and in the end what a perfect ledger shows. On a running simulator, with deliveries:\n"
        "  POST /sim/story {\"name\": \"trial-converts\"}            the next step\n"
        "  POST /sim/story {\"name\": \"trial-converts\", \"step\": 2}  on until step 2 is played");
}

static void print_json(json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(2));

    if (!text)
        sim_die("out of memory");
    puts(text);
    free(text);
    json_decref(json);
}

static json_t *describe_steps(const struct story *story)
{
    json_t *steps = sim_json(json_array());

    for (unsigned i = 0; i < story->steps_count; i++)
        (void)json_array_append_new(
            steps, sim_json(json_pack("{s:I, s:s, s:s}", "at", (json_int_t)story->steps[i].at, "title",
                                      story->steps[i].title, "script", story->steps[i].script)));
    return steps;
}

static json_t *describe(const struct story *story)
{
    return sim_json(json_pack("{s:s, s:s, s:I, s:o}", "name", story->name, "title", story->title, "start",
                              (json_int_t)story->start, "steps", describe_steps(story)));
}

static int list_all(bool as_json)
{
    json_t *all = sim_json(json_array());

    for (size_t i = 0; i < story_count(); i++) {
        const struct story *story = story_at(i);
        if (as_json)
            (void)json_array_append_new(all, describe(story));
        else
            printf("%-28s %s\n", story->name, story->title);
    }
    if (as_json)
        print_json(all);
    else
        json_decref(all);
    return 0;
}

static void print_when(int64_t at)
{
    if (at >= DAY)
        printf("after %lld %s", (long long)(at / DAY), at / DAY == 1 ? "day" : "days");
    else if (at)
        printf("after %lld %s", (long long)(at / HOUR), at / HOUR == 1 ? "hour" : "hours");
    else
        printf("at first");
}

static void print_step(const struct story_play *play)
{
    const struct story_step *step = &story_play_of(play)->steps[story_play_done(play) - 1];
    json_t *events = story_play_events(play), *event;
    size_t index;

    printf("\n%u. ", story_play_done(play));
    print_when(step->at);
    printf(": %s\n", step->title);
    for (const char *line = step->script; *line;) {
        size_t len = strcspn(line, "\n");
        printf("   > %.*s\n", (int)len, line);
        line += len + (line[len] == '\n');
    }
    json_array_foreach(events, index, event)
    {
        const char *subject = json_string_value(json_object_get(event, "subject"));
        printf("     %-44s %s\n", json_string_value(json_object_get(event, "type")), subject ? subject : "");
    }
    json_decref(events);
}

static int play_through(const struct story *story, uint64_t seed, bool as_json)
{
    struct sim *sim = sim_create(seed, story->start);
    struct api *api = api_create(sim);
    struct story_play *play = story_play_create(story, sim, api);
    json_t *shown = describe(story), *events;
    struct failure fail = {0};

    if (!as_json)
        printf("%s: %s\n", story->name, story->title);
    for (unsigned i = 0; i < story->steps_count && !story_play_next(play, &fail); i++) {
        events = story_play_events(play);
        (void)json_object_set_new(json_array_get(json_object_get(shown, "steps"), i), "events", events);
        if (!as_json)
            print_step(play);
    }
    (void)json_object_set_new(shown, "truth", truth_export(sim));
    if (fail.code) {
        (void)fprintf(stderr, "stripe-sim: %s\n", fail.text);
        json_decref(shown);
    } else if (as_json) {
        print_json(shown);
    } else {
        puts("\ntruth:");
        print_json(json_incref(json_object_get(shown, "truth")));
        json_decref(shown);
    }
    story_play_free(play);
    api_free(api);
    sim_free(sim);
    return fail.code ? 1 : 0;
}

int story_main(int argc, char **argv)
{
    static const struct option names[] = {{"list", no_argument, NULL, 'l'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    bool list = false, as_json = false;
    const char *seed = "1";
    char *end;
    int option;

    while ((option = getopt_long(argc, argv, "h", names, NULL)) != -1) {
        switch (option) {
        case 'l': list = true; break;
        case 'j': as_json = true; break;
        case 's': seed = optarg; break;
        case 'h': help(); return 0;
        default: return 2;
        }
    }
    if (list && optind == argc)
        return list_all(as_json);
    unsigned long long parsed = strtoull(seed, &end, 10);
    const struct story *story = optind + 1 == argc && !list ? story_find(argv[optind]) : NULL;
    if (!story || !*seed || *seed == '-' || *end) {
        (void)fprintf(stderr, "stripe-sim: story needs the name of one (see stripe-sim story --list)%s\n",
                      story ? ", and a number as --seed" : "");
        return 2;
    }
    return play_through(story, parsed, as_json);
}
