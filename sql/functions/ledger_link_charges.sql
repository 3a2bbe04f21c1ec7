-- ledger.link_charges: say whose money these charges are, and follow with their refunds and disputes.
--   p_charges   ids; their balance transactions follow too;  p_refunds  ids of refunds that the turn read, which may be of no charge
--   p_context   of ledger.apply_turn; "listed": this turn read the customer's invoices and sessions to their ends
--   A charge is the sale that names it (ledger.paper_of). One that nothing names is its own sale, if it succeeded and was
--   captured, this turn looked for papers, and it is 10 minutes older than the read: papers come after the money. A customer's
--   papers are looked for by its lists, a guest's by the intent, on the way to the charge as a subject of its own. One from the
--   future (a test clock) is as old as it will get. Until then sale is NULL: unclaimed. A paper that comes later takes over.
--   Also sets refund.state, which depends on the charge, and charge.flag.
--   Lookups are LATERAL with OFFSET 0: one by key for each id, whatever the planner believes of the tables.
--   Locks       rows of charge, refund, dispute that change, ascending
--   Source      docs/ledger.md, "Whose money a charge is"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.link_charges(p_charges text[], p_refunds text[], p_context jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_account text := p_context ->> 'account';
    v_read_at timestamptz := to_timestamp((p_context ->> 'read_at')::numeric);
    v_looked_for text := CASE WHEN (p_context -> 'listed')::boolean THEN p_context ->> 'customer' END;
    v record;
BEGIN
    FOR v IN
        SELECT n.* FROM (
            SELECT c.id, c.sale AS was,
                   coalesce(ledger.paper_of(v_account, c.id, c.payment_intent, c.invoice),
                            CASE WHEN c.sale = c.id -- claimed before: that it is not paid any more is flagged, not forgotten
                                   OR c.status = 'succeeded' AND c.captured
                                      AND (c.customer = v_looked_for OR c.id = p_context ->> 'subject')
                                      AND (c.created_at <= v_read_at - interval '10 minutes'
                                           OR c.created_at > v_read_at + interval '1 hour') THEN c.id END) AS sale
              FROM unnest(p_charges) AS g (id)
             CROSS JOIN LATERAL (SELECT c.* FROM ledger.charge AS c
                                  WHERE c.account = v_account AND c.id = g.id OFFSET 0) AS c OFFSET 0) AS n
         WHERE n.sale IS DISTINCT FROM n.was
         ORDER BY n.id COLLATE "C"
    LOOP
        UPDATE ledger.charge AS c SET sale = v.sale WHERE c.account = v_account AND c.id = v.id;
    END LOOP;
    FOR v IN
        SELECT r.id, n.sale, n.customer, n.state
          FROM (SELECT r.id FROM unnest(p_charges) AS g (id)
                 CROSS JOIN LATERAL (SELECT r.id FROM ledger.refund AS r
                                      WHERE r.account = v_account AND r.charge = g.id OFFSET 0) AS r
                UNION SELECT g.id FROM unnest(p_refunds) AS g (id)) AS g
         CROSS JOIN LATERAL (SELECT r.* FROM ledger.refund AS r WHERE r.account = v_account AND r.id = g.id OFFSET 0) AS r
          LEFT JOIN LATERAL (SELECT c.* FROM ledger.charge AS c
                              WHERE c.account = v_account AND c.id = r.charge OFFSET 0) AS c ON true
         CROSS JOIN LATERAL (
              SELECT CASE WHEN c.id IS NOT NULL THEN c.sale
                          ELSE ledger.paper_of(v_account, r.charge, r.payment_intent, NULL) END AS sale,
                     CASE WHEN c.id IS NOT NULL THEN c.customer ELSE r.customer END AS customer,
                     ledger.refund_state(r.status, r.balance_transaction IS NOT NULL, c.captured,
                                         c.amount_captured < c.amount) AS state
              OFFSET 0) AS n
         WHERE (r.sale, r.customer, r.state) IS DISTINCT FROM (n.sale, n.customer, n.state)
         ORDER BY r.id COLLATE "C"
    LOOP
        UPDATE ledger.refund AS r SET sale = v.sale, customer = v.customer, state = v.state
         WHERE r.account = v_account AND r.id = v.id;
    END LOOP;
    FOR v IN
        SELECT d.id, c.sale, c.customer
          FROM unnest(p_charges) AS g (id)
         CROSS JOIN LATERAL (SELECT d.* FROM ledger.dispute AS d
                              WHERE d.account = v_account AND d.charge = g.id OFFSET 0) AS d
         CROSS JOIN LATERAL (SELECT c.* FROM ledger.charge AS c WHERE c.account = v_account AND c.id = g.id OFFSET 0) AS c
         WHERE (d.sale, d.customer) IS DISTINCT FROM (c.sale, c.customer)
         ORDER BY d.id COLLATE "C"
    LOOP
        UPDATE ledger.dispute AS d SET sale = v.sale, customer = v.customer WHERE d.account = v_account AND d.id = v.id;
    END LOOP;
    UPDATE ledger.balance_transaction AS b SET customer = n.customer
      FROM (SELECT t.account, t.id, x.customer
              FROM (SELECT c.id, c.customer FROM unnest(p_charges) AS g (id)
                      JOIN ledger.charge AS c ON c.account = v_account AND c.id = g.id
                    UNION ALL
                    SELECT d.id, d.customer FROM unnest(p_charges) AS g (id)
                      JOIN ledger.dispute AS d ON d.account = v_account AND d.charge = g.id) AS x
              JOIN ledger.balance_transaction AS t ON t.account = v_account AND t.source = x.id
             WHERE t.customer IS DISTINCT FROM x.customer
             ORDER BY t.id COLLATE "C" FOR UPDATE OF t) AS n
     WHERE b.account = n.account AND b.id = n.id;
    FOR v IN
        SELECT c.id, c.flag
          FROM unnest(p_charges) AS g (id)
         CROSS JOIN LATERAL (
              SELECT c.id, c.flag AS was, ledger.charge_flag(c) AS flag FROM ledger.charge AS c
               WHERE c.account = v_account AND c.id = g.id
                 AND (c.flag IS NOT NULL -- a charge without refunds and disputes has no flag
                      OR EXISTS (SELECT FROM ledger.refund AS r WHERE r.account = v_account AND r.charge = g.id)
                      OR EXISTS (SELECT FROM ledger.dispute AS d WHERE d.account = v_account AND d.charge = g.id))
              OFFSET 0) AS c
         WHERE c.flag IS DISTINCT FROM c.was
         ORDER BY c.id COLLATE "C"
    LOOP
        UPDATE ledger.charge AS c SET flag = v.flag WHERE c.account = v_account AND c.id = v.id;
    END LOOP;
END
$$;
RESET ROLE;
