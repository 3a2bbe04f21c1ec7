#include "tests/replay/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/replay/reading.h"
#include "worker/catalogue.h"
#include "worker/plan.h"
#include "worker/resolve.h"
#include "worker/turn_json.h"

static void end(struct pass *pass, enum pass_end how, const char *why)
{
    pass->end = how;
    (void)snprintf(pass->why, sizeof pass->why, "%s", why);
}

static void out_of_memory(void)
{
    give_up("out of memory");
}

static void turn_fill(struct pass *pass, const struct pass_about *about)
{
    struct turn *turn = &pass->turn;
    size_t account_len = strcspn(about->key, ":");

    turn->env = about->env;
    turn->lease.attempts = about->attempt;
    turn->lease.lane = QUEUE_WEBHOOK;
    (void)snprintf(turn->lease.key, sizeof turn->lease.key, "%s", about->key);
    (void)memcpy(turn->account, about->key, account_len);
    turn->subject = turn->lease.key + account_len + 1;
    turn->started_ms = (about->world->sim->now + about->skew_s) * 1000;
    turn->events = calloc(about->count + 1, sizeof *turn->events);
    turn->objects = json_array();
    turn->missing = json_array();
    turn->seeds = json_array();
    turn->context = "";
    if (!turn->events || !turn->objects || !turn->missing || !turn->seeds)
        out_of_memory();
    for (size_t i = 0; i < about->count; i++) {
        bool seen = false;
        for (size_t j = 0; j < turn->events_count && !seen; j++)
            seen = !strcmp(turn->events[j]->event_id, about->hints[i]->envelope.event_id);
        if (!seen)
            turn->events[turn->events_count++] = &about->hints[i]->envelope;
    }
    env_uuid(turn->uuid);
    env_uuid(turn->claim);
}

void pass_claim(struct pass *pass, const struct pass_about *about)
{
    struct turn *turn = &pass->turn;
    bool all_applied = false;
    char *ids, *answer;

    *pass = (struct pass){.ledger = about->ledger, .world = about->world};
    turn_fill(pass, about);
    ledger_set_clock(about->ledger, about->world->sim->now);
    ids = turn_json_event_ids(turn);
    const char *params[] = {turn->account, turn->subject, turn->claim, ids, turn->env->name};
    answer = ledger_ask(about->ledger,
                        "SELECT ops.claim_customer($1, $2, $3::uuid, "
                        "ARRAY(SELECT jsonb_array_elements_text($4::jsonb)), $5)",
                        5, params);
    if (!answer)
        end(pass, PASS_FAILED, about->ledger->error);
    else if (turn_json_read_claim(turn, answer, &all_applied) != ERR_OK)
        end(pass, PASS_FAILED, "the claim's answer is not understood");
    else if (all_applied)
        pass->end = PASS_ALREADY;
    free(answer);
    free(ids);
}

/* ---- route ---- */

static void take(struct pass *pass, const struct reading *reading)
{
    if (json_array_extend(pass->turn.objects, reading->found.objects) != 0 ||
        json_array_extend(pass->turn.missing, reading->found.missing) != 0)
        out_of_memory();
}

/* A guest's session or charge is what the ledger books from; the rest is only the way there. */
static void keep(struct pass *pass, const struct reading *reading)
{
    struct turn *turn = &pass->turn;
    enum read_kind kind = turn->walk.next.kind;
    bool seed = (kind == READ_SESSION || kind == READ_CHARGE) && !strcmp(turn->walk.next.id, turn->subject);

    if ((seed && json_array_extend(turn->seeds, reading->found.objects) != 0) ||
        json_array_extend(turn->missing, reading->found.missing) != 0)
        out_of_memory();
}

static void route_remember(struct pass *pass)
{
    struct turn *turn = &pass->turn;
    const char *params[] = {turn->account, turn->subject, turn->claim, turn->routed_to,
                            *turn->routed_user ? turn->routed_user : 0};
    char *answer = ledger_ask(pass->ledger, "SELECT ops.route_object($1, $2, $3::uuid, $4, $5)", 5, params);

    if (!answer)
        end(pass, PASS_FAILED, pass->ledger->error);
    else if (*answer != 't')
        pass->end = PASS_FENCED;
    else
        pass->end = PASS_MOVED;
    free(answer);
}

/* One step of the walk; the answer says whether there is another. */
static enum resolve_answer route_step(struct pass *pass)
{
    struct turn *turn = &pass->turn;
    struct plan plan = {.reads = &turn->walk.next, .count = 1};
    enum resolve_answer answer = RESOLVE_NOBODY;
    struct reading reading;
    json_t *body;

    if (!reading_do(&reading, pass, &plan, true))
        return RESOLVE_NOBODY;
    body = read_is_list(turn->walk.next.kind) ? json_pack("{s:O}", "data", reading.found.objects)
                                              : json_incref(json_array_get(reading.found.objects, 0));
    keep(pass, &reading);
    if (body)
        answer = resolve_step(&turn->walk, body, turn->routed_to);
    json_decref(body);
    reading_release(&reading);
    return answer;
}

