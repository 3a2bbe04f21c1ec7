-- Users: which of Stripe's hints counts, what an operator's link does, and how orphans resolve.
BEGIN;
SELECT no_plan();
CREATE FUNCTION pg_temp.user_of(p_customer text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', user_id, user_source) FROM ledger.customer WHERE id = p_customer $$;

SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active'), t.invoice('in_1', 'cus_1', 'sub_1', 'paid', 1999)));
SELECT is(pg_temp.user_of('cus_1'), '', 'nothing says whose it is: an orphan');
SELECT is(ops.status() -> 'orphans', '1', 'which operators see');
SELECT is((SELECT count(*) FROM ledger.sale WHERE customer = 'cus_1'), 1::bigint, 'ledgered all the same');
SELECT t.turn('cus_1', jsonb_build_array(t.session('cs_1', 'cus_1', 'subscription', 'paid', 1999, '{"client_reference_id": "by reference"}')));
SELECT is(pg_temp.user_of('cus_1'), 'by reference client_reference_id', 'client_reference_id counts if nothing better is there');
SELECT t.turn('cus_1', jsonb_build_array(t.session('cs_1b', 'cus_1', 'subscription', 'paid', 1999, '{"metadata": {"user_id": "by session"}}')));
SELECT is(pg_temp.user_of('cus_1'), 'by session session', 'metadata of a session goes before it');
SELECT t.turn('cus_1', jsonb_build_array(t.customer('cus_1', '{"metadata": {"user_id": "by customer"}}')));
SELECT is(pg_temp.user_of('cus_1'), 'by customer customer', 'metadata of the customer before that');
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', NULL, '{"metadata": {"user_id": "by subscription"}}')));
SELECT is(pg_temp.user_of('cus_1'), 'by subscription subscription', 'metadata of the subscription first');
SELECT t.turn('cus_1', '[]');
SELECT is(pg_temp.user_of('cus_1'), 'by subscription subscription', 'what was read stays known');
SELECT is((SELECT user_id FROM ledger.sale WHERE source = 'in_1'), 'by subscription', 'sales follow');
SELECT is((SELECT user_id FROM ledger.entitlement WHERE subscription = 'sub_1'), 'by subscription', 'entitlements follow');
SELECT is((SELECT array_agg(user_before || '>' || user_after ORDER BY id) FROM ledger.customer_user_change WHERE user_before IS NOT NULL),
    '{"by reference>by session","by session>by customer","by customer>by subscription"}', 'and the history is kept');
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active')));
SELECT is(pg_temp.user_of('cus_1'), 'by customer customer', 'metadata taken away: the next hint counts');
SELECT t.turn('cus_2', jsonb_build_array(
    t.sub('sub_b', 'cus_2', 'active', NULL, jsonb_build_object('created', t.day(5), 'metadata', '{"user_id": "younger"}'::jsonb)),
    t.sub('sub_c', 'cus_2', 'canceled', NULL, jsonb_build_object('created', t.day(2), 'ended_at', t.day(3), 'metadata', '{"user_id": "older"}'::jsonb))));
SELECT is(pg_temp.user_of('cus_2'), 'older subscription', 'of several subscriptions the oldest says');
SELECT t.turn('cus_3', jsonb_build_array(t.session('cs_3', 'cus_3', 'payment', 'unpaid', 5, '{"status": "open", "client_reference_id": "u3"}')));
SELECT is(pg_temp.user_of('cus_3'), '', 'a checkout that was not completed says nothing');

SELECT t.turn('cus_4', jsonb_build_array(t.customer('cus_4', '{"metadata": {"user_id": "u4"}}')));
SELECT t.turn('cus_4', '[{"object": "customer", "id": "cus_4", "deleted": true}]');
SELECT is(pg_temp.user_of('cus_4'), 'u4 customer', 'a deleted customer keeps its user: the stub carries no metadata');

-- an operator's link
CREATE TEMP TABLE linked AS SELECT ops.link_user('self', 'cus_1', 'linked', 'ann') AS result;
SELECT is((SELECT result -> 'after' FROM linked), '"linked"', 'a link is answered with what is so now');
SELECT is((SELECT result -> 'before' FROM linked), '"by customer"', 'and what was');
SELECT is((SELECT user_id FROM ledger.sale WHERE source = 'in_1'), 'linked', 'sales move');
SELECT is((SELECT entitled FROM ledger.entitlement('linked')), true, 'rights move');
SELECT is((SELECT entitled FROM ledger.entitlement('by customer')), false, 'away from the other');
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', NULL, '{"metadata": {"user_id": "stripe says"}}')));
SELECT is(pg_temp.user_of('cus_1'), 'linked operator', 'an operator''s word goes before Stripe''s');
SELECT is((SELECT changed_by || ' ' || source FROM ledger.customer_user_change ORDER BY id DESC LIMIT 1), 'ann operator', 'who said so is on record');
SELECT is(ops.link_user('self', 'cus_1', 'linked', 'ann') -> 'changes', '[]', 'saying it again changes nothing');
SELECT is(ops.link_user('self', 'cus_1', NULL, 'ann') -> 'after', '"stripe says"', 'a link can be taken back');
SELECT is((SELECT array_agg(customer) FROM ops.customer_of('user:stripe says')), '{cus_1}', 'a user''s customers are found');
SELECT is((SELECT array_agg(customer) FROM ops.customer_of('sub_1')), '{cus_1}', 'a subscription''s customer');
SELECT is((SELECT array_agg(customer) FROM ops.customer_of('in_1')), '{cus_1}', 'an invoice''s customer');
SELECT is((SELECT array_agg(customer) FROM ops.customer_of('cs_1')), '{cus_1}', 'a session''s customer');
SELECT is((SELECT count(*) FROM ops.customer_of('sub_unknown')), 0::bigint, 'unknown here: no row');
SELECT ops.link_user('self', 'cus_new', 'early', 'ann');
SELECT is(ops.claim_customer('self', 'cus_new', gen_random_uuid(), '{}', 'w') ->> 'user_id', 'early', 'a link may come before the customer''s first event');
SELECT is(ops.claim_customer('self', 'cus_new', gen_random_uuid(), '{}', 'w') -> 'known', 'false', 'which does not make it known');
SELECT throws_ok($$SELECT ops.link_user('self', 'ch_1', 'u', 'ann')$$, '22023', NULL, 'only customers are linked');
SELECT throws_ok($$SELECT ops.link_user('self', 'cus_1', ' ', 'ann')$$, '22023', NULL, 'a user has a name');
SELECT throws_ok($$SELECT ops.link_user('self', 'cus_1', 'u', NULL)$$, '22023', NULL, 'somebody says so');
SELECT is(ops.status() -> 'orphans', '0', 'no orphans are left');

SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies');
SELECT * FROM finish();
ROLLBACK;
