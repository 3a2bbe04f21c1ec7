-- ops.credit_faults: what is wrong with plans, credits, usage and conversions; the part of ops.verify about them.
--   Returns  one row per offender, under the name of the promise that it breaks; no row: all is well
--   Balances, lots and counters are added up again from the lines of the entries, conversions derived again from the invoices.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.credit_faults() RETURNS TABLE (check_name text, example text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    WITH entry AS (
        SELECT e.*, lag(e.n, 1, 0::bigint) OVER w AS n_before, lag(e.balance_after, 1, 0::bigint) OVER w AS left_before
          FROM ledger.credit_entry AS e WINDOW w AS (PARTITION BY e.holder ORDER BY e.n)
    ), line AS (
        SELECT e.id, e.holder, e.kind, l.lot, l.amount FROM ledger.credit_entry AS e
         CROSS JOIN LATERAL unnest(e.lots, e.amounts) AS l (lot, amount)
    ), granted AS (
        SELECT l.* FROM ledger.credit_lot AS l WHERE l.kind <> 'manual'
    ), trial AS ( -- what conversions should say
        SELECT s.account, s.id, s.customer, c.user_id, s.trial_start, s.trial_end, i.id AS invoice, i.amount_paid, i.currency,
               i.paid_at, CASE WHEN i.id IS NOT NULL THEN 'converted' WHEN s.status = 'trialing' THEN 'trial'
                               WHEN s.status IN ('canceled', 'incomplete_expired', 'unpaid', 'paused') THEN 'ended_unpaid'
                               ELSE 'awaiting_payment' END AS state
          FROM ledger.subscription AS s
          JOIN ledger.customer AS c ON c.account = s.account AND c.id = s.customer
          LEFT JOIN LATERAL (SELECT i.* FROM ledger.invoice AS i
                              WHERE i.account = s.account AND i.customer = s.customer AND i.subscription = s.id
                                AND i.status = 'paid' AND i.amount_paid > 0 AND i.paid_at >= s.trial_start
                              ORDER BY i.paid_at, i.id COLLATE "C" LIMIT 1) AS i ON true
         WHERE s.trial_start IS NOT NULL
    )
    SELECT 'the entries of a holder of credits are a chain', e.holder || ' ' || e.n || ' begins with ' || e.balance_before
           || ' after ' || e.left_before
      FROM entry AS e WHERE e.n <> e.n_before + 1 OR e.balance_before <> e.left_before OR e.balance_after <> e.balance_before + e.amount
    UNION ALL
    SELECT 'a holder has what its last entry left', h.holder || ' has ' || h.balance || ' after ' || h.entries
      FROM ledger.credit_holder AS h
      LEFT JOIN (SELECT e.holder, max(e.n) AS n FROM entry AS e GROUP BY e.holder) AS m ON m.holder = h.holder
      LEFT JOIN entry AS e ON e.holder = h.holder AND e.n = m.n
     WHERE h.entries <> coalesce(m.n, 0) OR h.balance <> coalesce(e.balance_after, 0)
    UNION ALL
    SELECT 'a holder has what remains of its lots', h.holder || ' has ' || h.balance || ', its lots ' || coalesce(l.amount, 0)
      FROM ledger.credit_holder AS h
      LEFT JOIN (SELECT l.holder, sum(l.remaining) AS amount FROM ledger.credit_lot AS l GROUP BY l.holder) AS l ON l.holder = h.holder
     WHERE h.balance <> coalesce(l.amount, 0)
    UNION ALL
    SELECT 'credit entries are the sum of their lines', e.holder || ' ' || e.n || ' is ' || e.amount || ', its lines '
           || coalesce(l.amount::text, 'nothing')
      FROM entry AS e LEFT JOIN (SELECT l.id, sum(l.amount) AS amount FROM line AS l GROUP BY l.id) AS l ON l.id = e.id
     WHERE e.amount IS DISTINCT FROM l.amount
        OR e.kind IN ('rolled_over', 'debt_repaid') AND e.amount <> 0
        OR e.kind IN ('granted', 'spend_returned', 'clawback_returned', 'unexpired') AND e.amount <= 0
        OR e.kind IN ('spent', 'clawed_back', 'expired') AND e.amount >= 0
        OR EXISTS (SELECT FROM line AS x WHERE x.id = e.id
                    GROUP BY x.lot HAVING count(*) > 1)
    UNION ALL
    SELECT 'lots are the sum of their entries', 'lot ' || coalesce(l.id, t.lot)
      FROM ledger.credit_lot AS l FULL JOIN ledger.lots_at('infinity') AS t ON t.lot = l.id
     WHERE (coalesce(l.granted, -1), l.spent, l.clawed, l.covered, l.repaid, l.rolled, l.expired)
           IS DISTINCT FROM (coalesce(t.granted, 0), coalesce(t.spent, 0), coalesce(t.clawed, 0), coalesce(t.covered, 0),
                             coalesce(t.repaid, 0), coalesce(t.rolled, 0), coalesce(t.expired, 0))
        OR l.remaining <> l.granted - l.spent - l.clawed + l.covered - l.repaid - l.rolled - l.expired OR l.open <> (l.remaining > 0)
    UNION ALL
    SELECT 'lots are where their entries say', 'lot ' || x.lot || ' of ' || x.holder
      FROM (SELECT l.lot, l.holder, sum(l.amount) AS amount FROM line AS l GROUP BY l.lot, l.holder) AS x
      LEFT JOIN ledger.credit_lot AS l ON l.id = x.lot
     WHERE x.amount IS DISTINCT FROM CASE WHEN l.holder = x.holder THEN l.remaining ELSE 0 END
    UNION ALL
    SELECT 'no lot is below zero unless its plan''s clawback may', 'lot ' || l.id || ' has ' || l.remaining
      FROM ledger.credit_lot AS l WHERE l.remaining < 0 AND NOT l.claw_negative
    UNION ALL
    -- Between the entries of one settlement a lot may be below zero for a moment: what it carries on is booked before what it got.
    SELECT 'nobody spent what was not there', 'lot ' || x.lot || ' had ' || x.had || ' after ' || x.id
      FROM (SELECT l.*, sum(l.amount) OVER (PARTITION BY l.lot ORDER BY l.id) AS had FROM line AS l) AS x
     WHERE x.kind = 'spent' AND x.had < 0
    UNION ALL
    SELECT 'nobody spent what was not there', e.holder || ' ' || e.n || ' leaves ' || e.balance_after
      FROM entry AS e WHERE e.kind = 'spent' AND e.balance_after < 0
    UNION ALL
    SELECT 'what was taken back is what the rules take, or a shortfall', 'lot ' || l.id || ' took ' || l.clawed || ' of ' || l.claw_target
      FROM ledger.credit_lot AS l
     WHERE l.clawed + l.shortfall <> l.claw_target OR l.claw_negative AND l.shortfall > 0
        OR l.clawed > l.granted
    UNION ALL
    SELECT 'what will expire is known to be due', h.holder || ' is due ' || coalesce(h.next_due_at::text, 'never')
      FROM ledger.credit_holder AS h
     WHERE EXISTS (SELECT FROM ledger.credit_lot AS l
                    WHERE l.holder = h.holder AND l.remaining > 0 AND l.expires_at < coalesce(h.next_due_at, 'infinity'))
    UNION ALL
    SELECT 'lots are of a version of their plan', 'lot ' || l.id || ' ' || coalesce(l.plan_key, 'no plan') || ' ' || coalesce(l.plan_version, 0)
      FROM granted AS l
      LEFT JOIN ledger.plan_version AS v ON v.plan_key = l.plan_key AND v.version = l.plan_version
     WHERE v.version IS NULL
    UNION ALL
    SELECT 'one grant per item, period and kind', l.item || ' ' || l.kind || ' of ' || l.period_start
      FROM granted AS l WHERE l.kind <> 'upgrade'
     GROUP BY l.account, l.item, l.kind, l.period_start HAVING count(*) > 1
    UNION ALL
    SELECT 'lots are of a customer''s subscription and its user', 'lot ' || l.id || ' of ' || l.holder
      FROM granted AS l
      LEFT JOIN ledger.subscription AS s ON s.account = l.account AND s.id = l.subscription
      LEFT JOIN ledger.customer AS c ON c.account = l.account AND c.id = l.customer
     WHERE s.customer IS DISTINCT FROM l.customer
        OR l.holder IS DISTINCT FROM coalesce('user:' || c.user_id, 'customer:' || c.account || ':' || c.id)
    UNION ALL
    SELECT 'credits of turns are of applied ones', e.holder || ' ' || e.n || ' turn ' || e.turn
      FROM entry AS e LEFT JOIN ops.turn AS t ON t.id = e.turn
     WHERE e.turn IS NOT NULL AND t.outcome IS DISTINCT FROM 'applied'
        OR e.event_id IS NOT NULL AND NOT EXISTS (SELECT FROM ops.webhook_event AS w WHERE w.id = e.event_id)
    UNION ALL
    SELECT 'usage is the sum of its entries', u.user_id || ' ' || u.meter || ' ' || u.period_start
      FROM ledger.usage_period AS u
      LEFT JOIN (SELECT e.user_id, e.meter, e.period_start, sum(e.n) AS used,
                        bool_or(e.used_before <> e.left_before) AS broken
                   FROM (SELECT e.*, lag(e.used_after, 1, 0::bigint) OVER (
                                    PARTITION BY e.user_id, e.meter, e.period_start ORDER BY e.used_before) AS left_before
                           FROM ledger.usage_entry AS e) AS e
                  GROUP BY e.user_id, e.meter, e.period_start) AS e
        ON (e.user_id, e.meter, e.period_start) = (u.user_id, u.meter, u.period_start)
     WHERE u.used <> coalesce(e.used, 0) OR e.broken
    UNION ALL
    SELECT 'the versions of a plan are numbered', v.plan_key || ' ' || max(v.version)
      FROM ledger.plan_version AS v GROUP BY v.plan_key HAVING max(v.version) <> count(*)
    UNION ALL
    SELECT 'conversions are what the invoices say', v.subscription || ' is ' || v.state || ', should be ' || coalesce(t.state, 'none')
      FROM ledger.conversion AS v LEFT JOIN trial AS t ON t.account = v.account AND t.id = v.subscription
     WHERE (v.state, v.customer, v.trial_start, v.trial_end, v.invoice, v.amount, v.converted_at, v.user_id)
           IS DISTINCT FROM (t.state, t.customer, t.trial_start, t.trial_end, t.invoice, coalesce(t.amount_paid, 0), t.paid_at, t.user_id)
        OR t.currency IS NOT NULL AND v.currency IS DISTINCT FROM t.currency
    UNION ALL
    SELECT 'every trial has a conversion', t.id || ' is ' || t.state
      FROM trial AS t LEFT JOIN ledger.conversion AS v ON v.account = t.account AND v.subscription = t.id
     WHERE v.subscription IS NULL
    UNION ALL
    SELECT 'conversions are of a sale', v.subscription || ' by ' || v.invoice
      FROM ledger.conversion AS v
      LEFT JOIN ledger.sale AS s ON s.account = v.account AND s.source = v.invoice
     WHERE v.state = 'converted' AND (s.source IS NULL OR s.state = 'booked' AND (s.amount, s.currency) IS DISTINCT FROM (v.amount, v.currency))
$$;
RESET ROLE;
