-- ops.verify finds what was done to credits, usage, plans and conversions behind the triggers' back: every promise is broken once.
BEGIN;
SELECT no_plan();
\ir credit_lots.psql
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', NULL, jsonb_build_object('metadata', '{"user_id": "u1"}'::jsonb, 'trial_start', t.day(0), 'trial_end', t.day(14))),
    t.invoice('in_0', 'cus_1', 'sub_1', 'paid', 0), t.invoice('in_1', 'cus_1', 'sub_1', 'paid', 1999, 14)), jsonb_build_array(t.event('evt_1', 'invoice.paid', 'in_1')));
SELECT t.turn('cus_2', jsonb_build_array(t.sub('sub_2', 'cus_2', 'active')));
CREATE TEMP TABLE turn AS SELECT id FROM ops.turn WHERE subject = 'cus_1';
CREATE TEMP TABLE id (name text PRIMARY KEY, id bigint);
INSERT INTO id VALUES ('trial', pg_temp.lot('user:u1', 'trial', 'sub_1', 'solo', 0, 14, 45)), ('period', pg_temp.lot('user:u1', 'period', 'sub_1', 'solo', 14, 45)), ('gift', pg_temp.lot('user:u1', 'manual', NULL, NULL, 3, NULL)),
    ('next', pg_temp.lot('user:u1', 'period', 'sub_1', 'solo', 45, 73)), ('orphan', pg_temp.lot('customer:self:cus_2', 'period', 'sub_2', 'team', 0, 31, NULL, 'cus_2'));
CREATE FUNCTION pg_temp.id(p_name text) RETURNS bigint LANGUAGE sql AS $$ SELECT id FROM id WHERE name = p_name $$;
SELECT pg_temp.entry('user:u1', 'granted', ARRAY[pg_temp.id('trial')], '{32}', 0, '{"transition": "trial_start"}'), pg_temp.entry('user:u1', 'granted', ARRAY[pg_temp.id('gift')], '{5}', 3),
       pg_temp.entry('user:u1', 'granted', ARRAY[pg_temp.id('period')], '{30}', 14, jsonb_build_object('transition', 'trial_to_active', 'event', 'evt_1', 'turn', (SELECT id FROM turn))),
       pg_temp.entry('user:u1', 'spent', ARRAY[pg_temp.id('trial'), pg_temp.id('period')], '{-32,-3}', 20), pg_temp.entry('user:u1', 'spend_returned', ARRAY[pg_temp.id('period')], '{2}', 21),
       pg_temp.entry('user:u1', 'clawed_back', ARRAY[pg_temp.id('period')], '{-10}', 22), pg_temp.entry('user:u1', 'granted', ARRAY[pg_temp.id('next')], '{30}', 45),
       pg_temp.entry('customer:self:cus_2', 'granted', ARRAY[pg_temp.id('orphan')], '{200}', 0);
UPDATE ledger.credit_holder SET next_due_at = to_timestamp(t.day(31)); -- the next expiry of each, or before it
INSERT INTO ledger.usage_period (user_id, meter, period_start, period_end, used) VALUES ('u1', 'exports', to_timestamp(t.day(0)), to_timestamp(t.day(31)), 5);
INSERT INTO ledger.usage_entry (user_id, meter, period_start, n, used_before, used_after, idempotency_key) VALUES ('u1', 'exports', to_timestamp(t.day(0)), 2, 0, 2, 'a'), ('u1', 'exports', to_timestamp(t.day(0)), 3, 2, 5, 'b');
INSERT INTO ledger.conversion (account, subscription, customer, user_id, state, plan_key, trial_start, trial_end, invoice, amount, currency, converted_at)
VALUES ('self', 'sub_1', 'cus_1', 'u1', 'converted', 'solo', to_timestamp(t.day(0)), to_timestamp(t.day(14)), 'in_1', 1999, 'usd', to_timestamp(t.day(14) + 1)) ON CONFLICT DO NOTHING;
SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies before');

