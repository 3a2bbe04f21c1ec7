-- ledger.entitlement_target: what a subscription entitles to, by its mirrored state and the policy.
--   entitled        holds until entitled_until, for ever if that is NULL
--   entitled_until  grace: the earliest current_period_start of the items plus the policy's seconds
--   plan_key        of the item with the highest rank, NULL without items
--   A status that the policy does not know entitles to nothing, and the reason says so.
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.entitlement_target(text, text);
CREATE OR REPLACE FUNCTION ledger.entitlement_target(p_account text, p_customer text)
    RETURNS TABLE (subscription text, status text, plan_key text, entitled boolean, entitled_until timestamptz,
                   reason text)
    LANGUAGE sql STABLE AS $$
    SELECT s.id, s.status,
           (SELECT k.plan_key
              FROM ledger.subscription_item AS i
              JOIN ledger.plan_price AS k ON k.account = i.account AND k.price_id = i.price_id
              JOIN ledger.plan AS p ON p.plan_key = k.plan_key
             WHERE i.account = s.account AND i.subscription = s.id AND i.removed_at IS NULL
             ORDER BY p.rank DESC, k.plan_key COLLATE "C" LIMIT 1),
           coalesce(p.entitles, false),
           CASE WHEN p.grace_seconds IS NOT NULL THEN
               (SELECT min(i.current_period_start) FROM ledger.subscription_item AS i
                 WHERE i.account = s.account AND i.subscription = s.id AND i.removed_at IS NULL)
               + make_interval(secs => p.grace_seconds) END,
           coalesce(p.reason, 'no policy for status ' || s.status)
      FROM ledger.subscription AS s
      LEFT JOIN ledger.entitlement_policy AS p ON p.status = s.status
     WHERE s.account = p_account AND s.customer = p_customer
$$;
RESET ROLE;
