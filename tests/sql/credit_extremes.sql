-- Extremes that an application can bring about, and what Stripe says afterwards all the same: no turn may fail by them.
BEGIN;
SELECT no_plan();
\ir credit_engine.psql
SELECT pg_temp.user(u) FROM unnest('{big,many,long,owes}'::text[]) AS u;

-- However much was granted by hand, there is room for what plans give.
SELECT is(pg_temp.give('big', 1000000000000000001, 'g', 0), 'IS012', 'a balance beyond 10^18 is refused');
SELECT is(pg_temp.give('big', 1000000000000000000, 'g', 0, 9), 'yes 1000000000000000000 1000000000000000000/1000000000000000000', '10^18 is not');
SELECT is(pg_temp.give('big', 1, 'h', 0), 'IS012', 'one more is');
SELECT lives_ok($$SELECT pg_temp.book('big', 1, pg_temp.target('big', 'period', 1, 31, 1000000000000000))$$, 'and Stripe''s word is booked all the same');
SELECT is(pg_temp.spend('big', 1001000000000000000, 's', 2), 'yes 1001000000000000000 0/1001000000000000000', 'all of it can be spent');
SELECT is(pg_temp.give('big', 1, 'h', 3), 'IS012', 'what was given and spent counts as long as it is live');
SELECT is(pg_temp.give('big', 999000000000000000, 'h', 10), 'yes 999000000000000000 999000000000000000/1000000000000000000', 'and no longer');
SELECT is(pg_temp.refund('big', 's', NULL, 'r', 11), 'yes 1001000000000000000 1000000000000000000/1000000000000000000', 'all can come back, to what is live');
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');

-- Limits times quantities.
INSERT INTO ledger.plan (plan_key, rank, discovered) VALUES ('pro', 1, false) ON CONFLICT DO NOTHING;
INSERT INTO ledger.plan_version (plan_key, version, valid_from, monthly_credits, grant_when, limits, source, loaded_by)
VALUES ('pro', 1, pg_temp.at(0), 1000000000000, 'active', '{"exports": {"limit": 999999999999999999, "hard": true, "per_unit": true}}', 'sql', 'test');
SELECT is(t.turn('cus_q', jsonb_build_array(t.sub('sub_q', 'cus_q', 'active', jsonb_build_array(t.item('si_q', 'pro', 0, 31, 9223372036854775807)), '{"metadata": {"user_id": "q"}}'))) ->> 'outcome', 'applied',
    'a quantity of 2^63 - 1 parks no turn');
