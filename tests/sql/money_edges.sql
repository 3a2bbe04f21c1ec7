-- Money at its edges: papers that are none, payments that were canceled, amounts that cannot be, moments, guests, and state that a
-- superuser put out of step with the journal.
BEGIN;
SELECT no_plan();
-- what keeps turns about one guest's payment apart (two_guests.t shows it at work)
CREATE FUNCTION pg_temp.locks() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() $$;
SELECT t.turn('cus_lock', jsonb_build_array(t.charge('ch_lock', 'cus_lock', 1), t.dispute('dp_lock', 'ch_lock', 1, 'needs_response')));
SELECT is(pg_temp.locks(), 0::bigint, 'a customer''s payment needs no lock but the customer''s');
SELECT t.turn('cs_lock', jsonb_build_array(t.session('cs_lock', NULL, 'payment', 'paid', 1, '{"payment_intent": "pi_lock_g"}')));
SELECT t.turn('ch_lock_g', jsonb_build_array(t.charge('ch_lock_g', NULL, 1)));
SELECT is(pg_temp.locks(), 2::bigint, 'a guest''s are its intent and its charge');
-- a session that was never paid takes nothing from an invoice that was
SELECT t.turn('cus_a', jsonb_build_array(t.session('cs_a', 'cus_a', 'payment', 'unpaid', 300, '{"invoice": "in_a", "payment_intent": "pi_other"}'), t.invoice('in_a', 'cus_a', NULL, 'paid', 300), t.charge('ch_in_a', 'cus_a', 300)));
SELECT is(t.books('in_a') || ' of ' || (SELECT sale FROM ledger.charge WHERE id = 'ch_in_a'), 'collected 300, sales -300 of in_a', 'an invoice is a sale although an unpaid session names it');
SELECT t.turn('cus_a', jsonb_build_array(t.session('cs_a', 'cus_a', 'payment', 'paid', 300, '{"invoice": "in_a"}')));
SELECT is(t.books('cus_a') || ' of ' || (SELECT sale FROM ledger.charge WHERE id = 'ch_in_a') || coalesce(t.books('in_a'), ''), 'collected 300, sales -300 of cs_a', 'until the session is paid: once');
-- two sessions of one invoice, one of them expired
SELECT t.turn('cus_b', jsonb_build_array(t.session('cs_b1', 'cus_b', 'payment', 'unpaid', 300, '{"invoice": "in_b", "status": "expired"}'), t.session('cs_b2', 'cus_b', 'payment', 'paid', 300, '{"invoice": "in_b"}'), t.invoice('in_b', 'cus_b', NULL, 'paid', 300), t.charge('ch_in_b', 'cus_b', 300)));
SELECT is(t.books('cus_b') || ' of ' || (SELECT sale FROM ledger.charge WHERE id = 'ch_in_b'), 'collected 300, sales -300 of cs_b2', 'the paid one of two sessions is the sale');
-- a payment that was taken off its invoice
CREATE FUNCTION pg_temp.payment(p_status text) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('payments', jsonb_build_object('has_more', false, 'data', jsonb_build_array(jsonb_build_object('object', 'invoice_payment', 'id', 'inpay_c', 'invoice', 'in_c', 'status', p_status, 'amount_paid', null, 'currency', 'usd', 'payment', '{"type": "payment_intent", "payment_intent": "pi_c"}'::jsonb)))) $$;
SELECT t.turn('cus_c', jsonb_build_array(t.invoice('in_c', 'cus_c', NULL, 'open', 0, 0, pg_temp.payment('open')), t.charge('ch_c', 'cus_c', 300, 0, jsonb_build_array(t.refund('re_c', 'ch_c', 100)))));
SELECT is((SELECT sale FROM ledger.charge WHERE id = 'ch_c') || ' ' || t.books('cus_c'), 'in_c collected -100, refunds 100', 'the money of an open invoice is no sale yet');
SELECT t.turn('cus_c', jsonb_build_array(t.invoice('in_c', 'cus_c', NULL, 'open', 0, 0, pg_temp.payment('canceled'))));
SELECT is((SELECT c.sale || ' ' || r.sale FROM ledger.charge AS c, ledger.refund AS r WHERE c.id = 'ch_c' AND r.id = 're_c') || ' ' || t.books('cus_c'), 'ch_c ch_c collected 200, refunds 100, sales -300', 'but of an invoice that it was taken off, it is its own');
-- amounts that cannot be
CREATE FUNCTION pg_temp.refused(p_objects jsonb) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM t.turn('cus_d', p_objects); RETURN 'taken'; EXCEPTION WHEN SQLSTATE 'IS001' THEN RETURN SQLERRM; END $$;
SELECT matches(pg_temp.refused(jsonb_build_array(t.charge('ch_d', 'cus_d', 100), o)), w, w) FROM (VALUES
    (t.refund('re_d', 'ch_d', -5), 'refund re_d: field amount'), (t.dispute('dp_d', 'ch_d', -5, 'lost'), 'dispute dp_d: field amount'),
    (t.note('cn_d', 'cus_d', 'in_d', 0, -500), 'credit_note cn_d: field amount'),
    (t.note('cn_d', 'cus_d', 'in_d', 0, 500, 900, 0, '{"customer_balance_transaction": "cbtxn_d"}'), 'credit_note cn_d: field post_payment_amount')) AS v (o, w);
