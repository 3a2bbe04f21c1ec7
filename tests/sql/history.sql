-- subscription_change: what was true when.
BEGIN;
SELECT no_plan();
CREATE FUNCTION pg_temp.story(p_sub text) RETURNS text[] LANGUAGE sql AS $$
    SELECT array_agg(concat_ws(' ', coalesce(status_before, '-'), status, (extract(epoch FROM effective_at)::bigint - t.day(0)) / 86400, effective_basis) ORDER BY id)
      FROM ledger.subscription_change WHERE subscription = p_sub $$;
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'trialing', jsonb_build_array(t.item('si_1', 'pro', 0, 14)), jsonb_build_object('trial_start', t.day(0), 'trial_end', t.day(14)))));
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'trialing', jsonb_build_array(t.item('si_1', 'pro', 0, 14)), jsonb_build_object('trial_start', t.day(0), 'trial_end', t.day(14)))));
SELECT is(pg_temp.story('sub_1'), '{"- trialing 0 created"}', 'the same state twice is one change');
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', jsonb_build_array(t.item('si_1', 'pro', 14, 45)), jsonb_build_object('trial_start', t.day(0), 'trial_end', t.day(14)))));
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', jsonb_build_array(t.item('si_1', 'big', 14, 45)), jsonb_build_object('trial_start', t.day(0), 'trial_end', t.day(14)))),
    jsonb_build_array(t.event('evt_x', 'customer.subscription.updated', 'sub_other', 40), t.event('evt_u', 'customer.subscription.updated', 'sub_1', 20)));
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'past_due', jsonb_build_array(t.item('si_1', 'big', 45, 75)), jsonb_build_object('trial_start', t.day(0), 'trial_end', t.day(14)))));
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'unpaid', jsonb_build_array(t.item('si_1', 'big', 45, 75)), jsonb_build_object('trial_start', t.day(0), 'trial_end', t.day(14)))));
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'canceled', jsonb_build_array(t.item('si_1', 'big', 45, 75)), jsonb_build_object('trial_start', t.day(0), 'trial_end', t.day(14), 'ended_at', t.day(59)))));
SELECT is(pg_temp.story('sub_1'), '{"- trialing 0 created","trialing active 14 trial_end","active active 20 event","active past_due 45 period","past_due unpaid 100 read","unpaid canceled 100 order"}',
    'each change says since when and how that is known, and never goes back');
SELECT is((SELECT state #>> '{items,0,plan_key}' FROM ledger.subscription_change WHERE subscription = 'sub_1' AND effective_at <= to_timestamp(t.day(15)) ORDER BY effective_at DESC, id DESC LIMIT 1),
    'pro', 'the state of a past moment can be looked up');
SELECT is((SELECT count(DISTINCT turn) FROM ledger.subscription_change), 6::bigint, 'each names the turn that saw it');
SELECT t.turn('cus_2', jsonb_build_array(t.sub('sub_2', 'cus_2', 'canceled', NULL, jsonb_build_object('ended_at', t.day(9), 'canceled_at', t.day(3)))));
SELECT is(pg_temp.story('sub_2'), '{"- canceled 9 ended_at"}', 'first seen when it was over already');
SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies');
SELECT * FROM finish();
ROLLBACK;
