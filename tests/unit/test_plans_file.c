// rooms: cli
/* Files of plans: what is read, where it stands, and what is said of a file that is none. */
#include "cli/plans_file.h"

#include <string.h>

#include "tests/unit/tap.h"

static const struct {
    const char *name;
    const char *file;
    const char *text;
    const char *json;  /* as read; NULL: it is none */
    const char *error; /* beginning of the sentence then */
} cases[] = {
    {"TOML", "a.toml",
     "[plans.pro]\nrank = 2\nper_unit = true\nrollover = { cap = 9 }\nprices = [\"p\", \"q\"]\n",
     "{\"plans\": {\"pro\": {\"rank\": 2, \"per_unit\": true, \"rollover\": {\"cap\": 9}, \"prices\": "
     "[\"p\", \"q\"]}}}",
     NULL},
    {"TOML with what JSON has not", "a.toml", "a = 2026-01-02\nb = nan\nc = 1.5\nd = 06:00:00\ne = 0x10\n",
     "{\"a\": \"2026-01-02\", \"b\": \"nan\", \"c\": 1.5, \"d\": \"06:00:00\", \"e\": 16}", NULL},
    {"an empty TOML file", "a.toml", "", "{}", NULL},
    {"TOML by its beginning", "-", "\n x = 1\n", "{\"x\": 1}", NULL},
    {"JSON by its beginning", "-", "\n {\"x\": 1}", "{\"x\": 1}", NULL},
    {"JSON that is no object", "a.json", "[1, \"]\", {\"a\": 2}]", "[1, \"]\", {\"a\": 2}]", NULL},
    {"a slip in TOML", "a.toml", "[plans.pro]\nrank = \n", NULL, "a.toml:2:8: "},
    {"a key twice in TOML", "dir/a.toml", "a = 1\nb = 1\na = 2\n", NULL, "dir/a.toml:3:"},
    {"a slip in JSON", "a.json", "{\"a\": 1,\n \"b\" 2}", NULL, "a.json:2:"},
    {"a key twice in JSON", "a.json", "{\"a\": 1,\n\n \"a\": 2}", NULL, "a.json:3:"},
    {"what is no UTF-8", "a.toml", "a = \"\xff\"\n", NULL, "a.toml:1:"},
    {"half a JSON", "a.json", "{\"a\": ", NULL, "a.json:1:"},
    {"nothing as JSON", "a.json", "", NULL, "a.json:1:"},
};

static const struct {
    const char *name;
    const char *file;
    const char *text;
    const char *path[5];
    unsigned line;
} places[] = {
    {"a key of TOML",
     "a.toml",
     "[plans.pro]\nrank = 2\n\n[plans.pro.limits]\ncalls = 5",
     {"plans", "pro", "limits", "calls"},
     5},
    {"a table", "a.toml", "\n[plans.pro]\nrank = 2\n", {"plans", "pro"}, 2},
    {"what is not there has its parent's line",
     "a.toml",
     "\n[plans.pro]\nrank = 2\n",
     {"plans", "pro", "name"},
     2},
    {"what has no parent either has the first", "a.toml", "\n[plans.pro]\n", {"other", "pro"}, 1},
    {"a dotted key", "a.toml", "[plans]\npro.limits.calls = 1\n", {"plans", "pro", "limits", "calls"}, 2},
    {"a key in an inline table",
     "a.toml",
     "[plans.pro]\n\nrollover = { cap = 1 }\n",
     {"plans", "pro", "rollover", "cap"},
     3},
    {"a key of JSON",
     "a.json",
     "{\n \"plans\": {\n  \"p\": {\"x\": 1,\n   \"y\": 2}}}",
     {"plans", "p", "y"},
     4},
    {"after a list of several lines",
     "a.json",
     "{\"a\": [1,\n{\"y\": \"}\"},\n \"]\\\"\"\n], \"b\": 1}",
     {"b"},
     4},
    {"a key with an escape", "a.json", "{\n\n\"\\u0061\\\"b\": 1}", {"a\"b"}, 3},
    {"after numbers and words", "a.json", "{\"a\":-1.5e3,\"b\":null ,\"c\":true,\n\"d\":\"x\"}", {"d"}, 2},
    {"after an empty object", "a.json", "{\"a\":{},\"b\":[],\n\"c\":{ }\n,\"d\":1}", {"d"}, 3},
};

int main(void)
{
    struct plans_file file = {0};
    struct failure fail = {0};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum err err = plans_file_parse(cases[i].file, cases[i].text, strlen(cases[i].text), &file, &fail);
        json_t *want = cases[i].json ? json_loads(cases[i].json, 0, NULL) : NULL;
        if (want)
            tap_ok(!err && json_equal(file.root, want), "%s is read", cases[i].name);
        else
            tap_ok(err == ERR_INVALID && !strncmp(fail.text, cases[i].error, strlen(cases[i].error)) &&
                       !file.root,
                   "%s is refused with file and line (%s)", cases[i].name, fail.text);
        json_decref(want);
        plans_file_release(&file);
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        json_t *path = json_array();
        for (size_t k = 0; places[i].path[k]; k++)
            (void)json_array_append_new(path, json_string(places[i].path[k]));
        enum err err = plans_file_parse(places[i].file, places[i].text, strlen(places[i].text), &file, &fail);
        unsigned line = err ? 0 : plans_file_line(&file, path);
        tap_ok(line == places[i].line, "%s: line %u is %u", places[i].name, line, places[i].line);
        json_decref(path);
        plans_file_release(&file);
    }
    tap_ok(plans_file_parse("a.toml", "a\0b", 3, &file, &fail) == ERR_INVALID, "zero bytes are refused");
    tap_ok(plans_file_read("/nowhere/plans.toml", &file, &fail) == ERR_INVALID &&
               strstr(fail.text, "/nowhere/plans.toml"),
           "a file that is not there is named: %s", fail.text);
    return tap_done();
}
