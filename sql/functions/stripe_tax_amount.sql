-- stripe.tax_amount: minor units of tax in an object, whether on top of its prices or inside them; null: none.
--   Shapes    since 2025-03-31.basil total_taxes[] (invoice, credit_note), taxes[] (line_item); before, total_tax_amounts[]
--             and tax, tax_amounts[]. checkout.session: total_details.amount_tax in every version
--   Errors    IS001 none of these, an amount is not a whole number
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.tax_amount(p_object jsonb) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_field text;
BEGIN
    IF p_object ->> 'object' = 'checkout.session' THEN
        RETURN stripe.session_detail(p_object, 'amount_tax');
    END IF;
    FOREACH v_field IN ARRAY CASE WHEN p_object ->> 'object' = 'line_item' THEN ARRAY['taxes', 'tax_amounts']
                                  ELSE ARRAY['total_taxes', 'total_tax_amounts', 'tax_amounts'] END LOOP
        IF p_object ? v_field THEN
            RETURN stripe.amount_sum(p_object, p_object -> v_field, v_field);
        END IF;
    END LOOP;
    IF p_object ? 'tax' THEN
        RETURN stripe.whole_or_zero(p_object, p_object -> 'tax', 'tax');
    END IF;
    PERFORM stripe.unknown_shape(p_object, CASE WHEN p_object ->> 'object' = 'line_item' THEN 'taxes' ELSE 'total_taxes' END,
                                 NULL);
END
$$;
RESET ROLE;
