-- What a user may use: months, versions, limits, several items and subscriptions, grace; and what is announced of it.
BEGIN;
SELECT no_plan();
SET LOCAL timezone = 'America/New_York'; -- nothing here is counted by the session's zone

CREATE FUNCTION pg_temp.month(p_anchor text, p_start text, p_end text, p_interval text, p_count integer, p_at text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', to_char(m.month_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24'), to_char(m.month_end AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24'))
      FROM ledger.month_at((p_anchor || 'Z')::timestamptz, (p_start || 'Z')::timestamptz, (p_end || 'Z')::timestamptz, p_interval, p_count, (p_at || 'Z')::timestamptz) AS m $$;
SELECT is(pg_temp.month(c.anchor, c.s, c.e, c.i, c.n, c.at), c.want, c.name) FROM (VALUES
    ('a month is one', '2026-01-31T10:00', '2026-01-31T10:00', '2026-02-28T10:00', 'month', 1, '2026-02-28T09:59:59', '2026-01-31T10 2026-02-28T10'),
    ('its end begins the next, by the anchor', '2026-01-31T10:00', '2026-01-31T10:00', '2026-02-28T10:00', 'month', 1, '2026-02-28T10:00', '2026-02-28T10 2026-03-31T10'),
    ('and so on while no renewal is read', '2026-01-31T10:00', '2026-01-31T10:00', '2026-02-28T10:00', 'month', 1, '2026-05-01T00:00', '2026-04-30T10 2026-05-31T10'),
    ('a week', NULL, '2026-01-01T00:00', '2026-01-08T00:00', 'week', 1, '2026-01-07T00:00', '2026-01-01T00 2026-01-08T00'),
    ('the weeks after it', NULL, '2026-01-01T00:00', '2026-01-08T00:00', 'week', 1, '2026-01-22T00:00', '2026-01-22T00 2026-01-29T00'),
    ('ten days', NULL, '2026-01-01T00:00', '2026-01-11T00:00', 'day', 10, '2026-01-20T23:00', '2026-01-11T00 2026-01-21T00'),
    ('a year: its first month', '2024-01-31T00:00', '2024-01-31T00:00', '2025-01-31T00:00', 'year', 1, '2024-01-31T00:00', '2024-01-31T00 2024-02-29T00'),
    ('a leap day', '2024-01-31T00:00', '2024-01-31T00:00', '2025-01-31T00:00', 'year', 1, '2024-02-29T00:00', '2024-02-29T00 2024-03-31T00'),
    ('a second before it', '2024-01-31T00:00', '2024-01-31T00:00', '2025-01-31T00:00', 'year', 1, '2024-02-28T23:59:59', '2024-01-31T00 2024-02-29T00'),
    ('the last month', '2024-01-31T00:00', '2024-01-31T00:00', '2025-01-31T00:00', 'year', 1, '2025-01-30T00:00', '2024-12-31T00 2025-01-31T00'),
    ('the month after it', '2024-01-31T00:00', '2024-01-31T00:00', '2025-01-31T00:00', 'year', 1, '2025-02-10T00:00', '2025-01-31T00 2025-02-28T00'),
    ('a year from a leap day', '2024-02-29T00:00', '2024-02-29T00:00', '2025-02-28T00:00', 'year', 1, '2024-12-29T00:00', '2024-12-29T00 2025-01-29T00'),
    ('ends with the period', '2024-02-29T00:00', '2024-02-29T00:00', '2025-02-28T00:00', 'year', 1, '2025-01-30T00:00', '2025-01-29T00 2025-02-28T00'),
    ('its second year is counted from the leap day too', '2024-02-29T00:00', '2025-02-28T00:00', '2026-02-28T00:00', 'year', 1, '2025-03-28T12:00', '2025-02-28T00 2025-03-29T00'),
    ('an anchor that the period does not begin on', '2024-01-15T00:00', '2024-01-31T00:00', '2025-01-31T00:00', 'year', 1, '2024-03-01T00:00', '2024-02-29T00 2024-03-31T00'),
    ('a quarter', '2026-01-01T00:00', '2026-01-01T00:00', '2026-04-01T00:00', 'month', 3, '2026-03-31T23:00', '2026-03-01T00 2026-04-01T00'),
    ('a trial of a yearly price has the months it has', '2026-02-15T00:00', '2026-01-01T00:00', '2026-02-15T00:00', 'year', 1, '2026-02-10T00:00', '2026-02-01T00 2026-02-15T00'),
    ('a trial of a monthly price is one', '2026-02-15T00:00', '2026-01-01T00:00', '2026-02-15T00:00', 'month', 1, '2026-02-10T00:00', '2026-01-01T00 2026-02-15T00'),
    ('summer time is nothing', '2026-03-01T07:00', '2026-03-01T07:00', '2027-03-01T07:00', 'year', 1, '2026-04-01T07:00', '2026-04-01T07 2026-05-01T07'),
    ('before it all', '2026-03-01T07:00', '2026-03-01T07:00', '2027-03-01T07:00', 'year', 1, '2025-01-01T00:00', '2026-03-01T07 2026-04-01T07')) AS c (name, anchor, s, e, i, n, at, want);
SELECT is((SELECT count(*) FROM generate_series(0, 730) AS d (n) CROSS JOIN LATERAL (SELECT '2024-01-31T00:00Z'::timestamptz + make_interval(hours => d.n * 24) AS at) AS a
             CROSS JOIN LATERAL ledger.month_at('2024-01-31T00:00Z', '2024-01-31T00:00Z', '2025-01-31T00:00Z', 'year', 1, a.at) AS m
            WHERE NOT (m.month_start <= a.at AND a.at < m.month_end)), 0::bigint, 'every day of two years is in its month');

-- limits
SELECT ledger.load_plans('{"plans": {"free": {"limits": {"calls": 10}}, "pro": {"rank": 5, "limits": {"calls": 1000, "seats": {"limit": 2, "per_unit": true}, "mails": {"limit": 7, "hard": false}}},
    "extra": {"rank": 1, "limits": {"calls": {"limit": 100, "per_unit": true}}}}}', 'sql', 'ann', false, to_timestamp(t.day(0)));
