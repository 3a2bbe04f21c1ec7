-- Sales: what was paid is booked, once, as the difference to what was booked before.
BEGIN;
SELECT no_plan();
CREATE FUNCTION pg_temp.sale(p_source text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', s.kind, s.state, s.amount, s.currency, s.subscription, s.customer, s.user_id, 'entries ' || s.entries_count, s.flag)
      FROM ledger.sale AS s WHERE s.source = p_source $$;

-- trial, then paid
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'trialing', NULL, jsonb_build_object('trial_start', t.day(0), 'trial_end', t.day(14), 'metadata', '{"user_id": "u1"}'::jsonb)),
    t.invoice('in_0', 'cus_1', 'sub_1', 'paid', 0, 0, '{"billing_reason": "subscription_create"}')), jsonb_build_array(t.event('evt_0', 'invoice.paid', 'in_0')));
SELECT is(pg_temp.sale('in_0'), 'subscription booked 0 usd sub_1 cus_1 u1 entries 1', 'a trial start is a sale of zero');
SELECT is((SELECT kind FROM ledger.journal_entry WHERE source = 'in_0'), 'sale_zero', 'with an entry of its own kind');
SELECT is((SELECT count(*) FROM ledger.posting), 0::bigint, 'that moves nothing');
SELECT is((SELECT ledger_status FROM dashboard.revenue_ledger WHERE stripe_session_ref = 'in_0'), 'trial', 'readers see a trial');
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', NULL, jsonb_build_object('trial_start', t.day(0), 'trial_end', t.day(14), 'metadata', '{"user_id": "u1"}'::jsonb)),
    t.invoice('in_1', 'cus_1', 'sub_1', 'open', 0, 14)));
SELECT is(pg_temp.sale('in_1'), NULL, 'active before any money arrived: no sale');
SELECT is(t.turn('cus_1', jsonb_build_array(t.invoice('in_1', 'cus_1', 'sub_1', 'paid', 1999, 14))) -> 'changes',
    '[{"what": "sale in_1", "before": null, "after": "1999 usd"},
      {"what": "trial of sub_1", "before": "awaiting payment", "after": "converted by in_1, 1999 usd"}]'::jsonb, 'the payment is the sale, and the trial''s conversion');
SELECT is(t.balance('sales'), -1999::bigint, 'sales are credited');
SELECT is(t.balance('collected'), 1999::bigint, 'what was collected is debited');

-- not sales
SELECT t.turn('cus_2', jsonb_build_array(t.invoice('in_2', 'cus_2', NULL, 'open', 500), t.invoice('in_3', 'cus_2', NULL, 'void', 0),
    t.invoice('in_4', 'cus_2', NULL, 'uncollectible', 500), t.invoice('in_5', 'cus_2', NULL, NULL, 0),
    t.session('cs_sub', 'cus_2', 'subscription', 'paid', 1999), t.session('cs_setup', 'cus_2', 'setup', 'no_payment_required', NULL, '{"currency": null}'),
    t.session('cs_wait', 'cus_2', 'payment', 'unpaid', 700)));
SELECT is((SELECT count(*) FROM ledger.sale WHERE customer = 'cus_2'), 0::bigint,
    'partly paid, void, uncollectible invoices, subscription and set-up sessions, unpaid sessions are no sales');
SELECT t.turn('cus_2', jsonb_build_array(t.session('cs_wait', 'cus_2', 'payment', 'paid', 700)),
    jsonb_build_array(t.event('evt_async', 'checkout.session.async_payment_succeeded', 'cs_wait')));
SELECT is(pg_temp.sale('cs_wait'), 'one_time booked 700 usd cus_2 entries 1', 'a delayed payment that succeeds is a sale');
SELECT t.turn('cus_2', jsonb_build_array(t.invoice('in_4', 'cus_2', NULL, 'paid', 500)));
SELECT is(pg_temp.sale('in_4'), 'invoice booked 500 usd cus_2 entries 1', 'an uncollectible invoice that is paid after all is a sale');

