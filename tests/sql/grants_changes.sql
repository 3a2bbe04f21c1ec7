-- What is changed amid a period, and what is given back of its money: upgrades, downgrades, seats, refunds, disputes, credit notes.
BEGIN;
SELECT no_plan();
\ir grants.psql
SELECT pg_temp.plan('pro', 30, 2), pg_temp.plan('team', 200, 20), pg_temp.plan('big', 500), pg_temp.plan('zero', 0),
       pg_temp.plan('slow', 30, 0, '{"grant_when": "paid"}'), pg_temp.plan('slower', 200, 0, '{"grant_when": "paid"}'),
       pg_temp.plan('later', 100, 0, '{"upgrade": "renewal"}'), pg_temp.plan('down', 10, 0, '{"downgrade": "now"}'),
       pg_temp.plan('flat', 70, 0, '{"per_unit": false}'), pg_temp.plan('debt', 30, 0, '{"clawback": "negative"}'), pg_temp.plan('keep', 30, 0, '{"clawback": "none"}'),
       pg_temp.plan('seat', 10, 0, '{"downgrade": "now"}');
-- January 10 to February 10 of a plan, created on the 10th; and what it is later in that month.
CREATE FUNCTION pg_temp.month(p_id text, p_plan text, p_quantity bigint DEFAULT 1, p_status text DEFAULT 'active') RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.sub(p_id, p_status, pg_temp.item(p_id, t.price(p_plan), '2026-01-10', '2026-02-10', p_quantity), jsonb_build_object('metadata', jsonb_build_object('user_id', p_id))) $$;
CREATE FUNCTION pg_temp.begin(p_id text, p_plan text, p_quantity bigint DEFAULT 1) RETURNS void LANGUAGE sql AS $$
    SELECT pg_temp.case_(p_id);
    SELECT pg_temp.tell('2026-01-10', jsonb_build_array(pg_temp.month(p_id, p_plan, p_quantity),
                        pg_temp.bill('in_' || p_id, p_id, 'price_' || p_plan, '2026-01-10', '2026-02-10', 'paid', NULL, p_quantity)), p_id) $$;
-- An invoice for a change at p_at: what is given back of the old price, what the new one costs for the rest of the month.
CREATE FUNCTION pg_temp.change(p_invoice text, p_id text, p_at text, p_from text, p_to text, p_status text DEFAULT 'paid', p_quantity bigint DEFAULT 1,
                               p_extra jsonb DEFAULT '{"billing_reason": "subscription_update"}', p_amount bigint DEFAULT 700) RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.bill(p_invoice, p_id, 'x', p_at, '2026-02-10', p_status, p_at, 1, pg_temp.lines(
        pg_temp.line('si_' || p_id, 'price_' || p_from, pg_temp.at(p_at), pg_temp.at('2026-02-10'), -300, 1, true, 'il_a' || p_invoice),
        pg_temp.line('si_' || p_id, 'price_' || p_to, pg_temp.at(p_at), pg_temp.at('2026-02-10'), p_amount, p_quantity, true, 'il_b' || p_invoice)) || p_extra) $$;

-- upgrade
SELECT pg_temp.begin('a', 'pro'), pg_temp.tell('2026-01-20 12:00', jsonb_build_array(pg_temp.month('a', 'team'), pg_temp.change('in_a2', 'a', '2026-01-20 12:00', 'pro', 'team')), 'a');
SELECT is(pg_temp.lots('a'), E'period pro: 30 2026-01-10..2026-02-10 | 2026-01-10 | 2026-02-10\nupgrade team: 170 2026-01-10..2026-02-10 | 2026-01-20 12:00:00 | 2026-02-10',
          'upgrade, the difference now: since Stripe bills it');
