-- ledger.billed_periods: for which periods the items of a subscription were billed, or are in use, one row each.
--   p_sub    the subscription
--   Returns  item, period_start, period_end, price_id, quantity  what it began with: as the line says, also a draft's; without one
--                       as the item is now; NULL if it was added amid the period
--            plan_key, months  what the price stands for; months of the period if its credits come monthly, NULL: all at once
--            interval_, interval_count  of the price
--            invoice    whose line it is; NULL: none that was finalized
--            paid       the invoice is paid, if with nothing
--            finalized  it was finalized, whatever became of it; a first invoice that is collected automatically only if it is paid
--            in_use     the subscription is active or past_due, and it is the item's current period, or its invoice is still a
--                       draft (collection is paused) and the item was seen in it while the subscription was
--            paid_at    of the invoice
--            waits      it is such a first invoice: what it brings begins when it is paid
--            added      the item was added amid the period: it began with nothing, all else is a change
--   Of several lines of one period those of a paid invoice count, then of a finalized one, then the oldest. A tiered price has a
--   line for each tier: their quantities are one. What a metered price's line counts was used, and is no quantity. A period of a
--   trial is none of these (a line of nothing for a price that costs something, or for any within the trial); nor is one that had
--   ended before the subscription was made, or of a price not yet known.
--   Source   docs/credits.md, "Rules"
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.billed_periods(ledger.subscription);
CREATE FUNCTION ledger.billed_periods(p_sub ledger.subscription)
    RETURNS TABLE (item text, period_start timestamptz, period_end timestamptz, price_id text, quantity bigint, plan_key text,
                   months integer, interval_ text, interval_count integer, invoice text, paid boolean, finalized boolean,
                   in_use boolean, paid_at timestamptz, waits boolean, added boolean)
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    WITH line AS (
        SELECT l.item, l.period_start, l.period_end, l.price_id, l.invoice, sum(l.quantity)::bigint AS quantity,
               sum(l.amount) = 0
               AND (coalesce(l.period_start >= p_sub.trial_start AND l.period_start < p_sub.trial_end, false)
                    OR sum(l.quantity) <> 0 AND EXISTS (
                       SELECT FROM ledger.plan_price AS k
                        WHERE k.account = p_sub.account AND k.price_id = l.price_id AND k.unit_amount > 0)) AS trial
          FROM ledger.invoice_line AS l
         WHERE l.account = p_sub.account AND l.subscription = p_sub.id AND NOT l.proration AND l.item IS NOT NULL
           AND l.price_id IS NOT NULL AND l.period_end > l.period_start
         GROUP BY l.item, l.period_start, l.period_end, l.price_id, l.invoice
    ), added AS ( -- not with the subscription: items of that are as old as it, to some seconds
        SELECT DISTINCT ON (x.id, s.starts) x.id AS item, to_timestamp(s.starts) AS starts, to_timestamp(s.ends) AS ends, s.price_id
          FROM ledger.subscription_item AS x
          JOIN ledger.subscription_change AS h ON h.account = x.account AND h.subscription = x.subscription
         CROSS JOIN LATERAL (SELECT (j.value ->> 'current_period_start')::bigint AS starts,
                                    (j.value ->> 'current_period_end')::bigint AS ends, j.value ->> 'price' AS price_id
                               FROM jsonb_array_elements(h.state -> 'items') AS j WHERE j.value ->> 'id' = x.id) AS s
         WHERE x.account = p_sub.account AND x.subscription = p_sub.id AND x.created_at > p_sub.created_at + interval '1 minute'
           AND h.status IN ('active', 'past_due') AND x.created_at > to_timestamp(s.starts) AND x.created_at < to_timestamp(s.ends)
           AND NOT EXISTS (SELECT FROM line AS n WHERE n.item = x.id AND n.period_start = to_timestamp(s.starts))
         ORDER BY x.id, s.starts, h.effective_at DESC, h.id DESC
    ), candidate AS (
        SELECT n.item, n.period_start, n.period_end, n.price_id, n.quantity, n.invoice, i.status = 'paid' AS paid,
               i.status = 'paid' OR i.finalized_at IS NOT NULL AND NOT f.waits AS finalized, i.paid_at, f.waits, i.created_at,
               i.status = 'draft' AND p_sub.status IN ('active', 'past_due') AND EXISTS (
                   SELECT FROM ledger.subscription_change AS h
                    WHERE h.account = p_sub.account AND h.subscription = p_sub.id AND h.status IN ('active', 'past_due')
                      AND h.state -> 'items' @> jsonb_build_array(jsonb_build_object(
                              'id', n.item, 'current_period_start', extract(epoch FROM n.period_start)::bigint))) AS used,
               false AS added
          FROM line AS n
         CROSS JOIN LATERAL (SELECT i.* FROM ledger.invoice AS i
                              WHERE i.account = p_sub.account AND i.id = n.invoice AND i.missing_at IS NULL OFFSET 0) AS i
         CROSS JOIN LATERAL (SELECT coalesce(i.billing_reason = 'subscription_create', false)
                                    AND p_sub.collection_method = 'charge_automatically') AS f (waits)
         WHERE n.trial IS NOT TRUE
        UNION ALL
        SELECT x.id, x.current_period_start, x.current_period_end, x.price_id, x.quantity, NULL, false, false, NULL, false, NULL, true, false
          FROM ledger.subscription_item AS x
         WHERE x.account = p_sub.account AND x.subscription = p_sub.id AND x.removed_at IS NULL
           AND p_sub.status IN ('active', 'past_due')
           AND NOT EXISTS (SELECT FROM line AS n
                            WHERE n.item = x.id AND n.period_start = x.current_period_start AND n.trial)
           AND NOT EXISTS (SELECT FROM added AS d WHERE d.item = x.id AND d.starts = x.current_period_start)
           AND NOT coalesce(x.current_period_start >= p_sub.trial_start AND x.current_period_start < p_sub.trial_end, false)
        UNION ALL
        SELECT d.item, d.starts, d.ends, d.price_id, NULL, NULL, false, false, NULL, false, NULL, false, true FROM added AS d
    )
    SELECT c.item, c.period_start, c.period_end, CASE WHEN NOT c.added THEN c.price_id END,
           CASE WHEN k.metered IS NOT TRUE THEN c.quantity END, CASE WHEN NOT c.added THEN k.plan_key END,
           CASE WHEN k.recurring_interval = 'year' THEN 12 * coalesce(k.recurring_count, 1)
                WHEN k.recurring_interval = 'month' AND k.recurring_count > 1 THEN k.recurring_count END,
           k.recurring_interval, k.recurring_count, CASE WHEN c.finalized THEN c.invoice END, c.paid, c.finalized, c.in_use,
           c.paid_at, c.waits, c.added
      FROM (SELECT DISTINCT ON (n.item, n.period_start) n.*, bool_or(n.used) OVER w AS in_use
              FROM candidate AS n
             WHERE n.period_end > p_sub.created_at
            WINDOW w AS (PARTITION BY n.item, n.period_start)
             ORDER BY n.item, n.period_start, n.paid DESC, n.finalized DESC, n.invoice IS NULL, n.paid_at, n.created_at,
                      n.invoice COLLATE "C") AS c
     CROSS JOIN LATERAL (SELECT k.* FROM ledger.plan_price AS k
                          WHERE k.account = p_sub.account AND k.price_id = c.price_id OFFSET 0) AS k;
END
$$;
RESET ROLE;
