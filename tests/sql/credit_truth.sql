-- ops.ledger_truth: what credits are as of a moment, from the entries that took effect by then.
BEGIN;
SELECT no_plan();
\ir credit_lots.psql
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', NULL, '{"metadata": {"user_id": "u1"}}')));
SELECT is(ops.ledger_truth() ? 'credit_balances' OR ops.ledger_truth() ? 'as_of' OR (ops.ledger_truth() #> '{customers,0}') ? 'grants', false, 'no moment, no credits');
SELECT is(ops.ledger_truth(to_timestamp(t.day(0))) @> jsonb_build_object('as_of', t.day(0), 'credit_balances', '{}'::jsonb, 'customers', '[{"grants": [], "conversions": []}]'::jsonb), true,
    'with one they are there, empty');
-- 32 on trial, carried to the end of the first period; 30 of the first period; 5 are spent; then time goes on.
SELECT pg_temp.entry('user:u1', 'granted', ARRAY[pg_temp.lot('user:u1', 'trial', 'sub_1', 'solo', 0, 14, 45)], '{32}', 0);
SELECT pg_temp.entry('user:u1', 'granted', ARRAY[pg_temp.lot('user:u1', 'period', 'sub_1', 'solo', 14, 45)], '{30}', 14);
CREATE TEMP TABLE id AS SELECT l.kind, l.id FROM ledger.credit_lot AS l;
SELECT pg_temp.entry('user:u1', 'spent', ARRAY[(SELECT id FROM id WHERE kind = 'trial')], '{-5}', 20);
SELECT pg_temp.entry('user:u1', 'expired', ARRAY[(SELECT id FROM id WHERE kind = 'trial')], '{-27}', 45);
SELECT pg_temp.entry('user:u1', 'rolled_over', ARRAY[(SELECT id FROM id WHERE kind = 'period'), pg_temp.lot('user:u1', 'rollover', 'sub_1', 'solo', 45, 75)], '{-10,10}', 45);
SELECT pg_temp.entry('user:u1', 'expired', ARRAY[(SELECT id FROM id WHERE kind = 'period')], '{-20}', 45);
SELECT pg_temp.entry('user:u1', 'granted', ARRAY[pg_temp.lot('user:u1', 'manual', NULL, NULL, 50, NULL)], '{7}', 50);
SELECT pg_temp.entry('customer:self:cus_2', 'granted', ARRAY[pg_temp.lot('customer:self:cus_2', 'period', 'sub_2', 'team', 10, 41, NULL, 'cus_2')], '{200}', 10);
SELECT is(ops.ledger_truth(to_timestamp(t.day(d.day))) -> 'credit_balances', d.want::jsonb, 'spendable on day ' || d.day) FROM (VALUES
    (-1, '{}'), (0, '{"user:u1": 32}'), (13, '{"user:u1": 32, "customer:self:cus_2": 200}'), (14, '{"user:u1": 62, "customer:self:cus_2": 200}'),
    (20, '{"user:u1": 57, "customer:self:cus_2": 200}'), (41, '{"user:u1": 57}'), (44.9999, '{"user:u1": 57}'), (45, '{"user:u1": 10}'), (50, '{"user:u1": 17}'), (75, '{"user:u1": 7}')) AS d (day, want);
SELECT is((SELECT string_agg(concat_ws(' ', g ->> 'kind', g ->> 'credits', g ->> 'shortfall'), ', ') FROM jsonb_array_elements(ops.ledger_truth(to_timestamp(t.day(45))) #> '{customers,0,grants}') AS g),
    'trial 32 0, period 30 0, rollover 10 0', 'grants of a customer, in order');
SELECT is((ops.ledger_truth(to_timestamp(t.day(14))) #> '{customers,0,grants,1}'), jsonb_build_object('subscription', 'sub_1', 'item', 'si_sub_1', 'kind', 'period', 'plan_key', 'solo', 'version', 1,
    'period_start', t.day(14), 'period_end', t.day(45), 'effective_at', t.day(14), 'expires_at', t.day(45), 'credits', 30, 'shortfall', 0), 'one in full');
SELECT is((SELECT concat_ws(' ', a.granted, a.rolled, a.expired, a.remaining, '/', b.granted, b.remaining) FROM ledger.lots_at('infinity') AS a, ledger.lots_at('infinity') AS b
            WHERE a.lot = (SELECT id FROM id WHERE kind = 'period') AND b.lot = (SELECT id FROM ledger.credit_lot WHERE kind = 'rollover')), '30 10 20 0 / 10 10', 'what was carried over counts as rolled where it left and as granted where it came');
SAVEPOINT back;
SELECT pg_temp.entry('user:u1', 'rolled_over', ARRAY[(SELECT id FROM id WHERE kind = 'period'), (SELECT id FROM ledger.credit_lot WHERE kind = 'rollover')], '{4,-4}', 45);
SELECT is((SELECT concat_ws(' ', a.granted, a.rolled, a.expired, a.remaining, '/', b.granted, b.remaining) FROM ledger.lots_at('infinity') AS a, ledger.lots_at('infinity') AS b
            WHERE a.lot = (SELECT id FROM id WHERE kind = 'period') AND b.lot = (SELECT id FROM ledger.credit_lot WHERE kind = 'rollover')), '30 6 20 4 / 6 6', 'and back');
ROLLBACK TO back;
-- A clawback beyond what is left is a debt, which outlives the lot until another makes it good.
SELECT pg_temp.entry('user:u3', 'granted', ARRAY[pg_temp.lot('user:u3', 'period', 'sub_3', 'solo', 0, 31, NULL, 'cus_3')], '{30}', 0);
INSERT INTO id SELECT 'debtor', id FROM ledger.credit_lot WHERE holder = 'user:u3';
SELECT pg_temp.entry('user:u3', 'spent', ARRAY[(SELECT id FROM id WHERE kind = 'debtor')], '{-25}', 5);
SELECT pg_temp.entry('user:u3', 'clawed_back', ARRAY[(SELECT id FROM id WHERE kind = 'debtor')], '{-30}', 9);
SELECT pg_temp.entry('user:u3', 'granted', ARRAY[pg_temp.lot('user:u3', 'period', 'sub_3', 'solo', 33, 59, NULL, 'cus_3')], '{30}', 33);
SELECT pg_temp.entry('user:u3', 'debt_repaid', ARRAY[max(l.id), min(l.id)], '{-25,25}', 33) FROM ledger.credit_lot AS l WHERE l.holder = 'user:u3';
SELECT is((SELECT string_agg(coalesce(ops.ledger_truth(to_timestamp(t.day(d))) #>> '{credit_balances,user:u3}', 'none'), ' ' ORDER BY d) FROM unnest('{0,5,9,30.5,31,33,59}'::numeric[]) AS d), '30 5 -25 -25 -25 5 none', 'a debt counts until it is made good');
-- Moved to another holder: it is all the new one's.
SELECT pg_temp.entry('customer:self:cus_2', 'moved_out', ARRAY[(SELECT id FROM ledger.credit_lot WHERE holder LIKE 'customer%')], '{-200}', 12);
SELECT pg_temp.entry('user:u2', 'moved_in', ARRAY[(SELECT id FROM ledger.credit_lot WHERE holder LIKE 'customer%')], '{200}', 12);
SELECT is(ops.ledger_truth(to_timestamp(t.day(40))) #> '{credit_balances}', '{"user:u1": 57, "user:u2": 200, "user:u3": 5}', 'what was moved counts once, where it is');
INSERT INTO ledger.conversion (account, subscription, customer, state, plan_key, trial_start, trial_end, invoice, amount, currency, converted_at)
VALUES ('self', 'sub_1', 'cus_1', 'converted', 'solo', to_timestamp(t.day(0)), to_timestamp(t.day(14)), 'in_2', 1999, 'usd', to_timestamp(t.day(14)))
ON CONFLICT (account, subscription) DO UPDATE SET state = excluded.state, invoice = excluded.invoice, amount = excluded.amount, currency = excluded.currency, converted_at = excluded.converted_at;
SELECT is(ops.ledger_truth(to_timestamp(t.day(40))) #> '{customers,0,conversions}', jsonb_build_array(jsonb_build_object('subscription', 'sub_1', 'state', 'converted', 'trial_start', t.day(0),
    'trial_end', t.day(14), 'amount', 1999, 'currency', 'usd', 'converted_at', t.day(14), 'invoice', 'in_2')), 'what became of a trial');
SELECT * FROM finish();
ROLLBACK;
