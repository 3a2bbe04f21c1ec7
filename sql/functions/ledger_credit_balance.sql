-- ledger.credit_balance: what a user can spend at a moment, less debts: the sum of what remains in ledger.credit_lots.
--   p_at      as ledger.credit_lots
--   Returns   below zero only by a debt; 0 for an unknown user
--   Source    docs/credits.md
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.credit_balance(text, timestamptz);
CREATE FUNCTION ledger.credit_balance(p_user text, p_at timestamptz DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_holder ledger.credit_holder;
BEGIN
    IF p_at IS NULL THEN
        SELECT * INTO v_holder FROM ledger.credit_holder AS h WHERE h.holder = 'user:' || p_user;
        IF v_holder.next_due_at IS NULL OR v_holder.next_due_at > greatest(ledger.clock(), v_holder.clock_at) THEN
            RETURN coalesce(v_holder.balance, 0); -- nothing has become due since it was settled
        END IF;
    END IF;
    RETURN coalesce((SELECT sum(l.remaining) FROM ledger.credit_lots(p_user, p_at) AS l), 0);
END
$$;
GRANT EXECUTE ON FUNCTION ledger.credit_balance(text, timestamptz) TO instep_app, instep_operator;
RESET ROLE;
