-- ledger.paper_of: the sale whose money a charge is, by what names it: an invoice or a session. NULL: nothing does.
--   p_charge, p_payment_intent  either may be NULL;  p_invoice  what an old charge says of itself
--   An invoice names its money by its payments, paid ones first; a session in payment mode by its payment intent.
--   A canceled payment is none: if its money came all the same, the invoice does not count it.
--   If a session in payment mode names the invoice, the session is the sale, unless it is unpaid: then nothing of the invoice
--   is the session's.
--   Source  docs/ledger.md, "Whose money a charge is"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.paper_of(p_account text, p_charge text, p_payment_intent text, p_invoice text)
    RETURNS text
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
    SELECT coalesce(
        (SELECT coalesce((SELECT s.id FROM ledger.checkout_session AS s
                           WHERE s.account = p_account AND s.invoice = n.invoice AND s.mode = 'payment'
                             AND s.payment_status <> 'unpaid'
                           ORDER BY s.id COLLATE "C" LIMIT 1), n.invoice)
           FROM (SELECT p.invoice, p.status FROM ledger.invoice_payment AS p
                  WHERE p.account = p_account AND p.payment_intent = p_payment_intent AND p.status <> 'canceled'
                 UNION ALL
                 SELECT p.invoice, p.status FROM ledger.invoice_payment AS p
                  WHERE p.account = p_account AND p.charge = p_charge AND p.status <> 'canceled'
                 UNION ALL
                 SELECT p_invoice, 'named' WHERE p_invoice IS NOT NULL) AS n
          ORDER BY n.status <> 'paid', n.invoice COLLATE "C" LIMIT 1),
        (SELECT s.id FROM ledger.checkout_session AS s
          WHERE s.account = p_account AND s.payment_intent = p_payment_intent AND s.mode = 'payment'
          ORDER BY s.id COLLATE "C" LIMIT 1)));
END
$$;
RESET ROLE;
