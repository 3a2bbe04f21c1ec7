-- ops.credits_show: a user's credits lot by lot, now and as of any past time, also of what came from elsewhere.
BEGIN;
SELECT no_plan();
\ir credit_lots.psql
CREATE FUNCTION pg_temp.lots(p_who text, p_day numeric) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', s ->> 'balance', 'of', s ->> 'credit_limit', 'booked', s ->> 'booked') || coalesce(': ' || (
        SELECT string_agg(concat_ws(' ', l ->> 'kind', l ->> 'remaining', l ->> 'granted', l ->> 'spent', l ->> 'clawed_back'), ', ') FROM jsonb_array_elements(s -> 'lots') AS l), '')
      FROM ops.credits_show(p_who, 'self', to_timestamp(t.day(p_day))) AS s $$;
SELECT is(ops.credits_show('u1'), NULL, 'nobody knows that user');
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', NULL, '{"metadata": {"user_id": "u1"}}')));
SELECT t.turn('cus_2', jsonb_build_array(t.sub('sub_2', 'cus_2', 'active')));
SELECT is(ops.credits_show('u1') - 'at', '{"holder": "user:u1", "user": "u1", "customer": null, "balance": 0, "booked": 0, "credit_limit": 0, "lots": [], "ended_lots": 0, "entries": [], "entries_total": 0}', 'a user who never had any');
SELECT pg_temp.entry('user:u1', 'granted', ARRAY[pg_temp.lot('user:u1', 'trial', 'sub_1', 'solo', 0, 14, 45)], '{32}', 0, '{"transition": "trial_start"}'),
       pg_temp.entry('user:u1', 'granted', ARRAY[pg_temp.lot('user:u1', 'period', 'sub_1', 'solo', 14, 45)], '{30}', 14, '{"transition": "trial_to_active", "event": "evt_1", "source": "in_1"}');
CREATE TEMP TABLE id AS SELECT l.kind, l.id FROM ledger.credit_lot AS l;
SELECT pg_temp.entry('user:u1', 'spent', ARRAY(SELECT id FROM id ORDER BY id), '{-32,-3}', 20, '{"key": "job-1"}'), pg_temp.entry('user:u1', 'spend_returned', ARRAY(SELECT max(id) FROM id), '{1}', 21),
       pg_temp.entry('user:u1', 'clawed_back', ARRAY(SELECT max(id) FROM id), '{-8}', 22), pg_temp.entry('user:u1', 'expired', ARRAY(SELECT max(id) FROM id), '{-20}', 45);
SELECT is(pg_temp.lots('u1', d.day), d.want, 'on day ' || d.day) FROM (VALUES
    (-1, '0 of 0 booked 0'), (0, '32 of 32 booked 32: trial 32 32 0 0'), (14, '62 of 62 booked 62: trial 32 32 0 0, period 30 30 0 0'), (20, '27 of 62 booked 27: period 27 30 3 0'),
    (21, '28 of 62 booked 28: period 28 30 2 0'), (22, '20 of 54 booked 20: period 20 30 2 8'), (45, '0 of 0 booked 0')) AS d (day, want);
SELECT is((SELECT string_agg(concat_ws(' ', e ->> 'n', e ->> 'kind', e ->> 'amount', e ->> 'balance_before', e ->> 'balance_after'), ', ') FROM jsonb_array_elements(ops.credits_show('user:u1', 'self', to_timestamp(t.day(22)), 2) -> 'entries') AS e),
    '5 clawed_back -8 28 20, 4 spend_returned 1 27 28', 'the last entries by then, newest first');
SELECT is(ops.credits_show('cus_1', 'self', to_timestamp(t.day(20))) - 'lots' - 'entries' - 'at', ops.credits_show('u1', 'self', to_timestamp(t.day(20))) - 'lots' - 'entries' - 'at', 'a customer stands for its user');
-- what waits for a user, and comes to it
SELECT pg_temp.entry('customer:self:cus_2', 'granted', ARRAY[pg_temp.lot('customer:self:cus_2', 'period', 'sub_2', 'team', 10, 41, NULL, 'cus_2')], '{200}', 10);
SELECT is(pg_temp.lots('cus_2', 10), '200 of 200 booked 200: period 200 200 0 0', 'credits of nobody yet');
SELECT pg_temp.holder('user:u2');
UPDATE ledger.customer SET user_id = 'u2', user_source = 'operator' WHERE id = 'cus_2';
SELECT pg_temp.entry('customer:self:cus_2', 'moved_out', ARRAY(SELECT max(id) FROM ledger.credit_lot), '{-200}', 12), pg_temp.entry('user:u2', 'moved_in', ARRAY(SELECT max(id) FROM ledger.credit_lot), '{200}', 12, '{"source": "customer:self:cus_2"}'),
       pg_temp.entry('user:u2', 'spent', ARRAY(SELECT max(id) FROM ledger.credit_lot), '{-50}', 13);
SELECT is(pg_temp.lots('u2', d.day), d.want, 'after the link, on day ' || d.day) FROM (VALUES (9, '0 of 0 booked 0'), (11, '200 of 200 booked 200: period 200 200 0 0'), (12, '200 of 200 booked 200: period 200 200 0 0'), (13, '150 of 200 booked 150: period 150 200 50 0'), (41, '0 of 0 booked 150')) AS d (day, want);
-- a debt
SELECT pg_temp.entry('user:u3', 'granted', ARRAY[pg_temp.lot('user:u3', 'manual', NULL, NULL, 0, NULL, 10)], '{5}', 0);
SELECT pg_temp.entry('user:u3', 'spent', ARRAY(SELECT max(id) FROM ledger.credit_lot), '{-5}', 1), pg_temp.entry('user:u3', 'clawed_back', ARRAY(SELECT max(id) FROM ledger.credit_lot), '{-5}', 2);
SELECT is(pg_temp.lots('u3', 20), '-5 of 0 booked -5: manual -5 5 5 5', 'a debt stays after its lot has expired');
-- whoever is asked says the same
UPDATE ledger.credit_holder SET next_due_at = to_timestamp(t.day(5)); -- as settling would have said
SELECT is((ops.credits_show(u, 'self', to_timestamp(t.day(d))) ->> 'balance')::bigint, ledger.credit_balance(u, to_timestamp(t.day(d))), 'the application is told the same of ' || u || ' on day ' || d)
  FROM unnest(ARRAY['u1', 'u2', 'u3']) AS u, unnest('{0,11,13,14,20,22,45,60}'::numeric[]) AS d WHERE (u, d) <> ('u2', 0);
SELECT is(b.spendable, ledger.credit_balance(b.user_id), 'and so is the dashboard of ' || b.user_id) FROM dashboard.credit_balances AS b WHERE b.user_id IS NOT NULL;
SELECT is(e.credits || ' of ' || e.credit_limit, (s.s ->> 'balance') || ' of ' || (s.s ->> 'credit_limit'), 'and the entitlement of ' || b.user_id)
  FROM dashboard.credit_balances AS b CROSS JOIN LATERAL ledger.entitlement(b.user_id) AS e CROSS JOIN LATERAL (SELECT ops.credits_show(b.user_id)) AS s (s) WHERE b.user_id IS NOT NULL;
SELECT is(t.try('instep_operator', 'SELECT ops.credits_show(''u1'')'), 'ok', 'the operator looks');
SELECT * FROM finish();
ROLLBACK;
