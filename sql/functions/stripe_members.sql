-- stripe.members: a JSON array whose members are all objects, for a reader to go through.
--   p_object, p_field  where it stands, for the message
--   Returns   the array; an empty one for JSON null, which is how Stripe says none
--   Errors    IS001 absent, no array, or a member that is no object
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.members(p_object jsonb, p_value jsonb, p_field text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_bad jsonb;
BEGIN
    IF jsonb_typeof(p_value) = 'null' OR p_value = '[]' THEN
        RETURN '[]';
    END IF;
    IF jsonb_typeof(p_value) IS DISTINCT FROM 'array' THEN
        PERFORM stripe.unknown_shape(p_object, p_field, p_value);
    END IF;
    SELECT m.value INTO v_bad FROM jsonb_array_elements(p_value) AS m WHERE jsonb_typeof(m.value) <> 'object' LIMIT 1;
    IF FOUND THEN
        PERFORM stripe.unknown_shape(p_object, p_field || '[]', v_bad);
    END IF;
    RETURN p_value;
END
$$;
RESET ROLE;
