/* Each story of a subscription or a purchase: the events it makes, in order, and what is true afterwards. */
// rooms: sim
#include "tests/unit/sim_fixture.h"
#include "tests/unit/tap.h"

struct shop {
    struct world w;
    const char *small, *big, *yearly, *once; /* price ids */
    const char *customer, *sub, *session;
};

static const char *price(struct shop *s, const char *product, int amount, const char *more)
{
    (void)ask(&s->w, "POST /v1/prices product=%s&currency=usd&unit_amount=%d%s", product, amount, more);
    return answer_id(&s->w);
}

static void shop_open(struct shop *s)
{
    *s = (struct shop){0};
    world_open(&s->w, 1);
    (void)ask(&s->w, "POST /v1/products name=Plan");
    const char *product = answer_id(&s->w);
    s->small = price(s, product, 1000, "&recurring[interval]=month&metadata[plan_key]=small");
    s->big = price(s, product, 3000, "&recurring[interval]=month&lookup_key=big");
    s->yearly = price(s, product, 30000, "&recurring[interval]=year");
    s->once = price(s, product, 2500, "");
    s->w.mark = s->w.sim->events_total;
}

static void customer(struct shop *s, const char *card)
{
    (void)ask(&s->w, "POST /v1/customers email=p%%40example.com&metadata[user_id]=u1&payment_method=%s",
              card);
    s->customer = answer_id(&s->w);
    s->w.mark = s->w.sim->events_total;
}

static void subscribe(struct shop *s, const char *more)
{
    (void)ask(&s->w, "POST /v1/subscriptions customer=%s&items[0][price]=%s%s", s->customer, s->small, more);
    s->sub = answer_id(&s->w);
}

static const char *item(struct shop *s)
{
    (void)ask(&s->w, "GET /v1/subscriptions/%s", s->sub);
    return sim_text(s->w.sim, form_text(json_array_get(form_at(s->w.answer, "items.data"), 0), "id"));
}

static void update(struct shop *s, const char *form)
{
    (void)ask(&s->w, "POST /v1/subscriptions/%s %s", s->sub, form);
}

static void forget_events(struct shop *s)
{
    s->w.mark = s->w.sim->events_total;
}

static void pass(struct shop *s, int64_t seconds)
{
    sim_advance(s->w.sim, s->w.sim->now + seconds);
}

static void card(struct shop *s, int declines)
{
    struct customer *c = sim_find_type(s->w.sim, s->customer, TYPE_CUSTOMER);

    for (size_t i = 0; i < c->of[TYPE_PAYMENT_METHOD].count; i++)
        ((struct payment_method *)c->of[TYPE_PAYMENT_METHOD].at[i])->declines = declines;
}

static void session(struct shop *s, const char *mode, const char *price_id, const char *more)
{
    (void)ask(&s->w, "POST /v1/checkout/sessions mode=%s&line_items[0][price]=%s&line_items[0][quantity]=2%s",
              mode, price_id, more);
    s->session = answer_id(&s->w);
}

static void complete(struct shop *s, enum checkout_outcome outcome)
{
    struct checkout_person person = {.outcome = outcome, .email = "p@example.com"};
    struct refusal why;
    struct session *cs = sim_find_type(s->w.sim, s->session, TYPE_SESSION);

    (void)session_complete(s->w.sim, cs, &person, &why);
}

/* --- the stories --- */

static void paid_at_once(struct shop *s)
{
    customer(s, "pm_card_visa");
    subscribe(s, "");
}

static void trial(struct shop *s)
{
    customer(s, "pm_card_visa");
    subscribe(s, "&trial_period_days=14");
}

static void trial_then_paid(struct shop *s)
{
    trial(s);
    forget_events(s);
    pass(s, 14 * DAY + HOUR + 10);
}

static void trial_then_declined(struct shop *s)
{
    trial(s);
    card(s, -1);
    forget_events(s);
    pass(s, 14 * DAY + HOUR + 10);
}

static void trial_ended_by_api(struct shop *s)
{
    trial(s);
    pass(s, DAY);
    forget_events(s);
    update(s, "trial_end=now");
    pass(s, 10);
}