SELECT is(pg_temp.story('a'), 'granted 30 to 30 activated, granted 170 to 200 upgrade', 'upgrade says so');
SELECT pg_temp.begin('b', 'pro'), pg_temp.tell('2026-01-20 12:00', jsonb_build_array(pg_temp.month('b', 'later')), 'b');
SELECT is(pg_temp.balance(), 30::bigint, 'upgrade, at renewal: nothing yet');
SELECT pg_temp.tell('2026-02-10', jsonb_build_array(pg_temp.sub('b', 'active', pg_temp.item('b', t.price('later'), '2026-02-10', '2026-03-10'),
    jsonb_build_object('created', pg_temp.at('2026-01-10'), 'metadata', '{"user_id": "b"}'::jsonb)), pg_temp.bill('in_b2', 'b', 'price_later', '2026-02-10', '2026-03-10')), 'b');
SELECT is(pg_temp.balance(), 100::bigint, 'upgrade, at renewal: then all of it');
-- not billed at once: seen first, then a line of the next invoice says when
SELECT pg_temp.begin('c', 'pro'), pg_temp.tell('2026-01-20 12:00', jsonb_build_array(pg_temp.month('c', 'team')), 'c');
SELECT is(pg_temp.balance(), 200::bigint, 'upgrade, billed later: given when it is seen');
SELECT pg_temp.tell('2026-02-10', jsonb_build_array(pg_temp.sub('c', 'active', pg_temp.item('c', t.price('team'), '2026-02-10', '2026-03-10'),
    jsonb_build_object('created', pg_temp.at('2026-01-10'), 'metadata', '{"user_id": "c"}'::jsonb)),
    pg_temp.bill('in_c2', 'c', 'price_team', '2026-02-10', '2026-03-10', 'draft', NULL, 1, pg_temp.lines(
        pg_temp.line('si_c', 'price_team', pg_temp.at('2026-02-10'), pg_temp.at('2026-03-10'), 9999, 1, false, 'il_c2'),
        pg_temp.line('si_c', 'price_team', pg_temp.at('2026-01-20 11:59:58'), pg_temp.at('2026-02-10'), 700, 1, true, 'il_c3')))), 'c');
SELECT is(pg_temp.lots('c'), E'period pro: 30 2026-01-10..2026-02-10 | 2026-01-10 | 2026-02-10\nupgrade team: 170 2026-01-10..2026-02-10 | 2026-01-20 11:59:58 | 2026-02-10\n'
    'period team: 200 2026-02-10..2026-03-10 | 2026-02-10 | 2026-03-10', 'upgrade, billed later: its line says when, and nothing is given twice');
SELECT pg_temp.begin('c4', 'slow'), pg_temp.tell('2026-02-10', jsonb_build_array(pg_temp.sub('c4', 'active', pg_temp.item('c4', t.price('slower'), '2026-02-10', '2026-03-10'),
    jsonb_build_object('created', pg_temp.at('2026-01-10'), 'metadata', '{"user_id": "c4"}'::jsonb)),
    pg_temp.change('in_c5', 'c4', '2026-01-20', 'slow', 'slower', 'draft', 1, '{"billing_reason": "subscription_cycle"}')), 'c4');
SELECT is(pg_temp.lots('c4'), E'period slow: 30 2026-01-10..2026-02-10 | 2026-01-10 | 2026-02-10\nupgrade slower: 170 2026-01-10..2026-02-10 | 2026-01-20 | 2026-02-10',
          'upgrade, billed later and never seen: given all the same, the month was paid');
