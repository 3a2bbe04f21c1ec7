-- ledger.mirror_credit_notes: make our picture of these credit notes equal to Stripe's.
--   p_notes    array of credit_note objects
--   p_context  of ledger.apply_turn
--   Shapes     as stripe.credit_note_parts
--   Errors     IS001
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.mirror_credit_notes(p_notes jsonb, p_context jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_note jsonb;
BEGIN
    IF jsonb_array_length(p_notes) = 0 THEN
        RETURN;
    END IF;
    SELECT n.value INTO v_note
      FROM jsonb_array_elements(p_notes) AS n
     WHERE stripe.id_or_expanded(n.value -> 'invoice', n.value, 'invoice') IS NULL LIMIT 1;
    IF FOUND THEN
        PERFORM stripe.unknown_shape(v_note, 'invoice', v_note -> 'invoice');
    END IF;
    INSERT INTO ledger.credit_note AS c
        (account, id, customer, invoice, currency, status, amount, to_balance, elsewhere, refunded, created_at,
         voided_at, looked_at)
    SELECT p_context ->> 'account', stripe.word(n.value, 'id'), stripe.customer_of(n.value),
           stripe.id_or_expanded(n.value -> 'invoice', n.value, 'invoice'), stripe.currency(n.value),
           stripe.word(n.value, 'status'), stripe.amount(n.value, n.value -> 'amount', 'amount'), p.to_balance,
           p.elsewhere, p.refunded, stripe.moment_required(n.value, 'created'),
           stripe.moment(n.value, n.value -> 'voided_at', 'voided_at'), to_timestamp((p_context ->> 'read_at')::numeric)
      FROM jsonb_array_elements(p_notes) AS n
     CROSS JOIN LATERAL stripe.credit_note_parts(n.value) AS p
     ORDER BY n.value ->> 'id' COLLATE "C"
    ON CONFLICT (account, id) DO UPDATE
       SET customer = EXCLUDED.customer, invoice = EXCLUDED.invoice, currency = EXCLUDED.currency,
           status = EXCLUDED.status, amount = EXCLUDED.amount, to_balance = EXCLUDED.to_balance,
           elsewhere = EXCLUDED.elsewhere, refunded = EXCLUDED.refunded, created_at = EXCLUDED.created_at,
           voided_at = EXCLUDED.voided_at, missing_at = NULL, looked_at = EXCLUDED.looked_at;
END
$$;
RESET ROLE;
