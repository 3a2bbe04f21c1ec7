-- ledger.mirror_catalogue: learn products, prices, coupons and promotion codes that a turn read: by name, or inside
-- something else (prices in items, coupons and promotion codes in discounts, products in prices).
--   p_turn     as ledger.apply_turn
--   p_objects  as ledger.sort_objects
--   What was read by name overwrites, and what is missing by name is deleted; what was found inside something else
--   overwrites only what an older read said, since turns of different customers are not ordered among each other, and
--   never brings back what is deleted.
--   Locks      rows of products that change, plans that are new or get a version, rows of prices, subscriptions that a change of a
--              plan concerns, rows of coupons and promotion codes that change, each ascending
--   Errors     IS001
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.mirror_catalogue(p_turn jsonb, p_objects jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_account text := p_turn ->> 'account';
    v_read_ms bigint := coalesce((p_turn ->> 'started_ms')::bigint, 0);
    v_seen_ms bigint := coalesce((p_turn ->> 'fetched_ms')::bigint, 0);
    v_named jsonb := '{}';  -- {"product": [objects read by name, stubs of the missing], ...}
    v_ids jsonb := '{}';
    v_kind text;
    v_discounts jsonb;
    v_prices jsonb;
    v_codes jsonb;
    v_learned text[];
BEGIN
    FOREACH v_kind IN ARRAY ARRAY['price', 'product', 'coupon', 'promotion_code'] LOOP
        v_named := v_named || jsonb_build_object(v_kind, coalesce(p_objects -> v_kind, '[]') || (
            SELECT coalesce(jsonb_agg(m.value || '{"deleted": true}'), '[]')
              FROM jsonb_array_elements(coalesce(p_turn -> 'missing', '[]')) AS m WHERE m.value ->> 'object' = v_kind));
        v_ids := v_ids || jsonb_build_object(v_kind, (SELECT coalesce(jsonb_agg(n.value -> 'id'), '[]')
                                                        FROM jsonb_array_elements(v_named -> v_kind) AS n));
    END LOOP;
    v_discounts :=
        (SELECT coalesce(jsonb_agg(d.value), '[]')
           FROM jsonb_array_elements(p_objects -> 'subscription') AS s,
                jsonb_array_elements(stripe.discount_list(s.value)) AS d)
        || coalesce(jsonb_path_query_array(p_objects, '$.customer[*].discount ? (@.object == "discount")'), '[]')
        || coalesce(jsonb_path_query_array(
               p_objects, '$.subscription[*].items.data[*].discounts[*] ? (@.object == "discount")'), '[]');
    v_codes := (SELECT coalesce(jsonb_agg(d.value -> 'promotion_code'), '[]') FROM jsonb_array_elements(v_discounts) AS d
                 WHERE d.value #>> '{promotion_code,object}' = 'promotion_code') || (v_named -> 'promotion_code');
    v_prices := (SELECT coalesce(jsonb_agg(stripe.item_price(i.value)), '[]')
                   FROM jsonb_array_elements(p_objects -> 'subscription') AS s,
                        jsonb_array_elements(stripe.subscription_items(s.value)) AS i
                  WHERE i.value -> 'deleted' IS DISTINCT FROM 'true') || (v_named -> 'price');

    v_learned := ledger.mirror_products(
        v_account, jsonb_path_query_array(v_prices, '$[*].product ? (@.object == "product" && !(@.deleted == true))')
                   || (v_named -> 'product'),
        v_read_ms, v_seen_ms, ARRAY(SELECT jsonb_array_elements_text(v_ids -> 'product')));
    PERFORM ledger.mirror_prices(v_account, v_prices, v_read_ms, v_seen_ms,
                                 ARRAY(SELECT jsonb_array_elements_text(v_ids -> 'price')), v_learned);
    PERFORM ledger.mirror_coupons(
        v_account,
        (SELECT coalesce(jsonb_agg(c.coupon), '[]')
           FROM (SELECT stripe.discount_coupon(d.value) FROM jsonb_array_elements(v_discounts) AS d
                 UNION ALL
                 SELECT stripe.promotion_coupon(p.value) FROM jsonb_array_elements(v_codes) AS p
                  WHERE p.value -> 'deleted' IS DISTINCT FROM 'true') AS c (coupon)
          WHERE c.coupon ->> 'object' = 'coupon' AND c.coupon -> 'deleted' IS DISTINCT FROM 'true')
        || (v_named -> 'coupon'),
        v_read_ms, v_seen_ms, ARRAY(SELECT jsonb_array_elements_text(v_ids -> 'coupon')));
    PERFORM ledger.mirror_promotion_codes(v_account, v_codes, v_read_ms, v_seen_ms,
                                          ARRAY(SELECT jsonb_array_elements_text(v_ids -> 'promotion_code')));
END
$$;
RESET ROLE;
