#include "sim/checkout.h"

#include <string.h>

#include "sim/discount.h"
#include "sim/events.h"
#include "sim/render.h"

static bool is_mode(const struct session *cs, const char *mode)
{
    return strcmp(cs->mode, mode) == 0;
}

static bool order_is_valid(const struct session_order *order, struct refusal *why)
{
    bool subscription = strcmp(order->mode, "subscription") == 0;
    bool recurring = false;

    if (order->customer && order->customer->deleted)
        return refuse(why, 400, "resource_missing", "customer", "No such customer: '%s'",
                      order->customer->o.id);
    if (strcmp(order->mode, "setup") == 0)
        return true;
    if (!order->lines_count)
        return refuse(why, 400, "parameter_missing", "line_items", "Missing required param: line_items.");
    for (unsigned i = 0; i < order->lines_count; i++) {
        recurring = recurring || order->lines[i].price->interval;
        if (strcmp(order->lines[i].price->currency, order->lines[0].price->currency) != 0)
            return refuse(why, 400, NULL, "line_items", "All prices must have the same currency.");
        if (subscription && !order->lines[i].price->interval)
            return refuse(why, 400, NULL, "line_items",
                          "One-time prices in `subscription` mode are not simulated.");
    }
    if (order->discounts.count && order->allow_promotion_codes)
        return refuse(why, 400, NULL, NULL,
                      "You may only specify one of these parameters: allow_promotion_codes, discounts.");
    if (order->discounts.count > 1)
        return refuse(why, 400, NULL, "discounts", "A Checkout Session takes one discount.");
    if (recurring && !subscription)
        return refuse(why, 400, NULL, "mode",
                      "You specified `payment` mode but passed a recurring price. Either switch to "
                      "`subscription` mode or use only one-time prices.");
    return true;
}

static int64_t order_subtotal(const struct session_order *order)
{
    int64_t sum = 0;

    for (unsigned i = 0; i < order->lines_count; i++)
        sum += order->lines[i].price->unit_amount * order->lines[i].quantity;
    return sum;
}

bool session_create(struct sim *sim, const struct session_order *order, struct session **ret_session,
                    struct refusal *why)
{
    if (!order_is_valid(order, why))
        return false;
    if (order->discounts.count &&
        !discounts_are_redeemable(sim, &order->discounts, order->customer, order->lines[0].price->currency,
                                  order_subtotal(order), why))
        return false;
    struct session *cs = sim_object(sim, TYPE_SESSION, sizeof *cs);
    cs->customer = order->customer;
    cs->mode = order->mode;
    cs->status = "open";
    cs->payment_status = strcmp(order->mode, "setup") == 0 ? "no_payment_required" : "unpaid";
    cs->client_reference_id = sim_text(sim, order->client_reference_id);
    cs->customer_email = sim_text(sim, order->customer_email);
    cs->success_url = sim_text(sim, order->success_url);
    cs->cancel_url = sim_text(sim, order->cancel_url);
    cs->customer_always = order->customer_always || strcmp(order->mode, "subscription") == 0;
    cs->invoice_creation = order->invoice_creation;
    cs->trial_days = order->trial_days;
    cs->trial_end = order->trial_end;
    cs->lines_count = order->lines_count;
    memcpy(cs->lines, order->lines, sizeof cs->lines);
    cs->currency = cs->lines_count ? cs->lines[0].price->currency : NULL;
    cs->allow_promotion_codes = order->allow_promotion_codes;
    cs->discounts = order->discounts;
    session_total_up(cs);
    cs->expires_at = order->expires_at ? order->expires_at : sim->now + DAY;
    if (order->metadata)
        metadata_merge(&cs->o, order->metadata);
    if (order->subscription_metadata)
        cs->subscription_metadata = sim_json(json_deep_copy(order->subscription_metadata));
    if (cs->customer)
        list_push(sim, &cs->customer->of[TYPE_SESSION], &cs->o);
    sim_book(sim, cs->expires_at, DUE_SESSION_EXPIRE, cs, 0);
    *ret_session = cs;
    return true;
}

