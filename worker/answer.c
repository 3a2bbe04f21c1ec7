#include "worker/answer.h"

#include <stdio.h>

#include "common/budget.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/stripe_client.h"
#include "worker/env.h"
#include "worker/stats.h"

static void report(const struct answer_about *about, const struct stripe_answer *answer)
{
    struct env *env = about->env;
    char status[16];

    (void)snprintf(status, sizeof status, "%ld", answer->status);
    metric_add(env->stats->read_status, status, 1);
    metric_observe_ms(env->stats->read_time, answer->elapsed_ms);
    if (answer->verdict == STRIPE_FOUND || answer->verdict == STRIPE_MISSING)
        return;
    log_warn("stripe.failed", LOG_STR("verdict", stripe_verdict_name(answer->verdict)),
             LOG_STR("endpoint", about->endpoint), LOG_STR("id", about->id), LOG_STR("text", answer->text),
             LOG_STR("request_id", answer->request_id), LOG_STR("limited", answer->limited_reason),
             LOG_INT("tries", about->tries));
}

static void circuit_changed(struct env *env, const char *account, const struct stripe_answer *answer)
{
    bool closed = circuits_state(&env->circuits, account, clock_mono_ms()) == CIRCUIT_CLOSED;

    metric_set(env->stats->circuit, 0,
               circuits_state(&env->circuits, "self", clock_mono_ms()) != CIRCUIT_CLOSED);
    if (closed)
        log_info("stripe.circuit_closed", LOG_STR("account", account));
    else
        log_error("stripe.circuit_opened", LOG_STR("account", account),
                  LOG_STR("verdict", stripe_verdict_name(answer->verdict)), LOG_STR("text", answer->text));
}

/* What only this customer's object does says nothing about everybody's reads. */
static void tell_circuits(const struct answer_about *about, const struct stripe_answer *answer)
{
    struct circuits *circuits = &about->env->circuits;
    struct circuit *key = circuits_find(circuits, about->account);
    int64_t now = clock_mono_ms();
    bool changed = false;

    if (answer->verdict == STRIPE_GARBLED || about->misshapen)
        return;
    if (answer->verdict == STRIPE_DENIED) {
        changed = circuit_denied(circuits_add(circuits, about->account), about->subject, now);
    } else if (answer->verdict == STRIPE_TROUBLE) {
        changed = circuit_failed(&circuits->away, about->subject, now);
    } else {
        changed = circuit_worked(&circuits->away);
        changed = (key && circuit_worked(key)) || changed;
    }
    if (changed)
        circuit_changed(about->env, about->account, answer);
}

/* A report that was lost is made again by the next 429. */
static void on_reported(enum err err, const struct failure *fail, void *arg)
{
    (void)err;
    (void)fail;
    (void)arg;
}

static void tell_budget(const struct answer_about *about, const struct stripe_answer *answer)
{
    enum budget_limit limit;

    if (answer->verdict != STRIPE_LIMITED)
        return;
    limit = budget_limit_parse(*answer->limited_reason ? answer->limited_reason : "global-rate");
    if (limit != BUDGET_LIMIT_NONE)
        (void)budget_report(about->env->budget, about->account, about->endpoint, limit,
                            answer->retry_after_ms > 0 ? (unsigned)answer->retry_after_ms : 0, on_reported, 0,
                            0);
}

void answer_tell(const struct answer_about *about, const struct stripe_answer *answer)
{
    report(about, answer);
    tell_circuits(about, answer);
    tell_budget(about, answer);
}
