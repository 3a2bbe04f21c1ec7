-- stripe.discount_list: the discounts that stand on an object, as a JSON array of discount objects.
--   p_object  subscription, subscription_item, customer, invoice, line_item, checkout.session
--   Shapes    since 2025-03-31.basil discounts[], expanded; before (on a customer always), discount. A checkout.session
--             has no discounts[] before 2025-01-27.acacia: total_details.breakdown.discounts[].discount
--   Errors    IS001 none of these, or a discount that is only an id: it cannot be read later, so nobody knows its coupon
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.discount_list(p_object jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_list jsonb := p_object -> 'discounts';
    v_one jsonb := p_object -> 'discount';
BEGIN
    IF p_object -> 'deleted' = 'true' THEN
        RETURN '[]';
    END IF;
    IF p_object ? 'discounts' THEN
        -- The versions between named by id what discount shows whole.
        IF jsonb_typeof(v_list) = 'array' AND jsonb_typeof(v_one) = 'object' THEN
            SELECT coalesce(jsonb_agg(CASE WHEN m.value = v_one -> 'id' THEN v_one ELSE m.value END), '[]') INTO v_list
              FROM jsonb_array_elements(v_list) AS m;
        END IF;
        RETURN stripe.members(p_object, v_list, 'discounts');
    END IF;
    IF p_object ? 'discount' THEN
        RETURN CASE WHEN jsonb_typeof(v_one) = 'null' THEN '[]'
                    ELSE stripe.members(p_object, jsonb_build_array(v_one), 'discount') END;
    END IF;
    IF p_object ->> 'object' = 'checkout.session' THEN
        IF p_object #> '{total_details,breakdown}' IS NOT NULL THEN
            SELECT coalesce(jsonb_agg(m.value -> 'discount'), '[]') INTO v_list
              FROM jsonb_array_elements(stripe.members(p_object, p_object #> '{total_details,breakdown,discounts}',
                                                       'total_details.breakdown.discounts')) AS m;
            RETURN stripe.members(p_object, v_list, 'total_details.breakdown.discounts[].discount');
        ELSIF stripe.discount_amount(p_object) = 0 THEN
            RETURN '[]';
        END IF;
    END IF;
    PERFORM stripe.unknown_shape(p_object, 'discounts', NULL);
END
$$;
RESET ROLE;
