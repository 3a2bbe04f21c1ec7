-- stripe.first_lines: the lines of an invoice, as a JSON array: all of them, or as many as its first page has (lines.has_more).
--   Errors    IS001 no list, a member that is no object
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.first_lines(p_invoice jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_typeof(p_invoice #> '{lines,data}') IS DISTINCT FROM 'array' THEN
        PERFORM stripe.unknown_shape(p_invoice, 'lines.data', p_invoice #> '{lines,data}');
    END IF;
    IF jsonb_typeof(p_invoice #> '{lines,has_more}') IS DISTINCT FROM 'boolean' THEN
        PERFORM stripe.unknown_shape(p_invoice, 'lines.has_more', p_invoice #> '{lines,has_more}');
    END IF;
    RETURN stripe.members(p_invoice, p_invoice #> '{lines,data}', 'lines.data');
END
$$;
RESET ROLE;
