/*
 * Counters, gauges and histograms of one process, in Prometheus text form.
 *
 * Single-threaded. Metrics are created at start and live until metrics_free(). Names follow Prometheus' rules
 * and carry the unit: instep_ingest_received_total, instep_turn_seconds.
 */
#ifndef INSTEP_COMMON_METRICS_H
#define INSTEP_COMMON_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define METRIC_LABELS_MAX 64 /* values of one label; further ones are counted under "other" */

struct metrics; /* a registry */
struct metric;  /* owned by its registry */

enum err metrics_create(struct metrics **ret_metrics);
void metrics_free(struct metrics *metrics); /* NULL is fine */

/*
 * name, help and label are static text; label NULL for none. Names must be unique in a registry.
 * All return NULL only when out of memory; all update functions accept NULL and do nothing.
 */
struct metric *metric_counter(struct metrics *metrics, const char *name, const char *label, const char *help);
struct metric *metric_gauge(struct metrics *metrics, const char *name, const char *label, const char *help);
/* Buckets from 1 ms to about 5 min, in seconds, as Prometheus asks. */
struct metric *metric_histogram(struct metrics *metrics, const char *name, const char *help);

void metric_add(struct metric *metric, const char *label_value,
                int64_t n); /* label_value NULL without label */
void metric_set(struct metric *metric, const char *label_value, int64_t value);
void metric_observe_ms(struct metric *metric, int64_t length_ms);
int64_t metric_get(const struct metric *metric, const char *label_value); /* 0 if never touched */

/* The whole registry as text; *ret_text is malloc'd, owned by the caller. */
enum err metrics_render(const struct metrics *metrics, char **ret_text, size_t *ret_len);

#endif
