-- stripe.currency: the ISO 4217 code of an object, lower case as on the wire.
--   Errors    IS001 absent, null, not three letters
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.currency(p_object jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_code text := lower(stripe.word(p_object, 'currency'));
BEGIN
    IF v_code !~ '^[a-z]{3}$' THEN
        PERFORM stripe.unknown_shape(p_object, 'currency', p_object -> 'currency');
    END IF;
    RETURN v_code;
END
$$;
RESET ROLE;
