-- stripe.customer_of: whose object this is.
--   Returns   cus_…; NULL where Stripe says null (a guest, a promotion code for anybody) and for the kinds that name nobody
--   Shapes    refund.customer exists since 2026-07-29.dahlia; dispute, invoice_payment and the catalogue never had it.
--             Everywhere else the field is there in every version
--   Errors    IS001 the field is absent where it is due
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.customer_of(p_object jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_object ->> 'object' = 'customer' THEN
        RETURN stripe.word(p_object, 'id');
    END IF;
    IF NOT p_object ? 'customer' AND coalesce(p_object ->> 'object', '') NOT IN
        ('refund', 'dispute', 'invoice_payment', 'radar.early_fraud_warning', 'review', 'subscription_item',
         'balance_transaction', 'product', 'price', 'plan', 'coupon') THEN
        PERFORM stripe.unknown_shape(p_object, 'customer', NULL);
    END IF;
    RETURN stripe.id_or_expanded(p_object -> 'customer', p_object, 'customer');
END
$$;
RESET ROLE;
