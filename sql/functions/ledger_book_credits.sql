-- ledger.book_credits: bring lots to their targets, then settle everything of the holder.
--   p_holder   of ledger.credit_holder_of
--   p_targets  {"account", "customer", "subscription", "item", "kind", "plan_key", "version", "period_start", "period_end",
--               "amount", "effective", "expires"|null, "claw", "claw_at"|null, "negative": bool, "rollover_cap"|null, "invoice"|null,
--               "transition", "moment", "source", "facts", "claw_source", "claw_transition"}; moments in unix seconds.
--              A lot is (account, item, period_start, kind, plan_key, version); one that is not among the targets stays as it is.
--              amount: what the rules give; less than was granted before is claimed back, as is claw (of refunds and disputes).
--              effective: when the lot was given; moment: when the last of it was (a second upgrade), if that is later.
--              rollover_cap: NULL or 0: nothing is carried over. Rollover lots are made by ledger.settle_credits, not by targets.
--   p_context  of ledger.apply_turn, or {}: time alone
--   p_at       the moment to settle for
--   Returns    {"entries": n, "changes": [{"what", "before", "after"}]}
--   Locks      the holder's row FOR UPDATE; before that, those of holders that lots have to be fetched from
--   Source     docs/credits.md
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.book_credits(p_holder text, p_targets jsonb[], p_context jsonb, p_at timestamptz) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_before bigint;
    v record;
    v_lot ledger.credit_lot;
    v_is ledger.credit_lot;
