/* Metrics: the text that Prometheus reads, and the bound on labels. */
#include "common/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/tap.h"

int main(void)
{
    struct metrics *metrics = NULL;
    char *text = NULL;
    char value[32];
    size_t len = 0;

    tap_ok(!metrics_create(&metrics), "a registry is created");
    struct metric *plain = metric_counter(metrics, "t_plain_total", NULL, "Plain.");
    struct metric *many = metric_counter(metrics, "t_many_total", "reason", "Many.");
    struct metric *gauge = metric_gauge(metrics, "t_level", NULL, "Level.");
    struct metric *lag = metric_histogram(metrics, "t_lag_seconds", "Lag.");

    metric_add(plain, NULL, 2);
    metric_add(plain, NULL, 3);
    metric_set(gauge, NULL, -7);
    metric_add(many, "say \"hi\"\n", 1);
    metric_observe_ms(lag, 1);
    metric_observe_ms(lag, 1500);
    metric_observe_ms(lag, 999999);
    metric_add(NULL, "x", 1);
    tap_ok(!metrics_render(metrics, &text, &len), "it renders");
    tap_ok(strstr(text, "# TYPE t_plain_total counter\nt_plain_total 5\n") != NULL, "counters add up");
    tap_ok(strstr(text, "t_level -7\n") != NULL, "gauges hold what was set");
    tap_ok(strstr(text, "t_many_total{reason=\"say \\\"hi\\\"\\n\"} 1\n") != NULL,
           "label values are escaped");
    tap_ok(strstr(text, "t_lag_seconds_bucket{le=\"0.001\"} 1\n") != NULL &&
               strstr(text, "t_lag_seconds_bucket{le=\"2.000\"} 2\n") != NULL &&
               strstr(text, "t_lag_seconds_bucket{le=\"+Inf\"} 3\n") != NULL &&
               strstr(text, "t_lag_seconds_sum 1001.500\n") != NULL,
           "histogram buckets are cumulative and in seconds");
    free(text);
    for (int i = 0; i < 500; i++) {
        (void)snprintf(value, sizeof value, "v%d", i);
        metric_add(many, value, 1);
    }
    tap_ok(metric_get(many, "v1") == 1 && metric_get(many, "other") == 500 - (METRIC_LABELS_MAX - 1),
           "label values beyond the bound share one");
    metrics_free(metrics);
    return tap_done();
}