-- a plan that waits for the money
SELECT pg_temp.begin('d', 'slow'), pg_temp.tell('2026-01-20', jsonb_build_array(pg_temp.month('d', 'slower', 1, 'past_due'), pg_temp.change('in_d2', 'd', '2026-01-20', 'slow', 'slower', 'open')), 'd');
SELECT is(pg_temp.balance(), 30::bigint, 'upgrade that was not paid: nothing yet');
SELECT pg_temp.tell('2026-01-21', jsonb_build_array(pg_temp.month('d', 'slower'), pg_temp.change('in_d2', 'd', '2026-01-20', 'slow', 'slower')), 'd');
SELECT is(pg_temp.balance(), 200::bigint, 'upgrade that was paid a day later');
-- and is billed by an invoice that is sent: the subscription stays active while it waits
SELECT pg_temp.begin('d3', 'slow'), pg_temp.tell('2026-01-20', jsonb_build_array(pg_temp.month('d3', 'slower'), pg_temp.change('in_d4', 'd3', '2026-01-20', 'slow', 'slower', 'open')), 'd3');
SELECT is(pg_temp.balance(), 30::bigint, 'upgrade by an invoice that was sent: nothing until it is paid');
SELECT pg_temp.tell('2026-02-01', jsonb_build_array(pg_temp.month('d3', 'slower'), pg_temp.change('in_d4', 'd3', '2026-01-20', 'slow', 'slower')), 'd3');
SELECT is(pg_temp.balance(), 200::bigint, 'upgrade by an invoice that was sent: then the difference');
-- from a plan without credits, and from one that nobody described
SELECT pg_temp.begin('e', 'zero'), pg_temp.tell('2026-01-20', jsonb_build_array(pg_temp.month('e', 'pro'), pg_temp.change('in_e2', 'e', '2026-01-20', 'zero', 'pro')), 'e');
SELECT is(pg_temp.lots('e'), 'upgrade pro: 30 2026-01-10..2026-02-10 | 2026-01-20 | 2026-02-10', 'upgrade from nothing');
SELECT pg_temp.begin('e3', 'unheard'), pg_temp.tell('2026-01-20', jsonb_build_array(pg_temp.month('e3', 'pro'), pg_temp.change('in_e4', 'e3', '2026-01-20', 'unheard', 'pro')), 'e3');
SELECT is(pg_temp.lots('e3'), 'upgrade pro: 30 2026-01-10..2026-02-10 | 2026-01-20 | 2026-02-10', 'upgrade from a plan that nobody described');
-- twice in a month
SELECT pg_temp.begin('f', 'pro'), pg_temp.tell('2026-01-20', jsonb_build_array(pg_temp.month('f', 'team'), pg_temp.change('in_f2', 'f', '2026-01-20', 'pro', 'team')), 'f'),
       pg_temp.tell('2026-01-25', jsonb_build_array(pg_temp.month('f', 'big'), pg_temp.change('in_f3', 'f', '2026-01-25', 'team', 'big')), 'f');
SELECT is(pg_temp.story('f'), 'granted 30 to 30 activated, granted 170 to 200 upgrade, granted 300 to 500 upgrade', 'two upgrades in a month');
-- during a trial
SELECT pg_temp.case_('g'), pg_temp.tell('2026-01-01', jsonb_build_array(pg_temp.sub('g', 'trialing', pg_temp.item('g', t.price('pro'), '2026-01-01', '2026-01-15'),
    jsonb_build_object('trial_start', pg_temp.at('2026-01-01'), 'trial_end', pg_temp.at('2026-01-15'))),
    pg_temp.bill('in_g', 'g', 'price_pro', '2026-01-01', '2026-01-15', 'paid', NULL, 1, '{"billing_reason": "subscription_create"}', 0)), 'g');
SELECT pg_temp.tell('2026-01-05', jsonb_build_array(pg_temp.sub('g', 'trialing', pg_temp.item('g', t.price('team'), '2026-01-01', '2026-01-15'),
    jsonb_build_object('trial_start', pg_temp.at('2026-01-01'), 'trial_end', pg_temp.at('2026-01-15')))), 'g');
SELECT is(pg_temp.lots('g'), E'trial pro: 2 2026-01-01..2026-01-15 | 2026-01-01 | 2026-02-15\nupgrade team: 18 2026-01-01..2026-01-15 | 2026-01-05 | 2026-02-15',
          'upgrade during a trial: the difference of the trials'' credits');

