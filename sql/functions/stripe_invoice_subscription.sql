-- stripe.invoice_subscription: the subscription that an invoice bills, NULL if none.
--   Shapes    since 2025-03-31.basil parent.subscription_details.subscription; before, subscription
--   Errors    IS001 neither is there, or a parent of an unknown kind
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.invoice_subscription(p_invoice jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_parent jsonb := p_invoice -> 'parent';
BEGIN
    CASE
        WHEN jsonb_typeof(v_parent) = 'null' THEN
            RETURN NULL;
        WHEN v_parent ->> 'type' = 'subscription_details' THEN
            IF stripe.id_or_expanded(v_parent #> '{subscription_details,subscription}', p_invoice,
                                     'parent.subscription_details.subscription') IS NULL THEN
                PERFORM stripe.unknown_shape(p_invoice, 'parent.subscription_details.subscription',
                                             v_parent #> '{subscription_details,subscription}');
            END IF;
            RETURN stripe.id_or_expanded(v_parent #> '{subscription_details,subscription}', p_invoice,
                                         'parent.subscription_details.subscription');
        WHEN v_parent ->> 'type' = 'quote_details' THEN
            RETURN NULL;
        WHEN v_parent IS NOT NULL THEN
            PERFORM stripe.unknown_shape(p_invoice, 'parent.type', v_parent -> 'type');
        WHEN p_invoice ? 'subscription' THEN
            RETURN stripe.id_or_expanded(p_invoice -> 'subscription', p_invoice, 'subscription');
        ELSE
            PERFORM stripe.unknown_shape(p_invoice, 'parent', NULL);
    END CASE;
END
$$;
RESET ROLE;
