-- ledger.entitlement_target: what a subscription entitles to, by its mirrored state and the policy.
--   entitled        holds until entitled_until, for ever if that is NULL
--   entitled_until  grace: the earliest current_period_start of the items plus the policy's seconds
--   plan_key        as ledger.plan_of, plan_version as ledger.plan_version_of
--   A deleted customer is entitled to nothing, whatever was last read of its subscriptions.
--   A status that the policy does not know entitles to nothing, and the reason says so.
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.entitlement_target(text, text);
CREATE OR REPLACE FUNCTION ledger.entitlement_target(p_account text, p_customer text)
    RETURNS TABLE (subscription text, status text, plan_key text, entitled boolean, entitled_until timestamptz,
                   reason text, plan_version integer)
    LANGUAGE sql STABLE AS $$
    SELECT s.id, s.status,
           ledger.plan_of(s.account, s.id),
           coalesce(p.entitles, false) AND NOT c.deleted,
           CASE WHEN p.grace_seconds IS NOT NULL AND NOT c.deleted THEN
               (SELECT min(i.current_period_start) FROM ledger.subscription_item AS i
                 WHERE i.account = s.account AND i.subscription = s.id AND i.removed_at IS NULL)
               + make_interval(secs => p.grace_seconds) END,
           CASE WHEN c.deleted AND p.entitles THEN 'customer deleted'
                ELSE coalesce(p.reason, 'no policy for status ' || s.status) END,
           ledger.plan_version_of(s.account, s.id)
      FROM ledger.subscription AS s
      JOIN ledger.customer AS c ON c.account = s.account AND c.id = s.customer
      LEFT JOIN ledger.entitlement_policy AS p ON p.status = s.status
     WHERE s.account = p_account AND s.customer = p_customer
$$;
RESET ROLE;
