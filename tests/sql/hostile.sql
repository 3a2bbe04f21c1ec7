-- What no Stripe would send: every field of every object, replaced by what does not belong there. A turn takes it or
-- refuses it by name; nothing else may come of it, least of all an error that nobody has thought of.
BEGIN;
SELECT no_plan();
\ir life.psql

CREATE TEMP TABLE whole AS
SELECT row_number() OVER () AS n, o.value AS object FROM jsonb_array_elements(pg_temp.life() || jsonb_build_array(pg_temp.coupon(), pg_temp.code(), t.price('pro'),
    '{"object": "product", "id": "prod_pro", "name": "Pro", "active": true, "livemode": false, "metadata": {}}'::jsonb)) AS o;
-- Every field, to the depth that readers go; of a list its first member. What the lines of an invoice hold no rule reads in a turn.
CREATE TEMP TABLE field AS
WITH RECURSIVE f (n, path, value) AS (
    SELECT w.n, ARRAY[k.key], k.value FROM whole AS w, jsonb_each(w.object) AS k WHERE k.key <> 'lines'
    UNION ALL
    SELECT f.n, f.path || k.key, k.value
      FROM f CROSS JOIN LATERAL (
           SELECT o.key, o.value FROM jsonb_each(CASE jsonb_typeof(f.value) WHEN 'object' THEN f.value ELSE '{}' END) AS o
           UNION ALL
           SELECT '0', f.value -> 0 WHERE jsonb_typeof(f.value) = 'array' AND jsonb_array_length(f.value) > 0) AS k
     WHERE cardinality(f.path) < 6 AND NOT f.path && '{metadata,price,breakdown,restrictions}')
SELECT DISTINCT ON (w.object ->> 'object', f.path) w.object, f.path FROM f JOIN whole AS w ON w.n = f.n ORDER BY w.object ->> 'object', f.path, w.n;