-- Which checks fail after p_sql; everything is undone.
CREATE FUNCTION pg_temp.broken(p_sql text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE v text[];
BEGIN
    BEGIN
        SET LOCAL session_replication_role = replica;
        EXECUTE p_sql;
        SET LOCAL session_replication_role = origin;
        SELECT coalesce(array_agg(c.check_name), '{}') INTO v FROM ops.verify() AS c WHERE NOT c.ok;
        RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
        RETURN v;
    END;
END $$;
CREATE TEMP TABLE damage (want text, sql text);
INSERT INTO damage VALUES
    ('the entries of a holder of credits are a chain', 'UPDATE ledger.credit_entry SET n = n + 10 WHERE kind = ''clawed_back'''),
    ('the entries of a holder of credits are a chain', 'DELETE FROM ledger.credit_entry WHERE holder = ''user:u1'' AND n = 2'),
    ('the entries of a holder of credits are a chain', 'UPDATE ledger.credit_entry SET balance_before = 1, balance_after = 33 WHERE holder = ''user:u1'' AND n = 1'),
    ('the entries of a holder of credits are a chain', 'DELETE FROM ledger.credit_entry WHERE holder = ''user:u1'' AND n = 1'),
    ('a holder has what its last entry left', 'UPDATE ledger.credit_holder SET balance = balance + 1'),
    ('a holder has what its last entry left', 'UPDATE ledger.credit_holder SET entries = entries + 1 WHERE holder = ''user:u1'''),
    ('a holder has what its last entry left', 'DELETE FROM ledger.credit_entry WHERE holder = ''user:u1'' AND n = 7'),
    ('a holder has what its last entry left', 'INSERT INTO ledger.credit_holder (holder, user_id, balance) VALUES (''user:u9'', ''u9'', 4)'),
    ('a holder has what remains of its lots', 'UPDATE ledger.credit_holder SET balance = balance + 1'),
    ('a holder has what remains of its lots', 'DELETE FROM ledger.credit_lot WHERE kind = ''manual'''),
    ('credit entries are the sum of their lines', 'UPDATE ledger.credit_entry SET amounts = ''{-32,-4}'' WHERE kind = ''spent'''),
    ('credit entries are the sum of their lines', 'UPDATE ledger.credit_entry SET lots = lots[1:1] || lots[1:1] WHERE kind = ''spent'''),
    ('credit entries are the sum of their lines', 'UPDATE ledger.credit_entry SET kind = ''granted'' WHERE kind = ''spent'''),
    ('lots are the sum of their entries', 'UPDATE ledger.credit_entry SET amounts = ''{-31,-4}'' WHERE kind = ''spent'''),
    ('lots are the sum of their entries', 'UPDATE ledger.credit_entry SET kind = ''expired'' WHERE kind = ''clawed_back'''),
    ('lots are the sum of their entries', 'DELETE FROM ledger.credit_lot WHERE kind = ''manual''');
INSERT INTO damage SELECT 'lots are the sum of their entries', format('UPDATE ledger.credit_lot SET %1$I = %1$I + 1 WHERE kind = ''trial''', c) FROM unnest(ARRAY['granted', 'spent', 'clawed', 'covered', 'repaid', 'rolled', 'expired']) AS c;
INSERT INTO damage VALUES
    ('lots are where their entries say', 'UPDATE ledger.credit_lot SET holder = ''customer:self:cus_2'' WHERE kind = ''manual'''),
    ('lots are where their entries say', 'UPDATE ledger.credit_entry SET lots = ARRAY[(SELECT max(id) FROM ledger.credit_lot)] WHERE kind = ''clawed_back'''),
    ('no lot is below zero unless its plan''s clawback may', 'UPDATE ledger.credit_lot SET spent = spent + 40, remaining = remaining - 40 WHERE kind = ''period'''),
    ('nobody spent what was not there', 'UPDATE ledger.credit_entry SET amounts = ''{-33,-2}'' WHERE kind = ''spent'''),
    ('nobody spent what was not there', 'UPDATE ledger.credit_entry SET amount = -100, balance_after = -33 WHERE kind = ''spent'''),
    ('lots are the sum of their entries', 'UPDATE ledger.credit_lot SET remaining = remaining + 1 WHERE kind = ''period'''),
    ('lots are the sum of their entries', 'UPDATE ledger.credit_lot SET open = NOT open WHERE kind = ''period'''),
    ('what was taken back is what the rules take, or a shortfall', 'UPDATE ledger.credit_lot SET claw_target = 12 WHERE kind = ''period'''),
    ('what was taken back is what the rules take, or a shortfall', 'UPDATE ledger.credit_lot SET shortfall = 12 WHERE kind = ''period'''),
    ('what was taken back is what the rules take, or a shortfall', 'UPDATE ledger.credit_lot SET claw_target = 31, shortfall = 21, claw_negative = true WHERE kind = ''period'''),
    ('what will expire is known to be due', 'UPDATE ledger.credit_holder SET next_due_at = NULL'),
    ('what will expire is known to be due', 'UPDATE ledger.credit_holder SET next_due_at = next_due_at + interval ''15 days'''),
    ('one grant per item, period and kind', 'UPDATE ledger.credit_lot SET period_start = to_timestamp(1), plan_version = id WHERE kind = ''period'' AND item = ''si_sub_1'''),
    ('lots are of a version of their plan', 'DELETE FROM ledger.plan_version WHERE plan_key = ''team'''),
    ('lots are of a version of their plan', 'UPDATE ledger.credit_lot SET plan_version = 2 WHERE kind = ''trial'''),
    ('lots are of a version of their plan', 'UPDATE ledger.credit_lot SET plan_key = NULL WHERE kind = ''trial'''),
    ('lots are of a customer''s subscription and its user', 'UPDATE ledger.credit_lot SET customer = ''cus_1'''),
    ('lots are of a customer''s subscription and its user', 'UPDATE ledger.credit_lot SET subscription = ''sub_7'' WHERE kind = ''trial'''),
    ('lots are of a customer''s subscription and its user', 'UPDATE ledger.customer SET user_id = ''u1'', user_source = ''operator'' WHERE id = ''cus_2'''),
    ('credits of turns are of applied ones', 'UPDATE ops.turn SET outcome = ''dead'''),
    ('credits of turns are of applied ones', 'UPDATE ledger.credit_entry SET turn = gen_random_uuid() WHERE turn IS NOT NULL'),
    ('credits of turns are of applied ones', 'UPDATE ledger.credit_entry SET event_id = ''evt_none'' WHERE turn IS NOT NULL'),
    ('the versions of a plan are numbered', 'UPDATE ledger.plan_version SET version = 2'),
    ('usage is the sum of its entries', 'UPDATE ledger.usage_period SET used = 6'),
    ('usage is the sum of its entries', 'DELETE FROM ledger.usage_entry WHERE idempotency_key = ''a'''),
    ('usage is the sum of its entries', 'UPDATE ledger.usage_entry SET used_before = 3, used_after = 6 WHERE idempotency_key = ''b'''),
    ('conversions are what the invoices say', 'UPDATE ledger.conversion SET amount = 1'),
    ('conversions are what the invoices say', 'UPDATE ledger.conversion SET state = ''trial'', converted_at = NULL'),
    ('conversions are what the invoices say', 'UPDATE ledger.conversion SET converted_at = now()'),
    ('conversions are what the invoices say', 'UPDATE ledger.conversion SET user_id = NULL'),
    ('conversions are what the invoices say', 'UPDATE ledger.invoice SET status = ''open'' WHERE id = ''in_1'''),
    ('every trial has a conversion', 'DELETE FROM ledger.conversion'),
    ('conversions are of a sale', 'DELETE FROM ledger.sale WHERE source = ''in_1'''),
    ('conversions are of a sale', 'UPDATE ledger.sale SET amount = 1 WHERE source = ''in_1'''),
    ('nobody but the owner has rights on tables', 'GRANT UPDATE ON ledger.credit_lot TO instep_app'),
    ('nobody may execute what is not granted by name', 'GRANT EXECUTE ON FUNCTION ops.credit_faults() TO PUBLIC'),
    ('no rule or inheritance leads around a guard', 'CREATE RULE mine AS ON INSERT TO ledger.credit_entry DO INSTEAD NOTHING'),
    ('the guards of append-only tables are in place', 'ALTER TABLE ledger.credit_entry DISABLE TRIGGER chained'),
    ('the guards of append-only tables are in place', 'ALTER TABLE ledger.credit_lot DISABLE TRIGGER counted'),
    ('the guards of append-only tables are in place', 'CREATE OR REPLACE FUNCTION ledger.count_credit_lot() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NEW; END'''),
    ('the guards of append-only tables are in place', 'DROP TRIGGER chained ON ledger.credit_entry'),
    ('the guards of append-only tables are in place', 'CREATE OR REPLACE FUNCTION ledger.chain_credit_entry() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NEW; END''');
INSERT INTO damage SELECT 'the guards of append-only tables are in place', format('ALTER TABLE ledger.%s DISABLE TRIGGER %s', tab, trig)
  FROM unnest(ARRAY['plan_version', 'credit_kind', 'credit_entry', 'usage_entry']) AS tab, unnest(ARRAY['append_only_rows', 'append_only_table']) AS trig;
SELECT ok(d.want = ANY (pg_temp.broken(d.sql)), d.sql) FROM damage AS d;
-- A check whose name the list does not have would never be heard of.
SELECT is((SELECT array_agg(DISTINCT d.want) FROM damage AS d WHERE d.want NOT IN (SELECT check_name FROM ops.verify())), NULL, 'every check has its place in the list');
SELECT is((SELECT array_agg(DISTINCT m[1]) FROM regexp_matches((SELECT prosrc FROM pg_proc WHERE oid = 'ops.credit_faults()'::regprocedure), '^    SELECT ''((?:[^'']|'''')+)''', 'gn') AS m
            WHERE replace(m[1], '''''', '''') NOT IN (SELECT want FROM damage)), NULL, 'every check of credits is broken here');
SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies after');
SELECT * FROM finish();
ROLLBACK;
