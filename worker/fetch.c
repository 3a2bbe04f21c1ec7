#include "worker/fetch.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/budget.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/metrics.h"
#include "common/stripe_client.h"
#include "worker/catalogue.h"
#include "worker/crashpoint.h"
#include "worker/env.h"
#include "worker/fetch_private.h"
#include "worker/followup.h"
#include "worker/pacer.h"
#include "worker/stats.h"

#define READ_DELAY_BASE_MS 250

static void fetch_run(struct fetch *fetch);

/* ---- the clock ---- */

static int64_t fetch_left_ms(const struct fetch *fetch)
{
    return fetch->running_mono_ms ? fetch->left_ms - (clock_mono_ms() - fetch->running_mono_ms)
                                  : fetch->left_ms;
}

static void fetch_set_timer(struct fetch *fetch, int64_t delay_ms)
{
    struct timeval tv = clock_timeval(delay_ms > 0 ? delay_ms : 0);

    (void)evtimer_add(fetch->timer, &tv);
}

/* A read waits for the budget. */
static void fetch_pause(struct fetch *fetch)
{
    bool begun = fetch->options.begun || fetch->reads > 0;

    if (fetch->paced++)
        return;
    fetch->left_ms = fetch_left_ms(fetch);
    fetch->running_mono_ms = 0;
    fetch_set_timer(fetch, begun ? FETCH_BEGUN_MS : FETCH_FRESH_MS);
}

static void fetch_go_on(struct fetch *fetch)
{
    if (--fetch->paced) {
        fetch_set_timer(fetch, FETCH_BEGUN_MS); /* one was let through: patience begins anew */
        return;
    }
    fetch->running_mono_ms = clock_mono_ms();
    fetch_set_timer(fetch, fetch->left_ms);
}

/* ---- jobs ---- */

/* Whatever it waits for will not call back. */
static void job_stop(struct job *job)
{
    if (job->state == JOB_PACED) {
        pacer_cancel(job->ticket);
        job->fetch->paced--;
    }
    if (job->state == JOB_SENT)
        stripe_call_cancel(job->call);
    if (job->timer)
        (void)event_del(job->timer);
    job->state = JOB_DONE;
}

static void job_free(struct job *job)
{
    job_stop(job);
    if (job->timer)
        event_free(job->timer);
    json_decref(job->parent);
    free(job);
}

void fetch_free(struct fetch *fetch)
{
    if (!fetch)
        return;
    for (size_t i = 0; i < fetch->jobs_count; i++)
        job_free(fetch->jobs[i]);
    free(fetch->jobs);
    env_hold(fetch->env, -fetch->bytes);
    fetch_objects_release(&fetch->found);
    if (fetch->timer)
        event_free(fetch->timer);
    free(fetch);
}

/* The last act: nothing of fetch may be touched afterwards. */
static void fetch_end(struct fetch *fetch, enum outcome outcome)
{
    struct fetch_result result = {.objects = fetch->found.objects,
                                  .missing = fetch->found.missing,
                                  .complete = fetch->found.complete,
                                  .reads = fetch->reads,
                                  .bytes = fetch->bytes,
                                  .rest_ms = fetch->rest_ms,
                                  .text = fetch->text};

    (void)event_del(fetch->timer);
    for (size_t i = 0; i < fetch->jobs_count; i++)
        job_stop(fetch->jobs[i]);
    fetch->done(outcome, &result, fetch->arg);
}

enum err fetch_add(struct fetch *fetch, const struct read *read, json_t *parent, unsigned pages)
{
    struct job *job;

    if (fetch->jobs_count == fetch->jobs_room) {
        size_t room = fetch->jobs_room ? fetch->jobs_room * 2 : 16;
        struct job **jobs = realloc(fetch->jobs, room * sizeof *jobs);
        if (!jobs)
            return ERR_NOMEM;
        fetch->jobs = jobs;
        fetch->jobs_room = room;
    }
    job = calloc(1, sizeof *job);
    if (!job)
        return ERR_NOMEM;
    *job = (struct job){.fetch = fetch, .read = *read, .parent = json_incref(parent), .pages = pages};
    fetch->jobs[fetch->jobs_count++] = job;
    return ERR_OK;
}

/* ---- one read ---- */

enum outcome fetch_fail(struct fetch *fetch, enum outcome outcome, const struct job *job, const char *text)
{
    (void)snprintf(fetch->text, sizeof fetch->text, "%s %s: %s", read_endpoint(job->read.kind), job->read.id,
                   text);
    return outcome;
}

