-- stripe.whole_if_any: a whole number at the top level of an object that may be null, or absent in some versions.
--   Errors    IS001 a fraction, beyond 64 bits, anything else
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.whole_if_any(p_object jsonb, p_field text) RETURNS bigint
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN coalesce(jsonb_typeof(p_object -> p_field), 'null') <> 'null'
                THEN stripe.whole(p_object, p_object -> p_field, p_field) END
$$;
RESET ROLE;
