/* The front: one listener for Stripe's API (with its faults) and the control interface under /sim. */
#ifndef INSTEP_SIM_SERVE_H
#define INSTEP_SIM_SERVE_H

#include <jansson.h>

#include "common/err.h"
#include "sim/api.h"
#include "sim/deliver.h"
#include "sim/runner.h"

struct serve;
struct journal;
struct event_base;
struct story_book;

/* All borrowed; listen is "127.0.0.1:12111" or ":0". */
enum err serve_create(struct event_base *base, struct sim *sim, struct api *api, struct deliver *deliver,
                      struct runner *runner, const char *listen, struct serve **ret_serve,
                      struct failure *fail);
void serve_free(struct serve *serve); /* NULL is fine */
/* Writes are recorded there from now on; borrowed, must outlive serve. */
void serve_journal(struct serve *serve, struct journal *journal);
struct control *serve_control(struct serve *serve); /* borrowed */
struct faults *serve_faults(struct serve *serve);   /* borrowed */
unsigned serve_port(const struct serve *serve);

/* What the API was asked, for GET /sim/status; a new reference. */
json_t *serve_counts(const struct serve *serve);

/* --- control.c --- */

struct control {
    struct sim *sim;
    struct deliver *deliver;
    struct runner *runner;
    struct serve *serve;
    struct story_book *stories;
};
/* Answer a request under /sim, of whichever account its path names: the status, and *ret_answer a new reference. */
int control_handle(struct control *whole, const char *method, const char *full_path, const char *body,
                   size_t len, json_t **ret_answer);

#endif