static void job_over(struct job *job)
{
    job->state = JOB_DONE;
    job->fetch->running--;
}

static bool fetch_reads_it(const struct fetch *fetch, const struct read *read)
{
    for (size_t i = 0; i < fetch->jobs_count; i++)
        if (fetch->jobs[i]->read.kind == read->kind && !strcmp(fetch->jobs[i]->read.id, read->id) &&
            !fetch->jobs[i]->parent)
            return true;
    return false;
}

/* What the object lacks of its embedded lists, and what it leads to. */
static enum err fetch_follow(struct fetch *fetch, json_t *object)
{
    struct read reads[FOLLOW_UPS_MAX], rest[FETCH_EMBEDDED_MAX];
    size_t count = fetch->options.alone ? 0 : follow_ups(object, &fetch->found, reads);
    size_t rests = fetch->options.alone ? 0 : fetch_objects_rest_of(object, rest);
    enum err err = ERR_OK;

    for (size_t i = 0; err == ERR_OK && i < rests; i++)
        err = fetch_add(fetch, &rest[i], object, 0);
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        if (!fetch_reads_it(fetch, &reads[i]))
            err = fetch_add(fetch, &reads[i], 0, 0);
    return err;
}

/* Follow-ups of a page: the next page, and those of its objects. */
static enum outcome job_take_page(struct job *job, const json_t *body)
{
    struct fetch *fetch = job->fetch;
    struct fetch_page page;
    struct failure why;
    enum err err = fetch_objects_take_page(&fetch->found, &job->read, job->parent, body, &page, &why);

    if (err == ERR_OK && page.more) {
        err = job->pages + 1 < FETCH_PAGES_MAX ? fetch_add(fetch, &page.next, job->parent, job->pages + 1)
                                               : failf(&why, ERR_LIMIT, "the list does not end");
    }
    for (size_t i = 0; err == ERR_OK && i < json_array_size(page.taken); i++)
        err = fetch_follow(fetch, json_array_get(page.taken, i));
    json_decref(page.taken);
    if (err == ERR_LIMIT)
        return fetch_fail(fetch, OUTCOME_STRIPE_PERMANENT, job, why.text);
    if (err != ERR_OK)
        return fetch_fail(fetch, OUTCOME_STRIPE_TRANSIENT, job, err == ERR_NOMEM ? err_text(err) : why.text);
    return OUTCOME_OK;
}

static enum outcome job_take_object(struct job *job, json_t *body)
{
    struct fetch *fetch = job->fetch;
    struct failure why;
    enum err err = fetch_objects_take(&fetch->found, &job->read, body, &why);

    if (err == ERR_OK)
        err = fetch_follow(fetch, body);
    if (err != ERR_OK)
        return fetch_fail(fetch, err == ERR_LIMIT ? OUTCOME_STRIPE_PERMANENT : OUTCOME_STRIPE_TRANSIENT, job,
                          err == ERR_NOMEM ? err_text(err) : why.text);
    return OUTCOME_OK;
}

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
    struct job *job = arg;

    (void)fd;
    (void)what;
    job->state = JOB_WAITING;
    job->fetch->running--;
    fetch_run(job->fetch);
}

/* Try again after a while, if there is time for it. False: no. */
static bool job_rest(struct job *job, const struct stripe_answer *answer)
{
    struct fetch *fetch = job->fetch;
    int64_t delay_ms = READ_DELAY_BASE_MS << (job->tries - 1);
    struct timeval tv;

    delay_ms = delay_ms / 2 + (int64_t)(env_random() % (uint64_t)(delay_ms / 2 + 1));
    if (answer->retry_after_ms > delay_ms)
        delay_ms = answer->retry_after_ms;
    if (job->tries >= FETCH_TRIES_MAX || answer->should_retry == 0 || delay_ms >= fetch_left_ms(fetch))
        return false;
    if (!job->timer)
        job->timer = evtimer_new(fetch->env->base, on_rested, job);
    tv = clock_timeval(delay_ms);
    if (!job->timer || evtimer_add(job->timer, &tv) != 0)
        return false;
    job->state = JOB_RESTING; /* counts as running: the fetch is not over */
    return true;
}

static enum outcome job_take(struct job *job, const struct stripe_answer *answer)
{
    struct fetch *fetch = job->fetch;
    struct env *env = fetch->env;

