-- Charges: whose money they are, when nothing names them, and what happens when something does later.
BEGIN;
SELECT no_plan();
CREATE FUNCTION pg_temp.sale(p_source text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', s.kind, s.state, s.amount, s.currency, s.customer, s.user_id, 'entries ' || s.entries_count, s.flag) FROM ledger.sale AS s WHERE s.source = p_source $$;

-- a bare charge
SELECT is(t.turn('cus_1', jsonb_build_array(t.customer('cus_1', '{"metadata": {"user_id": "u1"}}'), t.charge('ch_1', 'cus_1', 700))) -> 'changes' -> 1, '{"what": "sale ch_1", "before": null, "after": "700 usd"}', 'a charge that nothing names is a sale');
SELECT is(pg_temp.sale('ch_1') || ': ' || t.books('ch_1'), 'charge booked 700 usd cus_1 u1 entries 1: collected 700, sales -700', 'of what was captured');
SELECT is((SELECT idempotency_key || ' ' || rule FROM ledger.journal_entry WHERE source = 'ch_1'), 'sale.charge:self:ch_1:1:700 sale.charge', 'by its rule');
SELECT is(t.turn('cus_1', jsonb_build_array(t.charge('ch_1', 'cus_1', 700))) ->> 'entries', '0', 'once');
SELECT is((SELECT sale FROM ledger.charge WHERE id = 'ch_1'), 'ch_1', 'it is its own sale');
SELECT t.turn('cus_1', jsonb_build_array(t.charge('ch_1', 'cus_1', 700, 0, jsonb_build_array(t.refund('re_1', 'ch_1', 200)))));
SELECT is((SELECT sale FROM ledger.refund WHERE id = 're_1') || ' ' || t.books('cus_1'), 'ch_1 collected 500, refunds 200, sales -700', 'and its refund is of that sale');
SELECT is((SELECT concat_ws(' ', ledger_status, gross_amount_cents, net_amount_cents) FROM dashboard.revenue_ledger), 'partially_refunded 700 500', 'readers see it');

-- not yet, or not at all
SELECT t.turn('cus_2', jsonb_build_array(t.charge('ch_pending', 'cus_2', 1, 0, '[]', '{"status": "pending", "captured": true}'), t.charge('ch_failed', 'cus_2', 1, 0, '[]', '{"status": "failed", "captured": false}'), t.charge('ch_hold', 'cus_2', 1, 0, '[]', '{"captured": false, "amount_captured": 0}')));
SELECT is((SELECT count(*) FROM ledger.sale WHERE customer = 'cus_2'), 0::bigint, 'pending, failed and uncaptured charges are no sales');
SELECT is((SELECT string_agg(w ->> 'id', ' ' ORDER BY w ->> 'id') FROM jsonb_array_elements(ops.claim_customer('self', 'cus_2', gen_random_uuid(), '{}', 'w') -> 'wants') AS w), 'ch_pending', 'the pending one is wanted again');
SELECT t.turn('cus_2', jsonb_build_array(t.charge('ch_pending', 'cus_2', 1), t.charge('ch_hold', 'cus_2', 100, 0, '[]', '{"amount_captured": 60}')));
SELECT is(pg_temp.sale('ch_pending') || '; ' || pg_temp.sale('ch_hold'), 'charge booked 1 usd cus_2 entries 1; charge booked 60 usd cus_2 entries 1', 'until it succeeds, or a part is captured');
SELECT t.turn('cus_2', jsonb_build_array(t.charge('ch_pending', 'cus_2', 1, 0, '[]', '{"status": "failed", "captured": false}')));
SELECT is(pg_temp.sale('ch_pending'), 'charge booked 1 usd cus_2 entries 1 no longer paid: failed', 'a sale that is no charge any more is flagged, not taken back');
SELECT t.turn('cus_2', jsonb_build_array(t.charge('ch_pending', 'cus_2', 1)));
SELECT t.turn('cus_2', jsonb_build_array(t.charge('ch_hold', 'cus_2', 100)));
SELECT is(t.books('ch_hold'), 'collected 100, sales -100', 'more captured: the difference');
SELECT throws_like($$SELECT t.turn('cus_2', jsonb_build_array(t.charge('ch_neg', 'cus_2', -5)))$$, 'charge ch_neg: a negative amount paid', 'a negative charge is refused');
RESET ROLE;

-- unclaimed: too young, or not everything was listed
CREATE FUNCTION pg_temp.wants(p_subject text) RETURNS text LANGUAGE sql AS $$ SELECT string_agg((w ->> 'id') || CASE WHEN w -> 'due' = 'true' THEN '!' ELSE '' END, ' ' ORDER BY w ->> 'id') FROM jsonb_array_elements(ops.claim_customer('self', p_subject, gen_random_uuid(), '{}', 'w') -> 'wants') AS w $$;
CREATE FUNCTION pg_temp.now_turn(p_subject text, p_age interval, p_extra jsonb DEFAULT '{}', p_id text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE v_id text := coalesce(p_id, 'ch_' || p_subject);
BEGIN
    PERFORM t.turn(p_subject, jsonb_build_array(t.charge(v_id, CASE WHEN p_subject LIKE 'cus%' THEN p_subject END, 5) || jsonb_build_object('created', extract(epoch FROM now() - p_age)::bigint)), '[]',
        jsonb_build_object('fetched_ms', (extract(epoch FROM now()) * 1000)::bigint) || p_extra);
    RETURN coalesce(pg_temp.sale(v_id), 'unclaimed') || coalesce(', wants ' || pg_temp.wants(p_subject), '');
END $$;
SELECT is(pg_temp.now_turn('cus_y', '9 minutes'), 'unclaimed, wants ch_cus_y', 'a young charge waits for its paper, and is not due yet');
SELECT is(pg_temp.now_turn('cus_y', '11 minutes'), 'charge booked 5 usd cus_y entries 1', 'ten minutes later it is a sale');
SELECT is(pg_temp.now_turn('cus_z', '11 minutes', '{"complete": ["charges", "invoices", "subscriptions"]}'), 'unclaimed, wants ch_cus_z!', 'not before all lists were read');
SELECT t.turn('cus_z', '[]');
SELECT is(pg_temp.now_turn('cus_z', '11 minutes', '{"complete": []}'), 'unclaimed, wants ch_cus_z!', 'in this turn, not in an earlier one, which knew nothing of what came since');
SELECT is(pg_temp.now_turn('cus_z', '11 minutes', '{"complete": ["invoices"]}'), 'unclaimed, wants ch_cus_z!', 'invoices and sessions both');
SELECT is(pg_temp.now_turn('cus_z', '11 minutes', '{"complete": ["invoices", "sessions"]}'), 'charge booked 5 usd cus_z entries 1', 'which are all that can name it');
SELECT is(pg_temp.now_turn('cus_w', '-40 days'), 'charge booked 5 usd cus_w entries 1', 'a charge from the future is as old as it will get: a test clock made it');
SELECT is(pg_temp.now_turn('cus_v', '-10 minutes'), 'unclaimed, wants ch_cus_v', 'clocks that differ a little do not');
SELECT is(pg_temp.now_turn('ch_guest', '9 minutes', '{}', 'ch_guest'), 'unclaimed, wants ch_guest', 'a guest''s as well');
SELECT pg_temp.now_turn('cus_u', '5 minutes');
UPDATE ledger.charge SET created_at = now() - interval '11 minutes' WHERE id IN ('ch_cus_u', 'ch_guest');
SELECT results_eq('SELECT * FROM ops.looks_due(10) ORDER BY 4', $$VALUES ('self', 'cus_u', 'charge', 'ch_cus_u'), ('self', 'ch_guest', 'charge', 'ch_guest')$$, 'whose time has come is asked for');
SELECT is_empty('SELECT * FROM ops.looks_due(10)', 'once');
UPDATE ledger.charge SET look_asked_at = now() - interval '61 minutes' WHERE id = 'ch_guest';
SELECT is((SELECT array_agg(object_id) FROM ops.looks_due(10)), '{ch_guest}', 'and again after an hour');
SELECT is_empty('SELECT * FROM ops.looks_due(10)', 'not before');
UPDATE ledger.charge SET created_at = now() - interval '30 days', look_asked_at = now() - interval '23 hours' WHERE id = 'ch_guest';
SELECT is_empty('SELECT * FROM ops.looks_due(10)', 'what has not helped for a month is asked for once a day');
UPDATE ledger.charge SET look_asked_at = now() - interval '25 hours' WHERE id = 'ch_guest';
SELECT is((SELECT array_agg(object_id) FROM ops.looks_due(10)), '{ch_guest}', 'but it is');
SELECT is(ops.status() ->> 'unclaimed_charges', '3', 'operators see how many wait');
SELECT is(pg_temp.now_turn('ch_guest', '12 minutes', '{}', 'ch_guest'), 'charge booked 5 usd entries 1', 'the guest''s is a sale then');
SELECT is(ops.ledger_truth() -> 'guest_sales', '[{"source": "ch_guest", "kind": "charge", "amount": 5, "currency": "usd"}]'::jsonb, 'of nobody');
SELECT is(t.try('instep_worker', 'SELECT * FROM ops.looks_due(1)'), 'ok', 'the worker may ask');

-- a paper that comes later takes over: an invoice, by its payment
SELECT t.turn('cus_3', jsonb_build_array(t.charge('ch_in_3', 'cus_3', 900, 0, jsonb_build_array(t.refund('re_3', 'ch_in_3', 100))), t.dispute('dp_3', 'ch_in_3', 300, 'lost')));
SELECT is(pg_temp.sale('ch_in_3'), 'charge booked 900 usd cus_3 entries 1', 'first nothing named it');
SELECT t.turn('cus_3', jsonb_build_array(t.invoice('in_3', 'cus_3', 'sub_3', 'paid', 900)));
SELECT is(pg_temp.sale('ch_in_3') || '; ' || pg_temp.sale('in_3'), 'charge superseded 0 usd cus_3 entries 2; subscription booked 900 usd cus_3 entries 1', 'then the invoice is the sale');
SELECT is(t.books('cus_3'), 'collected 500, disputes_lost 300, refunds 100, sales -900', 'and the money counts once');
SELECT is(t.kinds('ch_in_3'), '{sale,sale_superseded}', 'by an entry that takes the first back');
SELECT is((SELECT c.sale || r.sale || d.sale FROM ledger.charge AS c, ledger.refund AS r, ledger.dispute AS d WHERE c.id = 'ch_in_3' AND r.id = 're_3' AND d.id = 'dp_3'), 'in_3in_3in_3', 'charge, refund and dispute are of the invoice now');
SELECT is((SELECT array_agg(stripe_session_ref) FROM dashboard.revenue_ledger WHERE stripe_customer_ref = 'cus_3'), '{in_3}', 'readers see one sale');
SELECT is(t.turn('cus_3', jsonb_build_array(t.charge('ch_in_3', 'cus_3', 900, 0, jsonb_build_array(t.refund('re_3', 'ch_in_3', 100))))) ->> 'entries', '0', 'and it stays so');
-- the payment itself, and one that names the charge
SELECT t.turn('cus_4', jsonb_build_array(t.charge('ch_4', 'cus_4', 50), t.charge('ch_4b', 'cus_4', 60), t.invoice('in_4', 'cus_4', NULL, 'open', 0)));
SELECT t.turn('cus_4', '[{"object": "invoice_payment", "id": "inpay_4", "invoice": "in_4", "status": "paid", "amount_paid": 50, "currency": "usd", "payment": {"type": "payment_intent", "payment_intent": "pi_4"}, "livemode": false},
    {"object": "invoice_payment", "id": "inpay_4b", "invoice": "in_4", "status": "open", "amount_paid": null, "currency": "usd", "payment": {"type": "charge", "charge": "ch_4b"}, "livemode": false}]');
SELECT is((SELECT string_agg(id || ' ' || sale, ', ' ORDER BY id) FROM ledger.charge WHERE customer = 'cus_4'), 'ch_4 in_4, ch_4b in_4', 'an invoice payment names an intent or a charge');
SELECT is((SELECT string_agg(source || ' ' || state, ', ' ORDER BY source) FROM ledger.sale WHERE customer = 'cus_4'), 'ch_4 superseded, ch_4b superseded', 'paid in part is no sale of its own: the invoice will be one');
SELECT throws_like($$SELECT t.turn('cus_9', '[{"object": "invoice_payment", "id": "inpay_9", "invoice": "in_4", "status": "paid", "amount_paid": 50, "payment": {"type": "charge", "charge": "ch_9"}}]')$$, '%belongs to cus_4, not to cus_9', 'a payment of somebody else''s invoice');
RESET ROLE;
-- what an old charge says of itself
SELECT t.turn('cus_5', jsonb_build_array(t.charge('ch_5', 'cus_5', 50, 0, '[]', '{"invoice": "in_5"}')));
SELECT is((SELECT sale FROM ledger.charge WHERE id = 'ch_5') || coalesce(t.books('cus_5'), ''), 'in_5', 'before 2025-03-31.basil a charge names its invoice');
SELECT t.turn('cus_5', jsonb_build_array(t.charge('ch_5', 'cus_5', 50)));
SELECT is((SELECT sale FROM ledger.charge WHERE id = 'ch_5'), 'in_5', 'and what it said once counts when a newer version says nothing');
-- a session, and the session of an invoice
SELECT t.turn('cus_6', jsonb_build_array(t.charge('ch_6', 'cus_6', 80)));
SELECT t.turn('cus_6', jsonb_build_array(t.session('cs_6', 'cus_6', 'payment', 'paid', 80, '{"payment_intent": "pi_6"}')));
SELECT is(pg_temp.sale('ch_6') || '; ' || pg_temp.sale('cs_6'), 'charge superseded 0 usd cus_6 entries 2; one_time booked 80 usd cus_6 entries 1', 'a session takes over too');
SELECT t.turn('cus_7', jsonb_build_array(t.charge('ch_in_7', 'cus_7', 80), t.invoice('in_7', 'cus_7', NULL, 'paid', 80)));
SELECT t.turn('cus_7', jsonb_build_array(t.session('cs_7', 'cus_7', 'payment', 'paid', 80, '{"invoice": "in_7"}')));
SELECT is((SELECT sale FROM ledger.charge WHERE id = 'ch_in_7') || ' ' || t.books('cus_7'), 'cs_7 collected 80, sales -80', 'a charge of a session''s invoice is the session''s');
SELECT t.turn('cus_8', jsonb_build_array(t.session('cs_8', 'cus_8', 'subscription', 'paid', 80, '{"payment_intent": "pi_8"}'), t.charge('ch_8', 'cus_8', 80)));
SELECT is((SELECT sale FROM ledger.charge WHERE id = 'ch_8'), 'ch_8', 'a session that sells a subscription is nobody''s paper');

-- guests: the session and the charge are subjects of their own
SELECT t.turn('ch_g', jsonb_build_array(t.charge('ch_g', NULL, 40)));
SELECT t.turn('cs_g', jsonb_build_array(t.session('cs_g', NULL, 'payment', 'paid', 40, '{"payment_intent": "pi_g"}'), t.charge('ch_g', NULL, 40, 0, jsonb_build_array(t.refund('re_g', 'ch_g', 15))), t.dispute('dp_g', 'ch_g', 25, 'needs_response')));
SELECT is(pg_temp.sale('ch_g') || '; ' || pg_temp.sale('cs_g'), 'charge superseded 0 usd entries 2; one_time booked 40 usd entries 1', 'across subjects');
SELECT is(ops.ledger_truth() -> 'guest_refunds', '[{"id": "re_g", "charge": "ch_g", "amount": 15, "currency": "usd", "state": "refunded", "sale": "cs_g"}]'::jsonb, 'a guest''s refund is of the session');
SELECT is(ops.ledger_truth() -> 'guest_disputes', '[{"id": "dp_g", "charge": "ch_g", "amount": 25, "currency": "usd", "state": "held", "sale": "cs_g"}]'::jsonb, 'so is the dispute');
SELECT is(pg_temp.wants('cs_g'), 'dp_g!', 'which the session''s subject asks for again');
SELECT t.turn('cs_h', jsonb_build_array(t.session('cs_h', NULL, 'payment', 'paid', 40, '{"payment_intent": "pi_h"}')));
SELECT t.turn('ch_h', jsonb_build_array(t.charge('ch_h', NULL, 40)));
SELECT is((SELECT sale FROM ledger.charge WHERE id = 'ch_h') || coalesce(pg_temp.sale('ch_h'), ''), 'cs_h', 'session first: the charge is no sale');
-- an older read of a guest's charge, made for another subject, does not count
SELECT t.turn('ch_g', jsonb_build_array(t.charge('ch_g', NULL, 40)), '[]', jsonb_build_object('fetched_ms', t.day(90) * 1000));
SELECT is((SELECT amount_refunded FROM ledger.charge WHERE id = 'ch_g'), 15::bigint, 'an older read for another subject is not taken');
SELECT throws_like($$SELECT t.turn('cs_g', jsonb_build_array(t.charge('ch_1', 'cus_1', 700)))$$, 'charge ch_1 belongs to cus_1, not to cs_g', 'a guest''s subject writes nobody''s charge');
RESET ROLE;

-- a long history
CREATE TEMP TABLE many AS SELECT t.turn('cus_many', (SELECT jsonb_agg(o) FROM generate_series(1, 200) AS g, LATERAL (VALUES (t.invoice('in_n' || g, 'cus_many', NULL, 'paid', 10, g % 40)), (t.charge('ch_in_n' || g, 'cus_many', 10, g % 40, CASE WHEN g % 5 = 0 THEN jsonb_build_array(t.refund('re_n' || g, 'ch_in_n' || g, 3)) ELSE '[]' END)), (t.charge('ch_b' || g, 'cus_many', 1, g % 40))) AS v (o))) AS result;
SELECT is(t.books('cus_many'), 'collected 2080, refunds 120, sales -2200', '600 objects in one turn');
SELECT is((SELECT count(*) FROM ops.verify() WHERE NOT ok), 0::bigint, 'all is well');

SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies');
SELECT * FROM finish();
ROLLBACK;
