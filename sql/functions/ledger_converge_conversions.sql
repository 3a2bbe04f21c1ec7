-- ledger.converge_conversions: what became of the trials of a customer's subscriptions, one row each.
--   p_subscriptions  ids; NULL: all of the customer's
--   p_context  of ledger.apply_turn, or {}
--   Returns    [{"what", "before", "after"}]
--   converted    an invoice of the subscription was really paid since the trial began; the first such is named
--   trial        it is trialing
--   ended_unpaid canceled, incomplete_expired, unpaid or paused instead
--   awaiting_payment  none of these: it is active or past_due, and the money has not come
--   Locks      rows that change; the caller holds the customer's row
--   Source     docs/credits.md, "Trials"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.converge_conversions(p_account text, p_customer text, p_subscriptions text[],
                                                       p_context jsonb) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_changes jsonb[] := '{}';
    v record;
BEGIN
    FOR v IN
        SELECT n.*, o.state AS was, o.subscription IS NOT NULL AS known, o.invoice AS was_invoice
          FROM (SELECT s.id, u.user_id, s.trial_start, s.trial_end, i.id AS invoice, coalesce(i.amount_paid, 0) AS amount, i.currency,
                       i.paid_at, CASE WHEN i.id IS NOT NULL THEN 'converted' WHEN s.status = 'trialing' THEN 'trial'
                                       WHEN s.status IN ('canceled', 'incomplete_expired', 'unpaid', 'paused') THEN 'ended_unpaid'
                                       ELSE 'awaiting_payment' END AS state,
                       coalesce(s.ended_at, s.trial_end) AS ended_at
                  FROM ledger.subscription AS s
                  JOIN ledger.customer AS u ON u.account = s.account AND u.id = s.customer
                  LEFT JOIN LATERAL (SELECT i.* FROM ledger.invoice AS i
                                      WHERE i.account = s.account AND i.subscription = s.id AND i.status = 'paid'
                                        AND i.amount_paid > 0 AND i.paid_at >= s.trial_start
                                      ORDER BY i.paid_at, i.id COLLATE "C" LIMIT 1) AS i ON true
                 WHERE s.account = p_account AND s.customer = p_customer AND s.trial_start IS NOT NULL
                   AND s.trial_end IS NOT NULL AND (p_subscriptions IS NULL OR s.id = ANY (p_subscriptions))) AS n
          LEFT JOIN ledger.conversion AS o ON o.account = p_account AND o.subscription = n.id
         WHERE o.subscription IS NULL
            OR (o.user_id, o.state, o.trial_start, o.trial_end, o.invoice, o.amount, o.currency, o.converted_at, o.ended_at)
               IS DISTINCT FROM (n.user_id, n.state, n.trial_start, n.trial_end, n.invoice, n.amount, n.currency, n.paid_at,
                                 CASE WHEN n.state = 'ended_unpaid' THEN n.ended_at END)
         ORDER BY n.id COLLATE "C"
    LOOP
        INSERT INTO ledger.conversion AS o
            (account, subscription, customer, user_id, state, plan_key, trial_start, trial_end, invoice, amount, currency,
             converted_at, ended_at, turn)
        VALUES (p_account, v.id, p_customer, v.user_id, v.state, ledger.plan_of(p_account, v.id), v.trial_start, v.trial_end,
                v.invoice, v.amount, v.currency, v.paid_at, CASE WHEN v.state = 'ended_unpaid' THEN v.ended_at END,
                (p_context ->> 'turn')::uuid)
        ON CONFLICT (account, subscription) DO UPDATE
           SET user_id = EXCLUDED.user_id, state = EXCLUDED.state, plan_key = EXCLUDED.plan_key,
               trial_start = EXCLUDED.trial_start, trial_end = EXCLUDED.trial_end, invoice = EXCLUDED.invoice,
               amount = EXCLUDED.amount, currency = EXCLUDED.currency, converted_at = EXCLUDED.converted_at,
               ended_at = EXCLUDED.ended_at, turn = EXCLUDED.turn;
        IF v.was IS DISTINCT FROM v.state OR v.was_invoice IS DISTINCT FROM v.invoice THEN
            v_changes := array_append(v_changes, jsonb_build_object(
                'what', 'trial of ' || v.id, 'before', replace(v.was, '_', ' '),
                'after', replace(v.state, '_', ' ') || CASE WHEN v.invoice IS NOT NULL
                                                            THEN format(' by %s, %s %s', v.invoice, v.amount, v.currency) ELSE '' END));
        END IF;
    END LOOP;
    RETURN to_jsonb(v_changes);
END
$$;
RESET ROLE;
