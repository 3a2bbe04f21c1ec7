-- ledger.touch_plans: something about these plans is different: have every subscription that they may concern looked at by
--   ops.credits_due, which converges its credits and entitlement.
--   Concerned are subscriptions with an item of one of the plans' prices, and those that were billed for one since the plan
--   was first described.
--   Locks     subscription rows that change, ascending
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.touch_plans(p_plans text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now timestamptz := ledger.clock();
BEGIN
    WITH concerned AS (
        SELECT DISTINCT c.account, c.subscription
          FROM ledger.plan_price AS k
         CROSS JOIN LATERAL (SELECT min(n.valid_from) AS since FROM ledger.plan_version AS n WHERE n.plan_key = k.plan_key) AS f
         CROSS JOIN LATERAL (SELECT i.account, i.subscription FROM ledger.subscription_item AS i
                              WHERE i.account = k.account AND i.price_id = k.price_id
                             UNION ALL
                             SELECT l.account, l.subscription FROM ledger.invoice_line AS l
                              WHERE l.account = k.account AND l.price_id = k.price_id AND l.subscription IS NOT NULL
                                AND l.period_end > f.since
                             OFFSET 0) AS c
         WHERE k.plan_key = ANY (p_plans)
    ), due AS MATERIALIZED (
        SELECT s.account, s.id FROM concerned AS c
          JOIN ledger.subscription AS s ON s.account = c.account AND s.id = c.subscription
         WHERE s.credits_due_at IS NULL OR s.credits_due_at > v_now
         ORDER BY s.account COLLATE "C", s.id COLLATE "C" FOR NO KEY UPDATE OF s
    )
    UPDATE ledger.subscription AS s SET credits_due_at = v_now FROM due AS d WHERE s.account = d.account AND s.id = d.id;
END
$$;
RESET ROLE;
