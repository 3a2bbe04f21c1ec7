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
    IF p_live AND (v_holder.next_due_at IS NULL OR v_holder.next_due_at > v_at) THEN
        credits := v_holder.balance;
        credit_limit := v_holder.credit_limit;
    ELSIF p_live THEN
        SELECT coalesce(sum(l.remaining) FILTER (WHERE v.live OR l.remaining < 0), 0),
               coalesce(sum(l.granted - l.clawed) FILTER (WHERE v.live), 0) INTO credits, credit_limit
          FROM ledger.credit_lot AS l
         CROSS JOIN LATERAL (SELECT l.expires_at IS NULL OR l.expires_at > v_at) AS v (live)
         WHERE l.holder = p_holder;
    ELSE
        SELECT coalesce(sum(t.remaining) FILTER (WHERE v.live OR t.remaining < 0), 0),
               coalesce(sum(t.granted - t.clawed) FILTER (WHERE v.live), 0) INTO credits, credit_limit
          FROM ledger.holder_lots(p_holder, v_at) AS t
         CROSS JOIN LATERAL (SELECT l.expires_at FROM ledger.credit_lot AS l WHERE l.id = t.lot OFFSET 0) AS l
         CROSS JOIN LATERAL (SELECT l.expires_at IS NULL OR l.expires_at > v_at) AS v (live);
    END IF;
END
$$;
RESET ROLE;
