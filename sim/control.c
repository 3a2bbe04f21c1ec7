/* The control interface under /sim: the clock, knobs, runs, what people do in Checkout, truth and status. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "sim/accounts.h"
#include "sim/ask.h"
#include "sim/checkout.h"
#include "sim/money.h"
#include "sim/endpoint.h"
#include "sim/faults.h"
#include "sim/form.h"
#include "sim/render.h"
#include "sim/serve.h"
#include "sim/stories.h"
#include "sim/truth.h"

#define ADVANCE_MAX_S (20 * 366 * DAY)
#define CUSTOMERS_MAX 1000000
#define MONTHS_MAX    240

void fail_ask(struct ask *ask, int status, const char *message)
{
    ask->status = status;
    ask->answer = sim_json(json_pack("{s:{s:s}}", "error", "message", message));
}

void answer_refusal(struct ask *ask, const struct refusal *why)
{
    fail_ask(ask, why->status, why->message);
}

void answer_object(struct ask *ask, const struct object *o)
{
    ask->answer = render_object(ask->control->sim, o);
}

void *named(struct ask *ask, enum object_type type)
{
    void *o = sim_find_type(ask->control->sim, ask->id, type);

    if (!o)
        fail_ask(ask, 404, "no such object");
    return o;
}

static void show_clock(struct ask *ask)
{
    ask->answer = sim_json(json_pack("{s:I}", "now", (json_int_t)ask->control->sim->now));
}

/* The clock and the knobs are everybody's. */
static struct sim *platform_of(struct ask *ask)
{
    struct sim *sim = ask->control->sim;

    return sim->platform ? sim->platform : sim;
}

static void set_clock(struct ask *ask)
{
    struct sim *sim = platform_of(ask);
    int64_t seconds = 0, to = 0;

    if (runner_is_running(ask->control->runner)) {
        fail_ask(ask, 409, "a run moves the clock; POST /sim/stop ends it");
        return;
    }
    if (form_integer(ask->body, "advance_s", &seconds))
        to = seconds >= 0 && seconds <= ADVANCE_MAX_S ? sim->now + seconds : sim->now - 1;
    else if (!form_integer(ask->body, "to", &to)) {
        fail_ask(ask, 400, "say {\"advance_s\": seconds} or {\"to\": unix seconds}");
        return;
    }
    if (to < sim->now || to > sim->now + ADVANCE_MAX_S) {
        fail_ask(ask, 400, "the clock goes forward only, and at most 20 years at once");
        return;
    }
    sim_advance(sim, to);
    show_clock(ask);
}

static void show_knobs(struct ask *ask)
{
    ask->answer = knobs_show(&ask->control->sim->knobs);
}

static void set_knobs(struct ask *ask)
{
    struct failure fail;

    struct sim *sim = platform_of(ask);

    if (knobs_set(&sim->knobs, ask->body, &fail)) {
        fail_ask(ask, 400, fail.text);
        return;
    }
    for (size_t i = 0; i < sim->accounts_count; i++)
        sim->accounts[i]->knobs = sim->knobs;
    show_knobs(ask);
}

/* A new secret for an endpoint; the old ones sign on for so many real seconds. */
static void rotate_secret(struct ask *ask)
{
    struct sim *sim = ask->control->sim;
    struct endpoint *we = named(ask, TYPE_ENDPOINT);
    const char *secret = form_text(ask->body, "secret");
    int64_t seconds = 0;

    if (!we)
        return;
    (void)form_integer(ask->body, "expires_in_s", &seconds);
    if (seconds < 0 || seconds > 24 * 3600) {
        fail_ask(ask, 400, "say {\"expires_in_s\": 0..86400, \"secret\": \"whsec_…\"}; both may be left out");
        return;
    }
    endpoint_rotate(we, secret ? sim_text(sim, secret) : sim_new_id(sim, &sim->ids, "whsec_", 32),
                    clock_wall_ms() / 1000 + seconds);
    ask->answer = render_endpoint(we, true);
}

static void resend_event(struct ask *ask)
{
    struct sim_event *event = named(ask, TYPE_EVENT);

    if (!event)
        return;
    deliver_again(ask->control->deliver, event);
    answer_object(ask, &event->o);
}

static void order_fault(struct ask *ask)
{
    struct failure fail;

    if (faults_order(serve_faults(ask->control->serve), ask->body, &fail))
        fail_ask(ask, 400, fail.text);
    else
        ask->answer = json_object();
}

