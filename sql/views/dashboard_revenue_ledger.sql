-- dashboard.revenue_ledger: which sales were made, what for, how much, and what became of the money?
--   One row per sale. The invoice of a one-time session is no sale of its own, nor is the charge that paid it. gross_amount_cents is
--   before discounts, in minor units of the currency; what was paid is gross_amount_cents - discount_amount_cents.
--   ledger_status  lost: a dispute took money of it for good; disputed: a dispute holds money of it; refunded: all of it went back;
--                  partially_refunded: a part did; trial: a subscription began with nothing to pay; zero: another sale of
--                  nothing; paid. The first that is true.
--   recorded_at    when the ledger first booked it
--   partner_id, mapping_id, commission_amount_cents, settled_at belong to the partner programme: NULL without a partner.
--   elsewhere_amount_cents  of what was paid: outside Stripe
--   refunded_, disputed_, lost_amount_cents  of its charges, refunds under way included, in the sale's currency
--   credited_amount_cents   by credit notes after payment, to the balance or outside Stripe
--   net_amount_cents        paid, less all of these
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
       CASE WHEN d.lost > 0 THEN 'lost'
            WHEN d.held > 0 THEN 'disputed'
            WHEN r.refunded > 0 AND r.refunded >= s.amount THEN 'refunded'
            WHEN r.refunded > 0 THEN 'partially_refunded'
            WHEN s.amount > 0 THEN 'paid'
            WHEN s.billing_reason = 'subscription_create' THEN 'trial'
            ELSE 'zero' END AS ledger_status,
       s.recorded_at,
       NULL::timestamptz AS settled_at,
       s.elsewhere AS elsewhere_amount_cents,
       r.refunded AS refunded_amount_cents,
       d.held AS disputed_amount_cents,
       d.lost AS lost_amount_cents,
       n.credited AS credited_amount_cents,
       s.amount - r.refunded - d.held - d.lost - n.credited AS net_amount_cents
  FROM ledger.sale AS s
 CROSS JOIN LATERAL (SELECT coalesce(sum(r.amount), 0)::bigint AS refunded FROM ledger.refund AS r
                      WHERE r.account = s.account AND r.sale = s.source AND r.currency = s.currency
                        AND r.state <> 'none') AS r
 CROSS JOIN LATERAL (SELECT coalesce(sum(d.amount) FILTER (WHERE d.state = 'held'), 0)::bigint AS held,
                            coalesce(sum(d.amount) FILTER (WHERE d.state = 'lost'), 0)::bigint AS lost
                       FROM ledger.dispute AS d
                      WHERE d.account = s.account AND d.sale = s.source AND d.currency = s.currency) AS d
 CROSS JOIN LATERAL (SELECT coalesce(sum(n.to_balance + n.elsewhere), 0)::bigint AS credited FROM ledger.credit_note AS n
                      WHERE n.account = s.account AND n.invoice = s.source AND n.currency = s.currency
                        AND n.status <> 'void') AS n
 WHERE s.state = 'booked';
GRANT SELECT ON dashboard.revenue_ledger TO instep_reader;
RESET ROLE;
