-- stripe.id_or_expanded: the id that a reference names, whether or not somebody expanded it.
--   p_value   the reference: a string, an object with an id, JSON null, or NULL (absent)
--   p_object, p_field  where it stands, for the message
--   Returns   the id; NULL for JSON null and for absent: who must tell them apart looks before
--   Errors    IS001 anything else
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.id_or_expanded(p_value jsonb, p_object jsonb, p_field text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    CASE coalesce(jsonb_typeof(p_value), 'null')
        WHEN 'null' THEN
            RETURN NULL;
        WHEN 'string' THEN
            IF p_value #>> '{}' <> '' THEN
                RETURN p_value #>> '{}';
            END IF;
        WHEN 'object' THEN
            IF jsonb_typeof(p_value -> 'id') = 'string' AND p_value ->> 'id' <> '' THEN
                RETURN p_value ->> 'id';
            END IF;
        ELSE
            NULL;
    END CASE;
    PERFORM stripe.unknown_shape(p_object, p_field, p_value);
END
$$;
RESET ROLE;
