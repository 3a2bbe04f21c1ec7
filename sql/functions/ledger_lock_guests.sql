-- ledger.lock_guests: one turn at a time about a guest's payment.
--   A customer's objects are protected by the customer's row. A guest's session and charge are subjects of their own, and the
--   turns of both may read both: without this, one that sees the charge and one that sees the session, at the same moment, would
--   each book the money as a sale, or wait for each other's rows.
--   p_objects  as ledger.sort_objects returns;  p_kind  of the subject: customer or object
--   Locks      advisory, until the end of the transaction: one for each payment intent and charge that an object without
--              customer is or names, ascending. Taken after the subject's row and before everything else.
--              Two that share a lock by chance only wait.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.lock_guests(p_account text, p_objects jsonb, p_kind text) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_lock bigint;
BEGIN
    FOR v_lock IN
        SELECT DISTINCT hashtextextended('guest ' || p_account || ' ' || n.id, 0) AS lock
          FROM unnest(ARRAY['charge', 'checkout.session', 'refund', 'dispute']) AS k (kind)
         CROSS JOIN LATERAL jsonb_array_elements(p_objects -> k.kind) AS o
         CROSS JOIN LATERAL (VALUES (stripe.id_or_expanded(o.value -> 'payment_intent', o.value, 'payment_intent')),
                                    (CASE k.kind WHEN 'charge' THEN o.value ->> 'id' WHEN 'checkout.session' THEN NULL
                                          ELSE stripe.id_or_expanded(o.value -> 'charge', o.value, 'charge') END)) AS n (id)
         -- refunds and disputes need not say whose they are: a customer's turn is protected by the customer
         WHERE n.id IS NOT NULL AND stripe.customer_of(o.value) IS NULL
           AND (p_kind <> 'customer' OR k.kind IN ('charge', 'checkout.session'))
         ORDER BY lock
    LOOP
        PERFORM pg_advisory_xact_lock(v_lock);
    END LOOP;
END
$$;
RESET ROLE;
