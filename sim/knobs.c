#include "sim/knobs.h"

#include <stdio.h>
#include <string.h>

static const struct number_knob {
    const char *name;
    size_t offset;
    int64_t lowest, highest, initial;
    const char *meaning;
} numbers[] = {
#define X(name, lowest, highest, initial, meaning)                                                           \
    {#name, offsetof(struct knobs, name), lowest, highest, initial, meaning},
    KNOB_NUMBERS(X)
#undef X
};

static const struct rate_knob {
    const char *name;
    size_t offset;
    double initial;
    const char *meaning;
} rates[] = {
#define X(name, initial, meaning) {#name, offsetof(struct knobs, name), initial, meaning},
    KNOB_RATES(X)
#undef X
};

static const struct choice_knob {
    const char *name;
    size_t offset;
    const char *choices, *meaning;
} choices[] = {
#define X(name, words, meaning) {#name, offsetof(struct knobs, name), words, meaning},
    KNOB_CHOICES(X)
#undef X
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int64_t *number_at(struct knobs *knobs, const struct number_knob *knob)
{
    return (int64_t *)(void *)((char *)knobs + knob->offset);
}

static double *rate_at(struct knobs *knobs, const struct rate_knob *knob)
{
    return (double *)(void *)((char *)knobs + knob->offset);
}

static int64_t *choice_at(struct knobs *knobs, const struct choice_knob *knob)
{
    return (int64_t *)(void *)((char *)knobs + knob->offset);
}

void knob_word(const char *words, int64_t index, char *out, size_t size)
{
    for (; index > 0 && *words; index--) {
        words += strcspn(words, " ");
        words += *words == ' ';
    }
    (void)snprintf(out, size, "%.*s", (int)strcspn(words, " "), words);
}

int64_t knob_choice(const char *words, const char *word)
{
    char each[32];

    for (int64_t i = 0;; i++) {
        knob_word(words, i, each, sizeof each);
        if (!*each)
            return -1;
        if (strcmp(each, word) == 0)
            return i;
    }
}

const char *reason_429_name(enum reason_429 reason)
{
    static const char *const names[] = {"global-rate",          "global-concurrency", "endpoint-rate",
                                        "endpoint-concurrency", "resource-specific",  "any"};

    return names[reason];
}

struct knobs knobs_default(void)
{
    struct knobs knobs;

    for (size_t i = 0; i < COUNT(numbers); i++)
        *number_at(&knobs, &numbers[i]) = numbers[i].initial;
    for (size_t i = 0; i < COUNT(rates); i++)
        *rate_at(&knobs, &rates[i]) = rates[i].initial;
    for (size_t i = 0; i < COUNT(choices); i++)
        *choice_at(&knobs, &choices[i]) = 0;
    return knobs;
}

static enum err set_one(struct knobs *knobs, const char *name, json_t *value, struct failure *fail)
{
    for (size_t i = 0; i < COUNT(numbers); i++) {
        if (strcmp(numbers[i].name, name) != 0)
            continue;
        json_int_t number = json_integer_value(value);
        if (!json_is_integer(value) || number < numbers[i].lowest || number > numbers[i].highest)
            return failf(fail, ERR_INVALID, "knob %s takes a whole number from %lld to %lld", name,
                         (long long)numbers[i].lowest, (long long)numbers[i].highest);
        *number_at(knobs, &numbers[i]) = number;
        return ERR_OK;
    }
    for (size_t i = 0; i < COUNT(rates); i++) {
        if (strcmp(rates[i].name, name) != 0)
            continue;
        double rate = json_number_value(value);
        if (!json_is_number(value) || rate < 0 || rate > 1)
            return failf(fail, ERR_INVALID, "knob %s takes a number from 0 to 1", name);
        *rate_at(knobs, &rates[i]) = rate;
        return ERR_OK;
    }
    for (size_t i = 0; i < COUNT(choices); i++) {
        if (strcmp(choices[i].name, name) != 0)
            continue;
        int64_t choice =
            json_is_string(value) ? knob_choice(choices[i].choices, json_string_value(value)) : -1;
        if (choice < 0)
            return failf(fail, ERR_INVALID, "knob %s takes one of: %s", name, choices[i].choices);
        *choice_at(knobs, &choices[i]) = choice;
        return ERR_OK;
    }
    return failf(fail, ERR_INVALID, "no knob is called %.60s; GET /sim/knobs shows them", name);
}

enum err knobs_set(struct knobs *knobs, json_t *values, struct failure *fail)
{
    struct knobs changed = *knobs;
    const char *name;
    json_t *value;

    if (!json_is_object(values))
        return failf(fail, ERR_INVALID, "knobs are a JSON object");
    json_object_foreach(values, name, value)
    {
        enum err err = set_one(&changed, name, value, fail);
        if (err)
            return err;
    }
    *knobs = changed;
    return ERR_OK;
}

json_t *knobs_show(const struct knobs *knobs)
{
    json_t *shown = json_object();
    struct knobs copy = *knobs;

    for (size_t i = 0; i < COUNT(numbers); i++)
        (void)json_object_set_new(shown, numbers[i].name, json_integer(*number_at(&copy, &numbers[i])));
    for (size_t i = 0; i < COUNT(rates); i++)
        (void)json_object_set_new(shown, rates[i].name, json_real(*rate_at(&copy, &rates[i])));
    for (size_t i = 0; i < COUNT(choices); i++) {
        char word[32];
        knob_word(choices[i].choices, *choice_at(&copy, &choices[i]), word, sizeof word);
        (void)json_object_set_new(shown, choices[i].name, json_string(word));
    }
    return shown;
}

void knobs_help(char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < COUNT(numbers) && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "  %-22s %s [%lld]\n", numbers[i].name,
                                 numbers[i].meaning, (long long)numbers[i].initial);
    for (size_t i = 0; i < COUNT(rates) && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "  %-22s %s [%g]\n", rates[i].name,
                                 rates[i].meaning, rates[i].initial);
    for (size_t i = 0; i < COUNT(choices) && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "  %-22s %s\n  %-22s   one of: %s\n",
                                 choices[i].name, choices[i].meaning, "", choices[i].choices);
}
