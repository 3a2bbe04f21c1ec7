-- ledger.months_after: the same day n months later, by the calendar of UTC: January 31 and one month is the last of February,
--   and two months is March 31, counted from the same beginning.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.months_after(p_from timestamptz, p_months integer) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE AS $$
    SELECT (p_from AT TIME ZONE 'UTC' + make_interval(months => p_months)) AT TIME ZONE 'UTC'
$$;
RESET ROLE;
