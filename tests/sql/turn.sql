-- A turn: the claim is a fence, events are recorded once, failures never undo what was applied.
BEGIN;
SELECT no_plan();
CREATE FUNCTION pg_temp.claim(p_subject text, p_claim uuid, p_events text[] DEFAULT '{}') RETURNS jsonb
    LANGUAGE sql AS $$ SELECT ops.claim_customer('self', p_subject, p_claim, p_events, 'w1') $$;
CREATE FUNCTION pg_temp.u(p_n int) RETURNS uuid LANGUAGE sql AS
$$ SELECT (lpad(p_n::text, 8, '0') || '-0000-4000-8000-000000000000')::uuid $$;
CREATE FUNCTION pg_temp.rows() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', (SELECT count(*) FROM ledger.subscription), (SELECT count(*) FROM ledger.subscription_change),
                     (SELECT count(*) FROM ledger.journal_entry), (SELECT count(*) FROM ledger.posting),
                     (SELECT count(*) FROM ops.turn), (SELECT count(*) FROM ops.webhook_event),
                     (SELECT count(*) FROM ledger.invoice), (SELECT count(*) FROM ledger.entitlement)) $$;

-- claim
SELECT is(pg_temp.claim('cus_1', pg_temp.u(1)),
    '{"subject_kind": "customer", "known": false, "user_id": null, "routed_to": null, "applied": [], "owed": [], "wants": [],
      "invoices_since": null, "sessions_since": null, "charges_since": null}'::jsonb, 'the first claim of a customer knows nothing');
SELECT is(pg_temp.claim('ch_1', pg_temp.u(2)) ->> 'subject_kind', 'object', 'an id that is no cus_ is an object');
SELECT is(pg_temp.claim('cusp_1', pg_temp.u(2)) ->> 'subject_kind', 'object', 'the underscore is no wildcard');
SELECT throws_ok($$SELECT ops.claim_customer('self', 'cus_1', NULL, '{}', 'w')$$, '22004', NULL, 'a claim needs a uuid');
SELECT throws_ok($$SELECT ops.claim_customer('self', '', gen_random_uuid(), '{}', 'w')$$, '23514', NULL, 'a claim needs a subject');
SELECT is(current_setting('synchronous_commit'), 'off', 'a claim commits asynchronously');

-- fence
SELECT is(ledger.apply_turn(t.input('cus_1', pg_temp.u(9), '[]')) ->> 'outcome', 'fenced', 'a claim never made is fenced');
SELECT is(ledger.apply_turn(t.input('cus_none', pg_temp.u(1), '[]')) ->> 'outcome', 'fenced', 'a customer never claimed is fenced');
SELECT is(ledger.apply_turn(t.input('cus_1', NULL, '[]')) ->> 'outcome', 'fenced', 'no claim is fenced');
SELECT is((SELECT count(*) FROM ops.turn), 0::bigint, 'fenced turns leave no trace');
CREATE TEMP TABLE facts AS SELECT jsonb_build_array(
    t.sub('sub_1', 'cus_1', 'active', NULL, '{"metadata": {"user_id": "u1"}}'),
    t.invoice('in_1', 'cus_1', 'sub_1', 'paid', 1999), t.customer('cus_1')) AS objects,
    jsonb_build_array(t.event('evt_1', 'invoice.paid', 'in_1'), t.event('evt_2', 'payout.paid', 'po_1')) AS events;
SELECT pg_temp.claim('cus_1', pg_temp.u(3));
SELECT is(ledger.apply_turn(t.input('cus_1', pg_temp.u(1), objects, events)) ->> 'outcome', 'fenced',
          'the second claim refuses the first') FROM facts;
SELECT is(pg_temp.rows(), '0 0 0 0 0 0 0 0', 'and the refused turn wrote nothing');
SELECT is(ledger.apply_turn(t.input('cus_1', pg_temp.u(3), objects, events)) - 'changes',
          '{"outcome": "applied", "entries": 1, "applied": 1, "ignored": 1, "duplicates": 0}'::jsonb,
          'the current claim applies') FROM facts;
