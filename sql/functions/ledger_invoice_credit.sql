-- ledger.invoice_credit: what an invoice did to its customer's balance, in favour of the customer: more than 0 it left
--   credit (a negative invoice, an overpaid one), less than 0 it was settled from credit. 0 while it is a draft, and void.
--   Source  docs/ledger.md, "Customers' credit"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.invoice_credit(p_invoice ledger.invoice) RETURNS bigint
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_invoice.status IN ('draft', 'void') OR p_invoice.status IS NULL THEN 0
                ELSE p_invoice.amount_overpaid
                     - CASE WHEN p_invoice.ending_balance IS NULL THEN 0
                            ELSE p_invoice.ending_balance - p_invoice.starting_balance END END
$$;
RESET ROLE;
