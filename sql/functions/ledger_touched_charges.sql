-- ledger.touched_charges: the charges about which a turn may have learned something.
--   p_charges, p_refunds, p_disputes, p_invoices, p_sessions  ids of what the turn read
--   Those themselves, those that the refunds and disputes are of, and those that an invoice or session names, now or before.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.touched_charges(p_account text, p_charges text[], p_refunds text[], p_disputes text[],
                                                  p_invoices text[], p_sessions text[]) RETURNS text[]
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
    WITH session AS (
        SELECT s.payment_intent, s.invoice FROM ledger.checkout_session AS s
         WHERE s.account = p_account AND s.id = ANY (p_sessions) AND s.mode = 'payment'
    ), invoice AS (
        SELECT i.id FROM unnest(p_invoices) AS i (id)
        UNION SELECT s.invoice FROM session AS s WHERE s.invoice IS NOT NULL
    ), payment AS (
        SELECT p.payment_intent, p.charge FROM invoice AS i
          CROSS JOIN LATERAL (SELECT p.payment_intent, p.charge FROM ledger.invoice_payment AS p
                              WHERE p.account = p_account AND p.invoice = i.id OFFSET 0) AS p
        UNION SELECT s.payment_intent, NULL FROM session AS s
    )
    SELECT coalesce(array_agg(t.id ORDER BY t.id COLLATE "C"), '{}')
      FROM (SELECT c.id FROM unnest(p_charges) AS c (id)
            UNION
            SELECT r.charge FROM unnest(p_refunds) AS n (id)
              CROSS JOIN LATERAL (SELECT r.charge FROM ledger.refund AS r
                                  WHERE r.account = p_account AND r.id = n.id OFFSET 0) AS r
            UNION
            SELECT d.charge FROM unnest(p_disputes) AS n (id)
              CROSS JOIN LATERAL (SELECT d.charge FROM ledger.dispute AS d
                                  WHERE d.account = p_account AND d.id = n.id OFFSET 0) AS d
            UNION
            SELECT c.id FROM payment AS p
              CROSS JOIN LATERAL (SELECT c.id FROM ledger.charge AS c
                                  WHERE c.account = p_account AND c.payment_intent = p.payment_intent OFFSET 0) AS c
            UNION
            SELECT p.charge FROM payment AS p
            UNION
            SELECT c.id FROM invoice AS i
             CROSS JOIN LATERAL (SELECT c.id FROM ledger.charge AS c
                                  WHERE c.account = p_account AND c.invoice = i.id OFFSET 0) AS c) AS t
     WHERE t.id IS NOT NULL);
END
$$;
RESET ROLE;
