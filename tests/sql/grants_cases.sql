-- Lives of subscriptions, and the credits they bring: each case is one that went wrong for somebody.
BEGIN;
SELECT no_plan();
\ir grants.psql
SELECT pg_temp.plan('pro', 30, 32), pg_temp.plan('team', 200), pg_temp.plan('slow', 30, 2, '{"grant_when": "paid"}'),
       pg_temp.plan('hard', 30, 2, '{"trial_carry": false}');
-- A trial of the plan from January 1 to 15, and its invoice of nothing.
CREATE FUNCTION pg_temp.trial(p_id text, p_plan text DEFAULT 'pro') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_array(pg_temp.sub(p_id, 'trialing', pg_temp.item(p_id, t.price(p_plan), '2026-01-01', '2026-01-15'),
        jsonb_build_object('trial_start', pg_temp.at('2026-01-01'), 'trial_end', pg_temp.at('2026-01-15'), 'billing_cycle_anchor', pg_temp.at('2026-01-15'),
                           'metadata', jsonb_build_object('user_id', p_id))),
        pg_temp.bill('in_0' || p_id, p_id, 'price_' || p_plan, '2026-01-01', '2026-01-15', 'paid', NULL, 1, '{"billing_reason": "subscription_create"}', 0)) $$;
-- What it is after a trial that ended when p_end says.
CREATE FUNCTION pg_temp.after(p_id text, p_status text, p_from text, p_to text, p_plan text DEFAULT 'pro', p_end text DEFAULT '2026-01-15', p_extra jsonb DEFAULT '{}')
    RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.sub(p_id, p_status, pg_temp.item(p_id, t.price(p_plan), p_from, p_to),
        jsonb_build_object('created', pg_temp.at('2026-01-01'), 'trial_start', pg_temp.at('2026-01-01'), 'trial_end', pg_temp.at(p_end),
                           'metadata', jsonb_build_object('user_id', p_id)) || p_extra) $$;

-- trial start
SELECT pg_temp.case_('a'), pg_temp.tell('2026-01-01 00:00:05', pg_temp.trial('a'), 'a');
SELECT is(pg_temp.story('a'), 'granted 32 to 32 trial_start', 'trial start: the trial''s credits, at once');
SELECT is(pg_temp.conversion('a'), 'trial 0', 'trial start: recorded as a trial');
SELECT is((SELECT count(*) FROM ledger.journal_entry WHERE kind = 'sale_zero'), 1::bigint, 'trial start: and as a sale of nothing');
SELECT pg_temp.tell('2026-01-02', pg_temp.trial('a'), 'a');
SELECT is(pg_temp.balance(), 32::bigint, 'trial start: once');

-- trial to active, by time
SELECT pg_temp.tell('2026-01-15 00:01', jsonb_build_array(pg_temp.after('a', 'active', '2026-01-15', '2026-02-15'),
    pg_temp.bill('in_1a', 'a', 'price_pro', '2026-01-15', '2026-02-15', 'draft')), 'a');
SELECT is(pg_temp.story('a'), 'granted 32 to 32 trial_start, granted 30 to 62 trial_to_active', 'trial to active by time: 32 and 30 are 62');
SELECT is(pg_temp.conversion('a'), 'awaiting_payment 0', 'trial to active by time: no money yet');
SELECT is((SELECT (e.event_id, e.balance_before, e.balance_after, e.account, e.plan_key, e.source)::text FROM ledger.credit_entry AS e
            WHERE e.subscription = 'a' AND e.transition = 'trial_to_active'), '("evt_a2026-01-15 00:01",32,62,self,pro,a)', 'trial to active by time: one entry says why');
SELECT pg_temp.tell('2026-01-15 01:02', jsonb_build_array(pg_temp.after('a', 'active', '2026-01-15', '2026-02-15'),
    pg_temp.bill('in_1a', 'a', 'price_pro', '2026-01-15', '2026-02-15', 'paid', '2026-01-15 01:02')), 'in_1a');
SELECT is(pg_temp.balance(), 62::bigint, 'trial to active by time: the payment adds nothing');
SELECT is(pg_temp.lots('a'), E'trial pro: 32 2026-01-01..2026-01-15 | 2026-01-01 | 2026-02-15\nperiod pro: 30 2026-01-15..2026-02-15 | 2026-01-15 | 2026-02-15',
          'trial to active by time: trial credits last to the end of the first period');
