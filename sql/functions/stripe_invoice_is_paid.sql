-- stripe.invoice_is_paid: whether the invoice is settled, by a payment or out of band.
--   Shapes    status says so in every version; paid, gone since 2025-03-31.basil, is not read
--   Errors    IS001 status is absent
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.invoice_is_paid(p_invoice jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(stripe.word_or_null(p_invoice, 'status') = 'paid', false)
$$;
RESET ROLE;
