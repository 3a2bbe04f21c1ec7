-- ledger.refund_targets: what should be booked of these refunds, for ledger.book_targets. Rule refund.
--   refunded  refunds, out of what was collected;  pending  refunds, owed to the customer;  none  nothing
--   A refund never corrects its sale: it is a fact of its own, in the currency of the refund.
--   Source    docs/ledger.md, "Refunds"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.refund_targets(p_account text, p_refunds text[]) RETURNS SETOF jsonb
    LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
               'rule', 'refund', 'source', r.id, 'customer', r.customer, 'subscription', i.subscription,
               'unit', r.currency, 'state', r.state,
               'amounts', CASE r.state WHEN 'refunded' THEN jsonb_build_object('refunds', r.amount, 'collected', -r.amount)
                                       WHEN 'pending' THEN jsonb_build_object('refunds', r.amount, 'refunds_payable', -r.amount)
                                       ELSE '{}' END,
               'kind', CASE r.state WHEN 'refunded' THEN 'refund' WHEN 'pending' THEN 'refund_pending'
                                    ELSE 'refund_returned' END,
               'effective', extract(epoch FROM r.created_at)::bigint, 'later', jsonb_build_array(r.id, r.charge),
               'say', format('%s %s %s', r.state, r.amount, r.currency),
               'facts', jsonb_strip_nulls(jsonb_build_object(
                   'object', 'refund', 'id', r.id, 'status', r.status, 'amount', r.amount, 'currency', r.currency,
                   'charge', r.charge, 'payment_intent', r.payment_intent, 'sale', r.sale,
                   'balance_transaction', r.balance_transaction, 'charge_captured', c.captured)))
      FROM unnest(p_refunds) WITH ORDINALITY AS g (id, place)
     CROSS JOIN LATERAL (SELECT r.* FROM ledger.refund AS r WHERE r.account = p_account AND r.id = g.id OFFSET 0) AS r
      LEFT JOIN LATERAL (SELECT c.* FROM ledger.charge AS c
                          WHERE c.account = p_account AND c.id = r.charge OFFSET 0) AS c ON true
      LEFT JOIN LATERAL (SELECT i.* FROM ledger.invoice AS i
                          WHERE i.account = p_account AND i.id = r.sale OFFSET 0) AS i ON true
     ORDER BY g.place
$$;
RESET ROLE;
