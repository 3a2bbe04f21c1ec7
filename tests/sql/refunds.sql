-- Refunds: what went back, what is on its way, what came back; whatever the order of reads.
BEGIN;
SELECT no_plan();
-- Everything at once: the charge of an invoice, and what became of it.
CREATE FUNCTION pg_temp.read(p_refunds jsonb, p_events jsonb DEFAULT '[]') RETURNS jsonb LANGUAGE sql AS $$
    SELECT t.turn('cus_1', jsonb_build_array(t.charge('ch_in_1', 'cus_1', 2000, 0, p_refunds)), p_events) $$;
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', NULL, '{"metadata": {"user_id": "u1"}}'),
    t.invoice('in_1', 'cus_1', 'sub_1', 'paid', 2000), t.charge('ch_in_1', 'cus_1', 2000)));
SELECT is((SELECT sale FROM ledger.charge WHERE id = 'ch_in_1'), 'in_1', 'a charge is the money of the invoice whose payment names its intent');
SELECT is((SELECT array_agg(source) FROM ledger.sale), '{in_1}', 'and no sale of its own');

-- partial, several
SELECT is(pg_temp.read(jsonb_build_array(t.refund('re_1', 'ch_in_1', 500))) -> 'changes', '[{"what": "refund re_1", "before": null, "after": "refunded 500 usd"}]', 'a refund is told');
SELECT is(t.books('re_1'), 'collected -500, refunds 500', 'a partial refund');
SELECT is((SELECT array_agg(concat_ws(' ', kind, idempotency_key, customer, user_id, subscription, extract(epoch FROM effective_at)::bigint = t.day(50), facts ->> 'sale')) FROM ledger.journal_entry WHERE source = 're_1'),
    '{"refund refund:self:re_1:1:refunded cus_1 u1 sub_1 t in_1"}', 'its entry knows whose it is, when it was made, and of which sale');
SELECT is((SELECT ledger_status || ' ' || refunded_amount_cents || ' ' || net_amount_cents FROM dashboard.revenue_ledger), 'partially_refunded 500 1500', 'readers see a part refunded');
SELECT is(pg_temp.read(jsonb_build_array(t.refund('re_1', 'ch_in_1', 500))) ->> 'entries', '0', 'read again: nothing');
SELECT pg_temp.read(jsonb_build_array(t.refund('re_1', 'ch_in_1', 500), t.refund('re_2', 'ch_in_1', 300, 'pending'), t.refund('re_3', 'ch_in_1', 200, 'requires_action'), t.refund('re_4', 'ch_in_1', 100, 'failed'), t.refund('re_5', 'ch_in_1', 1, 'canceled')));
SELECT is(t.books('re_2'), 'refunds 300, refunds_payable -300', 'a refund under way is owed');
SELECT is(t.books('re_3'), 'refunds 200, refunds_payable -200', 'also one that waits for the customer');
SELECT is(t.kinds('re_4') || t.kinds('re_5'), NULL, 'one that failed before we saw it leaves no entry');
SELECT is(ops.claim_customer('self', 'cus_1', gen_random_uuid(), '{}', 'w') -> 'wants', '[{"object": "charge", "id": "ch_in_1", "due": true}]', 'a charge with a refund under way is wanted again');
SELECT is((SELECT state FROM ledger.refund WHERE id = 're_4'), 'none', 'but it is known');
SELECT is(t.balance('refunds') || ' ' || t.balance('refunds_payable') || ' ' || t.balance('collected'), '1000 -500 1500', 'all of them together');
-- pending, then done; done, then failed after all; failed, then tried again by Stripe
SELECT pg_temp.read(jsonb_build_array(t.refund('re_2', 'ch_in_1', 300)));
SELECT is(t.books('re_2') || ' ' || t.kinds('re_2')::text, 'collected -300, refunds 300 {refund_pending,refund}', 'when it is done, it is paid out of what was collected');
SELECT pg_temp.read(jsonb_build_array(t.refund('re_1', 'ch_in_1', 500, 'failed', '{"failure_reason": "lost_or_stolen_card", "balance_transaction": "txn_re_1", "failure_balance_transaction": "txn_f"}')),
    jsonb_build_array(t.event('evt_failed', 'refund.failed', 're_1', 55)));