-- downgrade
SELECT pg_temp.begin('h', 'team'), pg_temp.tell('2026-01-20', jsonb_build_array(pg_temp.month('h', 'pro')), 'h');
SELECT is(pg_temp.balance(), 200::bigint, 'downgrade, at renewal: this month goes on');
SELECT pg_temp.begin('i', 'team'), pg_temp.tell('2026-01-20', jsonb_build_array(pg_temp.month('i', 'down')), 'i');
SELECT is(pg_temp.story('i'), 'granted 200 to 200 activated, clawed back -190 to 10 downgrade', 'downgrade, now: the difference is taken back');
SELECT pg_temp.begin('j', 'down'), pg_temp.tell('2026-01-20', jsonb_build_array(pg_temp.month('j', 'team')), 'j'), pg_temp.tell('2026-01-22', jsonb_build_array(pg_temp.month('j', 'down')), 'j');
SELECT is(pg_temp.lots('j'), E'period down: 10 2026-01-10..2026-02-10 | 2026-01-10 | 2026-02-10\nupgrade team: 190 -190 2026-01-10..2026-02-10 | 2026-01-20 | 2026-02-10',
          'up and down again: of the upgrade first');
SELECT pg_temp.tell('2026-01-24', jsonb_build_array(pg_temp.month('j', 'team')), 'j');
SELECT is(pg_temp.balance(), 200::bigint, 'and up once more');
SELECT pg_temp.begin('k', 'team'), pg_temp.now_is('2026-01-15');
SELECT is((SELECT s.balance FROM ledger.spend_credits('k', 195, 'k') AS s), 5::bigint, 'most of it is spent');
SELECT pg_temp.tell('2026-01-20', jsonb_build_array(pg_temp.month('k', 'down')), 'k');
SELECT is(pg_temp.lots('k'), 'period team: 200 -5 short 185 2026-01-10..2026-02-10 | 2026-01-10 | 2026-02-10', 'downgrade, now: what was spent is short, and said so');

-- quantity
SELECT pg_temp.begin('l', 'seat', 3);
SELECT is(pg_temp.balance(), 30::bigint, 'three seats');
SELECT pg_temp.tell('2026-01-20', jsonb_build_array(pg_temp.month('l', 'seat', 5), pg_temp.change('in_l2', 'l', '2026-01-20', 'seat', 'seat', 'paid', 5)), 'l');
SELECT is(pg_temp.story('l'), 'granted 30 to 30 activated, granted 20 to 50 quantity_change', 'two seats more');
SELECT pg_temp.tell('2026-01-22', jsonb_build_array(pg_temp.month('l', 'seat', 1)), 'l');
SELECT is(pg_temp.story('l'), 'granted 30 to 30 activated, granted 20 to 50 quantity_change, clawed back -20 to 30 quantity_change, clawed back -20 to 10 quantity_change', 'four seats less');
SELECT pg_temp.begin('m', 'flat', 3);
SELECT is(pg_temp.balance(), 70::bigint, 'a plan that is not by the seat');

-- a year: months begin with what the item has become
SELECT pg_temp.case_('y'), pg_temp.tell('2026-01-10', jsonb_build_array(pg_temp.sub('y', 'active', pg_temp.item('y', pg_temp.price('pro', 'year', 1), '2026-01-10', '2027-01-10'), '{"metadata": {"user_id": "y"}}'),
    pg_temp.bill('in_y', 'y', 'price_pro_year1', '2026-01-10', '2027-01-10')), 'y');
SELECT pg_temp.tell('2026-02-20', jsonb_build_array(pg_temp.sub('y', 'active', pg_temp.item('y', pg_temp.price('team', 'year', 1), '2026-01-10', '2027-01-10'), '{"metadata": {"user_id": "y"}}'),
    pg_temp.bill('in_y2', 'y', 'x', '2026-02-20', '2027-01-10', 'paid', NULL, 1, '{"billing_reason": "subscription_update"}'::jsonb || pg_temp.lines(
        pg_temp.line('si_y', 'price_team_year1', pg_temp.at('2026-02-20'), pg_temp.at('2027-01-10'), 7000, 1, true, 'il_y2')))), 'y'), pg_temp.wait('2026-03-10');
