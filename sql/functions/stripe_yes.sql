-- stripe.yes: a required true or false at the top level of an object.
--   Errors    IS001 absent, null, anything else
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.yes(p_object jsonb, p_field text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_typeof(p_object -> p_field) = 'boolean' THEN
        RETURN (p_object -> p_field)::boolean;
    END IF;
    PERFORM stripe.unknown_shape(p_object, p_field, p_object -> p_field);
END
$$;
RESET ROLE;
