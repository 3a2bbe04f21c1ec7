-- stripe.price_of_line: the price that a line of an invoice or an invoice item was made from, NULL if from none.
--   Shapes    since 2025-03-31.basil pricing.price_details.price (an id, expandable since 2025-12-15.clover); before, price
--   Errors    IS001 neither is there, or pricing of an unknown type
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.price_of_line(p_line jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_price text;
BEGIN
    CASE
        WHEN jsonb_typeof(p_line -> 'pricing') = 'null' THEN
            RETURN NULL;
        WHEN p_line ? 'pricing' THEN
            IF p_line #>> '{pricing,type}' IS DISTINCT FROM 'price_details' THEN
                PERFORM stripe.unknown_shape(p_line, 'pricing.type', p_line #> '{pricing,type}');
            END IF;
            v_price := stripe.id_or_expanded(p_line #> '{pricing,price_details,price}', p_line,
                                             'pricing.price_details.price');
            IF v_price IS NULL THEN
                PERFORM stripe.unknown_shape(p_line, 'pricing.price_details.price',
                                             p_line #> '{pricing,price_details,price}');
            END IF;
            RETURN v_price;
        WHEN p_line ? 'price' THEN
            RETURN stripe.id_or_expanded(p_line -> 'price', p_line, 'price');
        ELSE
            PERFORM stripe.unknown_shape(p_line, 'pricing', NULL);
    END CASE;
END
$$;
RESET ROLE;