/* The person becomes a customer, if the session asks for one and had none. */
static void meet_customer(struct sim *sim, struct session *cs)
{
    if (cs->customer || !cs->customer_always)
        return;
    struct customer *c = sim_object(sim, TYPE_CUSTOMER, sizeof *c);
    c->email = cs->email ? cs->email : cs->customer_email;
    cs->customer = c;
    list_push(sim, &c->of[TYPE_SESSION], &cs->o);
    emit(sim, "customer.created", &c->o);
}

static struct payment_method *take_card(struct sim *sim, struct session *cs)
{
    struct payment_method *pm = payment_method_create(sim, cs->customer, 0);

    if (cs->customer && !cs->customer->payment_method && !is_mode(cs, "payment")) {
        json_t *before = render_object(sim, &cs->customer->o);
        cs->customer->payment_method = pm;
        emit_updated(sim, "customer.updated", &cs->customer->o, before);
    }
    return pm;
}

static void finish(struct sim *sim, struct session *cs, const char *payment_status)
{
    cs->status = "complete";
    cs->payment_status = payment_status;
    emit(sim, "checkout.session.completed", &cs->o);
}

/* invoice_creation: the paid session also gets an invoice that documents it. */
static void document(struct sim *sim, struct session *cs)
{
    if (!cs->invoice_creation || !cs->customer)
        return;
    for (unsigned i = 0; i < cs->lines_count; i++) {
        const struct session_line *line = &cs->lines[i];
        struct invoiceitem *ii =
            invoiceitem_create(sim, cs->customer, cs->currency, line->price->unit_amount * line->quantity,
                               line->price->product->name);
        ii->price = line->price;
        ii->quantity = line->quantity;
    }
    cs->invoice = invoice_create(sim, cs->customer, NULL, "manual", cs->currency);
    cs->invoice->for_session = true;
    cs->invoice->starting_balance = 0;
    cs->invoice->discounts = cs->redeemed;
    invoice_take_pending(sim, cs->invoice);
    invoice_announce(sim, cs->invoice);
    invoice_finalize(sim, cs->invoice);
    if (cs->invoice->status == INVOICE_OPEN)
        invoice_pay_with(sim, cs->invoice, cs->intent);
}

static bool complete_payment(struct sim *sim, struct session *cs, const struct checkout_person *person)
{
    meet_customer(sim, cs);
    for (unsigned i = 0; i < cs->discounts.count; i++) {
        struct discount *d = discount_redeem(sim, &cs->discounts.at[i], cs->customer);
        d->session = cs;
        d->end = 0;
        list_push(sim, &cs->redeemed, &d->o);
    }
    if (!cs->amount_total) {
        finish(sim, cs, "no_payment_required");
        return true;
    }
    struct payment_method *pm = take_card(sim, cs);
    cs->intent = intent_create(sim, cs->customer, cs->amount_total, cs->currency);
    cs->intent->session = cs;
    cs->intent->presentment_currency = sim_text(sim, person->presentment_currency);
    cs->intent->presentment_amount = person->presentment_amount;
    if (person->outcome == CHECKOUT_UNPAID) {
        cs->intent->payment_method = pm;
        intent_process(sim, cs->intent);
        finish(sim, cs, "unpaid");
        return true;
    }
    (void)intent_charge(sim, cs->intent, pm);
    document(sim, cs);
    finish(sim, cs, "paid");
    pm->declines = person->declines;
    return true;
}

static bool complete_subscription(struct sim *sim, struct session *cs, const struct checkout_person *person,
                                  struct refusal *why)
{
    struct subscription_order order = {.metadata = cs->subscription_metadata, .discounts = cs->discounts};
    bool trial = cs->trial_days || cs->trial_end;

    meet_customer(sim, cs);
    struct payment_method *pm = take_card(sim, cs);
    int64_t due = cs->amount_total + customer_balance(sim, cs->customer, cs->currency)->amount;
    order.customer = cs->customer;
    order.payment_method = pm;
    order.items_count = cs->lines_count;
    for (unsigned i = 0; i < cs->lines_count; i++) {
        order.items[i].price = cs->lines[i].price;
        order.items[i].quantity = cs->lines[i].quantity;
    }
    if (trial) {
        order.trial_end = cs->trial_end > sim->now ? cs->trial_end : sim->now + cs->trial_days * DAY;
    } else if (due > 0) {
        order.paid_by = intent_create(sim, cs->customer, due, cs->currency);
        (void)intent_charge(sim, order.paid_by, pm);
    }
    if (!subscription_create(sim, &order, &cs->subscription, why))
        return false;
    cs->invoice = subscription_latest_invoice(cs->subscription);
    finish(sim, cs, trial ? "no_payment_required" : "paid");
    pm->declines = person->declines;
    return true;
}

