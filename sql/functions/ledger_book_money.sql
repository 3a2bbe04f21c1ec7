-- ledger.book_money: book what this turn has learned about money that is no sale: refunds, disputes, credit notes, customers'
--   credit, invoices written off, fees.
--   p_read      {kind of object: [ids that the turn read]}
--   p_charges   ids of ledger.touched_charges, whose refunds may stand differently now
--   p_context   of ledger.apply_turn; everything is mirrored and linked before
--   Returns     {"entries": n, "changes": [{"what", "before", "after"}]}
--   Errors      IS002
--   Source      docs/ledger.md, "Rules"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.book_money(p_read jsonb, p_charges text[], p_context jsonb) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_account text := p_context ->> 'account';
    v_invoices text[] := ARRAY(SELECT jsonb_array_elements_text(p_read -> 'invoice'));
    v_disputes text[] := ARRAY(SELECT jsonb_array_elements_text(p_read -> 'dispute'));
    v_notes text[] := ARRAY(SELECT jsonb_array_elements_text(p_read -> 'credit_note'));
    v_paid text[] := ARRAY(SELECT jsonb_array_elements_text(p_read -> 'charge'));
    v_refunds text[];
    v_done jsonb[];
BEGIN
    v_refunds := ARRAY(
        SELECT n.id FROM (SELECT jsonb_array_elements_text(p_read -> 'refund') AS id
                          UNION
                          SELECT r.id FROM unnest(p_charges) AS g (id)
                           CROSS JOIN LATERAL (SELECT r.id FROM ledger.refund AS r
                                                WHERE r.account = v_account AND r.charge = g.id OFFSET 0) AS r) AS n
         ORDER BY n.id COLLATE "C");
    v_done := ledger.book_targets(
        ARRAY(SELECT t FROM ledger.invoice_credit_targets(v_account, v_invoices) AS t)
        || ARRAY(SELECT t FROM ledger.written_off_targets(v_account, v_invoices) AS t)
        || ARRAY(SELECT t FROM ledger.refund_targets(v_account, v_refunds) AS t)
        || ARRAY(SELECT t FROM ledger.dispute_targets(v_account, v_disputes) AS t)
        || ARRAY(SELECT t FROM ledger.credit_note_targets(v_account, v_notes) AS t)
        || ARRAY(SELECT t FROM ledger.fee_targets(v_account, v_paid || v_disputes) AS t), p_context);
    RETURN jsonb_build_object('entries', cardinality(v_done), 'changes', to_jsonb(ARRAY(
        SELECT jsonb_build_object('what', replace(split_part(n.d ->> 'rule', '.', 1), '_', ' ') || ' ' || (n.d ->> 'source'),
                                  'before', replace(n.d ->> 'last', '_', ' '), 'after', n.d ->> 'say')
          FROM unnest(v_done) WITH ORDINALITY AS n (d, place)
         WHERE n.d ->> 'say' IS NOT NULL ORDER BY n.place)));
END
$$;
RESET ROLE;
