#include "common/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { COUNTER, GAUGE, HISTOGRAM };
static const char *const kind_names[] = {"counter", "gauge", "histogram"};

static const int64_t bounds_ms[] = {1,    2,    5,    10,    20,    50,    100,    200,   500,
                                    1000, 2000, 5000, 10000, 30000, 60000, 120000, 300000};
#define BUCKETS (sizeof bounds_ms / sizeof bounds_ms[0])

struct sample {
    char *label_value; /* owned; NULL without label */
    int64_t value;
};

struct metric {
    struct metric *next;             /* owned by the registry */
    const char *name, *label, *help; /* static */
    enum kind kind;
    struct sample samples[METRIC_LABELS_MAX + 1]; /* the last one is "other" */
    unsigned samples_used;
    uint64_t buckets[BUCKETS + 1]; /* not cumulative; the last one is +Inf */
    uint64_t observed;
    int64_t sum_ms;
};

struct metrics {
    struct metric *first, *last;
};

enum err metrics_create(struct metrics **ret_metrics)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);

    if (!metrics)
        return ERR_NOMEM;
    *ret_metrics = metrics;
    return ERR_OK;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    for (struct metric *metric = metrics->first, *next; metric; metric = next) {
        next = metric->next;
        for (unsigned i = 0; i < metric->samples_used; i++)
            free(metric->samples[i].label_value);
        free(metric);
    }
    free(metrics);
}

static struct metric *metric_new(struct metrics *metrics, enum kind kind, const char *name, const char *label,
                                 const char *help)
{
    struct metric *metric = calloc(1, sizeof *metric);

    if (!metric)
        return NULL;
    metric->kind = kind;
    metric->name = name;
    metric->label = label;
    metric->help = help;
    if (!label)
        metric->samples_used = 1;
    if (metrics->last)
        metrics->last->next = metric;
    else
        metrics->first = metric;
    metrics->last = metric;
    return metric;
}

struct metric *metric_counter(struct metrics *metrics, const char *name, const char *label, const char *help)
{
    return metric_new(metrics, COUNTER, name, label, help);
}

struct metric *metric_gauge(struct metrics *metrics, const char *name, const char *label, const char *help)
{
    return metric_new(metrics, GAUGE, name, label, help);
}

struct metric *metric_histogram(struct metrics *metrics, const char *name, const char *help)
{
    return metric_new(metrics, HISTOGRAM, name, NULL, help);
}

static const struct sample *sample_find(const struct metric *metric, const char *label_value)
{
    if (!metric->label)
        return &metric->samples[0];
    for (unsigned i = 0; i < metric->samples_used; i++)
        if (!strcmp(metric->samples[i].label_value, label_value ? label_value : ""))
            return &metric->samples[i];
    return NULL;
}

/* The sample of this label value, made if need be; beyond the bound all new values share "other". */
static struct sample *sample_at(struct metric *metric, const char *label_value)
{
    const struct sample *found = sample_find(metric, label_value);

    if (!found && metric->samples_used >= METRIC_LABELS_MAX) {
        label_value = "other";
        found = sample_find(metric, label_value);
    }
    if (found)
        return &metric->samples[found - metric->samples];
    char *copy = strdup(label_value ? label_value : "");
    if (!copy)
        return NULL;
    struct sample *sample = &metric->samples[metric->samples_used++];
    sample->label_value = copy;
    return sample;
}

void metric_add(struct metric *metric, const char *label_value, int64_t n)
{
    struct sample *sample = metric ? sample_at(metric, label_value) : NULL;

    if (sample)
        sample->value += n;
}

void metric_set(struct metric *metric, const char *label_value, int64_t value)
{
    struct sample *sample = metric ? sample_at(metric, label_value) : NULL;

    if (sample)
        sample->value = value;
}

void metric_observe_ms(struct metric *metric, int64_t length_ms)
{
    size_t bucket = 0;

    if (!metric)
        return;
    while (bucket < BUCKETS && length_ms > bounds_ms[bucket])
        bucket++;
    metric->buckets[bucket]++;
    metric->observed++;
    metric->sum_ms += length_ms;
}

int64_t metric_get(const struct metric *metric, const char *label_value)
{
    const struct sample *sample = metric ? sample_find(metric, label_value) : NULL;

    return sample ? sample->value : 0;
}

static void label_print(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            (void)fputs("\\n", out);
        else if (*text == '"' || *text == '\\')
            (void)fprintf(out, "\\%c", *text);
        else
            (void)fputc(*text, out);
    }
}

static void histogram_print(FILE *out, const struct metric *metric)
{
    uint64_t below = 0;

    for (size_t i = 0; i < BUCKETS; i++) {
        below += metric->buckets[i];
        (void)fprintf(out, "%s_bucket{le=\"%" PRId64 ".%03" PRId64 "\"} %" PRIu64 "\n", metric->name,
                      bounds_ms[i] / 1000, bounds_ms[i] % 1000, below);
    }
    (void)fprintf(
        out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %" PRId64 ".%03" PRId64 "\n%s_count %" PRIu64 "\n",
        metric->name, metric->observed, metric->name, metric->sum_ms / 1000, metric->sum_ms % 1000,
        metric->name, metric->observed);
}

enum err metrics_render(const struct metrics *metrics, char **ret_text, size_t *ret_len)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return ERR_NOMEM;
    for (const struct metric *metric = metrics->first; metric; metric = metric->next) {
        (void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
                      kind_names[metric->kind]);
        if (metric->kind == HISTOGRAM) {
            histogram_print(out, metric);
            continue;
        }
        for (unsigned i = 0; i < metric->samples_used; i++) {
            (void)fputs(metric->name, out);
            if (metric->label) {
                (void)fprintf(out, "{%s=\"", metric->label);
                label_print(out, metric->samples[i].label_value);
                (void)fputs("\"}", out);
            }
            (void)fprintf(out, " %" PRId64 "\n", metric->samples[i].value);
        }
    }
    if (ferror(out) | fclose(out)) {
        free(text);
        return ERR_NOMEM;
    }
    *ret_text = text;
    *ret_len = len;
    return ERR_OK;
}
