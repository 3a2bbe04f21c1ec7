-- dashboard.revenue_ledger: which sales were made, what for, how much?
--   One row per sale. The invoice of a one-time session is no sale of its own. gross_amount_cents is before discounts, in minor units of the currency; what was paid is
--   gross_amount_cents - discount_amount_cents.
--   ledger_status  trial: a subscription began with nothing to pay; zero: another sale of nothing; paid
--   recorded_at    when the ledger first booked it
--   partner_id, mapping_id, commission_amount_cents, settled_at belong to the partner programme: NULL without a partner.
SET LOCAL ROLE instep_owner;
DROP VIEW IF EXISTS dashboard.revenue_ledger;
CREATE VIEW dashboard.revenue_ledger AS
SELECT NULL::bigint AS partner_id,
       NULL::bigint AS mapping_id,
       s.source AS stripe_session_ref,
       s.customer AS stripe_customer_ref,
       s.subscription AS stripe_subscription_ref,
       s.amount + s.discount_amount AS gross_amount_cents,
       s.discount_amount AS discount_amount_cents,
       NULL::bigint AS commission_amount_cents,
       s.currency,
       CASE WHEN s.amount > 0 THEN 'paid'
            WHEN s.billing_reason = 'subscription_create' THEN 'trial'
            ELSE 'zero' END AS ledger_status,
       s.recorded_at,
       NULL::timestamptz AS settled_at
  FROM ledger.sale AS s
 WHERE s.state = 'booked';
GRANT SELECT ON dashboard.revenue_ledger TO instep_reader;
RESET ROLE;
