-- ledger.flag_unpaid: booked sales whose invoice, session or charge is not paid any more, which should not happen: a person should look.
--   The ledger does not take the sale back: that Stripe does not show a payment is not the fact that it was returned.
--   Returns  [{"what", "before", "after"}] of those that were not flagged so before
--   Locks    the caller holds customer and user; sale rows, ascending
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.flag_unpaid(text[], text[], jsonb);
CREATE OR REPLACE FUNCTION ledger.flag_unpaid(p_invoices text[], p_sessions text[], p_charges text[], p_context jsonb)
    RETURNS jsonb[]
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_account text := p_context ->> 'account';
    v_turn uuid := (p_context ->> 'turn')::uuid;
    v_changes jsonb[] := '{}';
    v record;
BEGIN
    FOR v IN
        SELECT s.source, s.amount || ' ' || s.currency AS was, 'no longer paid: ' || coalesce(i.status, 'no status') AS flag
          FROM (SELECT DISTINCT g.id FROM unnest(p_invoices) AS g (id)) AS g
         CROSS JOIN LATERAL (SELECT i.* FROM ledger.invoice AS i WHERE i.account = v_account AND i.id = g.id OFFSET 0) AS i
         CROSS JOIN LATERAL (SELECT s.* FROM ledger.sale AS s WHERE s.account = v_account AND s.source = g.id OFFSET 0) AS s
         WHERE i.status IS DISTINCT FROM 'paid'
           AND s.state = 'booked' AND s.flag IS DISTINCT FROM 'no longer paid: ' || coalesce(i.status, 'no status')
        UNION ALL
        SELECT s.source, s.amount || ' ' || s.currency, 'no longer paid: ' || c.payment_status
          FROM unnest(p_sessions) AS g (id)
         CROSS JOIN LATERAL (SELECT c.* FROM ledger.checkout_session AS c
                              WHERE c.account = v_account AND c.id = g.id OFFSET 0) AS c
         CROSS JOIN LATERAL (SELECT s.* FROM ledger.sale AS s WHERE s.account = v_account AND s.source = g.id OFFSET 0) AS s
         WHERE c.payment_status <> 'paid'
           AND s.flag IS DISTINCT FROM 'no longer paid: ' || c.payment_status
        UNION ALL
        SELECT s.source, s.amount || ' ' || s.currency, 'no longer paid: ' || c.status
          FROM unnest(p_charges) AS g (id)
         CROSS JOIN LATERAL (SELECT c.* FROM ledger.charge AS c WHERE c.account = v_account AND c.id = g.id OFFSET 0) AS c
         CROSS JOIN LATERAL (SELECT s.* FROM ledger.sale AS s WHERE s.account = v_account AND s.source = g.id OFFSET 0) AS s
         WHERE c.status <> 'succeeded'
           AND s.state = 'booked' AND s.flag IS DISTINCT FROM 'no longer paid: ' || c.status
         ORDER BY 1
    LOOP
        UPDATE ledger.sale AS s SET flag = v.flag, turn = v_turn WHERE s.account = v_account AND s.source = v.source;
        v_changes := array_append(v_changes, jsonb_build_object('what', 'sale ' || v.source, 'before', v.was,
                                                                'after', v.was || ', ' || v.flag));
    END LOOP;
    RETURN v_changes;
END
$$;
RESET ROLE;