-- partly paid, then wholly; then more
SELECT t.turn('cus_2', jsonb_build_array(t.invoice('in_2', 'cus_2', NULL, 'paid', 1500)));
SELECT is(t.balance('sales', 'usd', 'in_2'), -1500::bigint, 'an invoice paid in parts is one sale of the whole');
SELECT t.turn('cus_2', jsonb_build_array(t.invoice('in_2', 'cus_2', NULL, 'paid', 1800)));
SELECT is(pg_temp.sale('in_2'), 'invoice booked 1800 usd cus_2 entries 2', 'more paid: the difference is booked');
SELECT is((SELECT array_agg(p.amount ORDER BY e.id) FROM ledger.journal_entry AS e JOIN ledger.posting AS p ON p.entry_id = e.id AND p.amount > 0 WHERE e.source = 'in_2'),
    '{1500,300}', 'as an entry of the difference');
SELECT t.turn('cus_2', jsonb_build_array(t.invoice('in_2', 'cus_2', NULL, 'paid', 1700)));
SELECT is(pg_temp.sale('in_2'), 'invoice booked 1700 usd cus_2 entries 3 fell from 1800 to 1700 usd', 'less paid should not happen: booked and flagged, not refused');
SELECT t.turn('cus_2', jsonb_build_array(t.invoice('in_2', 'cus_2', NULL, 'paid', 1800)));
SELECT is(t.balance('sales', 'usd', 'in_2'), -1800::bigint, 'and back again is booked too');
SELECT throws_ok($$SELECT t.turn('cus_2', jsonb_build_array(t.invoice('in_2', 'cus_2', NULL, 'paid', 1800, 0, '{"currency": "eur"}')))$$,
    'IS002', 'sale in_2: booked in usd, Stripe now says eur', 'a booked sale does not change its currency');
RESET ROLE;

-- a paid invoice that is not paid in a later read: absence of payment is not a fact
SELECT t.turn('cus_2', jsonb_build_array(t.invoice('in_4', 'cus_2', NULL, 'open', 0)));
SELECT is(pg_temp.sale('in_4'), 'invoice booked 500 usd cus_2 entries 1 no longer paid: open', 'a sale is not taken back because a read lacks it, but flagged');
SELECT is(t.turn('cus_2', jsonb_build_array(t.invoice('in_4', 'cus_2', NULL, 'open', 0))) -> 'changes', '[]', 'once');
SELECT is((SELECT count(*) FROM ops.verify() WHERE NOT ok), 0::bigint, 'which breaks no promise');
SELECT is((SELECT detail FROM ops.verify() WHERE check_name = 'what was paid is booked, and nothing else'), '1 flagged, for example in_4 paid nothing, booked 500', 'but is reported');
SELECT is(t.turn('cus_2', jsonb_build_array(t.invoice('in_4', 'cus_2', NULL, 'void', 0))) -> 'changes',
    '[{"what": "sale in_4", "before": "500 usd", "after": "500 usd, no longer paid: void"}]', 'what became of it is kept up');
SELECT t.turn('cus_2', jsonb_build_array(t.invoice('in_4', 'cus_2', NULL, 'paid', 500)));
SELECT is(pg_temp.sale('in_4'), 'invoice booked 500 usd cus_2 entries 1', 'paid after all: the flag goes');
SELECT t.turn('cus_2', jsonb_build_array(t.session('cs_wait', 'cus_2', 'payment', 'unpaid', 700)));
SELECT is(pg_temp.sale('cs_wait'), 'one_time booked 700 usd cus_2 entries 1 no longer paid: unpaid', 'a session is flagged as well');
SELECT t.turn('cus_2', jsonb_build_array(t.session('cs_wait', 'cus_2', 'payment', 'paid', 700)));

-- an invoice that is paid and does not say when
SELECT t.turn('cus_9', jsonb_build_array(t.invoice('in_when', 'cus_9', NULL, 'paid', 5, 3, jsonb_build_object('status_transitions', jsonb_build_object('paid_at', NULL, 'finalized_at', t.day(4))))));
SELECT is((SELECT ARRAY[extract(epoch FROM s.paid_at)::bigint::text, e.facts ->> 'paid_at_basis'] FROM ledger.sale AS s JOIN ledger.journal_entry AS e USING (source) WHERE source = 'in_when'),
    ARRAY[t.day(4)::text, 'finalized_at'], 'is booked when it was finalized, and the entry says so');

-- currencies
SELECT t.turn('cus_3', jsonb_build_array(t.invoice('in_jpy', 'cus_3', NULL, 'paid', 2500, 0, '{"currency": "jpy"}'),
    t.invoice('in_bhd', 'cus_3', NULL, 'paid', 12340, 0, '{"currency": "bhd"}'), t.invoice('in_usd', 'cus_3', NULL, 'paid', 1, 0),
    t.invoice('in_big', 'cus_3', NULL, 'paid', 9223372036854775807, 0, '{"currency": "eur"}')));
