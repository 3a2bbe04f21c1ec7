-- ops.ledger_truth: what the ledger holds, in the shape of the simulator's own account of the truth (docs/simulator.md).
--   entitled is the policy's word by status; where grace_until is set, it holds until then.
--   Lists are sorted by id, byte by byte. Superseded sales are not there: their money is another sale's.
--   p_at     the moment that credits are told of, the simulator's now: grants, and what can be spent, by the entries that took
--            effect by then. NULL: without credits and conversions.
--            A lot gives what was granted less what the rules take back, had or not (shortfall); one that gives nothing and lacks
--            nothing is left out, so that credits granted and found not due are as if they had never been.
--            A balance is what remains of lots that have not expired by then, less debts; zero is left out.
--   Sums of money (fees, credit, accounts) are taken from postings, debit positive; what is zero is left out. A refund or
--   dispute counts in the totals if it is known which sale it is of.
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ops.ledger_truth();
CREATE OR REPLACE FUNCTION ops.ledger_truth(p_at timestamptz DEFAULT NULL) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH line AS (
        SELECT e.account, e.customer, e.source, e.rule, k.code, p.unit, p.amount
          FROM ledger.posting AS p
          JOIN ledger.account AS k ON k.id = p.account_id
          JOIN ledger.journal_entry AS e ON e.id = p.entry_id
    ), fee AS (
        SELECT f.account, f.customer, jsonb_object_agg(f.unit, f.amount) AS list
          FROM (SELECT l.account, coalesce(b.customer, l.customer) AS customer, l.unit, sum(l.amount) AS amount
                  FROM line AS l
                  LEFT JOIN ledger.balance_transaction AS b ON b.account = l.account AND b.id = l.source
                 WHERE l.code = 'fees' GROUP BY 1, 2, 3 HAVING sum(l.amount) <> 0) AS f
         GROUP BY f.account, f.customer
    ), credit AS (
        SELECT c.account, c.customer, jsonb_object_agg(c.unit, c.amount) AS list
          FROM (SELECT l.account, l.customer, l.unit, -sum(l.amount) AS amount FROM line AS l
                 WHERE l.code = 'customer_credit' GROUP BY 1, 2, 3 HAVING sum(l.amount) <> 0) AS c
         GROUP BY c.account, c.customer
    ), refund AS (
        SELECT r.account, r.customer, jsonb_agg(jsonb_build_object(
                   'id', r.id, 'charge', r.charge, 'amount', r.amount, 'currency', r.currency, 'state', r.state,
                   'sale', r.sale) ORDER BY r.id COLLATE "C") AS list
          FROM ledger.refund AS r GROUP BY r.account, r.customer
    ), dispute AS (
        SELECT d.account, d.customer, jsonb_agg(jsonb_build_object(
                   'id', d.id, 'charge', d.charge, 'amount', d.amount, 'currency', d.currency, 'state', d.state,
                   'sale', d.sale) ORDER BY d.id COLLATE "C") AS list
          FROM ledger.dispute AS d GROUP BY d.account, d.customer
    ), note AS (
        SELECT n.account, n.customer, jsonb_agg(jsonb_build_object(
                   'id', n.id, 'invoice', n.invoice, 'currency', n.currency, 'status', n.status,
                   'to_balance', n.to_balance, 'elsewhere', n.elsewhere) ORDER BY n.id COLLATE "C") AS list
          FROM ledger.credit_note AS n GROUP BY n.account, n.customer
    ), written_off AS (
        SELECT w.account, w.customer, jsonb_agg(jsonb_build_object(
                   'invoice', w.source, 'voided_at', w.voided_at, 'uncollectible_at', w.uncollectible_at)
                   ORDER BY w.source COLLATE "C") AS list
          FROM (SELECT e.account, e.customer, e.source,
                       max(extract(epoch FROM e.effective_at)::bigint) FILTER (WHERE e.kind = 'invoice_voided') AS voided_at,
                       max(extract(epoch FROM e.effective_at)::bigint) FILTER (WHERE e.kind = 'invoice_uncollectible')
                           AS uncollectible_at
                  FROM ledger.journal_entry AS e WHERE e.rule = 'written_off'
                 GROUP BY e.account, e.customer, e.source) AS w
         GROUP BY w.account, w.customer
    ), item AS (
        SELECT i.account, i.subscription, jsonb_agg(jsonb_build_object(
                   'id', i.id, 'price', i.price_id, 'plan_key', k.plan_key, 'quantity', i.quantity,
                   'current_period_start', extract(epoch FROM i.current_period_start)::bigint,
                   'current_period_end', extract(epoch FROM i.current_period_end)::bigint)
                   ORDER BY i.id COLLATE "C") AS list
          FROM ledger.subscription_item AS i
          JOIN ledger.plan_price AS k ON k.account = i.account AND k.price_id = i.price_id
         WHERE i.removed_at IS NULL
         GROUP BY i.account, i.subscription
    ), subscription AS (
        SELECT s.account, s.customer, jsonb_agg(jsonb_build_object(
                   'id', s.id, 'status', s.status, 'cancel_at_period_end', s.cancel_at_period_end,
                   'cancel_at', extract(epoch FROM s.cancel_at)::bigint,
                   'ended_at', extract(epoch FROM s.ended_at)::bigint,
                   'trial_end', extract(epoch FROM s.trial_end)::bigint,
                   'pause_collection', s.pause_collection, 'discounts', coalesce(s.state -> 'discounts', '[]'),
                   'entitled', e.entitled, 'grace_until', extract(epoch FROM e.entitled_until)::bigint,
                   'items', coalesce(i.list, '[]')) ORDER BY s.id COLLATE "C") AS list
          FROM ledger.subscription AS s
          LEFT JOIN ledger.entitlement AS e ON e.account = s.account AND e.subscription = s.id
          LEFT JOIN item AS i ON i.account = s.account AND i.subscription = s.id
         GROUP BY s.account, s.customer
    ), sale AS (
        SELECT s.account, s.customer, jsonb_agg(jsonb_build_object(
                   'source', s.source, 'kind', s.kind, 'amount', s.amount, 'elsewhere', s.elsewhere, 'currency', s.currency,
                   'paid_at', extract(epoch FROM s.paid_at)::bigint, 'subscription', s.subscription)
                   ORDER BY s.source COLLATE "C") AS list
          FROM ledger.sale AS s WHERE s.state = 'booked' GROUP BY s.account, s.customer
    ), lot AS ( -- as of p_at; none without one
        SELECT l.holder, l.account, l.customer, l.subscription, l.item, l.kind, l.plan_key, l.plan_version, l.period_start,
               l.period_end, l.effective_at, l.expires_at, l.shortfall, t.granted, t.clawed, t.remaining
          FROM ledger.lots_at(p_at) AS t JOIN ledger.credit_lot AS l ON l.id = t.lot
         WHERE l.effective_at <= p_at
    ), granted AS (
        SELECT l.account, l.customer, jsonb_agg(jsonb_build_object(
                   'subscription', l.subscription, 'item', l.item, 'kind', l.kind, 'plan_key', l.plan_key,
                   'version', l.plan_version, 'period_start', extract(epoch FROM l.period_start)::bigint,
                   'period_end', extract(epoch FROM l.period_end)::bigint,
                   'effective_at', extract(epoch FROM l.effective_at)::bigint,
                   'expires_at', extract(epoch FROM l.expires_at)::bigint,
                   'credits', l.granted - l.clawed - l.shortfall, 'shortfall', l.shortfall)
                   ORDER BY l.item COLLATE "C", l.period_start, l.kind COLLATE "C", l.plan_key COLLATE "C", l.plan_version) AS list
          FROM lot AS l WHERE l.kind <> 'manual' AND (l.granted > l.clawed + l.shortfall OR l.shortfall > 0) GROUP BY l.account, l.customer
    ), conversion AS (
        SELECT v.account, v.customer, jsonb_agg(jsonb_build_object(
                   'subscription', v.subscription, 'state', v.state,
                   'trial_start', extract(epoch FROM v.trial_start)::bigint,
                   'trial_end', extract(epoch FROM v.trial_end)::bigint, 'amount', v.amount, 'currency', v.currency,
                   'converted_at', extract(epoch FROM v.converted_at)::bigint, 'invoice', v.invoice)
                   ORDER BY v.subscription COLLATE "C") AS list
          FROM ledger.conversion AS v GROUP BY v.account, v.customer
    )
    SELECT CASE WHEN p_at IS NULL THEN '{}' ELSE jsonb_build_object(
        'as_of', extract(epoch FROM p_at)::bigint,
        'credit_balances', (
            SELECT coalesce(jsonb_object_agg(b.holder, b.amount), '{}')
              FROM (SELECT l.holder, sum(l.remaining) AS amount FROM lot AS l
                     WHERE l.expires_at IS NULL OR l.expires_at > p_at OR l.remaining < 0
                     GROUP BY l.holder HAVING sum(l.remaining) <> 0) AS b)) END || jsonb_build_object(
        'customers', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'id', c.id, 'deleted', c.deleted, 'user_id', c.user_id,
                       'subscriptions', coalesce(subscription.list, '[]'), 'sales', coalesce(sale.list, '[]'),
                       'refunds', coalesce(refund.list, '[]'), 'disputes', coalesce(dispute.list, '[]'),
                       'credit_notes', coalesce(note.list, '[]'), 'written_off', coalesce(written_off.list, '[]'),
                       'fees', coalesce(fee.list, '{}'), 'credit', coalesce(credit.list, '{}'))
                       || CASE WHEN p_at IS NULL THEN '{}' ELSE jsonb_build_object('grants', coalesce(granted.list, '[]'),
                              'conversions', coalesce(conversion.list, '[]')) END ORDER BY c.id COLLATE "C"), '[]')
              FROM ledger.customer AS c
              LEFT JOIN subscription ON subscription.account = c.account AND subscription.customer = c.id
              LEFT JOIN sale ON sale.account = c.account AND sale.customer = c.id
              LEFT JOIN refund ON refund.account = c.account AND refund.customer = c.id
              LEFT JOIN dispute ON dispute.account = c.account AND dispute.customer = c.id
              LEFT JOIN note ON note.account = c.account AND note.customer = c.id
              LEFT JOIN written_off ON written_off.account = c.account AND written_off.customer = c.id
              LEFT JOIN fee ON fee.account = c.account AND fee.customer = c.id
              LEFT JOIN credit ON credit.account = c.account AND credit.customer = c.id
              LEFT JOIN granted ON granted.account = c.account AND granted.customer = c.id
              LEFT JOIN conversion ON conversion.account = c.account AND conversion.customer = c.id
             WHERE c.kind = 'customer'),
        'guest_sales', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('source', s.source, 'kind', s.kind, 'amount', s.amount,
                                                         'currency', s.currency) ORDER BY s.source COLLATE "C"), '[]')
              FROM ledger.sale AS s WHERE s.customer IS NULL AND s.state = 'booked'),
        'guest_refunds', (SELECT coalesce(jsonb_path_query_array(jsonb_agg(r.list), '$[*][*]'), '[]')
                            FROM refund AS r WHERE r.customer IS NULL),
        'guest_disputes', (SELECT coalesce(jsonb_path_query_array(jsonb_agg(d.list), '$[*][*]'), '[]')
                             FROM dispute AS d WHERE d.customer IS NULL),
        'totals', (
            SELECT coalesce(jsonb_object_agg(t.currency, jsonb_build_object(
                       'sales', t.amount, 'count', t.n,
                       'refunded', (SELECT coalesce(sum(r.amount), 0) FROM ledger.refund AS r
                                     WHERE r.currency = t.currency AND r.state = 'refunded' AND r.sale IS NOT NULL),
                       'lost', (SELECT coalesce(sum(d.amount), 0) FROM ledger.dispute AS d
                                 WHERE d.currency = t.currency AND d.state = 'lost' AND d.sale IS NOT NULL))), '{}')
              FROM (SELECT s.currency, sum(s.amount) AS amount, count(*) AS n FROM ledger.sale AS s
                     WHERE s.state = 'booked' GROUP BY s.currency) AS t),
        'accounts', (
            SELECT coalesce(jsonb_object_agg(a.code, a.list), '{}')
              FROM (SELECT b.code, jsonb_object_agg(b.unit, b.amount) AS list
                      FROM (SELECT l.code, l.unit, sum(l.amount) AS amount FROM line AS l
                             GROUP BY l.code, l.unit HAVING sum(l.amount) <> 0) AS b
                     GROUP BY b.code) AS a),
        'catalogue', ledger.catalogue_truth())
$$;
GRANT EXECUTE ON FUNCTION ops.ledger_truth(timestamptz) TO instep_operator;
RESET ROLE;
