-- The catalogue: products, prices, coupons and promotion codes, by their own turns and as seen inside other objects.
BEGIN;
SELECT no_plan();

CREATE FUNCTION pg_temp.product(p_extra jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT '{"object": "product", "id": "prod_pro", "name": "Pro", "active": true, "livemode": false, "metadata": {}}' || p_extra $$;
CREATE FUNCTION pg_temp.coupon(p_extra jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT '{"object": "coupon", "id": "SPRING", "name": null, "percent_off": 12.5, "amount_off": null, "currency": null, "duration": "repeating", "duration_in_months": 3, "redeem_by": null, "valid": true, "livemode": false, "metadata": {"partner_ref": "acme"}}' || p_extra $$;
CREATE FUNCTION pg_temp.code(p_extra jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT '{"object": "promotion_code", "id": "promo_1", "code": "ACME10", "promotion": {"type": "coupon", "coupon": "SPRING"}, "customer": null, "active": true, "expires_at": null, "livemode": false, "metadata": {}}' || p_extra $$;
CREATE FUNCTION pg_temp.discounted(p_coupon jsonb, p_code jsonb DEFAULT 'null') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', NULL, jsonb_build_object('discounts', jsonb_build_array(
        jsonb_build_object('object', 'discount', 'id', 'di_1', 'promotion_code', p_code,
                           'source', jsonb_build_object('type', 'coupon', 'coupon', p_coupon)))))) $$;
