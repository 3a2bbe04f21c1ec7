-- ledger.plan_check_number: what is wrong with a value that is to be a whole number from p_low to p_high; NULL: nothing.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.plan_check_number(p_value jsonb, p_low bigint, p_high bigint) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_typeof(p_value) = 'number' AND (p_value #>> '{}')::numeric BETWEEN p_low AND p_high
        AND (p_value #>> '{}')::numeric = trunc((p_value #>> '{}')::numeric) THEN
        RETURN NULL;
    END IF;
    RETURN format('%s is no whole number from %s to %s', coalesce(ledger.plan_text(p_value), 'null'), p_low, p_high);
END
$$;
RESET ROLE;
