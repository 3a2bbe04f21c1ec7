-- stripe.discount_amount: minor units that discounts took off an invoice or a session.
--   invoice           sum of total_discount_amounts[].amount (null or absent: none)
--   checkout.session  total_details.amount_discount (null or absent: none)
--   Errors    IS001 an amount is not a whole number
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.discount_amount(p_object jsonb) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_list jsonb := p_object -> 'total_discount_amounts';
    v_part jsonb;
    v_sum bigint := 0;
BEGIN
    IF p_object ->> 'object' = 'checkout.session' THEN
        IF coalesce(jsonb_typeof(p_object #> '{total_details,amount_discount}'), 'null') = 'null' THEN
            RETURN 0;
        END IF;
        RETURN stripe.whole(p_object, p_object #> '{total_details,amount_discount}', 'total_details.amount_discount');
    END IF;
    IF coalesce(jsonb_typeof(v_list), 'null') = 'null' THEN
        RETURN 0;
    END IF;
    IF jsonb_typeof(v_list) <> 'array' THEN
        PERFORM stripe.unknown_shape(p_object, 'total_discount_amounts', v_list);
    END IF;
    FOR v_part IN SELECT a.value FROM jsonb_array_elements(v_list) AS a LOOP
        v_sum := v_sum + stripe.whole(p_object, v_part -> 'amount', 'total_discount_amounts[].amount');
    END LOOP;
    RETURN v_sum;
END
$$;
RESET ROLE;
