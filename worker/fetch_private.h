/* The inside of a fetch, shared by worker/fetch*.c only. */
#ifndef INSTEP_WORKER_FETCH_PRIVATE_H
#define INSTEP_WORKER_FETCH_PRIVATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "worker/env.h"
#include "worker/fetch.h"
#include "worker/fetch_objects.h"

struct event;
struct pacer_ticket;
struct stripe_answer;
struct stripe_call;

enum job_state { JOB_WAITING, JOB_PACED, JOB_SENT, JOB_RESTING, JOB_DONE };

/* One request to make, perhaps several times. */
struct job {
    struct fetch *fetch; /* borrowed */
    struct read read;
    json_t *parent; /* owned reference; the object whose embedded list this page completes, or NULL */
    unsigned pages; /* of the same list before this one */
    unsigned tries;
    enum job_state state;
    struct pacer_ticket *ticket; /* JOB_PACED */
    struct stripe_call *call;    /* JOB_SENT */
    struct event *timer;         /* owned; JOB_RESTING */
};

struct fetch {
    struct env *env; /* borrowed */
    struct fetch_options options;
    struct job **jobs; /* owned, each of them too */
    size_t jobs_count, jobs_room;
    unsigned running;
    unsigned paced;             /* of those, waiting for the budget: the clock stands still */
    struct fetch_objects found; /* owned */
    unsigned reads;
    int64_t bytes;
    int64_t left_ms;         /* of the time, when the clock last stood still */
    int64_t running_mono_ms; /* since when the clock runs; 0: it stands still */
    struct event *timer;     /* owned: the start, then the deadline, or the end of patience with the budget */
    unsigned catalogue_reads; /* planned because of what was read: worker/catalogue.h */
    bool limited;             /* Stripe's last answer was a limit or a lock */
    unsigned rest_ms;
    bool started;
    char list_missing[STRIPE_ID_BYTES_MAX + 1]; /* the customer whose lists are said not to exist; or "" */
    char text[700];
    fetch_done_fn *done;
    void *arg;
};

/* One more to read; parent: the object whose embedded list it goes on with, or NULL. ERR_NOMEM. */
enum err fetch_add(struct fetch *fetch, const struct read *read, json_t *parent, unsigned pages);

/* Note what job failed of; returns outcome. */
enum outcome fetch_fail(struct fetch *fetch, enum outcome outcome, const struct job *job, const char *text);

/* What this answer says to everybody else. misshapen: a 200 that makes no sense. */
void job_tell(struct job *job, const struct stripe_answer *answer, bool misshapen);

/* What an answer that brought nothing comes to, finally. */
enum outcome job_judge(struct job *job, const struct stripe_answer *answer);

#endif
