-- ledger.apply_turn: make the ledger equal to what a turn read from Stripe. One call, one transaction.
--   p_turn   {"v": 1, "claim", "turn", "account", "subject", "worker", "mode", "api_version", "user_keys", "attempt",
--             "started_ms", "fetched_ms", "stripe_reads", "events": [...], "objects": [raw Stripe objects],
--             "missing": [{"object", "id"}], "complete": those of "subscriptions", "invoices", "sessions", "charges"
--             whose list was read to its end, "covers": [ids of stuck events that the reads were made for too], "redact": fields to hide in
--             what is kept of the objects, absent: nothing is kept}; docs/turn.md has it in full
--   Returns  {"outcome": "applied" | "fenced", "entries", "applied", "ignored", "duplicates", "changes"}
--            fenced: the claim is not the current one, or was used; nothing was changed
--   Objects  subscription, invoice, checkout.session, customer, charge (with its refunds and balance transaction), refund, dispute,
--            credit_note, invoice_payment, price, product, coupon, promotion_code are read, other kinds are passed over.
--            The same object twice: the last counts. What is not there is not a fact and changes nothing.
--   Locks    the subject's row FOR UPDATE before any read; then guests' payments (ledger.lock_guests), prices, charges and what became of them, users, sales,
--            accounts, holders of credits, each ascending
--   Errors   IS001 unknown shape, IS002 idempotency key with other content, IS003 the other mode,
--            IS004 an object of somebody else
--   Source   docs/ledger.md
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.apply_turn(p_turn jsonb) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    -- Every statement below finds its rows by key. Planning each anew would cost more than running it, and what was
    -- planned while the tables were empty must not scan them when they are full.
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
    SET enable_mergejoin = off SET enable_material = off SET jit = off AS $$
DECLARE
    v_account text := p_turn ->> 'account';
    v_subject text := p_turn ->> 'subject';
    v_turn uuid := (p_turn ->> 'turn')::uuid;
    v_row ledger.customer;
    v_objects jsonb; -- {"invoice": [...], "subscription": [...], ...}, each object once
    v_context jsonb;
    v_changes jsonb := '[]';
    v_refunds jsonb;
    v_read jsonb; -- {"invoice": [ids], ...}
    v_invoices text[];
    v_sessions text[];
    v_charges text[];
    v_sales jsonb;
    v_money jsonb;
    v_credits jsonb := '{"entries": 0, "changes": []}';
    v_entries integer;
    v_complete jsonb := coalesce(p_turn -> 'complete', '[]');
    v_events record;
    v_covered integer;
