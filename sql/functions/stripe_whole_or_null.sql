-- stripe.whole_or_null: a whole number that may be null, but not absent.
--   Arguments as stripe.whole
--   Errors    IS001 absent, a fraction, beyond 64 bits, anything else
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.whole_or_null(p_object jsonb, p_value jsonb, p_field text) RETURNS bigint
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(p_value) = 'null' THEN NULL ELSE stripe.whole(p_object, p_value, p_field) END
$$;
RESET ROLE;