BEGIN
    FOR v IN
        SELECT DISTINCT t.d ->> 'account' AS account, t.d ->> 'customer' AS customer
          FROM unnest(p_targets) AS t (d)
         WHERE EXISTS (SELECT FROM ledger.credit_lot AS l
                        WHERE l.account = t.d ->> 'account' AND l.item = t.d ->> 'item'
                          AND l.period_start = to_timestamp((t.d ->> 'period_start')::bigint) AND l.kind <> 'manual'
                          AND l.holder <> p_holder)
         ORDER BY 1, 2
    LOOP
        PERFORM ledger.move_credits(v.account, v.customer, p_context, p_at);
    END LOOP;
    SELECT h.entries INTO STRICT v_before FROM ledger.credit_holder AS h WHERE h.holder = p_holder FOR UPDATE;
    FOR v IN
        SELECT t.d ->> 'account' AS account, t.d ->> 'customer' AS customer, t.d ->> 'subscription' AS subscription,
               t.d ->> 'item' AS item, t.d ->> 'kind' AS kind, t.d ->> 'plan_key' AS plan_key,
               (t.d ->> 'version')::integer AS version, to_timestamp((t.d ->> 'period_start')::bigint) AS period_start,
               to_timestamp((t.d ->> 'period_end')::bigint) AS period_end, (t.d ->> 'amount')::bigint AS amount,
               to_timestamp((t.d ->> 'effective')::bigint) AS effective, to_timestamp((t.d ->> 'expires')::bigint) AS expires,
               coalesce((t.d ->> 'claw')::bigint, 0) AS claw, to_timestamp((t.d ->> 'claw_at')::bigint) AS claw_at,
               coalesce((t.d ->> 'negative')::boolean, false) AS negative, (t.d ->> 'rollover_cap')::bigint AS rollover_cap,
               t.d ->> 'invoice' AS invoice, to_timestamp((t.d ->> 'moment')::bigint) AS moment, t.d ->> 'source' AS source,
               t.d ->> 'transition' AS transition, t.d -> 'facts' AS facts, t.d ->> 'claw_source' AS claw_source,
               t.d ->> 'claw_transition' AS claw_transition
          FROM unnest(p_targets) AS t (d)
         -- The order of the entries, as it happened.
         ORDER BY (t.d ->> 'effective')::bigint, (t.d ->> 'period_start')::bigint, t.d ->> 'item' COLLATE "C",
                  t.d ->> 'kind' COLLATE "C", t.d ->> 'plan_key' COLLATE "C", (t.d ->> 'version')::integer
    LOOP
        SELECT * INTO v_lot FROM ledger.credit_lot AS l
         WHERE l.account = v.account AND l.item = v.item AND l.period_start = v.period_start AND l.kind = v.kind
           AND l.plan_key = v.plan_key AND l.plan_version = v.version AND l.kind <> 'manual';
        IF NOT FOUND THEN
            CONTINUE WHEN v.amount = 0 OR v.expires <= v.effective;
            INSERT INTO ledger.credit_lot
                (holder, kind, account, customer, subscription, item, plan_key, plan_version, period_start, period_end, invoice,
                 effective_at, expires_at)
            VALUES (p_holder, v.kind, v.account, v.customer, v.subscription, v.item, v.plan_key, v.version, v.period_start,
                    v.period_end, v.invoice, v.effective, v.expires)
            RETURNING * INTO v_lot;
        END IF;
        IF v_lot.expires_at IS DISTINCT FROM v.expires THEN
            PERFORM ledger.reopen_lots(p_holder, v_lot, p_context);
        END IF;
        v_is := v_lot;
        v_is.due := v.amount;
        v_is.period_end := v.period_end;
        v_is.effective_at := v.effective;
        v_is.expires_at := v.expires;
        v_is.rollover_cap := nullif(v.rollover_cap, 0);
        v_is.invoice := coalesce(v.invoice, v_lot.invoice);
        -- claw is of what is due, so what was granted beyond that comes on top: amount - claw is left, whatever was booked before.
        v_is.claw_target := v.claw + greatest(v_lot.granted - v.amount, 0);
        v_is.claw_negative := v.negative;
        v_is.claw_source := coalesce(v.claw_source, v_lot.claw_source);
        v_is.claw_transition := coalesce(v.claw_transition, v_lot.claw_transition);
        v_is.claw_at := CASE WHEN v_is.claw_target > 0 THEN coalesce(v.claw_at, v.moment, v.effective) END;
        IF v_is.claw_target < v_lot.claw_target THEN -- Stripe gives no moment for this: the event's
            v_is.returned_at := greatest(
                v_lot.claw_at, ledger.credit_told_at(p_context, ARRAY[v.claw_source, v.source, v.invoice, v.subscription]));
        END IF;
        IF v_is IS DISTINCT FROM v_lot THEN
            UPDATE ledger.credit_lot AS l
               SET due = v_is.due, period_end = v_is.period_end, effective_at = v_is.effective_at, expires_at = v_is.expires_at,
                   rollover_cap = v_is.rollover_cap, invoice = v_is.invoice, claw_target = v_is.claw_target,
                   claw_negative = v_is.claw_negative, claw_at = v_is.claw_at, returned_at = v_is.returned_at,
                   claw_source = v_is.claw_source, claw_transition = v_is.claw_transition
             WHERE l.id = v_lot.id;
        END IF;
        -- What was carried over into the period lives as long as the period's own.
        IF v.kind = 'period' AND v_lot.due > 0 THEN
            UPDATE ledger.credit_lot AS l
               SET period_end = v_is.period_end, expires_at = v_is.expires_at, rollover_cap = v_is.rollover_cap
             WHERE l.account = v.account AND l.item = v.item AND l.period_start = v.period_start AND l.kind = 'rollover'
               AND (l.period_end, l.expires_at, l.rollover_cap)
                   IS DISTINCT FROM (v_is.period_end, v_is.expires_at, v_is.rollover_cap);
        END IF;
        IF v.amount > v_lot.granted THEN
            PERFORM ledger.post_credit(
                p_holder, 'granted', ARRAY[v_lot.id], ARRAY[v.amount - v_lot.granted],
                CASE WHEN v_lot.granted = 0 THEN v.effective ELSE greatest(v.effective, v.moment) END,
                jsonb_build_object('transition', v.transition, 'source', v.source, 'facts', v.facts,
                                   'event', ledger.credit_event(p_context, ARRAY[v.source, v.invoice, v.subscription])),
                p_context);
        END IF;
    END LOOP;
    PERFORM ledger.settle_credits(p_holder, p_at, p_context);
    SELECT count(*) AS entries,
           coalesce(jsonb_agg(jsonb_build_object('what', 'credits of ' || e.holder || ', '
                                                         || concat_ws(' ', replace(e.kind, '_', ' '), e.plan_key, e.transition),
                                                 'before', e.balance_before::text, 'after', e.balance_after::text)
                              ORDER BY e.n), '[]') AS changes
      INTO v FROM ledger.credit_entry AS e WHERE e.holder = p_holder AND e.n > v_before;
    RETURN jsonb_build_object('entries', v.entries, 'changes', v.changes);
END
$$;
RESET ROLE;