SELECT is(pg_temp.lots('y'), E'period pro: 30 2026-01-10..2026-02-10 | 2026-01-10 | 2026-02-10\nperiod pro: 30 2026-02-10..2026-03-10 | 2026-02-10 | 2026-03-10\n'
    'upgrade team: 170 2026-02-10..2026-03-10 | 2026-02-20 | 2026-03-10\nperiod team: 200 2026-03-10..2026-04-10 | 2026-03-10 | 2026-04-10', 'upgrade amid a year: from the next month on it is all of it');
-- a year that becomes a month begins anew
SELECT pg_temp.tell('2026-03-20', jsonb_build_array(pg_temp.sub('y', 'active', pg_temp.item('y', t.price('pro'), '2026-03-20', '2026-04-20'),
    jsonb_build_object('created', pg_temp.at('2026-01-10'), 'billing_cycle_anchor', pg_temp.at('2026-03-20'), 'metadata', '{"user_id": "y"}'::jsonb)),
    pg_temp.bill('in_y3', 'y', 'price_pro', '2026-03-20', '2026-04-20', 'paid', NULL, 1, '{"billing_reason": "subscription_update"}')), 'y'), pg_temp.wait('2026-06-01');
SELECT is((SELECT string_agg(concat_ws(' ', l.kind, l.plan_key, pg_temp.when_(extract(epoch FROM l.period_start)), pg_temp.when_(extract(epoch FROM l.expires_at))), ', ' ORDER BY l.period_start, l.kind)
             FROM ledger.credit_lot AS l WHERE l.subscription = 'y' AND l.period_start >= '2026-03-01'),
    'period team 2026-03-10 2026-03-20, period pro 2026-03-20 2026-04-20', 'a new cycle ends the month of the old one, and no more of those come');

-- refunds
CREATE FUNCTION pg_temp.money(p_id text, p_refunds jsonb DEFAULT '[]') RETURNS jsonb LANGUAGE sql AS $$
    SELECT t.charge('ch_in_' || p_id, 'cus_' || p_id, 1999, 9, p_refunds) $$;
SELECT pg_temp.begin('r', 'pro'), pg_temp.tell('2026-01-12', jsonb_build_array(pg_temp.money('r', jsonb_build_array(t.refund('re_r', 'ch_in_r', 1000, 'pending', jsonb_build_object('created', pg_temp.at('2026-01-12')))))), 're_r');
SELECT is(pg_temp.story('r'), 'granted 30 to 30 activated, clawed back -15 to 15 refund', 'a refund of half takes half, rounded down');
SELECT is((SELECT (e.source, e.effective_at)::text FROM ledger.credit_entry AS e WHERE e.subscription = 'r' AND e.kind = 'clawed_back'),
          (SELECT ('re_r'::text, '2026-01-12 UTC'::timestamptz)::text), 'it names the refund and its day');
