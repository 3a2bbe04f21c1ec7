-- What real accounts do besides: items that come and go amid a period, what is metered, collection that is paused, trials that come again.
BEGIN;
SELECT no_plan();
\ir grants.psql
SELECT pg_temp.plan('pro', 30, 32), pg_temp.plan('team', 200), pg_temp.plan('slow', 30, 2, '{"grant_when": "paid"}'), pg_temp.plan('debt', 30, 0, '{"clawback": "negative"}'),
       pg_temp.plan('extra', 50, 5, '{"grant_when": "paid"}'), pg_temp.plan('more', 70), pg_temp.plan('used', 30, 9, '{"rollover": "unlimited"}');
-- A subscription of January 10 as it is in a month of these items, and its user.
CREATE FUNCTION pg_temp.is_(p_id text, p_status text, p_items jsonb, p_extra jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.sub(p_id, p_status, p_items, jsonb_build_object('created', pg_temp.at('2026-01-10'), 'metadata', jsonb_build_object('user_id', p_id)) || p_extra) $$;
CREATE FUNCTION pg_temp.month(p_id text, p_plan text, p_from text DEFAULT '2026-01-10', p_to text DEFAULT '2026-02-10', p_added text DEFAULT NULL, p_quantity bigint DEFAULT 1)
    RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.item(p_id, t.price(p_plan), p_from, p_to, p_quantity, concat_ws('_', 'si_' || p_id, CASE WHEN p_added IS NOT NULL THEN p_plan END))
           || jsonb_build_object('created', pg_temp.at(coalesce(p_added, '2026-01-10'))) $$;
-- What an added item costs for the rest of the month, on an invoice of the subscription.
CREATE FUNCTION pg_temp.rest(p_invoice text, p_id text, p_plan text, p_at text, p_status text, p_paid_at text DEFAULT NULL, p_reason text DEFAULT 'subscription_update')
    RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.bill(p_invoice, p_id, 'x', p_at, '2026-02-10', p_status, p_paid_at, 1, jsonb_build_object('billing_reason', p_reason) || pg_temp.lines(
        jsonb_set(pg_temp.line(concat('si_', p_id, '_', p_plan), 'price_' || p_plan, pg_temp.at(p_at), pg_temp.at('2026-02-10'), 700, 1, true, 'il_' || p_invoice),
                  '{parent,invoice_item_details,subscription}', to_jsonb(p_id)))) $$;

-- an item that is added amid the month
SELECT pg_temp.case_('a'), pg_temp.tell('2026-01-10', jsonb_build_array(pg_temp.is_('a', 'active', pg_temp.month('a', 'slow')), pg_temp.bill('in_a', 'a', 'price_slow', '2026-01-10', '2026-02-10')), 'a');
SELECT pg_temp.tell('2026-01-20', jsonb_build_array(pg_temp.is_('a', 'past_due', jsonb_build_array(pg_temp.month('a', 'slow'), pg_temp.month('a', 'extra', p_added => '2026-01-20'))),
                                                    pg_temp.rest('in_a2', 'a', 'extra', '2026-01-20', 'open')), 'a');
SELECT is(pg_temp.balance(), 30::bigint, 'an added item whose plan waits for the money: not before it is paid');
SELECT pg_temp.tell('2026-01-21', jsonb_build_array(pg_temp.is_('a', 'active', jsonb_build_array(pg_temp.month('a', 'slow'), pg_temp.month('a', 'extra', p_added => '2026-01-20'))),
                                                    pg_temp.rest('in_a2', 'a', 'extra', '2026-01-20', 'paid', '2026-01-21')), 'a');
SELECT is(pg_temp.lots('a'), E'period slow: 30 2026-01-10..2026-02-10 | 2026-01-10 | 2026-02-10\nupgrade extra: 50 2026-01-10..2026-02-10 | 2026-01-20 | 2026-02-10',
          'an added item gives its credits in the month in which it is added, not with the next');
SELECT pg_temp.tell('2026-02-10 01:00', jsonb_build_array(pg_temp.is_('a', 'active', jsonb_build_array(pg_temp.month('a', 'slow', '2026-02-10', '2026-03-10'), pg_temp.month('a', 'extra', '2026-02-10', '2026-03-10', '2026-01-20'))),
    pg_temp.bill('in_a3', 'a', 'x', '2026-02-10', '2026-03-10', p_extra => pg_temp.lines(
        pg_temp.line('si_a', 'price_slow', pg_temp.at('2026-02-10'), pg_temp.at('2026-03-10')),
        jsonb_set(pg_temp.line('si_a_extra', 'price_extra', pg_temp.at('2026-02-10'), pg_temp.at('2026-03-10')), '{parent,subscription_item_details,subscription}', '"a"')))), 'a');
SELECT is(pg_temp.balance(), 80::bigint, 'an added item: and with each month after it');
SELECT alike(pg_temp.story('a'), '%granted 50 to 80 upgrade, %', 'an added item is an upgrade');
SELECT pg_temp.case_('b'), pg_temp.tell('2026-01-10', jsonb_build_array(pg_temp.is_('b', 'active', pg_temp.month('b', 'pro')), pg_temp.bill('in_b', 'b', 'price_pro', '2026-01-10', '2026-02-10')), 'b');
SELECT pg_temp.tell('2026-01-20', jsonb_build_array(pg_temp.is_('b', 'active', jsonb_build_array(pg_temp.month('b', 'pro'), pg_temp.month('b', 'more', p_added => '2026-01-20')))), 'b');
SELECT is(pg_temp.lots('b'), E'period pro: 30 2026-01-10..2026-02-10 | 2026-01-10 | 2026-02-10\nupgrade more: 70 2026-01-10..2026-02-10 | 2026-01-20 | 2026-02-10',
          'an added item that is billed later: since it was added, not since the month began');
SELECT pg_temp.tell('2026-02-10 00:01', jsonb_build_array(pg_temp.is_('b', 'active', jsonb_build_array(pg_temp.month('b', 'pro', '2026-02-10', '2026-03-10'), pg_temp.month('b', 'more', '2026-02-10', '2026-03-10', '2026-01-20')))), 'b');
SELECT is(pg_temp.story('b'), 'granted 30 to 30 activated, granted 70 to 100 upgrade, granted 30 to 130 renewal, granted 70 to 200 renewal, expired -30 to 170, expired -70 to 100',
          'an added item: what it gave is not taken back when the month is over');

-- what is metered
CREATE FUNCTION pg_temp.meter(p_from text, p_to text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.is_('m', 'active', jsonb_set(pg_temp.month('m', 'used', p_from, p_to, p_quantity => NULL), '{price,recurring,usage_type}', '"metered"')) $$;
SELECT pg_temp.case_('m'), pg_temp.tell('2026-01-10', jsonb_build_array(pg_temp.meter('2026-01-10', '2026-02-10')), 'm');
SELECT is(pg_temp.balance(), 30::bigint, 'metered: as one');
SELECT pg_temp.tell('2026-02-10 01:00', jsonb_build_array(pg_temp.meter('2026-02-10', '2026-03-10'), pg_temp.bill('in_m', 'm', 'price_used', '2026-01-10', '2026-02-10', 'paid', '2026-02-10 01:00', 5000)), 'm');
SELECT is(pg_temp.balance(), 60::bigint, 'metered: what was used is no number of seats');

-- collection is paused
CREATE FUNCTION pg_temp.paused(p_from text, p_to text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.is_('p', 'active', pg_temp.month('p', 'debt', p_from, p_to), '{"pause_collection": {"behavior": "keep_as_draft", "resumes_at": null}}') $$;
SELECT pg_temp.case_('p'), pg_temp.tell('2026-01-10', jsonb_build_array(pg_temp.is_('p', 'active', pg_temp.month('p', 'debt')), pg_temp.bill('in_p', 'p', 'price_debt', '2026-01-10', '2026-02-10')), 'p');
SELECT pg_temp.tell('2026-02-10 00:01', jsonb_build_array(pg_temp.paused('2026-02-10', '2026-03-10'), pg_temp.bill('in_p2', 'p', 'price_debt', '2026-02-10', '2026-03-10', 'draft')), 'p');
SELECT is((SELECT s.balance FROM ledger.spend_credits('p', 20, 'p1') AS s), 10::bigint, 'collection is paused, drafts are kept: a plan that does not wait gives');
SELECT pg_temp.tell('2026-03-10 00:01', jsonb_build_array(pg_temp.paused('2026-03-10', '2026-04-10'), pg_temp.bill('in_p3', 'p', 'price_debt', '2026-03-10', '2026-04-10', 'draft')), 'p');
SELECT is(pg_temp.story('p'), 'granted 30 to 30 activated, granted 30 to 60 renewal, expired -30 to 30, granted 30 to 40 renewal, expired -10 to 30',
          'collection is paused: what was given and spent is no debt when the next month begins');
SELECT pg_temp.tell('2026-03-12', jsonb_build_array(pg_temp.is_('p', 'canceled', pg_temp.month('p', 'debt', '2026-03-10', '2026-04-10'), jsonb_build_object('ended_at', pg_temp.at('2026-03-12')))), 'p');
SELECT is(pg_temp.lots('p'), E'period debt: 30 2026-01-10..2026-02-10 | 2026-01-10 | 2026-02-10\nperiod debt: 30 -30 2026-02-10..2026-03-10 | 2026-02-10 | 2026-03-10\n'
    'period debt: 30 -30 2026-03-10..2026-04-10 | 2026-03-10 | 2026-04-10', 'collection is paused: who leaves then has had them for nothing, and does not keep them');

-- a trial again, of who has paid: the period that was paid for stays, whether Stripe keeps the beginning of the first trial or not
CREATE FUNCTION pg_temp.again(p_id text, p_status text, p_from text, p_to text, p_start text, p_end text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.is_(p_id, p_status, pg_temp.month(p_id, 'slow', p_from, p_to), jsonb_build_object(
               'created', pg_temp.at('2026-01-01'), 'trial_start', pg_temp.at(p_start), 'trial_end', pg_temp.at(p_end))) $$;
SELECT pg_temp.case_(i), pg_temp.tell('2026-01-01', jsonb_build_array(pg_temp.again(i, 'trialing', '2026-01-01', '2026-01-15', '2026-01-01', '2026-01-15'),
           pg_temp.bill('in_0' || i, i, 'price_slow', '2026-01-01', '2026-01-15', 'paid', NULL, 1, '{"billing_reason": "subscription_create"}', 0)), i),
       pg_temp.tell('2026-01-15 01:00', jsonb_build_array(pg_temp.again(i, 'active', '2026-01-15', '2026-02-15', '2026-01-01', '2026-01-15'),
           pg_temp.bill('in_1' || i, i, 'price_slow', '2026-01-15', '2026-02-15')), i),
       pg_temp.tell('2026-01-20', jsonb_build_array(pg_temp.again(i, 'trialing', '2026-01-20', '2026-02-01', v.start, '2026-02-01')), i)
  FROM (VALUES ('t1', '2026-01-01'), ('t2', '2026-01-20')) AS v (i, start);
SELECT alike(pg_temp.lots('t1'), '%period slow: 30 2026-01-15..2026-02-15 | 2026-01-15 | 2026-02-15', 'a trial that is taken up again leaves what was paid for');
SELECT alike(pg_temp.lots('t2'), '%period slow: 30 2026-01-15..2026-02-15 | 2026-01-15 | 2026-02-15%', 'a second trial, too');
SELECT is((SELECT count(*) FROM ledger.credit_entry WHERE subscription IN ('t1', 't2') AND kind = 'clawed_back'), 0::bigint, 'a trial again takes nothing back');
SELECT * FROM finish();
ROLLBACK;
