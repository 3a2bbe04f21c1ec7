-- ledger.catalogue_truth: the catalogue, in the shape of the simulator's own account of it (docs/simulator.md, "Truth").
--   What is deleted is left out; lists are sorted by id, byte by byte. percent_bp is percent_off in hundredths of a percent.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.catalogue_truth() RETURNS jsonb
    LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'products', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'active', p.active, 'name', p.name)
                                               ORDER BY p.id COLLATE "C"), '[]')
                       FROM ledger.product AS p WHERE NOT p.deleted),
        'prices', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                              'id', p.price_id, 'product', p.product_id, 'active', p.active, 'currency', p.currency,
                              'unit_amount', p.unit_amount) ORDER BY p.price_id COLLATE "C"), '[]')
                     FROM ledger.plan_price AS p WHERE NOT p.deleted),
        'coupons', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                               'id', c.id, 'percent_bp', (c.percent_off * 100)::bigint, 'amount_off', c.amount_off,
                               'currency', c.currency, 'duration', c.duration,
                               'duration_in_months', c.duration_in_months) ORDER BY c.id COLLATE "C"), '[]')
                      FROM ledger.coupon AS c WHERE NOT c.deleted),
        'promotion_codes', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                       'id', p.id, 'code', p.code, 'coupon', p.coupon, 'customer', p.customer)
                                       ORDER BY p.id COLLATE "C"), '[]')
                              FROM ledger.promotion_code AS p WHERE NOT p.deleted))
$$;
RESET ROLE;