SELECT is(current_setting('synchronous_commit'), 'on', 'an apply commits synchronously');
CREATE TEMP TABLE before AS SELECT pg_temp.rows() AS rows;
SELECT is(ledger.apply_turn(t.input('cus_1', pg_temp.u(3), objects, events)) ->> 'outcome', 'fenced',
          'a claim applies once') FROM facts;
SELECT is(pg_temp.rows(), (SELECT rows FROM before), 'and its second use wrote nothing');
SELECT is(pg_temp.claim('cus_1', pg_temp.u(4), '{evt_1,evt_2,evt_3}') - 'invoices_since',
    '{"subject_kind": "customer", "known": true, "user_id": "u1", "routed_to": null, "applied": ["evt_1", "evt_2"],
      "owed": [], "wants": [], "sessions_since": null, "charges_since": null}'::jsonb, 'the next claim knows what was applied');
SELECT is(pg_temp.claim('cus_1', pg_temp.u(4), '{}') ->> 'invoices_since', (t.day(0) - 3600)::text,
          'invoices are listed since an hour before the newest known');
SELECT is((SELECT claim_no FROM ledger.customer WHERE id = 'cus_1'), 4::bigint, 'claims are counted');
SELECT is(ledger.apply_turn(t.input('cus_1', pg_temp.u(4), objects, events)) - 'changes',
          '{"outcome": "applied", "entries": 0, "applied": 0, "ignored": 0, "duplicates": 2}'::jsonb,
          'the same facts again book nothing') FROM facts;
SELECT is(t.turn('cus_1', '[]', '[]') -> 'changes', '[]', 'a turn without objects changes nothing');
SELECT is(t.fingerprint('cus_1') #>> '{truth,subscriptions,0,status}', 'active', 'and what is absent stays');
SELECT is(t.turn('cus_1', jsonb_build_array(t.invoice('in_dup', 'cus_1', NULL, 'open', 1), t.invoice('in_dup', 'cus_1', NULL, 'paid', 7))) ->> 'entries',
          '1', 'an object that comes twice counts once, the last of it');

-- wants
SELECT t.turn('cus_w', jsonb_build_array(
    t.invoice('in_draft', 'cus_w', NULL, 'draft', 0, 1), t.invoice('in_open', 'cus_w', NULL, 'open', 0, 1),
    t.invoice('in_unc', 'cus_w', NULL, 'uncollectible', 0, 1), t.invoice('in_void', 'cus_w', NULL, 'void', 0, 1),
    t.invoice('in_paid', 'cus_w', NULL, 'paid', 5, 2), t.session('cs_unpaid', 'cus_w', 'payment', 'unpaid', 5),
    t.session('cs_paid', 'cus_w', 'payment', 'paid', 5),
    t.session('cs_expired', 'cus_w', 'payment', 'unpaid', 5, '{"status": "expired"}'),
    t.session('cs_open', 'cus_w', 'payment', 'unpaid', 5, '{"status": "open"}')));
SELECT is(pg_temp.claim('cus_w', pg_temp.u(5)) -> 'wants', '[
    {"object": "checkout.session", "id": "cs_open", "due": true}, {"object": "checkout.session", "id": "cs_unpaid", "due": true},
    {"object": "invoice", "id": "in_draft", "due": true}, {"object": "invoice", "id": "in_open", "due": true}, {"object": "invoice", "id": "in_unc", "due": true}]'::jsonb,
    'what is not final is wanted, and due if it was not read for a day');
