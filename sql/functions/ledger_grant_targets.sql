-- ledger.grant_targets: which lots of credits follow from what is known of a subscription, and when time alone will add to them.
--   p_at       the time that it is (for a subscription on a test clock: by that)
--   Returns    targets for ledger.book_credits; due_at: when its next month begins, NULL if it has none to come
--   Reads the subscription, its items and history, its invoices with their lines, what was given back of them, plans, and the lots that
--   there are: those keep their plan and version. Writes nothing. Of facts that cannot un-happen follows the same
--   whatever they came after; a lot that nothing speaks for any more has the target 0.
--   What is not known is no fact: a price that nobody has read gives nothing yet. Lots that are as they should be are left out.
--   Source     docs/credits.md, "Rules"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.grant_targets(p_account text, p_subscription text, p_at timestamptz,
                                                OUT targets jsonb[], OUT due_at timestamptz)
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_sub ledger.subscription;
    v_lots jsonb;
    v_points jsonb;
    v_returns jsonb;
    v record;
    v_item text;
    v_next timestamptz;    -- when the item's next period that counts begins
    v_from timestamptz;
    v_to timestamptz;
    v_place record;
    v_plan ledger.plan_version;
    v_pin jsonb;
    v_counts boolean;
    v_price text;
    v_key text;
    v_quantity bigint;
    v_effective timestamptz;
    v_after_trial jsonb := '{}'; -- {item: end of the first stretch of the paid period that begins at the trial's end}
    v_settled text[] := '{}';    -- lots that are as they should be, as keys of v_lots
    v_lot text;
BEGIN
    targets := '{}';
    SELECT * INTO v_sub FROM ledger.subscription AS s WHERE s.account = p_account AND s.id = p_subscription;
    IF NOT FOUND OR NOT ledger.may_give_credits(v_sub) THEN
        RETURN;
    END IF;
    SELECT coalesce(jsonb_object_agg(g.key, g.list), '{}') INTO v_lots
      FROM (SELECT concat_ws(':', l.item, extract(epoch FROM l.period_start)::bigint, l.kind) AS key,
                   jsonb_agg(jsonb_build_object(
                       'id', l.id, 'plan', l.plan_key, 'version', l.plan_version, 'claw', l.claw_target, 'amount', l.due,
                       'effective', extract(epoch FROM l.effective_at)::bigint, 'to', extract(epoch FROM l.period_end)::bigint,
                       'expires', extract(epoch FROM l.expires_at)::bigint, 'invoice', l.invoice) ORDER BY l.id) AS list
              FROM ledger.credit_lot AS l
             WHERE l.account = p_account AND l.subscription = p_subscription AND l.kind IN ('trial', 'period', 'upgrade')
             GROUP BY 1) AS g;
    v_points := ledger.credit_points(v_sub);
    v_returns := ledger.returns_of(p_account, ARRAY(SELECT DISTINCT l.invoice FROM ledger.invoice_line AS l
                                                     WHERE l.account = p_account AND l.subscription = p_subscription));

    FOR v IN SELECT b.*, lag(b.period_start) OVER (PARTITION BY b.item ORDER BY b.period_start) AS since
               FROM ledger.billed_periods(v_sub) AS b ORDER BY b.item, b.period_start DESC LOOP
        IF v.item IS DISTINCT FROM v_item THEN
            v_item := v.item;
            v_next := NULL;
        END IF;
        v_counts := false;
        IF v.months IS NOT NULL THEN
            v_place := ledger.month_place(v_sub.billing_cycle_anchor, v.period_start);
        END IF;
        FOR k IN 0 .. 1200 LOOP
            EXIT WHEN k > 0 AND v.months IS NULL;
            v_from := v.period_start;
            v_to := least(v.period_end, v_next);
            v_price := v.price_id;
            v_key := v.plan_key;
            v_quantity := v.quantity;
            IF v.months IS NOT NULL THEN
                v_to := least(v_to, ledger.months_after(v_place.base, v_place.months + k + 1));
            END IF;
            IF k > 0 THEN
                v_from := ledger.months_after(v_place.base, v_place.months + k);
                IF v_from > p_at AND v_from < v_to AND v_points ? v_item THEN
                    NULL; -- what it will begin with does not matter yet
                ELSIF v_points ? v_item THEN -- months begin with what the item has become
                    SELECT coalesce(w.point ->> 'price', v.price_id), coalesce(w.point ->> 'plan', v.plan_key),
                           CASE WHEN w.point IS NULL THEN v.quantity ELSE (w.point ->> 'quantity')::bigint END
                      INTO v_price, v_key, v_quantity
                      FROM (SELECT 1) AS one
                      LEFT JOIN LATERAL (
                           SELECT u.point FROM unnest(ledger.points_within(
                                      v_points -> v_item, extract(epoch FROM v.period_start)::bigint,
                                      extract(epoch FROM v.period_start)::bigint, extract(epoch FROM v_from)::bigint + 1,
                                      v.price_id, extract(epoch FROM v.paid_at)::bigint)) WITH ORDINALITY AS u (point, place)
                            ORDER BY u.place DESC LIMIT 1) AS w ON true;
                END IF;
            END IF;
            EXIT WHEN v_from >= v_to OR k > 0 AND v_from >= v_sub.ended_at;
            v_lot := concat_ws(':', v_item, extract(epoch FROM v_from)::bigint, 'period');
            v_pin := v_lots -> v_lot -> 0;
            IF v_pin ->> 'plan' <> v_key AND EXISTS ( -- not that its price stands for another plan now: it was another price
                   SELECT FROM ledger.credit_entry AS e
                    WHERE e.account = p_account AND e.subscription = p_subscription AND e.kind = 'granted'
                      AND e.lots[1] = (v_pin ->> 'id')::bigint AND e.facts ->> 'price' <> v_price) THEN
                v_pin := NULL;
            END IF;
            IF v_pin IS NULL THEN
                v_plan := ledger.plan_version_at(v_key, v_from, v_to);
            ELSIF (v_plan.plan_key = v_pin ->> 'plan' AND v_plan.version = (v_pin ->> 'version')::integer) IS NOT TRUE THEN
                SELECT * INTO v_plan FROM ledger.plan_version AS n
                 WHERE n.plan_key = v_pin ->> 'plan' AND n.version = (v_pin ->> 'version')::integer;
            END IF;
            CONTINUE WHEN NOT coalesce(v.added AND (k = 0 OR v_key IS NOT NULL) OR v.paid OR v_plan.grant_when = 'active' AND (v.finalized OR v.in_use), false);
            v_counts := v_counts OR k = 0;
            IF k > 0 AND v_from > p_at THEN
                due_at := least(due_at, v_from);
                EXIT;
            END IF;
            IF k = 0 AND v_from = v_sub.trial_end AND v.paid THEN
                v_after_trial := v_after_trial || jsonb_build_object(v_item, extract(epoch FROM v_to)::bigint);
            END IF;
            CONTINUE WHEN v_to <= v_sub.created_at;
            v_effective := greatest(v_from, CASE WHEN v_plan.grant_when = 'paid' OR NOT v.waits THEN v_sub.created_at END,
                                    CASE WHEN v_plan.grant_when = 'paid' OR v.waits AND v.paid THEN v.paid_at END);
            IF v_pin IS NOT NULL AND ledger.is_settled(v_pin, v_plan, v_quantity, v_price, v.invoice, v_from, v_to, v_effective,
                                                       v_points -> v_item)
                AND NOT v_lots ? concat_ws(':', v_item, extract(epoch FROM v_from)::bigint, 'upgrade')
                AND jsonb_array_length(v_lots -> v_lot) = 1 AND NOT v_returns ? coalesce(v.invoice, '') THEN
                v_settled := array_append(v_settled, v_lot);
                CONTINUE;
            END IF;
            targets := targets || ledger.stretch_targets(v_sub, jsonb_build_object(
                'item', v_item, 'kind', 'period', 'starts', extract(epoch FROM v.period_start)::bigint,
                'from', extract(epoch FROM v_from)::bigint, 'to', extract(epoch FROM v_to)::bigint, 'price', v_price, 'plan', v_key,
                'quantity', v_quantity, 'invoice', v.invoice, 'pin', v_pin,
                'paid_at', CASE WHEN v.paid THEN extract(epoch FROM v.paid_at)::bigint END,
                'effective', extract(epoch FROM v_effective)::bigint,
                'transition', CASE WHEN v_pin IS NOT NULL THEN NULL WHEN k > 0 THEN 'month'
                                   ELSE ledger.lot_transition(v_sub, v_from, v.since, v.paid_at) END),
                v_points -> v_item, v_lots, v_returns);
        END LOOP;
        IF v_counts THEN
            v_next := v.period_start;
        END IF;
    END LOOP;
    targets := targets || ledger.trial_targets(v_sub, v_after_trial, v_points, v_lots, v_returns);

    -- Lots that nothing speaks for any more: months after the end, a period that was never billed after all.
    targets := targets || ARRAY(
        SELECT jsonb_build_object(
                   'account', l.account, 'customer', l.customer, 'subscription', l.subscription, 'item', l.item, 'kind', l.kind,
                   'plan_key', l.plan_key, 'version', l.plan_version, 'period_start', extract(epoch FROM l.period_start)::bigint,
                   'period_end', extract(epoch FROM l.period_end)::bigint, 'amount', 0,
                   'effective', extract(epoch FROM l.effective_at)::bigint, 'expires', extract(epoch FROM l.expires_at)::bigint,
                   'claw', 0, 'claw_at', extract(epoch FROM greatest(l.effective_at, v_sub.ended_at))::bigint,
                   'negative', l.claw_negative, 'rollover_cap', l.rollover_cap, 'invoice', l.invoice, 'transition', NULL,
                   'moment', extract(epoch FROM l.effective_at)::bigint, 'source', l.subscription, 'facts', NULL,
                   'claw_source', l.subscription, 'claw_transition',
                   CASE WHEN v_sub.ended_at IS NOT NULL THEN 'canceled' ELSE 'downgrade' END)
          FROM ledger.credit_lot AS l
         WHERE l.account = p_account AND l.subscription = p_subscription AND l.kind IN ('period', 'upgrade')
           AND concat_ws(':', l.item, extract(epoch FROM l.period_start)::bigint, l.kind) <> ALL (v_settled)
           AND NOT EXISTS (SELECT FROM unnest(targets) AS t (d)
                            WHERE t.d ->> 'item' = l.item AND t.d ->> 'kind' = l.kind AND t.d ->> 'plan_key' = l.plan_key
                              AND (t.d ->> 'version')::integer = l.plan_version
                              AND (t.d ->> 'period_start')::bigint = extract(epoch FROM l.period_start)::bigint)
           -- An earlier trial is not told of any more; what it gave stays.
           AND NOT EXISTS (SELECT FROM ledger.credit_lot AS o
                            WHERE o.account = l.account AND o.item = l.item AND o.period_start = l.period_start
                              AND o.kind = 'trial' AND o.period_start IS DISTINCT FROM v_sub.trial_start)
         ORDER BY l.id);
END
$$;
RESET ROLE;
