-- ledger.stretch_targets: the lots of one item for one trial, period, or month of a period: what it began with and what was changed.
--   p_sub      the subscription
--   p_stretch  {"item", "kind": trial or period, "starts": beginning of the period that it is of, "from", "to", "price", "plan",
--               "quantity", "pin": of p_lots, whose version goes on|null, "invoice"|null, "paid_at"|null, "effective", "transition",
--               "carry": end of trial credits that are carried}
--   p_points   of the item, as ledger.credit_points
--   p_lots     lots that there are, {"item:from:kind": [{"plan", "version", "claw"}]}: what was given by a version goes on by it
--   p_returns  as ledger.returns_of
--   Returns    targets, as ledger.book_credits wants them
--   In order of time: more than before is an upgrade lot for the difference, if the plan that it goes to says so; less is taken
--   back, of the newest upgrade first, if that plan says so; else nothing changes until the next stretch.
--   Source     docs/credits.md, "Rules"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.stretch_targets(p_sub ledger.subscription, p_stretch jsonb, p_points jsonb, p_lots jsonb,
                                                  p_returns jsonb) RETURNS jsonb[]
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_trial boolean := p_stretch ->> 'kind' = 'trial';
    v_from bigint := (p_stretch ->> 'from')::bigint;
    v_to bigint := (p_stretch ->> 'to')::bigint;
    v_key text := concat_ws(':', p_stretch ->> 'item', v_from, '');
    v_pin jsonb := nullif(p_stretch -> 'pin', 'null');
    v_pins jsonb := p_lots -> (v_key || 'upgrade');
    v_base ledger.plan_version;
    v_plan ledger.plan_version;
    v_running bigint;
    v_amount bigint;
    v_point jsonb;
    v_is jsonb := p_stretch; -- what the item is, by price and quantity
    v_lots jsonb[] := '{}'; -- in the order in which they came
    v_lot jsonb;
    v_left bigint;
    v_n integer;
    v_expires bigint;
    v_return jsonb;
    v_back bigint;
    v_was bigint;
    v_done jsonb[] := '{}';
