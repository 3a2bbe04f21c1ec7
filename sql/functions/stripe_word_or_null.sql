-- stripe.word_or_null: a string at the top level of an object that may be null, but not absent.
--   Errors    IS001 absent, or neither string nor null
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.word_or_null(p_object jsonb, p_field text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_typeof(p_object -> p_field) IN ('string', 'null') THEN
        RETURN p_object ->> p_field;
    END IF;
    PERFORM stripe.unknown_shape(p_object, p_field, p_object -> p_field);
END
$$;
RESET ROLE;