static bool complete_setup(struct sim *sim, struct session *cs)
{
    struct setup_intent *si = sim_object(sim, TYPE_SETUP_INTENT, sizeof *si);

    meet_customer(sim, cs);
    si->customer = cs->customer;
    si->payment_method = take_card(sim, cs);
    si->status = "succeeded";
    cs->setup_intent = si;
    emit(sim, "setup_intent.created", &si->o);
    emit(sim, "setup_intent.succeeded", &si->o);
    finish(sim, cs, "no_payment_required");
    return true;
}

/* The code the person typed (NULL: none) becomes the session's; all that it has must still be good. */
static bool redeem_code(struct sim *sim, struct session *cs, const char *typed, struct refusal *why)
{
    struct discount_wishes wishes = cs->discounts;

    if (typed) {
        struct promotion_code *code = promotion_code_typed(sim, typed);
        if (!cs->allow_promotion_codes || is_mode(cs, "setup"))
            return refuse(why, 400, NULL, NULL, "The session takes no promotion codes.");
        if (!code)
            return refuse(why, 400, NULL, NULL, "This code is invalid.");
        wishes =
            (struct discount_wishes){.at[0] = {.coupon = code->coupon, .promotion_code = code}, .count = 1};
    }
    if (!discounts_are_redeemable(sim, &wishes, cs->customer, cs->currency, cs->amount_subtotal, why))
        return false;
    cs->discounts = wishes;
    session_total_up(cs);
    return true;
}

bool session_complete(struct sim *sim, struct session *cs, const struct checkout_person *person,
                      struct refusal *why)
{
    if (strcmp(cs->status, "open") != 0)
        return refuse(why, 400, NULL, NULL, "The session is %s, not open.", cs->status);
    if (cs->customer && cs->customer->deleted)
        return refuse(why, 400, "resource_missing", "customer", "The session's customer was deleted.");
    if (person->outcome == CHECKOUT_UNPAID && !is_mode(cs, "payment"))
        return refuse(why, 400, NULL, NULL, "Only sessions in payment mode can complete unpaid here.");
    if (!redeem_code(sim, cs, person->promotion_code, why))
        return false;
    if (person->email && !cs->email)
        cs->email = sim_text(sim, person->email);
    if (person->outcome == CHECKOUT_DECLINED) {
        struct intent *pi =
            intent_create(sim, cs->customer, cs->amount_total, cs->currency ? cs->currency : "usd");
        (void)intent_charge(sim, pi, payment_method_create(sim, NULL, -1));
        return true;
    }
    if (is_mode(cs, "payment"))
        return complete_payment(sim, cs, person);
    if (is_mode(cs, "subscription"))
        return complete_subscription(sim, cs, person, why);
    return complete_setup(sim, cs);
}

bool session_async(struct sim *sim, struct session *cs, bool success, struct refusal *why)
{
    if (!cs->intent || strcmp(cs->intent->status, "processing") != 0)
        return refuse(why, 400, NULL, NULL, "The session has no payment under way.");
    intent_settle(sim, cs->intent, success);
    if (success) {
        cs->payment_status = "paid";
        document(sim, cs);
    }
    emit(sim, success ? "checkout.session.async_payment_succeeded" : "checkout.session.async_payment_failed",
         &cs->o);
    return true;
}

bool session_expire(struct sim *sim, struct session *cs, struct refusal *why)
{
    if (strcmp(cs->status, "open") != 0)
        return refuse(why, 400, NULL, NULL,
                      "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout "
                      "Session has a status of %s.",
                      cs->status);
    cs->status = "expired";
    emit(sim, "checkout.session.expired", &cs->o);
    return true;
}

void due_session_expire(struct sim *sim, void *target, unsigned arg)
{
    struct refusal ignored;

    (void)arg;
    (void)session_expire(sim, target, &ignored);
}
