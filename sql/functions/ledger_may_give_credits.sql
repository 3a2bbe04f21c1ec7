-- ledger.may_give_credits: whether a subscription has lots, or a price whose plan has ever given any. A cheap no for all others.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.may_give_credits(p_sub ledger.subscription) RETURNS boolean
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM ledger.plan_version AS n WHERE n.monthly_credits > 0 OR n.trial_credits > 0) THEN
        RETURN false;
    END IF;
    RETURN EXISTS (SELECT FROM ledger.credit_lot AS l WHERE l.account = p_sub.account AND l.subscription = p_sub.id)
        OR EXISTS (
           SELECT FROM (SELECT i.price_id FROM ledger.subscription_item AS i
                         WHERE i.account = p_sub.account AND i.subscription = p_sub.id
                        UNION
                        SELECT l.price_id FROM ledger.invoice_line AS l
                         WHERE l.account = p_sub.account AND l.subscription = p_sub.id) AS x
            CROSS JOIN LATERAL (SELECT k.plan_key FROM ledger.plan_price AS k
                                 WHERE k.account = p_sub.account AND k.price_id = x.price_id OFFSET 0) AS k
            CROSS JOIN LATERAL (SELECT 1 FROM ledger.plan_version AS n
                                 WHERE n.plan_key = k.plan_key AND (n.monthly_credits > 0 OR n.trial_credits > 0) LIMIT 1) AS n);
END
$$;
RESET ROLE;
