-- stripe.item_price: the price object of a subscription item.
--   Errors    IS001 it is not there whole
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.item_price(p_item jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_typeof(p_item #> '{price,id}') IS DISTINCT FROM 'string' THEN
        PERFORM stripe.unknown_shape(p_item, 'price.id', p_item #> '{price,id}');
    END IF;
    RETURN p_item -> 'price';
END
$$;
RESET ROLE;
