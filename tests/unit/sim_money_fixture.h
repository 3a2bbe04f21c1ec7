/* A customer who pays, refunds, disputes and is billed, in a few words. Include once per test program (// rooms: sim). */
#ifndef INSTEP_TESTS_SIM_MONEY_FIXTURE_H
#define INSTEP_TESTS_SIM_MONEY_FIXTURE_H

#include "sim/serve.h"
#include "tests/unit/sim_fixture.h"

struct shop {
    struct world w;
    const char *customer, *intent, *charge, *invoice, *other; /* ids */
};

/* --- helpers --- */

__attribute__((unused)) static const char *text_at(struct shop *s, const char *path)
{
    const char *text = form_text(s->w.answer, path);

    return sim_text(s->w.sim, text ? text : "");
}

__attribute__((unused)) static void control(struct shop *s, const char *path, const char *body)
{
    struct control control = {.sim = s->w.sim};
    json_t *answer = NULL;

    s->w.status = control_handle(&control, "POST", path, body, strlen(body), &answer);
    json_decref(s->w.answer);
    s->w.answer = answer;
}

__attribute__((unused)) static void control_on(struct shop *s, const char *head, const char *id,
                                               const char *tail, const char *body)
{
    char path[200];

    (void)snprintf(path, sizeof path, "%s%s%s", head, id, tail);
    control(s, path, body);
}

__attribute__((unused)) static void dispute(struct shop *s, const char *body)
{
    control_on(s, "/sim/charges/", s->charge, "/dispute", body);
    s->other = answer_id(&s->w);
}

__attribute__((unused)) static void bank(struct shop *s, const char *body)
{
    control_on(s, "/sim/disputes/", s->other, "", body);
}

__attribute__((unused)) static void pass(struct shop *s, int64_t seconds)
{
    sim_advance(s->w.sim, s->w.sim->now + seconds);
}

__attribute__((unused)) static void forget(struct shop *s)
{
    pass(s, 30);
    s->w.mark = s->w.sim->events_total;
}

__attribute__((unused)) static void shop_open(struct shop *s)
{
    *s = (struct shop){0};
    world_open(&s->w, 1);
    s->w.sim->knobs.money_acts = 1;
    (void)ask(&s->w, "POST /v1/customers email=p%%40example.com&payment_method=pm_card_visa");
    s->customer = answer_id(&s->w);
    forget(s);
}

__attribute__((unused)) static void pay(struct shop *s, const char *more)
{
    (void)ask(&s->w, "POST /v1/payment_intents customer=%s&amount=2000&currency=usd%s", s->customer, more);
    s->intent = answer_id(&s->w);
    s->charge = text_at(s, "latest_charge");
}

__attribute__((unused)) static void charged(struct shop *s)
{
    pay(s, "&payment_method=pm_card_visa&confirm=true");
    forget(s);
}

__attribute__((unused)) static void refund(struct shop *s, const char *more)
{
    (void)ask(&s->w, "POST /v1/refunds charge=%s%s", s->charge, more);
    s->other = answer_id(&s->w);
}

__attribute__((unused)) static void owed(struct shop *s)
{
    (void)ask(&s->w, "POST /v1/invoiceitems customer=%s&amount=1000&currency=usd", s->customer);
    (void)ask(&s->w, "POST /v1/invoices customer=%s", s->customer);
    s->invoice = answer_id(&s->w);
    (void)ask(&s->w, "POST /v1/invoices/%s/finalize", s->invoice);
    forget(s);
}

__attribute__((unused)) static void settled(struct shop *s)
{
    owed(s);
    (void)ask(&s->w, "POST /v1/invoices/%s/pay expand[]=payments.data.payment.payment_intent", s->invoice);
    s->charge = sim_text(s->w.sim, form_text(json_array_get(form_at(s->w.answer, "payments.data"), 0),
                                             "payment.payment_intent.latest_charge"));
    forget(s);
}

__attribute__((unused)) static void note(struct shop *s, const char *more)
{
    (void)ask(&s->w, "POST /v1/credit_notes invoice=%s%s", s->invoice, more);
    s->other = answer_id(&s->w);
}

__attribute__((unused)) static void payment(struct shop *s, const char *body)
{
    control_on(s, "/sim/invoices/", s->invoice, "/payment", body);
}

#endif
