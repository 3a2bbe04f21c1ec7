-- Plans: loaded, from metadata, matched to prices, in versions.
BEGIN;
SELECT no_plan();
SET LOCAL timezone = 'America/New_York'; -- nothing here is counted by the session's zone

CREATE FUNCTION pg_temp.load(p_plans jsonb, p_from numeric DEFAULT NULL, p_dry boolean DEFAULT false, p_source text DEFAULT 'file plans.toml')
    RETURNS text[] LANGUAGE sql AS $$
    SELECT array_agg(concat_ws(' ', l.plan_key, l.change, l.field, coalesce(l.before, '-'), '>', coalesce(l.after, '-')))
      FROM ledger.load_plans(jsonb_build_object('plans', p_plans), p_source, 'ann', p_dry, to_timestamp(t.day(p_from))) AS l $$;
CREATE FUNCTION pg_temp.at(p_plan text, p_start numeric, p_end numeric) RETURNS integer LANGUAGE sql AS $$
    SELECT version FROM ledger.plan_version_at(p_plan, to_timestamp(t.day(p_start)), to_timestamp(t.day(p_end))) $$;
CREATE FUNCTION pg_temp.product(p_id text, p_metadata jsonb, p_day numeric DEFAULT 0, p_extra jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('object', 'product', 'id', p_id, 'name', 'The ' || p_id, 'active', true, 'livemode', false,
                              'created', t.day(-9), 'updated', t.day(p_day), 'metadata', p_metadata) || p_extra $$;
-- A turn of the product alone.
CREATE FUNCTION pg_temp.learn(p_id text, p_metadata jsonb, p_day numeric DEFAULT 0, p_extra jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT t.turn(p_id, jsonb_build_array(pg_temp.product(p_id, p_metadata, p_day, p_extra))) ->> 'outcome' $$;
-- A price without a plan of its own.
CREATE FUNCTION pg_temp.price(p_id text, p_product text, p_extra jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT t.price(p_id) || jsonb_build_object('product', p_product, 'metadata', '{}'::jsonb) || p_extra $$;
CREATE FUNCTION pg_temp.plan_of(p_price text) RETURNS text LANGUAGE sql AS $$ SELECT plan_key FROM ledger.plan_price WHERE price_id = p_price $$;
CREATE FUNCTION pg_temp.faults(p_plan jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(array_to_string(path, '.') || ': ' || problem, '; ') FROM ledger.plan_errors(jsonb_build_object('plans', jsonb_build_object('pro', p_plan))) $$;
CREATE FUNCTION pg_temp.problem(p_product text) RETURNS text LANGUAGE sql AS $$ SELECT plan_error FROM ledger.product WHERE id = p_product $$;

-- loading
SELECT is(pg_temp.load('{"pro": {"rank": 2, "monthly_credits": 30}}', 0, true), '{"pro new version - > 1","pro new valid_from - > 2026-01-01T00:00:00Z","pro new rank - > 2","pro new monthly_credits - > 30","pro new trial_credits - > 0","pro new per_unit - > true","pro new grant - > paid","pro new trial_carry - > true","pro new rollover - > none","pro new upgrade - > difference","pro new downgrade - > renewal","pro new clawback - > clamp"}',
    'a dry run shows a plan with every rule that it will have');
SELECT is((SELECT count(*) FROM ledger.plan_version), 0::bigint, 'and changes nothing');
SELECT is((SELECT count(*) FROM ledger.plan), 0::bigint, 'nothing at all');
SELECT is(cardinality(pg_temp.load('{"pro": {"rank": 2, "monthly_credits": 30}}', 0)), 12, 'loading says the same');
SELECT is((SELECT row (version, valid_from, rank, monthly_credits, per_unit, grant_when, source, loaded_by)::text FROM ledger.plan_version),
    row (1, to_timestamp(t.day(0)), 2, 30, true, 'paid', 'file plans.toml', 'ann')::text, 'and writes it down');
SELECT is((SELECT rank || ' ' || discovered FROM ledger.plan WHERE plan_key = 'pro'), '2 false', 'the plan''s rank follows');
SELECT is(pg_temp.load('{"pro": {"rank": 2, "monthly_credits": 30}}', 5), NULL, 'once more is no change');
SELECT is(pg_temp.load('{"pro": {"monthly_credits": 30.0, "rank": 2, "name": null, "limits": {}}}', 5), NULL, 'nor the same in other words');
SELECT is(pg_temp.load('{"pro": {"rank": 3, "name": "Pro", "monthly_credits": 60, "limits": {"calls": 1000, "seats": {"limit": 5, "per_unit": true}}}}', 40),
    '{"pro version version 1 > 2","pro version valid_from - > 2026-02-10T00:00:00Z","pro version name - > Pro","pro version rank 2 > 3","pro version monthly_credits 30 > 60","pro version limits.calls - > {\"hard\": true, \"limit\": 1000, \"per_unit\": false}","pro version limits.seats - > {\"hard\": true, \"limit\": 5, \"per_unit\": true}"}',
    'a change is shown field by field, and makes a version');
SELECT is((SELECT name || rank FROM ledger.plan WHERE plan_key = 'pro'), 'Pro3', 'name and rank follow');
SELECT is(pg_temp.load('{"pro": {"rank": 3, "name": "Pro", "monthly_credits": 60, "limits": {"seats": 5}}}', 40, true),
    '{"pro version version 2 > 3","pro version valid_from - > 2026-02-10T00:00:00Z","pro version limits.calls {\"hard\": true, \"limit\": 1000, \"per_unit\": false} > -","pro version limits.seats {\"hard\": true, \"limit\": 5, \"per_unit\": true} > {\"hard\": true, \"limit\": 5, \"per_unit\": false}"}',
    'a limit that goes is shown too');
SELECT is((SELECT count(*) FROM ledger.load_plans('{"plans": {"plain": {}}}', 'sql', 'ann')), 12::bigint, 'everything has a default, from now on, for real');
SELECT cmp_ok((SELECT valid_from FROM ledger.plan_version WHERE plan_key = 'plain'), '>', now() - interval '1 hour', 'now being the clock''s');

-- which version rules a period
SELECT is(pg_temp.at('pro', 0, 31), 1, 'a period that begins when the version does is ruled by it');
SELECT is(pg_temp.at('pro', 39, 70), 1, 'one that began before a new version keeps the old one');
SELECT is(pg_temp.at('pro', 40, 71), 2, 'one that begins with it has the new one');
SELECT is(pg_temp.at('pro', 400, 431), 2, 'and all later ones');
SELECT is(pg_temp.at('pro', -10, 21), 1, 'the period in progress when a plan was first described has its first version');
SELECT is(pg_temp.at('pro', -40, -9), NULL, 'one that was over by then has none');
SELECT is(pg_temp.at('pro', -31, 0), NULL, 'over at that very moment too');
SELECT is(pg_temp.at('nobody', 0, 31), NULL, 'nor has a plan that nobody described');
SELECT is(pg_temp.load('{"pro": {"monthly_credits": 61}}', 40) IS NOT NULL, true, 'another version of the same moment');
SELECT is(pg_temp.at('pro', 40, 71), 3, 'wins by its number');
SELECT is(pg_temp.load('{"pro": {"monthly_credits": 99}}', 200) IS NOT NULL, true, 'a version may be planned ahead');
SELECT is(pg_temp.load('{"pro": {"monthly_credits": 62}}', 100) IS NOT NULL, true, 'and another before it');
SELECT is(ARRAY[pg_temp.at('pro', 99, 130), pg_temp.at('pro', 100, 131), pg_temp.at('pro', 200, 231)], '{3,5,4}', 'the newest moment counts, not the newest number');
SELECT is(pg_temp.load('{"pro": {"monthly_credits": 62}}', 150), NULL, 'what is in force at that moment is what is compared');

-- faults: all of them, nothing loaded
SELECT is(t.try('instep_operator', $$SELECT ledger.load_plans('{"plans": {"pro": {"rank": "high"}, "good": {}}}', 'file x', 'ann')$$), 'IS015', 'a fault has its own SQLSTATE');
SELECT throws_ok($$SELECT ledger.load_plans('{"plans": {"pro": {"rank": "high", "monthly_credit": 3}}}', 'file x', 'ann')$$, 'IS015',
    'plans.pro.monthly_credit: is no field of a plan; these are: name, rank, monthly_credits, trial_credits, per_unit, grant, trial_carry, rollover, expires_months, upgrade, downgrade, clawback, limits, prices, products; plans.pro.rank: high is no whole number from -1000000 to 1000000',
    'and names every plan, field, value and what is allowed');
SELECT is((SELECT count(*) FROM ledger.plan WHERE plan_key = 'good'), 0::bigint, 'nothing was loaded beside it');
SELECT is(pg_temp.faults(c.plan), c.want, c.plan::text) FROM (VALUES
    ('{"rank": 1.5}'::jsonb, 'plans.pro.rank: 1.5 is no whole number from -1000000 to 1000000'),
    ('{"monthly_credits": -1}', 'plans.pro.monthly_credits: -1 is no whole number from 0 to 1000000000000'),
    ('{"trial_credits": 99999999999999999999}', 'plans.pro.trial_credits: 99999999999999999999 is no whole number from 0 to 1000000000000'),
    ('{"monthly_credits": "30"}', 'plans.pro.monthly_credits: 30 is no whole number from 0 to 1000000000000'),
    ('{"per_unit": "yes"}', 'plans.pro.per_unit: yes is neither true nor false'),
    ('{"grant": "always"}', 'plans.pro.grant: always is none of active, paid'),
    ('{"upgrade": 1}', 'plans.pro.upgrade: 1 is none of difference, renewal'),
    ('{"downgrade": "never"}', 'plans.pro.downgrade: never is none of renewal, now'),
    ('{"clawback": "all"}', 'plans.pro.clawback: all is none of none, clamp, negative'),
    ('{"rollover": "capped"}', 'plans.pro.rollover: capped is neither none nor unlimited nor a cap (cap = 100)'),
    ('{"rollover": {"cap": -3}}', 'plans.pro.rollover.cap: -3 is no whole number from 0 to 1000000000000'),
    ('{"rollover": {"cap": 3, "max": 4}}', 'plans.pro.rollover: {"cap": 3, "max": 4} is neither none nor unlimited nor a cap (cap = 100)'),
    ('{"rollover": {"cap": 3}}', NULL),
    ('{"expires_months": 12}', 'plans.pro.expires_months: 12 goes with rollover unlimited only: other credits end with their period'),
    ('{"expires_months": 0, "rollover": "unlimited"}', 'plans.pro.expires_months: 0 is no whole number from 1 to 1200'),
    ('{"expires_months": 12, "rollover": "unlimited"}', NULL),
    ('{"limits": 5}', 'plans.pro.limits: 5 is no table of meters'),
    ('{"limits": {"api calls": 5}}', 'plans.pro.limits.api calls: is no name of a meter: 1 to 100 of letters, digits, _ . : -'),
    ('{"limits": {"calls": "many"}}', 'plans.pro.limits.calls: many is no whole number from 0 to 1000000000000'),
    ('{"limits": {"calls": null}}', 'plans.pro.limits.calls: null is no whole number from 0 to 1000000000000'),
    ('{"limits": {"calls": {"hard": 1, "max": 2}}}', 'plans.pro.limits.calls.limit: null is no whole number from 0 to 1000000000000; plans.pro.limits.calls.hard: 1 is neither true nor false; plans.pro.limits.calls.max: is no field of a limit; these are: limit, hard, per_unit'),
    ('{"name": ""}', 'plans.pro.name: "" is no text of 1 to 200 characters'),
    ('{"prices": "price_1"}', 'plans.pro.prices: price_1 is no list of ids'),
    ('{"products": [1]}', 'plans.pro.products: [1] is no list of ids'),
    ('{"prices": ["price_1", "price_1"]}', 'plans.pro.prices: price_1 is listed twice, here and in plan pro'),
    ('[]', 'plans.pro: is no table of fields'), ('null', 'plans.pro: is no table of fields')) AS c (plan, want);
SELECT is((SELECT string_agg(array_to_string(path, '.') || ': ' || problem, '; ') FROM ledger.plan_errors(c.doc)), c.want, coalesce(c.doc::text, 'no document')) FROM (VALUES
    ('{"plans": {" x": {}}, "more": 1}'::jsonb, 'more: is not known here; all there is are plans; plans. x: is no key of a plan: 1 to 200 characters, none of them a control character, no space at its ends'),
    ('{}', 'plans: is missing, or no table with a plan in it'), ('[]', 'plans: is missing, or no table with a plan in it'),
    ('{"plans": {}}', 'plans: is missing, or no table with a plan in it'), (NULL, 'plans: is missing, or no table with a plan in it')) AS c (doc, want);
SELECT is(t.try('instep_operator', format('SELECT ledger.load_plans(%L, %L, %L, false, %L)', '{"plans": {"a": {}}}', c.source, c.by, c.at)), 'IS015', c.what)
  FROM (VALUES ('', 'ann', NULL, 'a source is needed'), ('product prod_1', 'ann', NULL, 'and not a product''s'), ('sql', '', NULL, 'and somebody who does it'),
               ('sql', 'ann', 'infinity', 'and a moment that comes')) AS c (source, by, at, what);
SELECT is(t.try('instep_app', $$SELECT ledger.load_plans('{"plans": {"a": {}}}', 'sql', 'app')$$), '42501', 'an application does not load plans');
SELECT is(t.try('instep_operator', $$SELECT ledger.load_plans('{"plans": {"a": {}}}', 'sql', 'ann')$$), 'ok', 'an operator does');
SELECT is(t.try('instep_owner', c.sql), 'IS005', c.sql) FROM (VALUES ('UPDATE ledger.plan_version SET rank = 1'), ('DELETE FROM ledger.plan_version'), ('TRUNCATE ledger.plan_version')) AS c (sql);

-- what a price stands for
SELECT t.turn('cus_m', jsonb_build_array(t.sub('sub_m', 'cus_m', 'active', jsonb_build_array(
    t.item('si_m', 'pro', 0, 31) || jsonb_build_object('price', pg_temp.price('m', 'prod_m', '{"lookup_key": "m_monthly"}'))))));
SELECT is(pg_temp.plan_of('price_m'), 'm_monthly', 'a price that nobody described stands for its lookup key');
SELECT pg_temp.learn('prod_m', '{"instep_monthly_credits": "5"}');
SELECT is(pg_temp.plan_of('price_m'), 'prod_m', 'a product with credits is a plan');
SELECT is((SELECT monthly_credits || ' ' || source || ' ' || valid_from::date FROM ledger.plan_version WHERE plan_key = 'prod_m'), '5 product prod_m 2025-12-31', 'with a version since the product was updated');
SELECT is((SELECT name FROM ledger.plan WHERE plan_key = 'prod_m'), 'The prod_m', 'and the product''s name');
SELECT cmp_ok((SELECT credits_due_at FROM ledger.subscription WHERE id = 'sub_m'), '<=', clock_timestamp(), 'whose subscriptions want looking at');
SELECT pg_temp.learn('prod_m', '{"instep_monthly_credits": "5", "instep_plan": "team"}', 1);
SELECT is(pg_temp.plan_of('price_m'), 'team', 'instep_plan names the plan');
SELECT t.turn('price_m', jsonb_build_array(pg_temp.price('m', 'prod_m', '{"lookup_key": "m_monthly", "metadata": {"plan_key": "gold"}}')));
SELECT is(pg_temp.plan_of('price_m'), 'gold', 'the price''s own word goes before');
UPDATE ledger.subscription SET credits_due_at = NULL;
SELECT is((pg_temp.load('{"big": {"products": ["prod_m"], "prices": ["price_x"]}}', 0, true)) [13:14], '{"big match price_x - > big","big match prod_m - > big"}', 'matches are shown');
SELECT is(cardinality(pg_temp.load('{"big": {"products": ["prod_m"], "prices": ["price_x"]}}', 0)), 14, 'and loaded');
SELECT is(pg_temp.plan_of('price_m'), 'big', 'an operator''s word for the product goes before that');
SELECT isnt((SELECT credits_due_at FROM ledger.subscription WHERE id = 'sub_m'), NULL, 'its subscriptions want looking at again');
SELECT is((pg_temp.load('{"bigger": {"prices": ["m_monthly"]}}', 0)) [12:13], '{"bigger new clawback - > clamp","bigger match m_monthly - > bigger"}', 'a word for the lookup key');
SELECT is(pg_temp.plan_of('price_m'), 'bigger', 'goes before that');
SELECT is((pg_temp.load('{"biggest": {"prices": ["price_m"]}}', 0)) [13], 'biggest match price_m - > biggest', 'a word for the price');
SELECT is(pg_temp.plan_of('price_m'), 'biggest', 'before all');
INSERT INTO ledger.plan_match VALUES ('self', 'prod_m', 'plain');
SELECT t.turn('price_m', jsonb_build_array(pg_temp.price('m', 'prod_m')));
SELECT is(pg_temp.plan_of('price_m'), 'biggest', 'before one for the product of this account too');
INSERT INTO ledger.plan_match VALUES ('self', 'price_m', 'pro'), ('acct_1', 'price_m', 'plain');
SELECT t.turn('price_m', jsonb_build_array(pg_temp.price('m', 'prod_m')));
SELECT is(pg_temp.plan_of('price_m'), 'pro', 'and one for the account before one for every account');
DELETE FROM ledger.plan_match WHERE account <> '*';
SELECT is(pg_temp.load('{"biggest": {"prices": []}, "big": {}}', 0), '{"biggest match price_m biggest > -"}', 'what a list leaves out is taken away; without lists nothing is');
SELECT is(pg_temp.plan_of('price_m'), 'big', 'and the price falls back');
SELECT is(pg_temp.load('{"biggest": {"products": ["prod_m"]}}', 0), '{"biggest match prod_m big > biggest"}', 'a product may be given to another plan');

-- metadata
SELECT pg_temp.learn('prod_all', '{"instep_plan": "all", "instep_name": "All", "instep_rank": "-3", "instep_monthly_credits": " 30 ", "instep_trial_credits": "32", "instep_per_unit": "false", "instep_grant": "active", "instep_trial_carry": "false", "instep_rollover": "unlimited", "instep_expires_months": "12", "instep_upgrade": "renewal", "instep_downgrade": "now", "instep_clawback": "negative", "instep_limit_calls": "1000", "instep_limit_mails": "20 soft", "instep_limit_seats": "3 per unit", "instep_limit_jobs": "4 soft per unit", "other": "x"}', 3);
SELECT is(pg_temp.problem('prod_all'), NULL, 'metadata with every key are fine');
SELECT is((SELECT ledger.plan_version_rules(v) FROM ledger.plan_version AS v WHERE plan_key = 'all'),
    '{"name": "All", "rank": -3, "monthly_credits": 30, "trial_credits": 32, "per_unit": false, "grant": "active", "trial_carry": false, "rollover": "unlimited", "expires_months": 12, "upgrade": "renewal", "downgrade": "now", "clawback": "negative", "limits": {"calls": {"limit": 1000, "hard": true, "per_unit": false}, "mails": {"limit": 20, "hard": false, "per_unit": false}, "seats": {"limit": 3, "hard": true, "per_unit": true}, "jobs": {"limit": 4, "hard": false, "per_unit": true}}}'::jsonb,
    'and are read as a file would be');
SELECT pg_temp.learn('prod_cap', '{"instep_rollover": "50"}');
SELECT is((SELECT rollover || rollover_cap FROM ledger.plan_version WHERE plan_key = 'prod_cap'), 'capped50', 'a number is a cap');
SELECT pg_temp.learn('prod_cap', '{"instep_rollover": "50"}', 1, '{"name": "Renamed"}');
SELECT is((SELECT count(*) FROM ledger.plan_version WHERE plan_key = 'prod_cap'), 1::bigint, 'a new name of the product is no new version');
SELECT pg_temp.learn('prod_cap', '{"instep_rollover": "60"}', 2);
SELECT is((SELECT array_agg(concat_ws(' ', version, rollover_cap, valid_from > now() - interval '1 day') ORDER BY version) FROM ledger.plan_version WHERE plan_key = 'prod_cap'), '{"1 50 f","2 60 t"}', 'other rules are, from now on');
SELECT pg_temp.learn('prod_cap', '{"instep_rollover": "60"}', 2);
SELECT pg_temp.learn('prod_cap', '{"instep_rollover": "sixty", "instep_per_unit": "maybe", "instep_frills": "1", "instep_limit_calls": "some", "instep_prices": "price_1"}', 3);
SELECT is(pg_temp.problem('prod_cap'), 'instep_frills: is no field of a plan; these are: name, rank, monthly_credits, trial_credits, per_unit, grant, trial_carry, rollover, expires_months, upgrade, downgrade, clawback, limits, prices, products; instep_limit_calls: some is no whole number from 0 to 1000000000000; instep_per_unit: maybe is neither true nor false; instep_prices: price_1 is no list of ids; instep_rollover: sixty is neither none nor unlimited nor a cap (cap = 100)',
    'bad metadata fail no turn, and are told');
SELECT is((SELECT count(*) FROM ledger.plan_version WHERE plan_key = 'prod_cap'), 2::bigint, 'the old rules hold on');
SELECT pg_temp.learn('prod_cap', '{"instep_rollover": "60"}', 4);
SELECT is(pg_temp.problem('prod_cap'), NULL, 'until somebody mends them');
SELECT pg_temp.learn('prod_bad' || n, m) FROM (VALUES (1, '{"instep_plan": ""}'::jsonb), (2, '{"instep_": "x"}'), (3, '{"instep_monthly_credits": {"a": 1}}'), (4, '{"instep_limit_": "4"}'), (5, '{"instep_plan": null, "instep_rank": null}'), (6, '{"instep_monthly_credits": "99999999999999999999"}'), (7, '{"instep_limits": "9"}')) AS v (n, m);
SELECT is((SELECT array_agg(id ORDER BY id) FROM ledger.product WHERE id LIKE 'prod_bad%' AND plan_error IS NULL), NULL, 'whatever is in them') WHERE NOT EXISTS (SELECT FROM ledger.product WHERE id = 'prod_bad5' AND plan_error IS NULL);
SELECT is((SELECT count(*) FROM ledger.plan_version WHERE plan_key LIKE 'prod_bad%' AND plan_key <> 'prod_bad5'), 0::bigint, 'no version comes of it');

-- two products of one plan
SELECT pg_temp.learn('prod_a', '{"instep_plan": "duo", "instep_monthly_credits": "10"}');
SELECT pg_temp.learn('prod_b', '{"instep_plan": "duo"}');
SELECT is(pg_temp.problem('prod_b') || (SELECT count(*) FROM ledger.plan_version WHERE plan_key = 'duo'), NULL, 'a product may only name its plan');
SELECT pg_temp.learn('prod_b', '{"instep_plan": "duo", "instep_monthly_credits": "10"}', 1);
SELECT is(pg_temp.problem('prod_b'), NULL, 'or say the same');
SELECT pg_temp.learn('prod_b', '{"instep_plan": "duo", "instep_monthly_credits": "11"}', 2);
SELECT is(pg_temp.problem('prod_b'), 'plan duo is as product prod_a says, and differently: this metadata is not read', 'but not something else');
SELECT pg_temp.learn('prod_a', '{}', 3);
SELECT pg_temp.learn('prod_b', '{"instep_plan": "duo", "instep_monthly_credits": "11"}', 4);
SELECT is((SELECT monthly_credits || source FROM ledger.plan_version WHERE plan_key = 'duo' AND version = 2), '11product prod_b', 'until the other lets go of the plan');
SELECT pg_temp.learn('prod_b', '{"instep_plan": "duo"}', 5);
SELECT is((SELECT monthly_credits FROM ledger.plan_version WHERE plan_key = 'duo' AND version = 3), 0::bigint, 'keys that go away have their defaults again');

-- a file wins
SELECT is((pg_temp.load('{"all": {"monthly_credits": 31}}', 50)) [1:3], '{"all version version 1 > 2","all version valid_from - > 2026-02-20T00:00:00Z","all version source product prod_all > file plans.toml"}', 'a file takes a product''s plan over');
SELECT is(pg_temp.problem('prod_all'), 'plan all is as file plans.toml says, and differently: this metadata is not read', 'and the product is told so');
SELECT pg_temp.learn('prod_all', '{"instep_plan": "all", "instep_monthly_credits": "40"}', 9);
SELECT is((SELECT max(version) FROM ledger.plan_version WHERE plan_key = 'all'), 2, 'what its metadata say from now on is not read');
SELECT pg_temp.learn('prod_all', '{"instep_plan": "all", "instep_monthly_credits": "31"}', 10);
SELECT is(pg_temp.problem('prod_all'), NULL, 'unless they agree');
SELECT pg_temp.learn('prod_all', '{"instep_plan": "all", "instep_monthly_credits": "40"}', 11);
SELECT pg_temp.load('{"all": {"monthly_credits": 40}}', 60);
SELECT is(pg_temp.problem('prod_all'), NULL, 'or the file comes to agree');
-- what is loaded reaches who is subscribed already, without Stripe
CREATE FUNCTION pg_temp.lots() RETURNS text[] LANGUAGE sql AS $$
    SELECT array_agg(concat_ws(' ', l.plan_key, 'v' || l.plan_version, l.granted, 'of day', (extract(epoch FROM l.period_start)::bigint - t.day(0)) / 86400) ORDER BY l.period_start)
      FROM ledger.credit_lot AS l WHERE l.subscription = 'sub_l' $$;
CREATE FUNCTION pg_temp.chore() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE n integer; BEGIN SET LOCAL ROLE instep_worker; n := ops.credits_due(1000); RESET ROLE; RETURN n; END $$;
CREATE FUNCTION pg_temp.paid(p_day numeric) RETURNS jsonb LANGUAGE sql AS $$
    SELECT t.invoice('in_' || p_day, 'cus_l', 'sub_l', 'paid', 1999, p_day, jsonb_build_object('lines', jsonb_build_object('object', 'list', 'has_more', false,
        'data', jsonb_build_array(jsonb_build_object('object', 'line_item', 'id', 'il_' || p_day, 'amount', 1999, 'currency', 'usd', 'quantity', 1, 'proration', false,
            'period', jsonb_build_object('start', t.day(p_day), 'end', t.day(p_day + 30)),
            'pricing', jsonb_build_object('type', 'price_details', 'price_details', jsonb_build_object('price', 'price_late', 'product', 'prod_late')),
            'parent', jsonb_build_object('type', 'subscription_item_details', 'subscription_item_details',
                                         jsonb_build_object('subscription', 'sub_l', 'subscription_item', 'si_l', 'proration', false))))))) $$;
CREATE FUNCTION pg_temp.late(p_day numeric) RETURNS jsonb LANGUAGE sql AS $$
    SELECT t.sub('sub_l', 'cus_l', 'active', jsonb_build_array(t.item('si_l', 'late', p_day, p_day + 30)), '{"metadata": {"user_id": "late"}}') $$;
SELECT t.turn('cus_l', jsonb_build_array(pg_temp.late(0), pg_temp.paid(0)));
SELECT t.turn('cus_l', jsonb_build_array(pg_temp.late(30), pg_temp.paid(30)));
SELECT is(pg_temp.lots(), NULL, 'who is subscribed to what nobody described gets nothing');
SELECT pg_temp.load('{"late": {"monthly_credits": 7}}', 40);
SELECT cmp_ok(pg_temp.chore(), '>', 0, 'once it is described, the leader has something to do');
SELECT is(pg_temp.lots(), '{"late v1 7 of day 30"}', 'and gives what the period in progress is worth, not what was over before');
SELECT is((SELECT plan_version FROM ledger.entitlement WHERE subscription = 'sub_l'), 1, 'the entitlement has the version');
SELECT pg_temp.load('{"late": {"monthly_credits": 9}}', 50);
SELECT is(pg_temp.chore() > 0 AND pg_temp.lots() = '{"late v1 7 of day 30"}', true, 'another version gives nothing more for that period');
SELECT t.turn('cus_l', jsonb_build_array(pg_temp.late(60), pg_temp.paid(60)));
SELECT is(pg_temp.lots(), '{"late v1 7 of day 30","late v2 9 of day 60"}', 'and rules the next');
SELECT pg_temp.load('{"other": {"monthly_credits": 50, "products": ["prod_late"]}}', 0);
SELECT pg_temp.chore();
SELECT is((pg_temp.lots()) [2:3], '{"late v1 7 of day 30","late v2 9 of day 60"}', 'what was given stays when the price comes to stand for another plan');
SELECT is((pg_temp.lots()) [1], 'other v1 50 of day 0', 'which gives what has not been given yet');
SELECT is((SELECT plan_key FROM ledger.entitlement WHERE subscription = 'sub_l'), 'other', 'and is announced');
SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies');
SELECT * FROM finish();
ROLLBACK;
