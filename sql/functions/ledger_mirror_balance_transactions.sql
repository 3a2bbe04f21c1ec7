-- ledger.mirror_balance_transactions: what Stripe moved and kept for charges and disputes, where they were read with it.
--   p_charges   array of charge objects; balance_transaction may be null (not settled) or only an id (not asked for)
--   p_disputes  array of dispute objects, with balance_transactions[]
--   p_context   of ledger.apply_turn; the charges and disputes are mirrored before
--   Errors      IS001
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.mirror_balance_transactions(p_charges jsonb, p_disputes jsonb, p_context jsonb)
    RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF jsonb_array_length(p_charges) + jsonb_array_length(p_disputes) = 0 THEN
        RETURN;
    END IF;
    INSERT INTO ledger.balance_transaction AS t
        (account, id, source, customer, type, currency, amount, fee, created_at, looked_at)
    SELECT DISTINCT ON (stripe.word(n.value, 'id') COLLATE "C")
           p_context ->> 'account', stripe.word(n.value, 'id'), n.source, coalesce(c.customer, d.customer),
           n.value ->> 'type', stripe.currency(n.value), stripe.whole(n.value, n.value -> 'amount', 'amount'),
           stripe.whole(n.value, n.value -> 'fee', 'fee'), stripe.moment_required(n.value, 'created'),
           to_timestamp((p_context ->> 'read_at')::numeric)
      FROM (SELECT o.value ->> 'id' AS source, o.value -> 'balance_transaction' AS value
              FROM jsonb_array_elements(p_charges) AS o
             WHERE jsonb_typeof(o.value -> 'balance_transaction') = 'object'
            UNION ALL
            SELECT o.value ->> 'id', b.value
              FROM jsonb_array_elements(p_disputes) AS o
             CROSS JOIN LATERAL jsonb_array_elements(stripe.members(o.value, o.value -> 'balance_transactions',
                                                                    'balance_transactions')) AS b) AS n
      LEFT JOIN ledger.charge AS c ON c.account = p_context ->> 'account' AND c.id = n.source
      LEFT JOIN ledger.dispute AS d ON d.account = p_context ->> 'account' AND d.id = n.source
     ORDER BY stripe.word(n.value, 'id') COLLATE "C"
    ON CONFLICT (account, id) DO UPDATE
       SET source = EXCLUDED.source, customer = EXCLUDED.customer, type = EXCLUDED.type, currency = EXCLUDED.currency,
           amount = EXCLUDED.amount, fee = EXCLUDED.fee, created_at = EXCLUDED.created_at,
           looked_at = EXCLUDED.looked_at
     WHERE EXCLUDED.customer IS NOT NULL OR t.looked_at <= EXCLUDED.looked_at;
END
$$;
RESET ROLE;
