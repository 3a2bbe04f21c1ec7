-- dashboard.recent_trial_conversions: which trials began or ended lately, and what became of them?
--   One row per trial that the ledger learnt something new about in the last 90 days.
--   state             trial: it goes on; awaiting_payment: it is over, nothing was paid yet; converted: the first real payment is
--                     there; ended_unpaid: it ended, or was canceled, paused or given up, without one
--   amount_cents      of that first payment, in minor units of the currency; 0 until then
--   converted_at      when it was paid, converted_on its day (UTC); ended_at: when a trial ended unpaid
--   credits_before, credits_after, stripe_event_id  of the entry that gave the first period's credits (trial_to_active); NULL:
--                     there is none yet, or the plan gives none
SET LOCAL ROLE instep_owner;
DROP VIEW IF EXISTS dashboard.recent_trial_conversions;
CREATE VIEW dashboard.recent_trial_conversions AS
SELECT c.user_id,
       v.customer AS stripe_customer_id,
       v.subscription AS stripe_subscription_id,
       v.plan_key,
       v.state,
       v.trial_start AS trial_started_at,
       v.trial_end AS trial_ends_at,
       v.amount AS amount_cents,
       v.currency,
       v.converted_at,
       (v.converted_at AT TIME ZONE 'UTC')::date AS converted_on,
       v.ended_at,
       v.invoice AS stripe_invoice_id,
       e.balance_before AS credits_before,
       e.balance_after AS credits_after,
       e.event_id AS stripe_event_id,
       n.changed_at
  FROM ledger.conversion AS v
  JOIN ledger.customer AS c ON c.account = v.account AND c.id = v.customer
  LEFT JOIN ops.turn AS t ON t.id = v.turn
 CROSS JOIN LATERAL (SELECT coalesce(t.recorded_at, greatest(v.trial_start, v.converted_at, v.ended_at)) AS changed_at) AS n
  LEFT JOIN LATERAL (SELECT e.balance_before, e.balance_after, e.event_id FROM ledger.credit_entry AS e
                      WHERE e.account = v.account AND e.subscription = v.subscription AND e.transition = 'trial_to_active'
                        AND e.kind = 'granted'
                      ORDER BY e.id LIMIT 1) AS e ON true
 WHERE n.changed_at > now() - interval '90 days';
GRANT SELECT ON dashboard.recent_trial_conversions TO instep_reader;
RESET ROLE;