-- A turn whose reads began and ended on a day.
CREATE FUNCTION pg_temp.on_day(p_subject text, p_objects jsonb, p_from numeric, p_to numeric, p_extra jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT t.turn(p_subject, p_objects, '[]', jsonb_build_object('started_ms', t.day(p_from) * 1000, 'fetched_ms', t.day(p_to) * 1000) || p_extra) $$;

-- by their own turns
SELECT t.turn('prod_pro', jsonb_build_array(pg_temp.product()));
SELECT t.turn('price_pro', jsonb_build_array(t.price('pro')));
SELECT t.turn('SPRING', jsonb_build_array(pg_temp.coupon()));
SELECT t.turn('promo_1', jsonb_build_array(pg_temp.code()));
SELECT is(ledger.catalogue_truth(), '{
    "products": [{"id": "prod_pro", "active": true, "name": "Pro"}],
    "prices": [{"id": "price_pro", "product": "prod_pro", "active": true, "currency": "usd", "unit_amount": 1999}],
    "coupons": [{"id": "SPRING", "percent_bp": 1250, "amount_off": null, "currency": null, "duration": "repeating", "duration_in_months": 3}],
    "promotion_codes": [{"id": "promo_1", "code": "ACME10", "coupon": "SPRING", "customer": null}]}'::jsonb, 'each is learned by its own turn');
SELECT is((SELECT metadata ->> 'partner_ref' FROM ledger.coupon), 'acme', 'with the merchant''s metadata');
SELECT is((SELECT pg_typeof(percent_off)::text || ' ' || percent_off FROM ledger.coupon), 'numeric 12.5', 'a percentage is exact');
SELECT t.turn('SPRING', jsonb_build_array(pg_temp.coupon('{"percent_off": 33.33}')));
SELECT is((SELECT percent_off::text || (ledger.catalogue_truth() #>> '{coupons,0,percent_bp}') FROM ledger.coupon), '33.333333', 'whatever its decimals');
SELECT t.turn('prod_pro', jsonb_build_array(pg_temp.product('{"name": "Professional", "active": false}')));
SELECT is(ledger.catalogue_truth() -> 'products', '[{"id": "prod_pro", "active": false, "name": "Professional"}]'::jsonb, 'and follows its changes');
SELECT t.turn('promo_2', jsonb_build_array(pg_temp.code('{"id": "promo_2", "coupon": {"object": "coupon", "id": "FALL", "name": "Fall", "percent_off": null, "amount_off": 500, "currency": "EUR", "duration": "once", "duration_in_months": null, "redeem_by": null, "valid": true, "metadata": {}}}'::jsonb) - 'promotion'));
SELECT is((SELECT coupon FROM ledger.promotion_code WHERE id = 'promo_2'), 'FALL', 'a promotion code of before 2025-09-30.clover');
SELECT is((SELECT amount_off || currency || duration FROM ledger.coupon WHERE id = 'FALL'), '500euronce', 'teaches its coupon too');
SELECT t.turn('cus_9', jsonb_build_array(pg_temp.code('{"id": "promo_9", "customer": "cus_9"}')));
SELECT is((SELECT customer FROM ledger.promotion_code WHERE id = 'promo_9'), 'cus_9', 'a promotion code for one customer comes in that customer''s turn');
SELECT is((SELECT count(*) FROM ledger.customer AS c WHERE c.id IN ('prod_pro', 'SPRING', 'promo_1') AND c.applied_turn IS NOT NULL), 3::bigint, 'each is a subject of its own');

-- inside other objects
SELECT pg_temp.on_day('cus_1', pg_temp.discounted(pg_temp.coupon('{"id": "INSIDE"}'), pg_temp.code('{"id": "promo_in", "code": "IN", "promotion": {"type": "coupon", "coupon": "INSIDE"}}')), 200, 201);
SELECT is((SELECT coupon || ' ' || code FROM ledger.promotion_code WHERE id = 'promo_in'), 'INSIDE IN', 'a promotion code is learned from a discount');
SELECT is((SELECT percent_off FROM ledger.coupon WHERE id = 'INSIDE'), 12.5, 'and its coupon');
SELECT is((SELECT state -> 'discounts' FROM ledger.subscription WHERE id = 'sub_1'), '[{"coupon": "INSIDE", "promotion_code": "promo_in"}]'::jsonb, 'the subscription''s state names both');
SELECT pg_temp.on_day('cus_2', jsonb_build_array(t.sub('sub_2', 'cus_2', 'active', jsonb_build_array(t.item('si_2', 'pro', 0, 31) || jsonb_build_object('price', t.price('pro') || jsonb_build_object('product', pg_temp.product('{"id": "prod_in"}')))))), 200, 201);
SELECT is((SELECT name FROM ledger.product WHERE id = 'prod_in'), 'Pro', 'a product is learned from a price');
SELECT pg_temp.on_day('cus_3', jsonb_build_array(t.customer('cus_3', jsonb_build_object('discount', jsonb_build_object('object', 'discount', 'id', 'di_3', 'promotion_code', NULL, 'coupon', pg_temp.coupon('{"id": "OLD"}'))))), 200, 201);
SELECT is((SELECT duration FROM ledger.coupon WHERE id = 'OLD'), 'repeating', 'a coupon from a customer''s discount of before 2025-09-30.clover');

-- who overwrites whom
SELECT pg_temp.on_day('cus_1', pg_temp.discounted(pg_temp.coupon('{"id": "INSIDE", "name": "newer"}')), 202, 203);
SELECT is((SELECT name FROM ledger.coupon WHERE id = 'INSIDE'), 'newer', 'a newer read overwrites');
SELECT pg_temp.on_day('cus_4', jsonb_build_array(t.sub('sub_4', 'cus_4', 'active', NULL, jsonb_build_object('discounts', pg_temp.discounted(pg_temp.coupon('{"id": "INSIDE", "name": "older"}')) #> '{0,discounts}'))), 202, 204);
SELECT is((SELECT name FROM ledger.coupon WHERE id = 'INSIDE'), 'newer', 'one that began before that one ended does not');
SELECT t.turn('INSIDE', jsonb_build_array(pg_temp.coupon('{"id": "INSIDE", "name": "named"}')), '[]', jsonb_build_object('started_ms', t.day(204) * 1000, 'fetched_ms', t.day(205) * 1000));
SELECT is((SELECT name FROM ledger.coupon WHERE id = 'INSIDE'), 'named', 'a read by name does');
SELECT pg_temp.on_day('INSIDE', jsonb_build_array(pg_temp.coupon('{"id": "INSIDE", "name": "named"}')), 210, 211);
SELECT pg_temp.on_day('cus_1', pg_temp.discounted(pg_temp.coupon('{"id": "INSIDE", "name": "stale"}')), 206, 207);
SELECT is((SELECT name FROM ledger.coupon WHERE id = 'INSIDE'), 'named', 'a read by name counts as seen even if nothing had changed');
SELECT pg_temp.on_day('cus_1', pg_temp.discounted(pg_temp.coupon('{"id": "INSIDE", "name": "twice"}')) || pg_temp.coupon('{"id": "INSIDE", "name": "by name"}'), 300, 301);
SELECT is((SELECT name FROM ledger.coupon WHERE id = 'INSIDE'), 'by name', 'the same one inside and by name: by name');
SELECT pg_temp.on_day('price_pro', jsonb_build_array(t.price('pro', 1999)), 310, 311);
SELECT pg_temp.on_day('cus_2', jsonb_build_array(t.sub('sub_2', 'cus_2', 'active', jsonb_build_array(t.item('si_2', 'pro', 0, 31) || jsonb_build_object('price', t.price('pro') || '{"active": false}')))), 306, 307);
SELECT is((SELECT active FROM ledger.plan_price WHERE price_id = 'price_pro'), true, 'the same for a price');

-- deletion
SELECT t.turn('SPRING', '[]', '[]', '{"missing": [{"object": "coupon", "id": "SPRING"}]}');
SELECT is((SELECT deleted || ' ' || percent_off || ' ' || valid FROM ledger.coupon WHERE id = 'SPRING'), 'true 33.33 false', 'a coupon that is missing is deleted; what it was stays');
SELECT is(jsonb_path_exists(ledger.catalogue_truth(), '$.coupons[*] ? (@.id == "SPRING")'), false, 'and is not in the catalogue any more');
SELECT pg_temp.on_day('cus_1', pg_temp.discounted(pg_temp.coupon()), 400, 401);
SELECT is((SELECT deleted FROM ledger.coupon WHERE id = 'SPRING'), true, 'a discount that outlives its coupon does not bring it back');
SELECT is((SELECT state #>> '{discounts,0,coupon}' FROM ledger.subscription WHERE id = 'sub_1'), 'SPRING', 'the discount itself is known');
SELECT t.turn('GHOST', '[]', '[]', '{"missing": [{"object": "coupon", "id": "GHOST"}]}');
SELECT pg_temp.on_day('cus_1', pg_temp.discounted(pg_temp.coupon('{"id": "GHOST"}')), 402, 403);
SELECT is((SELECT deleted || coalesce(duration, ' never known') FROM ledger.coupon WHERE id = 'GHOST'), 'true never known', 'nor one that was deleted before it was known');
SELECT t.turn('prod_pro', '[{"object": "product", "id": "prod_pro", "deleted": true}]');
SELECT is((SELECT deleted || name FROM ledger.product WHERE id = 'prod_pro'), 'trueProfessional', 'a deleted stub deletes');
SELECT t.turn('prod_pro', jsonb_build_array(pg_temp.product()));
SELECT is((SELECT deleted || name FROM ledger.product WHERE id = 'prod_pro'), 'falsePro', 'a product that is there after all is there again');
SELECT pg_temp.on_day('prod_z', jsonb_build_array(pg_temp.product('{"id": "prod_z"}')), 500, 501);
SELECT pg_temp.on_day('promo_z', jsonb_build_array(pg_temp.code('{"id": "promo_z"}')), 500, 501);
CREATE FUNCTION pg_temp.seen(p_from numeric, p_name text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.on_day('cus_5', jsonb_build_array(t.sub('sub_5', 'cus_5', 'active', jsonb_build_array(t.item('si_5', 'z', 0, 31) || jsonb_build_object(
        'price', t.price('z') || jsonb_build_object('product', pg_temp.product('{"id": "prod_z"}') || jsonb_build_object('name', p_name)))),
        jsonb_build_object('discounts', jsonb_build_array(jsonb_build_object('object', 'discount', 'id', 'di_5', 'source', '{"type": "coupon", "coupon": "SPRING"}'::jsonb,
            'promotion_code', pg_temp.code('{"id": "promo_z"}') || jsonb_build_object('code', p_name)))))), p_from, p_from + 1) $$;
CREATE FUNCTION pg_temp.z() RETURNS text LANGUAGE sql AS $$
    SELECT p.name || ' ' || p.deleted || ' ' || c.code || ' ' || c.deleted FROM ledger.product AS p, ledger.promotion_code AS c WHERE p.id = 'prod_z' AND c.id = 'promo_z' $$;
SELECT pg_temp.seen(500, 'stale');
SELECT is(pg_temp.z(), 'Pro false ACME10 false', 'a product and a promotion code inside something else: an older read does not overwrite');
SELECT pg_temp.seen(502, 'newer');
SELECT is(pg_temp.z(), 'newer false newer false', 'a newer one does');
SELECT t.turn('prod_z', '[]', '[]', '{"missing": [{"object": "product", "id": "prod_z"}]}');
SELECT t.turn('promo_z', '[]', '[]', '{"missing": [{"object": "promotion_code", "id": "promo_z"}]}');
SELECT pg_temp.seen(600, 'ghost');
SELECT is(pg_temp.z(), 'newer true newer true', 'and what is deleted stays deleted');
SELECT t.turn('prod_x', '[]', '[]', '{"missing": [{"object": "product", "id": "prod_x"}, {"object": "promotion_code", "id": "promo_x"}, {"object": "price", "id": "price_x"}]}');
SELECT is((SELECT string_agg(id, ' ') FROM (SELECT id FROM ledger.product WHERE id = 'prod_x' AND deleted UNION ALL SELECT id FROM ledger.promotion_code WHERE id = 'promo_x' AND deleted) AS x), 'prod_x promo_x', 'missing ones are remembered as gone');
SELECT is((SELECT count(*) FROM ledger.plan_price WHERE price_id = 'price_x'), 0::bigint, 'but a price that was never known stands for no plan');
SELECT t.turn('price_pro', '[]', '[]', '{"missing": [{"object": "price", "id": "price_pro"}]}');
SELECT is((SELECT deleted || plan_key FROM ledger.plan_price WHERE price_id = 'price_pro'), 'truepro', 'one that was known keeps its plan');
SELECT is((SELECT count(*) FROM ledger.entitlement WHERE customer = 'cus_1' AND entitled), 1::bigint, 'and who has it keeps the right');
SELECT is((SELECT missing FROM ops.turn WHERE subject = 'GHOST'), '[{"object": "coupon", "id": "GHOST"}]'::jsonb, 'the turn says what was missing');

-- shapes
SELECT is(t.try('instep_owner', format('SELECT ledger.mirror_coupons(%L, %L, 0, 0, %L)', 'self', jsonb_build_array(c.object), '{}')), c.want, c.name) FROM (VALUES
    ('a coupon by percentage', pg_temp.coupon(), 'ok'),
    ('a coupon by amount', pg_temp.coupon('{"percent_off": null, "amount_off": 500, "currency": "usd"}'), 'ok'),
    ('a coupon of neither is refused', pg_temp.coupon('{"percent_off": null}'), 'IS001'),
    ('a coupon of both is refused', pg_temp.coupon('{"amount_off": 500, "currency": "usd"}'), 'IS001'),
    ('an amount without currency is refused', pg_temp.coupon('{"percent_off": null, "amount_off": 500}'), 'IS001'),
    ('more than a hundred percent is refused', pg_temp.coupon('{"percent_off": 100.01}'), 'IS001'),
    ('less than nothing is refused', pg_temp.coupon('{"percent_off": -1}'), 'IS001'),
    ('a percentage as text is refused', pg_temp.coupon('{"percent_off": "12.5"}'), 'IS001'),
    ('an amount with a fraction is refused', pg_temp.coupon('{"percent_off": null, "amount_off": 1.5, "currency": "usd"}'), 'IS001'),
    ('a coupon without duration is refused', pg_temp.coupon() - 'duration', 'IS001'),
    ('an unknown duration is carried', pg_temp.coupon('{"duration": "fortnightly"}'), 'ok'),
    ('metadata that is no map is refused', pg_temp.coupon('{"metadata": "x"}'), 'IS001')) AS c (name, object, want);
SELECT is(t.try('instep_owner', format('SELECT ledger.mirror_promotion_codes(%L, %L, 0, 0, %L)', 'self', jsonb_build_array(c.object), '{}')), c.want, c.name) FROM (VALUES
    ('a promotion code', pg_temp.code(), 'ok'),
    ('with its coupon expanded', pg_temp.code(jsonb_build_object('promotion', jsonb_build_object('type', 'coupon', 'coupon', pg_temp.coupon()))), 'ok'),
    ('of an unknown promotion is refused', pg_temp.code('{"promotion": {"type": "lottery"}}'), 'IS001'),
    ('of no promotion is refused', pg_temp.code() - 'promotion', 'IS001'),
    ('without the field customer is refused', pg_temp.code() - 'customer', 'IS001'),
    ('without code is refused', pg_temp.code() - 'code', 'IS001')) AS c (name, object, want);
SELECT is(t.try('instep_owner', format('SELECT ledger.mirror_products(%L, %L, 0, 0, %L)', 'self', jsonb_build_array(c.object), '{}')), c.want, c.name) FROM (VALUES
    ('a product', pg_temp.product(), 'ok'),
    ('without name is refused', pg_temp.product() - 'name', 'IS001'),
    ('active must be true or false', pg_temp.product('{"active": "yes"}'), 'IS001'),
    ('without id is refused', pg_temp.product() - 'id', 'IS001')) AS c (name, object, want);
SELECT is(t.try('instep_owner', format('SELECT ledger.mirror_prices(%L, %L, 0, 0, %L)', 'self', jsonb_build_array(c.object), '{}')), c.want, c.name) FROM (VALUES
    ('a price', t.price('new'), 'ok'),
    ('a price of tiers has no amount', t.price('new') || '{"unit_amount": null}', 'ok'),
    ('an amount as text is refused', t.price('new') || '{"unit_amount": "1999"}', 'IS001'),
    ('no amount at all is refused', t.price('new') - 'unit_amount', 'IS001'),
    ('a one-time price has no interval', t.price('new') || '{"recurring": null}', 'ok'),
    ('an interval without count is refused', t.price('new') || '{"recurring": {"interval": "month"}}', 'IS001'),
    ('no currency is refused', t.price('new') - 'currency', 'IS001')) AS c (name, object, want);
SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies');
SELECT * FROM finish();
ROLLBACK;
