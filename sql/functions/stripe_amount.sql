-- stripe.amount: a required amount of money that has no sign: what was refunded, disputed or credited.
--   Arguments as stripe.whole
--   Errors    IS001 absent, null, a fraction, beyond 64 bits, less than 0
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.amount(p_object jsonb, p_value jsonb, p_field text) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_amount bigint := stripe.whole(p_object, p_value, p_field);
BEGIN
    IF v_amount < 0 THEN
        PERFORM stripe.unknown_shape(p_object, p_field, p_value);
    END IF;
    RETURN v_amount;
END
$$;
RESET ROLE;