SELECT is(pg_temp.conversion('a'), 'converted in_1a 1999 usd 2026-01-15 01:02:00', 'trial to active by time: the first real payment is the conversion');

-- expiry at the instant of the boundary
SELECT is(pg_temp.wait('2026-02-14 23:59:59'), 0, 'expiry: nothing a second before');
SELECT is(ledger.credit_balance('a'), 62::bigint, 'expiry: all is there a second before');
SELECT pg_temp.now_is('2026-02-15');
SELECT is(ledger.credit_balance('a', '2026-02-15 00:00 UTC'), 0::bigint, 'expiry: nothing is left at the instant');
SELECT is(pg_temp.wait('2026-02-15'), 1, 'expiry: the leader books it');
SELECT is(pg_temp.story('a'), 'granted 32 to 32 trial_start, granted 30 to 62 trial_to_active, expired -32 to 30, expired -30 to 0', 'expiry: once, lot by lot');

-- renewal
SELECT pg_temp.tell('2026-02-15 00:00:03', jsonb_build_array(pg_temp.after('a', 'active', '2026-02-15', '2026-03-15'),
    pg_temp.bill('in_2a', 'a', 'price_pro', '2026-02-15', '2026-03-15', 'draft')), 'a');
SELECT is(pg_temp.balance(), 30::bigint, 'renewal: the next period gives its own');
SELECT alike(pg_temp.story('a'), '%, granted 30 to 30 renewal', 'renewal: and says so');
SELECT is(pg_temp.conversion('a'), 'converted in_1a 1999 usd 2026-01-15 01:02:00', 'renewal: the conversion stays the first');

-- trial to active by trial_end=now
SELECT pg_temp.case_('b'), pg_temp.tell('2026-01-01', pg_temp.trial('b'), 'b');
SELECT pg_temp.tell('2026-01-05 12:00', jsonb_build_array(pg_temp.after('b', 'active', '2026-01-05 12:00', '2026-02-05 12:00', 'pro', '2026-01-05 12:00'),
    pg_temp.bill('in_1b', 'b', 'price_pro', '2026-01-05 12:00', '2026-02-05 12:00', 'paid', NULL, 1, '{"billing_reason": "subscription_update"}')), 'b');
SELECT is(pg_temp.lots('b'), E'trial pro: 32 2026-01-01..2026-01-05 12:00:00 | 2026-01-01 | 2026-02-05 12:00:00\n'
    'period pro: 30 2026-01-05 12:00:00..2026-02-05 12:00:00 | 2026-01-05 12:00:00 | 2026-02-05 12:00:00', 'trial_end=now: the trial ends and the period begins then');
SELECT is(pg_temp.story('b'), 'granted 32 to 32 trial_start, granted 30 to 62 trial_to_active', 'trial_end=now: nothing expires between');

-- early payment: a plan that waits for the money
SELECT pg_temp.case_('c'), pg_temp.tell('2026-01-01', pg_temp.trial('c', 'slow'), 'c');
SELECT pg_temp.tell('2026-01-10', jsonb_build_array(pg_temp.after('c', 'active', '2026-01-10', '2026-02-10', 'slow', '2026-01-10'),
    pg_temp.bill('in_1c', 'c', 'price_slow', '2026-01-10', '2026-02-10', 'open')), 'c');
SELECT is(pg_temp.balance(), 2::bigint, 'early payment: not yet paid, nothing yet');
SELECT pg_temp.tell('2026-01-10 09:00', jsonb_build_array(pg_temp.bill('in_1c', 'c', 'price_slow', '2026-01-10', '2026-02-10', 'paid', '2026-01-10 09:00')), 'in_1c');
SELECT is(pg_temp.lots('c'), E'trial slow: 2 2026-01-01..2026-01-10 | 2026-01-01 | 2026-02-10\nperiod slow: 30 2026-01-10..2026-02-10 | 2026-01-10 09:00:00 | 2026-02-10',
          'early payment: given when it was paid');
SELECT alike(pg_temp.story('c'), '%granted 30 to 32 trial_to_active', 'early payment: it is the trial''s conversion');

