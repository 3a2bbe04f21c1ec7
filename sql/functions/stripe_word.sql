-- stripe.word: a required non-empty string at the top level of an object: an id, a status, a mode.
--   Values are not checked against a list: Stripe's enumerations grow on versions already in use.
--   Errors    IS001 absent, null, empty, not a string
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.word(p_object jsonb, p_field text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_typeof(p_object -> p_field) = 'string' AND p_object ->> p_field <> '' THEN
        RETURN p_object ->> p_field;
    END IF;
    PERFORM stripe.unknown_shape(p_object, p_field, p_object -> p_field);
END
$$;
RESET ROLE;
