-- ops.status: the database at a glance, for operators and for the live table.
--   Returns  {"mode", "customers", "users", "orphans", "subscriptions": {status: n}, "sales": {currency: {"sales",
--             "count"}}, "entries", "entitled_users", "events": {outcome: n}, "turns": {"applied", "failed",
--             "stripe_reads", "events", "last_applied_at"}, "lag_ms": webhook to ledger of the last 100 events
--             {"p50", "max"}, "dead_letters": {"open", "by_class", "oldest_at"}, "flagged_sales", "flagged_charges", "unclaimed_charges", "refunds",
--             "disputes": {state: n}, "trials": {state: n}, "stuck_trials", "plan_errors", "credits": {"holders", "granted" (ever), "orphaned" (held for
--             nobody), "late" (subscriptions and holders for whom time should have done something ten minutes ago), "failing" (those for
--             whom that failed)}}
--   Cost     counts whole tables: for people and slow polls, not for every request
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.status() RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'mode', (SELECT d.mode FROM ops.deployment AS d),
        'customers', (SELECT count(*) FROM ledger.customer AS c WHERE c.kind = 'customer'),
        'users', (SELECT count(*) FROM ledger.app_user),
        'orphans', (SELECT count(*) FROM dashboard.orphans),
        'subscriptions', (SELECT coalesce(jsonb_object_agg(s.status, s.n), '{}')
                            FROM (SELECT s.status, count(*) AS n FROM ledger.subscription AS s GROUP BY s.status) AS s),
        'sales', (SELECT coalesce(jsonb_object_agg(s.currency, jsonb_build_object('sales', s.amount, 'count', s.n)), '{}')
                    FROM (SELECT s.currency, sum(s.amount) AS amount, count(*) AS n FROM ledger.sale AS s
                           WHERE s.state = 'booked' GROUP BY s.currency) AS s),
        'flagged_sales', (SELECT count(*) FROM ledger.sale AS s WHERE s.flag IS NOT NULL),
        'flagged_charges', (SELECT count(*) FROM ledger.charge AS c WHERE c.flag IS NOT NULL),
        'unclaimed_charges', (SELECT count(*) FROM ledger.charge AS c
                               WHERE c.sale IS NULL AND c.status = 'succeeded' AND c.captured AND c.missing_at IS NULL),
        'refunds', (SELECT coalesce(jsonb_object_agg(r.state, r.n), '{}')
                      FROM (SELECT r.state, count(*) AS n FROM ledger.refund AS r GROUP BY r.state) AS r),
        'disputes', (SELECT coalesce(jsonb_object_agg(d.state, d.n), '{}')
                       FROM (SELECT d.state, count(*) AS n FROM ledger.dispute AS d GROUP BY d.state) AS d),
        'trials', (SELECT coalesce(jsonb_object_agg(v.state, v.n), '{}')
                     FROM (SELECT v.state, count(*) AS n FROM ledger.conversion AS v GROUP BY v.state) AS v),
        'stuck_trials', (SELECT count(*) FROM dashboard.stuck_trials),
        'plan_errors', (SELECT count(*) FROM ledger.product AS p WHERE p.plan_error IS NOT NULL),
        'credits', jsonb_build_object(
            'holders', (SELECT count(*) FROM ledger.credit_holder),
            'granted', (SELECT coalesce(sum(l.granted), 0) FROM ledger.credit_lot AS l),
            'orphaned', (SELECT coalesce(sum(h.balance), 0) FROM ledger.credit_holder AS h WHERE h.user_id IS NULL),
            'late', (SELECT count(*) FROM ledger.subscription AS s
                      WHERE s.credits_due_at < ledger.clock() - interval '10 minutes' AND s.test_clock IS NULL)
                  + (SELECT count(*) FROM ledger.credit_holder AS h
                      WHERE h.next_due_at < ledger.clock() - interval '10 minutes'),
            'failing', (SELECT count(*) FROM ledger.subscription AS s WHERE s.credits_error IS NOT NULL)
                     + (SELECT count(*) FROM ledger.credit_holder AS h WHERE h.settle_error IS NOT NULL)),
        'entries', (SELECT count(*) FROM ledger.journal_entry),
        'entitled_users', (SELECT count(DISTINCT e.user_id) FROM ledger.entitlement AS e
                            WHERE e.entitled AND (e.entitled_until IS NULL OR e.entitled_until > now())),
        'events', (SELECT coalesce(jsonb_object_agg(e.outcome, e.n), '{}')
                     FROM (SELECT e.outcome, count(*) AS n FROM ops.webhook_event AS e GROUP BY e.outcome) AS e),
        'turns', (SELECT jsonb_build_object('applied', count(*) FILTER (WHERE t.outcome = 'applied'),
                                            'failed', count(*) FILTER (WHERE t.outcome <> 'applied'),
                                            'stripe_reads', coalesce(sum(t.stripe_reads), 0),
                                            'events', coalesce(sum(t.events_count) FILTER (WHERE t.outcome = 'applied'), 0),
                                            'last_applied_at', max(t.recorded_at) FILTER (WHERE t.outcome = 'applied'))
                    FROM ops.turn AS t),
        'lag_ms', (SELECT jsonb_build_object(
                       'p50', round(percentile_cont(0.5) WITHIN GROUP (ORDER BY l.ms)), 'max', round(max(l.ms)))
                     FROM (SELECT extract(epoch FROM e.processed_at - e.received_at) * 1000 AS ms
                             FROM ops.webhook_event AS e
                            WHERE e.processed_at IS NOT NULL AND e.received_at IS NOT NULL
                            ORDER BY e.processed_at DESC LIMIT 100) AS l),
        'dead_letters', (SELECT jsonb_build_object(
                             'open', count(*), 'oldest_at', min(d.buried_at),
                             'by_class', (SELECT coalesce(jsonb_object_agg(b.class, b.n), '{}')
                                            FROM (SELECT b.class, count(*) AS n FROM ops.dead_letter AS b
                                                   WHERE b.settled_at IS NULL GROUP BY b.class) AS b))
                           FROM ops.dead_letter AS d WHERE d.settled_at IS NULL))
$$;
GRANT EXECUTE ON FUNCTION ops.status() TO instep_operator;
RESET ROLE;