BEGIN
    IF current_setting('synchronous_commit') IN ('off', 'local') THEN
        PERFORM set_config('synchronous_commit', 'on', true); -- an apply that was answered must last; remote_… is more
    END IF;
    IF jsonb_array_length(coalesce(p_turn -> 'objects', '[]')) > 200 THEN
        -- A long history is worth a plan of its own: the stored ones may be from when the tables were small.
        PERFORM set_config('plan_cache_mode', 'force_custom_plan', true);
    END IF;
    IF p_turn -> 'v' IS DISTINCT FROM '1' THEN
        RAISE EXCEPTION 'turn of version %, this database understands 1', p_turn -> 'v'
            USING ERRCODE = 'feature_not_supported';
    END IF;
    SELECT * INTO v_row FROM ledger.customer AS c WHERE c.account = v_account AND c.id = v_subject FOR UPDATE;
    IF v_row.claim IS NULL OR v_row.claim IS DISTINCT FROM (p_turn ->> 'claim')::uuid OR v_row.claim_used THEN
        RETURN '{"outcome": "fenced", "entries": 0, "applied": 0, "ignored": 0, "duplicates": 0, "changes": []}'::jsonb;
    END IF;
    PERFORM ops.pin_mode(p_turn ->> 'mode');
    v_objects := ledger.sort_objects(p_turn, v_row.kind);
    PERFORM ledger.lock_guests(v_account, v_objects, v_row.kind);

    INSERT INTO ops.turn AS t
        (id, account, subject, claim, claim_no, worker, attempt, mode, api_version, outcome, stripe_reads,
         objects_count, events_count, missing, started_at, fetched_at)
    VALUES (v_turn, v_account, v_subject, v_row.claim, v_row.claim_no, p_turn ->> 'worker',
            coalesce((p_turn ->> 'attempt')::integer, 1), p_turn ->> 'mode', p_turn ->> 'api_version', 'applied',
            coalesce((p_turn ->> 'stripe_reads')::integer, 0),
            jsonb_array_length(coalesce(p_turn -> 'objects', '[]')),
            jsonb_array_length(coalesce(p_turn -> 'events', '[]')), coalesce(p_turn -> 'missing', '[]'),
            to_timestamp((p_turn ->> 'started_ms')::bigint / 1000.0),
            to_timestamp((p_turn ->> 'fetched_ms')::bigint / 1000.0))
    ON CONFLICT (id) DO UPDATE
       SET outcome = 'applied', error_class = NULL, error = NULL, claim = EXCLUDED.claim, claim_no = EXCLUDED.claim_no,
           stripe_reads = EXCLUDED.stripe_reads, objects_count = EXCLUDED.objects_count,
           events_count = EXCLUDED.events_count, missing = EXCLUDED.missing, started_at = EXCLUDED.started_at,
           fetched_at = EXCLUDED.fetched_at;
    PERFORM ops.keep_payloads(p_turn);
    v_context := jsonb_build_object(
        'account', v_account, 'customer', CASE WHEN v_row.kind = 'customer' THEN v_subject END, 'turn', v_turn,
        'user_keys', coalesce(p_turn -> 'user_keys', '["user_id"]'), 'events', coalesce(p_turn -> 'events', '[]'),
        'read_at', coalesce((p_turn ->> 'fetched_ms')::bigint / 1000.0, extract(epoch FROM clock_timestamp())),
        'subject', v_subject, 'listed', v_row.kind = 'customer' AND v_complete @> '["invoices", "sessions"]');

    PERFORM ledger.mirror_catalogue(p_turn, v_objects);
    PERFORM ledger.mirror_customer(v_objects -> 'customer', v_context);
    v_changes := v_changes || ledger.mirror_subscriptions(coalesce(v_objects -> 'subscription', '[]'), v_context);
    PERFORM ledger.mirror_invoices(coalesce(v_objects -> 'invoice', '[]'), v_context);
    PERFORM ledger.mirror_invoice_lines(coalesce(v_objects -> 'invoice', '[]'), v_context);
    PERFORM ledger.mirror_sessions(coalesce(v_objects -> 'checkout.session', '[]'), v_context);
    PERFORM ledger.mirror_invoice_payments(v_objects -> 'invoice', v_objects -> 'invoice_payment', v_context);
    PERFORM ledger.mirror_charges(v_objects -> 'charge', v_objects -> 'refund', v_context);
    -- A refund that was read by itself counts before the one in its charge.
    v_refunds := ledger.refunds_of(v_objects -> 'charge') || (v_objects -> 'refund');
    PERFORM ledger.mirror_refunds(v_refunds, v_context);
    PERFORM ledger.mirror_disputes(v_objects -> 'dispute', v_context);
    PERFORM ledger.mirror_credit_notes(v_objects -> 'credit_note', v_context);
    PERFORM ledger.mirror_balance_transactions(v_objects -> 'charge', v_objects -> 'dispute', v_context);
    PERFORM ledger.mark_missing(coalesce(p_turn -> 'missing', '[]'), v_context);

    -- All users of the turn at once, in order: who the customer's was and is, and whom guests' sessions name.
    PERFORM ledger.lock_users(
        ARRAY[v_row.user_id, (SELECT h.user_id FROM ledger.user_hint(v_account, v_subject, v_row.linked_user) AS h)]
        || ARRAY(SELECT coalesce(s.meta_user, s.client_reference_id) FROM ledger.checkout_session AS s
                  WHERE s.account = v_account AND s.customer IS NULL
                    AND s.id = ANY (ARRAY(SELECT o.value ->> 'id'
                                            FROM jsonb_array_elements(v_objects -> 'checkout.session') AS o))));
    IF v_row.kind = 'customer' THEN
        v_changes := v_changes || ledger.resolve_user(v_account, v_subject, v_turn, p_turn ->> 'worker');
    END IF;
    v_read := jsonb_build_object(
        'invoice', jsonb_path_query_array(v_objects, '$.invoice[*].id'),
        'charge', jsonb_path_query_array(v_objects, '$.charge[*].id'), 'refund', jsonb_path_query_array(v_refunds, '$[*].id'),
        'dispute', jsonb_path_query_array(v_objects, '$.dispute[*].id'),
        'credit_note', jsonb_path_query_array(v_objects, '$.credit_note[*].id'));
    v_invoices := ARRAY(SELECT jsonb_array_elements_text(v_read -> 'invoice'));
    v_sessions := ARRAY(SELECT o.value ->> 'id' FROM jsonb_array_elements(v_objects -> 'checkout.session') AS o);
    v_charges := ledger.touched_charges(
        v_account, ARRAY(SELECT jsonb_array_elements_text(v_read -> 'charge')),
        ARRAY(SELECT jsonb_array_elements_text(v_read -> 'refund')),
        ARRAY(SELECT jsonb_array_elements_text(v_read -> 'dispute')),
        v_invoices || ARRAY(SELECT stripe.id_or_expanded(o.value -> 'invoice', o.value, 'invoice')
                              FROM jsonb_array_elements(v_objects -> 'invoice_payment') AS o), v_sessions);
    PERFORM ledger.link_charges(v_charges, ARRAY(SELECT jsonb_array_elements_text(v_read -> 'refund')), v_context);
    v_sales := ledger.book_sales(v_invoices, v_sessions, v_charges, v_context);
    v_money := ledger.book_money(v_read, v_charges, v_context);
    v_changes := v_changes || (v_sales -> 'changes') || (v_money -> 'changes');
    IF v_row.kind = 'customer' THEN
        v_credits := ledger.converge_credits(v_account, v_subject, NULL, v_context, ledger.clock());
        v_changes := v_changes || ledger.converge_entitlements(v_account, v_subject, v_turn) || (v_credits -> 'changes');
    END IF;
    v_entries := (v_sales ->> 'entries')::integer + (v_money ->> 'entries')::integer + (v_credits ->> 'entries')::integer;
    v_changes := ledger.cap_changes(v_changes);

    SELECT * INTO v_events FROM ops.record_events(v_account, v_subject, v_turn, v_context -> 'events', 'done', NULL,
                                                  NULL, (p_turn ->> 'attempt')::integer, NULL);
    v_covered := ops.settle(v_account, v_subject, v_turn, v_context -> 'events',
                            ARRAY(SELECT jsonb_array_elements_text(coalesce(p_turn -> 'covers', '[]'))));
    UPDATE ops.turn AS t
       SET applied_count = v_events.applied, ignored_count = v_events.ignored,
           duplicates_count = v_events.duplicates, covered_count = v_covered,
           entries_count = v_entries, changes = v_changes
     WHERE t.id = v_turn;
    UPDATE ledger.customer AS c
       SET claim_used = true, applied_at = clock_timestamp(), applied_turn = v_turn,
           looked_at = CASE WHEN v_complete @> '["subscriptions", "invoices", "sessions", "charges"]'
                            THEN clock_timestamp() ELSE c.looked_at END,
           -- Only a list that was read to its end vouches for everything older; single reads vouch for nothing.
           invoices_listed_to = CASE WHEN v_complete ? 'invoices'
                                     THEN greatest(c.invoices_listed_to, ledger.newest_created(v_objects -> 'invoice'))
                                     ELSE c.invoices_listed_to END,
           sessions_listed_to = CASE WHEN v_complete ? 'sessions'
                                     THEN greatest(c.sessions_listed_to,
                                                   ledger.newest_created(v_objects -> 'checkout.session'))
                                     ELSE c.sessions_listed_to END,
           charges_listed_to = CASE WHEN v_complete ? 'charges'
                                    THEN greatest(c.charges_listed_to, ledger.newest_created(v_objects -> 'charge'))
                                    ELSE c.charges_listed_to END
     WHERE c.account = v_account AND c.id = v_subject;
    RETURN jsonb_build_object('outcome', 'applied', 'entries', v_entries, 'applied', v_events.applied,
                              'ignored', v_events.ignored, 'duplicates', v_events.duplicates, 'changes', v_changes);
END
$$;
GRANT EXECUTE ON FUNCTION ledger.apply_turn(jsonb) TO instep_worker;
RESET ROLE;