BEGIN
    IF v_pin IS NOT NULL THEN
        SELECT * INTO v_base FROM ledger.plan_version AS n
         WHERE n.plan_key = v_pin ->> 'plan' AND n.version = (v_pin ->> 'version')::integer;
    ELSE
        v_base := ledger.plan_version_at(p_stretch ->> 'plan', to_timestamp(v_from), to_timestamp(v_to));
    END IF;
    v_running := ledger.plan_credits(v_base, v_trial, (p_stretch ->> 'quantity')::bigint);
    IF v_base.plan_key IS NOT NULL THEN
        v_lots := ARRAY[jsonb_build_object(
            'kind', p_stretch -> 'kind', 'plan', to_jsonb(v_base), 'amount', v_running, 'claw', 0,
            'effective', p_stretch -> 'effective', 'moment', p_stretch -> 'effective', 'invoice', p_stretch -> 'invoice',
            'transition', p_stretch -> 'transition', 'price', p_stretch -> 'price', 'quantity', p_stretch -> 'quantity')];
    END IF;
    IF p_points IS NOT NULL THEN
        FOREACH v_point IN ARRAY ledger.points_within(p_points, (p_stretch ->> 'starts')::bigint, v_from, v_to,
                                                      p_stretch ->> 'price', (p_stretch ->> 'paid_at')::bigint) LOOP
            -- The same price and quantity are no change, whatever plan the price has come to stand for since.
            CONTINUE WHEN (v_point -> 'price', v_point -> 'quantity') IS NOT DISTINCT FROM (v_is -> 'price', v_is -> 'quantity');
            v_is := v_point;
            v_pin := NULL;
            IF v_point ->> 'plan' = v_base.plan_key THEN
                v_plan := v_base;
            ELSE
                SELECT u.value INTO v_pin FROM jsonb_array_elements(v_pins) AS u WHERE u.value -> 'plan' = v_point -> 'plan' LIMIT 1;
                IF v_pin IS NOT NULL THEN
                    SELECT * INTO v_plan FROM ledger.plan_version AS n
                     WHERE n.plan_key = v_pin ->> 'plan' AND n.version = (v_pin ->> 'version')::integer;
                ELSE
                    v_plan := ledger.plan_version_at(v_point ->> 'plan', to_timestamp(v_from), to_timestamp(v_to));
                END IF;
            END IF;
            CONTINUE WHEN v_plan.plan_key IS NULL;
            v_amount := ledger.plan_credits(v_plan, v_trial, (v_point ->> 'quantity')::bigint);
            IF v_amount > v_running AND v_plan.upgrade = 'difference' THEN
                SELECT u.place, u.d INTO v_n, v_lot FROM unnest(v_lots) WITH ORDINALITY AS u (d, place)
                 WHERE u.d ->> 'kind' = 'upgrade' AND u.d #>> '{plan,plan_key}' = v_plan.plan_key
                   AND (u.d #>> '{plan,version}')::integer = v_plan.version;
                IF NOT FOUND THEN
                    v_n := cardinality(v_lots) + 1;
                    v_lot := jsonb_build_object('kind', 'upgrade', 'plan', to_jsonb(v_plan), 'amount', 0, 'claw', 0,
                                                'effective', v_point -> 'at', 'invoice', v_point -> 'invoice');
                END IF;
                v_lots[v_n] := v_lot || jsonb_build_object(
                    'amount', (v_lot ->> 'amount')::bigint + v_amount - v_running, 'moment', v_point -> 'at',
                    'transition', CASE WHEN v_plan.plan_key = v_base.plan_key AND v_point ->> 'price' = p_stretch ->> 'price'
                                       THEN 'quantity_change' ELSE 'upgrade' END,
                    'price', v_point -> 'price', 'quantity', v_point -> 'quantity');
                v_running := v_amount;
            ELSIF v_amount < v_running AND v_plan.downgrade = 'now' THEN
                v_left := v_running - v_amount;
                v_running := v_amount;
                FOR i IN REVERSE cardinality(v_lots) .. 1 LOOP
                    v_amount := least(v_left, (v_lots[i] ->> 'amount')::bigint - (v_lots[i] ->> 'claw')::bigint);
                    CONTINUE WHEN v_amount = 0;
                    v_left := v_left - v_amount;
                    v_lots[i] := v_lots[i] || jsonb_build_object(
                        'claw', (v_lots[i] ->> 'claw')::bigint + v_amount, 'claw_at', v_point -> 'at',
                        'claw_source', p_sub.id, 'claw_transition',
                        CASE WHEN v_plan.plan_key = v_base.plan_key AND v_point ->> 'price' = p_stretch ->> 'price'
                             THEN 'quantity_change' ELSE 'downgrade' END);
                END LOOP;
            END IF;
        END LOOP;
    END IF;

    FOREACH v_lot IN ARRAY v_lots LOOP
        v_expires := CASE
            WHEN v_trial THEN CASE WHEN (v_lot #> '{plan,trial_carry}')::boolean THEN (p_stretch ->> 'carry')::bigint ELSE v_to END
            WHEN v_lot #>> '{plan,rollover}' <> 'unlimited' THEN v_to
            ELSE extract(epoch FROM ledger.months_after(to_timestamp(v_from), (v_lot #>> '{plan,expires_months}')::integer))::bigint
        END;
        SELECT (u.value ->> 'claw')::bigint INTO v_was
          FROM jsonb_array_elements(p_lots -> (v_key || (v_lot ->> 'kind'))) AS u
         WHERE u.value ->> 'plan' = v_lot #>> '{plan,plan_key}' AND u.value -> 'version' = v_lot #> '{plan,version}';
        v_amount := CASE WHEN v_expires <= (v_lot ->> 'effective')::bigint THEN 0 ELSE (v_lot ->> 'amount')::bigint END;
        CONTINUE WHEN v_was IS NULL AND v_amount = 0;
        v_return := CASE WHEN v_lot #>> '{plan,clawback}' <> 'none' THEN p_returns -> (v_lot ->> 'invoice') END;
        v_back := CASE WHEN (v_return ->> 'paid')::bigint > 0
                       THEN div(v_amount::numeric * (v_return ->> 'returned')::bigint, (v_return ->> 'paid')::bigint)::bigint
                       ELSE 0 END;
        v_left := least((v_lot ->> 'claw')::bigint + v_back, v_amount);
        v_done := array_append(v_done, jsonb_build_object(
            'account', p_sub.account, 'customer', p_sub.customer, 'subscription', p_sub.id, 'item', p_stretch -> 'item',
            'kind', v_lot -> 'kind', 'plan_key', v_lot #> '{plan,plan_key}', 'version', v_lot #> '{plan,version}',
            'period_start', v_from, 'period_end', v_to, 'amount', v_amount, 'effective', v_lot -> 'effective',
            'expires', v_expires, 'claw', v_left,
            'claw_at', greatest((v_lot ->> 'claw_at')::bigint, CASE WHEN v_back > 0 THEN (v_return ->> 'at')::bigint END),
            'negative', v_lot #>> '{plan,clawback}' = 'negative',
            'rollover_cap', CASE WHEN NOT v_trial THEN v_lot #> '{plan,rollover_cap}' END,
            'invoice', v_lot -> 'invoice', 'transition', v_lot -> 'transition', 'moment', v_lot -> 'moment',
            'source', coalesce(v_lot ->> 'invoice', p_sub.id),
            'facts', jsonb_strip_nulls(jsonb_build_object(
                'price', v_lot -> 'price', 'quantity', v_lot -> 'quantity', 'invoice', v_lot -> 'invoice',
                'status', p_sub.status, 'credits', v_lot #> CASE WHEN v_trial THEN '{plan,trial_credits}' ELSE '{plan,monthly_credits}' END::text[],
                'per_unit', v_lot #> '{plan,per_unit}', 'grant_when', v_lot #> '{plan,grant_when}', 'period_start', v_from,
                'period_end', v_to)),
            'claw_source', CASE WHEN v_left < v_was THEN v_return ->> 'undone'
                                WHEN v_back > 0 AND coalesce((v_return ->> 'at')::bigint >= (v_lot ->> 'claw_at')::bigint, true)
                                THEN v_return ->> 'source' ELSE v_lot ->> 'claw_source' END,
            'claw_transition', CASE WHEN v_left < v_was THEN coalesce(v_return ->> 'undone_transition', 'refund_returned')
                                    WHEN v_back > 0 AND coalesce((v_return ->> 'at')::bigint >= (v_lot ->> 'claw_at')::bigint, true)
                                    THEN v_return ->> 'transition' ELSE v_lot ->> 'claw_transition' END));
    END LOOP;
    RETURN v_done;
END
$$;
RESET ROLE;
