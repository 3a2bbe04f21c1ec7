-- ledger.mirror_charges: make our picture of these charges equal to Stripe's.
--   p_charges  array of charge objects;  p_refunds  refund objects of the same turn that were read by themselves
--   p_context  of ledger.apply_turn
--   A guest's charge may be read in turns of several subjects, which no fence orders: the later read counts.
--   Errors     IS001; also a charge that was refunded and does not say by which refunds
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.mirror_charges(p_charges jsonb, p_refunds jsonb, p_context jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_charge jsonb;
BEGIN
    IF jsonb_array_length(p_charges) = 0 THEN
        RETURN;
    END IF;
    SELECT n.value INTO v_charge
      FROM jsonb_array_elements(p_charges) AS n
     WHERE n.value ->> 'amount_refunded' <> '0' AND jsonb_typeof(n.value -> 'refunds') IS DISTINCT FROM 'object'
       AND NOT EXISTS (SELECT FROM jsonb_array_elements(p_refunds) AS r
                        WHERE stripe.id_or_expanded(r.value -> 'charge', r.value, 'charge') = n.value ->> 'id')
     LIMIT 1;
    IF FOUND THEN
        PERFORM stripe.unknown_shape(v_charge, 'refunds', v_charge -> 'refunds');
    END IF;
    INSERT INTO ledger.charge AS c
        (account, id, customer, status, captured, currency, amount, amount_captured, amount_refunded, disputed,
         payment_intent, invoice, balance_transaction, created_at, looked_at)
    SELECT p_context ->> 'account', stripe.word(n.value, 'id'), stripe.customer_of(n.value),
           stripe.word(n.value, 'status'), stripe.yes(n.value, 'captured'), stripe.currency(n.value),
           stripe.whole(n.value, n.value -> 'amount', 'amount'),
           stripe.whole(n.value, n.value -> 'amount_captured', 'amount_captured'),
           stripe.whole(n.value, n.value -> 'amount_refunded', 'amount_refunded'), stripe.yes(n.value, 'disputed'),
           stripe.id_or_expanded(n.value -> 'payment_intent', n.value, 'payment_intent'),
           stripe.charge_invoice(n.value),
           stripe.id_or_expanded(n.value -> 'balance_transaction', n.value, 'balance_transaction'),
           stripe.moment_required(n.value, 'created'), to_timestamp((p_context ->> 'read_at')::numeric)
      FROM jsonb_array_elements(p_charges) AS n
     ORDER BY n.value ->> 'id' COLLATE "C"
    ON CONFLICT (account, id) DO UPDATE
       SET customer = EXCLUDED.customer, status = EXCLUDED.status, captured = EXCLUDED.captured,
           currency = EXCLUDED.currency, amount = EXCLUDED.amount, amount_captured = EXCLUDED.amount_captured,
           amount_refunded = EXCLUDED.amount_refunded, disputed = EXCLUDED.disputed,
           payment_intent = EXCLUDED.payment_intent, invoice = coalesce(EXCLUDED.invoice, c.invoice),
           balance_transaction = EXCLUDED.balance_transaction, created_at = EXCLUDED.created_at, missing_at = NULL,
           looked_at = EXCLUDED.looked_at
     WHERE EXCLUDED.customer IS NOT NULL OR c.looked_at <= EXCLUDED.looked_at;
END
$$;
RESET ROLE;
