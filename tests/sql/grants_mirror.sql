-- What credits are made from: lines of invoices, the anchor and the clock of subscriptions, and since when a change holds.
BEGIN;
SELECT no_plan();
\ir grants.psql
CREATE FUNCTION pg_temp.known(p_invoice text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', l.id, l.subscription, l.item, l.price_id, l.quantity, l.amount, l.proration,
                                (extract(epoch FROM l.period_start) - t.day(0))::bigint / 86400,
                                (extract(epoch FROM l.period_end) - t.day(0))::bigint / 86400), ', ' ORDER BY l.id COLLATE "C")
      FROM ledger.invoice_line AS l WHERE l.invoice = p_invoice $$;
CREATE FUNCTION pg_temp.read(p_lines jsonb, p_status text DEFAULT 'paid') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM t.turn('cus_1', jsonb_build_array(t.invoice('in_1', 'cus_1', 'sub_1', p_status, 1999, 0, p_lines)));
    RETURN pg_temp.known('in_1');
END $$;

SELECT is(pg_temp.read(pg_temp.lines(pg_temp.line('si_sub_1', 'price_pro', t.day(0), t.day(31), 1999, 2, false, 'il_1'))),
          'il_1 sub_1 si_sub_1 price_pro 2 1999 f 0 31', 'a line says which item was billed for which period');
SELECT is(pg_temp.read('{}'), 'il_1 sub_1 si_sub_1 price_pro 2 1999 f 0 31', 'an invoice without lines says nothing of them');
SELECT is(pg_temp.read(pg_temp.lines(pg_temp.line('si_sub_1', 'price_pro', t.day(0), t.day(31), 999, NULL, false, 'il_1'),
                                     pg_temp.line('si_sub_1', 'price_team', t.day(9), t.day(31), -5, 1, true, 'il_2'))),
          'il_1 sub_1 si_sub_1 price_pro 999 f 0 31, il_2 sub_1 si_sub_1 price_team 1 -5 t 9 31', 'it is what was last read');
SELECT is(pg_temp.read(jsonb_set(pg_temp.lines(pg_temp.line('si_sub_1', 'price_pro', t.day(0), t.day(31), 7, 1, false, 'il_3')),
                                 '{lines,has_more}', 'true')),
          'il_1 sub_1 si_sub_1 price_pro 999 f 0 31, il_2 sub_1 si_sub_1 price_team 1 -5 t 9 31, il_3 sub_1 si_sub_1 price_pro 1 7 f 0 31',
          'a list that is cut short loses nothing that was known');
SELECT is(pg_temp.read(pg_temp.lines(pg_temp.line('si_sub_1', 'price_pro', t.day(0), t.day(31), 7, 1, false, 'il_3')), 'draft'),
          'il_3 sub_1 si_sub_1 price_pro 1 7 f 0 31', 'a list that is whole replaces what was known');
SELECT is(pg_temp.read('{"lines": {"object": "list", "has_more": false, "data": [{"object": "line_item", "id": "il_old", "amount": 5,
          "quantity": 1, "period": {"start": 1767225600, "end": 1769904000}, "price": {"id": "price_pro", "object": "price"},
          "subscription": "sub_1", "subscription_item": "si_old", "proration": true, "type": "invoiceitem"},
          {"object": "line_item", "id": "il_plain", "amount": 6, "quantity": null, "period": {"start": 1767225600, "end": 1767225600},
           "pricing": null, "parent": null}]}}'),
          'il_old sub_1 si_old price_pro 1 5 t 0 31, il_plain 6 f 0 0', 'in the old shape too; and of nothing that was subscribed to');
SELECT throws_ok(format('SELECT t.turn(%L, %L)', 'cus_1', jsonb_build_array(t.invoice('in_2', 'cus_1', NULL, 'paid', 1, 0, v.extra))),
                 'IS001', NULL, 'refused: ' || v.what)
  FROM (VALUES ('lines that are no list', '{"lines": []}'::jsonb), ('a list that does not say whether it is whole', '{"lines": {"data": []}}'),
               ('a line without a period', pg_temp.lines(pg_temp.line('si_1', 'price_pro', 0, 1) - 'period')),
               ('a line without an amount', pg_temp.lines(pg_temp.line('si_1', 'price_pro', 0, 1) - 'amount')),
               ('half a seat', pg_temp.lines(pg_temp.line('si_1', 'price_pro', 0, 1) || '{"quantity": 1.5}')),
               ('a period from null', pg_temp.lines(pg_temp.line('si_1', 'price_pro', 0, 1) || '{"period": {"start": null, "end": 5}}')))
       AS v (what, extra);

-- the anchor and the clock
CREATE FUNCTION pg_temp.anchor() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', extract(epoch FROM s.billing_cycle_anchor)::bigint, s.test_clock) FROM ledger.subscription AS s WHERE s.id = 'sub_1' $$;
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active')));
SELECT is(pg_temp.anchor(), '', 'a subscription may say neither anchor nor clock');
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', NULL, jsonb_build_object('billing_cycle_anchor', t.day(3), 'test_clock', 'clock_1'))));
SELECT is(pg_temp.anchor(), t.day(3) || ' clock_1', 'both are kept');
SELECT is((SELECT count(*) FROM ledger.subscription_change WHERE subscription = 'sub_1'), 1::bigint, 'and are no change of its state');
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', NULL, jsonb_build_object('billing_cycle_anchor', t.day(4), 'test_clock', jsonb_build_object('id', 'clock_1')))));
SELECT is(pg_temp.anchor(), t.day(4) || ' clock_1', 'the anchor moves alone; a clock may be expanded');

-- since when a change holds
CREATE FUNCTION pg_temp.change(p_sub text, p_quantity bigint, p_events jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM t.turn('cus_1', jsonb_build_array(t.sub(p_sub, 'cus_1', 'active', jsonb_build_array(t.item('si_' || p_sub, 'pro', 0, 31, p_quantity)))), p_events);
    RETURN (SELECT concat_ws(' ', h.effective_basis, (extract(epoch FROM h.effective_at) - t.day(0))::bigint / 86400)
              FROM ledger.subscription_change AS h WHERE h.subscription = p_sub ORDER BY h.id DESC LIMIT 1);
END $$;
SELECT is(pg_temp.change('sub_2', 1, '[]'), 'created 0', 'first sight');
SELECT is(pg_temp.change('sub_2', 2, jsonb_build_array(t.event('evt_1', 'customer.subscription.updated', 'sub_2', 5), t.event('evt_2', 'invoice.paid', 'in_9', 6))),
          'event 5', 'an event of its own goes before newer ones of others');
SELECT is(pg_temp.change('sub_2', 3, jsonb_build_array(t.event('evt_3', 'invoice.paid', 'in_9', 7), t.event('evt_4', 'invoice.created', 'in_9', 6),
                                                       t.event('evt_5', 'invoice.created', 'in_10', 101))),
          'event 7', 'else the newest of any before the read: its clock may be far from Stripe''s');
SELECT is(pg_temp.change('sub_2', 4, jsonb_build_array(t.event('evt_6', 'customer.subscription.updated', 'sub_2', 102))),
          'event 102', 'its own may be later than the read: a test clock is ahead');
SELECT is(pg_temp.change('sub_3', 1, '[]') || ', ' || pg_temp.change('sub_3', 2, '[]'), 'created 0, read 100', 'without events it is the read');
SELECT * FROM finish();
ROLLBACK;
