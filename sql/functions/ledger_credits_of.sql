-- ledger.credits_of: what a holder can spend at a moment, and what was given of it.
--   p_live    the moment is not past: what is there now is looked at, else what was there by then
--   Returns   credits      what remains of the lots that are valid; below zero only by debts
--             credit_limit what was granted and not taken back of these
--   What time has changed and nobody has settled yet (ledger.settle_credits) counts all the same: lots that are over do not.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.credits_of(p_holder text, p_at timestamptz, p_live boolean, OUT credits bigint,
                                             OUT credit_limit bigint)
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_holder ledger.credit_holder;
    v_at timestamptz;
BEGIN
    credits := 0;
    credit_limit := 0;
    SELECT * INTO v_holder FROM ledger.credit_holder AS h WHERE h.holder = p_holder;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    v_at := greatest(p_at, v_holder.clock_at);
    SELECT coalesce(sum(l.remaining), 0), coalesce(sum(l.granted - l.clawed), 0) INTO credits, credit_limit
      FROM ledger.credit_lot AS l
     WHERE l.holder = p_holder AND l.effective_at <= v_at AND (l.expires_at IS NULL OR l.expires_at > v_at);
END
$$;
RESET ROLE;