static void show_status(struct ask *ask)
{
    struct control *control = ask->control;
    struct deliver_stats d = deliver_stats(control->deliver);

    ask->answer = sim_json(json_pack(
        "{s:I, s:b, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}, s:o, s:o, s:o}",
        "now", (json_int_t)control->sim->now, "running", runner_is_running(control->runner), "seed",
        (json_int_t)control->sim->seed, "customers", (json_int_t)control->sim->all[TYPE_CUSTOMER].count,
        "events", (json_int_t)(control->sim->events_total - control->sim->thin_total), "deliveries",
        "pending", (json_int_t)d.pending, "delivered", (json_int_t)d.delivered, "failed",
        (json_int_t)d.failed, "dropped", (json_int_t)d.dropped, "duplicated", (json_int_t)d.duplicated,
        "given_up", (json_int_t)d.given_up, "attempts", (json_int_t)d.attempts, "wrong_mode_refused",
        (json_int_t)d.wrong_mode_refused, "wrong_mode_taken", (json_int_t)d.wrong_mode_taken,
        "endpoints_disabled", (json_int_t)d.disabled, "api", serve_counts(control->serve), "reads",
        account_reads(control->sim), "accounts", describe_accounts(control->sim)));
}

static void show_truth(struct ask *ask)
{
    ask->answer = truth_export(ask->control->sim);
}

static void start_run(struct ask *ask)
{
    int64_t customers = 100, months = 3, ms_per_day = 0;
    struct failure fail;

    (void)form_integer(ask->body, "customers", &customers);
    (void)form_integer(ask->body, "months", &months);
    (void)form_integer(ask->body, "ms_per_day", &ms_per_day);
    if (customers < 0 || customers > CUSTOMERS_MAX || months < 1 || months > MONTHS_MAX || ms_per_day < 0)
        fail_ask(ask, 400, "customers 0..1000000, months 1..240, ms_per_day 0..");
    else if (runner_start(ask->control->runner, ask->control->sim, (unsigned)customers, (unsigned)months,
                          ms_per_day, &fail))
        fail_ask(ask, 409, fail.text);
    else
        show_status(ask);
}

static void stop_run(struct ask *ask)
{
    runner_stop(ask->control->runner);
    show_status(ask);
}

static void tell_story(struct ask *ask)
{
    if (runner_is_running(ask->control->runner))
        fail_ask(ask, 409, "a run moves the clock; POST /sim/stop ends it");
    else
        ask->status = story_book_ask(ask->control->stories, ask->body, &ask->answer);
}

/* What the buyer saw and paid, if that was another currency. False: refused. */
static bool presentment_of(struct ask *ask, struct checkout_person *person)
{
    struct refusal why = {0};

    person->presentment_currency = form_text(ask->body, "presentment_currency");
    (void)form_integer(ask->body, "presentment_amount", &person->presentment_amount);
    if (!person->presentment_currency && !person->presentment_amount)
        return true;
    if (person->presentment_amount <= 0) {
        fail_ask(ask, 400, "presentment_currency goes with a presentment_amount above 0");
        return false;
    }
    if (money_is_valid(person->presentment_amount, person->presentment_currency, &why))
        return true;
    answer_refusal(ask, &why);
    return false;
}

static void complete_session(struct ask *ask)
{
    static const struct {
        const char *name;
        enum checkout_outcome outcome;
    } outcomes[] = {
        {"paid", CHECKOUT_PAID}, {"unpaid-async", CHECKOUT_UNPAID}, {"declined", CHECKOUT_DECLINED}};
    struct session *cs = named(ask, TYPE_SESSION);
    const char *outcome = form_text(ask->body, "outcome");
    const char *customer = form_text(ask->body, "customer");
    struct checkout_person person = {.email = form_text(ask->body, "email"),
                                     .promotion_code = form_text(ask->body, "promotion_code")};
    int64_t declines = 0;
    struct refusal why;
    bool known = !outcome;

    if (!cs)
        return;
    for (unsigned i = 0; outcome && i < 3; i++) {
        if (strcmp(outcome, outcomes[i].name) == 0) {
            person.outcome = outcomes[i].outcome;
            known = true;
        }
    }
    if (!known) {
        fail_ask(ask, 400, "outcome is paid, unpaid-async or declined");
        return;
    }
    if (!presentment_of(ask, &person))
        return;
    if (customer && strcmp(cs->mode, "payment") == 0)
        cs->customer_always = strcmp(customer, "guest") != 0;
    (void)form_integer(ask->body, "card_declines", &declines);
    person.declines = declines < 0 ? -1 : declines > 1000 ? 1000 : (int)declines;
    if (session_complete(ask->control->sim, cs, &person, &why))
        answer_object(ask, &cs->o);
    else
        answer_refusal(ask, &why);
}

static void decide_session(struct ask *ask)
{
    struct session *cs = named(ask, TYPE_SESSION);
    const char *outcome = form_text(ask->body, "outcome");
    struct refusal why;

    if (!cs)
        return;
    if (!outcome || (strcmp(outcome, "succeeded") != 0 && strcmp(outcome, "failed") != 0)) {
        fail_ask(ask, 400, "outcome is succeeded or failed");
        return;
    }
    if (session_async(ask->control->sim, cs, strcmp(outcome, "succeeded") == 0, &why))
        answer_object(ask, &cs->o);
    else
        answer_refusal(ask, &why);
}

