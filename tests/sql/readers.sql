-- One reader per fact of Stripe's shape: new and old shapes are read, anything else is refused by name.
BEGIN;
SELECT no_plan();

CREATE TEMP TABLE fixture (n serial, name text, got text, want text);
-- An expression as text: its value, or SQLSTATE and message.
CREATE FUNCTION pg_temp.read(p_sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE v text;
BEGIN
    EXECUTE 'SELECT (' || p_sql || ')::text' INTO v;
    RETURN v;
EXCEPTION WHEN SQLSTATE 'IS001' THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END $$;

SELECT is(pg_temp.read(c.sql), c.want, c.name) FROM (VALUES
    -- references
    ('a reference is a string', $$stripe.id_or_expanded('"cus_1"', '{}', 'customer')$$, 'cus_1'),
    ('a reference may be expanded', $$stripe.id_or_expanded('{"id": "cus_1", "object": "customer"}', '{}', 'customer')$$, 'cus_1'),
    ('a reference may be a deleted stub', $$stripe.id_or_expanded('{"id": "cus_1", "deleted": true}', '{}', 'customer')$$, 'cus_1'),
    ('a reference may be null', $$stripe.id_or_expanded('null', '{}', 'customer')$$, NULL),
    ('a number is no reference', $$stripe.id_or_expanded('7', '{"object": "invoice", "id": "in_1"}', 'customer')$$,
        'IS001: invoice in_1: field customer is not a whole number of 64 bits, or not expected to be a number'),
    ('an empty string is no reference', $$stripe.id_or_expanded('""', '{"object": "invoice", "id": "in_1"}', 'customer')$$,
        'IS001: invoice in_1: field customer is not understood (found string)'),
    ('an object without id is no reference', $$stripe.id_or_expanded('{"object": "customer"}', '{"object": "invoice", "id": "in_1"}', 'customer')$$,
        'IS001: invoice in_1: field customer is not understood (found object)'),
    ('a list is no reference', $$stripe.id_or_expanded('["cus_1"]', '{"object": "invoice", "id": "in_1"}', 'customer')$$,
        'IS001: invoice in_1: field customer is not understood (found array)'),
    ('an invoice without the field customer is refused', $$stripe.customer_of('{"object": "invoice", "id": "in_1"}')$$,
        'IS001: invoice in_1: field customer is missing'),
    ('a guest''s session has no customer', $$stripe.customer_of(t.session('cs_1', NULL, 'payment', 'paid', 1))$$, NULL),
    ('a customer is its own customer', $$stripe.customer_of(t.customer('cus_9'))$$, 'cus_9'),
    -- whole numbers
    ('amounts are whole', $$stripe.whole('{}', '1999', 'amount_paid')$$, '1999'),
    ('amounts may be negative', $$stripe.whole('{}', '-5', 'total')$$, '-5'),
    ('the largest amount of 64 bits', $$stripe.whole('{}', '9223372036854775807', 'amount_paid')$$, '9223372036854775807'),
    ('the smallest amount of 64 bits', $$stripe.whole('{}', '-9223372036854775808', 'amount_paid')$$, '-9223372036854775808'),
    ('one more than 64 bits is refused', $$stripe.whole('{"object": "invoice", "id": "in_1"}', '9223372036854775808', 'amount_paid')$$,
        'IS001: invoice in_1: field amount_paid is not a whole number of 64 bits, or not expected to be a number'),
    ('thirty digits are refused', $$stripe.whole('{"object": "invoice", "id": "in_1"}', '100000000000000000000000000000', 'amount_paid')$$,
        'IS001: invoice in_1: field amount_paid is not a whole number of 64 bits, or not expected to be a number'),
    ('a fraction is refused', $$stripe.whole('{"object": "invoice", "id": "in_1"}', '19.99', 'amount_paid')$$,
        'IS001: invoice in_1: field amount_paid is not a whole number of 64 bits, or not expected to be a number'),
    ('even a fraction of zero is refused', $$stripe.whole('{"object": "invoice", "id": "in_1"}', '20.0', 'amount_paid')$$,
        'IS001: invoice in_1: field amount_paid is not a whole number of 64 bits, or not expected to be a number'),
    ('digits in a string are refused', $$stripe.whole('{"object": "invoice", "id": "in_1"}', '"1999"', 'amount_paid')$$,
        'IS001: invoice in_1: field amount_paid is not understood (found string)'),
    ('null is no amount', $$stripe.whole('{"object": "invoice", "id": "in_1"}', 'null', 'amount_paid')$$,
        'IS001: invoice in_1: field amount_paid is not understood (found null)'),
    ('absent is no amount', $$stripe.whole('{"object": "invoice", "id": "in_1"}', NULL, 'amount_paid')$$,
        'IS001: invoice in_1: field amount_paid is missing'),
    -- moments
    ('moments are unix seconds', $$extract(epoch FROM stripe.moment('{}', '1767225600', 'created'))::bigint$$, '1767225600'),
    ('a moment may be null', $$stripe.moment('{}', 'null', 'ended_at')$$, NULL),
    ('a moment may not be absent', $$stripe.moment('{"object": "subscription", "id": "sub_1"}', NULL, 'ended_at')$$,
        'IS001: subscription sub_1: field ended_at is missing'),
    ('a moment in ISO 8601 is another shape', $$stripe.moment('{"object": "subscription", "id": "sub_1"}', '"2026-01-01"', 'ended_at')$$,
        'IS001: subscription sub_1: field ended_at is not understood (found string)'),
    ('a moment beyond the year 9999 is refused', $$stripe.moment('{"object": "subscription", "id": "sub_1"}', '253402300800', 'ended_at')$$,
        'IS001: subscription sub_1: field ended_at is not a whole number of 64 bits, or not expected to be a number'),
    ('a required moment may not be null', $$stripe.moment_required('{"object": "invoice", "id": "in_1", "created": null}', 'created')$$,
        'IS001: invoice in_1: field created is not understood (found null)'),
    -- words
    ('an unknown status is carried', $$stripe.word('{"status": "hibernating"}', 'status')$$, 'hibernating'),
    ('no status is refused', $$stripe.word('{"object": "subscription", "id": "sub_1"}', 'status')$$,
        'IS001: subscription sub_1: field status is missing'),
    ('a flag is true or false', $$stripe.yes('{"cancel_at_period_end": true}', 'cancel_at_period_end')$$, 'true'),
    ('a flag is not a string', $$stripe.yes('{"object": "subscription", "id": "sub_1", "cancel_at_period_end": "true"}', 'cancel_at_period_end')$$,
        'IS001: subscription sub_1: field cancel_at_period_end is not understood (found string)'),
    ('a currency is lower case', $$stripe.currency('{"currency": "JPY"}')$$, 'jpy'),
    ('a currency has three letters', $$stripe.currency('{"object": "invoice", "id": "in_1", "currency": "euro"}')$$,
        'IS001: invoice in_1: field currency is not understood (found string)'),
    -- invoice -> subscription, moved by 2025-03-31.basil
    ('new shape: the subscription of an invoice is under parent',
        $$stripe.invoice_subscription(t.invoice('in_1', 'cus_1', 'sub_1', 'paid', 1))$$, 'sub_1'),
    ('new shape: it may be expanded',
        $$stripe.invoice_subscription('{"parent": {"type": "subscription_details", "subscription_details": {"subscription": {"id": "sub_1"}}}}')$$, 'sub_1'),
    ('new shape: parent null is a one-off invoice', $$stripe.invoice_subscription('{"parent": null}')$$, NULL),
    ('new shape: a quote''s invoice has no subscription',
        $$stripe.invoice_subscription('{"parent": {"type": "quote_details", "quote_details": {"quote": "qt_1"}}}')$$, NULL),
    ('new shape: an unknown parent is refused, not read as none',
        $$stripe.invoice_subscription('{"object": "invoice", "id": "in_1", "parent": {"type": "moon_details"}}')$$,
        'IS001: invoice in_1: field parent.type is not understood (found string)'),
    ('new shape: subscription_details without subscription is refused',
        $$stripe.invoice_subscription('{"object": "invoice", "id": "in_1", "parent": {"type": "subscription_details", "subscription_details": {}}}')$$,
        'IS001: invoice in_1: field parent.subscription_details.subscription is missing'),
    ('old shape: the subscription is at the top',
        $$stripe.invoice_subscription('{"object": "invoice", "id": "in_1", "subscription": "sub_1"}')$$, 'sub_1'),
    ('old shape: null is a one-off invoice',
        $$stripe.invoice_subscription('{"object": "invoice", "id": "in_1", "subscription": null}')$$, NULL),
    ('both shapes: the new one counts',
        $$stripe.invoice_subscription('{"parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_new"}}, "subscription": "sub_old"}')$$, 'sub_new'),
    ('neither shape is refused', $$stripe.invoice_subscription('{"object": "invoice", "id": "in_1"}')$$,
        'IS001: invoice in_1: field parent is missing'),
    -- invoice paid, paid_at
    ('status says paid', $$stripe.invoice_is_paid('{"status": "paid"}')$$, 'true'),
    ('status open is not paid', $$stripe.invoice_is_paid('{"status": "open"}')$$, 'false'),
    ('status null is not paid', $$stripe.invoice_is_paid('{"status": null}')$$, 'false'),
    ('the old field paid alone is not enough', $$stripe.invoice_is_paid('{"object": "invoice", "id": "in_1", "paid": true}')$$,
        'IS001: invoice in_1: field status is missing'),
    ('a paid invoice says when', $$(SELECT extract(epoch FROM paid_at)::bigint || coalesce(basis, '') FROM stripe.invoice_paid_at('{"status": "paid", "status_transitions": {"paid_at": 1767225600}}'))$$, '1767225600'),
    ('an open one does not', $$(SELECT paid_at::text || basis FROM stripe.invoice_paid_at('{"status": "open", "status_transitions": {"paid_at": null}}'))$$, NULL),
    ('a paid invoice that does not was paid when it was finalized',
        $$(SELECT extract(epoch FROM paid_at)::bigint || ' ' || basis FROM stripe.invoice_paid_at('{"status": "paid", "created": 1767225000, "status_transitions": {"paid_at": null, "finalized_at": 1767225600}}'))$$, '1767225600 finalized_at'),
    ('else when it was made',
        $$(SELECT extract(epoch FROM paid_at)::bigint || ' ' || basis FROM stripe.invoice_paid_at('{"status": "paid", "created": 1767225000, "status_transitions": {"paid_at": null}}'))$$, '1767225000 created'),
    ('a paid invoice without the field is refused',
        $$stripe.invoice_paid_at('{"object": "invoice", "id": "in_1", "status": "paid", "created": 1, "status_transitions": {}}')$$,
        'IS001: invoice in_1: field status_transitions.paid_at is missing'),
    -- period of an item, moved by 2025-03-31.basil
    ('new shape: the period is on the item',
        $$(stripe.subscription_period('{"current_period_start": 1, "current_period_end": 2}', '{"current_period_start": 1767225600, "current_period_end": 1767312000}')).period_end = to_timestamp(1767312000)$$, 'true'),
    ('old shape: the period is on the subscription',
        $$(stripe.subscription_period('{"current_period_start": 1767225600, "current_period_end": 1767312000}', '{}')).period_start = to_timestamp(1767225600)$$, 'true'),
    ('neither shape is refused',
        $$stripe.subscription_period('{}', '{"object": "subscription_item", "id": "si_1"}')$$,
        'IS001: subscription_item si_1: field current_period_start is missing'),
    -- items and prices
    ('items are a list', $$stripe.subscription_items('{"object": "subscription", "id": "sub_1", "items": null}')$$,
        'IS001: subscription sub_1: field items.data is missing'),
    ('a first page of items is not the items',
        $$stripe.subscription_items('{"object": "subscription", "id": "sub_1", "items": {"data": [], "has_more": true}}')$$,
        'IS001: subscription sub_1: field items is only its first page'),
    ('an item has its price whole', $$stripe.item_price('{"object": "subscription_item", "id": "si_1", "price": "price_1"}')$$,
        'IS001: subscription_item si_1: field price.id is missing'),
    ('plan key: the price''s metadata goes first',
        $$stripe.price_plan_key('{"id": "price_1", "lookup_key": "look", "metadata": {"plan_key": "pro"}}')$$, 'pro'),
    ('plan key: then its lookup key', $$stripe.price_plan_key('{"id": "price_1", "lookup_key": "look", "metadata": {}}')$$, 'look'),
    ('plan key: then its id', $$stripe.price_plan_key('{"id": "price_1", "lookup_key": null}')$$, 'price_1'),
    -- discounts
    ('discounts of an invoice are summed',
        $$stripe.discount_amount('{"object": "invoice", "total_discount_amounts": [{"amount": 100, "discount": "di_1"}, {"amount": 23, "discount": "di_2"}]}')$$, '123'),
    ('no discounts are none', $$stripe.discount_amount('{"object": "invoice", "total_discount_amounts": null}')$$, '0'),
    ('a discount that is not whole is refused',
        $$stripe.discount_amount('{"object": "invoice", "id": "in_1", "total_discount_amounts": [{"amount": 1.5}]}')$$,
        'IS001: invoice in_1: field total_discount_amounts[].amount is not a whole number of 64 bits, or not expected to be a number'),
    ('discounts that are no list are refused',
        $$stripe.discount_amount('{"object": "invoice", "id": "in_1", "total_discount_amounts": {}}')$$,
        'IS001: invoice in_1: field total_discount_amounts is not understood (found object)'),
    ('the discount of a session', $$stripe.discount_amount('{"object": "checkout.session", "total_details": {"amount_discount": 500}}')$$, '500'),
    ('a session without details has none', $$stripe.discount_amount('{"object": "checkout.session", "total_details": null}')$$, '0'),
    -- metadata
    ('the first configured key with a value counts',
        $$stripe.metadata_user('{"metadata": {"uid": "u2", "user_id": " "}}', '{user_id,uid}')$$, 'u2'),
    ('a user id is trimmed', $$stripe.metadata_user('{"metadata": {"user_id": " u1 "}}', '{user_id}')$$, 'u1'),
    ('no metadata, no user', $$stripe.metadata_user('{}', '{user_id}')$$, NULL),
    ('metadata that is no map is refused', $$stripe.metadata_user('{"object": "customer", "id": "cus_1", "metadata": []}', '{user_id}')$$,
        'IS001: customer cus_1: field metadata is not understood (found array)'),
    -- event types
    ('invoice.paid matters', $$stripe.event_relevant('invoice.paid')$$, 'true'),
    ('its thin twin matters', $$stripe.event_relevant('v1.invoice.paid')$$, 'true'),
    ('our own sync matters', $$stripe.event_relevant('instep.sync')$$, 'true'),
    ('a payout does not', $$stripe.event_relevant('payout.paid')$$, 'false'),
    ('an unheard-of type does not', $$stripe.event_relevant('moon.landed')$$, 'false')
) AS c (name, sql, want);

-- The same subscription in both shapes is the same state.
SELECT is(
    stripe.subscription_state(t.sub('sub_1', 'cus_1', 'active', NULL, jsonb_build_object(
        'current_period_start', t.day(0), 'current_period_end', t.day(31)))
        #- '{items,data,0,current_period_start}' #- '{items,data,0,current_period_end}'),
    stripe.subscription_state(t.sub('sub_1', 'cus_1', 'active')),
    'a subscription of before 2025-03-31.basil reads as the same state');
SELECT is(stripe.subscription_state(t.sub('sub_1', 'cus_1', 'active', jsonb_build_array(
              t.item('si_2', 'pro', 0, 31), t.item('si_1', 'addon', 0, 31)))) #>> '{items,0,id}', 'si_1',
          'items of a state are sorted');
SELECT ok(stripe.subscription_state(t.sub('sub_1', 'cus_1', 'active', NULL, '{"description": "Ms Doe", "metadata": {"email": "a@example.com"}}'))::text
          NOT SIMILAR TO '%(Doe|example)%', 'nothing personal is in a state');
SELECT * FROM finish();
ROLLBACK;
