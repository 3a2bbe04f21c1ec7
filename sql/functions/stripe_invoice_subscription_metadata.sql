-- stripe.invoice_subscription_metadata: the subscription's metadata as frozen on its invoice; {} if the invoice bills none.
--   Shapes    since 2025-03-31.basil parent.subscription_details.metadata; before, subscription_details.metadata
--   Errors    IS001 neither is there, a parent of an unknown kind, metadata that is no map
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.invoice_subscription_metadata(p_invoice jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_path text[] := CASE WHEN p_invoice ? 'parent' THEN ARRAY['parent', 'subscription_details', 'metadata']
                          ELSE ARRAY['subscription_details', 'metadata'] END;
    v_found jsonb := p_invoice #> v_path;
BEGIN
    IF stripe.invoice_subscription(p_invoice) IS NULL THEN
        RETURN '{}';
    END IF;
    CASE coalesce(jsonb_typeof(v_found), 'absent')
        WHEN 'object' THEN
            RETURN v_found;
        WHEN 'null' THEN
            RETURN '{}'; -- a draft: nothing is frozen yet
        ELSE
            PERFORM stripe.unknown_shape(p_invoice, array_to_string(v_path, '.'), v_found);
    END CASE;
END
$$;
RESET ROLE;
