-- Which lots the rules ask for, before anybody books them: ledger.grant_targets is a function of what is known.
BEGIN;
SELECT no_plan();
\ir grants.psql
SELECT pg_temp.plan('pro', 30, 2), pg_temp.plan('team', 200), pg_temp.plan('paid', 30, 2, '{"grant_when": "paid"}');

-- a billed period
SELECT t.turn('cus_g', jsonb_build_array(pg_temp.sub('sub_a', 'active', pg_temp.item('sub_a', t.price('pro'), '2026-01-10', '2026-02-10', 2)),
    pg_temp.bill('in_a', 'sub_a', 'price_pro', '2026-01-10', '2026-02-10', 'paid', NULL, 2)));
SELECT is(pg_temp.given('sub_a', '2026-01-10'), 'period pro: 60 2026-01-10..2026-02-10 | 2026-01-10 | 2026-02-10', 'a period gives what the plan says, for each unit');

-- trial, then by time active
SELECT t.turn('cus_g', jsonb_build_array(pg_temp.sub('sub_t', 'trialing', pg_temp.item('sub_t', t.price('pro'), '2026-01-01', '2026-01-15'),
    jsonb_build_object('trial_start', pg_temp.at('2026-01-01'), 'trial_end', pg_temp.at('2026-01-15'))),
    pg_temp.bill('in_t', 'sub_t', 'price_pro', '2026-01-01', '2026-01-15', 'paid', NULL, 1, '{"billing_reason": "subscription_create"}', 0)));
SELECT is(pg_temp.given('sub_t', '2026-01-02'), 'trial pro: 2 2026-01-01..2026-01-15 | 2026-01-01 | 2026-02-15', 'a trial gives its own, until it is known whether it goes on');
SELECT t.turn('cus_g', jsonb_build_array(pg_temp.sub('sub_t', 'active', pg_temp.item('sub_t', t.price('pro'), '2026-01-15', '2026-02-15'),
    jsonb_build_object('trial_start', pg_temp.at('2026-01-01'), 'trial_end', pg_temp.at('2026-01-15'), 'created', pg_temp.at('2026-01-01'))),
    pg_temp.bill('in_t2', 'sub_t', 'price_pro', '2026-01-15', '2026-02-15', 'draft')));
SELECT is(pg_temp.given('sub_t', '2026-01-16'), E'trial pro: 2 2026-01-01..2026-01-15 | 2026-01-01 | 2026-02-15\nperiod pro: 30 2026-01-15..2026-02-15 | 2026-01-15 | 2026-02-15',
          'the first period comes with the status, the trial''s last as long');
-- a year in months
SELECT t.turn('cus_g', jsonb_build_array(pg_temp.sub('sub_y', 'active', pg_temp.item('sub_y', pg_temp.price('pro', 'year', 1), '2027-01-31', '2028-01-31'),
    jsonb_build_object('billing_cycle_anchor', pg_temp.at('2027-01-31'))),
    pg_temp.bill('in_y', 'sub_y', 'price_pro_year1', '2027-01-31', '2028-01-31')));
SELECT is(pg_temp.given('sub_y', '2027-04-30 00:00:00'), E'period pro: 30 2027-01-31..2027-02-28 | 2027-01-31 | 2027-02-28\n'
    'period pro: 30 2027-02-28..2027-03-31 | 2027-02-28 | 2027-03-31\nperiod pro: 30 2027-03-31..2027-04-30 | 2027-03-31 | 2027-04-30\n'
    'period pro: 30 2027-04-30..2027-05-31 | 2027-04-30 | 2027-05-31', 'a year comes in months, by the calendar');
SELECT is((SELECT due_at FROM ledger.grant_targets('self', 'sub_y', '2027-04-30 00:00 UTC')), '2027-05-31 00:00 UTC'::timestamptz, 'and says when the next begins');
SELECT * FROM finish();
ROLLBACK;