CREATE FUNCTION pg_temp.of(p_user text, p_day numeric) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', e.entitled, e.plan_key, 'v' || e.plan_version, e.reason, (SELECT string_agg(concat_ws(':', l.key, l.value ->> 'limit', CASE WHEN l.value -> 'hard' = 'false' THEN 'soft' END, l.value ->> 'used', l.value ->> 'remaining'), ' ' ORDER BY l.key)
                                        FROM jsonb_each(e.limits) AS l)) FROM ledger.entitlement(p_user, to_timestamp(t.day(p_day))) AS e $$;
SELECT is(pg_temp.of('nobody', 1), 'f no subscription', 'nobody may use nothing');
SELECT is((SELECT row (limits, credits, credit_limit, plan_version, period_start)::text FROM ledger.entitlement('nobody')), '({},0,0,,)', 'and has nothing');
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', jsonb_build_array(t.item('si_1', 'pro', 0, 31, 3), t.item('si_2', 'extra', 0, 31, 4)), '{"metadata": {"user_id": "u1"}}')));
SELECT is(pg_temp.of('u1', 1), 't pro v1 active calls:1400:0:1400 mails:7:soft:0:7 seats:6:0:6', 'items add up, units count where the plan says so');
SELECT is((SELECT limits -> 'calls' -> 'period_end' FROM ledger.entitlement('u1', to_timestamp(t.day(1)))), to_jsonb(t.day(31)), 'until the end of the month');
SELECT is((SELECT row (period_start, period_end)::text FROM ledger.entitlement('u1', to_timestamp(t.day(1)))), row (to_timestamp(t.day(0)), to_timestamp(t.day(31)))::text, 'which is said by itself too');
SELECT is((SELECT limits -> 'calls' -> 'period_start' FROM ledger.entitlement('u1', to_timestamp(t.day(31)))), to_jsonb(t.day(31)), 'and the next begins then, read or not');
INSERT INTO ledger.usage_period VALUES ('u1', 'calls', to_timestamp(t.day(0)), to_timestamp(t.day(31)), 'self', 'sub_1', 1000), ('u1', 'mails', to_timestamp(t.day(0)), to_timestamp(t.day(31)), 'self', 'sub_1', 9);
SELECT is(pg_temp.of('u1', 30.9), 't pro v1 active calls:1400:1000:400 mails:7:soft:9:0 seats:6:0:6', 'what is used is shown, and nothing is below zero');
SELECT is(pg_temp.of('u1', 31), 't pro v1 active calls:1400:0:1400 mails:7:soft:0:7 seats:6:0:6', 'and is over with the month');

