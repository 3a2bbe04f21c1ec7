#include "worker/stats.h"

#include <stdbool.h>

#include "common/metrics.h"

#define make_counter(metrics, name, label, help)   metric_counter(metrics, name, label, help)
#define make_gauge(metrics, name, label, help)     metric_gauge(metrics, name, label, help)
#define make_histogram(metrics, name, label, help) metric_histogram(metrics, name, help)

enum err stats_init(struct stats *stats)
{
    bool complete = true;

    *stats = (struct stats){.metrics = 0};
    if (metrics_create(&stats->metrics) != ERR_OK)
        return ERR_NOMEM;
#define X(member, kind, name, label, help)                                                                   \
    stats->member = make_##kind(stats->metrics, name, label, help);                                          \
    complete = complete && stats->member;
    STATS_TABLE(X)
#undef X
    if (!complete) {
        stats_release(stats);
        return ERR_NOMEM;
    }
    return ERR_OK;
}

void stats_release(struct stats *stats)
{
    metrics_free(stats->metrics);
    *stats = (struct stats){.metrics = 0};
}