SELECT is(ARRAY[t.balance('sales', 'jpy'), t.balance('sales', 'bhd'), t.balance('sales', 'eur')], '{-2500,-12340,-9223372036854775807}',
    'each currency in its own accounts, in Stripe''s minor units');
SELECT is((SELECT count(*) FROM ledger.account AS a WHERE a.code = 'sales'), 4::bigint, 'one account per currency');

-- one-time sessions
SELECT t.turn('cus_4', jsonb_build_array(t.session('cs_1', 'cus_4', 'payment', 'paid', 4900, '{"client_reference_id": "u4", "total_details": {"amount_discount": 100}}')));
SELECT is(pg_temp.sale('cs_1'), 'one_time booked 4900 usd cus_4 u4 entries 1', 'a paid one-time session is a sale');
SELECT is((SELECT gross_amount_cents || ' ' || discount_amount_cents FROM dashboard.revenue_ledger WHERE stripe_session_ref = 'cs_1'), '5000 100', 'gross is before the discount');
-- guests
SELECT t.turn('cs_guest', jsonb_build_array(t.session('cs_guest', NULL, 'payment', 'paid', 900, '{"metadata": {"user_id": "u9"}}')));
SELECT is(pg_temp.sale('cs_guest'), 'one_time booked 900 usd u9 entries 1', 'a guest''s session is a sale without customer');
SELECT is(ops.ledger_truth() -> 'guest_sales', '[{"source": "cs_guest", "kind": "one_time", "amount": 900, "currency": "usd"}]'::jsonb, 'and a guest sale of the truth');
SELECT is(t.turn('cs_guest', jsonb_build_array(t.session('cs_guest', NULL, 'payment', 'paid', 900))) ->> 'entries', '0', 'once');
SELECT is(t.turn('cs_guest2', jsonb_build_array(t.session('cs_guest2', NULL, 'payment', 'unpaid', 900))) ->> 'entries', '0', 'an unpaid guest''s session is none');
SELECT is(ops.claim_customer('self', 'cs_guest2', gen_random_uuid(), '{}', 'w') -> 'wants', '[{"object": "checkout.session", "id": "cs_guest2", "due": true}]'::jsonb, 'but is wanted');

-- a guest that turns out to be a customer
SELECT t.turn('cus_guest', jsonb_build_array(t.customer('cus_guest', '{"metadata": {"user_id": "u10"}}'), t.session('cs_guest', 'cus_guest', 'payment', 'paid', 900, '{"metadata": {"user_id": "u9"}}')));
SELECT is(pg_temp.sale('cs_guest'), 'one_time booked 900 usd cus_guest u10 entries 1', 'the sale is the customer''s then, without another entry');
SELECT is((SELECT array_agg(source) FROM ops.explain('cus_guest')), '{cs_guest}', 'which explains itself');
SELECT is(ops.ledger_truth() -> 'guest_sales', '[]'::jsonb, 'and no guest''s any more');

SELECT t.turn('cs_guest3', jsonb_build_array(t.session('cs_guest3', NULL, 'payment', 'paid', 900)));
SELECT t.turn('cus_guest3', jsonb_build_array(t.session('cs_guest3', 'cus_guest3', 'payment', 'paid', 900)));
SELECT is(pg_temp.sale('cs_guest3'), 'one_time booked 900 usd cus_guest3 entries 1', 'also if nobody knows the user');

