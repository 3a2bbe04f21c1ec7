-- ledger.credit_points: when which item of a subscription became what, within its periods.
--   Returns  {item: [{"at": unix seconds, "price", "plan", "quantity", "line": bool, "invoice", "paid", "finalized", "pending", "free",
--            "status", "starts"}]}, in order of time
--            line       a line of an invoice for the rest of a period says so, to the second; else the subscription was seen so
--            paid, finalized  whether its invoice is;  pending: the change was not billed at once, its line waited for another invoice
--            free       the line costs nothing: it is a change if its price is not the one before
--            status, starts  of the subscription and of the item's period, as they were seen
--   Source   docs/credits.md, "Rules"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.credit_points(p_sub ledger.subscription) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
    WITH seen AS (
        SELECT x.item,
               greatest(x.starts, extract(epoch FROM CASE WHEN lag(h.id) OVER w IS NULL THEN coalesce(d.created_at, h.effective_at)
                                                          ELSE h.effective_at END)::bigint) AS at, x.starts, x.price_id, x.quantity,
               h.status, h.id,
               (x.price_id, x.quantity, x.starts, h.status)
               IS NOT DISTINCT FROM
               (lag(x.price_id) OVER w, lag(x.quantity) OVER w, lag(x.starts) OVER w, lag(h.status) OVER w) AS same
          FROM ledger.subscription_change AS h
         CROSS JOIN LATERAL (SELECT j.value ->> 'id' AS item, (j.value ->> 'current_period_start')::bigint AS starts,
                                    j.value ->> 'price' AS price_id, (j.value ->> 'quantity')::bigint AS quantity
                               FROM jsonb_array_elements(h.state -> 'items') AS j) AS x
         CROSS JOIN LATERAL (SELECT (SELECT i.created_at FROM ledger.subscription_item AS i -- what it was at first, it was from then on
                                      WHERE i.account = p_sub.account AND i.id = x.item
                                        AND i.created_at > p_sub.created_at + interval '1 minute'
                                        AND i.created_at > to_timestamp(x.starts)) AS created_at) AS d
         WHERE h.account = p_sub.account AND h.subscription = p_sub.id AND h.status IN ('active', 'trialing', 'past_due')
        WINDOW w AS (PARTITION BY x.item ORDER BY h.effective_at, h.id)
    ), point AS (
        SELECT l.item, extract(epoch FROM l.period_start)::bigint AS at, l.price_id, l.quantity, true AS line, l.invoice,
               i.status = 'paid' AS paid, i.status = 'paid' OR i.finalized_at IS NOT NULL AS finalized,
               i.billing_reason IS DISTINCT FROM 'subscription_update' AS pending, l.amount = 0 AS free, NULL AS status,
               NULL::bigint AS starts, 0::bigint AS place, l.id
          FROM ledger.invoice_line AS l
         CROSS JOIN LATERAL (SELECT i.* FROM ledger.invoice AS i
                              WHERE i.account = p_sub.account AND i.id = l.invoice AND i.missing_at IS NULL OFFSET 0) AS i
         WHERE l.account = p_sub.account AND l.subscription = p_sub.id AND l.proration AND l.item IS NOT NULL
           AND l.price_id IS NOT NULL AND l.amount >= 0
        UNION ALL
        SELECT s.item, s.at, s.price_id, s.quantity, false, NULL, NULL, NULL, NULL, false, s.status, s.starts, s.id, NULL
          FROM seen AS s WHERE NOT s.same
    )
    SELECT coalesce(jsonb_object_agg(g.item, g.list), '{}')
      FROM (SELECT p.item, jsonb_agg(jsonb_build_object(
                       'at', p.at, 'price', p.price_id, 'plan', k.plan_key, 'quantity', p.quantity, 'line', p.line,
                       'invoice', p.invoice, 'paid', p.paid, 'finalized', p.finalized, 'pending', p.pending, 'free', p.free,
                       'status', p.status, 'starts', p.starts) ORDER BY p.at, p.line DESC, p.place, p.id COLLATE "C") AS list
              FROM point AS p
              LEFT JOIN LATERAL (SELECT k.plan_key FROM ledger.plan_price AS k
                                  WHERE k.account = p_sub.account AND k.price_id = p.price_id OFFSET 0) AS k ON true
             GROUP BY p.item) AS g);
END
$$;
RESET ROLE;
