-- Converging: whatever was read when, in whatever portions, the same last state of Stripe gives the same ledger.
BEGIN;
SELECT no_plan();

-- One story, told about customer cus_n<N>_: every object in every version that Stripe ever showed.
CREATE FUNCTION pg_temp.story(p_n int) RETURNS TABLE (object int, version int, value jsonb) LANGUAGE sql AS $$
    WITH id AS (SELECT 'n' || p_n || '_' AS n)
    SELECT v.object, v.version, v.value FROM id, LATERAL (VALUES
        (1, 1, t.sub('sub_' || n, 'cus_' || n, 'trialing', jsonb_build_array(t.item('si_a' || n, 'pro', 0, 14)), jsonb_build_object('trial_start', t.day(0), 'trial_end', t.day(14)))),
        (1, 2, t.sub('sub_' || n, 'cus_' || n, 'past_due', jsonb_build_array(t.item('si_a' || n, 'pro', 14, 45)), jsonb_build_object('trial_start', t.day(0), 'trial_end', t.day(14)))),
        (1, 3, t.sub('sub_' || n, 'cus_' || n, 'active', jsonb_build_array(t.item('si_a' || n, 'pro', 14, 45), t.item('si_b' || n, 'addon', 20, 45)), jsonb_build_object('trial_start', t.day(0), 'trial_end', t.day(14), 'metadata', '{"user_id": "u1"}'::jsonb))),
        (1, 4, t.sub('sub_' || n, 'cus_' || n, 'past_due', jsonb_build_array(t.item('si_b' || n, 'addon', 45, 76)), jsonb_build_object('trial_start', t.day(0), 'trial_end', t.day(14), 'cancel_at_period_end', true, 'cancel_at', t.day(76), 'metadata', '{"user_id": "u2"}'::jsonb))),
        (2, 1, t.sub('sub_x' || n, 'cus_' || n, 'incomplete', jsonb_build_array(t.item('si_x' || n, 'pro', 3, 34)))),
        (2, 2, t.sub('sub_x' || n, 'cus_' || n, 'incomplete_expired', jsonb_build_array(t.item('si_x' || n, 'pro', 3, 34)), jsonb_build_object('ended_at', t.day(4)))),
        (3, 1, t.invoice('in_0' || n, 'cus_' || n, 'sub_' || n, 'paid', 0, 0, '{"billing_reason": "subscription_create"}')),
        (4, 1, t.invoice('in_1' || n, 'cus_' || n, 'sub_' || n, 'draft', 0, 14)),
        (4, 2, t.invoice('in_1' || n, 'cus_' || n, 'sub_' || n, 'open', 500, 14)),
        (4, 3, t.invoice('in_1' || n, 'cus_' || n, 'sub_' || n, 'paid', 1999, 14)),
        (5, 1, t.invoice('in_2' || n, 'cus_' || n, 'sub_' || n, 'open', 0, 45)),
        (5, 2, t.invoice('in_2' || n, 'cus_' || n, 'sub_' || n, 'uncollectible', 0, 45)),
        (6, 1, t.session('cs_s' || n, 'cus_' || n, 'subscription', 'unpaid', 0, '{"status": "open"}')),
        (6, 2, t.session('cs_s' || n, 'cus_' || n, 'subscription', 'no_payment_required', 0, '{"client_reference_id": "u0"}')),
        (7, 1, t.session('cs_p' || n, 'cus_' || n, 'payment', 'unpaid', 700, jsonb_build_object('invoice', 'in_p' || n))),
        (7, 2, t.session('cs_p' || n, 'cus_' || n, 'payment', 'paid', 700, jsonb_build_object('invoice', 'in_p' || n))),
        (8, 1, t.invoice('in_p' || n, 'cus_' || n, NULL, 'open', 0, 5)),
        (8, 2, t.invoice('in_p' || n, 'cus_' || n, NULL, 'paid', 700, 5)),
        (9, 1, t.customer('cus_' || n)),
        (9, 2, t.customer('cus_' || n, '{"metadata": {"user_id": "u1"}}')),
        (10, 1, t.invoice('in_j' || n, 'cus_' || n, NULL, 'paid', 300, 6, '{"currency": "jpy"}')),
        (10, 2, t.invoice('in_j' || n, 'cus_' || n, NULL, 'paid', 420, 6, '{"currency": "jpy"}'))
    ) AS v (object, version, value) $$;

-- Read random objects, each never older than it was read before, in 0 to 6 turns; then all as they are at last.
CREATE FUNCTION pg_temp.live(p_n int, p_turns int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_version int[] := array_fill(0, ARRAY[10]);
    v_last int[] := ARRAY(SELECT max(s.version) FROM pg_temp.story(p_n) AS s GROUP BY s.object ORDER BY s.object);
    v_objects jsonb;
BEGIN
    FOR i IN 1 .. p_turns + 1 LOOP
        FOR o IN 1 .. 10 LOOP
            v_version[o] := CASE WHEN i > p_turns THEN v_last[o] ELSE least(v_last[o], v_version[o] + floor(random() * 3)::int) END;
        END LOOP;
        SELECT jsonb_agg(s.value ORDER BY random()) INTO v_objects FROM pg_temp.story(p_n) AS s
         WHERE s.version = v_version[s.object] AND (i > p_turns OR random() < 0.5);
        PERFORM t.turn('cus_n' || p_n || '_', coalesce(v_objects, '[]'));
        IF random() < 0.3 THEN -- the same again: a turn whose acknowledgement was lost
            PERFORM t.turn('cus_n' || p_n || '_', coalesce(v_objects, '[]'));
        END IF;
    END LOOP;
END $$;

SELECT setseed(0.42);
SELECT count(pg_temp.live(n, n % 7)) FROM generate_series(0, 199) AS n;
CREATE TEMP TABLE truth AS SELECT ops.ledger_truth() AS truth;
CREATE TEMP TABLE life AS
    SELECT n, replace(t.fingerprint('cus_n' || n || '_', truth)::text, 'n' || n || '_', '')::jsonb AS ledger
      FROM generate_series(0, 199) AS n, truth;
SELECT is((SELECT ledger FROM life WHERE n = 0) #> '{truth,sales}', '[
    {"source": "cs_p", "kind": "one_time", "amount": 700, "currency": "usd", "elsewhere": 0, "paid_at": null, "subscription": null},
    {"source": "in_0", "kind": "subscription", "amount": 0, "currency": "usd", "elsewhere": 0, "paid_at": 1767225601, "subscription": "sub_"},
    {"source": "in_1", "kind": "subscription", "amount": 1999, "currency": "usd", "elsewhere": 0, "paid_at": 1768435201, "subscription": "sub_"},
    {"source": "in_j", "kind": "invoice", "amount": 420, "currency": "jpy", "elsewhere": 0, "paid_at": 1767744001, "subscription": null}]'::jsonb, 'one turn gives the ledger that the story asks for');
SELECT is((SELECT count(*) FROM life AS l WHERE l.ledger = (SELECT f.ledger FROM life AS f WHERE f.n = 0)), 200::bigint,
          '200 lives, read in 1 to 7 portions, end with the same ledger');
SELECT is((SELECT string_agg(l.ledger::text, E'\n') FROM (SELECT l.ledger FROM life AS l WHERE l.ledger <> (SELECT f.ledger FROM life AS f WHERE f.n = 0) LIMIT 1) AS l), NULL, 'none differs');
SELECT cmp_ok((SELECT count(*) FROM ledger.sale WHERE state = 'superseded'), '>', 0::bigint, 'some lives met the invoice before its session');
SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies');
SELECT * FROM finish();
ROLLBACK;
