/* API: test clocks. There is one virtual clock: whoever advances a test clock moves time for everybody. */
#include "sim/call.h"
#include "sim/events.h"
#include "sim/values.h"

static bool frozen_time_param(struct call *call, int64_t *ret_at)
{
    if (form_integer(call->params, "frozen_time", ret_at))
        return true;
    return refuse(&call->why, 400,
                  form_at(call->params, "frozen_time") ? "parameter_invalid_integer" : "parameter_missing",
                  "frozen_time", "frozen_time must be a time in unix seconds.");
}

void test_clocks_create(struct call *call)
{
    int64_t at;

    if (!frozen_time_param(call, &at))
        return;
    if (at > call->sim->now) {
        (void)refuse(&call->why, 400, NULL, "frozen_time",
                     "A test clock begins at the simulator's time, %lld, and can then be advanced.",
                     (long long)call->sim->now);
        return;
    }
    struct test_clock *clock = sim_object(call->sim, TYPE_TEST_CLOCK, sizeof *clock);
    call_text(call, "name", &clock->name);
    emit(call->sim, "test_helpers.test_clock.created", &clock->o);
    call_answer(call, &clock->o);
}

void test_clocks_get(struct call *call)
{
    struct test_clock *clock = call_object(call, TYPE_TEST_CLOCK);

    if (clock)
        call_answer(call, &clock->o);
}

void test_clocks_advance(struct call *call)
{
    struct test_clock *clock = call_object(call, TYPE_TEST_CLOCK);
    struct sim *all = call->sim->platform ? call->sim->platform : call->sim;
    const char *request_id = call->sim->request_id, *key = call->sim->idempotency_key;
    int64_t at = 0;

    if (!clock || !frozen_time_param(call, &at) ||
        !time_param(call, call->params, "frozen_time", "frozen_time", NULL, YEARS(2), &at))
        return;
    emit(call->sim, "test_helpers.test_clock.advancing", &clock->o);
    call->sim->request_id = call->sim->idempotency_key = NULL; /* what time does, nobody asked for */
    sim_advance(all, at);
    call->sim->request_id = request_id;
    call->sim->idempotency_key = key;
    emit(call->sim, "test_helpers.test_clock.ready", &clock->o);
    call_answer(call, &clock->o);
}

void test_clocks_list(struct call *call)
{
    call_list(call, &call->sim->all[TYPE_TEST_CLOCK], false, NULL);
}