-- a trial whose credits are not carried
SELECT pg_temp.case_('d'), pg_temp.tell('2026-01-01', pg_temp.trial('d', 'hard'), 'd');
SELECT pg_temp.tell('2026-01-15 00:01', jsonb_build_array(pg_temp.after('d', 'active', '2026-01-15', '2026-02-15', 'hard'),
    pg_temp.bill('in_1d', 'd', 'price_hard', '2026-01-15', '2026-02-15', 'draft')), 'd');
SELECT is(pg_temp.story('d'), 'granted 2 to 2 trial_start, granted 30 to 32 trial_to_active, expired -2 to 30', 'trial credits that are not carried end with the trial');

-- a trial that ends unpaid
SELECT pg_temp.case_('e'), pg_temp.tell('2026-01-01', pg_temp.trial('e'), 'e');
SELECT pg_temp.tell('2026-01-15 00:01', jsonb_build_array(pg_temp.after('e', 'canceled', '2026-01-01', '2026-01-15', 'pro', '2026-01-15',
    jsonb_build_object('ended_at', pg_temp.at('2026-01-15'), 'canceled_at', pg_temp.at('2026-01-15')))), 'e');
SELECT is(pg_temp.story('e'), 'granted 32 to 32 trial_start, expired -32 to 0', 'a trial that ends unpaid: its credits end with it');
SELECT is(pg_temp.conversion('e'), 'ended_unpaid 0 2026-01-15', 'a trial that ends unpaid says so');
SELECT pg_temp.case_('f'), pg_temp.tell('2026-01-01', pg_temp.trial('f'), 'f');
SELECT pg_temp.tell('2026-01-04', jsonb_build_array(pg_temp.after('f', 'canceled', '2026-01-01', '2026-01-15', 'pro', '2026-01-15',
    jsonb_build_object('ended_at', pg_temp.at('2026-01-04'), 'canceled_at', pg_temp.at('2026-01-04')))), 'f');
SELECT is(pg_temp.lots('f'), 'trial pro: 32 2026-01-01..2026-01-15 | 2026-01-01 | 2026-01-04', 'a trial that is canceled amid ends then');

-- incomplete to active
SELECT pg_temp.case_('g'), pg_temp.tell('2026-01-10 08:00', jsonb_build_array(
    pg_temp.sub('g', 'incomplete', pg_temp.item('g', t.price('pro'), '2026-01-10 08:00', '2026-02-10 08:00'), '{"metadata": {"user_id": "g"}}'),
    pg_temp.bill('in_1g', 'g', 'price_pro', '2026-01-10 08:00', '2026-02-10 08:00', 'open', NULL, 1, '{"billing_reason": "subscription_create"}')), 'g');
SELECT is(pg_temp.lots('g'), NULL, 'incomplete: nothing');
SELECT pg_temp.tell('2026-01-10 09:30', jsonb_build_array(
    pg_temp.sub('g', 'active', pg_temp.item('g', t.price('pro'), '2026-01-10 08:00', '2026-02-10 08:00'), '{"metadata": {"user_id": "g"}}'),
    pg_temp.bill('in_1g', 'g', 'price_pro', '2026-01-10 08:00', '2026-02-10 08:00', 'paid', '2026-01-10 09:30', 1, '{"billing_reason": "subscription_create"}')), 'g');
SELECT is(pg_temp.lots('g'), 'period pro: 30 2026-01-10 08:00:00..2026-02-10 08:00:00 | 2026-01-10 09:30:00 | 2026-02-10 08:00:00', 'incomplete to active: since it was paid');
SELECT is(pg_temp.story('g'), 'granted 30 to 30 incomplete_to_active', 'incomplete to active says so');
SELECT pg_temp.case_('g2'), pg_temp.tell('2026-01-11 08:00', jsonb_build_array(
    pg_temp.sub('g2', 'incomplete_expired', pg_temp.item('g2', t.price('pro'), '2026-01-10 08:00', '2026-02-10 08:00')),
    pg_temp.bill('in_1g2', 'g2', 'price_pro', '2026-01-10 08:00', '2026-02-10 08:00', 'void', NULL, 1, '{"billing_reason": "subscription_create"}')), 'g2');
