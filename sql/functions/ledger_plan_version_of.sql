-- ledger.plan_version_of: the version of the plan that a subscription is for (ledger.plan_of), as of its current period. NULL: the
--   plan is not described, or there are no items.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.plan_version_of(p_account text, p_subscription text) RETURNS integer
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
    SELECT (ledger.plan_version_at(k.plan_key, i.current_period_start, i.current_period_end)).version
      FROM ledger.subscription_item AS i
      JOIN ledger.plan_price AS k ON k.account = i.account AND k.price_id = i.price_id
      JOIN ledger.plan AS p ON p.plan_key = k.plan_key
     WHERE i.account = p_account AND i.subscription = p_subscription AND i.removed_at IS NULL
     ORDER BY p.rank DESC, k.plan_key COLLATE "C", i.id COLLATE "C" LIMIT 1);
END
$$;
RESET ROLE;
