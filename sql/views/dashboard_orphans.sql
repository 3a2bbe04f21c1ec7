-- dashboard.orphans: which customers pay, try or have credits without anybody knowing whose they are?
--   One row per customer without a user that has a subscription, a sale or credits. What it has moves to the user once one is
--   known: by Stripe's metadata, or by `instep link`, which next_step spells out.
--   subscriptions, entitled_subscriptions  all of them, and those that entitle now
--   plan_key                               of these the plan with the highest rank
--   sales, credits, spendable              how many sales; credits that wait for the user, booked and spendable now
SET LOCAL ROLE instep_owner;
DROP VIEW IF EXISTS dashboard.orphans;
CREATE VIEW dashboard.orphans AS
SELECT c.id AS stripe_customer_id,
       c.account AS stripe_account,
       s.subscriptions,
       s.entitled_subscriptions,
       k.plan_key,
       n.sales,
       coalesce(h.balance, 0) AS credits,
       coalesce(b.spendable, 0)::bigint AS spendable,
       c.first_seen_at,
       'instep link ' || c.id || CASE c.account WHEN 'self' THEN '' ELSE ' --account ' || c.account END || ' USER' AS next_step
  FROM ledger.customer AS c
 CROSS JOIN LATERAL (SELECT count(*) AS subscriptions,
                            count(*) FILTER (WHERE e.entitled AND (e.entitled_until IS NULL OR e.entitled_until > now()))
                                AS entitled_subscriptions
                       FROM ledger.subscription AS s
                       LEFT JOIN ledger.entitlement AS e ON e.account = s.account AND e.subscription = s.id
                      WHERE s.account = c.account AND s.customer = c.id) AS s
 CROSS JOIN LATERAL (SELECT count(*) AS sales FROM ledger.sale AS n
                      WHERE n.account = c.account AND n.customer = c.id AND n.state = 'booked') AS n
  LEFT JOIN LATERAL (SELECT k.plan_key FROM ledger.subscription AS s
                       JOIN ledger.subscription_item AS i ON i.account = s.account AND i.subscription = s.id AND i.removed_at IS NULL
                       JOIN ledger.plan_price AS k ON k.account = i.account AND k.price_id = i.price_id
                       JOIN ledger.plan AS p ON p.plan_key = k.plan_key
                       LEFT JOIN ledger.entitlement AS e ON e.account = s.account AND e.subscription = s.id
                      WHERE s.account = c.account AND s.customer = c.id
                      ORDER BY coalesce(e.entitled, false) DESC, p.rank DESC, k.plan_key COLLATE "C" LIMIT 1) AS k ON true
  LEFT JOIN ledger.credit_holder AS h ON h.holder = 'customer:' || c.account || ':' || c.id
  LEFT JOIN LATERAL (SELECT sum(l.remaining) AS spendable FROM ledger.credit_lot AS l
                      WHERE l.holder = h.holder AND l.effective_at <= greatest(now(), h.clock_at)
                        AND (l.expires_at IS NULL OR l.expires_at > greatest(now(), h.clock_at) OR l.remaining < 0)) AS b ON true
 WHERE c.kind = 'customer' AND c.user_id IS NULL
   AND (s.subscriptions > 0 OR n.sales > 0 OR h.balance <> 0);
GRANT SELECT ON dashboard.orphans TO instep_reader;
RESET ROLE;