    fetch->bytes += (int64_t)answer->body_bytes;
    env_hold(env, (int64_t)answer->body_bytes);
    if (fetch->bytes > FETCH_BYTES_MAX)
        return fetch_fail(fetch, OUTCOME_STRIPE_PERMANENT, job, "too much for one turn");
    /* Who holds most of it goes on, or a big customer would never be read to its end. */
    if (env->held_bytes > ENV_HELD_BYTES_MAX && fetch->bytes < ENV_HELD_BYTES_MAX / 2)
        return fetch_fail(fetch, OUTCOME_CROWDED, job, "all turns together hold too much");
    return read_is_list(job->read.kind) ? job_take_page(job, answer->body)
                                        : job_take_object(job, answer->body);
}

static void on_answer(const struct stripe_answer *answer, void *arg)
{
    struct job *job = arg;
    struct fetch *fetch = job->fetch;
    bool found = answer->verdict == STRIPE_FOUND;
    bool passing = answer->verdict == STRIPE_TROUBLE || answer->verdict == STRIPE_GARBLED ||
                   answer->verdict == STRIPE_LIMITED || answer->verdict == STRIPE_LOCKED;
    enum outcome outcome;

    job->call = 0;
    job->state = JOB_WAITING;
    outcome = found ? job_take(job, answer) : OUTCOME_OK;
    job_tell(job, answer, outcome == OUTCOME_STRIPE_TRANSIENT);
    if (passing && job_rest(job, answer))
        return;
    if (!found)
        outcome = job_judge(job, answer);
    job_over(job);
    if (outcome != OUTCOME_OK)
        fetch_end(fetch, outcome);
    else
        fetch_run(fetch);
}

static void on_paced(enum err err, void *arg)
{
    struct job *job = arg;
    struct fetch *fetch = job->fetch;
    enum outcome outcome = OUTCOME_OUTAGE;
    struct stripe_path path;
    struct failure why = {.text = "the shared budget cannot be asked"};
    int64_t left_ms;

    job->state = JOB_WAITING;
    job->ticket = 0;
    env_asked_redis(fetch->env, ENV_REFUSED_BUDGET, err, 0);
    fetch_go_on(fetch);
    left_ms = fetch_left_ms(fetch);
    read_path(&job->read, fetch->env->api_version, &path);
    if (err == ERR_OK && (fetch->reads >= FETCH_READS_MAX || path.overflow)) {
        outcome = OUTCOME_STRIPE_PERMANENT;
        err = path.overflow ? failf(&why, ERR_INVALID, "the path is too long")
                            : failf(&why, ERR_LIMIT, "more than %d requests in one turn", FETCH_READS_MAX);
    }
    if (err == ERR_OK) {
        err = stripe_client_get(fetch->env->stripe, path.text, fetch->options.account, fetch->options.context,
                                left_ms > 1 ? (unsigned)left_ms : 1, on_answer, job, &job->call, &why);
        if (err == ERR_INVALID) /* an account that no header can hold */
            outcome = OUTCOME_STRIPE_PERMANENT;
    }
    if (err != ERR_OK) {
        job_over(job);
        fetch_end(fetch, fetch_fail(fetch, outcome, job, why.text));
        return;
    }
    job->tries++;
    job->state = JOB_SENT;
    fetch->reads++;
    fetch->env->reads_total++;
    metric_add(fetch->env->stats->reads, read_endpoint(job->read.kind), 1);
    crashpoint("during_fetch");
}

/* ---- all of them ---- */

/* An object waits until no read is left that may bring it. */
static bool job_may_start(const struct fetch *fetch, const struct job *job)
{
    int stage = read_stage(job->read.kind);

    for (size_t i = 0; stage && i < fetch->jobs_count; i++)
        if (fetch->jobs[i]->state != JOB_DONE && read_stage(fetch->jobs[i]->read.kind) < stage)
            return false;
    return true;
}

/* False: it could not be started and the fetch has ended. */
static bool job_start(struct job *job)
{
    struct fetch *fetch = job->fetch;

    if (!read_is_list(job->read.kind) && fetch_objects_have(&fetch->found, job->read.id)) {
        job->state = JOB_DONE;
        return true;
    }
    if (pacer_wait(fetch->env->pacer, fetch->options.account, read_endpoint(job->read.kind),
                   fetch->options.lane, fetch->options.begun || fetch->reads > 0, on_paced, job,
                   &job->ticket) != ERR_OK) {
        fetch_end(fetch, fetch_fail(fetch, OUTCOME_OUTAGE, job, "out of memory"));
        return false;
    }
    job->state = JOB_PACED;
    fetch->running++;
    fetch_pause(fetch);
    return true;
}

