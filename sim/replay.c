#include "sim/replay.h"

#include <string.h>

#include "sim/accounts.h"
#include "sim/endpoint.h"
#include "sim/form.h"

/* --- records --- */

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

void record_api(struct journal *journal, const struct sim *sim, const struct api_request *request,
                uint64_t request_ids)
{
    json_t *path = journal ? json_string(request->path) : NULL;

    if (!path) /* not UTF-8: it names nothing, and changed nothing */
        return;
    journal_add(journal,
                json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:I, s:I}", "api", request->method, "path",
                          path, "query", request->query, "body",
                          json_stringn(request->body ? request->body : "", request->body_len), "key",
                          text_or_null(request->idempotency_key), "version", text_or_null(request->version),
                          "account", text_or_null(request->account ? request->account : request->context),
                          "request_ids", (json_int_t)request_ids, "events", (json_int_t)sim->events_total));
}

void record_control(struct journal *journal, const struct sim *sim, const char *path, const char *body,
                    size_t len)
{
    json_t *text = journal ? json_stringn(body ? body : "", len) : NULL;
    json_t *where = text ? json_string(path) : NULL;

    if (!where) { /* not UTF-8: it was refused */
        json_decref(text);
        return;
    }
    journal_add(journal, json_pack("{s:o, s:o, s:I}", "control", where, "body", text, "events",
                                   (json_int_t)sim->events_total));
}

void record_steps(struct journal *journal, const struct sim *sim, unsigned steps, bool running)
{
    if (journal)
        journal_add(journal,
                    json_pack("{s:I, s:I, s:b, s:I}", "steps", (json_int_t)steps, "now", (json_int_t)sim->now,
                              "running", running, "events", (json_int_t)sim->events_total));
}

static const struct sim *platform_of(const struct sim *sim)
{
    return sim->platform ? sim->platform : sim;
}

void record_delivery(struct journal *journal, const struct sim_event *event, const struct endpoint *endpoint,
                     bool thin, bool delivered)
{
    if (journal)
        journal_add(journal,
                    json_pack("{s:s, s:s, s:s?, s:b, s:b, s:I}", "event", event->o.id, "endpoint",
                              endpoint->o.id, "account", event->sim->platform ? event->sim->account : NULL,
                              "thin", thin, "delivered", delivered, "events",
                              (json_int_t)platform_of(event->sim)->events_total));
}

void record_disabled(struct journal *journal, const struct sim *sim, const struct endpoint *endpoint)
{
    if (journal)
        journal_add(journal, json_pack("{s:s, s:I}", "disabled", endpoint->o.id, "events",
                                       (json_int_t)sim->events_total));
}

/* --- replay --- */

static void replay_api(struct sim *sim, struct api *api, json_t *record)
{
    struct api_request request = {
        .method = form_text(record, "api"),
        .path = form_text(record, "path"),
        .query = form_text(record, "query"),
        .body = form_text(record, "body"),
        .body_len = json_string_length(json_object_get(record, "body")),
        .authorization = "Bearer sk_test_replay",
        .idempotency_key = form_text(record, "key"),
        .version = form_text(record, "version"),
        .account = form_text(record, "account"),
    };
    struct api_answer answer;

    if (!request.path || !request.query || !request.body)
        return;
    sim->request_ids.state = (uint64_t)json_integer_value(json_object_get(record, "request_ids"));
    api_handle(api, &request, &answer);
    api_answer_release(&answer);
}

static void replay_control(struct control *control, json_t *record)
{
    json_t *body = json_object_get(record, "body"), *answer = NULL;
    const char *text = json_string_value(body);

    if (!text)
        return;
    (void)control_handle(control, "POST", form_text(record, "control"), text, json_string_length(body),
                         &answer);
    json_decref(answer);
}

static bool replay_delivery(struct control *control, json_t *record)
{
    const char *account = form_text(record, "account");
    struct sim *sim = account ? account_find(control->sim, account) : control->sim;
    struct sim_event *event = sim ? sim_find_type(sim, form_text(record, "event"), TYPE_EVENT) : NULL;
    struct endpoint *endpoint = sim_find_type(control->sim, form_text(record, "endpoint"), TYPE_ENDPOINT);

    return event && endpoint &&
           deliver_settle(control->deliver, event, endpoint, form_flag(record, "thin", false),
                          form_flag(record, "delivered", false));
}

static bool replay_disabled(struct control *control, json_t *record)
{
    struct endpoint *endpoint = sim_find_type(control->sim, form_text(record, "disabled"), TYPE_ENDPOINT);

    if (endpoint)
        endpoint_enable(endpoint, false);
    return endpoint != NULL;
}

static bool replay_one(struct sim *sim, struct api *api, struct control *control, json_t *record)
{
    int64_t steps, now, events;
    bool fits = true;

    if (form_text(record, "api"))
        replay_api(sim, api, record);
    else if (form_text(record, "control"))
        replay_control(control, record);
    else if (form_text(record, "disabled"))
        fits = replay_disabled(control, record);
    else if (form_text(record, "event"))
        fits = replay_delivery(control, record);
    else
        fits = form_integer(record, "steps", &steps) && form_integer(record, "now", &now) &&
               runner_replay(control->runner, (unsigned)steps, now, form_flag(record, "running", false));
    return fits && form_integer(record, "events", &events) && events == (int64_t)sim->events_total;
}

enum err replay(struct journal *journal, struct sim *sim, struct api *api, struct control *control,
                struct failure *fail)
{
    json_t *record;
    unsigned long line = 1; /* the header */
    bool fits = true;

    deliver_hold(control->deliver);
    while (fits && journal_next(journal, &record)) {
        line++;
        fits = replay_one(sim, api, control, record);
        json_decref(record);
    }
    if (!fits)
        return failf(fail, ERR_INVALID, "line %lu of the journal tells another story than this program",
                     line);
    deliver_release(control->deliver);
    return ERR_OK;
}
