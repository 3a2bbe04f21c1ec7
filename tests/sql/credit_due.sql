-- What the leader does by the clock, when something is wrong with one of many: it is passed over, seen, and tried again.
BEGIN;
SELECT no_plan();
\ir credit_engine.psql
CREATE FUNCTION pg_temp.chore(p_limit integer DEFAULT 100) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE n integer; BEGIN SET LOCAL ROLE instep_worker; n := ops.credits_due(p_limit); RESET ROLE; RETURN n; END $$;
CREATE FUNCTION pg_temp.clock(p_day numeric) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION ledger.clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS $c$ SELECT %L::timestamptz $c$', pg_temp.at(p_day));
END $$;
SELECT pg_temp.clock(0);
SELECT pg_temp.user(u) FROM unnest('{a,b,c}'::text[]) AS u;
SELECT pg_temp.give(u, 10, 'g', 0, 1) FROM unnest('{a,b,c}'::text[]) AS u;
SELECT pg_temp.give(u, 5, 'h', 0, 30) FROM unnest('{a,b,c}'::text[]) AS u;

-- The first of three that expire cannot be settled.
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'poison'; END $$;
CREATE TRIGGER poison BEFORE INSERT ON ledger.credit_entry FOR EACH ROW WHEN (NEW.holder = 'user:a' AND NEW.kind = 'expired') EXECUTE FUNCTION pg_temp.refuse();
SELECT pg_temp.clock(2);
SET client_min_messages = error;
SELECT is(pg_temp.chore(), 2, 'one holder that cannot be settled does not keep the others from it');
SELECT is((SELECT string_agg(h.user_id || ' ' || h.balance, ', ' ORDER BY h.user_id) FROM ledger.credit_holder AS h), 'a 15, b 5, c 5', 'theirs have expired');
SELECT is((SELECT left_until FROM ledger.credit_holder WHERE user_id = 'a'), pg_temp.at(2) + interval '1 hour', 'it is left for an hour');
SELECT is(pg_temp.spend('a', 6, 's', 2), 'P0001', 'and what has expired can still not be spent');
SELECT is((SELECT settle_error FROM ledger.credit_holder WHERE user_id = 'a'), 'P0001 poison', 'why is kept');
SELECT is(ops.status() #>> '{credits,failing}', '1', 'and status counts it');
SELECT is(pg_temp.chore(1), 0, 'meanwhile it takes nobody''s place');
SELECT pg_temp.give('b', 7, 'i', 2, 2.01);
SELECT pg_temp.clock(2.02);
SELECT is(pg_temp.chore(1), 1, 'who is due after it is served by the smallest call');
DROP TRIGGER poison ON ledger.credit_entry;
SELECT is(pg_temp.chore(1), 0, 'it waits for its hour');
SELECT pg_temp.clock(2.05);
SELECT is(pg_temp.chore(), 1, 'then it is tried again');
SELECT is((SELECT concat_ws(' ', balance, left_until, settle_error) FROM ledger.credit_holder WHERE user_id = 'a'), '5', 'and all is well');
SELECT is(ops.status() #>> '{credits,failing}', '0', 'status knows');
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');

-- A subscription whose rules fail.
SELECT pg_temp.clock(3);
INSERT INTO ledger.plan (plan_key, rank, discovered) VALUES ('pro', 1, false) ON CONFLICT DO NOTHING;
INSERT INTO ledger.plan_version (plan_key, version, valid_from, monthly_credits, source, loaded_by) VALUES ('pro', 1, pg_temp.at(0), 30, 'sql', 'test');
SELECT t.turn('cus_' || u, jsonb_build_array(t.sub('sub_' || u, 'cus_' || u, 'active', NULL, jsonb_build_object('metadata', jsonb_build_object('user_id', u))))) FROM unnest('{p,q}'::text[]) AS u;
UPDATE ledger.subscription SET credits_due_at = pg_temp.at(3) WHERE id IN ('sub_p', 'sub_q');
CREATE TRIGGER poison BEFORE UPDATE ON ledger.subscription FOR EACH ROW WHEN (NEW.id = 'sub_p' AND NEW.credits_due_at IS NULL) EXECUTE FUNCTION pg_temp.refuse();
SELECT pg_temp.chore();
SELECT is((SELECT string_agg(concat_ws(' ', s.id, extract(epoch FROM s.credits_due_at - pg_temp.at(3)), s.credits_error), ', ' ORDER BY s.id) FROM ledger.subscription AS s WHERE s.id IN ('sub_p', 'sub_q')),
    'sub_p 3600.000000 P0001 poison, sub_q', 'a subscription whose rules fail is left for an hour, with why; the other is done');
SELECT is(ops.status() #>> '{credits,failing}', '1', 'and status counts it');
DROP TRIGGER poison ON ledger.subscription;
SELECT pg_temp.clock(4);
SELECT pg_temp.chore();
SELECT is((SELECT concat_ws(' ', s.credits_due_at, s.credits_error) FROM ledger.subscription AS s WHERE s.id = 'sub_p'), '', 'until it is well');
SELECT * FROM finish();
ROLLBACK;
