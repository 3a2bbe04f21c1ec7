-- ledger.trial_targets: the lots of a subscription's trial, of each item that was in it.
--   p_after    {item: end, unix seconds, of the first stretch of the paid period that began at the trial's end}
--   p_points, p_lots, p_returns  as ledger.stretch_targets
--   What an item began with says its line of the trial; without one it is what the item is now, if it was there before the end.
--   Carried credits last to the end of the first period if that was paid, to the end of the trial if it came to nothing, and while
--   neither is decided to the end of the period that would be the first.
--   Source     docs/credits.md, "Trials"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.trial_targets(p_sub ledger.subscription, p_after jsonb, p_points jsonb, p_lots jsonb,
                                                p_returns jsonb) RETURNS jsonb[]
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    v record;
    v_targets jsonb[] := '{}';
    v_carry timestamptz;
BEGIN
    IF p_sub.trial_start IS NULL OR p_sub.trial_end IS NULL OR p_sub.trial_end <= p_sub.trial_start
        OR p_sub.status IN ('incomplete', 'incomplete_expired') AND NOT EXISTS (
               SELECT FROM ledger.subscription_change AS h
                WHERE h.account = p_sub.account AND h.subscription = p_sub.id AND h.status = 'trialing') THEN
        RETURN v_targets;
    END IF;
    FOR v IN
        WITH line AS (
            SELECT l.item, l.price_id, sum(l.quantity)::bigint AS quantity, l.invoice, l.period_start
              FROM ledger.invoice_line AS l
             CROSS JOIN LATERAL (SELECT 1 FROM ledger.invoice AS i
                                  WHERE i.account = p_sub.account AND i.id = l.invoice AND i.missing_at IS NULL OFFSET 0) AS i
             WHERE l.account = p_sub.account AND l.subscription = p_sub.id AND NOT l.proration AND l.item IS NOT NULL
               AND l.price_id IS NOT NULL AND l.period_start IN (p_sub.trial_start, p_sub.trial_end)
             GROUP BY l.item, l.price_id, l.invoice, l.period_start
        ), item AS (
            SELECT l.item, l.price_id, l.quantity, l.invoice, 1 AS place FROM line AS l WHERE l.period_start = p_sub.trial_start
            UNION ALL
            SELECT i.id, i.price_id, i.quantity, NULL, 2
              FROM ledger.subscription_item AS i
             WHERE i.account = p_sub.account AND i.subscription = p_sub.id AND i.removed_at IS NULL
               AND (p_sub.status = 'trialing'
                    OR EXISTS (SELECT FROM line AS l WHERE l.item = i.id)
                    OR EXISTS (SELECT FROM ledger.subscription_change AS h
                                WHERE h.account = p_sub.account AND h.subscription = p_sub.id AND h.status = 'trialing'
                                  AND (h.state ->> 'trial_start')::bigint = extract(epoch FROM p_sub.trial_start)::bigint
                                  AND h.state -> 'items' @> jsonb_build_array(jsonb_build_object('id', i.id))))
        )
        SELECT DISTINCT ON (n.item) n.item, n.price_id, CASE WHEN k.metered IS NOT TRUE THEN n.quantity END AS quantity, n.invoice,
               k.plan_key, k.recurring_interval,
               coalesce(k.recurring_count, 1) AS recurring_count
          FROM item AS n
         CROSS JOIN LATERAL (SELECT k.* FROM ledger.plan_price AS k
                              WHERE k.account = p_sub.account AND k.price_id = n.price_id OFFSET 0) AS k
         ORDER BY n.item, n.place, n.invoice COLLATE "C"
    LOOP
        v_carry := CASE
            WHEN p_after ? v.item THEN to_timestamp((p_after ->> v.item)::bigint)
            WHEN p_sub.status IN ('canceled', 'incomplete_expired', 'paused', 'unpaid') THEN least(p_sub.trial_end, p_sub.ended_at)
            WHEN v.recurring_interval IN ('day', 'week') THEN
                p_sub.trial_end + v.recurring_count * CASE v.recurring_interval WHEN 'day' THEN interval '24 hours' ELSE interval '168 hours' END
            ELSE ledger.months_after(p_sub.trial_end, 1) END;
        v_targets := v_targets || ledger.stretch_targets(p_sub, jsonb_build_object(
            'item', v.item, 'kind', 'trial', 'starts', extract(epoch FROM p_sub.trial_start)::bigint,
            'from', extract(epoch FROM p_sub.trial_start)::bigint, 'to', extract(epoch FROM p_sub.trial_end)::bigint,
            'price', v.price_id, 'plan', v.plan_key, 'quantity', v.quantity, 'invoice', v.invoice,
            'pin', p_lots -> concat_ws(':', v.item, extract(epoch FROM p_sub.trial_start)::bigint, 'trial') -> 0,
            'paid_at', extract(epoch FROM p_sub.trial_start)::bigint,
            'effective', extract(epoch FROM greatest(p_sub.trial_start, p_sub.created_at))::bigint, 'transition', 'trial_start',
            'carry', extract(epoch FROM v_carry)::bigint), p_points -> v.item, p_lots, p_returns);
    END LOOP;
    RETURN v_targets;
END
$$;
RESET ROLE;
