-- stripe.credit_note_parts: where the money of a credit note went, in minor units.
--   to_balance  to the customer's balance
--   elsewhere   given back outside Stripe: out_of_band_amount, and refunds of payment records
--   refunded    by refunds, which book themselves
--   What was taken off an unpaid invoice (pre-payment) is none of the three. status is not looked at: void counts for the caller.
--   Shapes    since 2025-03-31.basil refunds[]; before, refund, whose amount is in it if it is expanded, else what is left.
--             post_payment_amount; where a version lacks it, type says whether it is all or nothing of amount
--   Errors    IS001 none of these, a refund of an unknown type, more given back than credited
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.credit_note_parts(p_note jsonb, OUT to_balance bigint, OUT elsewhere bigint,
                                                    OUT refunded bigint)
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_after bigint;  -- credited after payment
    v_out bigint := stripe.whole_or_zero(p_note, p_note -> 'out_of_band_amount', 'out_of_band_amount');
    v_records bigint := 0;
    v_balance text;
    v_refund jsonb;
    v_amount bigint;
BEGIN
    refunded := 0;
    IF NOT p_note ? 'customer_balance_transaction' THEN
        PERFORM stripe.unknown_shape(p_note, 'customer_balance_transaction', NULL);
    END IF;
    v_balance := stripe.id_or_expanded(p_note -> 'customer_balance_transaction', p_note, 'customer_balance_transaction');
    CASE
        WHEN p_note ? 'post_payment_amount' THEN
            v_after := stripe.whole(p_note, p_note -> 'post_payment_amount', 'post_payment_amount');
        WHEN p_note ->> 'type' = 'post_payment' THEN
            v_after := stripe.whole(p_note, p_note -> 'amount', 'amount');
        WHEN p_note ->> 'type' = 'pre_payment' THEN
            v_after := 0;
        ELSE
            PERFORM stripe.unknown_shape(p_note, 'post_payment_amount', NULL);
    END CASE;
    IF p_note ? 'refunds' THEN
        FOR v_refund IN SELECT m.value FROM jsonb_array_elements(stripe.members(p_note, p_note -> 'refunds', 'refunds')) AS m
        LOOP
            v_amount := stripe.whole(p_note, v_refund -> 'amount_refunded', 'refunds[].amount_refunded');
            CASE
                WHEN v_refund ->> 'type' = 'payment_record_refund' THEN
                    v_records := v_records + v_amount;
                WHEN v_refund ->> 'type' = 'refund'
                    OR coalesce(jsonb_typeof(v_refund -> 'type'), 'null') = 'null' AND v_refund ? 'refund' THEN
                    refunded := refunded + v_amount;
                ELSE
                    PERFORM stripe.unknown_shape(p_note, 'refunds[].type', v_refund -> 'type');
            END CASE;
        END LOOP;
        to_balance := CASE WHEN v_balance IS NULL THEN 0 ELSE v_after - refunded - v_records - v_out END;
    ELSIF p_note ? 'refund' THEN
        CASE
            WHEN p_note #> '{customer_balance_transaction,amount}' IS NOT NULL THEN -- what it says is exact
                refunded := v_after - v_out + stripe.whole(p_note, p_note #> '{customer_balance_transaction,amount}',
                                                           'customer_balance_transaction.amount');
            WHEN stripe.id_or_expanded(p_note -> 'refund', p_note, 'refund') IS NULL THEN
                refunded := 0;
            WHEN p_note #> '{refund,amount}' IS NOT NULL THEN
                refunded := stripe.whole(p_note, p_note #> '{refund,amount}', 'refund.amount');
            WHEN v_balance IS NULL THEN
                refunded := v_after - v_out;
            ELSE
                PERFORM stripe.unknown_shape(p_note, 'refund.amount', NULL);
        END CASE;
        to_balance := CASE WHEN v_balance IS NULL THEN 0 ELSE v_after - refunded - v_out END;
    ELSE
        PERFORM stripe.unknown_shape(p_note, 'refunds', NULL);
    END IF;
    IF to_balance < 0 THEN
        PERFORM stripe.unknown_shape(p_note, 'post_payment_amount', to_jsonb(v_after));
    END IF;
    elsewhere := v_out + v_records;
END
$$;
RESET ROLE;
