-- stripe.percent: a percentage, exact: as numeric, never as a float.
--   p_object, p_value, p_field  as stripe.whole
--   Errors    IS001 absent, null, not a number from 0 to 100 with at most 12 decimals
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.percent(p_object jsonb, p_value jsonb, p_field text) RETURNS numeric
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_typeof(p_value) = 'number' AND p_value #>> '{}' ~ '^[0-9]{1,3}(\.[0-9]{1,12})?$'
        AND (p_value #>> '{}')::numeric <= 100 THEN
        RETURN trim_scale((p_value #>> '{}')::numeric);
    END IF;
    IF jsonb_typeof(p_value) = 'number' THEN
        RAISE EXCEPTION '% %: field % is not a percentage', left(coalesce(p_object ->> 'object', 'object'), 60),
            left(coalesce(p_object ->> 'id', '(no id)'), 255), p_field USING ERRCODE = 'IS001';
    END IF;
    PERFORM stripe.unknown_shape(p_object, p_field, p_value);
END
$$;
RESET ROLE;
