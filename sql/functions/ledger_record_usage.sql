-- ledger.record_usage: count use of something that a plan limits; atomic, once per key.
--   p_meter   as the plan's limits name it; one that they do not name is counted without a limit
--   p_n       a whole number from 1 on
--   Returns   one row. accepted false: it would go beyond a hard limit, or the user is entitled to nothing (limit 0); nothing is
--             counted. used, usage_limit and remaining (NULL: no limit) of the period: the month of the subscription that counts for
--             the user, else the calendar month, UTC. A soft limit is passed, with remaining 0.
--   Errors    IS002 the key was used with another number, IS010 unknown user, IS011 number not positive, IS012 no whole number or
--             beyond int64, IS013 meter, key or note missing or too long
--   Source    docs/credits.md, "Usage"
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.record_usage(text, text, numeric, text, text);
CREATE FUNCTION ledger.record_usage(p_user text, p_meter text, p_n numeric, p_key text, p_note text DEFAULT NULL,
                                    OUT accepted boolean, OUT replayed boolean, OUT used bigint, OUT usage_limit bigint,
                                    OUT remaining bigint, OUT period_start timestamptz, OUT period_end timestamptz)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT s.accepted, s.replayed, s.used, s.usage_limit, s.remaining, s.period_start, s.period_end
      INTO accepted, replayed, used, usage_limit, remaining, period_start, period_end
      FROM ledger.record_usage_at(p_user, p_meter, p_n, p_key, p_note, ledger.clock()) AS s;
END
$$;
GRANT EXECUTE ON FUNCTION ledger.record_usage(text, text, numeric, text, text) TO instep_app;
RESET ROLE;
