-- The same facts in every order of turns end with the same credits: what is due, until when, what is left.
BEGIN;
SELECT no_plan();
\ir grants.psql
SELECT pg_temp.plan('pro', 30, 2), pg_temp.plan('team', 200, 20, '{"rollover": "capped", "rollover_cap": 50}');
-- What Stripe shows in the end, in parts that a turn may read alone: a trial that converted, an upgrade amid the first month that was paid
-- at once, the next month, and a refund of the upgrade.
CREATE FUNCTION pg_temp.part(p_id text, p_part integer) RETURNS jsonb LANGUAGE sql AS $$
    SELECT CASE p_part
        WHEN 1 THEN jsonb_build_array(pg_temp.sub(p_id, 'active', pg_temp.item(p_id, t.price('team'), '2026-02-15', '2026-03-15'),
            jsonb_build_object('created', pg_temp.at('2026-01-01'), 'trial_start', pg_temp.at('2026-01-01'), 'trial_end', pg_temp.at('2026-01-15'),
                               'metadata', jsonb_build_object('user_id', p_id))), t.price('pro') || '{"object": "price"}')
        WHEN 2 THEN jsonb_build_array(pg_temp.bill('in_0' || p_id, p_id, 'price_pro', '2026-01-01', '2026-01-15', 'paid', NULL, 1, '{"billing_reason": "subscription_create"}', 0),
            pg_temp.bill('in_1' || p_id, p_id, 'price_pro', '2026-01-15', '2026-02-15'))
        WHEN 3 THEN jsonb_build_array(pg_temp.bill('in_2' || p_id, p_id, 'x', '2026-01-20', '2026-02-15', 'paid', NULL, 1, '{"billing_reason": "subscription_update"}'::jsonb
            || pg_temp.lines(pg_temp.line('si_' || p_id, 'price_team', pg_temp.at('2026-01-20'), pg_temp.at('2026-02-15'), 700, 1, true, 'il_2'))))
        WHEN 4 THEN jsonb_build_array(pg_temp.bill('in_3' || p_id, p_id, 'price_team', '2026-02-15', '2026-03-15'))
        ELSE jsonb_build_array(t.charge('ch_in_2' || p_id, 'cus_' || p_id, 1999, 20, jsonb_build_array(
            t.refund('re_' || p_id, 'ch_in_2' || p_id, 1000, 'succeeded', jsonb_build_object('created', pg_temp.at('2026-01-25')))))) END $$;
CREATE FUNCTION pg_temp.left_(p_id text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', l.kind, l.plan_key, l.due, l.granted - l.clawed - l.rolled - l.expired, l.shortfall, pg_temp.when_(extract(epoch FROM l.period_start)),
                                pg_temp.when_(extract(epoch FROM l.effective_at)), pg_temp.when_(extract(epoch FROM l.expires_at)), left(l.invoice, 4)), E'\n'
                      ORDER BY l.period_start, l.kind, l.plan_key) || E'\nbalance ' || (SELECT h.balance FROM ledger.credit_holder AS h WHERE h.holder = 'user:' || p_id)
      FROM ledger.credit_lot AS l WHERE l.subscription = p_id AND (l.due > 0 OR l.kind = 'rollover' AND l.granted > 0) $$;
-- Every turn at a moment of its own, the last when all has happened.
CREATE FUNCTION pg_temp.live(p_id text, p_order integer[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_temp.case_(p_id);
    FOR i IN 1 .. 5 LOOP
        PERFORM pg_temp.tell('2026-02-16 0' || i || ':00', pg_temp.part(p_id, p_order[i]));
    END LOOP;
    PERFORM pg_temp.wait('2026-02-17');
    RETURN pg_temp.left_(p_id);
END $$;
CREATE TEMP TABLE ended AS
    SELECT array_to_string(o.n, '') AS name, pg_temp.live('o' || array_to_string(o.n, ''), o.n) AS says
      FROM (SELECT ARRAY[a, b, c, d, 15 - a - b - c - d] AS n
              FROM generate_series(1, 5) AS a, generate_series(1, 5) AS b, generate_series(1, 5) AS c, generate_series(1, 5) AS d
             WHERE a <> b AND a <> c AND a <> d AND b <> c AND b <> d AND c <> d AND (a = 1 OR (a * 7 + b * 5 + c * 3 + d) % 4 = 0)) AS o;
SELECT cmp_ok(count(*), '>=', 40::bigint, 'many orders') FROM ended;
SELECT is((SELECT says FROM ended WHERE name = '12345'), E'trial pro 2 0 0 2026-01-01 2026-01-01 2026-02-15 in_0\n'
    'period pro 30 0 0 2026-01-15 2026-01-15 2026-02-15 in_1\nupgrade team 170 0 0 2026-01-15 2026-01-20 2026-02-15 in_2\n'
    'period team 200 200 0 2026-02-15 2026-02-15 2026-03-15 in_3\nrollover team 0 50 0 2026-02-15 2026-02-15 2026-03-15\nbalance 250',
          'the order in which it happened');
SELECT is(e.says, f.says, 'order ' || e.name) FROM ended AS e, ended AS f WHERE f.name = '12345' AND e.says IS DISTINCT FROM f.says;
SELECT is((SELECT count(DISTINCT says) FROM ended), 1::bigint, 'all end alike');
SELECT is((SELECT count(*) FROM ops.verify() AS v WHERE NOT v.ok), 0::bigint, 'what all of this left is sound');
SELECT * FROM finish();
ROLLBACK;