static void renewal(struct shop *s)
{
    paid_at_once(s);
    pass(s, 10);
    forget_events(s);
    pass(s, 31 * DAY + HOUR);
}

static void renewal_fails(struct shop *s)
{
    paid_at_once(s);
    card(s, -1);
    pass(s, 30 * DAY);
    forget_events(s);
    pass(s, DAY + HOUR);
}

static void retry_recovers(struct shop *s)
{
    renewal_fails(s);
    card(s, 1); /* the first retry fails too, the second works */
    forget_events(s);
    pass(s, 8 * DAY + 10);
}

static void retries_cancel(struct shop *s)
{
    renewal_fails(s);
    forget_events(s);
    pass(s, 15 * DAY);
}

static void retries_unpaid(struct shop *s)
{
    s->w.sim->knobs.dunning_end = DUNNING_UNPAID;
    renewal_fails(s);
    pass(s, 14 * DAY);
    forget_events(s);
    pass(s, DAY);
}

static void unpaid_then_paid(struct shop *s)
{
    retries_unpaid(s);
    card(s, 0);
    forget_events(s);
    (void)ask(&s->w, "GET /v1/subscriptions/%s", s->sub);
    const char *invoice = sim_text(s->w.sim, form_text(s->w.answer, "latest_invoice"));
    (void)ask(&s->w, "POST /v1/invoices/%s/pay", invoice);
}

static void declined_at_first(struct shop *s)
{
    customer(s, "pm_card_chargeDeclined");
    subscribe(s, "");
}

static void declined_then_expired(struct shop *s)
{
    declined_at_first(s);
    forget_events(s);
    pass(s, 23 * HOUR);
}

static void declined_then_paid(struct shop *s)
{
    declined_at_first(s);
    pass(s, HOUR);
    card(s, 0);
    forget_events(s);
    (void)ask(&s->w, "GET /v1/subscriptions/%s", s->sub);
    const char *invoice = sim_text(s->w.sim, form_text(s->w.answer, "latest_invoice"));
    (void)ask(&s->w, "POST /v1/invoices/%s/pay", invoice);
}

static void canceled_now(struct shop *s)
{
    paid_at_once(s);
    pass(s, 5 * DAY);
    forget_events(s);
    (void)ask(&s->w, "DELETE /v1/subscriptions/%s", s->sub);
}

static void canceled_at_period_end(struct shop *s)
{
    paid_at_once(s);
    pass(s, 10);
    forget_events(s);
    update(s, "cancel_at_period_end=true");
    pass(s, 31 * DAY);
}

static void upgrade_later(struct shop *s)
{
    char form[200];

    paid_at_once(s);
    pass(s, 31 * DAY / 2);
    (void)snprintf(form, sizeof form, "items[0][id]=%s&items[0][price]=%s", item(s), s->big);
    forget_events(s);
    update(s, form);
}

static void upgrade_now(struct shop *s)
{
    char form[200];

    paid_at_once(s);
    pass(s, 31 * DAY / 2);
    (void)snprintf(form, sizeof form, "items[0][id]=%s&items[0][price]=%s&proration_behavior=always_invoice",
                   item(s), s->big);
    forget_events(s);
    update(s, form);
}

static void downgrade_now(struct shop *s)
{
    char form[200];

    upgrade_now(s);
    (void)snprintf(form, sizeof form, "items[0][id]=%s&items[0][price]=%s&proration_behavior=always_invoice",
                   item(s), s->small);
    forget_events(s);
    update(s, form);
}

static void to_yearly(struct shop *s)
{
    char form[200];

    paid_at_once(s);
    pass(s, 31 * DAY / 2);
    (void)snprintf(form, sizeof form, "items[0][id]=%s&items[0][price]=%s", item(s), s->yearly);
    forget_events(s);
    update(s, form);
}

static void checkout_subscription(struct shop *s)
{
    session(s, "subscription", s->small, "&client_reference_id=u9");
    complete(s, CHECKOUT_PAID);
    pass(s, 10);
}

