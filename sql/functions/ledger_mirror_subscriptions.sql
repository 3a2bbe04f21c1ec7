-- ledger.mirror_subscriptions: make our picture of these subscriptions equal to Stripe's, and keep what was before.
--   p_subscriptions  array of subscription objects of this customer
--   p_context        of ledger.apply_turn: {"account", "customer", "user_keys", "turn", "events", "read_at"}
--   Returns          [{"what", "before", "after"}] of what changed
--   A subscription that is not in the array is left alone: absence is not a fact.
--   Locks            the caller holds the customer's row
--   Errors           IS001, IS004 a subscription of somebody else
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.mirror_subscriptions(p_subscriptions jsonb, p_context jsonb) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_account text := p_context ->> 'account';
    v_turn uuid := (p_context ->> 'turn')::uuid;
    v_keys text[] := ARRAY(SELECT jsonb_array_elements_text(p_context -> 'user_keys'));
    v_read_at timestamptz := to_timestamp((p_context ->> 'read_at')::numeric);
    v_changes jsonb[] := '{}';
    v_sub jsonb;
    v_old ledger.subscription;
    v_state jsonb;
    v_id text;
    v_user text;
    v_created timestamptz;
    v_at timestamptz;
    v_basis text;
    v_last timestamptz;
    v_anchor timestamptz; -- no part of the state: it moves with the periods
    v_clock text;