SELECT is(pg_temp.lots('g2'), NULL, 'incomplete_expired: never anything');

-- trial, paused (no card), resumed
SELECT pg_temp.case_('h'), pg_temp.tell('2026-01-01', pg_temp.trial('h'), 'h');
SELECT pg_temp.tell('2026-01-15 00:01', jsonb_build_array(pg_temp.after('h', 'paused', '2026-01-01', '2026-01-15')), 'h');
SELECT is(pg_temp.story('h'), 'granted 32 to 32 trial_start, expired -32 to 0', 'paused: the trial is over');
SELECT is(pg_temp.conversion('h'), 'ended_unpaid 0 2026-01-15', 'paused: it ended unpaid');
SELECT pg_temp.tell('2026-01-18', jsonb_build_array(pg_temp.after('h', 'active', '2026-01-18', '2026-02-18'),
    pg_temp.bill('in_1h', 'h', 'price_pro', '2026-01-18', '2026-02-18')), 'h');
SELECT is(pg_temp.story('h'), 'granted 32 to 32 trial_start, expired -32 to 0, unexpired 32 to 32, granted 30 to 62 paused_to_active',
          'resumed: a period of its own, and who stays after all has the trial''s credits back');
SELECT is(pg_temp.lots('h'), E'trial pro: 32 2026-01-01..2026-01-15 | 2026-01-01 | 2026-02-15\nperiod pro: 30 2026-01-18..2026-02-18 | 2026-01-18 | 2026-02-18',
          'resumed: for as long as a first period would have lasted');
SELECT is(pg_temp.conversion('h'), 'converted in_1h 1999 usd 2026-01-18', 'resumed: converted after all');

-- past_due, recovered
SELECT pg_temp.case_('i'), pg_temp.tell('2026-01-10', jsonb_build_array(
    pg_temp.sub('i', 'active', pg_temp.item('i', t.price('slow'), '2026-01-10', '2026-02-10'), '{"metadata": {"user_id": "i"}}'),
    pg_temp.bill('in_1i', 'i', 'price_slow', '2026-01-10', '2026-02-10')), 'i');
SELECT is(pg_temp.story('i'), 'granted 30 to 30 activated', 'activated: the first period');
SELECT pg_temp.wait('2026-02-10');
SELECT pg_temp.tell('2026-02-10 01:00', jsonb_build_array(
    pg_temp.sub('i', 'past_due', pg_temp.item('i', t.price('slow'), '2026-02-10', '2026-03-10'), jsonb_build_object('created', pg_temp.at('2026-01-10'), 'metadata', '{"user_id": "i"}'::jsonb)),
    pg_temp.bill('in_2i', 'i', 'price_slow', '2026-02-10', '2026-03-10', 'open')), 'i');
SELECT is(pg_temp.balance(), 0::bigint, 'past_due: a plan that waits for the money gives nothing');
SELECT pg_temp.tell('2026-02-13', jsonb_build_array(
    pg_temp.sub('i', 'active', pg_temp.item('i', t.price('slow'), '2026-02-10', '2026-03-10'), jsonb_build_object('created', pg_temp.at('2026-01-10'), 'metadata', '{"user_id": "i"}'::jsonb)),
    pg_temp.bill('in_2i', 'i', 'price_slow', '2026-02-10', '2026-03-10', 'paid', '2026-02-13')), 'i');
SELECT is(pg_temp.story('i'), 'granted 30 to 30 activated, expired -30 to 0, granted 30 to 30 past_due_to_active', 'past_due, recovered: once it is paid');
SELECT pg_temp.case_('i2'), pg_temp.tell('2026-02-10 01:00', jsonb_build_array(
    pg_temp.sub('i2', 'past_due', pg_temp.item('i2', t.price('pro'), '2026-02-10', '2026-03-10'), jsonb_build_object('created', pg_temp.at('2026-01-10'))),
    pg_temp.bill('in_2i2', 'i2', 'price_pro', '2026-02-10', '2026-03-10', 'open')), 'i2');
SELECT is(pg_temp.balance(), 30::bigint, 'past_due: a plan that does not wait gives');

