-- stripe.discounts: which coupons, by which promotion codes, an object is discounted with; each pair once, sorted.
--   p_object  as stripe.discount_list
--   Returns   as stripe.discount_pair
--   Shapes    as stripe.discount_list and stripe.discount_pair
--   Errors    IS001
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.discounts(p_object jsonb) RETURNS TABLE (coupon text, promotion_code text)
    LANGUAGE sql IMMUTABLE AS $$
    SELECT DISTINCT p.coupon COLLATE "C", p.promotion_code COLLATE "C"
      FROM jsonb_array_elements(stripe.discount_list(p_object)) AS d
     CROSS JOIN LATERAL stripe.discount_pair(p_object, d.value) AS p
     ORDER BY 1, 2
$$;
RESET ROLE;
