#include "tests/replay/reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/catalogue.h"
#include "worker/followup.h"

struct job {
    struct read read;
    json_t *parent; /* owned reference; the object whose embedded list this completes */
    bool done;
};

struct jobs {
    struct pass *pass;
    struct fetch_objects *found;
    struct job *at; /* owned */
    size_t count, room;
    bool alone;                                 /* what was read is not followed */
    char list_missing[STRIPE_ID_BYTES_MAX + 1]; /* "" unless a list of this customer is not there */
};

static void jobs_add(struct jobs *jobs, const struct read *read, json_t *parent)
{
    if (jobs->count == jobs->room) {
        size_t room = jobs->room ? jobs->room * 2 : 16;
        struct job *at = realloc(jobs->at, room * sizeof *at);
        if (!at)
            give_up("out of memory");
        jobs->at = at;
        jobs->room = room;
    }
    jobs->at[jobs->count++] = (struct job){.read = *read, .parent = json_incref(parent)};
}

static bool fail(struct jobs *jobs, const struct read *read, const char *why)
{
    jobs->pass->end = PASS_FAILED;
    (void)snprintf(jobs->pass->why, sizeof jobs->pass->why, "%s %s: %s", read_endpoint(read->kind), read->id,
                   why);
    return false;
}

static bool is_planned(const struct jobs *jobs, const struct read *read)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->at[i].read.kind == read->kind && !strcmp(jobs->at[i].read.id, read->id) &&
            !jobs->at[i].parent)
            return true;
    return false;
}

/* What the object lacks of its embedded lists, and what it leads to. */
static void follow(struct jobs *jobs, json_t *object)
{
    struct read reads[FOLLOW_UPS_MAX], rest[FETCH_EMBEDDED_MAX];
    size_t count, rests;

    if (jobs->alone)
        return;
    count = follow_ups(object, jobs->found, reads);
    rests = fetch_objects_rest_of(object, rest);
    for (size_t i = 0; i < rests; i++)
        jobs_add(jobs, &rest[i], object);
    for (size_t i = 0; i < count; i++)
        if (!is_planned(jobs, &reads[i]))
            jobs_add(jobs, &reads[i], NULL);
}

static bool take_page(struct jobs *jobs, const struct job *job, const json_t *body)
{
    struct fetch_page page;
    struct failure why;
    enum err err = fetch_objects_take_page(jobs->found, &job->read, job->parent, body, &page, &why);

    if (err == ERR_OK && page.more)
        jobs_add(jobs, &page.next, job->parent);
    for (size_t i = 0; err == ERR_OK && i < json_array_size(page.taken); i++)
        follow(jobs, json_array_get(page.taken, i));
    json_decref(page.taken);
    return err == ERR_OK || fail(jobs, &job->read, why.text);
}

static bool take_object(struct jobs *jobs, const struct job *job, json_t *body)
{
    struct failure why;

    if (fetch_objects_take(jobs->found, &job->read, body, &why) != ERR_OK)
        return fail(jobs, &job->read, why.text);
    follow(jobs, body);
    return true;
}

static bool miss(struct jobs *jobs, const struct job *job)
{
    struct read customer;

    if (!read_is_list(job->read.kind)) {
        if (fetch_objects_miss(jobs->found, &job->read) != ERR_OK)
            give_up("out of memory");
        return true;
    }
    if (*job->read.after || !read_is_of_customer(job->read.kind))
        return fail(jobs, &job->read, "the list is not there");
    (void)stripe_id_copy(jobs->list_missing, job->read.id);
    if (read_init(&customer, READ_CUSTOMER, job->read.id))
        jobs_add(jobs, &customer, NULL);
    return true;
}

static bool do_job(struct jobs *jobs, size_t i)
{
    struct job job = jobs->at[i]; /* the array may move */
    json_t *body = NULL;
    bool good;

    jobs->at[i].done = true;
    if (!read_is_list(job.read.kind) && fetch_objects_have(jobs->found, job.read.id))
        return true;
    if (world_read(jobs->pass->world, &job.read, jobs->pass->turn.account, &body) == 404)
        good = miss(jobs, &job);
    else
        good = read_is_list(job.read.kind) ? take_page(jobs, &job, body) : take_object(jobs, &job, body);
    jobs->pass->turn.reads++;
    json_decref(body);
    return good;
}

/* All else was read: what of the catalogue is to be read besides. */
static void add_catalogue(struct jobs *jobs, size_t *reads)
{
    const struct turn *turn = &jobs->pass->turn;
    struct plan plan;

    if (jobs->alone || *reads == CATALOGUE_READS_MAX)
        return;
    if (catalogue_plan(&turn->env->catalogue, turn->account, jobs->found, CATALOGUE_READS_MAX - *reads,
                       &plan) != ERR_OK)
        give_up("out of memory");
    for (size_t i = 0; i < plan.count; i++)
        jobs_add(jobs, &plan.reads[i], NULL);
    *reads += plan.count;
    plan_release(&plan);
}

/* An object waits until no read is left that may bring it. jobs->count: all is done. */
static size_t next_job(const struct jobs *jobs)
{
    size_t next = jobs->count;

    for (size_t i = 0; i < jobs->count; i++) {
        if (jobs->at[i].done)
            continue;
        if (next == jobs->count || read_stage(jobs->at[i].read.kind) < read_stage(jobs->at[next].read.kind))
            next = i;
    }
    return next;
}

bool reading_do(struct reading *reading, struct pass *pass, const struct plan *plan, bool alone)
{
    struct jobs jobs = {.pass = pass, .found = &reading->found, .alone = alone};
    size_t catalogue_reads = 0;
    bool good = true;

    if (fetch_objects_init(&reading->found) != ERR_OK)
        give_up("out of memory");
    for (size_t i = 0; i < plan->count; i++)
        jobs_add(&jobs, &plan->reads[i], NULL);
    reading->found.guest = !alone && !pass->turn.is_customer;
    for (size_t i = 0; !alone && i < json_array_size(pass->turn.seeds); i++) {
        json_t *seed = json_array_get(pass->turn.seeds, i);
        if (fetch_objects_add(&reading->found, seed, NULL) != ERR_OK)
            give_up("out of memory");
        follow(&jobs, seed);
    }
    while (good) {
        size_t i = next_job(&jobs);
        if (i == jobs.count)
            add_catalogue(&jobs, &catalogue_reads);
        if (i == jobs.count)
            break;
        good = do_job(&jobs, i);
    }
    if (good && *jobs.list_missing && !fetch_objects_deleted(&reading->found, jobs.list_missing)) {
        struct read read = {.kind = READ_SUBSCRIPTIONS};
        (void)stripe_id_copy(read.id, jobs.list_missing);
        good = fail(&jobs, &read, "the list is not there, but the customer is");
    }
    for (size_t i = 0; i < jobs.count; i++)
        json_decref(jobs.at[i].parent);
    free(jobs.at);
    if (!good)
        reading_release(reading);
    return good;
}

void reading_release(struct reading *reading)
{
    fetch_objects_release(&reading->found);
}
