-- ledger.months_between: how many months of the calendar (UTC) the month of p_to is after the month of p_from; days do not count.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.months_between(p_from timestamptz, p_to timestamptz) RETURNS integer
    LANGUAGE sql IMMUTABLE AS $$
    SELECT ((extract(year FROM p_to AT TIME ZONE 'UTC') - extract(year FROM p_from AT TIME ZONE 'UTC')) * 12
            + extract(month FROM p_to AT TIME ZONE 'UTC') - extract(month FROM p_from AT TIME ZONE 'UTC'))::integer
$$;
RESET ROLE;
