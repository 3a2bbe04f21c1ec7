-- stripe.invoice_payments: the payments of an invoice, made or tried: the only link between it and its money.
--   Shapes    since 2025-03-31.basil payments.data[] (asked for by expansion); before, payment_intent, charge and
--             paid_out_of_band: there is at most one payment then, id is the invoice's own, and what was paid out of band
--             is told as a payment_record beside the canceled intent, as later versions do
--   Returns   id              inpay_…, or the invoice's own
--             kind            payment_intent, charge, payment_record
--             payment_intent, charge, payment_record  the one that kind names; others NULL, except the charge of old shapes
--             status          open, paid, canceled, or what Stripe will think of
--             amount_paid     0 while nothing is
--   Errors    IS001 not expanded, only the first page, a payment of an unknown kind
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.invoice_payments(p_invoice jsonb)
    RETURNS TABLE (id text, kind text, payment_intent text, charge text, payment_record text, status text,
                   amount_paid bigint)
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_payment jsonb;
    v_out boolean;
    v_paid boolean;
BEGIN
    IF p_invoice ? 'payments' THEN
        FOR v_payment IN SELECT m.value
                           FROM jsonb_array_elements(stripe.whole_list(p_invoice, p_invoice -> 'payments', 'payments')) AS m
        LOOP
            id := stripe.word(v_payment, 'id');
            kind := v_payment #>> '{payment,type}';
            IF kind IS NULL OR kind NOT IN ('payment_intent', 'charge', 'payment_record') THEN
                PERFORM stripe.unknown_shape(v_payment, 'payment.type', v_payment #> '{payment,type}');
            END IF;
            IF stripe.id_or_expanded(v_payment #> ARRAY['payment', kind], v_payment, 'payment.' || kind) IS NULL THEN
                PERFORM stripe.unknown_shape(v_payment, 'payment.' || kind, v_payment #> ARRAY['payment', kind]);
            END IF;
            payment_intent := stripe.id_or_expanded(v_payment #> '{payment,payment_intent}', v_payment,
                                                    'payment.payment_intent');
            charge := stripe.id_or_expanded(v_payment #> '{payment,charge}', v_payment, 'payment.charge');
            payment_record := stripe.id_or_expanded(v_payment #> '{payment,payment_record}', v_payment,
                                                    'payment.payment_record');
            status := stripe.word(v_payment, 'status');
            amount_paid := stripe.whole_or_zero(v_payment, v_payment -> 'amount_paid', 'amount_paid');
            RETURN NEXT;
        END LOOP;
        RETURN;
    END IF;
    IF NOT p_invoice ? 'payment_intent' AND NOT p_invoice ? 'charge' THEN
        PERFORM stripe.unknown_shape(p_invoice, 'payments', NULL);
    END IF;
    id := stripe.word(p_invoice, 'id');
    v_paid := stripe.invoice_is_paid(p_invoice);
    v_out := p_invoice ? 'paid_out_of_band' AND stripe.yes(p_invoice, 'paid_out_of_band');
    payment_intent := stripe.id_or_expanded(p_invoice -> 'payment_intent', p_invoice, 'payment_intent');
    charge := stripe.id_or_expanded(p_invoice -> 'charge', p_invoice, 'charge');
    IF payment_intent IS NOT NULL OR charge IS NOT NULL THEN
        kind := CASE WHEN payment_intent IS NULL THEN 'charge' ELSE 'payment_intent' END;
        status := CASE WHEN v_out THEN 'canceled' WHEN v_paid THEN 'paid' ELSE 'open' END;
        amount_paid := CASE WHEN v_paid AND NOT v_out
                            THEN stripe.whole(p_invoice, p_invoice -> 'amount_paid', 'amount_paid') ELSE 0 END;
        RETURN NEXT;
    END IF;
    IF v_out THEN
        kind := 'payment_record';
        payment_intent := NULL;
        charge := NULL;
        status := 'paid';
        amount_paid := stripe.whole(p_invoice, p_invoice -> 'amount_paid', 'amount_paid');
        RETURN NEXT;
    END IF;
END
$$;
RESET ROLE;
