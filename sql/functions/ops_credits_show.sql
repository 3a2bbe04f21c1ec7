-- ops.credits_show: a user's credits at a moment, lot by lot, with the entries that came last.
--   p_who      a user's id, with or without "user:" before it; or cus_…: its user's, or what the customer holds until it has one
--   p_account  of a customer
--   p_at       as of then, by when entries took effect; NULL: now (on a Stripe test clock, its now)
--              Lots are those that the holder has now, wherever they were then.
--   p_entries  at most so many entries, newest first
--   Returns    {"holder", "user", "customer", "at", "balance": what can be spent, less debts, "booked": also what was over or had not begun,
--              "credit_limit": what the lots behind balance were granted with, less what was taken back,
--              "lots": those that can be spent from or are below zero, in the order in which they are burnt,
--              "ended_lots": how many there were besides, "entries": [...], "entries_total"};
--              NULL: nobody knows that user or customer
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.credits_show(p_who text, p_account text DEFAULT 'self', p_at timestamptz DEFAULT NULL,
                                            p_entries integer DEFAULT 10) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH who AS (
        SELECT c.user_id, CASE WHEN c.user_id IS NULL THEN c.id END AS customer,
               coalesce('user:' || c.user_id, 'customer:' || c.account || ':' || c.id) AS holder
          FROM ledger.customer AS c WHERE p_who LIKE 'cus\_%' AND c.account = p_account AND c.id = p_who
        UNION ALL
        SELECT u.id, NULL, 'user:' || u.id FROM ledger.app_user AS u
         WHERE u.id = CASE WHEN p_who LIKE 'user:%' THEN substr(p_who, 6) ELSE p_who END
         LIMIT 1
    ), moment AS (
        SELECT w.*, coalesce(p_at, greatest(ledger.clock(), h.clock_at)) AS at
          FROM who AS w LEFT JOIN ledger.credit_holder AS h ON h.holder = w.holder
    ), entry AS (
        SELECT e.* FROM moment AS m JOIN ledger.credit_entry AS e ON e.holder = m.holder AND e.effective_at <= m.at
    ), lot AS (
        SELECT l.*, t.remaining AS left_then, t.granted AS granted_then, t.spent AS spent_then, t.clawed AS clawed_then,
               l.effective_at <= m.at AND (l.expires_at IS NULL OR l.expires_at > m.at) AS live
          FROM moment AS m CROSS JOIN LATERAL ledger.holder_lots(m.holder, m.at) AS t
          JOIN ledger.credit_lot AS l ON l.id = t.lot
    )
    SELECT jsonb_build_object(
        'holder', m.holder, 'user', m.user_id, 'customer', m.customer, 'at', m.at,
        'balance', (SELECT coalesce(sum(l.left_then), 0) FROM lot AS l WHERE l.live OR l.left_then < 0),
        'booked', (SELECT coalesce(sum(l.left_then), 0) FROM lot AS l),
        'credit_limit', (SELECT coalesce(sum(l.granted_then - l.clawed_then), 0) FROM lot AS l WHERE l.live),
        'lots', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                            'lot', l.id, 'kind', l.kind, 'plan_key', l.plan_key, 'plan_version', l.plan_version,
                            'customer', l.customer, 'subscription', l.subscription, 'item', l.item, 'invoice', l.invoice,
                            'key', l.manual_key, 'period_start', l.period_start, 'period_end', l.period_end,
                            'effective_at', l.effective_at, 'expires_at', l.expires_at, 'remaining', l.left_then,
                            'granted', l.granted_then, 'spent', l.spent_then, 'clawed_back', l.clawed_then,
                            'shortfall', l.shortfall)
                            ORDER BY l.expires_at NULLS LAST, l.effective_at, l.kind, l.item, l.id), '[]')
                   FROM lot AS l WHERE l.live AND l.left_then <> 0 OR l.left_then < 0),
        'ended_lots', (SELECT count(*) FROM lot AS l WHERE NOT (l.live AND l.left_then <> 0 OR l.left_then < 0)),
        'entries', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                               'n', e.n, 'kind', e.kind, 'amount', e.amount, 'balance_before', e.balance_before,
                               'balance_after', e.balance_after, 'lots', e.lots, 'amounts', e.amounts, 'transition', e.transition,
                               'subscription', e.subscription, 'plan_key', e.plan_key,
                               'source', coalesce(e.source, (SELECT l.manual_key FROM ledger.credit_lot AS l WHERE l.id = e.lots[1])),
                               'key', CASE WHEN e.idempotency_key LIKE 'app:%' THEN substr(e.idempotency_key, 5) END, 'note', e.note, 'event', e.event_id, 'turn', e.turn,
                               'effective_at', e.effective_at, 'recorded_at', e.recorded_at) ORDER BY e.n DESC), '[]')
                      FROM (SELECT e.* FROM entry AS e ORDER BY e.n DESC LIMIT greatest(p_entries, 0)) AS e),
        'entries_total', (SELECT count(*) FROM entry))
      FROM moment AS m
$$;
GRANT EXECUTE ON FUNCTION ops.credits_show(text, text, timestamptz, integer) TO instep_operator;
RESET ROLE;
