-- ledger.written_off_targets: that these invoices were voided or written off, for ledger.book_targets. Rule written_off.
--   Moves nothing: what was not paid was never booked. Once said, it stays said, even if the invoice is paid after all.
--   Source  docs/ledger.md, "Invoices written off"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.written_off_targets(p_account text, p_invoices text[]) RETURNS SETOF jsonb
    LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
               'rule', 'written_off', 'source', i.id, 'customer', i.customer, 'subscription', i.subscription,
               'unit', i.currency, 'amounts', '{}'::jsonb, 'state', n.state, 'note', 'invoice_' || n.state,
               'note_each', true, 'effective', extract(epoch FROM n.at)::bigint,
               'say', format('%s, due %s %s', n.state, i.amount_due, i.currency),
               'facts', jsonb_strip_nulls(jsonb_build_object(
                   'object', 'invoice', 'id', i.id, 'amount_due', i.amount_due, 'currency', i.currency,
                   n.state || '_at', extract(epoch FROM n.at)::bigint)))
      FROM unnest(p_invoices) WITH ORDINALITY AS g (id, place)
     CROSS JOIN LATERAL (SELECT i.* FROM ledger.invoice AS i WHERE i.account = p_account AND i.id = g.id OFFSET 0) AS i
     CROSS JOIN LATERAL (VALUES ('uncollectible', i.uncollectible_at, 1), ('voided', i.voided_at, 2)) AS n (state, at, place)
     WHERE n.at IS NOT NULL
     ORDER BY g.place, n.at, n.place
$$;
RESET ROLE;
