-- ledger.lots_at: every lot of credits as of a moment, added up from the lines of its entries; whoever holds it now.
--   p_at     entries that took effect by then; 'infinity': all of them, whatever is booked ahead included
--   Returns  one row per lot with an entry by then; remaining may be below zero: a debt
--   Cost     reads all entries: for verify and truth. One user's lots: ledger.credit_lots.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.lots_at(p_at timestamptz)
    RETURNS TABLE (lot bigint, granted bigint, spent bigint, clawed bigint, covered bigint, repaid bigint, rolled bigint,
                   expired bigint, remaining bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    -- A line is what it did to remaining. Between lots the first gives and the second gets, or, with the signs turned, back.
    SELECT l.lot,
           coalesce(sum(l.amount) FILTER (WHERE e.kind = 'granted' OR e.kind = 'rolled_over' AND l.place = 2), 0)::bigint,
           -coalesce(sum(l.amount) FILTER (WHERE e.kind IN ('spent', 'spend_returned')), 0)::bigint,
           -coalesce(sum(l.amount) FILTER (WHERE e.kind IN ('clawed_back', 'clawback_returned')), 0)::bigint,
           coalesce(sum(l.amount) FILTER (WHERE e.kind = 'debt_repaid' AND l.place = 2), 0)::bigint,
           -coalesce(sum(l.amount) FILTER (WHERE e.kind = 'debt_repaid' AND l.place = 1), 0)::bigint,
           -coalesce(sum(l.amount) FILTER (WHERE e.kind = 'rolled_over' AND l.place = 1), 0)::bigint,
           -coalesce(sum(l.amount) FILTER (WHERE e.kind IN ('expired', 'unexpired')), 0)::bigint,
           coalesce(sum(l.amount) FILTER (WHERE e.kind NOT IN ('moved_out', 'moved_in')), 0)::bigint
      FROM ledger.credit_entry AS e
     CROSS JOIN LATERAL unnest(e.lots, e.amounts) WITH ORDINALITY AS l (lot, amount, place)
     WHERE e.effective_at <= p_at
     GROUP BY l.lot
$$;
RESET ROLE;
