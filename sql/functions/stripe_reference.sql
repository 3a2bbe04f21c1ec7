-- stripe.reference: the id that a top-level field names, whether or not somebody expanded it; the field may be null, but
--   not absent.
--   Errors    IS001 absent, or neither an id, an object with one, nor null
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.reference(p_object jsonb, p_field text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF NOT p_object ? p_field THEN
        PERFORM stripe.unknown_shape(p_object, p_field, NULL);
    END IF;
    RETURN stripe.id_or_expanded(p_object -> p_field, p_object, p_field);
END
$$;
RESET ROLE;
