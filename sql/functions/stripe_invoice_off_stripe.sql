-- stripe.invoice_off_stripe: how much of an invoice's amount_paid was paid outside Stripe (cash, cheque, transfer).
--   Shapes    since 2026-05-27.dahlia amount_paid_off_stripe; since 2025-10-29.clover the paid payments of type
--             payment_record; since 2025-03-31.basil what no payment accounts for; before, all of a paid_out_of_band one
--   Returns   0 .. amount_paid
--   Errors    IS001 as stripe.invoice_payments
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.invoice_off_stripe(p_invoice jsonb) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_paid bigint := stripe.whole(p_invoice, p_invoice -> 'amount_paid', 'amount_paid');
    v_off numeric;
BEGIN
    IF coalesce(jsonb_typeof(p_invoice -> 'amount_paid_off_stripe'), 'null') <> 'null' THEN
        v_off := stripe.whole(p_invoice, p_invoice -> 'amount_paid_off_stripe', 'amount_paid_off_stripe');
    ELSIF v_paid > 0 THEN
        SELECT CASE WHEN bool_or(p.kind = 'payment_record') THEN sum(p.amount_paid) FILTER (WHERE p.kind = 'payment_record'
                                                                                          AND p.status = 'paid')
                    WHEN stripe.invoice_is_paid(p_invoice) AND p_invoice ? 'payments'
                    THEN v_paid - coalesce(sum(p.amount_paid) FILTER (WHERE p.status = 'paid'), 0) END
          INTO v_off
          FROM stripe.invoice_payments(p_invoice) AS p;
    END IF;
    RETURN greatest(0, least(coalesce(v_off, 0), v_paid));
END
$$;
RESET ROLE;
