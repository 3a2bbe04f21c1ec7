-- stripe.session_detail: one of the amounts of a Checkout session's total_details; 0 where the details are null.
--   p_field   amount_discount, amount_shipping, amount_tax; null (amount_shipping): 0
--   Errors    IS001 total_details is absent or no object, the amount is not a whole number
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.session_detail(p_session jsonb, p_field text) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    CASE coalesce(jsonb_typeof(p_session -> 'total_details'), 'absent')
        WHEN 'null' THEN
            RETURN 0;
        WHEN 'object' THEN
            RETURN stripe.whole_or_zero(p_session, p_session #> ARRAY['total_details', p_field], 'total_details.' || p_field);
        ELSE
            PERFORM stripe.unknown_shape(p_session, 'total_details', p_session -> 'total_details');
    END CASE;
END
$$;
RESET ROLE;