/* All else was read. *ret_more: something is still to be read, and waits to be started. */
static enum err fetch_add_catalogue(struct fetch *fetch, bool *ret_more)
{
    struct plan plan = {.count = 0};
    enum err err = ERR_OK;

    *ret_more = false;
    if (fetch->options.alone || fetch->catalogue_reads == CATALOGUE_READS_MAX)
        return ERR_OK;
    err = catalogue_plan(&fetch->env->catalogue, fetch->options.account, &fetch->found,
                         CATALOGUE_READS_MAX - fetch->catalogue_reads, &plan);
    for (size_t i = 0; err == ERR_OK && i < plan.count; i++) {
        err = fetch_add(fetch, &plan.reads[i], 0, 0);
        fetch->catalogue_reads++;
        *ret_more = true;
    }
    plan_release(&plan);
    return err;
}

static void fetch_run(struct fetch *fetch)
{
    bool more;

    for (size_t i = 0; i < fetch->jobs_count && fetch->running < FETCH_PARALLEL; i++) {
        struct job *job = fetch->jobs[i];
        if (job->state != JOB_WAITING || !job_may_start(fetch, job))
            continue;
        if (!job_start(job))
            return;
        if (job->state == JOB_DONE) /* it was there already: one before may have waited for this only */
            i = (size_t)-1;
    }
    if (fetch->running)
        return;
    if (fetch_add_catalogue(fetch, &more) != ERR_OK) {
        (void)snprintf(fetch->text, sizeof fetch->text, "out of memory");
        fetch_end(fetch, OUTCOME_OUTAGE);
        return;
    }
    if (more) {
        fetch_run(fetch);
        return;
    }
    if (*fetch->list_missing && !fetch_objects_deleted(&fetch->found, fetch->list_missing))
        fetch_end(fetch, OUTCOME_STRIPE_PERMANENT);
    else
        fetch_end(fetch, OUTCOME_OK);
}

/* Too late; whose fault is it? */
static enum outcome fetch_late(const struct fetch *fetch)
{
    if (fetch->paced || fetch->limited)
        return OUTCOME_LIMITED;
    if (circuits_state(&fetch->env->circuits, fetch->options.account, clock_mono_ms()) != CIRCUIT_CLOSED)
        return OUTCOME_OUTAGE;
    return OUTCOME_STRIPE_TRANSIENT;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct fetch *fetch = arg;

    (void)fd;
    (void)what;
    if (!fetch->started) {
        fetch->started = true;
        fetch->running_mono_ms = clock_mono_ms();
        fetch_set_timer(fetch, fetch->left_ms);
        fetch_run(fetch);
        return;
    }
    (void)snprintf(fetch->text, sizeof fetch->text,
                   fetch->paced ? "the budget did not let the reads through (%u sent)"
                                : "the reads did not end in time (%u sent)",
                   fetch->reads);
    fetch_end(fetch, fetch_late(fetch));
}

enum err fetch_start(struct env *env, const struct fetch_options *options, struct plan *plan,
                     fetch_done_fn *done, void *arg, struct fetch **ret_fetch)
{
    struct fetch *fetch = calloc(1, sizeof *fetch);
    enum err err = ERR_NOMEM;
    struct timeval soon = {0, 0};

    if (!fetch)
        return ERR_NOMEM;
    *fetch = (struct fetch){
        .env = env, .options = *options, .done = done, .arg = arg, .left_ms = options->timeout_ms};
    fetch->timer = evtimer_new(env->base, on_timer, fetch);
    if (!fetch->timer || fetch_objects_init(&fetch->found) != ERR_OK)
        goto out;
    fetch->found.guest = options->guest;
    for (size_t i = 0; i < plan->count; i++)
        if (fetch_add(fetch, &plan->reads[i], 0, 0) != ERR_OK)
            goto out;
    for (size_t i = 0; i < json_array_size(options->seeds); i++) {
        json_t *seed = json_array_get(options->seeds, i);
        if (fetch_objects_add(&fetch->found, seed, 0) != ERR_OK || fetch_follow(fetch, seed) != ERR_OK)
            goto out;
    }
    if (evtimer_add(fetch->timer, &soon) != 0)
        goto out;
    plan_release(plan);
    *ret_fetch = fetch;
    fetch = 0;
    err = ERR_OK;
out:
    fetch_free(fetch); /* NULL after success */
    return err;
}