-- a year in months
SELECT pg_temp.case_('y'), pg_temp.tell('2027-01-31 10:00', jsonb_build_array(
    pg_temp.sub('y', 'active', pg_temp.item('y', pg_temp.price('pro', 'year', 1), '2027-01-31 10:00', '2028-01-31 10:00'),
                jsonb_build_object('billing_cycle_anchor', pg_temp.at('2027-01-31 10:00'), 'metadata', '{"user_id": "y"}'::jsonb)),
    pg_temp.bill('in_y', 'y', 'price_pro_year1', '2027-01-31 10:00', '2028-01-31 10:00')), 'y');
SELECT is(pg_temp.lots('y'), 'period pro: 30 2027-01-31 10:00:00..2027-02-28 10:00:00 | 2027-01-31 10:00:00 | 2027-02-28 10:00:00', 'annual: a month at a time');
SELECT pg_temp.wait('2027-02-28 09:59:59');
SELECT is((SELECT count(*) FROM ledger.credit_lot WHERE subscription = 'y'), 1::bigint, 'annual: not a second early');
SELECT is(pg_temp.wait('2027-02-28 10:00'), 1, 'annual: February has no 31st');
SELECT is(pg_temp.balance(), 30::bigint, 'annual: the first month is over');
SELECT alike(pg_temp.story('y'), '%granted 30 to % month%', 'annual: a month says so');
SELECT pg_temp.now_is('2027-04-01');
SELECT is((SELECT s.balance FROM ledger.spend_credits('y', 3, 'spend_y') AS s), 27::bigint, 'annual: who spends before the leader has looked has the month of March');
SELECT is((SELECT string_agg(pg_temp.when_(extract(epoch FROM l.period_start)), ', ' ORDER BY l.period_start) FROM ledger.credit_lot AS l WHERE l.subscription = 'y'),
    '2027-01-31 10:00:00, 2027-02-28 10:00:00, 2027-03-31 10:00:00', 'annual: and March has');
SELECT pg_temp.wait('2028-03-01');
SELECT is((SELECT string_agg(to_char(l.period_start AT TIME ZONE 'UTC', 'MM-DD'), ' ' ORDER BY l.period_start) FROM ledger.credit_lot AS l WHERE l.subscription = 'y'),
    '01-31 02-28 03-31 04-30 05-31 06-30 07-31 08-31 09-30 10-31 11-30 12-31', 'annual: twelve, and no thirteenth');
SELECT is((SELECT credits_due_at FROM ledger.subscription WHERE id = 'y'), NULL, 'annual: nothing is due after the last');
SELECT pg_temp.tell('2028-03-01', jsonb_build_array(
    pg_temp.sub('y', 'active', pg_temp.item('y', pg_temp.price('pro', 'year', 1), '2028-01-31 10:00', '2029-01-31 10:00'),
                jsonb_build_object('billing_cycle_anchor', pg_temp.at('2027-01-31 10:00'), 'created', pg_temp.at('2027-01-31 10:00'), 'metadata', '{"user_id": "y"}'::jsonb)),
    pg_temp.bill('in_y2', 'y', 'price_pro_year1', '2028-01-31 10:00', '2029-01-31 10:00')), 'y');
