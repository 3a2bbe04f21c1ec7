-- ledger.mirror_refunds: make our picture of these refunds equal to Stripe's. Their charges are mirrored before.
--   p_refunds  array of refund objects; the same one twice: the last counts
--   p_context  of ledger.apply_turn
--   Whose they are is what their charge says, else the refund itself (since 2026-07-29.dahlia), else whose turn it is.
--   state and sale are made right by ledger.link_charges.
--   Errors     IS001
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.mirror_refunds(p_refunds jsonb, p_context jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF jsonb_array_length(p_refunds) = 0 THEN
        RETURN;
    END IF;
    INSERT INTO ledger.refund AS r
        (account, id, customer, charge, payment_intent, currency, amount, status, balance_transaction, state,
         created_at, looked_at)
    SELECT p_context ->> 'account', n.id,
           CASE WHEN c.id IS NOT NULL THEN c.customer
                ELSE coalesce(stripe.customer_of(n.value), p_context ->> 'customer') END,
           n.charge, stripe.id_or_expanded(n.value -> 'payment_intent', n.value, 'payment_intent'),
           stripe.currency(n.value), stripe.amount(n.value, n.value -> 'amount', 'amount'),
           stripe.word_or_null(n.value, 'status'),
           stripe.id_or_expanded(n.value -> 'balance_transaction', n.value, 'balance_transaction'),
           'none', stripe.moment_required(n.value, 'created'), to_timestamp((p_context ->> 'read_at')::numeric)
      FROM (SELECT DISTINCT ON (stripe.word(o.value, 'id') COLLATE "C") stripe.word(o.value, 'id') AS id, o.value,
                   stripe.id_or_expanded(o.value -> 'charge', o.value, 'charge') AS charge
              FROM jsonb_array_elements(p_refunds) WITH ORDINALITY AS o (value, place)
             ORDER BY stripe.word(o.value, 'id') COLLATE "C", o.place DESC) AS n
      LEFT JOIN ledger.charge AS c ON c.account = p_context ->> 'account' AND c.id = n.charge
     ORDER BY n.id COLLATE "C"
    ON CONFLICT (account, id) DO UPDATE
       SET customer = EXCLUDED.customer, charge = EXCLUDED.charge, payment_intent = EXCLUDED.payment_intent,
           currency = EXCLUDED.currency, amount = EXCLUDED.amount, status = EXCLUDED.status,
           balance_transaction = EXCLUDED.balance_transaction, created_at = EXCLUDED.created_at, missing_at = NULL,
           looked_at = EXCLUDED.looked_at
     WHERE EXCLUDED.customer IS NOT NULL OR r.looked_at <= EXCLUDED.looked_at;
END
$$;
RESET ROLE;
