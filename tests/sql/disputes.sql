-- Disputes: where the money is follows from what moved, not from what people think; fees come with it.
BEGIN;
SELECT no_plan();
-- the whole table of states: status, withdrawn, reinstated
SELECT is((SELECT string_agg(s.status || ' ' || concat_ws(' ', ledger.dispute_state(s.status, false, false), ledger.dispute_state(s.status, true, false), ledger.dispute_state(s.status, true, true)), E'\n' ORDER BY s.n)
             FROM unnest(ARRAY['warning_needs_response', 'warning_under_review', 'warning_closed', 'prevented', 'needs_response', 'under_review', 'appeal_needs_response', 'appeal_under_review', 'won', 'lost', 'whatever']) WITH ORDINALITY AS s (status, n)),
'warning_needs_response none held none
warning_under_review none held none
warning_closed none held none
prevented none held none
needs_response held held none
under_review held held none
appeal_needs_response held held none
appeal_under_review held held none
won none held none
lost lost lost none
whatever none held none', 'the state by status, before and after the money moved');

CREATE FUNCTION pg_temp.read(p_status text, p_moves bigint[], p_events jsonb DEFAULT '[]') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM t.turn('cus_1', jsonb_build_array(t.dispute('dp_1', 'ch_in_1', 2000, p_status, p_moves)), p_events);
    RETURN coalesce(t.books('dp_1'), 'nothing');
END $$;
CREATE FUNCTION pg_temp.readers() RETURNS text LANGUAGE sql AS $$ SELECT ledger_status || ' ' || disputed_amount_cents || ' ' || lost_amount_cents || ' ' || net_amount_cents FROM dashboard.revenue_ledger WHERE stripe_session_ref = 'in_1' $$;
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active'), t.invoice('in_1', 'cus_1', 'sub_1', 'paid', 2000), t.charge('ch_in_1', 'cus_1', 2000)));
SELECT is(pg_temp.read('needs_response', '{}'), 'collected -2000, disputes_held 2000', 'a dispute holds the money at once');
SELECT is((SELECT concat_ws(' ', kind, idempotency_key, customer, subscription, facts ->> 'sale', facts ->> 'reason', extract(epoch FROM effective_at)::bigint = t.day(60)) FROM ledger.journal_entry WHERE source = 'dp_1'),
    'dispute_held dispute:self:dp_1:1:held cus_1 sub_1 in_1 fraudulent t', 'and knows what it is about');
SELECT is(pg_temp.readers(), 'disputed 2000 0 0', 'readers see it');
SELECT is(pg_temp.read('needs_response', '{-2000}'), 'collected -2000, disputes_held 2000', 'the withdrawal is what was booked already');
SELECT is(t.books('txn_dp_11'), 'fees 1500, fees_withheld -1500', 'but it brings a fee');
SELECT is(pg_temp.read('under_review', '{-2000}'), 'collected -2000, disputes_held 2000', 'withdrawn is not lost');
SELECT is(ops.claim_customer('self', 'cus_1', gen_random_uuid(), '{}', 'w') -> 'wants', '[{"object": "dispute", "id": "dp_1", "due": true}]', 'what is not decided is wanted again');
SELECT is(pg_temp.read('lost', '{-2000}'), 'collected -2000, disputes_lost 2000', 'lost');
SELECT is(pg_temp.readers(), 'lost 0 2000 0', 'which readers see');
SELECT is(ops.claim_customer('self', 'cus_1', gen_random_uuid(), '{}', 'w') -> 'wants', '[]', 'and nobody asks for again');
SELECT is(pg_temp.read('appeal_needs_response', '{-2000}', jsonb_build_array(t.event('evt_appeal', 'charge.dispute.updated', 'dp_1', 80))), 'collected -2000, disputes_held 2000', 'appealed: not final');
SELECT is((SELECT extract(epoch FROM effective_at)::bigint FROM ledger.journal_entry WHERE source = 'dp_1' ORDER BY id DESC LIMIT 1), t.day(80), 'since the event says so');
SELECT is(pg_temp.read('appeal_under_review', '{-2000}'), 'collected -2000, disputes_held 2000', 'and under review');
SELECT is(pg_temp.read('won', '{-2000}'), 'collected -2000, disputes_held 2000', 'won, but the money is not back yet');
SELECT is(jsonb_array_length(ops.claim_customer('self', 'cus_1', gen_random_uuid(), '{}', 'w') -> 'wants'), 1, 'so it is wanted again');
SELECT is(pg_temp.read('won', '{-2000,2000}'), 'nothing', 'reinstated');
SELECT is((SELECT extract(epoch FROM effective_at)::bigint FROM ledger.journal_entry WHERE source = 'dp_1' ORDER BY id DESC LIMIT 1), t.day(62), 'as of the day it came back');
SELECT is(t.kinds('dp_1'), '{dispute_held,dispute_lost,dispute_held,dispute_released}', 'the journal tells the story');
SELECT is(pg_temp.readers(), 'paid 0 0 2000', 'and all is well');
SELECT is(pg_temp.read('needs_response', '{-2000,2000,-2000}'), 'collected -2000, disputes_held 2000', 'taken once more');
SELECT is(pg_temp.read('lost', '{-2000,2000,-2000}'), 'collected -2000, disputes_lost 2000', 'and lost');
SELECT is(t.balance('fees'), 3000::bigint, 'each withdrawal with its fee');

-- inquiries
SELECT t.turn('cus_2', jsonb_build_array(t.charge('ch_2', 'cus_2', 500, 0, '[]', '{"disputed": true}'), t.dispute('dp_2', 'ch_2', 500, 'warning_needs_response')));
SELECT is(t.kinds('dp_2')::text || coalesce(t.books('dp_2'), ''), '{dispute_noted}', 'an inquiry is noted and moves nothing');
SELECT t.turn('cus_2', jsonb_build_array(t.dispute('dp_2', 'ch_2', 500, 'warning_closed')));
SELECT is(t.kinds('dp_2')::text, '{dispute_noted}', 'once');
SELECT t.turn('cus_2', jsonb_build_array(t.dispute('dp_2', 'ch_2', 500, 'needs_response', '{-500}')));
SELECT is(t.books('dp_2'), 'collected -500, disputes_held 500', 'it may become a dispute');
SELECT t.turn('cus_2', jsonb_build_array(t.dispute('dp_3', 'ch_2', 500, 'won')));
SELECT is(t.kinds('dp_3')::text, '{dispute_noted}', 'seen first when it was over');
SELECT t.turn('cus_2', jsonb_build_array(t.dispute('dp_4', 'ch_2', 0, 'lost', '{-1}')));
SELECT is(t.kinds('dp_4')::text, '{dispute_noted}', 'a dispute of nothing moves nothing');
SELECT t.turn('cus_2', jsonb_build_array(t.dispute('dp_5', 'ch_2', 500, 'a_status_to_come', '{-500}')));
SELECT is(t.books('dp_5'), 'collected -500, disputes_held 500', 'an unknown status holds what was taken');
-- both moves in one second: the giving back comes last
SELECT t.turn('cus_2', jsonb_build_array(t.dispute('dp_6', 'ch_2', 500, 'won', '{}', jsonb_build_object('balance_transactions', jsonb_build_array(t.txn('txn_b', 500, 0, 61), t.txn('txn_a', -500, 0, 61))))));
SELECT is((SELECT state FROM ledger.dispute WHERE id = 'dp_6'), 'none', 'whatever order the list has');
SELECT is((SELECT flag FROM ledger.charge WHERE id = 'ch_2'), '0 refunded and 1000 disputed of 500 usd', 'more disputed than charged is flagged');
-- in another amount and currency than the charge
SELECT t.turn('cus_3', jsonb_build_array(t.charge('ch_3', 'cus_3', 500), t.dispute('dp_7', 'ch_3', 470, 'lost', '{}', '{"currency": "kwd"}'), t.dispute('dp_8', 'ch_3', 480, 'needs_response', '{}', '{"currency": "jpy"}')));
SELECT is(t.books('dp_7') || '; ' || t.books('dp_8'), 'collected kwd -470, disputes_lost kwd 470; collected jpy -480, disputes_held jpy 480', 'a dispute is booked in its own amount and currency');
SELECT is((SELECT flag FROM ledger.charge WHERE id = 'ch_3'), NULL, 'which is not compared with the charge''s');
SELECT throws_ok($$SELECT t.turn('cus_3', jsonb_build_array(t.dispute('dp_7', 'ch_3', 470, 'lost')))$$, 'IS002', 'dispute dp_7: booked in kwd, Stripe now says usd', 'and does not change');
RESET ROLE;
SELECT throws_like($$SELECT t.turn('cus_3', jsonb_build_array(t.dispute('dp_9', 'ch_in_1', 1, 'lost')))$$, 'dispute dp_9 belongs to cus_1, not to cus_3', 'a dispute of somebody else''s charge');
RESET ROLE;
SELECT throws_like($$SELECT t.turn('cus_3', jsonb_build_array(t.dispute('dp_9', 'ch_x', 1, 'lost'), t.charge('ch_x', 'cus_4', 1)))$$, '%belongs to cus_4, not to cus_3', 'also if it comes with it');
RESET ROLE;
SELECT throws_ok($$SELECT t.turn('cus_3', jsonb_build_array(t.dispute('dp_9', 'ch_3', 1, 'lost') - 'balance_transactions'))$$, 'IS001', 'dispute dp_9: field balance_transactions is missing', 'what moved must be said');
RESET ROLE;

-- fees of charges: when they settle, in what they settle in
SELECT t.turn('cus_4', jsonb_build_array(t.charge('ch_4', 'cus_4', 1000, 0, '[]', '{"balance_transaction": null}')));
SELECT is(t.books('txn_ch_4'), NULL, 'no fee is known before the charge settles');
SELECT t.turn('cus_4', jsonb_build_array(t.charge('ch_4', 'cus_4', 1000, 0, '[]', '{"balance_transaction": "txn_ch_4"}')));
SELECT is(t.books('txn_ch_4'), NULL, 'nor from an id');
SELECT t.turn('cus_4', jsonb_build_array(t.charge('ch_4', 'cus_4', 1000, 0, '[]', jsonb_build_object('balance_transaction', t.txn('txn_ch_4', 930, 57, 2, 'eur')))));
SELECT is(t.books('txn_ch_4'), 'fees eur 57, fees_withheld eur -57', 'then it is booked, in the currency it settles in');
SELECT is((SELECT idempotency_key || ' ' || customer || ' ' || kind FROM ledger.journal_entry WHERE source = 'txn_ch_4'), 'fee:self:txn_ch_4:1:57 cus_4 fee', 'once, as a fact of its own');
SELECT is(t.turn('cus_4', jsonb_build_array(t.charge('ch_4', 'cus_4', 1000, 0, '[]', jsonb_build_object('balance_transaction', t.txn('txn_ch_4', 930, 57, 2, 'eur'))))) ->> 'entries', '0', 'again: nothing');
SELECT t.turn('cus_4', jsonb_build_array(t.charge('ch_5', 'cus_4', 1000)));
SELECT is(t.books('txn_ch_5'), NULL, 'no fee is no entry');
SELECT t.turn('cus_4', jsonb_build_array(t.dispute('dp_10', 'ch_5', 1000, 'won', '{}', jsonb_build_object('balance_transactions', jsonb_build_array(t.txn('txn_x', -1000, 1500, 61), t.txn('txn_y', 1000, -1500, 62))))));
SELECT is(t.books('txn_y'), 'fees -1500, fees_withheld 1500', 'a fee that is given back is negative');
SELECT is(ops.ledger_truth() #> '{customers}' @> '[{"id": "cus_4", "fees": {"eur": 57}}]', true, 'the truth has their sums, without zeros');
SELECT is((SELECT array_agg(source ORDER BY source) FROM ops.explain('ch_4')), '{ch_4,txn_ch_4}', 'a charge explains its fee');

SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies');
SELECT * FROM finish();
ROLLBACK;
