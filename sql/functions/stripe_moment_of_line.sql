-- stripe.moment_of_line: when the period of a line of an invoice starts or ends: period.<p_name>, never null.
--   Errors    IS001 absent, null, or not whole seconds
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.moment_of_line(p_line jsonb, p_name text) RETURNS timestamptz
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_value jsonb := p_line #> ARRAY['period', p_name];
BEGIN
    IF coalesce(jsonb_typeof(v_value), 'null') = 'null' THEN
        PERFORM stripe.unknown_shape(p_line, 'period.' || p_name, v_value);
    END IF;
    RETURN stripe.moment(p_line, v_value, 'period.' || p_name);
END
$$;
RESET ROLE;
