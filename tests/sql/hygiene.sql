-- Retention and redaction: what may be forgotten, what never, and what is hidden in what is kept.
BEGIN;
SELECT no_plan();

-- A turn that books, one that changes nothing, one whose event has a letter, one of the day.
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active'), t.invoice('in_1', 'cus_1', 'sub_1', 'paid', 1999)),
    jsonb_build_array(t.event('evt_booked', 'invoice.paid', 'in_1')));
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active')), jsonb_build_array(t.event('evt_same', 'invoice.updated', 'in_1')));
SELECT ops.claim_customer('self', 'cus_1', 'c0000000-0000-0000-0000-000000000001', '{}', 'test');
SELECT ops.fail_turn(jsonb_build_object('account', 'self', 'subject', 'cus_1', 'worker', 'test', 'turn', gen_random_uuid(), 'class', 'bug',
    'error', 'made by a test', 'attempt', 20, 'bury', true, 'next_at_ms', NULL,
    'events', jsonb_build_array(t.event('evt_stuck', 'invoice.updated', 'in_1'), t.event('evt_freed', 'invoice.updated', 'in_1'))));
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active')), jsonb_build_array(t.event('evt_freed', 'invoice.updated', 'in_1')));
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active')), jsonb_build_array(t.event('evt_last', 'invoice.updated', 'in_1')));
SELECT t.turn('cus_2', jsonb_build_array(t.customer('cus_2')), jsonb_build_array(t.event('evt_only', 'customer.created', 'cus_2')));
UPDATE ops.webhook_event SET processed_at = processed_at - interval '40 days';
UPDATE ops.turn SET recorded_at = recorded_at - interval '40 days';
UPDATE ops.dead_letter SET settled_at = settled_at - interval '40 days' WHERE event_id = 'evt_freed';
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active')), jsonb_build_array(t.event('evt_young', 'invoice.updated', 'in_1')));

SELECT throws_ok(format($$ SELECT ops.%s(clock_timestamp() - interval '30 days', NULL, 10, false) $$, f.name), '22023', NULL, f.name || ' keeps what Stripe may resend')
  FROM unnest(ARRAY['prune_events', 'prune_turns', 'prune_payloads']) AS f (name);
SELECT throws_ok($$ SELECT ops.prune_events(NULL, NULL, 10, false) $$, '22023', NULL, 'nothing is not a moment');

CREATE FUNCTION pg_temp.walk(p_function text, p_limit integer, p_dry boolean) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_answer jsonb;
    v_after jsonb;
    v_removed integer := 0;
BEGIN
    LOOP
        EXECUTE format('SELECT ops.%I(clock_timestamp() - interval ''31 days'', $1, $2, $3)', p_function) INTO v_answer USING v_after, p_limit, p_dry;
        v_removed := v_removed + (v_answer ->> 'removed')::integer;
        v_after := v_answer -> 'after';
        EXIT WHEN v_after = 'null' OR v_after IS NULL;
    END LOOP;
    RETURN v_removed;
END
$$;
SELECT is(pg_temp.walk('prune_events', 100, true), 4, 'a dry run counts');
SELECT is(pg_temp.walk('prune_events', 2, true), 4, 'in small portions too');
SELECT is((SELECT count(*) FROM ops.webhook_event), 7::bigint, 'and removes nothing');
SELECT is(pg_temp.walk('prune_events', 2, false), 4, 'the same ones go');
SELECT is((SELECT array_agg(id ORDER BY id COLLATE "C") FROM ops.webhook_event), '{evt_booked,evt_stuck,evt_young}',
    'what booked something, what is stuck and what is young stay');
SELECT is((SELECT array_agg(event_id) FROM ops.dead_letter), '{evt_stuck}', 'a settled letter goes with its event, an open one stays');
SELECT is(pg_temp.walk('prune_turns', 1, false), 3, 'turns that nothing names go, the last of a customer stays');
SELECT is((SELECT count(*) FROM ops.turn AS o JOIN ledger.customer AS c ON c.applied_turn = o.id), 2::bigint, 'each customer''s last turn is there');
SELECT is(pg_temp.walk('prune_turns', 100, false) + pg_temp.walk('prune_events', 100, false), 0, 'a second run finds nothing');
SELECT isnt((SELECT events FROM ops.explain('in_1') LIMIT 1), '[]', 'the sale still explains itself');
SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'and the ledger verifies');
SELECT is(ops.claim_customer('self', 'cus_1', gen_random_uuid(), '{evt_same,evt_booked}', 'test') -> 'applied', '["evt_booked"]',
    'a forgotten event that comes once more is looked at once more');

-- Payloads
SELECT is((SELECT count(*) FROM ops.payload), 0::bigint, 'nothing is kept unless asked for');
SELECT t.turn('cus_3', jsonb_build_array(t.customer('cus_3', '{"email": "eva@example.com", "name": "Eva", "phone": null, "address": {"city": "Bonn"},
        "metadata": {"user_id": "u3", "Email": "eva@example.com"}}'), t.sub('sub_3', 'cus_3', 'active')),
    jsonb_build_array(t.event('evt_kept', 'customer.created', 'cus_3')), '{"redact": ["Email", "name", "phone", "address"]}');
SELECT is((SELECT payload - 'created' - 'livemode' FROM ops.payload WHERE id = 'cus_3'),
    '{"object": "customer", "id": "cus_3", "email": "[redacted]", "name": "[redacted]", "phone": null, "address": "[redacted]",
      "metadata": {"user_id": "u3", "Email": "[redacted]"}}'::jsonb, 'fields are hidden at any depth, in any case, whole; null is no secret');
SELECT is((SELECT payload -> 'items' FROM ops.payload WHERE id = 'sub_3'), t.sub('sub_3', 'cus_3', 'active') -> 'items', 'the rest is as it was read');
SELECT is(ops.redact('[{"object": "product", "name": "Team", "owner": {"name": "Eva"}}, {"name": ["Eva"]}, 1, null]', '{name}'),
    '[{"object": "product", "name": "Team", "owner": {"name": "[redacted]"}}, {"name": "[redacted]"}, 1, null]'::jsonb, 'what a product is called is no secret');
SELECT ok(NOT EXISTS (SELECT FROM ledger.journal_entry AS e WHERE e.facts::text LIKE '%@%'), 'facts of entries hold nothing personal');
SELECT is(jsonb_array_length(ops.event_show('evt_kept') -> 'payloads'), 2, 'an event shows what its turn read');
SELECT is(ops.event_show('evt_booked') #>> '{entries,0,source}', 'in_1', 'and what it booked');
SELECT is(ops.event_show('evt_gone'), NULL, 'an unknown event is none');
UPDATE ops.payload SET recorded_at = recorded_at - interval '40 days' WHERE id = 'cus_3';
SELECT is(pg_temp.walk('prune_payloads', 1, true) + pg_temp.walk('prune_payloads', 1, false), 2, 'old payloads go whatever their turn did');
SELECT is((SELECT array_agg(id) FROM ops.payload), '{sub_3}', 'and young ones stay');
SELECT * FROM finish();
ROLLBACK;
