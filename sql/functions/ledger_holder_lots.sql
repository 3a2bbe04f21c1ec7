-- ledger.holder_lots: a holder's lots as they were at a moment: its part of ledger.lots_at, without reading everybody's entries.
--   p_at     by when entries took effect. Lots are those that it has now, with all that became of them, wherever they were then.
--   Returns  as ledger.lots_at
--   Cost     reads the holder's entries, and those of whom its lots came from
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.holder_lots(p_holder text, p_at timestamptz)
    RETURNS TABLE (lot bigint, granted bigint, spent bigint, clawed bigint, covered bigint, repaid bigint, rolled bigint,
                   expired bigint, remaining bigint)
    LANGUAGE sql STABLE AS $$
    WITH RECURSIVE holder AS (
        SELECT p_holder AS holder
        UNION
        SELECT e.source FROM holder AS h JOIN ledger.credit_entry AS e ON e.holder = h.holder AND e.kind = 'moved_in'
    )
    SELECT l.lot,
           coalesce(sum(l.amount) FILTER (WHERE e.kind = 'granted' OR e.kind = 'rolled_over' AND l.place = 2), 0)::bigint,
           -coalesce(sum(l.amount) FILTER (WHERE e.kind IN ('spent', 'spend_returned')), 0)::bigint,
           -coalesce(sum(l.amount) FILTER (WHERE e.kind IN ('clawed_back', 'clawback_returned')), 0)::bigint,
           coalesce(sum(l.amount) FILTER (WHERE e.kind = 'debt_repaid' AND l.place = 2), 0)::bigint,
           -coalesce(sum(l.amount) FILTER (WHERE e.kind = 'debt_repaid' AND l.place = 1), 0)::bigint,
           -coalesce(sum(l.amount) FILTER (WHERE e.kind = 'rolled_over' AND l.place = 1), 0)::bigint,
           -coalesce(sum(l.amount) FILTER (WHERE e.kind IN ('expired', 'unexpired')), 0)::bigint,
           coalesce(sum(l.amount) FILTER (WHERE e.kind NOT IN ('moved_out', 'moved_in')), 0)::bigint
      FROM holder AS h
      JOIN ledger.credit_entry AS e ON e.holder = h.holder AND e.effective_at <= p_at
     CROSS JOIN LATERAL unnest(e.lots, e.amounts) WITH ORDINALITY AS l (lot, amount, place)
     WHERE EXISTS (SELECT FROM ledger.credit_lot AS o WHERE o.id = l.lot AND o.holder = p_holder)
     GROUP BY l.lot
$$;
RESET ROLE;
