-- ledger.fee_targets: what should be booked of Stripe's fees in the balance transactions of these charges and disputes, for
--   ledger.book_targets. Rule fee. In the currency it settles in; a fee that is given back is negative.
--   p_sources  ids of charges and disputes
--   Source     docs/ledger.md, "Fees"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.fee_targets(p_account text, p_sources text[]) RETURNS SETOF jsonb
    LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
               'rule', 'fee', 'source', b.id, 'customer', b.customer, 'subscription', i.subscription,
               'unit', b.currency, 'state', b.fee, 'kind', 'fee',
               'amounts', jsonb_build_object('fees', b.fee, 'fees_withheld', -b.fee),
               'effective', extract(epoch FROM b.created_at)::bigint,
               'facts', jsonb_strip_nulls(jsonb_build_object(
                   'object', 'balance_transaction', 'id', b.id, 'type', b.type, 'amount', b.amount, 'fee', b.fee,
                   'currency', b.currency, 'of', b.source)))
      FROM unnest(p_sources) WITH ORDINALITY AS g (id, place)
     CROSS JOIN LATERAL (SELECT b.* FROM ledger.balance_transaction AS b
                          WHERE b.account = p_account AND b.source = g.id OFFSET 0) AS b
      LEFT JOIN LATERAL (SELECT c.* FROM ledger.charge AS c
                          WHERE c.account = p_account AND c.id = b.source OFFSET 0) AS c ON true
      LEFT JOIN LATERAL (SELECT d.* FROM ledger.dispute AS d
                          WHERE d.account = p_account AND d.id = b.source OFFSET 0) AS d ON true
      LEFT JOIN LATERAL (SELECT i.* FROM ledger.invoice AS i
                          WHERE i.account = p_account AND i.id = coalesce(c.sale, d.sale) OFFSET 0) AS i ON true
     ORDER BY g.place, b.id COLLATE "C"
$$;
RESET ROLE;
