-- ops.ledger_truth: what the ledger holds, in the shape of the simulator's own account of the truth.
--   entitled is the policy's word by status; where grace_until is set, it holds until then.
--   Lists are sorted by id, byte by byte. Superseded sales are not there: their money is their session's.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.ledger_truth() RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'customers', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'id', c.id, 'deleted', c.deleted, 'user_id', c.user_id,
                       'subscriptions', coalesce(subs.list, '[]'), 'sales', coalesce(sales.list, '[]'))
                       ORDER BY c.id COLLATE "C"), '[]')
              FROM ledger.customer AS c
              LEFT JOIN (
                  SELECT s.account, s.customer, jsonb_agg(jsonb_build_object(
                             'id', s.id, 'status', s.status, 'cancel_at_period_end', s.cancel_at_period_end,
                             'cancel_at', extract(epoch FROM s.cancel_at)::bigint,
                             'ended_at', extract(epoch FROM s.ended_at)::bigint,
                             'trial_end', extract(epoch FROM s.trial_end)::bigint,
                             'entitled', e.entitled, 'grace_until', extract(epoch FROM e.entitled_until)::bigint,
                             'items', coalesce(items.list, '[]')) ORDER BY s.id COLLATE "C") AS list
                    FROM ledger.subscription AS s
                    LEFT JOIN ledger.entitlement AS e ON e.account = s.account AND e.subscription = s.id
                    LEFT JOIN (
                        SELECT i.account, i.subscription, jsonb_agg(jsonb_build_object(
                                   'id', i.id, 'price', i.price_id, 'plan_key', k.plan_key, 'quantity', i.quantity,
                                   'current_period_start', extract(epoch FROM i.current_period_start)::bigint,
                                   'current_period_end', extract(epoch FROM i.current_period_end)::bigint)
                                   ORDER BY i.id COLLATE "C") AS list
                          FROM ledger.subscription_item AS i
                          JOIN ledger.plan_price AS k ON k.account = i.account AND k.price_id = i.price_id
                         WHERE i.removed_at IS NULL
                         GROUP BY i.account, i.subscription) AS items
                      ON items.account = s.account AND items.subscription = s.id
                   GROUP BY s.account, s.customer) AS subs ON subs.account = c.account AND subs.customer = c.id
              LEFT JOIN (
                  SELECT s.account, s.customer, jsonb_agg(jsonb_build_object(
                             'source', s.source, 'kind', s.kind, 'amount', s.amount, 'currency', s.currency,
                             'paid_at', extract(epoch FROM s.paid_at)::bigint, 'subscription', s.subscription)
                             ORDER BY s.source COLLATE "C") AS list
                    FROM ledger.sale AS s WHERE s.state = 'booked'
                   GROUP BY s.account, s.customer) AS sales ON sales.account = c.account AND sales.customer = c.id
             WHERE c.kind = 'customer'),
        'guest_sales', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('source', s.source, 'kind', s.kind, 'amount', s.amount,
                                                         'currency', s.currency) ORDER BY s.source COLLATE "C"), '[]')
              FROM ledger.sale AS s WHERE s.customer IS NULL AND s.state = 'booked'),
        'totals', (
            SELECT coalesce(jsonb_object_agg(t.currency, jsonb_build_object('sales', t.amount, 'count', t.n)), '{}')
              FROM (SELECT s.currency, sum(s.amount) AS amount, count(*) AS n FROM ledger.sale AS s
                     WHERE s.state = 'booked' GROUP BY s.currency) AS t))
$$;
GRANT EXECUTE ON FUNCTION ops.ledger_truth() TO instep_operator;
RESET ROLE;
