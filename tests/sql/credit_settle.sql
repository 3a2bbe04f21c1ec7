-- Settlement: clawback, shortfall, debts, expiry, rollover; each rule by itself, then the same facts in many orders.
BEGIN;
SELECT no_plan();
\ir credit_engine.psql
-- Short forms: a period lot, and extras.
CREATE FUNCTION pg_temp.p(p_user text, p_start numeric, p_end numeric, p_amount bigint, p_extra jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS
$$ SELECT pg_temp.target(p_user, 'period', p_start, p_end, p_amount, p_extra) $$;
CREATE FUNCTION pg_temp.claw(p_amount bigint, p_day numeric, p_negative boolean DEFAULT false) RETURNS jsonb LANGUAGE sql AS
$$ SELECT jsonb_build_object('claw', p_amount, 'claw_at', t.day(p_day), 'negative', p_negative, 'claw_source', 're_1', 'claw_transition', 'refund') $$;
CREATE FUNCTION pg_temp.settle(p_user text, p_day numeric) RETURNS integer LANGUAGE sql AS
$$ SELECT ledger.settle_credits('user:' || p_user, pg_temp.at(p_day), '{}') $$;
-- The newest entries, oldest first: 'kind amount@day'.
CREATE FUNCTION pg_temp.last(p_user text, p_n integer) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s@%s', e.kind, CASE WHEN e.amount = 0 THEN e.amounts[2] ELSE e.amount END, trim_scale(((extract(epoch FROM e.effective_at) - t.day(0)) / 86400)::numeric(9, 2))), ', ' ORDER BY e.n)
      FROM (SELECT * FROM ledger.credit_entry WHERE holder = 'user:' || p_user ORDER BY n DESC LIMIT p_n) AS e $$;

-- expiry
SELECT pg_temp.book('e', 0, pg_temp.p('e', 0, 31, 30));
SELECT is((SELECT next_due_at FROM ledger.credit_holder WHERE holder = 'user:e'), pg_temp.at(31), 'the holder is due when its lot ends');
SELECT pg_temp.spend('e', 12, 'k', 3);
SELECT is(pg_temp.settle('e', 30.99999), 0, 'a second before the end nothing expires');
SELECT is(pg_temp.settle('e', 31), 1, 'at the end it does');
SELECT is(pg_temp.lots('e') || '; ' || pg_temp.last('e', 1), 'period@0 30 spent 12 expired 18 = 0; expired -18@31', 'what is left of it, at that instant');
SELECT is(pg_temp.settle('e', 300), 0, 'once');
SELECT is((SELECT next_due_at FROM ledger.credit_holder WHERE holder = 'user:e'), NULL, 'and nothing is due any more');
SELECT pg_temp.book('e', 40, pg_temp.p('e', 0, 31, 30, jsonb_build_object('expires', t.day(45))));
SELECT is(pg_temp.lots('e') || '; ' || pg_temp.last('e', 1), 'period@0 30 spent 12 = 18; unexpired 18@31', 'it ends later after all');
SELECT pg_temp.book('e', 50, pg_temp.p('e', 0, 31, 30, jsonb_build_object('expires', t.day(20))));
SELECT is(pg_temp.lots('e') || '; ' || pg_temp.last('e', 1), 'period@0 30 spent 12 expired 18 = 0; expired -18@20', 'or earlier: not before what was told expired is back');
SELECT pg_temp.book('e', 50, pg_temp.p('e', 0, 31, 30, jsonb_build_object('expires', NULL)));
SELECT is(pg_temp.lots('e'), 'period@0 30 spent 12 = 18', 'or never');
SELECT is(ledger.credit_balance('e', pg_temp.at(d.day)), d.want::bigint, 'as of day ' || d.day) FROM (VALUES (-1, 0), (0, 30), (2.9, 30), (3, 18), (19, 18), (31, 18), (400, 18)) AS d (day, want);

-- amounts: more is granted, less is claimed back
SELECT pg_temp.book('a', 0, pg_temp.p('a', 0, 31, 30));
SELECT is(pg_temp.book('a', 1, pg_temp.p('a', 0, 31, 50, jsonb_build_object('moment', t.day(1)))) -> 'entries', '1', 'more');
SELECT is(pg_temp.last('a', 2), 'granted 30@0, granted 20@1', 'takes effect when it became more');
SELECT is((SELECT string_agg(idempotency_key, ' ' ORDER BY n) FROM ledger.credit_entry WHERE holder = 'user:a'), 'grant:self:si_a:1767225600:period:pro:1:1 grant:self:si_a:1767225600:period:pro:1:2', 'each under a key of its own');
SELECT pg_temp.book('a', 2, pg_temp.p('a', 0, 31, 10, jsonb_build_object('moment', t.day(2), 'claw_transition', 'downgrade', 'claw_source', 'sub_a')));
SELECT is(pg_temp.lots('a') || '; ' || pg_temp.last('a', 1), 'period@0 50 clawed 40 = 10; clawed_back -40@2', 'less: the rest is taken back');
SELECT is((SELECT transition || ' ' || source FROM ledger.credit_entry WHERE holder = 'user:a' ORDER BY n DESC LIMIT 1), 'downgrade sub_a', 'and says why');
SELECT pg_temp.book('a', 3, pg_temp.p('a', 0, 31, 0));
SELECT is(pg_temp.lots('a'), 'period@0 50 clawed 50 = 0', 'not due at all');
SELECT pg_temp.book('a', 4, pg_temp.p('a', 0, 31, 50));
SELECT is(pg_temp.lots('a'), 'period@0 50 = 50', 'due after all');
SELECT pg_temp.book('a', 5, pg_temp.p('a', 0, 31, 40, pg_temp.claw(20, 5)));
SELECT is(pg_temp.lots('a'), 'period@0 50 clawed 30 = 20', 'less is due, and half of that refunded: half of what is due is left');
SELECT pg_temp.book('a', 6, pg_temp.p('a', 0, 31, 50));
SELECT is(pg_temp.book('a', 4, pg_temp.target('a', 'upgrade', 0, 31, 0), pg_temp.target('a', 'trial', 9, 9, 10)) -> 'entries', '0', 'no lot of nothing, nor one that ends when it begins');

-- clamp
SELECT pg_temp.book('c', 0, pg_temp.p('c', 0, 31, 30));
SELECT pg_temp.spend('c', 25, 'k', 5);
SELECT pg_temp.book('c', 9, pg_temp.p('c', 0, 31, 30, pg_temp.claw(20, 9)));
SELECT is(pg_temp.lots('c') || '; ' || pg_temp.last('c', 1), 'period@0 30 spent 25 clawed 5 short 15 = 0; clawed_back -5@9', 'what is left is taken back, what is missing is recorded');
SELECT is(pg_temp.refund('c', 'k', 10, 'r', 10), 'yes 10 0/15', 'what is given back then');
SELECT is(pg_temp.lots('c') || '; ' || pg_temp.last('c', 2), 'period@0 30 spent 15 clawed 15 short 5 = 0; spend_returned 10@10, clawed_back -10@9', 'goes there first');
SELECT ledger.book_credits('user:c', ARRAY[pg_temp.p('c', 0, 31, 30, pg_temp.claw(4, 9) || '{"claw_transition": "refund_returned"}')], jsonb_build_object('events', jsonb_build_array(
    t.event('evt_1', 'charge.refund.updated', 're_1', 12), t.event('evt_2', 'customer.updated', 'cus_c', 13))), pg_temp.at(14));
SELECT is(pg_temp.lots('c') || '; ' || pg_temp.last('c', 1), 'period@0 30 spent 15 clawed 4 = 11; clawback_returned 11@12', 'a refund that failed: it is given again, since the event that names it');
SELECT is((SELECT transition || ' ' || event_id FROM ledger.credit_entry WHERE holder = 'user:c' ORDER BY n DESC LIMIT 1), 'refund_returned evt_1', 'which the entry names');
-- out of what had expired
SELECT pg_temp.settle('c', 31);
SELECT is(pg_temp.lots('c'), 'period@0 30 spent 15 clawed 4 expired 11 = 0', 'the rest expires');
SELECT pg_temp.book('c', 40, pg_temp.p('c', 0, 31, 30, pg_temp.claw(30, 35)));
SELECT is(pg_temp.lots('c') || '; ' || pg_temp.last('c', 2), 'period@0 30 spent 15 clawed 15 short 15 = 0; unexpired 11@31, clawed_back -11@35', 'a refund after the end is taken from what had expired');
SELECT pg_temp.book('c', 50, pg_temp.p('c', 0, 31, 30, '{"claw_transition": "dispute_won"}'));
SELECT is(pg_temp.lots('c') || '; ' || pg_temp.last('c', 2), 'period@0 30 spent 15 expired 15 = 0; clawback_returned 15@35, expired -15@35', 'given again, it has expired');
SELECT is((SELECT string_agg(d.day || ':' || ledger.credit_balance('c', pg_temp.at(d.day)), ' ' ORDER BY d.day) FROM unnest('{0,5,8,9,10,12,30,31,34,35,60}'::int[]) AS d (day)), '0:30 5:5 8:5 9:-10 10:0 12:11 30:11 31:0 34:0 35:0 60:0', 'as of any time');

-- negative: a debt, made good by what is left or comes
SELECT pg_temp.book('n', 0, pg_temp.p('n', 0, 31, 30));
SELECT pg_temp.spend('n', 25, 'k', 5);
SELECT pg_temp.book('n', 9, pg_temp.p('n', 0, 31, 30, pg_temp.claw(30, 9, true)));
SELECT is(pg_temp.lots('n') || '; ' || pg_temp.last('n', 1), 'period@0 30 spent 25 clawed 30 = -25; clawed_back -30@9', 'all of it is taken back: the lot goes below zero');
SELECT is(pg_temp.spend('n', 1, 'k2', 9), 'no 1 -25/0', 'who owes spends nothing');
SELECT is(pg_temp.give('n', 10, 'gift', 10), 'yes 10 -15/10', 'what is given');
SELECT is(pg_temp.lots('n') || '; ' || pg_temp.last('n', 1), 'period@0 30 spent 25 clawed 30 covered 10 = -15, manual 10 repaid 10 = 0; debt_repaid 10@10', 'makes it good');
SELECT pg_temp.book('n', 31, pg_temp.p('n', 31, 59, 30));
SELECT is(pg_temp.lots('n') || '; ' || pg_temp.balance('n'), 'period@0 30 spent 25 clawed 30 covered 25 = 0, period@31 30 repaid 25 = 5, manual 10 = 10; 15', 'the next period''s makes it good in its stead: it ends earlier');
SELECT is(pg_temp.spend('n', 15, 'k3', 32), 'yes 15 0/40', 'then there is something to spend again');
SELECT pg_temp.book('n', 33, pg_temp.p('n', 0, 31, 30));
SELECT is(pg_temp.lots('n') || '; ' || pg_temp.balance('n'), 'period@0 30 spent 25 expired 5 = 0, period@31 30 spent 5 = 25, manual 10 spent 10 = 0; 25', 'the dispute is won: everyone has his own again');
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');
-- also out of what has expired since it arose, but not out of what had expired before
SELECT pg_temp.book('o', 0, pg_temp.p('o', 0, 31, 30), pg_temp.target('o', 'upgrade', 0, 31, 20, jsonb_build_object('expires', t.day(8))), pg_temp.target('o', 'trial', 0, 31, 7));
SELECT pg_temp.spend('o', 37, 'k', 9);
SELECT is(pg_temp.lots('o'), 'upgrade@0 20 expired 20 = 0, period@0 30 spent 30 = 0, trial@0 7 spent 7 = 0', 'one expired on day 8');
SELECT pg_temp.refund('o', 'k', 5, 'r', 9);
SELECT pg_temp.settle('o', 32);
SELECT pg_temp.book('o', 40, pg_temp.p('o', 0, 31, 30, pg_temp.claw(30, 12, true)));
SELECT is(pg_temp.lots('o'), 'upgrade@0 20 expired 20 = 0, period@0 30 spent 30 clawed 30 covered 5 = -25, trial@0 7 spent 2 repaid 5 = 0', 'told late: out of the lot that was there when it arose');
SELECT is(pg_temp.last('o', 3), 'unexpired 5@31, clawed_back -30@12, debt_repaid 5@12', 'as if it had been told in time');
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');

-- rollover, capped: at the boundary, into the period that begins then
SELECT pg_temp.book('r', 0, pg_temp.p('r', 0, 31, 30, '{"rollover_cap": 10}'), pg_temp.target('r', 'upgrade', 9, 31, 20, '{"rollover_cap": 10, "plan_key": "max"}'), pg_temp.target('r', 'trial', 0, 31, 5));
SELECT pg_temp.spend('r', 5, 'k', 1);
SELECT pg_temp.spend('r', 24, 'k2', 10);
SELECT is(pg_temp.lots('r'), 'period@0 30 spent 29 = 1, trial@0 5 = 5, upgrade@9 20 = 20', 'before the boundary');
SELECT pg_temp.settle('r', 31);
SELECT is(pg_temp.lots('r'), 'period@0 30 spent 29 expired 1 = 0, trial@0 5 expired 5 = 0, upgrade@9 20 expired 20 = 0', 'without a next period all of it expires');
SELECT pg_temp.book('r', 32, pg_temp.p('r', 31, 59, 30, '{"rollover_cap": 10}'));
SELECT is(pg_temp.lots('r'), 'period@0 30 spent 29 rolled 1 = 0, trial@0 5 expired 5 = 0, upgrade@9 20 rolled 9 expired 11 = 0, period@31 30 = 30, rollover@31 10 = 10', 'when it appears, up to the cap, of all of them together');
SELECT is((SELECT concat_ws(' ', plan_key, plan_version, rollover_cap, effective_at = pg_temp.at(31), period_end = pg_temp.at(59), expires_at = pg_temp.at(59), (SELECT f.kind FROM ledger.credit_lot AS f WHERE f.id = l.rolls_from))
             FROM ledger.credit_lot AS l WHERE holder = 'user:r' AND kind = 'rollover'), 'pro 1 10 t t t period', 'it is of that period''s plan, and ends with it');
SELECT is(pg_temp.spend('r', 34, 'k3', 33), 'yes 34 6/40', 'of these the lot of the period is burnt first');
SELECT pg_temp.book('r', 60, pg_temp.p('r', 59, 90, 30));
SELECT is(pg_temp.lots('r'), 'period@0 30 spent 29 rolled 1 = 0, trial@0 5 expired 5 = 0, upgrade@9 20 rolled 9 expired 11 = 0, period@31 30 spent 30 = 0, rollover@31 10 spent 4 rolled 6 = 0, period@59 30 = 30, rollover@59 6 = 6', 'what was carried over is carried over again');
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');
-- a refund of the first period now: what was carried over and spent stays spent, the rest is taken back on its way
SELECT pg_temp.book('r', 61, pg_temp.p('r', 0, 31, 30, '{"rollover_cap": 10}' || pg_temp.claw(30, 61)));
SELECT is(pg_temp.lots('r'), 'period@0 30 spent 29 clawed 1 short 29 = 0, trial@0 5 expired 5 = 0, upgrade@9 20 rolled 10 expired 10 = 0, period@31 30 spent 30 = 0, rollover@31 10 spent 4 rolled 6 = 0, period@59 30 = 30, rollover@59 6 = 6',
    'others of the boundary carry over instead of what is taken back');
SELECT pg_temp.book('r', 61, pg_temp.target('r', 'upgrade', 9, 31, 0, '{"rollover_cap": 10, "plan_key": "max"}'));
SELECT is(pg_temp.lots('r'), 'period@0 30 spent 29 rolled 1 short 30 = 0, trial@0 5 expired 5 = 0, upgrade@9 20 clawed 17 rolled 3 short 3 = 0, period@31 30 spent 30 = 0, rollover@31 4 spent 4 = 0, period@59 30 = 30',
    'what was carried over and spent cannot be taken back');
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');
SELECT pg_temp.book('r', 62, pg_temp.p('r', 31, 59, 0, '{"rollover_cap": 10}'));
SELECT is((SELECT remaining || ' ' || spent FROM ledger.credit_lot WHERE holder = 'user:r' AND kind = 'rollover' AND period_start = pg_temp.at(31)), '0 4', 'nor does it vanish with the period that it went into');
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');

-- several boundaries at once, after a long silence
SELECT pg_temp.book('s', 100, pg_temp.p('s', 0, 31, 30, '{"rollover_cap": 50}'), pg_temp.p('s', 31, 59, 30, '{"rollover_cap": 50}'), pg_temp.p('s', 59, 90, 30, '{"rollover_cap": 50}'), pg_temp.p('s', 90, 120, 30, '{"rollover_cap": 50}'));
SELECT is(pg_temp.lots('s') || '; ' || pg_temp.balance('s'), 'period@0 30 rolled 30 = 0, period@31 30 rolled 30 = 0, rollover@31 30 rolled 20 expired 10 = 0, period@59 30 rolled 30 = 0, rollover@59 50 rolled 20 expired 30 = 0, period@90 30 = 30, rollover@90 50 = 50; 80',
    'each boundary for itself');
SELECT is((SELECT string_agg(d.day || ':' || ledger.credit_balance('s', pg_temp.at(d.day)), ' ' ORDER BY d.day) FROM unnest('{0,30,31,58,59,89,90,119,120}'::int[]) AS d (day)), '0:30 30:30 31:60 58:60 59:80 89:80 90:80 119:80 120:0', 'as of any time');
SELECT is((SELECT count(*) FROM ledger.credit_lot WHERE holder = 'user:s' AND granted = 0), 0::bigint, 'no empty lots are left behind');
-- a period that ends sooner than was thought, as when an annual plan is changed before its next month and that is heard later
SELECT pg_temp.book('sooner', 32, pg_temp.p('sooner', 0, 31, 30, '{"rollover_cap": 10}'), pg_temp.p('sooner', 31, 59, 30, '{"rollover_cap": 10}'));
SELECT pg_temp.book('sooner', 40, pg_temp.p('sooner', 0, 20, 30, '{"rollover_cap": 10}'), pg_temp.p('sooner', 31, 59, 0, '{"rollover_cap": 10}'), pg_temp.p('sooner', 20, 50, 30));
SELECT is(pg_temp.lots('sooner') || '; ' || pg_temp.balance('sooner'), 'period@0 30 rolled 10 expired 20 = 0, period@20 30 = 30, rollover@20 10 = 10, period@31 30 clawed 30 = 0; 40',
    'what was carried over goes where the period ends now');
SELECT is(pg_temp.broken('sooner'), NULL, 'all of it adds up');

-- the clock of a test customer
SELECT pg_temp.book('k', 0, pg_temp.p('k', 0, 31, 30));
UPDATE ledger.credit_holder SET clock_at = pg_temp.at(31) WHERE holder = 'user:k';
SELECT is(pg_temp.spend('k', 1, 'k', 1), 'no 1 0/0', 'time is not before Stripe''s test clock');

-- a customer's lots go to another holder
SELECT t.turn('cus_m', jsonb_build_array(t.sub('sub_m', 'cus_m', 'active')));
SELECT is(ledger.credit_holder_of('self', 'cus_m'), 'customer:self:cus_m', 'nobody knows the user: the customer holds them');
SELECT ledger.book_credits('customer:self:cus_m', ARRAY[pg_temp.p('m', 0, 31, 30, '{"rollover_cap": 10}'), pg_temp.p('m', 31, 59, 30)], '{}', pg_temp.at(32));
SELECT pg_temp.user('m');
SELECT ledger.move_credits('self', 'cus_m', '{}', pg_temp.at(33));
SELECT is(pg_temp.lots('m') || '; ' || pg_temp.balance('m'), 'period@0 30 rolled 10 expired 20 = 0, period@31 30 = 30, rollover@31 10 = 10; 40', 'they are the user''s, with what became of them');
SELECT is((SELECT string_agg(concat_ws(' ', holder, kind, amount, source), ', ' ORDER BY id) FROM ledger.credit_entry WHERE kind LIKE 'moved%'),
    'customer:self:cus_m moved_out -40 user:m, user:m moved_in 40 customer:self:cus_m', 'one entry on each side');
SELECT is((SELECT balance FROM ledger.credit_holder WHERE holder = 'customer:self:cus_m'), 0::bigint, 'nothing is left behind');
SELECT is(ledger.credit_balance('m', pg_temp.at(20)) || ' ' || ledger.credit_balance('m', pg_temp.at(32)), '30 40', 'their history goes with them');
SELECT ledger.move_credits('self', 'cus_m', '{}', pg_temp.at(33));
SELECT is((SELECT count(*) FROM ledger.credit_entry WHERE kind LIKE 'moved%'), 2::bigint, 'once');
-- debts that lots of several customers had made good for each other are undone before some of them go
SELECT pg_temp.user('m2');
SELECT ledger.book_credits('user:m2', ARRAY[pg_temp.p('m2', 31, 59, 20)], '{}', pg_temp.at(33));
UPDATE ledger.customer SET user_id = 'm2', user_source = 'operator' WHERE id = 'cus_m';
SELECT ledger.move_credits('self', 'cus_m', '{}', pg_temp.at(33));
SELECT pg_temp.spend('m2', 35, 'k', 34);
SELECT ledger.book_credits('user:m2', ARRAY[pg_temp.p('m', 31, 59, 30, pg_temp.claw(30, 34, true))], '{}', pg_temp.at(35));
SELECT is(pg_temp.lots('m2') || '; ' || pg_temp.balance('m2'),
    'period@0 30 rolled 10 expired 20 = 0, period@31 30 spent 30 clawed 30 covered 25 = -5, period@31 20 spent 5 repaid 15 = 0, rollover@31 10 repaid 10 = 0; -5', 'lots of another customer make it good');
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');
SELECT pg_temp.user('m');
SELECT ledger.move_credits('self', 'cus_m', '{}', pg_temp.at(36));
SELECT is(pg_temp.balance('m') + pg_temp.balance('m2'), -5::bigint, 'together they have what they had');
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');
SELECT is(pg_temp.refund('m2', 'k', NULL, 'r', 37) || ', ' || pg_temp.refund('m2', 'k', 30, 'r2', 37), 'yes 5 20/20, IS014', 'of a spend, what was of lots that have gone cannot be given back here');
SELECT * FROM finish();
ROLLBACK;