SELECT is(t.books('re_1'), NULL, 'a refund that fails after it succeeded is taken back');
SELECT is(t.kinds('re_1'), '{refund,refund_returned}', 'by an entry of its own');
SELECT is((SELECT extract(epoch FROM effective_at)::bigint FROM ledger.journal_entry WHERE kind = 'refund_returned'), t.day(55), 'as of the event that told it: the refund does not say');
SELECT pg_temp.read(jsonb_build_array(t.refund('re_3', 'ch_in_1', 200, 'canceled')));
SELECT is(t.books('re_3'), NULL, 'a refund that is canceled is owed no more');
SELECT pg_temp.read(jsonb_build_array(t.refund('re_1', 'ch_in_1', 500)));
SELECT is(t.books('re_1') || ' ' || t.kinds('re_1')::text, 'collected -500, refunds 500 {refund,refund_returned,refund}', 'succeeded after all is booked again');
SELECT pg_temp.read(jsonb_build_array(t.refund('re_9', 'ch_in_1', 1, 'thinking')));
SELECT is(t.books('re_9'), 'refunds 1, refunds_payable -1', 'a status that nobody knows yet is under way');
SELECT pg_temp.read(jsonb_build_array(t.refund('re_9', 'ch_in_1', 1, NULL)));
SELECT is((SELECT state FROM ledger.refund WHERE id = 're_9'), 'pending', 'and so is none');
SELECT pg_temp.read(jsonb_build_array(t.refund('re_9', 'ch_in_1', 1, 'canceled')));
SELECT pg_temp.read(jsonb_build_array(t.refund('re_6', 'ch_in_1', 0)));
SELECT is(t.kinds('re_6'), NULL, 'a refund of nothing is no entry');

-- all of it
SELECT pg_temp.read(jsonb_build_array(t.refund('re_7', 'ch_in_1', 1200)));
SELECT is((SELECT ledger_status || ' ' || refunded_amount_cents || ' ' || net_amount_cents FROM dashboard.revenue_ledger), 'refunded 2000 0', 'readers see all of it refunded');
SELECT is((SELECT flag FROM ledger.charge), NULL, 'which is nothing to look at');
SELECT is((SELECT amount FROM ledger.sale WHERE source = 'in_1'), 2000::bigint, 'the sale stays what it was');
-- more than that
SELECT pg_temp.read(jsonb_build_array(t.refund('re_8', 'ch_in_1', 1)));
SELECT is(t.books('re_8'), 'collected -1, refunds 1', 'more than was charged is booked');
SELECT is((SELECT flag FROM ledger.charge), '2001 refunded and 0 disputed of 2000 usd', 'and flagged');
SELECT is(ops.status() ->> 'flagged_charges', '1', 'which operators see');
SELECT is((SELECT bool_and(ok) FROM ops.verify()), true, 'and breaks no promise');
SELECT alike((SELECT detail FROM ops.verify() WHERE check_name = 'charges are the money of what names them'), '1 flagged%', 'but is reported');
SELECT pg_temp.read(jsonb_build_array(t.refund('re_8', 'ch_in_1', 1, 'failed')));
SELECT is((SELECT flag FROM ledger.charge), NULL, 'the flag goes when it is over');

-- read by itself: counts before the one inside its charge
SELECT t.turn('cus_1', jsonb_build_array(t.refund('re_10', 'ch_in_1', 5, 'failed'), t.charge('ch_in_1', 'cus_1', 2000, 0, jsonb_build_array(t.refund('re_10', 'ch_in_1', 5)))));
SELECT is((SELECT status FROM ledger.refund WHERE id = 're_10'), 'failed', 'a refund read by itself counts before the one that came with its charge');
-- without a charge
SELECT t.turn('cus_1', jsonb_build_array(t.refund('re_11', NULL, 7, 'succeeded', '{"payment_intent": "pi_in_1", "customer": "cus_1"}')));
SELECT is((SELECT sale || ' ' || customer FROM ledger.refund WHERE id = 're_11'), 'in_1 cus_1', 'a refund without a charge finds its sale by the intent');
SELECT is(t.books('re_11'), 'collected -7, refunds 7', 'and is booked');
SELECT t.turn('cus_1', jsonb_build_array(t.refund('re_12', 'ch_unseen', 9)));
SELECT is((SELECT concat_ws(' ', customer, sale) FROM ledger.refund WHERE id = 're_12') || ': ' || t.books('re_12'), 'cus_1: collected -9, refunds 9', 'nor does it wait for a charge that was not read');
SELECT t.turn('cus_1', '[]', '[]', '{"missing": [{"object": "refund", "id": "re_12"}, {"object": "charge", "id": "ch_in_1"}]}');
SELECT is((SELECT count(*) FROM ledger.refund AS r, ledger.charge AS c WHERE r.id = 're_12' AND r.missing_at IS NOT NULL AND c.missing_at IS NOT NULL), 1::bigint, 'what Stripe does not know any more is marked, and nothing follows');

