-- dashboard.user_subscriptions: who is subscribed to what, and does it entitle at this moment, and why?
--   One row per subscription, user_id NULL for orphans. Of several items the plan with the highest rank is shown; the
--   period is from the earliest start to the latest end of the items.
SET LOCAL ROLE instep_owner;
DROP VIEW IF EXISTS dashboard.user_subscriptions;
CREATE VIEW dashboard.user_subscriptions AS
SELECT c.user_id,
       s.customer AS stripe_customer_id,
       s.id AS stripe_subscription_id,
       (SELECT k.plan_key -- as ledger.plan_of, which readers may not call
          FROM ledger.subscription_item AS i
          JOIN ledger.plan_price AS k ON k.account = i.account AND k.price_id = i.price_id
          JOIN ledger.plan AS p ON p.plan_key = k.plan_key
         WHERE i.account = s.account AND i.subscription = s.id AND i.removed_at IS NULL
         ORDER BY p.rank DESC, k.plan_key COLLATE "C" LIMIT 1) AS plan_key,
       s.status,
       coalesce(n.entitled, false) AS entitled,
       CASE WHEN e.entitled AND NOT n.entitled THEN e.reason || ' over' ELSE e.reason END AS reason,
       i.current_period_start,
       i.current_period_end
  FROM ledger.subscription AS s
  JOIN ledger.customer AS c ON c.account = s.account AND c.id = s.customer
  LEFT JOIN ledger.entitlement AS e ON e.account = s.account AND e.subscription = s.id
 CROSS JOIN LATERAL (SELECT e.entitled AND (e.entitled_until IS NULL OR e.entitled_until > now()) AS entitled) AS n
  LEFT JOIN LATERAL (SELECT min(i.current_period_start) AS current_period_start,
                            max(i.current_period_end) AS current_period_end
                       FROM ledger.subscription_item AS i
                      WHERE i.account = s.account AND i.subscription = s.id AND i.removed_at IS NULL) AS i ON true;
GRANT SELECT ON dashboard.user_subscriptions TO instep_reader;
RESET ROLE;
