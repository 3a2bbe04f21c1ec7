/*
 * The admin listener of a program: /healthz, /readyz, /metrics. Keep it off the public network.
 *
 * /healthz  200 while the event loop turns.
 * /readyz   200 while every dependency this program needs answers, else 503 and one line for each that does not.
 * /metrics  Prometheus text, after refresh() brought gauges up to date.
 */
#ifndef INSTEP_COMMON_ADMIN_H
#define INSTEP_COMMON_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct admin;
struct event_base;
struct metrics;

struct admin_options {
    const char *listen;            /* INSTEP_ADMIN_LISTEN or the program's default */
    const struct metrics *metrics; /* borrowed, must outlive the admin */
    /* Write into text (at most len bytes with NUL) what is missing, one line each; true if nothing is. */
    bool (*ready)(char *text, size_t len, void *arg);
    void (*refresh)(void *arg); /* may be NULL */
    void *arg;
};

enum err admin_create(struct event_base *base, const struct admin_options *options, struct admin **ret_admin,
                      struct failure *fail);
void admin_free(struct admin *admin); /* NULL is fine */
uint16_t admin_port(const struct admin *admin);

#endif