SELECT is((SELECT string_agg(to_char(l.period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD'), ' ' ORDER BY l.period_start) FROM ledger.credit_lot AS l
            WHERE l.subscription = 'y' AND l.period_start >= '2028-01-01'), '2028-01-31 2028-02-29', 'annual: a leap year has the 29th');
-- Months do not hear of summer time: the session's time zone does not matter.
SET LOCAL TimeZone = 'America/New_York';
SELECT pg_temp.case_('z'), pg_temp.tell('2026-02-08 07:30', jsonb_build_array(
    pg_temp.sub('z', 'active', pg_temp.item('z', pg_temp.price('pro', 'month', 3), '2026-02-08 07:30', '2026-05-08 07:30')),
    pg_temp.bill('in_z', 'z', 'price_pro_month3', '2026-02-08 07:30', '2026-05-08 07:30')), 'z');
SELECT pg_temp.wait('2026-04-08 07:30');
SELECT is((SELECT string_agg(pg_temp.when_(extract(epoch FROM l.period_start)), ', ' ORDER BY l.period_start) FROM ledger.credit_lot AS l WHERE l.subscription = 'z'),
    '2026-02-08 07:30:00, 2026-03-08 07:30:00, 2026-04-08 07:30:00', 'a quarter: three months, in UTC');
RESET TimeZone;
-- Canceled amid the year: no months after the end, also if one was given before the news came.
SELECT pg_temp.tell('2026-04-09', jsonb_build_array(
    pg_temp.sub('z', 'canceled', pg_temp.item('z', pg_temp.price('pro', 'month', 3), '2026-02-08 07:30', '2026-05-08 07:30'),
                jsonb_build_object('ended_at', pg_temp.at('2026-04-01'), 'canceled_at', pg_temp.at('2026-04-01')))), 'z');
SELECT is(pg_temp.balance(), 0::bigint, 'a month that was given after the end is taken back');
SELECT alike(pg_temp.story('z'), '%clawed back -30 to 0 canceled', 'and says so');
SELECT is((SELECT credits_due_at FROM ledger.subscription WHERE id = 'z'), NULL, 'and none follows');
-- a week gives what a month does
SELECT pg_temp.case_('w'), pg_temp.tell('2026-02-08', jsonb_build_array(
    pg_temp.sub('w', 'active', pg_temp.item('w', pg_temp.price('pro', 'week', 2), '2026-02-08', '2026-02-22')),
    pg_temp.bill('in_w', 'w', 'price_pro_week2', '2026-02-08', '2026-02-22')), 'w');
SELECT is(pg_temp.lots('w'), 'period pro: 30 2026-02-08..2026-02-22 | 2026-02-08 | 2026-02-22', 'two weeks: one period');

-- two subscriptions
SELECT pg_temp.case_('j'), pg_temp.tell('2026-01-10', jsonb_build_array(
    pg_temp.sub('j1', 'active', pg_temp.item('j1', t.price('pro'), '2026-01-10', '2026-02-10'), '{"metadata": {"user_id": "j"}}'),
    pg_temp.sub('j2', 'active', pg_temp.item('j2', t.price('team'), '2026-01-10', '2026-02-10')),
    pg_temp.bill('in_j1', 'j1', 'price_pro', '2026-01-10', '2026-02-10'), pg_temp.bill('in_j2', 'j2', 'price_team', '2026-01-10', '2026-02-10')));
SELECT is(pg_temp.balance(), 230::bigint, 'two subscriptions: each gives its own');
-- several items
SELECT pg_temp.case_('k'), pg_temp.tell('2026-01-10', jsonb_build_array(
    pg_temp.sub('k', 'active', jsonb_build_array(pg_temp.item('k', t.price('pro'), '2026-01-10', '2026-02-10'), pg_temp.item('k', t.price('team'), '2026-01-10', '2026-02-10', 2, 'si_k2'))),
    pg_temp.bill('in_k', 'k', 'price_pro', '2026-01-10', '2026-02-10', 'paid', NULL, 1, pg_temp.lines(
        pg_temp.line('si_k', 'price_pro', pg_temp.at('2026-01-10'), pg_temp.at('2026-02-10'), 1999, 1, false, 'il_k1'),
        pg_temp.line('si_k2', 'price_team', pg_temp.at('2026-01-10'), pg_temp.at('2026-02-10'), 9999, 2, false, 'il_k2') ||
            jsonb_build_object('parent', jsonb_build_object('type', 'subscription_item_details', 'subscription_item_details',
                jsonb_build_object('subscription', 'k', 'subscription_item', 'si_k2', 'proration', false)))))));
SELECT is(pg_temp.balance(), 430::bigint, 'two items: each gives its own');

-- cancel and resubscribe in the same period
SELECT pg_temp.case_('l'), pg_temp.tell('2026-01-10', jsonb_build_array(
    pg_temp.sub('l1', 'active', pg_temp.item('l1', t.price('pro'), '2026-01-10', '2026-02-10'), '{"metadata": {"user_id": "l"}}'), pg_temp.bill('in_l1', 'l1', 'price_pro', '2026-01-10', '2026-02-10')));
SELECT pg_temp.tell('2026-01-20', jsonb_build_array(
    pg_temp.sub('l1', 'canceled', pg_temp.item('l1', t.price('pro'), '2026-01-10', '2026-02-10'), jsonb_build_object('ended_at', pg_temp.at('2026-01-20'), 'canceled_at', pg_temp.at('2026-01-20'))),
    pg_temp.sub('l2', 'active', pg_temp.item('l2', t.price('pro'), '2026-01-20', '2026-02-20'), '{"metadata": {"user_id": "l"}}'), pg_temp.bill('in_l2', 'l2', 'price_pro', '2026-01-20', '2026-02-20')));
SELECT is(pg_temp.balance(), 60::bigint, 'cancel and resubscribe: what was paid for stays, the new one gives its own, once');

-- a backdated subscription
SELECT pg_temp.case_('m'), pg_temp.tell('2026-06-15', jsonb_build_array(
    pg_temp.sub('m', 'active', pg_temp.item('m', pg_temp.price('pro', 'year', 1), '2026-01-10', '2027-01-10'), jsonb_build_object('created', pg_temp.at('2026-06-15'), 'billing_cycle_anchor', pg_temp.at('2026-01-10'))),
    pg_temp.bill('in_m', 'm', 'price_pro_year1', '2026-01-10', '2027-01-10', 'paid', '2026-06-15')));
SELECT is(pg_temp.lots('m'), 'period pro: 30 2026-06-10..2026-07-10 | 2026-06-15 | 2026-07-10', 'backdated: months before it was made give nothing');

-- a test clock: Stripe's time is ahead of ours
SELECT pg_temp.case_('n'), pg_temp.tell('2026-01-01', jsonb_build_array(
    pg_temp.sub('n', 'active', pg_temp.item('n', pg_temp.price('pro', 'year', 1), '2030-01-10', '2031-01-10'), '{"test_clock": "clock_1", "metadata": {"user_id": "n"}}'),
    pg_temp.bill('in_n', 'n', 'price_pro_year1', '2030-01-10', '2031-01-10')));
SELECT is(pg_temp.lots('n'), 'period pro: 30 2030-01-10..2030-02-10 | 2030-01-10 | 2030-02-10', 'test clock: its time is Stripe''s');
SELECT is((SELECT s.accepted::text || s.balance FROM ledger.spend_credits('n', 4, 'n1') AS s), 'true26', 'test clock: and can be spent');
SELECT t.turn('cus_n', jsonb_build_array(pg_temp.bill('in_n', 'n', 'price_pro_year1', '2030-01-10', '2031-01-10')),
              jsonb_build_array(t.event('evt_n', 'invoice.paid', 'in_n') || jsonb_build_object('created', pg_temp.at('2030-03-11'))));
SELECT is((SELECT string_agg(to_char(l.period_start AT TIME ZONE 'UTC', 'MM-DD'), ' ' ORDER BY l.period_start) FROM ledger.credit_lot AS l WHERE l.subscription = 'n'),
          '01-10 02-10 03-10', 'test clock: an event tells how late it is there');
SELECT is(pg_temp.balance(), 30::bigint, 'test clock: what is over there is over');

-- an orphan's credits wait for it, and move with their history
SELECT pg_temp.case_('o'), pg_temp.tell('2026-01-10', jsonb_build_array(
    pg_temp.sub('o', 'active', pg_temp.item('o', t.price('pro'), '2026-01-10', '2026-02-10')), pg_temp.bill('in_o', 'o', 'price_pro', '2026-01-10', '2026-02-10')));
SELECT is((SELECT h.balance FROM ledger.credit_holder AS h WHERE h.holder = 'customer:self:cus_o'), 30::bigint, 'orphan: the customer''s own account holds them');
SELECT is(ops.link_user('self', 'cus_o', 'user_o', 'me') ->> 'after', 'user_o', 'orphan: linked');
SELECT is((SELECT string_agg(h.holder || ' ' || h.balance, ', ' ORDER BY h.holder) FROM ledger.credit_holder AS h WHERE h.holder IN ('customer:self:cus_o', 'user:user_o')),
          'customer:self:cus_o 0, user:user_o 30', 'orphan: they are the user''s now');
SELECT is((SELECT string_agg(e.holder || ' ' || e.kind, ', ' ORDER BY e.id) FROM ledger.credit_entry AS e WHERE e.subscription = 'o'),
          'customer:self:cus_o granted, customer:self:cus_o moved_out, user:user_o moved_in', 'orphan: the history is kept');
SELECT pg_temp.tell('2026-01-11', jsonb_build_array(pg_temp.bill('in_o', 'o', 'price_pro', '2026-01-10', '2026-02-10')));
SELECT is((SELECT h.balance FROM ledger.credit_holder AS h WHERE h.holder = 'user:user_o'), 30::bigint, 'orphan: and nothing is given twice');
-- another customer of the same user
SELECT pg_temp.case_('p'), pg_temp.tell('2026-01-12', jsonb_build_array(
    pg_temp.sub('p', 'active', pg_temp.item('p', t.price('team'), '2026-01-12', '2026-02-12'), '{"metadata": {"user_id": "user_o"}}'), pg_temp.bill('in_p', 'p', 'price_team', '2026-01-12', '2026-02-12')));
SELECT is(pg_temp.balance(), 230::bigint, 'another customer of the same user: both are the user''s');
-- the user changes
SELECT pg_temp.case_('o'), ops.link_user('self', 'cus_o', 'user_q', 'me');
SELECT is((SELECT string_agg(h.holder || ' ' || h.balance, ', ' ORDER BY h.holder) FROM ledger.credit_holder AS h WHERE h.holder IN ('user:user_o', 'user:user_q')),
          'user:user_o 200, user:user_q 30', 'a customer that goes to another user takes its own along');

-- a plan that is changed
SELECT pg_temp.case_('r'), pg_temp.tell('2026-01-10', jsonb_build_array(
    pg_temp.sub('r', 'active', pg_temp.item('r', t.price('pro'), '2026-01-10', '2026-02-10')), pg_temp.bill('in_r', 'r', 'price_pro', '2026-01-10', '2026-02-10')));
SELECT pg_temp.plan('pro', 50, 0, '{"valid_from": "2026-01-20"}');
SELECT pg_temp.tell('2026-01-21', jsonb_build_array(
    pg_temp.sub('r', 'active', pg_temp.item('r', t.price('pro'), '2026-01-10', '2026-02-10', 2)),
    pg_temp.bill('in_r', 'r', 'price_pro', '2026-01-10', '2026-02-10')), 'r');
SELECT is(pg_temp.lots('r'), E'period pro: 30 2026-01-10..2026-02-10 | 2026-01-10 | 2026-02-10\nupgrade pro: 30 2026-01-10..2026-02-10 | 2026-01-21 | 2026-02-10',
          'a plan that is changed: the period in progress goes on by the old rules, also its second seat');
SELECT pg_temp.tell('2026-02-10', jsonb_build_array(
    pg_temp.sub('r', 'active', pg_temp.item('r', t.price('pro'), '2026-02-10', '2026-03-10', 2), jsonb_build_object('created', pg_temp.at('2026-01-10'))),
    pg_temp.bill('in_r2', 'r', 'price_pro', '2026-02-10', '2026-03-10', 'paid', NULL, 2)));
SELECT is(pg_temp.balance(), 100::bigint, 'a plan that is changed: the next period by the new ones');

-- a plan that is described late
SELECT pg_temp.case_('s'), pg_temp.tell('2026-01-10', jsonb_build_array(
    pg_temp.sub('s', 'active', pg_temp.item('s', t.price('late'), '2026-01-10', '2026-02-10')), pg_temp.bill('in_s', 's', 'price_late', '2026-01-10', '2026-02-10')));
SELECT is(pg_temp.lots('s'), NULL, 'a plan that nobody described gives nothing');
SELECT pg_temp.now_is('2026-01-20');
SELECT count(*) FROM ledger.load_plans('{"plans": {"late": {"monthly_credits": 7}}}', 'file x', 'me', false);
SELECT pg_temp.wait('2026-01-20');
SELECT is(pg_temp.lots('s'), 'period late: 7 2026-01-10..2026-02-10 | 2026-01-10 | 2026-02-10', 'a plan that is described late: the period in progress has it');
SELECT is((SELECT credits_due_at FROM ledger.subscription WHERE id = 's'), NULL, 'and is looked at once');
SELECT * FROM finish();
ROLLBACK;
