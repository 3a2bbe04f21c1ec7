#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/stripe_client.h"
#include "worker/answer.h"
#include "worker/circuit.h"
#include "worker/fetch_private.h"
#include "worker/stats.h"

void job_tell(struct job *job, const struct stripe_answer *answer, bool misshapen)
{
    const struct fetch_options *options = &job->fetch->options;

    job->fetch->limited = answer->verdict == STRIPE_LIMITED || answer->status == 429;
    answer_tell(&(struct answer_about){.env = job->fetch->env,
                                       .account = options->account,
                                       .subject = options->subject,
                                       .endpoint = read_endpoint(job->read.kind),
                                       .id = job->read.id,
                                       .tries = job->tries,
                                       .misshapen = misshapen},
                answer);
}

/* A page after the first: its beginning was there a moment ago, so what we have is no snapshot. */
static bool page_is_gone(const struct job *job, const struct stripe_answer *answer)
{
    return *job->read.after && (answer->status == 404 || answer->status == 400);
}

/* Read the customer, unless that is done or planned. */
static enum err fetch_add_customer(struct fetch *fetch, const char *id)
{
    struct read read;

    for (size_t i = 0; i < fetch->jobs_count; i++)
        if (fetch->jobs[i]->read.kind == READ_CUSTOMER && !strcmp(fetch->jobs[i]->read.id, id))
            return ERR_OK;
    return read_init(&read, READ_CUSTOMER, id) ? fetch_add(fetch, &read, 0, 0) : ERR_INVALID;
}

/* Stripe says there is no such thing: a fact of an object, but never of a list. */
static enum outcome job_miss(struct job *job, const struct stripe_answer *answer)
{
    struct fetch *fetch = job->fetch;
    enum read_kind kind = job->read.kind;
    enum err err;

    if (page_is_gone(job, answer))
        return fetch_fail(fetch, OUTCOME_STRIPE_TRANSIENT, job, answer->text);
    if (!read_is_list(kind)) {
        err = fetch_objects_miss(&fetch->found, &job->read);
    } else if (read_is_of_customer(kind)) {
        (void)stripe_id_copy(fetch->list_missing, job->read.id);
        (void)fetch_fail(fetch, OUTCOME_OK, job,
                         answer->text); /* noted, in case the customer is not deleted */
        err = fetch_add_customer(fetch, job->read.id);
    } else {
        return fetch_fail(fetch, OUTCOME_STRIPE_PERMANENT, job, answer->text);
    }
    return err == ERR_OK ? OUTCOME_OK : fetch_fail(fetch, OUTCOME_OUTAGE, job, err_text(err));
}

#define REST_MS_MAX 60000

static enum outcome job_limited(struct job *job, const struct stripe_answer *answer)
{
    int64_t rest_ms = answer->retry_after_ms;

    if (rest_ms > 0)
        job->fetch->rest_ms = rest_ms < REST_MS_MAX ? (unsigned)rest_ms : REST_MS_MAX;
    return fetch_fail(job->fetch, OUTCOME_LIMITED, job, answer->text);
}

/* Our key is refused: for everybody, unless others' good answers said otherwise. */
static enum outcome job_denied(struct job *job, const struct stripe_answer *answer)
{
    struct fetch *fetch = job->fetch;
    struct circuits *circuits = &fetch->env->circuits;
    const struct circuit *key = circuits_find(circuits, fetch->options.account);
    int64_t now = clock_mono_ms(), until = circuits_until(circuits, fetch->options.account, now);

    if (key && circuit_disbelieves(key, fetch->options.subject))
        return fetch_fail(fetch, OUTCOME_STRIPE_PERMANENT, job, answer->text);
    /* Of the platform's own, another worker may have a better key. */
    if (until && strcmp(fetch->options.account, "self") != 0)
        fetch->rest_ms = (unsigned)(until - now);
    return fetch_fail(fetch, OUTCOME_DENIED, job, answer->text);
}

static enum outcome job_forbidden(struct job *job, const struct stripe_answer *answer)
{
    metric_add(job->fetch->env->stats->forbidden, read_endpoint(job->read.kind), 1);
    log_error("stripe.forbidden", LOG_STR("account", job->fetch->options.account),
              LOG_STR("endpoint", read_endpoint(job->read.kind)), LOG_STR("text", answer->text),
              LOG_STR("request_id", answer->request_id));
    return fetch_fail(job->fetch, OUTCOME_STRIPE_PERMANENT, job, answer->text);
}

static enum outcome job_trouble(struct job *job, const struct stripe_answer *answer)
{
    /* Away for everybody: not this customer's attempt. */
    bool away = circuit_state(&job->fetch->env->circuits.away, clock_mono_ms()) != CIRCUIT_CLOSED;

    return fetch_fail(job->fetch, away ? OUTCOME_OUTAGE : OUTCOME_STRIPE_TRANSIENT, job, answer->text);
}

enum outcome job_judge(struct job *job, const struct stripe_answer *answer)
{
    switch (answer->verdict) {
    case STRIPE_MISSING: return job_miss(job, answer);
    case STRIPE_DENIED: return job_denied(job, answer);
    case STRIPE_FORBIDDEN: return job_forbidden(job, answer);
    case STRIPE_LIMITED: return job_limited(job, answer);
    case STRIPE_TROUBLE: return job_trouble(job, answer);
    case STRIPE_LOCKED:
        if (answer->status == 429)
            return job_limited(job, answer);
        break;
    case STRIPE_REFUSED:
        if (!page_is_gone(job, answer))
            return fetch_fail(job->fetch, OUTCOME_STRIPE_PERMANENT, job, answer->text);
        break;
    default: break;
    }
    return fetch_fail(job->fetch, OUTCOME_STRIPE_TRANSIENT, job, answer->text);
}
