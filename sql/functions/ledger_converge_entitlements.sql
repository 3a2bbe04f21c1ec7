-- ledger.converge_entitlements: make the entitlement rows of a customer what the policy says, and announce changes.
--   p_turn   the turn, NULL for an operator's doing
--   Returns  [{"what", "before", "after"}]
--   Notifies channel instep_entitlement, one JSON object per changed subscription (a new
--            version of its plan is a change too), at commit; the user
--            that it belonged to before gets one too
--   Locks    entitlement rows that change; the caller holds customer and user
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.converge_entitlements(p_account text, p_customer text, p_turn uuid) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_changes jsonb[] := '{}';
    v record;
    v_was_version text; -- told only if that is what has changed
    v_version text;
BEGIN
    FOR v IN
        SELECT t.*, c.user_id, e.subscription IS NOT NULL AS known, e.entitled AS was_entitled,
               e.reason AS was_reason, e.plan_key AS was_plan, e.user_id AS was_user,
               e.plan_version AS was_version
          FROM ledger.entitlement_target(p_account, p_customer) AS t
          JOIN ledger.customer AS c ON c.account = p_account AND c.id = p_customer
          LEFT JOIN ledger.entitlement AS e ON e.account = p_account AND e.subscription = t.subscription
         WHERE e.subscription IS NULL
            OR (e.status, e.plan_key, e.plan_version, e.entitled, e.entitled_until, e.reason, e.user_id)
               IS DISTINCT FROM (t.status, t.plan_key, t.plan_version, t.entitled, t.entitled_until, t.reason, c.user_id)
         ORDER BY t.subscription COLLATE "C"
    LOOP
        INSERT INTO ledger.entitlement AS e
            (account, subscription, customer, user_id, status, plan_key, plan_version, entitled, entitled_until, reason, turn)
        VALUES (p_account, v.subscription, p_customer, v.user_id, v.status, v.plan_key, v.plan_version, v.entitled,
                v.entitled_until, v.reason, p_turn)
        ON CONFLICT (account, subscription) DO UPDATE
           SET user_id = EXCLUDED.user_id, status = EXCLUDED.status, plan_key = EXCLUDED.plan_key,
               plan_version = EXCLUDED.plan_version,
               entitled = EXCLUDED.entitled, entitled_until = EXCLUDED.entitled_until, reason = EXCLUDED.reason,
               turn = EXCLUDED.turn, changed_at = clock_timestamp();
        PERFORM pg_notify('instep_entitlement', jsonb_build_object(
            'user', v.user_id, 'account', p_account, 'customer', p_customer, 'subscription', v.subscription,
            'status', v.status, 'plan_key', v.plan_key, 'plan_version', v.plan_version,
            'entitled', v.entitled,
            'until', extract(epoch FROM v.entitled_until)::bigint, 'reason', v.reason)::text);
        IF v.was_user <> v.user_id OR v.was_user IS NOT NULL AND v.user_id IS NULL THEN
            PERFORM pg_notify('instep_entitlement', jsonb_build_object(
                'user', v.was_user, 'account', p_account, 'customer', p_customer, 'subscription', v.subscription,
                'status', v.status, 'plan_key', v.was_plan, 'plan_version', v.was_version, 'entitled', false, 'until', NULL,
                'reason', 'belongs to another user')::text);
        END IF;
        v_was_version := CASE WHEN v.was_plan = v.plan_key AND v.was_version <> v.plan_version THEN 'version ' || v.was_version END;
        v_version := CASE WHEN v_was_version IS NOT NULL THEN 'version ' || v.plan_version END;
        v_changes := array_append(v_changes, jsonb_build_object('what', 'entitlement ' || v.subscription,
            'before', CASE WHEN v.known THEN concat_ws(' ', CASE WHEN v.was_entitled THEN 'entitled' ELSE 'not entitled' END,
                                                       v.was_plan, v_was_version, '(' || v.was_reason || ')', v.was_user) END,
            'after', concat_ws(' ', CASE WHEN v.entitled THEN 'entitled' ELSE 'not entitled' END, v.plan_key, v_version,
                               '(' || v.reason || ')', v.user_id)));
    END LOOP;
    RETURN to_jsonb(v_changes);
END
$$;
RESET ROLE;
