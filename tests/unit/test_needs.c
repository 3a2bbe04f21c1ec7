/* What each of Stripe's event types makes a turn look at: the decision about every one of them. */
// rooms: worker
#include <stdio.h>
#include <string.h>

#include "tests/unit/tap.h"
#include "worker/plan.h"

#define EVENT_TYPES 275 /* snapshot types of 2026-10-28.endive */

static const struct {
    unsigned needs;
    const char *types; /* separated by spaces */
} decisions[] = {
    /* subscriptions and what was billed */
    {PLAN_STATE,
     "customer.subscription.created customer.subscription.deleted customer.subscription.paused "
     "customer.subscription.pending_update_applied customer.subscription.pending_update_expired "
     "customer.subscription.resumed customer.subscription.trial_will_end customer.subscription.updated "
     "subscription_schedule.aborted subscription_schedule.canceled subscription_schedule.completed "
     "subscription_schedule.created subscription_schedule.expiring subscription_schedule.released "
     "subscription_schedule.updated"},
    /* the discounts of the subscriptions */
    {PLAN_SUBSCRIPTIONS, "customer.discount.created customer.discount.deleted customer.discount.updated"},
    /* the customer too */
    {PLAN_STATE | PLAN_CUSTOMER, "customer.created customer.deleted customer.updated"},
    /* the invoice, should no list reach it */
    {PLAN_STATE | PLAN_NAMED,
     "invoice.created invoice.deleted invoice.finalization_failed invoice.finalized "
     "invoice.marked_uncollectible invoice.overdue invoice.overpaid invoice.paid "
     "invoice.payment_action_required invoice.payment_attempt_required invoice.payment_failed "
     "invoice.payment_succeeded invoice.sent invoice.updated invoice.voided invoice.will_be_due"},
    /* money came, or may not */
    {PLAN_STATE | PLAN_SESSIONS | PLAN_CHARGES | PLAN_NAMED,
     "charge.captured charge.expired charge.failed charge.pending charge.succeeded invoice_payment.paid"},
    /* a checkout */
    {PLAN_STATE | PLAN_SESSIONS | PLAN_NAMED,
     "checkout.session.async_payment_failed checkout.session.async_payment_succeeded "
     "checkout.session.completed checkout.session.expired"},
    /* money came */
    {PLAN_STATE | PLAN_SESSIONS | PLAN_CHARGES, "payment_intent.succeeded"},
    /* what became of money that is known */
    {PLAN_NAMED,
     "charge.dispute.closed charge.dispute.created charge.dispute.funds_reinstated "
     "charge.dispute.funds_withdrawn charge.dispute.updated charge.refund.updated charge.refunded "
     "charge.updated credit_note.created credit_note.updated credit_note.voided refund.created "
     "refund.failed refund.updated"},
    /* the catalogue */
    {PLAN_CATALOGUE,
     "coupon.created coupon.deleted coupon.updated plan.created plan.deleted plan.updated price.created "
     "price.deleted price.updated product.created product.deleted product.updated"},
    /* the catalogue; a customer's own code */
    {PLAN_CATALOGUE | PLAN_SUBSCRIPTIONS, "promotion_code.created promotion_code.updated"},
    /* no rule, but somebody's */
    {PLAN_OWNER,
     "application_fee.created application_fee.refund.updated application_fee.refunded "
     "billing.credit_balance_transaction.created mandate.updated radar.early_fraud_warning.created "
     "radar.early_fraud_warning.updated reserve.hold.created reserve.hold.updated review.closed "
     "review.opened source.mandate_notification source.transaction.created source.transaction.updated "
     "three_d_secure.authentication.canceled three_d_secure.authentication.challenge_started "
     "three_d_secure.authentication.errored three_d_secure.authentication.failed "
     "three_d_secure.authentication.requires_challenge "
     "three_d_secure.authentication.requires_submission three_d_secure.authentication.succeeded"},
    /* no rule */
    {PLAN_NOTHING,
     "account.application.authorized account.application.deauthorized account.external_account.created "
     "account.external_account.deleted account.external_account.updated account.updated "
     "apps.install.created apps.install.deleted apps.install.updated balance.available "
     "balance_settings.updated billing.alert.triggered billing.credit_grant.created "
     "billing.credit_grant.updated billing.meter.created billing.meter.deactivated "
     "billing.meter.reactivated billing.meter.updated billing_portal.configuration.created "
     "billing_portal.configuration.updated billing_portal.session.created capability.updated "
     "cash_balance.funds_available climate.order.canceled climate.order.created climate.order.delayed "
     "climate.order.delivered climate.order.product_substituted climate.product.created "
     "climate.product.pricing_updated customer.source.created customer.source.deleted "
     "customer.source.expiring customer.source.updated customer.tax_id.created customer.tax_id.deleted "
     "customer.tax_id.updated customer_cash_balance_transaction.created "
     "entitlements.active_entitlement_summary.updated file.created "
     "financial_connections.account.account_numbers_updated financial_connections.account.created "
     "financial_connections.account.deactivated financial_connections.account.disconnected "
     "financial_connections.account.expected_deactivation_date_updated "
     "financial_connections.account.reactivated financial_connections.account.refreshed_balance "
     "financial_connections.account.refreshed_ownership "
     "financial_connections.account.refreshed_transactions "
     "financial_connections.account.supported_payment_method_types_updated "
     "financial_connections.account.upcoming_account_number_expiry "
     "financial_connections.account.upcoming_deactivation "
     "financial_connections.authorization.expected_deactivation_date_updated "
     "financial_connections.authorization.upcoming_deactivation identity.verification_session.canceled "
     "identity.verification_session.created identity.verification_session.processing "
     "identity.verification_session.redacted identity.verification_session.requires_input "
     "identity.verification_session.verified invoice.upcoming invoiceitem.created invoiceitem.deleted "
     "issuing_authorization.created issuing_authorization.request issuing_authorization.updated "
     "issuing_card.created issuing_card.updated issuing_cardholder.created issuing_cardholder.updated "
     "issuing_dispute.closed issuing_dispute.created issuing_dispute.funds_reinstated "
     "issuing_dispute.funds_rescinded issuing_dispute.submitted issuing_dispute.updated "
     "issuing_personalization_design.activated issuing_personalization_design.deactivated "
     "issuing_personalization_design.rejected issuing_personalization_design.updated "
     "issuing_token.created issuing_token.updated issuing_transaction.created "
     "issuing_transaction.purchase_details_receipt_updated issuing_transaction.updated "
     "payment_intent.amount_capturable_updated payment_intent.canceled payment_intent.created "
     "payment_intent.partially_funded payment_intent.payment_failed payment_intent.processing "
     "payment_intent.requires_action payment_link.created payment_link.updated payment_method.attached "
     "payment_method.automatically_updated payment_method.detached payment_method.updated "
     "payout.canceled payout.created payout.failed payout.paid payout.reconciliation_completed "
     "payout.updated person.created person.deleted person.updated quote.accepted quote.canceled "
     "quote.created quote.finalized reporting.report_run.failed reporting.report_run.succeeded "
     "reporting.report_type.updated reserve.plan.created reserve.plan.disabled reserve.plan.expired "
     "reserve.plan.updated reserve.release.created setup_intent.canceled setup_intent.created "
     "setup_intent.requires_action setup_intent.setup_failed setup_intent.succeeded "
     "sigma.scheduled_query_run.created source.canceled source.chargeable source.failed "
     "source.refund_attributes_required tax.settings.updated tax_rate.created tax_rate.updated "
     "terminal.reader.action_failed terminal.reader.action_succeeded terminal.reader.action_updated "
     "test_helpers.test_clock.advancing test_helpers.test_clock.created test_helpers.test_clock.deleted "
     "test_helpers.test_clock.internal_failure test_helpers.test_clock.ready topup.canceled "
     "topup.created topup.failed topup.reversed topup.succeeded transfer.created transfer.reversed "
     "transfer.updated treasury.credit_reversal.created treasury.credit_reversal.posted "
     "treasury.debit_reversal.completed treasury.debit_reversal.created "
     "treasury.debit_reversal.initial_credit_granted treasury.financial_account.closed "
     "treasury.financial_account.created treasury.financial_account.features_status_updated "
     "treasury.inbound_transfer.canceled treasury.inbound_transfer.created "
     "treasury.inbound_transfer.failed treasury.inbound_transfer.succeeded "
     "treasury.outbound_payment.canceled treasury.outbound_payment.created "
     "treasury.outbound_payment.expected_arrival_date_updated treasury.outbound_payment.failed "
     "treasury.outbound_payment.posted treasury.outbound_payment.returned "
     "treasury.outbound_payment.tracking_details_updated treasury.outbound_transfer.canceled "
     "treasury.outbound_transfer.created treasury.outbound_transfer.expected_arrival_date_updated "
     "treasury.outbound_transfer.failed treasury.outbound_transfer.posted "
     "treasury.outbound_transfer.returned treasury.outbound_transfer.tracking_details_updated "
     "treasury.received_credit.created treasury.received_credit.failed "
     "treasury.received_credit.succeeded treasury.received_debit.created"},
};

