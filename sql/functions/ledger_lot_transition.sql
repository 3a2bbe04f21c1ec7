-- ledger.lot_transition: what happened to a subscription that a billed period of one of its items tells of, in a word.
--   p_start, p_paid_at  of the period and its invoice
--   p_since    the beginning of the one before it that counts; NULL: it is the first
--   Returns    trial_to_active, paused_to_active, incomplete_to_active, past_due_to_active, activated or renewal; by what the
--              subscription was seen to be
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.lot_transition(p_sub ledger.subscription, p_start timestamptz, p_since timestamptz,
                                                 p_paid_at timestamptz) RETURNS text
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_paused timestamptz;
    v_incomplete boolean;
    v_past_due boolean;
BEGIN
    IF p_start = p_sub.trial_end THEN
        RETURN 'trial_to_active';
    END IF;
    SELECT max(h.effective_at) FILTER (WHERE h.status = 'paused' AND h.effective_at <= p_start),
           bool_or(h.status = 'incomplete'),
           bool_or(h.status = 'past_due' AND h.effective_at >= p_start AND h.effective_at <= p_paid_at)
      INTO v_paused, v_incomplete, v_past_due
      FROM ledger.subscription_change AS h
     WHERE h.account = p_sub.account AND h.subscription = p_sub.id;
    RETURN CASE WHEN v_paused IS NOT NULL AND (p_since IS NULL OR p_since < v_paused) THEN 'paused_to_active'
                WHEN p_since IS NULL AND v_incomplete THEN 'incomplete_to_active'
                WHEN v_past_due THEN 'past_due_to_active'
                WHEN p_since IS NULL THEN 'activated' ELSE 'renewal' END;
END
$$;
RESET ROLE;