static void checkout_trial(struct shop *s)
{
    session(s, "subscription", s->small,
            "&subscription_data[trial_period_days]=7&subscription_data[metadata][user_id]=u8");
    complete(s, CHECKOUT_PAID);
}

static void checkout_once(struct shop *s)
{
    session(s, "payment", s->once, "&customer_creation=always&metadata[user_id]=u7");
    complete(s, CHECKOUT_PAID);
    pass(s, 10);
}

static void checkout_guest(struct shop *s)
{
    session(s, "payment", s->once, "");
    complete(s, CHECKOUT_PAID);
}

static void checkout_declined(struct shop *s)
{
    session(s, "payment", s->once, "");
    complete(s, CHECKOUT_DECLINED);
}

static void checkout_abandoned(struct shop *s)
{
    session(s, "payment", s->once, "");
    pass(s, DAY);
}

static void checkout_delayed(struct shop *s, bool success)
{
    struct refusal why;

    customer(s, "pm_card_visa");
    (void)ask(&s->w, "POST /v1/checkout/sessions mode=payment&line_items[0][price]=%s&customer=%s", s->once,
              s->customer);
    s->session = answer_id(&s->w);
    complete(s, CHECKOUT_UNPAID);
    (void)session_async(s->w.sim, sim_find_type(s->w.sim, s->session, TYPE_SESSION), success, &why);
}

static void checkout_async_paid(struct shop *s)
{
    checkout_delayed(s, true);
}

static void checkout_async_failed(struct shop *s)
{
    checkout_delayed(s, false);
}

static void checkout_with_invoice(struct shop *s)
{
    session(s, "payment", s->once, "&customer_creation=always&invoice_creation[enabled]=true");
    complete(s, CHECKOUT_PAID);
}

static void invoice_by_hand(struct shop *s)
{
    customer(s, "pm_card_visa");
    (void)ask(&s->w, "POST /v1/invoiceitems customer=%s&amount=777&currency=eur", s->customer);
    (void)ask(&s->w, "POST /v1/invoices customer=%s", s->customer);
    (void)ask(&s->w, "POST /v1/invoices/%s/pay", answer_id(&s->w));
}

static void customer_gone(struct shop *s)
{
    paid_at_once(s);
    pass(s, DAY);
    forget_events(s);
    (void)ask(&s->w, "DELETE /v1/customers/%s", s->customer);
}

/* Truth in one line: user, then each subscription, then each sale, then guests. free(). */
static char *summary(struct sim *sim)
{
    json_t *truth = truth_export(sim), *c, *x;
    char *text = calloc(1, 4096);
    size_t i, n;

    json_array_foreach(json_object_get(truth, "customers"), i, c)
    {
        const char *user = form_text(c, "user_id");
        sprintf(text + strlen(text), "%s%s:", user ? user : "nobody",
                json_is_true(form_at(c, "deleted")) ? " (deleted)" : "");
        json_array_foreach(json_object_get(c, "subscriptions"), n, x)
            sprintf(text + strlen(text), " %s%s%s", form_text(x, "status"),
                    json_is_true(form_at(x, "entitled")) ? "+" : "-",
                    json_is_integer(form_at(x, "grace_until")) ? "grace" : "");
        json_array_foreach(json_object_get(c, "sales"), n, x)
            sprintf(text + strlen(text), " %s=%lld", form_text(x, "kind"),
                    (long long)json_integer_value(form_at(x, "amount")));
    }
    json_array_foreach(json_object_get(truth, "guest_sales"), i, x)
        sprintf(text + strlen(text), "guest=%lld", (long long)json_integer_value(form_at(x, "amount")));
    json_decref(truth);
    return text;
}

