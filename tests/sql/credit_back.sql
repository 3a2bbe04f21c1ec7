-- What was carried over twice and then was not due after all goes back from the end: no lot is below zero on the way.
BEGIN;
SELECT no_plan();
\ir credit_engine.psql
SELECT pg_temp.book('u1', 70, pg_temp.target('u1', 'period', 0, 31, 30, '{"rollover_cap": 20}'), pg_temp.target('u1', 'period', 31, 59, 5, '{"rollover_cap": 20}'),
    pg_temp.target('u1', 'period', 59, 90, 5, '{"rollover_cap": 20}'));
SELECT is(pg_temp.lots('u1'), 'period@0 30 rolled 20 expired 10 = 0, period@31 5 rolled 5 = 0, rollover@31 20 rolled 15 expired 5 = 0, period@59 5 = 5, rollover@59 20 = 20',
    'carried over twice');
SELECT pg_temp.book('u1', 71, pg_temp.target('u1', 'period', 0, 31, 0, '{"rollover_cap": 20}'), pg_temp.target('u1', 'period', 31, 59, 0, '{"rollover_cap": 20}'));
SELECT is(pg_temp.balance('u1'), 5::bigint, 'only the last is due after all');
SELECT is((SELECT string_agg(l.id || ' has ' || l.had, ', ') FROM (SELECT x.lot AS id, sum(x.amount) OVER (PARTITION BY x.lot ORDER BY e.n) AS had
             FROM ledger.credit_entry AS e CROSS JOIN LATERAL unnest(e.lots, e.amounts) AS x (lot, amount)) AS l WHERE l.had < 0), NULL, 'at no entry was a lot below zero');
SELECT is(pg_temp.broken(), NULL, 'and everything adds up');
-- Carried over, over by now, and then what it came from was not due: it comes from the other lot of that period.
SELECT pg_temp.book('u2', 35, pg_temp.target('u2', 'period', 0, 31, 20, '{"rollover_cap": 20}'), pg_temp.target('u2', 'upgrade', 0, 31, 20, '{"rollover_cap": 20}'),
    pg_temp.target('u2', 'period', 31, 59, 5));
SELECT ok(ledger.settle_credits('user:u2', pg_temp.at(60), '{}') > 0, 'what was carried over is over, too');
SELECT pg_temp.book('u2', 61, pg_temp.target('u2', 'period', 0, 31, 0, '{"rollover_cap": 20}'));
SELECT is(pg_temp.lots('u2'), 'period@0 20 clawed 20 = 0, upgrade@0 20 rolled 20 = 0, period@31 5 expired 5 = 0, rollover@31 20 expired 20 = 0', 'it comes out of another lot');
SELECT is((SELECT string_agg(f.check_name || ': ' || f.example, '; ') FROM ops.credit_faults() AS f WHERE f.check_name LIKE 'no lot is below%'), NULL, 'which verify takes for what it is');
SELECT * FROM finish();
ROLLBACK;