SELECT is(pg_temp.refused(jsonb_build_array(t.charge('ch_d', 'cus_d', 100, 0, jsonb_build_array(t.refund('re_d', 'ch_d', 0))))), 'taken', 'nothing is an amount');
-- sums beyond 64 bits
SELECT t.turn('cus_e', jsonb_build_array(t.charge('ch_e1', 'cus_e', 9223372036854775807), t.charge('ch_e2', 'cus_e', 9223372036854775807), t.dispute('dp_e1', 'ch_e1', 9223372036854775807, 'lost'), t.dispute('dp_e2', 'ch_e1', 9223372036854775807, 'lost')));
SELECT is(ops.ledger_truth() #> '{totals,usd,lost}', '18446744073709551614', 'sums may be larger than what is summed');
SELECT is((SELECT flag FROM ledger.charge WHERE id = 'ch_e1'), '0 refunded and 18446744073709551614 disputed of 9223372036854775807 usd', 'flags too');
-- credit of an overpaid invoice is credit since it was paid, not since it was finalized
SELECT t.turn('cus_f', jsonb_build_array(t.invoice('in_f', 'cus_f', NULL, 'paid', 550, 40, jsonb_build_object('amount_overpaid', 50, 'starting_balance', 0, 'ending_balance', 0, 'status_transitions', jsonb_build_object('finalized_at', t.day(1), 'paid_at', t.day(40))))));
SELECT is((SELECT extract(epoch FROM effective_at)::bigint FROM ledger.journal_entry WHERE source = 'in_f' AND kind = 'credit_granted'), t.day(40), 'overpaid when it was paid');
-- back and forth: every turn of a story has a key of its own
SELECT t.turn('cus_g', jsonb_build_array(t.charge('ch_g', 'cus_g', 3000), t.dispute('dp_g', 'ch_g', 3000, s, m))) FROM (VALUES (1, 'needs_response', '{-3000}'::bigint[]), (2, 'lost', '{-3000}'), (3, 'appeal_under_review', '{-3000}'), (4, 'lost', '{-3000}'), (5, 'won', '{-3000,3000}'), (6, 'lost', '{-3000,3000,-3000}'), (7, 'won', '{-3000,3000,-3000}'), (8, 'won', '{-3000,3000,-3000,3000}')) AS v (n, s, m);
SELECT is(t.kinds('dp_g')::text || coalesce(t.books('dp_g'), ''), '{dispute_held,dispute_lost,dispute_held,dispute_lost,dispute_released,dispute_lost,dispute_held,dispute_released}', 'held, lost, held, lost, back, lost, held, back');
SELECT t.turn('cus_h', jsonb_build_array(t.charge('ch_h', 'cus_h', 300, 0, jsonb_build_array(t.refund('re_h', 'ch_h', 100, s))))) FROM (VALUES (1, 'pending'), (2, 'succeeded'), (3, 'failed'), (4, 'pending'), (5, 'succeeded'), (6, 'failed')) AS v (n, s);
SELECT is(t.kinds('re_h')::text || coalesce(t.books('re_h'), ''), '{refund_pending,refund,refund_returned,refund_pending,refund,refund_returned}', 'a refund that goes and comes');
-- since when: the newest of the events that name it
SELECT t.turn('cus_h', jsonb_build_array(t.charge('ch_h', 'cus_h', 300, 0, jsonb_build_array(t.refund('re_h', 'ch_h', 100)))), jsonb_build_array(t.event('evt_h1', 'refund.updated', 're_h', 61), t.event('evt_h2', 'refund.updated', 're_h', 62)));
SELECT is((SELECT extract(epoch FROM effective_at)::bigint FROM ledger.journal_entry WHERE source = 're_h' ORDER BY id DESC LIMIT 1), t.day(62), 'a change holds since the newest event that names it');
-- a hold that is let go, however slowly, was never collected
SELECT t.turn('cus_l', jsonb_build_array(t.charge('ch_l', 'cus_l', 100, 0, jsonb_build_array(t.refund('re_l', 'ch_l', 100, 'pending')), '{"captured": false, "amount_captured": 0}')));
SELECT is(t.books('cus_l'), NULL, 'a refund of what was not captured moves nothing');
-- a guest's session gets a customer: an older read without one does not count, and fees follow their charge
SELECT t.turn('cs_i', jsonb_build_array(t.session('cs_i', NULL, 'payment', 'unpaid', 40, '{"payment_intent": "pi_i"}')));
SELECT t.turn('cus_i', jsonb_build_array(t.session('cs_i', 'cus_i', 'payment', 'paid', 40, '{"payment_intent": "pi_i"}')));
SELECT t.turn('cs_i', jsonb_build_array(t.session('cs_i', NULL, 'payment', 'unpaid', 40, '{"payment_intent": "pi_i"}')), '[]', jsonb_build_object('fetched_ms', t.day(90) * 1000));
SELECT is((SELECT concat_ws(' ', customer, amount, flag) FROM ledger.sale WHERE source = 'cs_i'), 'cus_i 40', 'an older read of a session, for another subject, is not taken');
SELECT t.turn('ch_j', jsonb_build_array(t.charge('ch_j', NULL, 40, 0, '[]', jsonb_build_object('balance_transaction', t.txn('txn_j', 40, 3)))));
SELECT t.turn('cus_j', jsonb_build_array(t.charge('ch_j', 'cus_j', 40, 0, '[]', '{"balance_transaction": "txn_j"}')));
SELECT is((SELECT c.value -> 'fees' FROM jsonb_array_elements(ops.ledger_truth() -> 'customers') AS c WHERE c.value ->> 'id' = 'cus_j'), '{"usd": 3}', 'a fee is of whose charge it is');
-- a guest's charge that another guest's turn or a customer's comes across is not looked for there
SELECT t.turn('cs_k', jsonb_build_array(t.charge('ch_k', NULL, 40)));
SELECT t.turn('cus_k', jsonb_build_array(t.charge('ch_k', NULL, 40)));
SELECT is((SELECT sale FROM ledger.charge WHERE id = 'ch_k'), NULL, 'nobody has looked for its papers');
SELECT t.turn('ch_k', jsonb_build_array(t.charge('ch_k', NULL, 40)));
SELECT is((SELECT sale FROM ledger.charge WHERE id = 'ch_k'), 'ch_k', 'until its own turn has');
SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies');

-- what a superuser puts out of step is found
SELECT t.turn('cus_v', jsonb_build_array(t.customer('cus_v'), t.invoice('in_v', 'cus_v', NULL, 'paid', 5500, 1), t.invoice('in_void', 'cus_v', NULL, 'void', 0, 1, jsonb_build_object('status_transitions', jsonb_build_object('paid_at', null, 'voided_at', t.day(3)))), t.note('cn_v', 'cus_v', 'in_v', 0, 1000),
    t.charge('ch_in_v', 'cus_v', 5500, 1, jsonb_build_array(t.refund('re_v', 'ch_in_v', 100)), jsonb_build_object('balance_transaction', t.txn('txn_v', 5500, 177, 1))), t.dispute('dp_v', 'ch_in_v', 500, 'needs_response')));
CREATE FUNCTION pg_temp.broken(p_sql text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE v text[];
BEGIN
    SET LOCAL session_replication_role = replica;
    EXECUTE p_sql;
    SET LOCAL session_replication_role = origin;
    SELECT coalesce(array_agg(c.check_name), '{}') INTO v FROM ops.verify() AS c WHERE NOT c.ok;
    RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
    RETURN v;
END $$;
SELECT ok(c.want = ANY (pg_temp.broken(c.sql)), c.sql) FROM (VALUES
    ('refunds are booked as they stand', 'UPDATE ledger.refund SET amount = 99 WHERE id = ''re_v'''),
    ('refunds and disputes stand as Stripe says', 'UPDATE ledger.refund SET status = ''failed'' WHERE id = ''re_v'''),
    ('entries name what their source names', 'UPDATE ledger.refund SET charge = NULL WHERE id = ''re_v'''),
    ('disputes are booked as they stand', 'UPDATE ledger.dispute SET amount = 1 WHERE id = ''dp_v'''),
    ('entries name what their source names', 'UPDATE ledger.dispute SET charge = ''ch_g'' WHERE id = ''dp_v'''),
    ('refunds and disputes are of the sale and customer of their charge', 'UPDATE ledger.dispute SET sale = NULL WHERE id = ''dp_v'''),
    ('charges are the money of what names them', 'UPDATE ledger.charge SET sale = id WHERE id = ''ch_in_v'''),
    ('credit notes and fees are of their source''s customer', 'UPDATE ledger.charge SET customer = ''cus_a'' WHERE id = ''ch_in_v'''),
    ('credit notes and fees are of their source''s customer', 'DELETE FROM ledger.charge WHERE id = ''ch_in_v'''),
    ('credit notes and fees are of their source''s customer', 'UPDATE ledger.balance_transaction SET source = ''ch_g'' WHERE id = ''txn_v'''),
    ('credit notes and fees are of their source''s customer', 'UPDATE ledger.credit_note SET customer = ''cus_a'' WHERE id = ''cn_v'''),
    ('entries name what their source names', 'UPDATE ledger.credit_note SET invoice = ''in_f'' WHERE id = ''cn_v'''),
    ('credit notes are booked as they stand', 'UPDATE ledger.credit_note SET to_balance = 1 WHERE id = ''cn_v'''),
    ('entries name what their source names', 'UPDATE ledger.invoice SET customer = ''cus_a'' WHERE id = ''in_void'''),
    ('invoices written off are on record', 'UPDATE ledger.invoice SET voided_at = NULL WHERE id = ''in_void'''),
    ('what invoices did to balances is booked', 'UPDATE ledger.invoice SET amount_overpaid = 0 WHERE id = ''in_f'''),
    ('fees are booked', 'UPDATE ledger.balance_transaction SET fee = 1 WHERE id = ''txn_v'''),
    ('every entry is of a rule', 'DELETE FROM ledger.refund WHERE id = ''re_v''')) AS c (want, sql);
SELECT * FROM finish();
ROLLBACK;