-- a new version rules from its month on
SELECT ledger.load_plans('{"plans": {"pro": {"rank": 5, "limits": {"calls": 2000}}}}', 'sql', 'ann', false, to_timestamp(t.day(15)));
SELECT is(pg_temp.of('u1', 20), 't pro v1 active calls:1400:1000:400 mails:7:soft:9:0 seats:6:0:6', 'a new version changes nothing of the month it comes in');
SELECT is(pg_temp.of('u1', 31), 't pro v2 active calls:2400:0:2400', 'and rules the next');
SELECT isnt((SELECT credits_due_at FROM ledger.subscription WHERE id = 'sub_1'), NULL, 'its subscriptions want looking at');
SELECT is((SELECT plan_version FROM ledger.entitlement WHERE subscription = 'sub_1'), 1, 'the version is announced');
SELECT is((SELECT r -> 'changes' -> 1 FROM t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', jsonb_build_array(t.item('si_1', 'pro', 31, 59, 3)), '{"metadata": {"user_id": "u1"}}'))) AS r),
    '{"what": "entitlement sub_1", "before": "entitled pro version 1 (active) u1", "after": "entitled pro version 2 (active) u1"}'::jsonb, 'and announced again when a renewal brings another');

-- several subscriptions: the entitled one of the highest rank
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_2', 'cus_1', 'active', jsonb_build_array(t.item('si_3', 'free', 31, 59)), '{"metadata": {"user_id": "u1"}}')));
SELECT is(pg_temp.of('u1', 32), 't pro v2 active calls:2000:0:2000', 'the higher rank counts');
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'past_due', jsonb_build_array(t.item('si_1', 'pro', 59, 90, 3)), '{"metadata": {"user_id": "u1"}}')));
SELECT is(pg_temp.of('u1', 65.9), 't pro v2 grace calls:2000:0:2000', 'in grace too');
SELECT is(pg_temp.of('u1', 66), 't free v1 active calls:10:0:10', 'when that is over the other one counts');
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_2', 'cus_1', 'canceled', jsonb_build_array(t.item('si_3', 'free', 31, 59)), '{"metadata": {"user_id": "u1"}}')));
SELECT is(pg_temp.of('u1', 66), 'f pro v2 grace over', 'who is not entitled may use nothing');
SELECT t.turn('cus_9', jsonb_build_array(t.sub('sub_9', 'cus_9', 'active', jsonb_build_array(t.item('si_9', 'nameless', 0, 31)), '{"metadata": {"user_id": "u9"}}')));
SELECT is(pg_temp.of('u9', 1), 't nameless active', 'a plan that nobody described has no version, no limits and no credits');
SELECT ledger.load_plans('{"plans": {"huge": {"limits": {"calls": {"limit": 1000000000000, "per_unit": true}}}}}', 'sql', 'ann', false, to_timestamp(t.day(0)));
SELECT t.turn('cus_8', jsonb_build_array(t.sub('sub_8', 'cus_8', 'active', jsonb_build_array(t.item('si_8', 'huge', 0, 31, 9000000000000000000)), '{"metadata": {"user_id": "u8"}}')));
SELECT is(pg_temp.of('u8', 1), 't huge v1 active calls:9223372036854775807:0:9223372036854775807', 'a limit beyond all numbers is the last number');
SELECT * FROM finish();
ROLLBACK;
