-- Spending: what is burnt first, what is refused, and what a key means.
BEGIN;
SELECT no_plan();
\ir credit_engine.psql

SELECT is(pg_temp.book('u1', 1, pg_temp.target('u1', 'trial', 0, 14, 32, jsonb_build_object('expires', t.day(45), 'transition', 'trial_start'))) - 'changes',
    '{"entries": 1}', 'a trial gives its credits');
SELECT is(pg_temp.book('u1', 14, pg_temp.target('u1', 'trial', 0, 14, 32, jsonb_build_object('expires', t.day(45))), pg_temp.target('u1', 'period', 14, 45, 30, '{"transition": "trial_to_active"}')),
    '{"entries": 1, "changes": [{"what": "credits of user:u1, granted pro trial_to_active", "before": "32", "after": "62"}]}', 'it converts: one entry, 32 before, 62 after');
SELECT is(pg_temp.book('u1', 15, pg_temp.target('u1', 'trial', 0, 14, 32, jsonb_build_object('expires', t.day(45))), pg_temp.target('u1', 'period', 14, 45, 30)) -> 'entries', '0', 'the same again books nothing');
SELECT is(pg_temp.spend('u1', 5, 'a', 20), 'yes 5 57/62', 'spent');
SELECT is(pg_temp.spend('u1', 5, 'a', 20), 'again 5 57/62', 'the same key takes it once');
SELECT is(pg_temp.spend('u1', 6, 'a', 20), 'IS002', 'and nothing else');
SELECT is(pg_temp.lots('u1'), 'trial@0 32 spent 5 = 27, period@14 30 = 30', 'of two lots that end together the one given first is burnt first');
SELECT is(pg_temp.spend('u1', 30, 'b', 20), 'yes 30 27/62', 'one spend may burn two lots');
SELECT is((SELECT amounts FROM ledger.credit_entry WHERE idempotency_key = 'app:b'), '{-27,-3}', 'the entry says how much of each');
SELECT is(pg_temp.spend('u1', 28, 'c', 20), 'no 28 27/62', 'one more than there is');
SELECT is(pg_temp.spend('u1', 27, 'c', 20), 'yes 27 0/62', 'was not recorded: the key may be tried with what there is');
SELECT is(pg_temp.spend('u1', 1, 'd', 20), 'no 1 0/62', 'nothing left');
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');
SELECT * FROM finish();
ROLLBACK;
