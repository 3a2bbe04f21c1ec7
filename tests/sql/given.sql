-- A guest's charge that is given to a customer later, as Stripe lets one do.
BEGIN;
SELECT no_plan();
SELECT t.turn('ch_g1', jsonb_build_array(t.charge('ch_g1', NULL, 500)));
SELECT is((SELECT string_agg(s.source || ' ' || s.state || ' ' || coalesce(s.customer, 'nobody'), ',') FROM ledger.sale AS s), 'ch_g1 booked nobody', 'a guest''s charge is a sale');
SELECT t.turn('cus_g', jsonb_build_array(t.charge('ch_g1', 'cus_g', 500)));
SELECT is((SELECT string_agg(s.source || ' ' || s.state || ' ' || coalesce(s.customer, 'nobody'), ',') FROM ledger.sale AS s), 'ch_g1 booked cus_g', 'the customer''s when it is given to one');
SELECT t.turn('cus_g', jsonb_build_array(t.charge('ch_g1', 'cus_g', 500, 0, jsonb_build_array(t.refund('re_g1', 'ch_g1', 200)))));
SELECT is(t.balance('collected'), 300::bigint, 'its money is there once, and what is refunded of it');
SELECT is((SELECT array_agg(r.customer || ' ' || r.sale) FROM ledger.refund AS r), '{"cus_g ch_g1"}', 'is the customer''s');

-- The same of a guest's session, whose own turn passes the charge over.
SELECT t.turn('cs_g', jsonb_build_array(t.session('cs_g', NULL, 'payment', 'paid', 900, '{"payment_intent": "pi_g2"}'), t.charge('ch_g2', NULL, 900)));
SELECT t.turn('cus_g', jsonb_build_array(t.charge('ch_g2', 'cus_g', 900, 0, jsonb_build_array(t.refund('re_g2', 'ch_g2', 100)))));
SELECT t.turn('cs_g', jsonb_build_array(t.session('cs_g', NULL, 'payment', 'paid', 900, '{"payment_intent": "pi_g2"}')));
SELECT is(t.balance('collected'), 1100::bigint, 'a session''s money as well');
SELECT is((SELECT array_agg(r.sale ORDER BY r.id) FROM ledger.refund AS r), '{ch_g1,cs_g}', 'and its refund is of the session');
SELECT is((SELECT string_agg(check_name, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies');
SELECT * FROM finish();
ROLLBACK;
