-- stripe.subscription_items: all items of a subscription, as a JSON array.
--   Errors    IS001 no list, or only a page of it: a part of the items is not a fact
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.subscription_items(p_subscription jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_typeof(p_subscription #> '{items,data}') IS DISTINCT FROM 'array' THEN
        PERFORM stripe.unknown_shape(p_subscription, 'items.data', p_subscription #> '{items,data}');
    END IF;
    RETURN stripe.whole_list(p_subscription, p_subscription -> 'items', 'items');
END
$$;
RESET ROLE;
