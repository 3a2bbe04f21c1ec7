-- ops.credits_due: what time alone does to credits: the next months of annual prices, what expires or is carried over, and what
--   follows when a plan was loaded. The leader calls it until it returns 0.
--   p_limit    at most so many subscriptions and holders
--   Returns    how many customers and holders something was done for
--   Locks      customers, passing over those that somebody holds (a turn does what is due as well), then users, then holders
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
        SELECT c.account, c.id FROM ledger.customer AS c
         WHERE EXISTS (SELECT FROM due AS d WHERE d.account = c.account AND d.customer = c.id)
         ORDER BY c.account COLLATE "C", c.id COLLATE "C" FOR NO KEY UPDATE SKIP LOCKED
    )
    SELECT jsonb_agg(jsonb_build_object('account', d.account, 'customer', d.customer, 'subscription', d.id)) INTO v_due
      FROM due AS d JOIN held AS h ON h.account = d.account AND h.id = d.customer;
    IF v_due IS NOT NULL THEN
        v_count := ledger.converge_due(v_due, v_at);
    END IF;
    FOR v IN SELECT h.holder FROM ledger.credit_holder AS h
              WHERE h.next_due_at <= v_at ORDER BY h.next_due_at, h.holder LIMIT p_limit FOR UPDATE SKIP LOCKED LOOP
        PERFORM ledger.settle_credits(v.holder, v_at, '{}');
        -- One whose subscription somebody else is at stays due; that is not for this call.
        v_count := v_count + (SELECT count(*)::integer FROM ledger.credit_holder AS h
                               WHERE h.holder = v.holder AND (h.next_due_at IS NULL OR h.next_due_at > v_at));
    END LOOP;
    RETURN v_count;
END
$$;
GRANT EXECUTE ON FUNCTION ops.credits_due(integer) TO instep_worker;
RESET ROLE;
