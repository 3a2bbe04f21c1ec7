-- ledger.plan_of: the plan that a subscription is for, by its items and what their prices stand for today.
--   Of several items the plan with the highest rank. NULL without items.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.plan_of(p_account text, p_subscription text) RETURNS text
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
    SELECT k.plan_key
      FROM ledger.subscription_item AS i
      JOIN ledger.plan_price AS k ON k.account = i.account AND k.price_id = i.price_id
      JOIN ledger.plan AS p ON p.plan_key = k.plan_key
     WHERE i.account = p_account AND i.subscription = p_subscription AND i.removed_at IS NULL
     ORDER BY p.rank DESC, k.plan_key COLLATE "C" LIMIT 1);
END
$$;
RESET ROLE;
