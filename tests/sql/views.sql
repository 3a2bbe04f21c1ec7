-- The columns that readers rely on: names, order and types.
BEGIN;
SELECT no_plan();
SELECT is((SELECT array_agg(column_name || ' ' || data_type ORDER BY ordinal_position) FROM information_schema.columns WHERE table_schema = 'dashboard' AND table_name = c.name),
          c.columns::text[], 'dashboard.' || c.name || ' has its columns')
  FROM (VALUES
    ('revenue_ledger', '{partner_id bigint,mapping_id bigint,stripe_session_ref text,stripe_customer_ref text,stripe_subscription_ref text,gross_amount_cents bigint,discount_amount_cents bigint,commission_amount_cents bigint,currency text,ledger_status text,recorded_at timestamp with time zone,settled_at timestamp with time zone,elsewhere_amount_cents bigint,refunded_amount_cents bigint,disputed_amount_cents bigint,lost_amount_cents bigint,credited_amount_cents bigint,net_amount_cents bigint}'),
    ('stripe_events', '{stripe_event_id text,event_type text,stripe_customer_ref text,processed boolean,outcome text,error text,attempts integer,created_at timestamp with time zone,processed_at timestamp with time zone}'),
    ('user_subscriptions', '{user_id text,stripe_customer_id text,stripe_subscription_id text,plan_key text,status text,entitled boolean,reason text,current_period_start timestamp with time zone,current_period_end timestamp with time zone}')
  ) AS c (name, columns);
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', jsonb_build_array(t.item('si_1', 'pro', 3, 33), t.item('si_2', 'addon', 0, 31)))),
    jsonb_build_array(t.event('evt_1', 'customer.subscription.updated', 'sub_1'), t.event('evt_2', 'payout.paid'), t.event('sync_1', 'instep.sync')));
SELECT ops.fail_turn(jsonb_build_object('account', 'self', 'subject', 'ch_1', 'worker', 'w', 'turn', gen_random_uuid(), 'class', 'stripe_permanent', 'error', 'no such charge', 'attempt', 3, 'bury', false, 'events', jsonb_build_array(t.event('evt_3', 'charge.updated'))));
SELECT results_eq($$SELECT stripe_event_id, stripe_customer_ref, processed, outcome, error, attempts FROM dashboard.stripe_events ORDER BY 1$$,
    $$VALUES ('evt_1', 'cus_1', true, 'applied', NULL, 1), ('evt_2', 'cus_1', true, 'ignored', NULL, 1), ('evt_3', NULL, false, 'retrying', 'no such charge', 3)$$,
    'events show what became of them; our own are left out');
SELECT results_eq($$SELECT user_id, entitled, extract(epoch FROM current_period_start)::bigint, extract(epoch FROM current_period_end)::bigint FROM dashboard.user_subscriptions$$,
    $$SELECT NULL::text, true, t.day(0), t.day(33)$$, 'a subscription of an orphan is shown, over the periods of all its items');
SELECT * FROM finish();
ROLLBACK;