-- What comes of a turn with this object: 'ok' or SQLSTATE and message. Nothing of it lasts, so one claim serves all.
SELECT ops.claim_customer('self', s.subject, '00000000-0000-0000-0000-000000000001', '{}', 'test') FROM unnest('{cus_v,catalogue}'::text[]) AS s (subject);
CREATE FUNCTION pg_temp.outcome(p_object jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger.apply_turn(t.input(CASE WHEN p_object ->> 'object' IN ('coupon', 'promotion_code', 'price', 'product') THEN 'catalogue' ELSE 'cus_v' END,
                                      '00000000-0000-0000-0000-000000000001', jsonb_build_array(p_object)));
    SET CONSTRAINTS ALL IMMEDIATE;
    RAISE EXCEPTION USING ERRCODE = 'UNDO0';
EXCEPTION
    WHEN SQLSTATE 'UNDO0' THEN
        RETURN 'ok';
    WHEN OTHERS THEN
        RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

SELECT is((SELECT string_agg(w.object ->> 'id' || ' ' || pg_temp.outcome(w.object), '; ') FROM whole AS w WHERE pg_temp.outcome(w.object) <> 'ok'), NULL, 'as they are, all are taken');
CREATE TEMP TABLE tried AS
SELECT f.object ->> 'object' AS kind, array_to_string(f.path, '.') AS path, v.value AS put,
       pg_temp.outcome(CASE WHEN v.value = 'nothing' THEN f.object #- f.path ELSE jsonb_set(f.object, f.path, v.value::jsonb) END) AS outcome
  FROM field AS f
 CROSS JOIN (VALUES ('nothing'), ('null'), ('1000000000000000000000000000000'), ('1.5'), ('"text"'), ('[{}]'), ('-1'), ('""'), ('{"id": 7}')) AS v (value)
 -- the last three only where an object's own fields are
 WHERE cardinality(f.path) = 1 OR v.value NOT IN ('-1', '""', '{"id": 7}');
SELECT cmp_ok(count(*), '>', 1500::bigint, 'enough was tried') FROM tried;
SELECT is((SELECT string_agg(DISTINCT concat_ws(' ', kind, path, put, outcome), E'\n') FROM tried WHERE outcome <> 'ok' AND outcome !~ '^IS00[134] '), NULL,
          'each is taken, or refused by name');
SELECT is((SELECT string_agg(DISTINCT outcome, E'\n') FROM tried WHERE outcome ~ '^IS001' AND outcome !~ '^IS001 \S+ .+: (field \S+ (is|holds) |a negative amount)'), NULL,
          'a refusal names object, id and field');
-- Money, its currency, what it belongs to and what it is for are never guessed.
SELECT is((SELECT string_agg(concat_ws(' ', kind, path, put), E'\n') FROM tried
            WHERE outcome = 'ok' AND (kind, path) IN (
                ('invoice', 'amount_paid'), ('invoice', 'amount_due'), ('invoice', 'total'), ('invoice', 'currency'), ('invoice', 'created'), ('invoice', 'payments'),
                ('invoice', 'payments.data'), ('invoice', 'payments.data.0.id'), ('invoice', 'payments.data.0.payment'), ('invoice', 'payments.data.0.payment.type'), ('charge', 'amount'), ('charge', 'amount_captured'),
                ('charge', 'amount_refunded'), ('charge', 'currency'), ('charge', 'created'), ('charge', 'captured'), ('refund', 'amount'), ('refund', 'currency'),
                ('dispute', 'amount'), ('dispute', 'currency'), ('dispute', 'balance_transactions.0.amount'), ('dispute', 'balance_transactions.0.fee'),
                ('credit_note', 'refunds.0.amount_refunded'), ('credit_note', 'refunds.0.type'), ('credit_note', 'currency'), ('checkout.session', 'amount_total'), ('checkout.session', 'currency'),
                ('subscription', 'items.data'), ('subscription', 'items.data.0.price'), ('subscription', 'items.data.0.current_period_start'), ('coupon', 'percent_off'), ('coupon', 'valid'),
                ('promotion_code', 'promotion'), ('price', 'currency'))
              -- what is itself a possible value there
              AND NOT (put = '-1' AND path ~ '(amount|total|amount_due|amount_paid|amount_captured|amount_refunded|fee|amount_total)$')
              AND NOT (put = '1.5' AND path = 'percent_off')
              AND NOT (put = '"text"' AND path = 'payments.data.0.id')
              AND NOT (put IN ('nothing', 'null') AND path = 'refunds.0.type')), NULL, 'money is never guessed');

-- The same object twice, lists that repeat themselves, kinds that nobody knows.
SELECT is(pg_temp.outcome(c.object), c.want, c.name) FROM (VALUES
    ('an item twice', t.sub('sub_v', 'cus_v', 'active', jsonb_build_array(t.item('si_1', 'pro', 0, 31), t.item('si_1', 'pro', 0, 31))), 'IS001 subscription sub_v: field items holds an object twice'),
    ('an item that is none', t.sub('sub_v', 'cus_v', 'active', '[7]'), 'IS001 subscription sub_v: field items.data[] is not a whole number of 64 bits, or not expected to be a number'),
    ('a payment twice', pg_temp.invoice('in_9', NULL, 'paid', 5, jsonb_build_array(pg_temp.payment('inpay_1', 'paid', 5, '{"type": "charge", "charge": "ch_1"}'), pg_temp.payment('inpay_1', 'paid', 5, '{"type": "charge", "charge": "ch_1"}'))),
        'IS001 invoice in_9: field payments holds an object twice'),
    ('a discount twice is one', t.sub('sub_v', 'cus_v', 'active', NULL, jsonb_build_object('discounts', jsonb_build_array(
        jsonb_build_object('object', 'discount', 'id', 'di_1', 'source', '{"type": "coupon", "coupon": "A"}'::jsonb, 'promotion_code', NULL),
        jsonb_build_object('object', 'discount', 'id', 'di_1', 'source', '{"type": "coupon", "coupon": "A"}'::jsonb, 'promotion_code', NULL)))), 'ok'),
    ('a kind that nobody knows', '{"object": "moon", "id": "moon_1", "livemode": false}', 'ok'),
    ('an object that is a word', '"subscription"', 'IS001 object (no id): field object is missing'),
    ('an object that is a list', '[]', 'IS001 object (no id): field object is missing'),
    ('an object that is null', 'null', 'IS001 object (no id): field object is missing')) AS c (name, object, want);
SELECT * FROM finish();
ROLLBACK;