-- a session that has an invoice: only the session counts, whichever comes first
SELECT t.turn('cus_5', jsonb_build_array(t.session('cs_5', 'cus_5', 'payment', 'paid', 300, '{"invoice": "in_5a"}'), t.invoice('in_5a', 'cus_5', NULL, 'paid', 300)));
SELECT is((SELECT array_agg(source) FROM ledger.sale WHERE customer = 'cus_5'), '{cs_5}', 'both at once: the session is the sale');
SELECT t.turn('cus_6', jsonb_build_array(t.session('cs_6', 'cus_6', 'payment', 'paid', 300, '{"invoice": {"id": "in_6"}}')));
SELECT t.turn('cus_6', jsonb_build_array(t.invoice('in_6', 'cus_6', NULL, 'paid', 300)));
SELECT is((SELECT array_agg(source) FROM ledger.sale WHERE customer = 'cus_6'), '{cs_6}', 'session first: the session is the sale');
SELECT t.turn('cus_7', jsonb_build_array(t.invoice('in_7', 'cus_7', NULL, 'paid', 300)));
SELECT t.turn('cus_7', jsonb_build_array(t.session('cs_7', 'cus_7', 'payment', 'paid', 300, '{"invoice": "in_7"}')));
SELECT is(pg_temp.sale('in_7'), 'invoice superseded 0 usd cus_7 entries 2', 'invoice first: its sale is taken back');
SELECT is(pg_temp.sale('cs_7'), 'one_time booked 300 usd cus_7 entries 1', 'and the session is the sale');
SELECT is((SELECT array_agg(stripe_session_ref) FROM dashboard.revenue_ledger WHERE stripe_customer_ref = 'cus_7'), '{cs_7}', 'readers do not see what was superseded: it depends on the order of reads');
SELECT is(t.fingerprint('cus_7') #> '{truth,sales}', '[{"source": "cs_7", "kind": "one_time", "amount": 300, "currency": "usd", "elsewhere": 0, "paid_at": null, "subscription": null}]'::jsonb, 'the truth has it once');
SELECT is(t.turn('cus_7', jsonb_build_array(t.invoice('in_7', 'cus_7', NULL, 'paid', 300), t.session('cs_7', 'cus_7', 'payment', 'paid', 300, '{"invoice": "in_7"}'))) ->> 'entries', '0', 'and it stays so');

SELECT t.turn('cus_8', jsonb_build_array(t.session('cs_8', 'cus_8', 'subscription', 'paid', 300, '{"invoice": "in_8", "subscription": "sub_8"}'), t.invoice('in_8', 'cus_8', 'sub_8', 'paid', 300)));
SELECT is((SELECT array_agg(source) FROM ledger.sale WHERE customer = 'cus_8'), '{in_8}', 'a subscription session is never the sale: its invoice is');

-- a first contact with a long history
CREATE TEMP TABLE many AS SELECT t.turn('cus_many', (SELECT jsonb_agg(t.invoice('in_n' || g, 'cus_many', NULL, 'paid', g, g % 700)) FROM generate_series(1, 2000) AS g)) AS result;
SELECT is((SELECT result ->> 'entries' FROM many), '2000', 'two thousand invoices in one turn');
SELECT is((SELECT sum(amount)::bigint FROM ledger.sale WHERE customer = 'cus_many'), 2001000::bigint, 'are all booked');
SELECT is((SELECT ARRAY[jsonb_array_length(result -> 'changes')::text, result #>> '{changes,100,what}', result #>> '{changes,100,after}'] FROM many), '{101,"further changes",1900}', 'a hundred changes are told and the others counted');
SELECT is((SELECT jsonb_array_length(x.changes) FROM ops.turn AS x JOIN ledger.customer AS c ON c.applied_turn = x.id WHERE c.id = 'cus_many'), 101, 'and kept');

-- deleted customer
SELECT t.turn('cus_1', '[{"object": "customer", "id": "cus_1", "deleted": true}]');
SELECT is(t.fingerprint('cus_1') #> '{truth,deleted}', 'true', 'a deleted customer is a state');
SELECT is(t.fingerprint('cus_1') #>> '{truth,user_id}', 'u1', 'that keeps its user');
SELECT is(jsonb_array_length(t.fingerprint('cus_1') #> '{truth,sales}'), 2, 'and its sales');

-- explained
SELECT is((SELECT array_agg(x.source || ' ' || x.rule || ' ' || (x.facts ->> 'amount_paid')) FROM ops.explain('in_1') AS x), '{in_1 sale.invoice 1999}', 'an entry says what Stripe said');
SELECT is((SELECT x.events -> 0 ->> 'id' FROM ops.explain('in_0') AS x), 'evt_0', 'and leads to the events of its turn');
SELECT is((SELECT count(*) FROM ops.explain('user:u1')), 2::bigint, 'by user');
SELECT is((SELECT sum((p.value ->> 'amount')::bigint)::bigint FROM ops.explain('sales') AS x, jsonb_array_elements(x.postings) AS p WHERE p.value ->> 'account' = 'sales' AND p.value ->> 'unit' = 'usd'),
    t.balance('sales'), 'by account: the rows add up to the balance');
SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies');
SELECT * FROM finish();
ROLLBACK;
