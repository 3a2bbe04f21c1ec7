-- ledger.mirror_invoice_payments: which money paid which invoice, as the invoices and the payments themselves say.
--   p_invoices  array of invoice objects;  p_payments  array of invoice_payment objects, which count more
--   p_context   of ledger.apply_turn
--   Shapes      as stripe.invoice_payments
--   Errors      IS001
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.mirror_invoice_payments(p_invoices jsonb, p_payments jsonb, p_context jsonb)
    RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO ledger.invoice_payment AS p
        (account, id, kind, invoice, payment_intent, charge, payment_record, status, amount_paid, looked_at)
    SELECT DISTINCT ON (n.id COLLATE "C", n.kind COLLATE "C")
           p_context ->> 'account', n.id, n.kind, n.invoice, n.payment_intent, n.charge, n.payment_record, n.status,
           n.amount_paid, to_timestamp((p_context ->> 'read_at')::numeric)
      FROM (SELECT i.value ->> 'id' AS invoice, x.*, 2 AS place
              FROM jsonb_array_elements(p_invoices) AS i CROSS JOIN LATERAL stripe.invoice_payments(i.value) AS x
            UNION ALL
            SELECT stripe.id_or_expanded(o.value -> 'invoice', o.value, 'invoice'), x.*, 1
              FROM jsonb_array_elements(p_payments) AS o
             CROSS JOIN LATERAL stripe.invoice_payments(jsonb_build_object(
                       'object', 'invoice', 'id', o.value -> 'invoice',
                       'payments', jsonb_build_object('has_more', false, 'data', jsonb_build_array(o.value)))) AS x) AS n
     ORDER BY n.id COLLATE "C", n.kind COLLATE "C", n.place
    ON CONFLICT (account, id, kind) DO UPDATE
       SET invoice = EXCLUDED.invoice, payment_intent = EXCLUDED.payment_intent, charge = EXCLUDED.charge,
           payment_record = EXCLUDED.payment_record, status = EXCLUDED.status, amount_paid = EXCLUDED.amount_paid,
           looked_at = EXCLUDED.looked_at;
END
$$;
RESET ROLE;
