-- ledger.entitlement: what a user may have at a moment.
--   p_at     default now; only policy is projected (grace ends), not what Stripe will say by then
--   Returns  exactly one row. Of several subscriptions the entitled one with the highest plan rank counts, then the
--            one that lasts longest, then the oldest. An unknown user is not entitled, reason 'no subscription'.
--   Errors   none
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.entitlement(text, timestamptz);
CREATE FUNCTION ledger.entitlement(p_user text, p_at timestamptz DEFAULT now())
    RETURNS TABLE (user_id text, entitled boolean, plan_key text, reason text, entitled_until timestamptz,
                   account text, customer text, subscription text, status text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p_user, coalesce(b.now_entitled, false), b.plan_now, coalesce(b.now_reason, 'no subscription'),
           b.entitled_until, b.account, b.customer, b.subscription, b.status
      FROM (SELECT) AS always
      LEFT JOIN LATERAL (
          SELECT e.*, k.plan_now, n.now_entitled, CASE WHEN e.entitled AND NOT n.now_entitled THEN e.reason || ' over'
                                           ELSE e.reason END AS now_reason
            FROM ledger.entitlement AS e
            JOIN ledger.subscription AS s ON s.account = e.account AND s.id = e.subscription
           CROSS JOIN LATERAL (SELECT ledger.plan_of(e.account, e.subscription)) AS k (plan_now)
            LEFT JOIN ledger.plan AS p ON p.plan_key = k.plan_now
           CROSS JOIN LATERAL (SELECT e.entitled AND (e.entitled_until IS NULL OR p_at < e.entitled_until))
                      AS n (now_entitled)
           WHERE e.user_id = p_user
           ORDER BY n.now_entitled DESC, p.rank DESC NULLS LAST, e.entitled_until DESC NULLS FIRST, s.created_at,
                    e.subscription COLLATE "C"
           LIMIT 1) AS b ON true
$$;
GRANT EXECUTE ON FUNCTION ledger.entitlement(text, timestamptz) TO instep_app;
RESET ROLE;
