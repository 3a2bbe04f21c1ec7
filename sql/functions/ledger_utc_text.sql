-- ledger.utc_text: a moment as 2026-11-22T23:00:00Z, whatever the session's time zone.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.utc_text(p_at timestamptz) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;
RESET ROLE;
