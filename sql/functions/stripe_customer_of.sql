-- stripe.customer_of: whose object this is.
--   p_object  subscription, invoice, checkout.session, customer
--   Returns   cus_…; NULL where Stripe says null: a guest
--   Errors    IS001 the field is absent
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.customer_of(p_object jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_object ->> 'object' = 'customer' THEN
        RETURN stripe.word(p_object, 'id');
    END IF;
    IF NOT p_object ? 'customer' THEN
        PERFORM stripe.unknown_shape(p_object, 'customer', NULL);
    END IF;
    RETURN stripe.id_or_expanded(p_object -> 'customer', p_object, 'customer');
END
$$;
RESET ROLE;