SELECT pg_temp.tell('2026-01-14', jsonb_build_array(pg_temp.money('r', jsonb_build_array(t.refund('re_r', 'ch_in_r', 1000, 'failed', jsonb_build_object('created', pg_temp.at('2026-01-12')))))), 're_r');
SELECT is(pg_temp.story('r'), 'granted 30 to 30 activated, clawed back -15 to 15 refund, clawback returned 15 to 30 refund_returned', 'a refund that failed gives it back');
SELECT pg_temp.begin('s', 'keep'), pg_temp.tell('2026-01-12', jsonb_build_array(pg_temp.money('s', jsonb_build_array(t.refund('re_s', 'ch_in_s', 1999)))), 're_s');
SELECT is(pg_temp.balance(), 30::bigint, 'a plan that takes nothing back');
-- disputes, and a plan that lets them go below zero
SELECT pg_temp.begin('u', 'debt'), pg_temp.now_is('2026-01-11');
SELECT is((SELECT s.balance FROM ledger.spend_credits('u', 20, 'u') AS s), 10::bigint, 'twenty are spent');
SELECT pg_temp.tell('2026-01-12', jsonb_build_array(pg_temp.money('u') || '{"disputed": true}', t.dispute('dp_u', 'ch_in_u', 1999, 'needs_response', '{-1999}', jsonb_build_object('created', pg_temp.at('2026-01-12')))), 'dp_u');
SELECT is(pg_temp.balance(), -20::bigint, 'a dispute takes all back, below zero');
SELECT pg_temp.tell('2026-01-20', jsonb_build_array(pg_temp.money('u') || '{"disputed": true}', t.dispute('dp_u', 'ch_in_u', 1999, 'won', '{-1999,1999}', jsonb_build_object('created', pg_temp.at('2026-01-12')))), 'dp_u');
SELECT is(pg_temp.balance(), 10::bigint, 'a dispute that is won gives it back');
SELECT alike(pg_temp.story('u'), '%dispute_won', 'and says so');
SELECT pg_temp.begin('v', 'pro'), pg_temp.now_is('2026-01-11');
SELECT is((SELECT s.balance FROM ledger.spend_credits('v', 20, 'v') AS s), 10::bigint, 'twenty are spent again');
SELECT pg_temp.tell('2026-01-12', jsonb_build_array(pg_temp.money('v') || '{"disputed": true}', t.dispute('dp_v', 'ch_in_v', 1999, 'lost', '{-1999}')), 'dp_v');
SELECT is(pg_temp.lots('v'), 'period pro: 30 -10 short 20 2026-01-10..2026-02-10 | 2026-01-10 | 2026-02-10', 'a dispute that is lost, clamped: what is missing is recorded');
-- a credit note to the balance; one that is voided
SELECT pg_temp.begin('w', 'pro'), pg_temp.tell('2026-01-12', jsonb_build_array(pg_temp.money('w'), t.note('cn_w', 'cus_w', 'in_w', 0, 500)), 'cn_w');
SELECT is(pg_temp.story('w'), 'granted 30 to 30 activated, clawed back -7 to 23 credit_note', 'a credit note takes its part');
SELECT pg_temp.tell('2026-01-13', jsonb_build_array(t.note('cn_w', 'cus_w', 'in_w', 0, 500, 0, 0, '{"status": "void", "voided_at": 1768262400}')), 'cn_w');
SELECT is(pg_temp.balance(), 30::bigint, 'a credit note that is voided gives it back');
-- all of a year is refunded: also the months to come
SELECT pg_temp.case_('x'), pg_temp.tell('2026-01-10', jsonb_build_array(pg_temp.sub('x', 'active', pg_temp.item('x', pg_temp.price('pro', 'year', 1), '2026-01-10', '2027-01-10'), '{"metadata": {"user_id": "x"}}'),
    pg_temp.bill('in_x', 'x', 'price_pro_year1', '2026-01-10', '2027-01-10')), 'x');
SELECT pg_temp.tell('2026-01-12', jsonb_build_array(pg_temp.money('x', jsonb_build_array(t.refund('re_x', 'ch_in_x', 1999, 'succeeded', jsonb_build_object('created', pg_temp.at('2026-01-12')))))), 're_x'), pg_temp.wait('2026-02-10');
SELECT is(pg_temp.balance(), 0::bigint, 'a year that was refunded: nothing is left of its months');
SELECT is((SELECT min(e.balance_after) FROM ledger.credit_entry AS e WHERE e.holder = 'user:x'), 0::bigint, 'and none goes below zero');
SELECT is((SELECT count(*) FROM ops.verify() AS v WHERE NOT v.ok), 0::bigint, 'what all of this left is sound');
SELECT * FROM finish();
ROLLBACK;
