-- ledger.month_place: from where the months of a period are counted, so that they fall on the days on which Stripe bills: from the
--   billing cycle anchor, if the period begins a whole number of months after it (January 31, then February 28, then March 31
--   again), else from the beginning of the period.
--   Returns  months of the period begin at ledger.months_after(base, months + k), k = 0, 1, …
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.month_place(p_anchor timestamptz, p_start timestamptz, OUT base timestamptz, OUT months integer)
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_anchor timestamp := p_anchor AT TIME ZONE 'UTC';
    v_start timestamp := p_start AT TIME ZONE 'UTC';
BEGIN
    base := p_anchor;
    months := ((extract(year FROM v_start) - extract(year FROM v_anchor)) * 12
               + extract(month FROM v_start) - extract(month FROM v_anchor))::integer;
    IF months IS NULL OR ledger.months_after(base, months) <> p_start THEN
        base := p_start;
        months := 0;
    END IF;
END
$$;
RESET ROLE;