static void route_walk(struct pass *pass)
{
    struct turn *turn = &pass->turn;
    enum resolve_answer answer = RESOLVE_READ;

    for (unsigned steps = 0; answer == RESOLVE_READ; steps++) {
        if (steps == RESOLVE_STEPS_MAX) {
            end(pass, PASS_FAILED, "no customer after so many reads");
            return;
        }
        answer = route_step(pass);
    }
    if (answer == RESOLVE_NOBODY || pass->end != PASS_UNDER_WAY)
        return;
    if (!strcmp(turn->routed_to, turn->subject))
        *turn->routed_to = 0;
    else if (answer == RESOLVE_BARE)
        pass->end = PASS_MOVED; /* not remembered: a session may still name it */
    else
        route_remember(pass);
}

static void route(struct pass *pass)
{
    struct turn *turn = &pass->turn;
    const char *type = "";

    if (turn->is_customer)
        return;
    if (*turn->routed_to) {
        pass->end = PASS_MOVED;
        return;
    }
    if (!turn_needs(turn))
        return;
    for (size_t i = 0; i < turn->events_count && !*type; i++)
        if (!strcmp(turn->events[i]->object_id, turn->subject))
            type = turn->events[i]->object_type;
    for (size_t i = 0; i < turn->owed_count && !*type; i++)
        if (!strcmp(turn->owed[i].object_id, turn->subject))
            type = turn->owed[i].object_type;
    if (resolve_start(&turn->walk, turn->env->api_version, type, turn->subject) == RESOLVE_READ)
        route_walk(pass);
}

/* ---- read and apply ---- */

static void fetch(struct pass *pass)
{
    struct turn *turn = &pass->turn;
    struct plan_input input = {.version = turn->env->api_version,
                               .subject = turn->subject,
                               .is_customer = turn->is_customer,
                               .is_missing = json_array_size(turn->missing) > 0,
                               .known = turn->known,
                               .events = turn->events,
                               .events_count = turn->events_count,
                               .wants = turn->wants,
                               .wants_count = turn->wants_count,
                               .owed = turn->owed,
                               .owed_count = turn->owed_count,
                               .has_user = turn->has_user,
                               .invoices_since = turn->invoices_since,
                               .sessions_since = turn->sessions_since,
                               .charges_since = turn->charges_since};
    struct reading reading;
    struct plan plan;

    if (plan_make(&input, &plan) != ERR_OK)
        out_of_memory();
    if (plan.count && reading_do(&reading, pass, &plan, false)) {
        take(pass, &reading);
        turn->complete = reading.found.complete;
        reading_release(&reading);
    }
    plan_release(&plan);
}

void pass_read(struct pass *pass)
{
    struct turn *turn = &pass->turn;
    int64_t skew_ms = turn->started_ms - pass->world->sim->now * 1000;

    if (pass->end == PASS_UNDER_WAY)
        route(pass);
    if (pass->end == PASS_MOVED)
        (void)snprintf(pass->moved_to, sizeof pass->moved_to, "%s:%s", turn->account, turn->routed_to);
    if (pass->end == PASS_UNDER_WAY)
        fetch(pass);
    turn->fetched_ms = pass->world->sim->now * 1000 + skew_ms;
}

void pass_apply(struct pass *pass)
{
    char *text, *answer;
    const char *params[1], *said;
    json_t *root;

    if (pass->end != PASS_UNDER_WAY)
        return;
    ledger_set_clock(pass->ledger, pass->world->sim->now);
    params[0] = text = turn_json_apply(&pass->turn);
    if (!text)
        out_of_memory();
    answer = ledger_ask(pass->ledger, "SELECT ledger.apply_turn($1::jsonb)", 1, params);
    if (!answer) {
        end(pass, PASS_FAILED, pass->ledger->error);
    } else {
        root = json_loads(answer, 0, NULL);
        said = json_string_value(json_object_get(root, "outcome"));
        pass->entries = (int)json_integer_value(json_object_get(root, "entries"));
        pass->end = said && !strcmp(said, "applied")  ? PASS_APPLIED
                    : said && !strcmp(said, "fenced") ? PASS_FENCED
                                                      : PASS_FAILED;
        json_decref(root);
    }
    if (pass->end == PASS_APPLIED && pass->ledger->inside && !ledger_check(pass->ledger))
        end(pass, PASS_FAILED, pass->ledger->error);
    /* What may be undone is not remembered: then each turn reads what it needs. */
    if (pass->end == PASS_APPLIED && !pass->ledger->inside)
        catalogue_learn(&pass->turn.env->catalogue, pass->turn.account, pass->turn.objects,
                        pass->turn.missing);
    free(answer);
    free(text);
}

void pass_fail(struct pass *pass, const char *shelf, bool bury)
{
    struct turn *turn = &pass->turn;
    const char *params[1];
    char *text, *answer;

    turn->bury = bury;
    (void)snprintf(turn->text, sizeof turn->text, "made to fail");
    params[0] = text = turn_json_failure(turn, shelf, turn->started_ms);
    answer = text ? ledger_ask(pass->ledger, "SELECT ops.fail_turn($1::jsonb)", 1, params) : NULL;
    if (!answer)
        give_up("ops.fail_turn: %s", pass->ledger->error);
    free(answer);
    free(text);
}

void pass_release(struct pass *pass)
{
    json_decref(pass->turn.objects);
    json_decref(pass->turn.missing);
    json_decref(pass->turn.seeds);
    free(pass->turn.wants);
    free(pass->turn.owed);
    free(pass->turn.events);
    pass->turn = (struct turn){.env = NULL};
}
