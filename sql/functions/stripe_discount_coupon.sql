-- stripe.discount_coupon: the coupon of a discount object, as the reference or the object that stands there.
--   Shapes    since 2025-09-30.clover source.coupon, of source.type coupon; before, coupon (the whole object)
--   Errors    IS001 neither is there, or a source of an unknown type
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.discount_coupon(p_discount jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_coupon jsonb := p_discount -> 'coupon';
    v_field text := 'coupon';
BEGIN
    IF p_discount ? 'source' OR NOT p_discount ? 'coupon' THEN
        IF coalesce(p_discount #>> '{source,type}', '') <> 'coupon' THEN
            PERFORM stripe.unknown_shape(p_discount, 'source.type', p_discount #> '{source,type}');
        END IF;
        v_coupon := p_discount #> '{source,coupon}';
        v_field := 'source.coupon';
    END IF;
    IF stripe.id_or_expanded(v_coupon, p_discount, v_field) IS NULL THEN
        PERFORM stripe.unknown_shape(p_discount, v_field, v_coupon);
    END IF;
    RETURN v_coupon;
END
$$;
RESET ROLE;