SELECT is((SELECT e.credits || ' ' || (e.limits #>> '{exports,limit}') FROM ledger.entitlement('q', pg_temp.at(5)) AS e), '1000000000000000 9223372036854775807', 'credits and limits end where they must');
SELECT is(pg_temp.usage('q', 'exports', 9223372036854775807, 'all', 5), 'yes 9223372036854775807 of 9223372036854775807, 0 left, 01-01 to 02-01', 'all of it can be used');
SELECT is(pg_temp.usage('q', 'exports', 1, 'more', 5), 'no 9223372036854775807 of 9223372036854775807, 0 left, 01-01 to 02-01', 'and no more');
SELECT is(pg_temp.usage('q', 'others', 9223372036854775807, 'all', 5), 'yes 9223372036854775807 of any, any left, 01-01 to 02-01', 'without a limit as well');
SELECT is(pg_temp.usage('q', 'others', 1, 'more', 5), 'IS012', 'beyond int64 is an error');

-- A key is as long as an index takes, together with the user and the meter, and what happens to its credits later fits as well.
CREATE FUNCTION pg_temp.noise(p_from integer, p_length integer) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(chr(p_from + (hashint4(n) & 16383)), '' ORDER BY n) FROM generate_series(1, p_length) AS n $$;
INSERT INTO ledger.app_user (id) VALUES (pg_temp.noise(131072, 500)); -- 2000 bytes
SELECT is(pg_temp.give(pg_temp.noise(131072, 500), 5, pg_temp.noise(19968, 188), 0, 1), 'IS013', 'user and key of more than 2560 bytes are refused');
SELECT is(pg_temp.give(pg_temp.noise(131072, 500), 5, pg_temp.noise(19968, 186), 0, 1), 'yes 5 5/5', '2558 are not');
SELECT is(pg_temp.spend(pg_temp.noise(131072, 500), 1, pg_temp.noise(20000, 188), 0), 'IS013', 'the same of a spend');
SELECT is(pg_temp.spend(pg_temp.noise(131072, 500), 1, pg_temp.noise(20000, 186), 0), 'yes 1 4/5', 'up to there');
SELECT is(pg_temp.refund(pg_temp.noise(131072, 500), pg_temp.noise(20000, 186), 1, pg_temp.noise(20001, 188), 0), 'IS013', 'of a refund');
SELECT is(pg_temp.refund(pg_temp.noise(131072, 500), pg_temp.noise(20000, 186), 1, pg_temp.noise(20001, 186), 0), 'yes 1 5/5', 'up to there');
SELECT lives_ok($$SELECT ledger.settle_credits('user:' || pg_temp.noise(131072, 500), pg_temp.at(2), '{}')$$, 'its credits expire');
SELECT is(pg_temp.usage(pg_temp.noise(131072, 500), pg_temp.noise(19968, 100), 1, pg_temp.noise(20000, 90), 0), 'IS013', 'of a use, with its meter');
SELECT is(t.turn('cus_long', jsonb_build_array(t.sub('sub_long', 'cus_long', 'active', NULL, jsonb_build_object('metadata', jsonb_build_object('user_id', pg_temp.noise(131072, 500)))))) ->> 'outcome', 'applied',
    'a turn of the longest user is booked and announced');
SELECT is(t.turn('cus_odd', jsonb_build_array(t.sub('sub_odd', 'cus_odd', 'active', NULL, jsonb_build_object('metadata', jsonb_build_object('user_id', repeat(chr(1), 500)))))) ->> 'outcome', 'applied',
    'one whose name is six times as long in JSON, too');

-- Two thousand lots: a spend and a grant read few of them.
INSERT INTO ledger.credit_lot (holder, kind, due, effective_at, granted, booked, manual_key)
SELECT 'user:many', 'manual', 1, pg_temp.at(0) + n * interval '1 second', 1, 1, 'm' || n FROM generate_series(1, 2000) AS n;
INSERT INTO ledger.credit_entry (holder, n, kind, amount, balance_before, balance_after, lots, amounts, idempotency_key, effective_at, recorded_at)
SELECT holder, row_number() OVER o, 'granted', 1, row_number() OVER o - 1, row_number() OVER o, ARRAY[id], '{1}', 'app:' || manual_key, effective_at, now() FROM ledger.credit_lot WHERE holder = 'user:many' WINDOW o AS (ORDER BY id) ORDER BY id;
SELECT ledger.settle_credits('user:many', pg_temp.at(1), '{}');
ANALYZE ledger.credit_lot;
CREATE FUNCTION pg_temp.lots_read() RETURNS bigint LANGUAGE sql AS $$ SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables WHERE relid = 'ledger.credit_lot'::regclass $$;
SELECT pg_temp.lots_read() AS before \gset
SELECT is(pg_temp.spend('many', 1, 's', 1), 'yes 1 1999/2000', 'one of two thousand lots is spent');
SELECT cmp_ok(pg_temp.lots_read() - :before, '<', 20::bigint, 'which does not read the others');
SELECT pg_temp.lots_read() AS before \gset
SELECT is(pg_temp.spend('many', 5, 't', 1), 'yes 5 1994/2000', 'five of them');
SELECT cmp_ok(pg_temp.lots_read() - :before, '<', 40::bigint, 'neither');
SELECT pg_temp.lots_read() AS before \gset
SELECT is(pg_temp.give('many', 7, 'g', 1, 3), 'yes 7 2001/2007', 'a grant');
SELECT cmp_ok(pg_temp.lots_read() - :before, '<', 20::bigint, 'neither');
SELECT is((SELECT next_due_at FROM ledger.credit_holder WHERE holder = 'user:many'), pg_temp.at(3), 'and its end is known');
SELECT is(pg_temp.give('many', 3, 'h', 1, 8), 'yes 3 2004/2010', 'another, that ends later');
SELECT is((SELECT next_due_at FROM ledger.credit_holder WHERE holder = 'user:many'), pg_temp.at(3), 'the earliest end counts');
SELECT is(pg_temp.spend('many', 2005, 'u', 4), 'no 2005 1997/2003', 'at which it is over');
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');

-- A debt is still made good by a grant, an expired one by what comes back.
SELECT pg_temp.book('owes', 1, pg_temp.target('owes', 'period', 1, 31, 30));
SELECT pg_temp.spend('owes', 30, 's', 2);
SELECT pg_temp.book('owes', 3, pg_temp.target('owes', 'period', 1, 31, 30, jsonb_build_object('claw', 20, 'claw_at', t.day(3), 'negative', true)));
SELECT is(pg_temp.balance('owes'), -20::bigint, 'twenty are owed');
SELECT is(pg_temp.give('owes', 5, 'g', 4, 5), 'yes 5 -15/15', 'a grant makes good what it can');
SELECT ledger.settle_credits('user:owes', pg_temp.at(6), '{}');
SELECT is(pg_temp.balance('owes'), -15::bigint, 'what made it good does not expire');
SELECT is(pg_temp.give('owes', 40, 'h', 7), 'yes 40 25/50', 'the rest is made good, and spendable what is over it');
SELECT is(pg_temp.refund('owes', 's', 30, 'r', 8), 'yes 30 50/50', 'a spend that comes back goes there');
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');
SELECT * FROM finish();
ROLLBACK;
