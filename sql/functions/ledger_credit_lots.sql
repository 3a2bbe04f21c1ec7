-- ledger.credit_lots: a user's credits lot by lot: what was granted when and by what, and what became of it.
--   p_at      as of then, by when entries took effect; NULL: now (on a Stripe test clock, its now). A lot that is over counts as
--             expired from that instant on, booked or not.
--   Returns   one row per lot, in the order in which they are burnt; remaining = granted - spent - clawed_back + covered - repaid
--             - rolled_over - expired, and the sum of remaining is ledger.credit_balance. Below zero: a debt.
--             No row for an unknown user.
--   Source    docs/credits.md
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.credit_lots(text, timestamptz);
CREATE FUNCTION ledger.credit_lots(p_user text, p_at timestamptz DEFAULT NULL)
    RETURNS TABLE (lot bigint, kind text, plan_key text, plan_version integer, subscription text, item text,
                   period_start timestamptz, period_end timestamptz, effective_at timestamptz, expires_at timestamptz, granted bigint,
                   spent bigint, clawed_back bigint, covered bigint, repaid bigint, rolled_over bigint, expired bigint,
                   remaining bigint, shortfall bigint, invoice text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_holder text := 'user:' || p_user;
    v_at timestamptz := p_at;
BEGIN
    IF p_at IS NULL THEN
        v_at := greatest(ledger.clock(), (SELECT h.clock_at FROM ledger.credit_holder AS h WHERE h.holder = v_holder));
        RETURN QUERY
            SELECT l.id, l.kind, l.plan_key, l.plan_version, l.subscription, l.item, l.period_start, l.period_end, l.effective_at,
                   l.expires_at, l.granted, l.spent, l.clawed, l.covered, l.repaid, l.rolled, l.expired + o.over,
                   l.remaining - o.over, l.shortfall, l.invoice
              FROM ledger.credit_lot AS l
             CROSS JOIN LATERAL (SELECT CASE WHEN l.expires_at <= v_at THEN greatest(l.remaining, 0) ELSE 0 END) AS o (over)
             WHERE l.holder = v_holder AND l.granted > 0
             ORDER BY l.expires_at, l.effective_at, l.kind, l.item, l.id;
    ELSE
        RETURN QUERY
            SELECT l.id, l.kind, l.plan_key, l.plan_version, l.subscription, l.item, l.period_start, l.period_end, l.effective_at,
                   l.expires_at, t.granted, t.spent, t.clawed, t.covered, t.repaid, t.rolled, t.expired + o.over,
                   t.remaining - o.over, CASE WHEN l.claw_at <= v_at THEN l.shortfall ELSE 0 END, l.invoice
              FROM ledger.holder_lots(v_holder, v_at) AS t
              JOIN ledger.credit_lot AS l ON l.id = t.lot
             CROSS JOIN LATERAL (SELECT CASE WHEN l.expires_at <= v_at THEN greatest(t.remaining, 0) ELSE 0 END) AS o (over)
             WHERE t.granted > 0
             ORDER BY l.expires_at, l.effective_at, l.kind, l.item, l.id;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION ledger.credit_lots(text, timestamptz) TO instep_app, instep_operator;
RESET ROLE;
