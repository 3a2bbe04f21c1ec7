-- dashboard.stuck_trials: whose trial is over without the ledger having followed? Empty when all is well.
--   One row per subscription and reason:
--   not looked at     its trial ended more than an hour ago by the clock, Stripe's last word is from before that, and said trialing
--   no first invoice  Stripe says active, for more than a day now, but no invoice of the period after the trial is known
--   no credits        that invoice was paid in time and its plan gives credits, but nobody was given any
--   Not here: who pays late (dashboard.user_subscriptions says past_due) and trials that ended unpaid
--   (dashboard.recent_trial_conversions).
--   stuck_since       since when it should have been otherwise; next_step: what a person does about it
SET LOCAL ROLE instep_owner;
DROP VIEW IF EXISTS dashboard.stuck_trials;
CREATE VIEW dashboard.stuck_trials AS
WITH trial AS (
    SELECT s.*, EXISTS (SELECT FROM ledger.invoice_line AS l -- after a pause, that of the day when it was resumed
                         WHERE l.account = s.account AND l.subscription = s.id AND l.period_start >= s.trial_end)
                OR NOT EXISTS (SELECT FROM ledger.subscription_item AS i -- nothing is billed in advance
                                WHERE i.account = s.account AND i.subscription = s.id AND i.removed_at IS NULL
                                  AND i.quantity > 0) AS invoiced
      FROM ledger.subscription AS s WHERE s.trial_start IS NOT NULL AND s.trial_end <= now()
), stuck AS (
    SELECT s.account, s.id, 'not looked at' AS reason, s.trial_end AS since, NULL::text AS invoice, NULL::text AS plan_key
      FROM trial AS s
     WHERE s.status = 'trialing' AND s.trial_end < now() - interval '1 hour' AND s.last_seen_at < s.trial_end + interval '1 hour'
       AND s.test_clock IS NULL
    UNION ALL
    SELECT s.account, s.id, 'no first invoice', s.trial_end, NULL, NULL
      FROM trial AS s
     WHERE s.status = 'active' AND s.trial_end < now() - interval '1 day' AND NOT s.invoiced
    UNION ALL
    SELECT s.account, s.id, 'no credits', i.paid_at, i.id, p.plan_key
      FROM trial AS s
      JOIN ledger.invoice_line AS l
        ON l.account = s.account AND l.subscription = s.id AND l.period_start = s.trial_end AND NOT l.proration
           AND l.item IS NOT NULL
      JOIN ledger.invoice AS i ON i.account = l.account AND i.id = l.invoice AND i.status = 'paid'
      JOIN ledger.plan_price AS p ON p.account = l.account AND p.price_id = l.price_id
     CROSS JOIN LATERAL (SELECT v.* FROM ledger.plan_version AS v -- as ledger.plan_version_at, which readers may not call
                          WHERE v.plan_key = p.plan_key
                            AND v.valid_from < l.period_end
                          ORDER BY v.valid_from <= l.period_start DESC, abs(extract(epoch FROM v.valid_from - l.period_start)),
                                   v.version DESC LIMIT 1) AS v
     WHERE v.monthly_credits > 0 AND (l.quantity <> 0 OR NOT v.per_unit OR l.quantity IS NULL)
       AND (l.amount <> 0 OR coalesce(p.unit_amount, 0) = 0)
       AND i.paid_at < least(l.period_end, l.period_start + interval '672 hours') -- later there may be nothing left to give
       AND l.period_end > s.created_at
       AND NOT EXISTS (SELECT FROM ledger.credit_lot AS g
                        WHERE g.account = l.account AND g.item = l.item AND g.period_start = l.period_start AND g.kind = 'period')
)
SELECT c.user_id,
       s.customer AS stripe_customer_id,
       s.id AS stripe_subscription_id,
       x.plan_key,
       s.status,
       s.trial_end,
       x.reason,
       x.since AS stuck_since,
       x.invoice AS stripe_invoice_id,
       'instep sync ' || s.id || CASE s.account WHEN 'self' THEN '' ELSE ' --account ' || s.account END AS next_step
  FROM stuck AS x
  JOIN ledger.subscription AS s ON s.account = x.account AND s.id = x.id
  JOIN ledger.customer AS c ON c.account = s.account AND c.id = s.customer;
GRANT SELECT ON dashboard.stuck_trials TO instep_reader;
RESET ROLE;
