-- ops.prune_limit: refuse to forget what may still be needed: Stripe resends an event for up to 30 days.
--   Errors  invalid_parameter_value: p_before is younger than 31 days
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.prune_limit(p_before timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF p_before IS NULL OR p_before > clock_timestamp() - interval '31 days' THEN
        RAISE EXCEPTION 'only what is older than 31 days may be pruned: Stripe resends events for up to 30'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$;
RESET ROLE;
