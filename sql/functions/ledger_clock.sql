-- ledger.clock: the time that credits live by. One place, so that tests can put another one there.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.clock() RETURNS timestamptz
    LANGUAGE sql VOLATILE AS $$
    SELECT clock_timestamp()
$$;
RESET ROLE;
