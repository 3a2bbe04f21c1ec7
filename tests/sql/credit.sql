-- Credit notes, customers' credit, money paid outside Stripe, invoices written off.
BEGIN;
SELECT no_plan();
SELECT t.turn('cus_1', jsonb_build_array(t.invoice('in_1', 'cus_1', NULL, 'paid', 1000), t.note('cn_bal', 'cus_1', 'in_1', 0, 300), t.note('cn_ref', 'cus_1', 'in_1', 0, 200, 200), t.note('cn_out', 'cus_1', 'in_1', 0, 100, 0, 100),
    t.note('cn_pre', 'cus_1', 'in_1', 50, 0), t.note('cn_mix', 'cus_1', 'in_1', 50, 90, 40, 20)));
SELECT is(t.books('cn_bal'), 'credit_notes 300, customer_credit -300', 'credit to the balance is owed');
SELECT is(t.kinds('cn_ref')::text || coalesce(t.books('cn_ref'), ''), '{credit_note_noted}', 'what is refunded books itself');
SELECT is(t.books('cn_out'), 'collected_elsewhere -100, credit_notes 100', 'given back outside Stripe');
SELECT is(t.kinds('cn_pre')::text || coalesce(t.books('cn_pre'), ''), '{credit_note_noted}', 'before payment nothing was sold');
SELECT is(t.books('cn_mix'), 'collected_elsewhere -20, credit_notes 50, customer_credit -30', 'a mixed one, part by part');
SELECT is(ops.ledger_truth() -> 'customers' @> '[{"id": "cus_1", "credit": {"usd": 330}}]', true, 'the customer has credit');
SELECT t.turn('cus_1', jsonb_build_array(t.note('cn_bal', 'cus_1', 'in_1', 0, 300, 0, 0, '{"status": "void"}'), t.note('cn_new', 'cus_1', 'in_1', 0, 5, 0, 0, '{"status": "void"}')));
SELECT is(t.kinds('cn_bal')::text || coalesce(t.books('cn_bal'), '') || coalesce(t.kinds('cn_new')::text, ''), '{credit_note,credit_note_voided}', 'void takes it back; void from the start is nothing');
-- balance: negative invoice grants, a later one uses, void returns, overpaid grants
SELECT t.turn('cus_2', jsonb_build_array(t.invoice('in_neg', 'cus_2', NULL, 'paid', 0, 0, '{"total": -700, "starting_balance": 0, "ending_balance": -700}'), t.invoice('in_use', 'cus_2', NULL, 'open', 0, 1, '{"starting_balance": -700, "ending_balance": -200}'),
    t.invoice('in_draft', 'cus_2', NULL, 'draft', 0, 1, '{"starting_balance": -200, "ending_balance": null}'), t.invoice('in_over', 'cus_2', NULL, 'paid', 1200, 2, '{"amount_overpaid": 200, "starting_balance": -200, "ending_balance": -200}')));
SELECT is(t.books('in_neg') || '; ' || t.books('in_use') || '; ' || t.books('in_over'), 'credit_applied 700, customer_credit -700; credit_applied -500, customer_credit 500; collected 1200, credit_applied 200, customer_credit -200, sales -1200', 'granted, used, overpaid');
SELECT t.turn('cus_2', jsonb_build_array(t.invoice('in_use', 'cus_2', NULL, 'void', 0, 1, jsonb_build_object('starting_balance', -700, 'ending_balance', -200, 'status_transitions', jsonb_build_object('paid_at', null, 'voided_at', t.day(9))))));
SELECT is(t.kinds('in_use')::text || coalesce(t.books('in_use'), ''), '{credit_used,credit_returned,invoice_voided}', 'void returns what was applied, and is on record');
SELECT t.turn('cus_3', jsonb_build_array(t.invoice('in_u', 'cus_3', NULL, 'uncollectible', 0, 1, jsonb_build_object('status_transitions', jsonb_build_object('paid_at', null, 'marked_uncollectible_at', t.day(5))))));
SELECT t.turn('cus_3', jsonb_build_array(t.invoice('in_u', 'cus_3', NULL, 'paid', 400, 1)));
SELECT is(t.kinds('in_u')::text || t.books('in_u'), '{invoice_uncollectible,sale}collected 400, sales -400', 'written off, and paid after all');
SELECT t.turn('cus_4', jsonb_build_array(t.invoice('in_o', 'cus_4', NULL, 'paid', 1000, 1, '{"amount_paid_off_stripe": 300}')));
SELECT is(t.books('in_o'), 'collected 700, collected_elsewhere 300, sales -1000', 'paid in part outside Stripe');
SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies');
SELECT * FROM finish();
ROLLBACK;
