-- stripe.discount_pair: the coupon and promotion code of one discount of an object.
--   coupon          NULL only where a Checkout session names the promotion code alone
--   promotion_code  NULL: none was used
--   Shapes    as stripe.discount_coupon; a Checkout session names the two itself
--   Errors    IS001
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.discount_pair(p_owner jsonb, p_discount jsonb, OUT coupon text,
                                                OUT promotion_code text)
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    promotion_code := stripe.id_or_expanded(p_discount -> 'promotion_code', p_discount, 'promotion_code');
    IF p_owner ->> 'object' = 'checkout.session' AND NOT p_discount ? 'source' THEN
        coupon := stripe.id_or_expanded(p_discount -> 'coupon', p_owner, 'discounts[].coupon');
        IF coupon IS NULL AND promotion_code IS NULL THEN
            PERFORM stripe.unknown_shape(p_owner, 'discounts[].coupon', p_discount -> 'coupon');
        END IF;
    ELSE
        coupon := stripe.id_or_expanded(stripe.discount_coupon(p_discount), p_discount, 'coupon');
    END IF;
END
$$;
RESET ROLE;
