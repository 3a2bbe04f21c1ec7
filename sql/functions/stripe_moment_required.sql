-- stripe.moment_required: as stripe.moment, for a top-level field that is never null.
--   Errors    IS001 absent, null, or not whole seconds
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.moment_required(p_object jsonb, p_field text) RETURNS timestamptz
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_at timestamptz := stripe.moment(p_object, p_object -> p_field, p_field);
BEGIN
    IF v_at IS NULL THEN
        PERFORM stripe.unknown_shape(p_object, p_field, p_object -> p_field);
    END IF;
    RETURN v_at;
END
$$;
RESET ROLE;
