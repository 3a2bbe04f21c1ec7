-- ledger.credit_note_targets: what should be booked of these credit notes, for ledger.book_targets. Rule credit_note.
--   What went to the customer's balance is owed to the customer; what was given back outside Stripe is not with us any more.
--   What was taken off an unpaid invoice was never sold; what was refunded books itself: such a note is noted. Void: nothing.
--   Source  docs/ledger.md, "Credit notes"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.credit_note_targets(p_account text, p_notes text[]) RETURNS SETOF jsonb
    LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
               'rule', 'credit_note', 'source', n.id, 'customer', n.customer, 'subscription', i.subscription,
               'unit', n.currency, 'state', n.status,
               'amounts', CASE WHEN n.status = 'void' THEN '{}' ELSE jsonb_build_object(
                   'credit_notes', n.to_balance + n.elsewhere, 'customer_credit', -n.to_balance,
                   'collected_elsewhere', -n.elsewhere) END,
               'kind', CASE WHEN n.status = 'void' THEN 'credit_note_voided' ELSE 'credit_note' END,
               'note', CASE WHEN n.status <> 'void' THEN 'credit_note_noted' END,
               'effective', extract(epoch FROM CASE WHEN n.status = 'void' THEN coalesce(n.voided_at, n.created_at)
                                                    ELSE n.created_at END)::bigint,
               'later', CASE WHEN n.status <> 'void' OR n.voided_at IS NULL THEN jsonb_build_array(n.id) END,
               'say', format('%s %s %s', n.status, n.to_balance + n.elsewhere, n.currency),
               'facts', jsonb_strip_nulls(jsonb_build_object(
                   'object', 'credit_note', 'id', n.id, 'status', n.status, 'amount', n.amount, 'currency', n.currency,
                   'invoice', n.invoice, 'to_balance', n.to_balance, 'elsewhere', n.elsewhere, 'refunded', n.refunded,
                   'voided_at', extract(epoch FROM n.voided_at)::bigint)))
      FROM unnest(p_notes) WITH ORDINALITY AS g (id, place)
     CROSS JOIN LATERAL (SELECT n.* FROM ledger.credit_note AS n WHERE n.account = p_account AND n.id = g.id OFFSET 0) AS n
      LEFT JOIN LATERAL (SELECT i.* FROM ledger.invoice AS i
                          WHERE i.account = p_account AND i.id = n.invoice OFFSET 0) AS i ON true
     ORDER BY g.place
$$;
RESET ROLE;
