-- stripe.charge_invoice: the invoice that a charge or payment intent itself names, NULL if none or if its version does
--   not say: then the invoice's payments do (stripe.invoice_payments).
--   Shapes    before 2025-03-31.basil, invoice; since then the field is gone
--   Errors    IS001 invoice is neither an id, an object nor null
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.charge_invoice(p_charge jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT stripe.id_or_expanded(p_charge -> 'invoice', p_charge, 'invoice')
$$;
RESET ROLE;
