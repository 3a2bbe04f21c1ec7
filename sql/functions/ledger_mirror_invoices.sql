-- ledger.mirror_invoices: make our picture of these invoices equal to Stripe's.
--   p_invoices  array of invoice objects
--   p_context   of ledger.apply_turn
--   Shapes      as the stripe.invoice_… readers
--   Errors      IS001
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.mirror_invoices(p_invoices jsonb, p_context jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO ledger.invoice AS i
        (account, id, customer, subscription, status, currency, amount_due, amount_paid, total, discount_amount,
         billing_reason, created_at, paid_at, paid_at_basis, amount_off_stripe, amount_overpaid, starting_balance,
         ending_balance, finalized_at, voided_at, uncollectible_at, looked_at)
    SELECT p_context ->> 'account', stripe.word(n.value, 'id'), stripe.customer_of(n.value),
           stripe.invoice_subscription(n.value), stripe.word_or_null(n.value, 'status'), stripe.currency(n.value),
           stripe.whole(n.value, n.value -> 'amount_due', 'amount_due'),
           stripe.whole(n.value, n.value -> 'amount_paid', 'amount_paid'),
           stripe.whole(n.value, n.value -> 'total', 'total'), stripe.discount_amount(n.value),
           stripe.word_or_null(n.value, 'billing_reason'), stripe.moment_required(n.value, 'created'), t.paid_at, t.basis,
           stripe.invoice_off_stripe(n.value), coalesce(stripe.whole_if_any(n.value, 'amount_overpaid'), 0),
           coalesce(stripe.whole_if_any(n.value, 'starting_balance'), 0), stripe.whole_if_any(n.value, 'ending_balance'),
           stripe.transition_at(n.value, 'finalized_at'), stripe.transition_at(n.value, 'voided_at'),
           stripe.transition_at(n.value, 'marked_uncollectible_at'),
           to_timestamp((p_context ->> 'read_at')::numeric)
      FROM jsonb_array_elements(p_invoices) AS n
     CROSS JOIN LATERAL stripe.invoice_paid_at(n.value) AS t
     ORDER BY n.value ->> 'id' COLLATE "C"
    ON CONFLICT (account, id) DO UPDATE
       SET customer = EXCLUDED.customer, subscription = EXCLUDED.subscription, status = EXCLUDED.status,
           currency = EXCLUDED.currency, amount_due = EXCLUDED.amount_due, amount_paid = EXCLUDED.amount_paid,
           total = EXCLUDED.total, discount_amount = EXCLUDED.discount_amount,
           billing_reason = EXCLUDED.billing_reason, created_at = EXCLUDED.created_at, paid_at = EXCLUDED.paid_at,
           paid_at_basis = EXCLUDED.paid_at_basis, amount_off_stripe = EXCLUDED.amount_off_stripe,
           amount_overpaid = EXCLUDED.amount_overpaid, starting_balance = EXCLUDED.starting_balance,
           ending_balance = EXCLUDED.ending_balance, finalized_at = EXCLUDED.finalized_at,
           -- that it was written off is a fact that stays
           voided_at = coalesce(EXCLUDED.voided_at, i.voided_at),
           uncollectible_at = coalesce(EXCLUDED.uncollectible_at, i.uncollectible_at),
           missing_at = NULL, looked_at = EXCLUDED.looked_at;
END
$$;
RESET ROLE;
