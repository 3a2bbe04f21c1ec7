-- stripe.moment: a point in time that Stripe gives as unix seconds.
--   p_object  the object that the message names
--   p_value   the value: a number, JSON null, or NULL (absent)
--   p_field   its path, for the message
--   Returns   NULL for JSON null
--   Errors    IS001 absent, or not whole seconds between 1970 and 9999
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.moment(p_object jsonb, p_value jsonb, p_field text) RETURNS timestamptz
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_typeof(p_value) = 'null' THEN
        RETURN NULL;
    END IF;
    IF jsonb_typeof(p_value) = 'number' AND p_value #>> '{}' ~ '^[0-9]{1,12}$'
        AND (p_value #>> '{}')::bigint <= 253402300799 THEN
        RETURN to_timestamp((p_value #>> '{}')::bigint);
    END IF;
    PERFORM stripe.unknown_shape(p_object, p_field, p_value);
END
$$;
RESET ROLE;
