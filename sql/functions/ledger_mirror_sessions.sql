-- ledger.mirror_sessions: make our picture of these Checkout sessions equal to Stripe's.
--   p_sessions  array of checkout.session objects
--   p_context   of ledger.apply_turn
--   A guest's session may get a customer and then be read in turns of both, which no fence orders: the later read counts.
--   Errors      IS001
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.mirror_sessions(p_sessions jsonb, p_context jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO ledger.checkout_session AS s
        (account, id, customer, mode, status, payment_status, currency, amount_total, discount_amount, subscription,
         invoice, payment_intent, client_reference_id, meta_user, created_at, looked_at)
    SELECT p_context ->> 'account', stripe.word(n.value, 'id'), stripe.customer_of(n.value),
           stripe.word(n.value, 'mode'), stripe.word_or_null(n.value, 'status'), stripe.word(n.value, 'payment_status'),
           -- a set-up session has neither price nor currency; the others always have
           CASE WHEN n.value ->> 'mode' <> 'setup' THEN stripe.currency(n.value) END,
           CASE WHEN n.value ->> 'mode' <> 'setup'
                THEN stripe.whole(n.value, n.value -> 'amount_total', 'amount_total') END,
           stripe.discount_amount(n.value),
           stripe.reference(n.value, 'subscription'),
           stripe.reference(n.value, 'invoice'),
           stripe.reference(n.value, 'payment_intent'),
           nullif(btrim(stripe.word_or_null(n.value, 'client_reference_id')), ''),
           stripe.metadata_user(n.value, ARRAY(SELECT jsonb_array_elements_text(p_context -> 'user_keys'))),
           stripe.moment_required(n.value, 'created'), to_timestamp((p_context ->> 'read_at')::numeric)
      FROM jsonb_array_elements(p_sessions) AS n
     ORDER BY n.value ->> 'id' COLLATE "C"
    ON CONFLICT (account, id) DO UPDATE
       SET customer = EXCLUDED.customer, mode = EXCLUDED.mode, status = EXCLUDED.status,
           payment_status = EXCLUDED.payment_status, currency = EXCLUDED.currency,
           amount_total = EXCLUDED.amount_total, discount_amount = EXCLUDED.discount_amount,
           subscription = EXCLUDED.subscription, invoice = EXCLUDED.invoice,
           payment_intent = EXCLUDED.payment_intent, client_reference_id = EXCLUDED.client_reference_id,
           meta_user = EXCLUDED.meta_user, created_at = EXCLUDED.created_at, missing_at = NULL,
           looked_at = EXCLUDED.looked_at
     WHERE EXCLUDED.customer IS NOT NULL OR s.looked_at <= EXCLUDED.looked_at;
END
$$;
RESET ROLE;
