-- ledger.invoice_credit_targets: what should be booked of what these invoices did to their customers' balances, for
--   ledger.book_targets. Rule credit.invoice. An invoice that did nothing and never did is left out.
--   Balances are settled when an invoice is finalized; what is paid too much is credit when it is paid.
--   Source  docs/ledger.md, "Customers' credit"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.invoice_credit_targets(p_account text, p_invoices text[]) RETURNS SETOF jsonb
    LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
               'rule', 'credit.invoice', 'source', i.id, 'customer', i.customer, 'subscription', i.subscription,
               'unit', i.currency, 'state', v.credit,
               'amounts', jsonb_build_object('credit_applied', v.credit, 'customer_credit', -v.credit),
               'kind', CASE WHEN v.credit > 0 THEN 'credit_granted' WHEN v.credit < 0 THEN 'credit_used'
                            ELSE 'credit_returned' END,
               'effective', extract(epoch FROM coalesce(CASE WHEN i.status = 'void' THEN i.voided_at
                                                             WHEN i.amount_overpaid <> 0 THEN i.paid_at END,
                                                        i.finalized_at, i.created_at))::bigint,
               'say', format('credit %s %s', v.credit, i.currency),
               'facts', jsonb_strip_nulls(jsonb_build_object(
                   'object', 'invoice', 'id', i.id, 'status', i.status, 'currency', i.currency, 'total', i.total,
                   'amount_overpaid', i.amount_overpaid, 'starting_balance', i.starting_balance,
                   'ending_balance', i.ending_balance)))
      FROM unnest(p_invoices) WITH ORDINALITY AS g (id, place)
     CROSS JOIN LATERAL (SELECT i.*, ledger.invoice_credit(i) AS credit FROM ledger.invoice AS i
                          WHERE i.account = p_account AND i.id = g.id OFFSET 0) AS i
     CROSS JOIN LATERAL (SELECT i.credit) AS v
     WHERE v.credit <> 0
        OR EXISTS (SELECT FROM ledger.journal_entry AS e
                    WHERE e.account = p_account AND e.source = i.id AND e.rule = 'credit.invoice')
     ORDER BY g.place
$$;
RESET ROLE;
