-- ledger.month_at: the month of a subscription's item that a moment is in: what usage is counted in, and what a plan's version is
--   asked for.
--   p_anchor           the subscription's billing_cycle_anchor, or NULL
--   p_start, p_end     the item's current period, as last read
--   p_interval, p_count  of its price
--   A period of a month, of weeks or days is one. A longer one has months, counted from the anchor if the period begins a whole
--   number of months after it, else from its beginning; the last ends with the period. After p_end the next ones are projected, so
--   that a renewal that has not been read yet does not stretch the old period. Before p_start it is the first.
--   All by the calendar of UTC (ledger.months_after).
--   Source   docs/credits.md, "Boundaries"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.month_at(p_anchor timestamptz, p_start timestamptz, p_end timestamptz, p_interval text,
                                           p_count integer, p_at timestamptz, OUT month_start timestamptz, OUT month_end timestamptz)
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_base timestamptz;
    v_m integer := 0; -- months from v_base to month_start
    v_step interval;
BEGIN
    month_start := p_start;
    month_end := p_end;
    IF p_at < p_end AND (p_interval IN ('day', 'week') OR coalesce(p_interval, 'month') = 'month' AND coalesce(p_count, 1) = 1) THEN
        RETURN;
    END IF;
    IF p_at >= p_end THEN
        month_start := p_end;
        month_end := 'infinity';
        IF p_interval IN ('day', 'week') THEN
            v_step := make_interval(days => p_count * CASE p_interval WHEN 'week' THEN 7 ELSE 1 END);
            month_start := p_end + v_step * floor(extract(epoch FROM p_at - p_end) / extract(epoch FROM v_step))::double precision;
            month_end := month_start + v_step;
            RETURN;
        END IF;
    END IF;
    v_base := month_start;
    IF ledger.months_after(p_anchor, ledger.months_between(p_anchor, month_start)) = month_start THEN
        v_base := p_anchor;
        v_m := ledger.months_between(p_anchor, month_start);
    END IF;
    IF p_at > month_start THEN
        v_m := greatest(v_m, ledger.months_between(v_base, p_at));
        IF ledger.months_after(v_base, v_m) > p_at THEN
            v_m := v_m - 1;
        END IF;
        month_start := greatest(month_start, ledger.months_after(v_base, v_m));
    END IF;
    month_end := least(month_end, ledger.months_after(v_base, v_m + 1));
END
$$;
RESET ROLE;
