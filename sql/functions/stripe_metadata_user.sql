-- stripe.metadata_user: the application's user id that an object's metadata names.
--   p_keys    configured keys, the first that has a value counts
--   Returns   NULL if none has: objects need not carry it
--   Errors    IS001 metadata is neither an object, null nor absent
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.metadata_user(p_object jsonb, p_keys text[]) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF coalesce(jsonb_typeof(p_object -> 'metadata'), 'null') NOT IN ('object', 'null') THEN
        PERFORM stripe.unknown_shape(p_object, 'metadata', p_object -> 'metadata');
    END IF;
    RETURN (SELECT btrim(p_object #>> ARRAY['metadata', k.key])
              FROM unnest(p_keys) WITH ORDINALITY AS k (key, place)
             WHERE btrim(p_object #>> ARRAY['metadata', k.key]) <> '' ORDER BY k.place LIMIT 1);
END
$$;
RESET ROLE;