/* Every card of the customer declines from now on: n more charges, -1 all, 0 none. */
static void set_cards(struct ask *ask)
{
    struct customer *c = named(ask, TYPE_CUSTOMER);
    int64_t declines;

    if (!c)
        return;
    if (!form_integer(ask->body, "declines", &declines) || declines < -1 || declines > 1000) {
        fail_ask(ask, 400, "say {\"declines\": n}: -1 all charges, 0 none, n the next n");
        return;
    }
    for (size_t i = 0; i < c->of[TYPE_PAYMENT_METHOD].count; i++)
        ((struct payment_method *)c->of[TYPE_PAYMENT_METHOD].at[i])->declines = (int)declines;
    answer_object(ask, &c->o);
}

static const struct {
    const char *method, *head, *tail; /* path is head, or head + id + tail */
    ask_fn *handler;
} asks[] = {
    {"GET", "/sim/clock", NULL, show_clock},
    {"POST", "/sim/clock", NULL, set_clock},
    {"GET", "/sim/knobs", NULL, show_knobs},
    {"POST", "/sim/knobs", NULL, set_knobs},
    {"GET", "/sim/status", NULL, show_status},
    {"GET", "/sim/truth", NULL, show_truth},
    {"POST", "/sim/run", NULL, start_run},
    {"POST", "/sim/stop", NULL, stop_run},
    {"POST", "/sim/faults", NULL, order_fault},
    {"GET", "/sim/accounts", NULL, show_accounts},
    {"POST", "/sim/accounts", NULL, create_account},
    {"POST", "/sim/account", NULL, set_account},
    {"POST", "/sim/story", NULL, tell_story},
    {"POST", "/sim/checkout/", "/complete", complete_session},
    {"POST", "/sim/checkout/", "/async", decide_session},
    {"POST", "/sim/customers/", "/card", set_cards},
    {"POST", "/sim/charges/", "/dispute", open_dispute},
    {"POST", "/sim/disputes/", "", decide_dispute},
    {"POST", "/sim/refunds/", "", decide_refund},
    {"POST", "/sim/invoices/", "/payment", add_payment},
    {"POST", "/sim/payment_intents/", "", decide_payment},
    {"POST", "/sim/webhook_endpoints/", "/rotate", rotate_secret},
    {"POST", "/sim/events/", "/resend", resend_event},
};

/* True if path is head + id + tail; the id is copied. */
static bool path_holds_id(const char *path, const char *head, const char *tail, char *id, size_t size)
{
    size_t head_len = strlen(head), path_len = strlen(path), tail_len = strlen(tail);

    if (path_len <= head_len + tail_len || strncmp(path, head, head_len) != 0 ||
        strcmp(path + path_len - tail_len, tail) != 0 || path_len - head_len - tail_len >= size)
        return false;
    memcpy(id, path + head_len, path_len - head_len - tail_len);
    id[path_len - head_len - tail_len] = '\0';
    return true;
}

/* "/sim/accounts/acct_1/truth" is "/sim/truth" of that account: gives the rest of the path. NULL: no such account. */
static const char *enter_account(struct control *control, const char *path)
{
    static const char head[] = "/sim/accounts/";
    char id[128];

    if (strncmp(path, head, sizeof head - 1) != 0)
        return path;
    path += sizeof head - 1;
    size_t len = strcspn(path, "/");
    (void)snprintf(id, sizeof id, "%.*s", (int)len, path);
    control->sim = account_find(control->sim, id);
    return control->sim ? path + len : NULL;
}

int control_handle(struct control *whole, const char *method, const char *full_path, const char *body,
                   size_t len, json_t **ret_answer)
{
    struct control of_account = *whole, *control = &of_account;
    const char *rest = enter_account(control, full_path);
    char id[128] = "", path[300] = "";
    struct ask ask = {.control = control, .id = id, .status = 200};
    ask_fn *handler = NULL;

    if (rest)
        (void)snprintf(path, sizeof path, "%s%s", rest == full_path ? "" : "/sim", rest);
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        bool fits = asks[i].tail ? path_holds_id(path, asks[i].head, asks[i].tail, id, sizeof id)
                                 : strcmp(path, asks[i].head) == 0;
        if (fits && strcmp(method, asks[i].method) == 0)
            handler = asks[i].handler;
    }
    ask.body = len ? json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL) : sim_json(json_object());
    if (!handler)
        fail_ask(&ask, 404, "no such control; see stripe-sim --help");
    else if (!json_is_object(ask.body))
        fail_ask(&ask, 400, "the body is not a JSON object");
    else
        handler(&ask);
    json_decref(ask.body);
    *ret_answer = sim_json(ask.answer);
    return ask.status;
}