BEGIN
    FOR v_sub IN SELECT s.value FROM jsonb_array_elements(p_subscriptions) AS s ORDER BY s.value ->> 'id' COLLATE "C" LOOP
        v_id := stripe.word(v_sub, 'id');
        v_state := stripe.subscription_state(v_sub);
        v_user := stripe.metadata_user(v_sub, v_keys);
        v_created := stripe.moment_required(v_sub, 'created');
        SELECT * INTO v_old FROM ledger.subscription AS s WHERE s.account = v_account AND s.id = v_id;
        IF v_old.customer IS DISTINCT FROM p_context ->> 'customer' AND v_old.id IS NOT NULL THEN
            RAISE EXCEPTION 'subscription % belonged to % and now to %', v_id, v_old.customer, p_context ->> 'customer'
                USING ERRCODE = 'IS004';
        END IF;
        v_anchor := stripe.moment(v_sub, coalesce(v_sub -> 'billing_cycle_anchor', 'null'), 'billing_cycle_anchor');
        v_clock := stripe.id_or_expanded(v_sub -> 'test_clock', v_sub, 'test_clock');
        CONTINUE WHEN v_old.state = v_state AND v_old.meta_user IS NOT DISTINCT FROM v_user
            AND v_old.billing_cycle_anchor IS NOT DISTINCT FROM v_anchor AND v_old.test_clock IS NOT DISTINCT FROM v_clock
            AND v_old.latest_invoice IS NOT DISTINCT FROM stripe.reference(v_sub, 'latest_invoice');

        INSERT INTO ledger.subscription AS s
            (account, id, customer, status, currency, collection_method, cancel_at_period_end, cancel_at, canceled_at,
             ended_at, trial_start, trial_end, pause_collection, latest_invoice, meta_user, created_at, state,
             changed_turn, last_seen_at, billing_cycle_anchor, test_clock)
        VALUES (v_account, v_id, p_context ->> 'customer', v_state ->> 'status', v_state ->> 'currency',
                v_state ->> 'collection_method', (v_state -> 'cancel_at_period_end')::boolean,
                to_timestamp((v_state ->> 'cancel_at')::bigint), to_timestamp((v_state ->> 'canceled_at')::bigint),
                to_timestamp((v_state ->> 'ended_at')::bigint), to_timestamp((v_state ->> 'trial_start')::bigint),
                to_timestamp((v_state ->> 'trial_end')::bigint), v_state ->> 'pause_collection',
                stripe.reference(v_sub, 'latest_invoice'), v_user, v_created, v_state,
                v_turn, v_read_at, v_anchor, v_clock)
        ON CONFLICT (account, id) DO UPDATE
           SET status = EXCLUDED.status, currency = EXCLUDED.currency, collection_method = EXCLUDED.collection_method,
               cancel_at_period_end = EXCLUDED.cancel_at_period_end, cancel_at = EXCLUDED.cancel_at,
               canceled_at = EXCLUDED.canceled_at, ended_at = EXCLUDED.ended_at, trial_start = EXCLUDED.trial_start,
               trial_end = EXCLUDED.trial_end, pause_collection = EXCLUDED.pause_collection,
               latest_invoice = EXCLUDED.latest_invoice, meta_user = EXCLUDED.meta_user,
               created_at = EXCLUDED.created_at, state = EXCLUDED.state,
               billing_cycle_anchor = EXCLUDED.billing_cycle_anchor, test_clock = EXCLUDED.test_clock,
               changed_turn = CASE WHEN s.state = EXCLUDED.state THEN s.changed_turn ELSE EXCLUDED.changed_turn END;
        CONTINUE WHEN v_old.state = v_state;

        INSERT INTO ledger.subscription_item AS i
            (account, id, subscription, price_id, product_id, quantity, current_period_start, current_period_end, created_at)
        SELECT v_account, n.value ->> 'id', v_id, n.value ->> 'price', n.value ->> 'product',
               (n.value ->> 'quantity')::bigint, to_timestamp((n.value ->> 'current_period_start')::bigint),
               to_timestamp((n.value ->> 'current_period_end')::bigint),
               stripe.moment(r.value, coalesce(r.value -> 'created', 'null'), 'created')
          FROM jsonb_array_elements(v_state -> 'items') AS n
          JOIN jsonb_array_elements(stripe.subscription_items(v_sub)) AS r ON r.value ->> 'id' = n.value ->> 'id'
        ON CONFLICT (account, id) DO UPDATE
           SET subscription = EXCLUDED.subscription, price_id = EXCLUDED.price_id, product_id = EXCLUDED.product_id,
               quantity = EXCLUDED.quantity, current_period_start = EXCLUDED.current_period_start,
               current_period_end = EXCLUDED.current_period_end,
               created_at = EXCLUDED.created_at, removed_at = NULL;
        UPDATE ledger.subscription_item AS i SET removed_at = v_read_at
         WHERE i.account = v_account AND i.subscription = v_id AND i.removed_at IS NULL
           AND NOT EXISTS (SELECT FROM jsonb_array_elements(v_state -> 'items') AS n WHERE n.value ->> 'id' = i.id);

        SELECT e.effective_at, e.basis INTO v_at, v_basis
          FROM ledger.change_effective(v_old.state, v_state, v_created,
                   (SELECT max(ops.moment_or_null(e.value -> 'created', 1))
                      FROM jsonb_array_elements(p_context -> 'events') AS e
                     WHERE e.value ->> 'object_id' = v_id),
                   (SELECT max(m.at)
                      FROM jsonb_array_elements(p_context -> 'events') AS e
                     CROSS JOIN LATERAL ops.moment_or_null(e.value -> 'created', 1) AS m (at)
                     WHERE m.at <= v_read_at),
                   v_read_at) AS e;
        v_last := (SELECT max(h.effective_at) FROM ledger.subscription_change AS h
                    WHERE h.account = v_account AND h.subscription = v_id);
        IF v_at < v_last THEN -- history goes forward, or "as of" would find two answers
            v_at := v_last;
            v_basis := 'order';
        END IF;
        INSERT INTO ledger.subscription_change
            (account, subscription, customer, status_before, status, state, effective_at, effective_basis, turn)
        VALUES (v_account, v_id, p_context ->> 'customer', v_old.status, v_state ->> 'status', v_state, v_at, v_basis,
                v_turn);
        v_changes := array_append(v_changes, jsonb_build_object('what', 'subscription ' || v_id,
            'before', CASE WHEN v_old.status IS DISTINCT FROM v_state ->> 'status' THEN v_old.status
                           ELSE ledger.state_summary(v_old.state) END,
            'after', CASE WHEN v_old.status IS DISTINCT FROM v_state ->> 'status' THEN v_state ->> 'status'
                          ELSE ledger.state_summary(v_state) END));
    END LOOP;
    UPDATE ledger.subscription AS s SET last_seen_at = v_read_at
      FROM jsonb_array_elements(p_subscriptions) AS n
     WHERE s.account = v_account AND s.id = n.value ->> 'id' AND s.last_seen_at < v_read_at;
    RETURN to_jsonb(v_changes);
END
$$;
RESET ROLE;
