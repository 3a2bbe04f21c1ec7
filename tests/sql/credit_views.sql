-- The dashboard of credits: each view answers its question, and says nothing when there is nothing to say.
BEGIN;
SELECT no_plan();
\ir credit_lots.psql
-- Days from now; the views look at the clock.
CREATE FUNCTION pg_temp.days(p_days numeric) RETURNS numeric LANGUAGE sql AS $$ SELECT floor((extract(epoch FROM now()) - t.day(0)) / 86400) + p_days $$;
CREATE FUNCTION pg_temp.columns(p_view text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_attribute AS a WHERE a.attrelid = p_view::regclass AND a.attnum > 0 $$;
SELECT matches(pg_temp.columns('dashboard.credit_transactions'), '^user_id amount transaction_type transition balance_before balance_after subscription_id plan_key stripe_event_id created_at ', 'the promised columns come first');
CREATE FUNCTION pg_temp.rows(p_view text) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE v bigint; BEGIN EXECUTE 'SELECT count(*) FROM dashboard.' || p_view INTO v; RETURN v; END $$;
SELECT is(pg_temp.rows(v), 0::bigint, v || ' has no row in an empty ledger') FROM unnest(ARRAY['credit_transactions', 'credit_balances', 'orphans', 'failed_events', 'monthly_usage', 'recent_trial_conversions', 'stuck_trials']) AS v;

-- The story: 32 on trial, 30 more when it converts. An orphan has 200.
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', NULL, '{"metadata": {"user_id": "u1"}}'), t.invoice('in_1', 'cus_1', 'sub_1', 'paid', 1999)));
SELECT t.turn('cus_2', jsonb_build_array(t.sub('sub_2', 'cus_2', 'active', jsonb_build_array(t.item('si_sub_2', 'team', 0, 31))), t.invoice('in_2', 'cus_2', 'sub_2', 'paid', 9900)), jsonb_build_array(t.event('evt_2', 'invoice.paid', 'in_2')));
SELECT pg_temp.entry('user:u1', 'granted', ARRAY[pg_temp.lot('user:u1', 'trial', 'sub_1', 'solo', pg_temp.days(-14), pg_temp.days(-1), pg_temp.days(30))], '{32}', pg_temp.days(-14), '{"transition": "trial_start", "event": "evt_0", "source": "sub_1"}');
SELECT pg_temp.entry('user:u1', 'granted', ARRAY[pg_temp.lot('user:u1', 'period', 'sub_1', 'solo', pg_temp.days(-1), pg_temp.days(30))], '{30}', pg_temp.days(-1), '{"transition": "trial_to_active", "event": "evt_1", "source": "in_1"}');
SELECT is((SELECT array_agg(t.*::text) FROM (SELECT user_id, amount, transaction_type, transition, balance_before, balance_after, subscription_id, plan_key, stripe_event_id FROM dashboard.credit_transactions WHERE transition = 'trial_to_active') AS t),
    '{"(u1,30,granted,trial_to_active,32,62,sub_1,solo,evt_1)"}', '32 on trial, 62 once it is paid, one transaction that says why');
SELECT pg_temp.entry('user:u1', 'granted', ARRAY[pg_temp.lot('user:u1', 'period', 'sub_0', 'solo', pg_temp.days(-40), pg_temp.days(-9))], '{9}', pg_temp.days(-40));
SELECT pg_temp.entry('user:u1', 'granted', ARRAY[pg_temp.lot('user:u1', 'period', 'sub_3', 'solo', pg_temp.days(20), pg_temp.days(51))], '{500}', pg_temp.days(20));
SELECT pg_temp.entry('user:u1', 'granted', ARRAY[pg_temp.lot('user:u1', 'manual', NULL, NULL, pg_temp.days(-3), NULL, pg_temp.days(9))], '{5}', pg_temp.days(-3), '{"key": "sorry-1", "note": "an apology"}');
SELECT is((SELECT b::text FROM (SELECT user_id, booked, spendable, credit_limit, next_expires_amount, next_expires_at = to_timestamp(t.day(pg_temp.days(9))) FROM dashboard.credit_balances WHERE user_id = 'u1') AS b),
    '(u1,576,67,67,5,t)', 'spendable is neither what expired unnoticed nor what has not begun');
SELECT is((SELECT concat_ws(' ', source, note, subscription_id) FROM dashboard.credit_transactions WHERE user_id = 'u1' ORDER BY n DESC LIMIT 1), 'k' || pg_temp.days(-3) || ' an apology', 'a gift names its key and note');
-- below zero
SELECT pg_temp.entry('user:u4', 'granted', ARRAY[pg_temp.lot('user:u4', 'period', 'sub_4', 'solo', pg_temp.days(-40), pg_temp.days(-9))], '{30}', pg_temp.days(-40));
SELECT pg_temp.entry('user:u4', 'spent', ARRAY[max(id)], '{-25}', pg_temp.days(-20), '{"key": "app:job-7"}') FROM ledger.credit_lot;
SELECT pg_temp.entry('user:u4', 'clawed_back', ARRAY[max(id)], '{-30}', pg_temp.days(-2)) FROM ledger.credit_lot;
SELECT is((SELECT concat_ws(' ', booked, spendable, credit_limit, next_expires_amount) FROM dashboard.credit_balances WHERE user_id = 'u4'), '-25 -25 0', 'a debt is shown until it is made good');
SELECT is((SELECT source FROM dashboard.credit_transactions WHERE transaction_type = 'spent'), 'job-7', 'a spend names its key');

-- orphans
SELECT pg_temp.entry('customer:self:cus_2', 'granted', ARRAY[pg_temp.lot('customer:self:cus_2', 'period', 'sub_2', 'team', pg_temp.days(-1), pg_temp.days(30), NULL, 'cus_2')], '{200}', pg_temp.days(-1));
SELECT is((SELECT o::text FROM (SELECT stripe_customer_id, subscriptions, entitled_subscriptions, plan_key, sales, credits, spendable, next_step FROM dashboard.orphans) AS o),
    '(cus_2,1,1,team,1,200,200,"instep link cus_2 USER")', 'an orphan, with what waits for its user and what to do');
SELECT is((SELECT concat_ws(' ', user_id, stripe_customer_id, booked) FROM dashboard.credit_balances WHERE user_id IS NULL), 'cus_2 200', 'its balance is among the balances');
SELECT is((SELECT concat_ws(' ', user_id, stripe_customer_ref) FROM dashboard.credit_transactions WHERE user_id IS NULL), 'cus_2', 'and among the transactions');
SELECT ops.link_user('self', 'cus_2', 'u2', 'test');
SELECT is((SELECT count(*) FROM dashboard.orphans), 0::bigint, 'once it has a user it is none any more');
SELECT t.turn('cus_9', jsonb_build_array(t.customer('cus_9')));
SELECT is((SELECT count(*) FROM dashboard.orphans), 0::bigint, 'who has nothing is no orphan');

-- failures
CREATE FUNCTION pg_temp.fail(p_event text, p_class text, p_bury boolean, p_customer text DEFAULT 'cus_1') RETURNS void LANGUAGE sql AS $$
    SELECT ops.fail_turn(jsonb_build_object('account', 'self', 'subject', 'cus_1', 'worker', 'w', 'turn', gen_random_uuid(), 'class', p_class, 'error', 'it says ' || p_class,
        'attempt', 3, 'bury', p_bury, 'next_at_ms', t.day(pg_temp.days(1)) * 1000, 'events', jsonb_build_array(t.event(p_event, 'invoice.paid', 'in_1') || jsonb_build_object('customer', p_customer)))) $$;
SELECT pg_temp.fail('evt_again', 'stripe_transient', false), pg_temp.fail('evt_bug', 'bug', true), pg_temp.fail('evt_who', 'unknown_user', true, 'cus_7'), pg_temp.fail('evt_shape', 'unknown_shape', true);
SELECT is((SELECT string_agg(concat_ws('|', stripe_event_id, event_type, stripe_customer_ref, outcome, class, error, next_step), E'\n' ORDER BY stripe_event_id) FROM dashboard.failed_events),
'evt_again|invoice.paid|cus_1|retrying|stripe_transient|it says stripe_transient|wait: it is tried again by itself
evt_bug|invoice.paid|cus_1|dead|bug|it says bug|report it, and after the fix: instep dead retry evt_bug
evt_shape|invoice.paid|cus_1|dead|unknown_shape|it says unknown_shape|teach the reader that the error names, then: instep dead retry evt_shape
evt_who|invoice.paid|cus_7|dead|unknown_user|it says unknown_user|instep link cus_7 USER, then: instep dead retry evt_who', 'each failure says what to do');
UPDATE ops.dead_letter SET retried_at = clock_timestamp() WHERE event_id = 'evt_bug';
SELECT is((SELECT next_step FROM dashboard.failed_events WHERE stripe_event_id = 'evt_bug'), 'wait: it was put back into the queue', 'one that was put back is waited for');
SELECT t.turn('cus_1', '[]', jsonb_build_array(t.event('evt_bug', 'invoice.paid', 'in_1')));
SELECT is((SELECT array_agg(stripe_event_id ORDER BY stripe_event_id COLLATE "C") FROM dashboard.failed_events), '{evt_again,evt_shape,evt_who}', 'what succeeded is gone');

-- usage
INSERT INTO ledger.usage_period (user_id, meter, period_start, period_end, account, subscription, used) VALUES
    ('u1', 'exports', to_timestamp(t.day(pg_temp.days(-1))), to_timestamp(t.day(pg_temp.days(30))), 'self', 'sub_1', 12), ('u1', 'exports', to_timestamp(t.day(pg_temp.days(-32))), to_timestamp(t.day(pg_temp.days(-1))), 'self', 'sub_1', 7),
    ('u2', 'calls', to_timestamp(t.day(0)), to_timestamp(t.day(31)), NULL, NULL, 3), ('u2', 'nothing', to_timestamp(t.day(0)), to_timestamp(t.day(31)), NULL, NULL, 0);
INSERT INTO ledger.usage_entry (user_id, meter, period_start, n, used_before, used_after, usage_limit, idempotency_key) SELECT u.user_id, u.meter, u.period_start, x.n, x.before, x.before + x.n, x.lim, x.key
  FROM ledger.usage_period AS u JOIN (VALUES ('exports', 12, 10, 0, 20, 'a'), ('exports', 12, 2, 10, 10, 'b'), ('exports', 7, 7, 0, 20, 'c'), ('calls', 3, 3, 0, NULL, 'd')) AS x (meter, used, n, before, lim, key) ON x.meter = u.meter AND x.used = u.used ORDER BY x.key;
SELECT is((SELECT string_agg(concat_ws(' ', user_id, meter, used, coalesce(usage_limit::text, 'unlimited'), coalesce(remaining::text, '-'), coalesce(subscription_id, 'calendar'), is_current), ', ' ORDER BY user_id, period_start DESC) FROM dashboard.monthly_usage),
    'u1 exports 12 10 0 sub_1 t, u1 exports 7 20 13 sub_1 f, u2 calls 3 unlimited - calendar f', 'what was used, of how much, in which month');

-- trials
CREATE FUNCTION pg_temp.trial(p_sub text, p_status text, p_end numeric, p_extra jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT t.sub(p_sub, 'cus_t', p_status, jsonb_build_array(t.item('si_' || p_sub, 'solo', p_end, p_end + 31)),
        jsonb_build_object('created', t.day(p_end - 14), 'trial_start', t.day(p_end - 14), 'trial_end', t.day(p_end), 'metadata', '{"user_id": "ut"}'::jsonb) || p_extra) $$;
SELECT t.turn('cus_t', jsonb_build_array(pg_temp.trial('sub_going', 'trialing', pg_temp.days(5)), pg_temp.trial('sub_late', 'trialing', pg_temp.days(-2)), pg_temp.trial('sub_new', 'active', pg_temp.days(0)), pg_temp.trial('sub_noinv', 'active', pg_temp.days(-3)),
    pg_temp.trial('sub_owes', 'past_due', pg_temp.days(-3)), pg_temp.trial('sub_over', 'canceled', pg_temp.days(-3)), pg_temp.trial('sub_paid', 'active', pg_temp.days(-3)), pg_temp.trial('sub_good', 'active', pg_temp.days(-3)), pg_temp.trial('sub_free', 'active', pg_temp.days(-3)),
    t.invoice('in_paid', 'cus_t', 'sub_paid', 'paid', 1999, pg_temp.days(-3)), t.invoice('in_good', 'cus_t', 'sub_good', 'paid', 1999, pg_temp.days(-3)), t.invoice('in_free', 'cus_t', 'sub_free', 'paid', 1999, pg_temp.days(-3))));
UPDATE ledger.subscription SET last_seen_at = now() WHERE customer = 'cus_t';
SELECT is((SELECT string_agg(DISTINCT stripe_subscription_id || ' ' || reason, ', ') FROM dashboard.stuck_trials WHERE reason <> 'no first invoice'), NULL, 'that Stripe says trialing is no reason while it was looked at since');
INSERT INTO ledger.invoice_line (account, invoice, id, subscription, item, price_id, quantity, amount, proration, period_start, period_end)
SELECT 'self', 'in_' || s, 'il_' || s, 'sub_' || s, 'si_sub_' || s, 'price_solo', 1, 1999, false, to_timestamp(t.day(pg_temp.days(-3))), to_timestamp(t.day(pg_temp.days(28))) FROM unnest(ARRAY['paid', 'good', 'free']) AS s;
UPDATE ledger.subscription SET last_seen_at = to_timestamp(t.day(pg_temp.days(-10))) WHERE id = 'sub_late';
SELECT pg_temp.entry('user:ut', 'granted', ARRAY[pg_temp.lot('user:ut', 'period', 'sub_good', 'solo', pg_temp.days(-3), pg_temp.days(28), NULL, 'cus_t')], '{30}', pg_temp.days(-3));
INSERT INTO ledger.plan VALUES ('none') ON CONFLICT DO NOTHING;
INSERT INTO ledger.plan_version (plan_key, version, valid_from, source, loaded_by) VALUES ('none', 1, to_timestamp(0), 'sql', 'test');
INSERT INTO ledger.plan_price (account, price_id, plan_key, unit_amount) VALUES ('self', 'price_none', 'none', 1999);
UPDATE ledger.invoice_line SET price_id = 'price_none' WHERE invoice = 'in_free';
SELECT is((SELECT string_agg(concat_ws('|', user_id, stripe_customer_id, stripe_subscription_id, plan_key, status, reason, stripe_invoice_id, next_step), E'\n' ORDER BY stripe_subscription_id) FROM dashboard.stuck_trials),
'ut|cus_t|sub_late|trialing|not looked at|instep sync sub_late
ut|cus_t|sub_noinv|active|no first invoice|instep sync sub_noinv
ut|cus_t|sub_paid|solo|active|no credits|in_paid|instep sync sub_paid', 'who is stuck, why, and what to do');
SELECT is(ops.status() ->> 'stuck_trials', '3', 'status counts them');
DELETE FROM ledger.conversion;
INSERT INTO ledger.conversion (account, subscription, customer, state, plan_key, trial_start, trial_end, invoice, amount, currency, converted_at, ended_at, turn)
SELECT 'self', s.id, 'cus_t', x.state, 'solo', s.trial_start, s.trial_end, x.invoice, coalesce(x.amount, 0), x.currency, x.at, x.ended, x.turn FROM ledger.subscription AS s
  JOIN (VALUES ('sub_going', 'trial', NULL, NULL, NULL, NULL::timestamptz, NULL::timestamptz, (SELECT max(id::text)::uuid FROM ops.turn)), ('sub_good', 'converted', 'in_good', 1999, 'usd', '2026-03-01 23:59:59+00', NULL, (SELECT max(id::text)::uuid FROM ops.turn)),
               ('sub_over', 'ended_unpaid', NULL, NULL, NULL, NULL, now(), NULL), ('sub_owes', 'ended_unpaid', NULL, NULL, NULL, NULL, now() - interval '100 days', NULL)) AS x (sub, state, invoice, amount, currency, at, ended, turn) ON x.sub = s.id;
UPDATE ledger.conversion SET trial_start = trial_start - interval '200 days' WHERE subscription = 'sub_owes';
SET LOCAL TimeZone = 'Pacific/Auckland';
SELECT is((SELECT string_agg(concat_ws(' ', stripe_subscription_id, user_id, state, amount_cents, currency, converted_on), ', ' ORDER BY stripe_subscription_id) FROM dashboard.recent_trial_conversions),
    'sub_going ut trial 0, sub_good ut converted 1999 usd 2026-03-01, sub_over ut ended_unpaid 0', 'what became of trials lately; the day is that of UTC');
-- status
UPDATE ledger.subscription SET credits_due_at = now() - interval '1 day' WHERE id = 'sub_good';
UPDATE ledger.credit_holder SET next_due_at = now() - interval '1 minute';
UPDATE ledger.credit_holder SET next_due_at = now() - interval '1 day' WHERE holder = 'user:u1';
SELECT is(ops.status() #>> '{credits,late}', '2', 'status counts what time should have done');
SELECT is(ops.status() -> 'trials', '{"trial": 1, "converted": 1, "ended_unpaid": 2}', 'and trials by what became of them');
SELECT is(t.try('instep_reader', 'SELECT * FROM dashboard.' || v), 'ok', 'a reader reads ' || v) FROM unnest(ARRAY['credit_transactions', 'credit_balances', 'orphans', 'failed_events', 'monthly_usage', 'recent_trial_conversions', 'stuck_trials']) AS v;
SELECT * FROM finish();
ROLLBACK;
