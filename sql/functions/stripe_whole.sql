-- stripe.whole: a required whole number: minor units of money, a quantity, a count.
--   p_object  the object that the message names
--   p_value   the value, NULL if absent
--   p_field   its path, for the message
--   Errors    IS001 absent, null, a fraction, beyond 64 bits
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.whole(p_object jsonb, p_value jsonb, p_field text) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_text text := p_value #>> '{}';
BEGIN
    IF jsonb_typeof(p_value) = 'number' AND v_text ~ '^-?[0-9]{1,19}$'
        AND v_text::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN
        RETURN v_text::bigint;
    END IF;
    PERFORM stripe.unknown_shape(p_object, p_field, p_value);
END
$$;
RESET ROLE;
