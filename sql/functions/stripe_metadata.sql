-- stripe.metadata: the merchant's own keys and values on an object; {} if there are none.
--   Errors    IS001 metadata is neither an object, null nor absent
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.metadata(p_object jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    CASE coalesce(jsonb_typeof(p_object -> 'metadata'), 'null')
        WHEN 'object' THEN
            RETURN p_object -> 'metadata';
        WHEN 'null' THEN
            RETURN '{}';
        ELSE
            PERFORM stripe.unknown_shape(p_object, 'metadata', p_object -> 'metadata');
    END CASE;
END
$$;
RESET ROLE;
