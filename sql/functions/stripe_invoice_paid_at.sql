-- stripe.invoice_paid_at: when the invoice became paid, NULL while it is not.
--   Errors    IS001 status_transitions.paid_at is absent, or null on a paid invoice
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.invoice_paid_at(p_invoice jsonb) RETURNS timestamptz
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_at timestamptz := stripe.moment(p_invoice, p_invoice #> '{status_transitions,paid_at}',
                                      'status_transitions.paid_at');
BEGIN
    IF v_at IS NULL AND stripe.invoice_is_paid(p_invoice) THEN
        PERFORM stripe.unknown_shape(p_invoice, 'status_transitions.paid_at',
                                     p_invoice #> '{status_transitions,paid_at}');
    END IF;
    RETURN v_at;
END
$$;
RESET ROLE;