/* Types that exist only as thin events, and two of our own. */
static const struct {
    unsigned needs;
    const char *type;
} others[] = {
    {PLAN_STATE, "v1.customer.subscription.cancel_at_changed"},
    {PLAN_STATE, "v1.customer.subscription.past_due"},
    {PLAN_SUBSCRIPTIONS, "v1.customer.discount.source_changed"},
    {PLAN_STATE | PLAN_NAMED, "v1.invoice.discount_added"},
    {PLAN_STATE | PLAN_SESSIONS | PLAN_CHARGES | PLAN_NAMED, "v1.invoice_payment.canceled"},
    {PLAN_NOTHING, "v1.invoiceitem.amount_changed"},
    {PLAN_CATALOGUE, "v1.price.deactivated"},
    {PLAN_CATALOGUE, "v1.product.default_price_changed"},
    {PLAN_CATALOGUE | PLAN_SUBSCRIPTIONS, "v1.promotion_code.fully_redeemed"},
    {PLAN_STATE, "v1.subscription_schedule.phase_started"},
    {PLAN_NOTHING, "v1.billing.meter.no_meter_found"},
    {PLAN_NOTHING, "v2.core.event_destination.ping"},
    {PLAN_STATE | PLAN_NAMED | PLAN_SESSIONS | PLAN_CHARGES | PLAN_CUSTOMER | PLAN_CATALOGUE, "instep.sync"},
    {PLAN_STATE | PLAN_NAMED | PLAN_SESSIONS | PLAN_CHARGES, "instep.look"},
    {PLAN_NOTHING, "something.new"},
    {PLAN_NOTHING, ""},
};

static void test_type(const char *type, unsigned needs)
{
    char thin[160];

    (void)snprintf(thin, sizeof thin, "v1.%s", type);
    if (!tap_ok(plan_needs(type) == needs && plan_needs(thin) == needs, "%s, snapshot and thin", type))
        tap_note("got %u and %u, not %u", plan_needs(type), plan_needs(thin), needs);
}

int main(void)
{
    unsigned count = 0;
    char type[128];

    for (size_t i = 0; i < sizeof decisions / sizeof *decisions; i++) {
        const char *at = decisions[i].types;
        while (*at) {
            size_t len = strcspn(at, " ");
            (void)snprintf(type, sizeof type, "%.*s", (int)len, at);
            test_type(type, decisions[i].needs);
            count++;
            at += len + (at[len] == ' ');
        }
    }
    tap_ok(count == EVENT_TYPES, "%u types are decided about, there are %d", count, EVENT_TYPES);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        tap_ok(plan_needs(others[i].type) == others[i].needs, "\"%s\"", others[i].type);
    return tap_done();
}
