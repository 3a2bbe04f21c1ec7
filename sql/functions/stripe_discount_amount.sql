-- stripe.discount_amount: minor units that discounts took off an object; null anywhere on the way: none.
--   invoice                 sum of total_discount_amounts[].amount
--   line_item, credit_note  sum of discount_amounts[].amount
--   checkout.session        total_details.amount_discount
--   Errors    IS001 the field is absent, an amount is not a whole number
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.discount_amount(p_object jsonb) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    CASE p_object ->> 'object'
        WHEN 'checkout.session' THEN
            RETURN stripe.session_detail(p_object, 'amount_discount');
        WHEN 'line_item', 'credit_note' THEN
            RETURN stripe.amount_sum(p_object, p_object -> 'discount_amounts', 'discount_amounts');
        ELSE
            RETURN stripe.amount_sum(p_object, p_object -> 'total_discount_amounts', 'total_discount_amounts');
    END CASE;
END
$$;
RESET ROLE;