-- read just now: what is young is due again, what is older or written off waits for a day
CREATE FUNCTION pg_temp.due(p_customer text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg((w ->> 'id') || CASE WHEN (w -> 'due')::boolean THEN '!' ELSE '' END, ' ' ORDER BY n)
      FROM jsonb_array_elements(pg_temp.claim(p_customer, gen_random_uuid()) -> 'wants') WITH ORDINALITY AS x (w, n) $$;
SELECT t.turn('cus_y', (SELECT jsonb_agg(o || jsonb_build_object('created', extract(epoch FROM now())::bigint - h * 3600)) FROM (VALUES
        (t.invoice('in_open', 'cus_y', NULL, 'open', 0), 30), (t.invoice('in_young', 'cus_y', NULL, 'open', 0), 20),
        (t.invoice('in_youngunc', 'cus_y', NULL, 'uncollectible', 0), 20), (t.invoice('in_nostatus', 'cus_y', NULL, NULL, 0), 20),
        (t.session('cs_old', 'cus_y', 'payment', 'unpaid', 5), 30), (t.session('cs_young', 'cus_y', 'payment', 'unpaid', 5), 20)) AS v (o, h)),
    '[]', jsonb_build_object('fetched_ms', (extract(epoch FROM now()) * 1000)::bigint));
SELECT is(pg_temp.due('cus_y'), 'cs_young! in_nostatus! in_young! cs_old in_open in_youngunc', 'the young are due always, the others once a day');
UPDATE ledger.invoice SET looked_at = now() - interval '25 hours' WHERE id = 'in_youngunc';
SELECT is(pg_temp.due('cus_y'), 'in_youngunc! cs_young! in_nostatus! in_young! cs_old in_open', 'after a day they are due');
SELECT ledger.apply_turn(t.input('cus_w', pg_temp.u(5), '[]', '[]', '{"missing": [{"object": "invoice", "id": "in_draft"}]}'));
SELECT is(pg_temp.claim('cus_w', pg_temp.u(6)) -> 'wants' @> '[{"id": "in_draft"}]', false, 'a deleted draft is not wanted again');
SELECT is((SELECT count(*) FROM ledger.journal_entry WHERE customer = 'cus_w'), 2::bigint, 'and no entry follows from what is missing');
SELECT t.turn('cus_many', (SELECT jsonb_agg(t.invoice('in_m' || g, 'cus_many', NULL, 'open', 0)) FROM generate_series(1, 70) AS g));
SELECT is(jsonb_array_length(pg_temp.claim('cus_many', pg_temp.u(7)) -> 'wants'), 50, 'at most 50 are wanted');
SELECT is((SELECT count(*) FROM jsonb_array_elements(pg_temp.claim('cus_many', pg_temp.u(7)) -> 'wants') AS w WHERE w -> 'due' = 'true'), 10::bigint, 'of which at most 10 are due');
SELECT pg_temp.claim('cus_many', pg_temp.u(8));
SELECT ledger.apply_turn(t.input('cus_many', pg_temp.u(8), (SELECT jsonb_agg(t.invoice('in_m' || g, 'cus_many', NULL, 'open', 0)) FROM generate_series(1, 60) AS g),
    '[]', jsonb_build_object('fetched_ms', t.day(101) * 1000)));
SELECT is(pg_temp.claim('cus_many', pg_temp.u(9)) #>> '{wants,0,id}', 'in_m61', 'those unseen for longest come first');

-- refusals
CREATE FUNCTION pg_temp.refused(p_subject text, p_objects jsonb, p_extra jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM t.turn(p_subject, p_objects, '[]', p_extra);
    RETURN 'applied';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
SELECT is(pg_temp.refused('cus_2', jsonb_build_array(t.invoice('in_x', 'cus_1', NULL, 'paid', 1))),
          'IS004: invoice in_x belongs to cus_1, not to cus_2', 'an object of another customer is refused');
SELECT is(pg_temp.refused('ch_2', jsonb_build_array(t.sub('sub_x', 'cus_1', 'active'))),
          'IS004: subscription sub_x belongs to cus_1, not to ch_2', 'an object subject writes nobody''s subscription');
SELECT is(pg_temp.refused('cus_2', jsonb_build_array(t.sub('sub_1', 'cus_2', 'active'))),
          'IS004: subscription sub_1 belonged to cus_1 and now to cus_2', 'a subscription does not change hands unseen');
SELECT is(pg_temp.refused('cus_2', jsonb_build_array(t.invoice('in_x', 'cus_2', NULL, 'paid', 1, 0, '{"livemode": true}'))),
          'IS003: invoice in_x is of the other mode, this ledger is test', 'an object of the other mode is refused');
SELECT is(pg_temp.refused('cus_2', '[]', '{"mode": "live"}'), 'IS003: this ledger is test, the turn is live', 'a turn of the other mode is refused');
SELECT is(pg_temp.refused('cus_2', '[]', '{"mode": null}'), 'IS003: this ledger is test, the turn is without mode', 'a turn has a mode');
SELECT is(pg_temp.refused('cus_2', '[]', '{"v": 2}'), '0A000: turn of version 2, this database understands 1', 'a turn of a version to come is refused');
SELECT is(pg_temp.refused('cus_2', '[{"id": "in_1"}]'), 'IS001: object in_1: field object is missing', 'an object says what it is');
SELECT is(pg_temp.refused('cus_2', jsonb_build_array(t.invoice('in_x', 'cus_2', NULL, 'paid', 1, 0, '{"amount_paid": 1.5}'))),
          'IS001: invoice in_x: field amount_paid is not a whole number of 64 bits, or not expected to be a number', 'half a cent is refused by name');
SELECT is(pg_temp.refused('cus_2', jsonb_build_array(t.invoice('in_x', 'cus_2', NULL, 'paid', -1))),
          'IS001: invoice in_x: a negative amount paid', 'a negative payment is refused');
SELECT is(pg_temp.refused('cus_2', '[{"object": "moon", "id": "moon_1", "customer": "cus_77"}]'), 'applied', 'objects of other kinds are passed over');
SELECT is((SELECT count(*) FROM ledger.invoice WHERE id = 'in_x'), 0::bigint, 'a refused turn leaves nothing behind');

-- failures and dead letters
CREATE FUNCTION pg_temp.fail(p_turn int, p_bury boolean, p_events jsonb, p_class text DEFAULT 'stripe_transient') RETURNS void LANGUAGE sql AS $$
    SELECT ops.fail_turn(jsonb_build_object('account', 'self', 'subject', 'cus_f', 'worker', 'w1', 'turn', pg_temp.u(p_turn),
        'class', p_class, 'error', repeat('x', 600), 'attempt', p_turn, 'bury', p_bury,
        'next_at_ms', CASE WHEN NOT p_bury THEN t.day(3) * 1000 END, 'events', p_events)) $$;
SELECT pg_temp.fail(11, false, jsonb_build_array(t.event('evt_f1', 'invoice.paid'), t.event('evt_f2', 'payout.paid')));
SELECT is((SELECT array_agg(outcome || ' ' || error_class || ' ' || length(error) || ' ' || extract(epoch FROM next_at)::bigint ORDER BY id)
             FROM ops.webhook_event WHERE subject = 'cus_f'),
          ARRAY['retrying stripe_transient 500 ' || t.day(3), 'retrying stripe_transient 500 ' || t.day(3)], 'a failed turn leaves its events retrying');
SELECT is(ops.event_outcome('self', 'evt_f1') ->> 'outcome', 'retrying', 'which operators see');
SELECT is(ops.event_outcome('self', 'evt_never'), NULL, 'an event not heard of has no outcome');
SELECT pg_temp.fail(12, true, jsonb_build_array(t.event('evt_f1', 'invoice.paid'), t.event('evt_f2', 'payout.paid')), 'unknown_shape');
SELECT is((SELECT array_agg(event_id || ' ' || class || ' ' || attempts ORDER BY event_id) FROM ops.dead_letter_list(NULL, 10)),
          '{evt_f1 unknown_shape 12,evt_f2 unknown_shape 12}', 'buried events are open dead letters');
SELECT pg_temp.fail(13, true, jsonb_build_array(t.event('evt_f1', 'invoice.paid')), 'bug');
SELECT is((SELECT class || ' ' || burials FROM ops.dead_letter_list('bug', 10)), 'bug 2', 'buried again is still one letter');
SELECT is((SELECT array_agg(r.event_id || ' ' || r.subject || ' ' || r.type || ' ' || r.created) FROM ops.dead_letter_take_for_retry('{"event": "evt_f1"}') AS r),
          ARRAY['evt_f1 cus_f invoice.paid ' || t.day(0)], 'a retry gets what an envelope needs');
SELECT is((SELECT count(*) FROM ops.dead_letter_take_for_retry('{"class": "policy"}')), 0::bigint, 'a selector selects');
SELECT is((SELECT count(*) FROM ops.dead_letter_take_for_retry('{"customer": "cus_f"}')), 2::bigint, 'all of a customer');
SELECT is((SELECT count(*) FROM ops.dead_letter_take_for_retry('{"all": true, "limit": 1}')), 1::bigint, 'at most so many');
SELECT throws_ok($$SELECT * FROM ops.dead_letter_take_for_retry('{}')$$, '22023', NULL, 'nothing asked for is an error');
SELECT throws_ok($$SELECT * FROM ops.dead_letter_take_for_retry('{"all": false}')$$, '22023', NULL, 'all false is nothing');
SELECT is(ops.dead_letter_show('evt_f1') #>> '{letters,0,class}', 'bug', 'a letter is shown');
SELECT is(ops.dead_letter_show('evt_1'), NULL, 'an event that never died is no letter');
SELECT is((SELECT count(*) FROM ops.dead_letter_list(NULL, 10)), 2::bigint, 'letters stay open after a retry was asked for');
SELECT is(t.turn('cus_f', '[]', jsonb_build_array(t.event('evt_f1', 'invoice.paid'))) - 'changes',
          '{"outcome": "applied", "entries": 0, "applied": 1, "ignored": 0, "duplicates": 0}'::jsonb, 'a dead event is applied when its turn succeeds');
SELECT is((SELECT array_agg(event_id) FROM ops.dead_letter_list(NULL, 10)), '{evt_f2}', 'success settles the letters of the turn''s own events, no others');
SELECT is(ops.event_outcome('self', 'evt_f2') ->> 'outcome', 'dead', 'the customer''s other dead events stay dead');
SELECT t.turn('cus_g', '[]', '[]', '{"covers": ["evt_f2"]}');
SELECT is(ops.event_outcome('self', 'evt_f2') ->> 'outcome', 'dead', 'a turn cannot cover an event of somebody else');
SELECT t.turn('cus_f', '[]', '[]', '{"covers": ["evt_f2", "evt_f1", "evt_unheard"]}');
SELECT is(ops.event_outcome('self', 'evt_f2') ->> 'outcome', 'ignored', 'an event that the turn covered is finished');
SELECT is((SELECT covered_count FROM ops.turn AS x JOIN ledger.customer AS c ON c.applied_turn = x.id WHERE c.id = 'cus_f'), 1, 'covered events are counted, if they were stuck');
SELECT is((SELECT count(*) FROM ops.dead_letter_list(NULL, 10)), 0::bigint, 'and their letters are settled');
SELECT is((SELECT count(*) FROM ops.dead_letter WHERE settled_by IS NOT NULL), 2::bigint, 'a settled letter names the turn');
SELECT pg_temp.fail(14, true, jsonb_build_array(t.event('evt_f1', 'invoice.paid')), 'bug');
SELECT is(ops.event_outcome('self', 'evt_f1') ->> 'outcome', 'applied', 'a failure never overwrites an applied event');
SELECT is((SELECT count(*) FROM ops.dead_letter_list(NULL, 10)), 0::bigint, 'nor does it bury one');
SELECT is((SELECT outcome FROM ops.turn WHERE id = pg_temp.u(14)), 'dead', 'the failed turn itself is on record');

SELECT ops.fail_turn(jsonb_build_object('account', 'self', 'subject', 'cus_1', 'worker', 'w1', 'class', 'bug', 'error', 'reply lost', 'attempt', 1, 'bury', false, 'events', '[]'::jsonb,
    'turn', (SELECT applied_turn FROM ledger.customer WHERE id = 'cus_1')));
SELECT is((SELECT outcome FROM ops.turn WHERE id = (SELECT applied_turn FROM ledger.customer WHERE id = 'cus_1')), 'applied', 'a turn that was applied stays so, though its worker did not hear it');

-- a record never fails for what it records
CREATE TEMP TABLE odd AS SELECT jsonb_build_array('{"id": "evt_x1"}'::jsonb, '7'::jsonb, '{"type": "no id"}'::jsonb, jsonb_build_object('id', repeat('x', 300)),
    t.event('evt_x2', 'invoice.paid') || '{"created": 99999999999999999999, "received_ms": -1, "livemode": "maybe"}', t.event('evt_x3', 'invoice.paid') || '{"created": 1.5, "received_ms": 1e300}',
    t.event('evt_x4', E'in\x01voice.\U0001F389paid\u202e') || '{"created": "yesterday", "received_ms": [1], "livemode": null, "lane": null, "object_id": {"a": 1}}') AS events;
SELECT lives_ok($$SELECT ops.fail_turn(jsonb_build_object('account', 'self', 'subject', 'cus_x', 'turn', pg_temp.u(40), 'class', 'bug', 'bury', true, 'events', events)) FROM odd$$, 'odd events can be buried');
SELECT is((SELECT array_agg(concat_ws(' ', id, outcome, coalesce(extract(epoch FROM created_at)::text, '-'), coalesce(received_at::text, '-'), livemode) ORDER BY id) FROM ops.webhook_event WHERE subject = 'cus_x'),
    '{"evt_x1 dead - - f","evt_x2 dead - - f","evt_x3 dead 1.500000 - f","evt_x4 dead - - f"}', 'what makes no sense is NULL, the rest is kept');
SELECT is((SELECT type FROM ops.webhook_event WHERE id = 'evt_x1'), 'unknown', 'even without a type');
SELECT is((SELECT count(*) FROM ops.dead_letter_list('bug', 100) WHERE subject = 'cus_x'), 4::bigint, 'each has its letter');
SELECT lives_ok($$SELECT ops.fail_turn('{"account": "self", "subject": "cus_x", "turn": "00000041-0000-4000-8000-000000000000", "class": "bug", "events": [{"id": "evt_x5"}]}')$$, 'ids and class are enough');
SELECT is(ops.event_outcome('self', 'evt_x5') ->> 'outcome', 'retrying', 'without bury it is retried');
SELECT lives_ok(format('SELECT ops.fail_turn(%L)', f), 'fail_turn takes ' || left(f, 60)) FROM unnest(ARRAY['{}', '{"events": {}}', '{"events": null, "class": "moon", "bury": true}',
    '{"turn": "x", "attempt": 1e99, "next_at_ms": 1e99, "error": 7, "bury": "yes", "events": [{"id": "evt_x5"}]}', '{"attempt": -1, "next_at_ms": "soon", "worker": null, "error": null, "events": [{"id": "evt_x5"}]}']) AS f;
SELECT is(t.turn('cus_x', jsonb_build_array(t.sub('sub_x1', 'cus_x', 'active')), events) - 'changes', '{"outcome": "applied", "entries": 0, "applied": 2, "ignored": 2, "duplicates": 0}'::jsonb, 'a turn applies odd events as others') FROM odd;
SELECT is(t.turn('cus_x', jsonb_build_array(t.sub('sub_x1', 'cus_x', 'unpaid')), jsonb_build_array(t.event('evt_x6', 'customer.subscription.updated', 'sub_x1') || '{"created": 1e40}')) ->> 'applied', '1', 'a moment of nonsense dates no change');
SELECT is((SELECT effective_basis FROM ledger.subscription_change WHERE subscription = 'sub_x1' ORDER BY id DESC LIMIT 1), 'read', 'which is then dated by the read');
SELECT t.turn('cus_x', '[]', '[]', '{"covers": ["evt_x5"]}');

-- what is owed: a sale whose event died is not lost to a turn that read something else
SELECT ops.fail_turn(jsonb_build_object('account', 'self', 'subject', 'cus_o', 'worker', 'w1', 'turn', pg_temp.u(30), 'class', 'stripe_permanent',
    'error', 'x', 'bury', true, 'events', jsonb_build_array(t.event('evt_o1', 'checkout.session.completed', 'cs_o') || '{"object_type": "checkout.session"}')));
SELECT ops.fail_turn(jsonb_build_object('account', 'self', 'subject', 'cus_o', 'worker', 'w1', 'turn', pg_temp.u(31), 'class', 'stripe_transient',
    'error', 'x', 'bury', false, 'events', jsonb_build_array(t.event('evt_o2', 'invoice.paid', 'in_o'), t.event('evt_o3', 'customer.updated') - 'object_type')));
SELECT is(pg_temp.claim('cus_o', pg_temp.u(32), '{evt_o3}') -> 'owed',
    '[{"id": "evt_o1", "type": "checkout.session.completed", "object_type": "checkout.session", "object_id": "cs_o"},
      {"id": "evt_o2", "type": "invoice.paid", "object_type": "", "object_id": "in_o"}]'::jsonb, 'a claim says what is owed besides the events that wait, the oldest first');
SELECT ledger.apply_turn(t.input('cus_o', pg_temp.u(32), '[]', jsonb_build_array(t.event('evt_o4', 'payment_method.attached')), '{"stripe_reads": 0, "complete": []}'));
SELECT is((SELECT array_agg(e.id || ' ' || e.outcome ORDER BY e.id) FROM ops.webhook_event AS e WHERE e.subject = 'cus_o'),
    '{"evt_o1 dead","evt_o2 retrying","evt_o3 retrying","evt_o4 ignored"}', 'a turn that read nothing for them finishes none');
SELECT is(pg_temp.claim('cus_o', pg_temp.u(33)) #>> '{owed,0,id}', 'evt_o1', 'they are owed still');
SELECT ledger.apply_turn(t.input('cus_o', pg_temp.u(33), jsonb_build_array(t.session('cs_o', 'cus_o', 'payment', 'paid', 700)),
    jsonb_build_array(t.event('evt_o5', 'payment_method.attached')), '{"covers": ["evt_o1", "evt_o2", "evt_o3"]}'));
SELECT is((SELECT amount FROM ledger.sale WHERE source = 'cs_o'), 700::bigint, 'and the turn that reads for them books the sale');
SELECT is(pg_temp.claim('cus_o', pg_temp.u(34)) -> 'owed', '[]'::jsonb, 'after which nothing is owed');
SELECT is((SELECT count(*) FROM ops.dead_letter_list(NULL, 100)), 0::bigint, 'nor on a shelf');
SELECT ops.fail_turn(jsonb_build_object('account', 'self', 'subject', 'cus_o', 'worker', 'w1', 'turn', pg_temp.u(35), 'class', 'bug', 'error', 'x', 'bury', true,
    'events', (SELECT jsonb_agg(t.event('evt_p' || g, 'invoice.paid')) FROM generate_series(1, 60) AS g)));
SELECT is(jsonb_array_length(pg_temp.claim('cus_o', pg_temp.u(36)) -> 'owed'), 50, 'at most 50 are owed at once');
SELECT t.turn('cus_o', '[]', '[]', jsonb_build_object('covers', (SELECT jsonb_agg('evt_p' || g) FROM generate_series(1, 60) AS g)));

-- watermarks: only a list that was read to its end moves them
CREATE FUNCTION pg_temp.since(p_subject text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', c -> 'known', (c ->> 'invoices_since')::bigint - t.day(0), (c ->> 'sessions_since')::bigint - t.day(0))
      FROM pg_temp.claim(p_subject, gen_random_uuid()) AS c $$;
CREATE FUNCTION pg_temp.wm(p_objects jsonb, p_complete jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM t.turn('cus_wm', p_objects, '[]', jsonb_build_object('complete', p_complete));
    RETURN pg_temp.since('cus_wm');
END $$;
SELECT is(pg_temp.wm(jsonb_build_array(t.invoice('in_wm1', 'cus_wm', NULL, 'paid', 1, 5)), '["subscriptions"]'), 'false', 'an invoice that was read by name moves no watermark');
SELECT is(pg_temp.wm(jsonb_build_array(t.invoice('in_wm1', 'cus_wm', NULL, 'paid', 1, 5), t.invoice('in_wm0', 'cus_wm', NULL, 'paid', 1, 4)), '["invoices"]'), 'false ' || 5 * 86400 - 3600, 'a whole list does, to an hour before its newest');
SELECT is(pg_temp.wm(jsonb_build_array(t.invoice('in_wm2', 'cus_wm', NULL, 'paid', 1, 9), t.session('cs_wm', 'cus_wm', 'payment', 'paid', 1, jsonb_build_object('created', t.day(7)))), '["sessions"]'),
    'false ' || 5 * 86400 - 3600 || ' ' || 7 * 86400 - 3600, 'each list its own');
SELECT is(pg_temp.wm('[]', '["subscriptions", "invoices", "sessions"]'), 'false ' || 5 * 86400 - 3600 || ' ' || 7 * 86400 - 3600, 'three of the four lists are not all');
SELECT is(pg_temp.wm('[]', '["subscriptions", "invoices", "sessions", "charges"]'), 'true ' || 5 * 86400 - 3600 || ' ' || 7 * 86400 - 3600, 'all four make a customer known; empty lists move nothing back');
SELECT is(pg_temp.wm(jsonb_build_array(t.invoice('in_wm1', 'cus_wm', NULL, 'paid', 1, 5)), '["invoices"]'), 'true ' || 5 * 86400 - 3600 || ' ' || 7 * 86400 - 3600, 'nor do older ones');
SELECT t.turn('cus_wn', jsonb_build_array(t.sub('sub_wn', 'cus_wn', 'active')), '[]', '{"subscriptions_complete": true, "complete": []}');
SELECT is(pg_temp.since('cus_wn'), 'false', 'the old word for complete is not read');

-- routed objects
SELECT pg_temp.claim('dp_1', pg_temp.u(20));
SELECT is(ops.route_object('self', 'dp_1', pg_temp.u(19), 'cus_1', NULL), false, 'routing is fenced');
SELECT is(ops.route_object('self', 'dp_1', pg_temp.u(20), 'cus_1', NULL), true, 'an object is routed to its customer');
SELECT is(ops.route_object('self', 'dp_1', pg_temp.u(20), 'cus_2', NULL), false, 'once per claim');
SELECT is(pg_temp.claim('dp_1', pg_temp.u(21)) ->> 'routed_to', 'cus_1', 'the next claim knows');
SELECT is((SELECT customer FROM ops.customer_of('dp_1')), 'cus_1', 'and so do operators');
SELECT pg_temp.claim('dp_2', pg_temp.u(23));
SELECT ops.fail_turn(jsonb_build_object('account', 'self', 'subject', 'dp_2', 'worker', 'test', 'turn', gen_random_uuid(), 'class', 'stripe_permanent',
    'error', 'made by a test', 'attempt', 5, 'bury', true, 'next_at_ms', NULL,
    'events', jsonb_build_array(t.event('evt_dp_2', 'charge.dispute.created', 'dp_2'))));
SELECT is(ops.route_object('self', 'dp_2', pg_temp.u(99), 'cus_2', NULL), false, 'one whose event is dead: not by an old claim');
SELECT is((SELECT subject FROM ops.webhook_event WHERE id = 'evt_dp_2'), 'dp_2', 'which moves nothing');
SELECT is(ops.route_object('self', 'dp_2', pg_temp.u(23), 'cus_2', NULL), true, 'by the current one');
SELECT is((SELECT array_agg(o.value ->> 'id') FROM jsonb_array_elements(pg_temp.claim('cus_2', pg_temp.u(24)) -> 'owed') AS o), '{evt_dp_2}',
    'what died of the object before is owed by its customer');
SELECT t.turn('cus_2', jsonb_build_array(t.customer('cus_2')), '[]', '{"covers": ["evt_dp_2"]}');
SELECT is((SELECT array_agg(d.subject || ' ' || (d.settled_at IS NOT NULL)) FROM ops.dead_letter AS d WHERE d.event_id = 'evt_dp_2'), '{cus_2 true}',
    'whose next turn settles it');
SELECT throws_ok($$SELECT ops.route_object('self', 'dp_1', pg_temp.u(21), 'dp_1', NULL)$$, '22023', NULL, 'not to itself');
SELECT pg_temp.claim('cus_1', pg_temp.u(22));
SELECT is(ops.route_object('self', 'cus_1', pg_temp.u(22), 'cus_2', NULL), false, 'a customer is never routed away');

SELECT is((SELECT string_agg(check_name, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies');
SELECT * FROM finish();
ROLLBACK;
