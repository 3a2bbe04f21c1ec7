-- stripe.invoice_paid_at: when the invoice became paid, NULL while it is not.
--   basis     NULL: as Stripe says. A paid invoice may say null: then the moment it was finalized, else that it was made
--             stands for it, and basis names which
--   Errors    IS001 status_transitions.paid_at is absent
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS stripe.invoice_paid_at(jsonb);
CREATE FUNCTION stripe.invoice_paid_at(p_invoice jsonb, OUT paid_at timestamptz, OUT basis text)
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    paid_at := stripe.moment(p_invoice, p_invoice #> '{status_transitions,paid_at}', 'status_transitions.paid_at');
    IF paid_at IS NOT NULL OR NOT stripe.invoice_is_paid(p_invoice) THEN
        RETURN;
    END IF;
    IF coalesce(jsonb_typeof(p_invoice #> '{status_transitions,finalized_at}'), 'null') <> 'null' THEN
        paid_at := stripe.moment(p_invoice, p_invoice #> '{status_transitions,finalized_at}',
                                 'status_transitions.finalized_at');
        basis := 'finalized_at';
    ELSE
        paid_at := stripe.moment_required(p_invoice, 'created');
        basis := 'created';
    END IF;
END
$$;
RESET ROLE;
