-- ledger.returns_of: what was given back of what invoices were paid: refunded, disputed, or by credit notes, to the balance and
--   outside Stripe (what a note refunds is its refund's).
--   Returns  {invoice: {"paid", "returned": at most that, "at": newest of it, unix seconds, "source", "transition": which that is,
--            "undone": id, "undone_transition": the newest that came to nothing}}, only of invoices that anything was asked back of
--   A refund counts while it is not known to have failed, a dispute while its money is away.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.returns_of(p_account text, p_invoices text[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
    SELECT coalesce(jsonb_object_agg(g.invoice, jsonb_build_object(
               'paid', g.amount_paid, 'returned', least(g.returned, g.amount_paid), 'at', g.at, 'source', g.source,
               'transition', g.transition, 'undone', g.undone, 'undone_transition', g.undone_transition)), '{}')
      FROM (SELECT n.id AS invoice, i.amount_paid, coalesce(sum(r.amount) FILTER (WHERE r.counts), 0) AS returned,
                   max(extract(epoch FROM r.created_at)::bigint) FILTER (WHERE r.counts) AS at,
                   (array_agg(r.id ORDER BY r.created_at DESC, r.id COLLATE "C" DESC) FILTER (WHERE r.counts))[1] AS source,
                   (array_agg(r.transition ORDER BY r.created_at DESC, r.id COLLATE "C" DESC) FILTER (WHERE r.counts))[1] AS transition,
                   (array_agg(r.id ORDER BY r.looked_at DESC, r.id COLLATE "C" DESC) FILTER (WHERE NOT r.counts))[1] AS undone,
                   (array_agg(r.undone ORDER BY r.looked_at DESC, r.id COLLATE "C" DESC) FILTER (WHERE NOT r.counts))[1]
                       AS undone_transition
              FROM unnest(p_invoices) AS n (id)
             CROSS JOIN LATERAL (
                  SELECT r.id, r.amount, r.state IN ('refunded', 'pending') AS counts, r.created_at, r.looked_at,
                         'refund' AS transition, 'refund_returned' AS undone
                    FROM ledger.refund AS r WHERE r.account = p_account AND r.sale = n.id
                  UNION ALL
                  SELECT d.id, d.amount, d.state IN ('held', 'lost'), d.created_at, d.looked_at, 'dispute', 'dispute_won'
                    FROM ledger.dispute AS d WHERE d.account = p_account AND d.sale = n.id
                  UNION ALL
                  SELECT c.id, c.to_balance + c.elsewhere, c.status = 'issued', c.created_at, c.looked_at, 'credit_note', 'credit_note'
                    FROM ledger.credit_note AS c
                   WHERE c.account = p_account AND c.invoice = n.id AND c.to_balance + c.elsewhere > 0
                  OFFSET 0) AS r
             CROSS JOIN LATERAL (SELECT i.amount_paid FROM ledger.invoice AS i
                                  WHERE i.account = p_account AND i.id = n.id OFFSET 0) AS i
             GROUP BY n.id, i.amount_paid) AS g);
END
$$;
RESET ROLE;
