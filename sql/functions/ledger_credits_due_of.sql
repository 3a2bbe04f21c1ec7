-- ledger.credits_due_of: give a user what time alone was due to give, before somebody spends of it: the next months of annual prices.
--   Returns    how many customers had something due
--   Locks      those customers' rows, ascending, then users, then holders: the caller holds none of these yet
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.credits_due_of(p_user text) RETURNS integer
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_at timestamptz := ledger.clock();
    v_clock timestamptz := greatest(v_at, (SELECT h.clock_at FROM ledger.credit_holder AS h WHERE h.holder = 'user:' || p_user));
    v_due jsonb;
BEGIN
    PERFORM c.id
       FROM ledger.customer AS c
      WHERE c.user_id = p_user
        AND EXISTS (SELECT FROM ledger.subscription AS s
                     WHERE s.account = c.account AND s.customer = c.id
                       AND s.credits_due_at <= CASE WHEN s.test_clock IS NULL THEN v_at ELSE v_clock END)
      ORDER BY c.account COLLATE "C", c.id COLLATE "C" FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    SELECT jsonb_agg(jsonb_build_object('account', s.account, 'customer', s.customer, 'subscription', s.id)) INTO v_due
      FROM ledger.customer AS c JOIN ledger.subscription AS s ON s.account = c.account AND s.customer = c.id
     WHERE c.user_id = p_user AND s.credits_due_at <= CASE WHEN s.test_clock IS NULL THEN v_at ELSE v_clock END;
    RETURN ledger.converge_due(coalesce(v_due, '[]'), v_at);
END
$$;
RESET ROLE;
