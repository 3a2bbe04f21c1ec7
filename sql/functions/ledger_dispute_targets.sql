-- ledger.dispute_targets: what should be booked of these disputes, for ledger.book_targets. Rule dispute.
--   held  taken out of what was collected;  lost  gone;  none  nothing; an inquiry is noted
--   Source  docs/ledger.md, "Disputes"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.dispute_targets(p_account text, p_disputes text[]) RETURNS SETOF jsonb
    LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
               'rule', 'dispute', 'source', d.id, 'customer', d.customer, 'subscription', i.subscription,
               'unit', d.currency, 'state', d.state,
               'amounts', CASE d.state WHEN 'held' THEN jsonb_build_object('disputes_held', d.amount, 'collected', -d.amount)
                                       WHEN 'lost' THEN jsonb_build_object('disputes_lost', d.amount, 'collected', -d.amount)
                                       ELSE '{}' END,
               'kind', CASE d.state WHEN 'held' THEN 'dispute_held' WHEN 'lost' THEN 'dispute_lost'
                                    ELSE 'dispute_released' END,
               'note', 'dispute_noted',
               'effective', extract(epoch FROM CASE WHEN d.state = 'none' AND d.reinstated_at IS NOT NULL THEN d.reinstated_at
                                                    ELSE d.created_at END)::bigint,
               'later', CASE WHEN d.state <> 'none' OR d.reinstated_at IS NULL THEN jsonb_build_array(d.id, d.charge) END,
               'say', format('%s %s %s', d.state, d.amount, d.currency),
               'facts', jsonb_strip_nulls(jsonb_build_object(
                   'object', 'dispute', 'id', d.id, 'status', d.status, 'amount', d.amount, 'currency', d.currency,
                   'reason', d.reason, 'charge', d.charge, 'payment_intent', d.payment_intent, 'sale', d.sale,
                   'withdrawn_at', extract(epoch FROM d.withdrawn_at)::bigint,
                   'reinstated_at', extract(epoch FROM d.reinstated_at)::bigint)))
      FROM unnest(p_disputes) WITH ORDINALITY AS g (id, place)
     CROSS JOIN LATERAL (SELECT d.* FROM ledger.dispute AS d WHERE d.account = p_account AND d.id = g.id OFFSET 0) AS d
      LEFT JOIN LATERAL (SELECT i.* FROM ledger.invoice AS i
                          WHERE i.account = p_account AND i.id = d.sale OFFSET 0) AS i ON true
     ORDER BY g.place
$$;
RESET ROLE;
