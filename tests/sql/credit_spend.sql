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

-- giving back: to the lots it came from, last burnt first
SELECT is(pg_temp.refund('u1', 'b', 4, 'r1', 21), 'yes 4 4/62', 'part of a spend comes back');
SELECT is(pg_temp.lots('u1'), 'trial@0 32 spent 31 = 1, period@14 30 spent 27 = 3', 'the last burnt lot gets its own first');
SELECT is(pg_temp.refund('u1', 'b', 4, 'r1', 21), 'again 4 4/62', 'the same key gives back once');
SELECT is(pg_temp.refund('u1', 'b', 3, 'r1', 21), 'IS002', 'and nothing else');
SELECT is(pg_temp.refund('u1', 'a', 4, 'r1', 21), 'IS002', 'nor of another spend');
SELECT is(pg_temp.spend('u1', 4, 'r1', 21), 'IS002', 'nor as a spend');
SELECT is(pg_temp.refund('u1', 'r1', 1, 'r2', 21), 'IS014', 'what came back is no spend');
SELECT is(pg_temp.refund('u1', 'b', 27, 'r2', 21), 'IS014', 'more than is left of it');
SELECT is(pg_temp.refund('u1', 'nope', 1, 'r2', 21), 'IS014', 'of a spend that there is not');
SELECT is(pg_temp.refund('u1', NULL, 1, 'r2', 21), 'IS014', 'or that is not named');
SELECT is(pg_temp.refund('u1', 'b', NULL, 'r2', 21), 'yes 26 30/62', 'NULL: all that is left of it');
SELECT is(pg_temp.refund('u1', 'b', NULL, 'r2', 21), 'again 26 30/62', 'once');
SELECT is(pg_temp.refund('u1', 'b', NULL, 'r3', 21), 'IS014', 'then nothing is left');
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');

-- the instant of the end
SELECT is(pg_temp.spend('u1', 1, 'late', 44.99999), 'yes 1 29/62', 'just before the end');
SELECT is(pg_temp.spend('u1', 1, 'too late', 45), 'no 1 0/0', 'at the end nothing is left, nor counts for the limit');
SELECT is(pg_temp.lots('u1'), 'trial@0 32 spent 6 expired 26 = 0, period@14 30 spent 27 expired 3 = 0', 'a spend settles what had become due before');
SELECT is(pg_temp.refund('u1', 'late', NULL, 'r4', 46), 'yes 1 0/0', 'what comes back to an expired lot');
SELECT is((SELECT string_agg(e.kind || ' ' || e.amount, ', ' ORDER BY e.n DESC) FROM (SELECT * FROM ledger.credit_entry WHERE holder = 'user:u1' ORDER BY n DESC LIMIT 2) AS e), 'expired -1, spend_returned 1', 'expires at once');
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');

-- burn order over kinds and ends, and credits by hand
SELECT pg_temp.user('u2');
SELECT is(pg_temp.spend('u2', 1, 'x', 0), 'no 1 0/0', 'a user without credits');
SELECT is(pg_temp.give('u2', 10, 'never', 0), 'yes 10 10/10', 'credits by hand');
SELECT is(pg_temp.give('u2', 10, 'never', 0), 'again 10 10/10', 'once per key');
SELECT is(pg_temp.give('u2', 11, 'never', 0) || pg_temp.give('u2', 10, 'never', 0, 9) || pg_temp.spend('u2', 10, 'never', 0), 'IS002IS002IS002', 'the key is theirs');
SELECT is(pg_temp.give('u2', 10, 'later', 0, 20), 'yes 10 20/20', 'with an end');
SELECT is(pg_temp.give('u2', 10, 'soon', 1, 10), 'yes 10 30/30', 'with an earlier one');
SELECT is(pg_temp.give('u2', 1, 'gone', 1, 1), 'IS015', 'an end that is now is refused');
SELECT pg_temp.book('u2', 1, pg_temp.target('u2', 'period', 0, 10, 5));
SELECT is(pg_temp.spend('u2', 32, 'all', 2), 'yes 32 3/35', 'a spend over four lots');
SELECT is((SELECT string_agg(concat_ws(' ', l.kind, l.manual_key, -b.amount), ', ' ORDER BY b.place) FROM ledger.credit_entry AS e, unnest(e.lots, e.amounts) WITH ORDINALITY AS b (lot, amount, place)
             JOIN ledger.credit_lot AS l ON l.id = b.lot WHERE e.idempotency_key = 'app:all'), 'period 5, manual soon 10, manual later 10, manual never 7',
    'earliest end first, of these what was given first, what never ends last');
SELECT is(pg_temp.spend('u2', 3, 'rest', 30), 'yes 3 0/10', 'what never ends is there for ever');
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');
SELECT is((SELECT string_agg(idempotency_key, ' ' ORDER BY n) FROM ledger.credit_entry WHERE holder = 'user:u2' AND kind IN ('granted', 'expired')),
    'app:never app:later app:soon grant:self:si_u2:1767225600:period:pro:1:1', 'what had been spent does not expire');

-- as the application, through the calls that it may make
UPDATE ledger.credit_holder SET next_due_at = NULL WHERE holder = 'user:u2';
SET LOCAL ROLE instep_app;
SELECT array[accepted, replayed]::text || amount || ' ' || balance AS given FROM ledger.grant_credits('u2', 40, 'g', 'hello') \gset
SELECT array[accepted, replayed]::text || amount || ' ' || balance AS spent FROM ledger.spend_credits('u2', 15, 's') \gset
SELECT array[accepted, replayed]::text || amount || ' ' || balance AS back FROM ledger.refund_spend('u2', 's', NULL, 'rs') \gset
SELECT ledger.credit_balance('u2') AS balance, (SELECT sum(remaining) FROM ledger.credit_lots('u2')) AS lots, ledger.credit_balance('u2', now() - interval '1 day') AS before,
       ledger.credit_balance('nobody') || ' ' || (SELECT count(*) FROM ledger.credit_lots('nobody')) AS nobody \gset
RESET ROLE;
SELECT is(:'given'::text, '{t,f}40 40', 'the application grants');
SELECT is(:'spent'::text, '{t,f}15 25', 'spends');
SELECT is(:'back'::text, '{t,f}15 40', 'gives back');
SELECT is(:'balance' || ' ' || :'lots', '40 40', 'asks, and the lots add up to what it is told');
SELECT is(:'before'::text, '0', 'as of yesterday too');
SELECT is(:'nobody'::text, '0 0', 'an unknown user has nothing');
SELECT * FROM finish();
ROLLBACK;
