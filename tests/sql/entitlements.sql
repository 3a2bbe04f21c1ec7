-- Entitlements: what the policy says of each status, with grace, resolved per user.
BEGIN;
SELECT no_plan();
CREATE FUNCTION pg_temp.right_of(p_user text, p_day numeric) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', e.entitled::text, e.plan_key, e.reason, e.subscription) FROM ledger.entitlement(p_user, to_timestamp(t.day(p_day))) AS e $$;
CREATE FUNCTION pg_temp.become(p_customer text, p_subs jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT t.turn(p_customer, p_subs || jsonb_build_array(t.customer(p_customer, jsonb_build_object('metadata', jsonb_build_object('user_id', 'user of ' || p_customer))))) $$;

SELECT pg_temp.become('cus_' || s.status, jsonb_build_array(t.sub('sub_' || s.status, 'cus_' || s.status, s.status)))
  FROM (SELECT status FROM ledger.entitlement_policy UNION ALL SELECT 'hibernating') AS s;
SELECT is(pg_temp.right_of('user of cus_' || c.status, 1), c.want, c.status || ' ' || CASE WHEN c.want LIKE 'true%' THEN 'entitles' ELSE 'does not entitle' END)
  FROM (VALUES ('trialing', 'true pro trialing sub_trialing'), ('active', 'true pro active sub_active'),
               ('past_due', 'true pro grace sub_past_due'), ('incomplete', 'false pro first payment not made sub_incomplete'),
               ('incomplete_expired', 'false pro first payment never made sub_incomplete_expired'),
               ('unpaid', 'false pro unpaid sub_unpaid'), ('canceled', 'false pro canceled sub_canceled'),
               ('paused', 'false pro paused sub_paused'),
               ('hibernating', 'false pro no policy for status hibernating sub_hibernating')) AS c (status, want);
SELECT is(pg_temp.right_of('nobody', 1), 'false no subscription', 'an unknown user gets one row all the same');
SELECT is((SELECT count(*) FROM ledger.entitlement(NULL)), 1::bigint, 'even NULL');

-- grace ends at the earliest current_period_start plus seven days, to the second
SELECT is((SELECT entitled FROM ledger.entitlement('user of cus_past_due', to_timestamp(t.day(7) - 1))), true, 'a second before the end of grace');
SELECT is((SELECT entitled || ' ' || reason FROM ledger.entitlement('user of cus_past_due', to_timestamp(t.day(7)))), 'false grace over', 'the end itself is over');
SELECT is((SELECT extract(epoch FROM entitled_until)::bigint FROM ledger.entitlement('user of cus_past_due')), t.day(7), 'until is said');
SELECT pg_temp.become('cus_two', jsonb_build_array(t.sub('sub_two', 'cus_two', 'past_due', jsonb_build_array(t.item('si_a', 'pro', 10, 40), t.item('si_b', 'addon', 5, 35)))));
SELECT is((SELECT extract(epoch FROM entitled_until)::bigint FROM ledger.entitlement WHERE subscription = 'sub_two'), t.day(12), 'the earliest of several items counts');
SET LOCAL timezone TO 'America/New_York';
SELECT pg_temp.become('cus_dst', jsonb_build_array(t.sub('sub_dst', 'cus_dst', 'past_due', jsonb_build_array(t.item('si_dst', 'pro', 64, 94)))));
SELECT is((SELECT extract(epoch FROM entitled_until)::bigint FROM ledger.entitlement WHERE subscription = 'sub_dst'), t.day(71), 'a change of summer time in the session changes nothing');
SET LOCAL timezone TO 'UTC';
SELECT pg_temp.become('cus_two', jsonb_build_array(t.sub('sub_two', 'cus_two', 'active', jsonb_build_array(t.item('si_a', 'pro', 10, 40), t.item('si_b', 'addon', 5, 35)))));
SELECT is((SELECT entitled_until FROM ledger.entitlement('user of cus_two')), NULL, 'recovered: without end again');

-- several subscriptions: rank decides among those that entitle
INSERT INTO ledger.plan (plan_key, rank, discovered) VALUES ('small', 1, false), ('big', 9, false);
SELECT pg_temp.become('cus_r', jsonb_build_array(t.sub('sub_big', 'cus_r', 'active', jsonb_build_array(t.item('si_big', 'big', 0, 31))), t.sub('sub_small', 'cus_r', 'active', jsonb_build_array(t.item('si_small', 'small', 0, 31)))));
SELECT is(pg_temp.right_of('user of cus_r', 1), 'true big active sub_big', 'the higher rank counts');
SELECT pg_temp.become('cus_r', jsonb_build_array(t.sub('sub_big', 'cus_r', 'unpaid', jsonb_build_array(t.item('si_big', 'big', 0, 31)))));
SELECT is(pg_temp.right_of('user of cus_r', 1), 'true small active sub_small', 'among those that entitle');
SELECT pg_temp.become('cus_r', jsonb_build_array(t.sub('sub_big', 'cus_r', 'past_due', jsonb_build_array(t.item('si_big', 'big', 0, 31)))));
SELECT is(pg_temp.right_of('user of cus_r', 1), 'true big grace sub_big', 'grace counts while it lasts');
SELECT is(pg_temp.right_of('user of cus_r', 8), 'true small active sub_small', 'and not after');
SELECT pg_temp.become('cus_i', jsonb_build_array(t.sub('sub_i', 'cus_i', 'active', jsonb_build_array(t.item('si_i1', 'small', 0, 31), t.item('si_i2', 'big', 0, 31)))));
SELECT is(pg_temp.right_of('user of cus_i', 1), 'true big active sub_i', 'several items: the plan with the highest rank');
SELECT t.turn('cus_other', jsonb_build_array(t.sub('sub_other', 'cus_other', 'active', jsonb_build_array(t.item('si_o', 'big', 0, 31)), '{"metadata": {"user_id": "user of cus_unpaid"}}')));
SELECT is(pg_temp.right_of('user of cus_unpaid', 1), 'true big active sub_other', 'several customers of one user');

-- upgrade, downgrade, cancel
SELECT is(pg_temp.become('cus_u', jsonb_build_array(t.sub('sub_u', 'cus_u', 'active', jsonb_build_array(t.item('si_u', 'small', 0, 31))))) #>> '{changes,2,after}',
    'entitled small (active) user of cus_u', 'a change says what is so now');
SELECT is(pg_temp.become('cus_u', jsonb_build_array(t.sub('sub_u', 'cus_u', 'active', jsonb_build_array(t.item('si_u', 'big', 0, 31))))) -> 'changes',
    '[{"what": "subscription sub_u", "before": "active, small, until 2026-02-01", "after": "active, big, until 2026-02-01"},
      {"what": "entitlement sub_u", "before": "entitled small (active) user of cus_u", "after": "entitled big (active) user of cus_u"}]'::jsonb, 'an upgrade');
SELECT is(pg_temp.become('cus_u', jsonb_build_array(t.sub('sub_u', 'cus_u', 'active', jsonb_build_array(t.item('si_u', 'big', 0, 31)), jsonb_build_object('cancel_at_period_end', true, 'cancel_at', t.day(31), 'canceled_at', t.day(3))))) -> 'changes',
    '[{"what": "subscription sub_u", "before": "active, big, until 2026-02-01", "after": "active, big, until 2026-02-01, will cancel"}]'::jsonb, 'a cancellation at the period''s end changes no right yet');
SELECT is(pg_temp.become('cus_u', jsonb_build_array(t.sub('sub_u', 'cus_u', 'canceled', jsonb_build_array(t.item('si_u', 'big', 0, 31)), jsonb_build_object('ended_at', t.day(31), 'canceled_at', t.day(3))))) #>> '{changes,1,after}',
    'not entitled big (canceled) user of cus_u', 'its end does');
SELECT t.turn('cus_u', '[]');
SELECT is((SELECT entitled FROM ledger.entitlement('user of cus_u')), false, 'what is absent is no fact: still canceled');

-- an item that is gone
SELECT pg_temp.become('cus_i', jsonb_build_array(t.sub('sub_i', 'cus_i', 'active', jsonb_build_array(t.item('si_i1', 'small', 0, 31)))));
SELECT is(pg_temp.right_of('user of cus_i', 1), 'true small active sub_i', 'an item taken off the subscription does not count');
SELECT is((SELECT array_agg(id) FROM ledger.subscription_item WHERE subscription = 'sub_i' AND removed_at IS NULL), '{si_i1}', 'it is marked as removed');

-- plans
SELECT is((SELECT array_agg(plan_key || ' ' || discovered ORDER BY plan_key COLLATE "C") FROM ledger.plan), '{"addon true","big false","pro true","small false"}', 'unknown plans are discovered, described ones are left as they are');
SELECT t.turn('price_pro', jsonb_build_array(t.price('pro') || '{"metadata": {"plan_key": "gold"}}'));
SELECT is((SELECT plan_key FROM ledger.plan_price WHERE price_id = 'price_pro'), 'gold', 'a price''s own turn changes its plan');
SELECT is((SELECT i -> 'plan_key' FROM jsonb_path_query(ops.ledger_truth(), '$.customers[*].subscriptions[*].items[*] ? (@.id == "si_sub_active")') AS i), '"gold"', 'and with it every item of that price');
SELECT t.turn('cus_active', jsonb_build_array(t.sub('sub_active', 'cus_active', 'active')), '[]', jsonb_build_object('started_ms', t.day(50) * 1000));
SELECT is((SELECT plan_key FROM ledger.plan_price WHERE price_id = 'price_pro'), 'gold', 'an older read of the price does not bring the old plan back');

SELECT is(pg_temp.right_of('user of cus_trialing', 1), 'true gold trialing sub_trialing', 'and the right of everybody who has it, in whatever order they were read');
SELECT is((SELECT plan_key FROM dashboard.user_subscriptions WHERE stripe_subscription_id = 'sub_trialing'), 'gold', 'the view as well');

-- a deleted customer
SELECT pg_temp.become('cus_del', jsonb_build_array(t.sub('sub_del', 'cus_del', 'active'), t.sub('sub_del2', 'cus_del', 'past_due'), t.sub('sub_del3', 'cus_del', 'unpaid')));
SELECT t.turn('cus_del', '[{"object": "customer", "id": "cus_del", "deleted": true}]', '[]', '{"complete": ["subscriptions"]}');
SELECT is((SELECT array_agg(subscription || ' ' || entitled || ' ' || reason || coalesce(' ' || entitled_until::text, '') ORDER BY subscription) FROM ledger.entitlement WHERE customer = 'cus_del'),
    '{"sub_del false customer deleted","sub_del2 false customer deleted","sub_del3 false unpaid"}', 'a deleted customer is entitled to nothing, though no read showed its subscriptions');

-- pause_collection is not a status
SELECT pg_temp.become('cus_pc', jsonb_build_array(t.sub('sub_pc', 'cus_pc', 'active', NULL, '{"pause_collection": {"behavior": "void", "resumes_at": null}}')));
SELECT is(pg_temp.right_of('user of cus_pc', 1), 'true gold active sub_pc', 'paused collection does not take rights away');

SELECT set_eq($$SELECT stripe_subscription_id || ' ' || entitled || ' ' || reason FROM dashboard.user_subscriptions WHERE user_id = 'user of cus_r'$$,
    ARRAY['sub_big false grace over', 'sub_small true active'], 'the view shows the right of this moment');
SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies');
SELECT * FROM finish();
ROLLBACK;
