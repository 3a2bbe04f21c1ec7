-- stripe.line_parent: what a line of an invoice, or an invoice item, says of where it comes from: an object with
-- subscription, subscription_item, proration and the like, as far as its version has them.
--   Shapes    since 2025-03-31.basil parent.{subscription_item_details, invoice_item_details, subscription_details}, whichever
--             parent.type names; parent null: nothing, {}. Before, the same fields on the line itself
--   Errors    IS001 a parent of an unknown type; neither parent nor the old fields
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.line_parent(p_line jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_type text := p_line #>> '{parent,type}';
BEGIN
    CASE
        WHEN jsonb_typeof(p_line -> 'parent') = 'null' THEN
            RETURN '{}';
        WHEN p_line ? 'parent' THEN
            IF v_type IS NULL OR v_type NOT IN ('subscription_item_details', 'invoice_item_details', 'subscription_details') THEN
                PERFORM stripe.unknown_shape(p_line, 'parent.type', p_line #> '{parent,type}');
            END IF;
            IF jsonb_typeof(p_line #> ARRAY['parent', v_type]) IS DISTINCT FROM 'object' THEN
                PERFORM stripe.unknown_shape(p_line, 'parent.' || v_type, p_line #> ARRAY['parent', v_type]);
            END IF;
            RETURN p_line #> ARRAY['parent', v_type];
        WHEN p_line ? 'proration' THEN
            RETURN p_line;
        ELSE
            PERFORM stripe.unknown_shape(p_line, 'parent', NULL);
    END CASE;
END
$$;
RESET ROLE;