-- other currencies: minor units as Stripe counts them
SELECT t.turn('cus_2', jsonb_build_array(t.invoice('in_j', 'cus_2', NULL, 'paid', 2500, 0, '{"currency": "jpy"}'), t.invoice('in_k', 'cus_2', NULL, 'paid', 12340, 0, '{"currency": "kwd"}'),
    t.charge('ch_in_j', 'cus_2', 2500, 0, jsonb_build_array(t.refund('re_j', 'ch_in_j', 1000, 'succeeded', '{"currency": "jpy"}')), '{"currency": "jpy"}'),
    t.charge('ch_in_k', 'cus_2', 12340, 0, jsonb_build_array(t.refund('re_k', 'ch_in_k', 120, 'pending', '{"currency": "kwd"}')), '{"currency": "kwd"}')));
SELECT is(t.books('cus_2'), 'collected jpy 1500, collected kwd 12340, refunds jpy 1000, refunds kwd 120, refunds_payable kwd -120, sales jpy -2500, sales kwd -12340', 'each in its currency');
SELECT throws_ok($$SELECT t.turn('cus_2', jsonb_build_array(t.refund('re_j', 'ch_in_j', 1000, 'succeeded', '{"currency": "eur"}')))$$, 'IS002', 'refund re_j: booked in jpy, Stripe now says eur', 'a booked refund does not change its currency');
RESET ROLE;

-- holds that were let go: nothing was collected
SELECT t.turn('cus_3', jsonb_build_array(t.charge('ch_hold', 'cus_3', 900, 0, jsonb_build_array(t.refund('re_hold', 'ch_hold', 900, 'succeeded', '{"balance_transaction": null}')), '{"captured": false, "amount_captured": 0, "balance_transaction": null}')));
SELECT is((SELECT state FROM ledger.refund WHERE id = 're_hold') || coalesce(t.books('cus_3'), ''), 'none', 'the refund of a charge that was never captured gives nothing back');
SELECT t.turn('cus_3', jsonb_build_array(t.charge('ch_part', 'cus_3', 900, 0, jsonb_build_array(t.refund('re_rest', 'ch_part', 300, 'succeeded', '{"balance_transaction": null}'), t.refund('re_real', 'ch_part', 50)), '{"amount_captured": 600}')));
SELECT is(t.books('cus_3'), 'collected 550, refunds 50, sales -600', 'nor does that of the part that was not captured');

