-- ops.credits_due: what time alone does to credits: the next months of annual prices, what expires or is carried over, and what
--   follows when a plan was loaded. The leader calls it until it returns 0.
--   p_limit    at most so many subscriptions and holders
--   Returns    how many customers and holders something was done for
--   Waits for nobody. A customer, user or holder that somebody is at is passed over: a turn does what is due as well, and an
--   application that spends and does not commit keeps only its own user waiting.
--   A holder that cannot be settled is left for an hour, with why (credit_holder.settle_error), and does not keep the others from it.
--   Locks      customers, users and holders, passing over those that somebody holds
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.credits_due(p_limit integer) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_at timestamptz := ledger.clock();
    v_due jsonb;
    v_count integer := 0;
    v record;
BEGIN
    WITH due AS MATERIALIZED (
        SELECT s.account, s.customer, s.id FROM ledger.subscription AS s
         WHERE s.credits_due_at <= v_at ORDER BY s.credits_due_at LIMIT p_limit
    ), held AS MATERIALIZED (
        SELECT c.account, c.id, c.user_id, coalesce('user:' || c.user_id, 'customer:' || c.account || ':' || c.id) AS holder
          FROM ledger.customer AS c
         WHERE EXISTS (SELECT FROM due AS d WHERE d.account = c.account AND d.customer = c.id)
         ORDER BY c.account COLLATE "C", c.id COLLATE "C" FOR NO KEY UPDATE SKIP LOCKED
    ), users AS MATERIALIZED (
        SELECT u.id FROM ledger.app_user AS u WHERE u.id = ANY (ARRAY(SELECT h.user_id FROM held AS h)) FOR NO KEY UPDATE SKIP LOCKED
    ), holders AS MATERIALIZED (
        SELECT o.holder FROM ledger.credit_holder AS o WHERE o.holder = ANY (ARRAY(SELECT h.holder FROM held AS h))
           FOR UPDATE SKIP LOCKED
    )
    SELECT jsonb_agg(jsonb_build_object('account', d.account, 'customer', d.customer, 'subscription', d.id)) INTO v_due
      FROM due AS d JOIN held AS h ON h.account = d.account AND h.id = d.customer
     WHERE (h.user_id IS NULL OR EXISTS (SELECT FROM users AS u WHERE u.id = h.user_id))
       AND (EXISTS (SELECT FROM holders AS o WHERE o.holder = h.holder)
            OR NOT EXISTS (SELECT FROM ledger.credit_holder AS o WHERE o.holder = h.holder));
    IF v_due IS NOT NULL THEN
        v_count := ledger.converge_due(v_due, v_at);
    END IF;
    FOR v IN SELECT h.holder FROM ledger.credit_holder AS h
              WHERE h.next_due_at <= v_at AND (h.left_until IS NULL OR h.left_until <= v_at)
              ORDER BY h.next_due_at, h.holder LIMIT p_limit FOR UPDATE SKIP LOCKED LOOP
        BEGIN
            PERFORM ledger.settle_credits(v.holder, v_at, '{}');
        EXCEPTION
            WHEN deadlock_detected OR serialization_failure OR lock_not_available OR query_canceled OR insufficient_resources THEN
                RAISE;
            WHEN OTHERS THEN
                RAISE WARNING 'credits of % are left for an hour: % (%)', v.holder, SQLERRM, SQLSTATE;
                -- It stays due: what is over must not be spent meanwhile.
                UPDATE ledger.credit_holder AS h
                   SET left_until = v_at + interval '1 hour', settle_error = left(SQLSTATE || ' ' || SQLERRM, 500)
                 WHERE h.holder = v.holder;
        END;
        -- One whose subscription somebody else is at stays due; that is not for this call.
        v_count := v_count + (SELECT count(*)::integer FROM ledger.credit_holder AS h
                               WHERE h.holder = v.holder AND (h.next_due_at IS NULL OR h.next_due_at > v_at));
    END LOOP;
    RETURN v_count;
END
$$;
GRANT EXECUTE ON FUNCTION ops.credits_due(integer) TO instep_worker;
RESET ROLE;
