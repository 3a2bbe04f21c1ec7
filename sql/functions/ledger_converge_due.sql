-- ledger.converge_due: converge the credits and entitlements of customers whose subscriptions time alone has given something, or
--   whose plans are not what they were.
--   p_subscriptions  [{"account", "customer", "subscription"}], of customers whose rows the caller has locked
--   p_at       the time that it is
--   Returns    how many customers
--   One whose convergence fails is left for an hour, with why (subscription.credits_error), and does not keep the others from theirs.
--   Locks      the users of all of them, ascending; then holders
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.converge_due(p_subscriptions jsonb, p_at timestamptz) RETURNS integer
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v record;
    v_count integer := 0;
BEGIN
    PERFORM ledger.lock_users(ARRAY(
        SELECT c.user_id FROM jsonb_to_recordset(p_subscriptions) AS s (account text, customer text)
          JOIN ledger.customer AS c ON c.account = s.account AND c.id = s.customer));
    FOR v IN SELECT s.account, s.customer, array_agg(s.subscription) AS subscriptions
               FROM jsonb_to_recordset(p_subscriptions) AS s (account text, customer text, subscription text)
              GROUP BY s.account, s.customer ORDER BY s.account COLLATE "C", s.customer COLLATE "C" LOOP
        BEGIN
            PERFORM ledger.converge_entitlements(v.account, v.customer, NULL);
            PERFORM ledger.converge_credits(v.account, v.customer, v.subscriptions, '{}', p_at);
        EXCEPTION
            WHEN deadlock_detected OR serialization_failure OR lock_not_available OR query_canceled OR insufficient_resources THEN
                RAISE;
            WHEN OTHERS THEN
                RAISE WARNING 'credits of % % are left for an hour: % (%)', v.account, v.customer, SQLERRM, SQLSTATE;
                UPDATE ledger.subscription AS s
                   SET credits_due_at = p_at + interval '1 hour', credits_error = left(SQLSTATE || ' ' || SQLERRM, 500)
                 WHERE s.account = v.account AND s.id = ANY (v.subscriptions);
        END;
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$$;
RESET ROLE;