-- any order, any portions, twice
CREATE FUNCTION pg_temp.tell(p_n int, p_steps int[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    c text := 'cus_o' || p_n; i text := 'in_o' || p_n; s int;
BEGIN
    FOREACH s IN ARRAY p_steps LOOP
        PERFORM t.turn(c, CASE s
            WHEN 1 THEN jsonb_build_array(t.invoice(i, c, NULL, 'paid', 1000, 1))
            WHEN 2 THEN jsonb_build_array(t.charge('ch_' || i, c, 1000, 1, jsonb_build_array(t.refund('re_o' || p_n, 'ch_' || i, 400))))
            WHEN 3 THEN jsonb_build_array(t.refund('re_o' || p_n, 'ch_' || i, 400))
            ELSE jsonb_build_array(t.dispute('dp_o' || p_n, 'ch_' || i, 600, 'needs_response', '{-600}')) END);
    END LOOP;
    RETURN replace((t.fingerprint(c) #- '{money}' #- '{rights}')::text || t.books(c), 'o' || p_n, '');
END $$;
SELECT is((SELECT count(DISTINCT pg_temp.tell(n::int, p)) FROM (SELECT row_number() OVER () AS n, array[a, b, c, d, a] AS p
     FROM generate_series(1, 4) a, generate_series(1, 4) b, generate_series(1, 4) c, generate_series(1, 4) d
    WHERE a <> b AND a <> c AND a <> d AND b <> c AND b <> d AND c <> d) AS x), 1::bigint, 'invoice, charge, refund and dispute in any of 24 orders, one of them twice: one ledger');
SELECT is(t.books('cus_o7'), 'disputes_held 600, fees 1500, fees_withheld -1500, refunds 400, sales -1000', 'which is this');
SELECT is((SELECT sale FROM ledger.refund WHERE id = 're_o3') || (SELECT sale FROM ledger.dispute WHERE id = 'dp_o3'), 'in_o3in_o3', 'each knows its sale in the end');

-- refused
SELECT throws_like($$SELECT t.turn('cus_9', jsonb_build_array(t.refund('re_x', 'ch_in_1', 1)))$$, 'refund re_x belongs to cus_1, not to cus_9', 'a refund of somebody else''s charge');
RESET ROLE;
SELECT throws_like($$SELECT t.turn('cus_9', jsonb_build_array(t.charge('ch_x', 'cus_1', 1)))$$, 'charge ch_x belongs to cus_1, not to cus_9', 'somebody else''s charge');
RESET ROLE;
SELECT throws_ok($$SELECT t.turn('cus_9', jsonb_build_array(t.charge('ch_x', 'cus_9', 100, 0, jsonb_build_array(t.refund('re_x', 'ch_x', 1))) - 'refunds'))$$, 'IS001', 'charge ch_x: field refunds is missing', 'a refunded charge that does not say by what is refused');
RESET ROLE;
SELECT lives_ok($$SELECT t.turn('cus_9', jsonb_build_array(t.charge('ch_x', 'cus_9', 100, 0, jsonb_build_array(t.refund('re_x', 'ch_x', 1))) - 'refunds', t.refund('re_x', 'ch_x', 1)))$$, 'unless the refund was read by itself');
RESET ROLE;
SELECT throws_ok(format('SELECT t.turn(%L, jsonb_build_array(%L::jsonb))', 'cus_9', o), 'IS001', w, w) FROM (VALUES
    (t.charge('ch_x', 'cus_9', 5) - 'customer', 'charge ch_x: field customer is missing'), (t.charge('ch_x', 'cus_9', 5) - 'captured', 'charge ch_x: field captured is missing'),
    (t.charge('ch_x', 'cus_9', 5) || '{"amount_captured": 1.5}', 'charge ch_x: field amount_captured is not a whole number of 64 bits, or not expected to be a number'),
    (t.charge('ch_x', 'cus_9', 5) || '{"refunds": {"object": "list"}}', 'charge ch_x: field refunds.data is missing'),
    (t.refund('re_y', 'ch_x', 5) - 'status', 'refund re_y: field status is missing'), (t.refund('re_y', 'ch_x', 5) - 'amount', 'refund re_y: field amount is missing')) AS v (o, w);
RESET ROLE;
SELECT throws_ok(format('%s ledger.%s', v, x), CASE WHEN v LIKE 'TR%' THEN 'IS005' ELSE 'IS005' END, NULL, 'append-only: ' || v) FROM (VALUES ('DELETE FROM', 'journal_entry WHERE source = ''re_1'''), ('TRUNCATE', 'posting CASCADE'), ('UPDATE', 'journal_entry SET source = ''re_2'' WHERE source = ''re_1''')) AS q (v, x);

-- explained
SELECT is((SELECT array_agg(source || ' ' || kind ORDER BY entry_id) FROM ops.explain('in_o1')), (SELECT array_agg(source || ' ' || kind ORDER BY entry_id) FROM ops.explain('cus_o1')), 'an invoice explains what became of its money');
SELECT is((SELECT array_agg(DISTINCT x.kind) FROM ops.explain('re_1') AS x), '{refund,refund_returned}', 'a refund explains itself');
SELECT is((SELECT customer FROM ops.customer_of('re_1')), 'cus_1', 'and is a way to its customer');
SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies');
SELECT * FROM finish();
ROLLBACK;
