-- stripe.line_proration: whether a line of an invoice, or an invoice item, is for a part of a period, after a change.
--   Shapes    since 2025-03-31.basil parent.….proration, on an invoice item also proration; before, proration
--   Errors    IS001 as stripe.line_parent; neither true nor false
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.line_proration(p_line jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_value jsonb := coalesce(stripe.line_parent(p_line) -> 'proration', p_line -> 'proration');
BEGIN
    IF jsonb_typeof(v_value) = 'boolean' THEN
        RETURN v_value::boolean;
    END IF;
    IF v_value IS NULL AND jsonb_typeof(p_line -> 'parent') = 'null' THEN
        RETURN false;
    END IF;
    PERFORM stripe.unknown_shape(p_line, 'parent.proration', v_value);
END
$$;
RESET ROLE;