static const struct {
    const char *name;
    void (*play)(struct shop *s);
    const char *events, *truth;
} stories[] = {
    {"paid at once", paid_at_once,
     "customer.updated invoice.created invoice.finalized payment_intent.created charge.succeeded "
     "payment_intent.succeeded invoice.paid invoice.payment_succeeded customer.subscription.created",
     "u1: active+ subscription=1000"},
    {"trial", trial,
     "customer.updated invoice.created invoice.finalized invoice.paid invoice.payment_succeeded "
     "customer.subscription.created",
     "u1: trialing+ subscription=0"},
    {"trial then paid", trial_then_paid,
     "customer.subscription.trial_will_end customer.subscription.updated invoice.created "
     "invoice.finalized payment_intent.created charge.succeeded payment_intent.succeeded invoice.paid "
     "invoice.payment_succeeded charge.updated",
     "u1: active+ subscription=1000 subscription=0"},
    {"trial then declined", trial_then_declined,
     "customer.subscription.trial_will_end customer.subscription.updated invoice.created invoice.finalized "
     "payment_intent.created charge.failed payment_intent.payment_failed invoice.payment_failed "
     "invoice.updated customer.updated customer.subscription.updated",
     "u1: past_due+grace subscription=0"},
    {"trial ended by api", trial_ended_by_api,
     "invoice.created customer.subscription.updated invoice.finalized payment_intent.created "
     "charge.succeeded payment_intent.succeeded invoice.paid invoice.payment_succeeded charge.updated "
     "invoice_payment.paid",
     "u1: active+ subscription=1000 subscription=0"},
    {"renewal", renewal,
     "invoice.upcoming customer.subscription.updated invoice.created invoice.finalized "
     "payment_intent.created charge.succeeded payment_intent.succeeded invoice.paid "
     "invoice.payment_succeeded charge.updated",
     "u1: active+ subscription=1000 subscription=1000"},
    {"renewal fails", renewal_fails,
     "customer.subscription.updated invoice.created invoice.finalized payment_intent.created charge.failed "
     "payment_intent.payment_failed invoice.payment_failed invoice.updated customer.updated "
     "customer.subscription.updated",
     "u1: past_due+grace subscription=1000"},
    {"retry recovers", retry_recovers,
     "charge.failed payment_intent.payment_failed invoice.payment_failed invoice.updated "
     "charge.succeeded payment_intent.succeeded invoice.paid invoice.payment_succeeded "
     "customer.updated customer.subscription.updated charge.updated",
     "u1: active+ subscription=1000 subscription=1000"},
    {"retries cancel", retries_cancel,
     "charge.failed payment_intent.payment_failed invoice.payment_failed invoice.updated charge.failed "
     "payment_intent.payment_failed invoice.payment_failed invoice.updated charge.failed "
     "payment_intent.payment_failed invoice.payment_failed invoice.updated customer.subscription.deleted "
     "invoice.updated",
     "u1: canceled- subscription=1000"},
    {"retries unpaid", retries_unpaid,
     "charge.failed payment_intent.payment_failed invoice.payment_failed invoice.updated "
     "customer.subscription.updated",
     "u1: unpaid- subscription=1000"},
    {"unpaid then paid", unpaid_then_paid,
     "charge.succeeded payment_intent.succeeded invoice.paid invoice.payment_succeeded "
     "customer.updated customer.subscription.updated",
     "u1: active+ subscription=1000 subscription=1000"},
    {"declined at first", declined_at_first,
     "customer.updated invoice.created invoice.finalized payment_intent.created charge.failed "
     "payment_intent.payment_failed invoice.payment_failed invoice.updated customer.updated "
     "customer.subscription.created",
     "u1: incomplete-"},
    {"declined then expired", declined_then_expired,
     "payment_intent.canceled invoice.voided customer.subscription.updated", "u1: incomplete_expired-"},
    {"declined then paid", declined_then_paid,
     "charge.succeeded payment_intent.succeeded invoice.paid invoice.payment_succeeded "
     "customer.updated customer.subscription.updated",
     "u1: active+ subscription=1000"},
    {"canceled now", canceled_now, "customer.subscription.deleted", "u1: canceled- subscription=1000"},
    {"canceled at period end", canceled_at_period_end,
     "customer.subscription.updated customer.subscription.deleted", "u1: canceled- subscription=1000"},
    {"upgrade later", upgrade_later, "invoiceitem.created invoiceitem.created customer.subscription.updated",
     "u1: active+ subscription=1000"},
    {"upgrade now", upgrade_now,
     "invoiceitem.created invoiceitem.created invoice.created customer.subscription.updated "
     "invoice.finalized payment_intent.created charge.succeeded payment_intent.succeeded invoice.paid "
     "invoice.payment_succeeded",
     "u1: active+ subscription=1000 subscription=1000"},
    {"downgrade now", downgrade_now,
     "invoiceitem.created invoiceitem.created invoice.created customer.subscription.updated customer.updated "
     "invoice.finalized invoice.paid invoice.payment_succeeded",
     "u1: active+ subscription=1000 subscription=1000 subscription=0"},
    {"to yearly", to_yearly,
     "invoiceitem.created invoice.created customer.subscription.updated invoice.finalized "
     "payment_intent.created charge.succeeded payment_intent.succeeded invoice.paid "
     "invoice.payment_succeeded",
     "u1: active+ subscription=29500 subscription=1000"},
    {"checkout subscription", checkout_subscription,
     "customer.created payment_method.attached customer.updated payment_intent.created "
     "charge.succeeded payment_intent.succeeded customer.updated invoice.created invoice.finalized "
     "invoice.paid invoice.payment_succeeded customer.subscription.created checkout.session.completed "
     "charge.updated invoice_payment.paid",
     "u9: active+ subscription=2000"},
    {"checkout trial", checkout_trial,
     "customer.created payment_method.attached customer.updated customer.updated invoice.created "
     "invoice.finalized invoice.paid invoice.payment_succeeded customer.subscription.created "
     "checkout.session.completed",
     "u8: trialing+ subscription=0"},
    {"checkout once", checkout_once,
     "customer.created payment_method.attached payment_intent.created charge.succeeded "
     "payment_intent.succeeded checkout.session.completed charge.updated",
     "u7: one_time=5000"},
    {"checkout guest", checkout_guest,
     "payment_intent.created charge.succeeded payment_intent.succeeded checkout.session.completed",
     "guest=5000"},
    {"checkout declined", checkout_declined,
     "payment_intent.created charge.failed payment_intent.payment_failed", ""},
    {"checkout abandoned", checkout_abandoned, "checkout.session.expired", ""},
    {"checkout async paid", checkout_async_paid,
     "payment_method.attached payment_intent.created payment_intent.processing charge.pending "
     "checkout.session.completed charge.succeeded payment_intent.succeeded "
     "checkout.session.async_payment_succeeded",
     "u1: one_time=2500"},
    {"checkout async failed", checkout_async_failed,
     "payment_method.attached payment_intent.created payment_intent.processing charge.pending "
     "checkout.session.completed charge.failed payment_intent.payment_failed "
     "checkout.session.async_payment_failed",
     "u1:"},
    {"checkout with invoice", checkout_with_invoice,
     "customer.created payment_method.attached payment_intent.created charge.succeeded "
     "payment_intent.succeeded customer.updated invoice.created invoice.finalized invoice.paid "
     "invoice.payment_succeeded checkout.session.completed",
     "nobody: one_time=5000"},
    {"invoice by hand", invoice_by_hand,
     "invoiceitem.created customer.updated invoice.created invoice.finalized payment_intent.created "
     "charge.succeeded payment_intent.succeeded invoice.paid invoice.payment_succeeded",
     "u1: invoice=777"},
    {"customer gone", customer_gone, "customer.subscription.deleted customer.deleted",
     "u1 (deleted): canceled- subscription=1000"},
};

int main(void)
{
    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
        struct shop s;
        shop_open(&s);
        stories[i].play(&s);
        char *events = new_events(&s.w);
        char *truth = summary(s.w.sim);
        if (!tap_ok(strcmp(events, stories[i].events) == 0, "%s: the events", stories[i].name))
            tap_note("got: %s", events);
        if (!tap_ok(strcmp(truth, stories[i].truth) == 0, "%s: %s", stories[i].name, stories[i].truth))
            tap_note("got: %s", truth);
        free(events);
        free(truth);
        world_close(&s.w);
    }
    return tap_done();
}
