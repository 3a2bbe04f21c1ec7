/* A simulated Stripe without sockets, and how to talk to it. Include once per test program (// rooms: sim). */
#ifndef INSTEP_TESTS_SIM_FIXTURE_H
#define INSTEP_TESTS_SIM_FIXTURE_H

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/api.h"
#include "sim/billing.h"
#include "sim/checkout.h"
#include "sim/form.h"
#include "sim/truth.h"

struct world {
    struct sim *sim;
    struct api *api;
    int status;     /* of the last answer */
    json_t *answer; /* the last answer, owned */
    char headers[512];
    uint64_t mark; /* events after this number are new */
};

__attribute__((unused)) static void world_open(struct world *w, uint64_t seed)
{
    *w = (struct world){.sim = sim_create(seed, SIM_START)};
    w->api = api_create(w->sim);
}

__attribute__((unused)) static void world_close(struct world *w)
{
    json_decref(w->answer);
    api_free(w->api);
    sim_free(w->sim);
}

/* Ask with the given Idempotency-Key (NULL: none). Returns the answer, owned by the world until the next one. */
__attribute__((unused)) static json_t *ask_with_key(struct world *w, const char *key, const char *method,
                                                    const char *target, const char *form)
{
    char path[256];
    const char *query = strchr(target, '?');
    struct api_request request = {.method = method,
                                  .path = path,
                                  .query = query ? query + 1 : "",
                                  .body = form,
                                  .body_len = form ? strlen(form) : 0,
                                  .authorization = "Bearer sk_test_unit",
                                  .idempotency_key = key};
    struct api_answer answer;

    (void)snprintf(path, sizeof path, "%.*s", query ? (int)(query - target) : (int)strlen(target), target);
    api_handle(w->api, &request, &answer);
    json_decref(w->answer);
    w->status = answer.status;
    w->answer = json_loads(answer.body, 0, NULL);
    (void)snprintf(w->headers, sizeof w->headers, "%s", answer.headers);
    api_answer_release(&answer);
    return w->answer;
}

/* target and form are made from formats joined by a blank: "POST /v1/customers/%s name=%s". */
__attribute__((unused, format(printf, 2, 3))) static json_t *ask(struct world *w, const char *fmt, ...)
{
    char text[2048];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    char *target = strchr(text, ' ');
    *target++ = '\0';
    char *form = strchr(target, ' ');
    if (form)
        *form++ = '\0';
    return ask_with_key(w, NULL, text, target, form);
}

/* The id of the last answer, kept by the world. */
__attribute__((unused)) static const char *answer_id(struct world *w)
{
    const char *id = form_text(w->answer, "id");

    return sim_text(w->sim, id ? id : "");
}

/* Types of the events since the last call, blank-separated; free(). */
__attribute__((unused)) static char *new_events(struct world *w)
{
    const struct list *events = &w->sim->all[TYPE_EVENT];
    char *types = calloc(1, events->count * 64 + 1);

    for (size_t i = 0; i < events->count; i++) {
        const struct sim_event *event = (const struct sim_event *)events->at[i];
        if (event->number <= w->mark || event->thin_only)
            continue;
        if (*types)
            strcat(types, " ");
        strcat(types, event->type);
    }
    w->mark = w->sim->events_total;
    return types;
}

#endif
