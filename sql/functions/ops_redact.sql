-- ops.redact: the same value, with what fields of these names hold hidden, at any depth.
--   p_fields  names of fields in lower case; null stays null, everything else becomes "[redacted]"
--   The name of a product, price, plan or coupon is nobody's and stays.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.redact(p_value jsonb, p_fields text[]) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_fields text[] := p_fields;
BEGIN
    IF jsonb_typeof(p_value) = 'array' THEN
        RETURN (SELECT coalesce(jsonb_agg(ops.redact(a.value, p_fields) ORDER BY a.place), '[]')
                  FROM jsonb_array_elements(p_value) WITH ORDINALITY AS a (value, place));
    ELSIF jsonb_typeof(p_value) <> 'object' THEN
        RETURN p_value;
    END IF;
    IF p_value ->> 'object' IN ('product', 'price', 'plan', 'coupon') THEN
        v_fields := array_remove(v_fields, 'name');
    END IF;
    RETURN (SELECT coalesce(jsonb_object_agg(o.key, CASE
                       WHEN o.value = 'null' THEN o.value
                       WHEN lower(o.key) = ANY (v_fields) THEN '"[redacted]"'::jsonb
                       ELSE ops.redact(o.value, p_fields) END), '{}')
              FROM jsonb_each(p_value) AS o);
END
$$;
RESET ROLE;
