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

-- ledger.subscription_state: as of any moment
CREATE FUNCTION pg_temp.as_of(p_sub text, p_second bigint) RETURNS text LANGUAGE sql AS $$
    SELECT nullif(ledger.state_summary(ledger.subscription_state('self', p_sub, to_timestamp(p_second))), '') $$;
-- A turn that reads sub_3 with these items and facts, for an event of that second.
CREATE FUNCTION pg_temp.becomes(p_second bigint, p_items jsonb, p_extra jsonb DEFAULT '{}', p_status text DEFAULT 'active') RETURNS void LANGUAGE sql AS $$
    SELECT t.turn('cus_3', jsonb_build_array(t.sub('sub_3', 'cus_3', p_status, p_items, p_extra)),
                  jsonb_build_array(t.event('evt_' || p_second || '_' || md5(p_items::text || p_extra), 'customer.subscription.updated', 'sub_3') || jsonb_build_object('created', p_second))) $$;
SELECT pg_temp.becomes(t.day(0), jsonb_build_array(t.item('si_3', 'small', 0, 31)));
-- proration: quantity, then price in the middle of the period; then twice more within one second
SELECT pg_temp.becomes(t.day(5), jsonb_build_array(t.item('si_3', 'small', 0, 31, 4)));
SELECT pg_temp.becomes(t.day(10), jsonb_build_array(t.item('si_3', 'big', 0, 31, 4)));
SELECT pg_temp.becomes(t.day(12), jsonb_build_array(t.item('si_3', 'big', 0, 31, 5)));
SELECT pg_temp.becomes(t.day(12), jsonb_build_array(t.item('si_3', 'big', 0, 31, 6)));
SELECT pg_temp.becomes(t.day(12), jsonb_build_array(t.item('si_3', 'big', 0, 31, 7)));
-- discount, pause, resumption
SELECT pg_temp.becomes(t.day(15), jsonb_build_array(t.item('si_3', 'big', 0, 31, 7)), '{"discounts": [{"object": "discount", "id": "di_1", "source": {"type": "coupon", "coupon": "SPRING"}, "promotion_code": "promo_1"}]}');
SELECT pg_temp.becomes(t.day(20), jsonb_build_array(t.item('si_3', 'big', 0, 31, 7)), '{"pause_collection": {"behavior": "void", "resumes_at": null}}');
SELECT pg_temp.becomes(t.day(25), jsonb_build_array(t.item('si_3', 'big', 0, 31, 7)));
-- a schedule: the next phase begins with a period, is read late; another item comes
SELECT pg_temp.becomes(t.day(33), jsonb_build_array(t.item('si_3', 'small', 31, 62), t.item('si_4', 'addon', 31, 62)), '{"schedule": "sub_sched_1"}');
-- an event that is late tells no other past
SELECT pg_temp.becomes(t.day(2), jsonb_build_array(t.item('si_3', 'small', 31, 62, 2), t.item('si_4', 'addon', 31, 62)));
SELECT pg_temp.becomes(t.day(60), jsonb_build_array(t.item('si_3', 'small', 31, 62, 2)), jsonb_build_object('ended_at', t.day(50), 'canceled_at', t.day(45)), 'canceled');
SELECT is(pg_temp.as_of('sub_3', c.second), c.want, c.name) FROM (VALUES
    (t.day(0) - 1, NULL, 'before the first change there was nothing'),
    (t.day(0), 'active, small, until 2026-02-01', 'the first change counts from its own second'),
    (t.day(5) - 1, 'active, small, until 2026-02-01', 'a second before a change nothing has changed'),
    (t.day(5), 'active, small x 4, until 2026-02-01', 'a quantity, from its own second'),
    (t.day(10), 'active, big x 4, until 2026-02-01', 'a price in the middle of a period'),
    (t.day(12) - 1, 'active, big x 4, until 2026-02-01', 'before three changes in one second'),
    (t.day(12), 'active, big x 7, until 2026-02-01', 'at that second the last of them'),
    (t.day(12) + 1, 'active, big x 7, until 2026-02-01', 'and after it'),
    (t.day(15), 'active, big x 7, until 2026-02-01, discounted: SPRING', 'a discount begins'),
    (t.day(20) - 1, 'active, big x 7, until 2026-02-01, discounted: SPRING', 'and lasts'),
    (t.day(20), 'active, big x 7, until 2026-02-01, collection paused: void', 'a pause is no status'),
    (t.day(25), 'active, big x 7, until 2026-02-01', 'it ends'),
    (t.day(31) - 1, 'active, big x 7, until 2026-02-01', 'before the phase of a schedule'),
    (t.day(31), 'active, small x 2 + addon, until 2026-03-04', 'a phase holds from its period''s start, however late it was read'),
    (t.day(50) - 1, 'active, small x 2 + addon, until 2026-03-04', 'until the end'),
    (t.day(50), 'canceled, small x 2, until 2026-03-04', 'which holds from when Stripe says'),
    (t.day(9999), 'canceled, small x 2, until 2026-03-04', 'and for ever')) AS c (second, want, name);
SELECT is(ledger.subscription_state('self', 'sub_nobody', now()), NULL, 'a subscription that nobody knows');
SELECT is(ledger.subscription_state('acct_other', 'sub_3', to_timestamp(t.day(31))), NULL, 'or of another account');
SELECT is(ledger.subscription_state('self', 'sub_3', 'infinity'), (SELECT state FROM ledger.subscription WHERE id = 'sub_3'), 'the last state is the present one');
SELECT is(ledger.subscription_state('self', 'sub_3', NULL), NULL, 'no moment, no answer');
SELECT is(ledger.subscription_state('self', 'sub_3', to_timestamp(t.day(15))) -> 'discounts', '[{"coupon": "SPRING", "promotion_code": "promo_1"}]'::jsonb, 'a state has its discounts');
SELECT is(t.try('instep_app', $$SELECT ledger.subscription_state('self', 'sub_3', now())$$), 'ok', 'the application may ask');
SELECT is(t.try('instep_reader', $$SELECT ledger.subscription_state('self', 'sub_3', now())$$), '42501', 'readers of the dashboard may not');
SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies');
SELECT * FROM finish();
ROLLBACK;
