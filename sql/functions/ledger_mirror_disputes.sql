-- ledger.mirror_disputes: make our picture of these disputes equal to Stripe's. Their charges are mirrored before.
--   p_disputes  array of dispute objects
--   p_context   of ledger.apply_turn
--   Whose they are is what their charge says, else whose turn it is: a dispute does not.
--   The money: a negative balance transaction took it; a positive one after the last of these gave it back.
--   Errors      IS001
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.mirror_disputes(p_disputes jsonb, p_context jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF jsonb_array_length(p_disputes) = 0 THEN
        RETURN;
    END IF;
    INSERT INTO ledger.dispute AS d
        (account, id, customer, charge, payment_intent, currency, amount, status, reason, withdrawn_at, reinstated_at,
         state, created_at, looked_at)
    SELECT p_context ->> 'account', n.id, CASE WHEN c.id IS NOT NULL THEN c.customer ELSE p_context ->> 'customer' END,
           n.charge, stripe.id_or_expanded(n.value -> 'payment_intent', n.value, 'payment_intent'),
           stripe.currency(n.value), stripe.amount(n.value, n.value -> 'amount', 'amount'),
           stripe.word(n.value, 'status'), n.value ->> 'reason', m.withdrawn_at, m.reinstated_at,
           ledger.dispute_state(stripe.word(n.value, 'status'), m.withdrawn_at IS NOT NULL, m.reinstated_at IS NOT NULL),
           stripe.moment_required(n.value, 'created'), to_timestamp((p_context ->> 'read_at')::numeric)
      FROM (SELECT stripe.word(o.value, 'id') AS id, o.value,
                   stripe.id_or_expanded(o.value -> 'charge', o.value, 'charge') AS charge
              FROM jsonb_array_elements(p_disputes) AS o) AS n
     CROSS JOIN LATERAL (
          SELECT min(x.at) FILTER (WHERE x.amount < 0) AS withdrawn_at,
                 CASE WHEN (array_agg(x.amount ORDER BY x.at DESC, x.amount DESC))[1] > 0 AND min(x.amount) < 0
                      THEN max(x.at) END AS reinstated_at
            FROM (SELECT stripe.moment_required(b.value, 'created') AS at,
                         stripe.whole(b.value, b.value -> 'amount', 'amount') AS amount
                    FROM jsonb_array_elements(stripe.members(n.value, n.value -> 'balance_transactions',
                                                             'balance_transactions')) AS b) AS x
           WHERE x.amount <> 0) AS m
      LEFT JOIN ledger.charge AS c ON c.account = p_context ->> 'account' AND c.id = n.charge
     ORDER BY n.id COLLATE "C"
    ON CONFLICT (account, id) DO UPDATE
       SET customer = EXCLUDED.customer, charge = EXCLUDED.charge, payment_intent = EXCLUDED.payment_intent,
           currency = EXCLUDED.currency, amount = EXCLUDED.amount, status = EXCLUDED.status, reason = EXCLUDED.reason,
           withdrawn_at = EXCLUDED.withdrawn_at, reinstated_at = EXCLUDED.reinstated_at, state = EXCLUDED.state,
           created_at = EXCLUDED.created_at, missing_at = NULL, looked_at = EXCLUDED.looked_at
     WHERE EXCLUDED.customer IS NOT NULL OR d.looked_at <= EXCLUDED.looked_at;
END
$$;
RESET ROLE;
