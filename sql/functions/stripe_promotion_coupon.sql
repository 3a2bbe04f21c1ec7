-- stripe.promotion_coupon: the coupon of a promotion code, as the reference or the object that stands there.
--   Shapes    since 2025-09-30.clover promotion.coupon, of promotion.type coupon; before, coupon (the whole object)
--   Errors    IS001 neither is there, or a promotion of an unknown type
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.promotion_coupon(p_code jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_coupon jsonb := p_code -> 'coupon';
    v_field text := 'coupon';
BEGIN
    IF p_code ? 'promotion' OR NOT p_code ? 'coupon' THEN
        IF p_code #>> '{promotion,type}' IS DISTINCT FROM 'coupon' THEN
            PERFORM stripe.unknown_shape(p_code, 'promotion.type', p_code #> '{promotion,type}');
        END IF;
        v_coupon := p_code #> '{promotion,coupon}';
        v_field := 'promotion.coupon';
    END IF;
    IF stripe.id_or_expanded(v_coupon, p_code, v_field) IS NULL THEN
        PERFORM stripe.unknown_shape(p_code, v_field, v_coupon);
    END IF;
    RETURN v_coupon;
END
$$;
RESET ROLE;
